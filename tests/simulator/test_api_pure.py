"""The parts of the API that only compute: selectors, patches, apply, schemas, decoding, tables."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver import apply, certificates, paging, patches, schemas, tables, typed
from chaoskit.simulator.apiserver.apierrors import Refusal
from chaoskit.simulator.apiserver.requests import Route, route_of
from chaoskit.simulator.quantities import binary, parse


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", ["a", "b", "bare", "none"]),
        ("app=a", ["a"]),
        ("app!=a", ["b", "bare", "none"]),
        ("app in (a, b),tier", ["a"]),
        ("app notin (a)", ["b", "bare", "none"]),
        ("!app", ["bare", "none"]),
        ("app=", []),
        ("tier in (,x)", ["a", "bare"]),
        ("tier in ()", ["bare"]),
    ],
)
def test_a_label_selector_selects(text: str, selected: list[str]) -> None:
    labels: dict[str, dict[str, str]] = {
        "a": {"app": "a", "tier": "x"}, "b": {"app": "b"}, "bare": {"tier": ""}, "none": {},
    }  # fmt: skip
    assert [name for name, given in labels.items() if selectors.labels(text)(given)] == selected


@pytest.mark.parametrize("text", ["app in a", "app in (a", "=a", "app=a,", "a b", "app in"])
def test_a_malformed_label_selector_is_refused(text: str) -> None:
    with pytest.raises(selectors.Malformed):
        selectors.labels(text)


def test_a_label_selector_object_selects_as_its_text_does() -> None:
    selector = {
        "matchLabels": {"app": "a"},
        "matchExpressions": [
            {"key": "tier", "operator": "NotIn", "values": ["x"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    assert selectors.text_of(selector) == "app=a,tier notin (x),!old"
    assert selectors.of(selector)({"app": "a"})
    assert not selectors.of(selector)({"app": "a", "tier": "x"})
    assert not selectors.of(None)({})


@pytest.mark.parametrize("values", [[""], ["", "x"], ["x", ""]])
def test_an_empty_value_is_one_of_those_that_an_expression_may_name(values: list[str]) -> None:
    selector = {"matchExpressions": [{"key": "tier", "operator": "In", "values": values}]}
    for selects in (selectors.of(selector), selectors.labels(selectors.text_of(selector))):
        assert selects({"tier": ""})
        assert selects({"tier": "x"}) is ("x" in values)
        assert not selects({})


def test_a_strategic_merge_patch_merges_by_key_orders_and_deletes() -> None:
    old: dict[str, Any] = {
        "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}],
        "finalizers": ["x"],
    }
    patch = {
        "containers": [{"name": "b", "image": "2"}, {"name": "c"}, {"name": "a", "$patch": "delete"}],
        "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}],
        "$deleteFromPrimitiveList/finalizers": ["x"],
        "finalizers": ["y"],
    }
    assert patches.strategic(old, patch) == {
        "containers": [{"name": "c"}, {"name": "b", "image": "2"}],
        "finalizers": ["y"],
    }
    assert old["containers"][1] == {"name": "b", "image": "1"}


def test_retained_keys_and_replacement_drop_the_rest() -> None:
    assert patches.strategic({"type": "a", "rollingUpdate": {}}, {"$retainKeys": ["type"], "type": "b"}) == {
        "type": "b"
    }
    assert patches.strategic({"a": {"x": 1}}, {"a": {"$patch": "replace", "y": 2}}) == {"a": {"y": 2}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "replace", "path": "/list/7", "value": 1},
        {"op": "add", "path": "/list/7", "value": 1},
        {"op": "dance", "path": "/a", "from": "/a"},
        {"path": "/a"},
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused_whole(operation: dict[str, Any]) -> None:
    document = {"a": 1, "list": [1]}
    with pytest.raises(patches.DoesNotFit):
        patches.json_patch(document, [{"op": "add", "path": "/b", "value": 1}, operation])
    assert document == {"a": 1, "list": [1]}


def test_a_json_patch_moves_copies_and_inserts() -> None:
    operations: list[dict[str, Any]] = [
        {"op": "move", "from": "/a", "path": "/b"},
        {"op": "copy", "from": "/b", "path": "/list/0"},
        {"op": "add", "path": "/list/-", "value": "~"},
        {"op": "add", "path": "/with~1slash", "value": True},
    ]
    patched = patches.json_patch({"a": 1, "list": [2]}, operations)
    assert patched == {"b": 1, "list": [1, 2, "~"], "with/slash": True}


def applied(live: dict[str, Any] | None, manager: str, *, force: bool = False, **body: Any) -> dict[str, Any]:
    return apply.apply(live, {"metadata": {"name": "x"}, **body}, manager, "now", force=force)


def test_an_apply_removes_what_its_manager_applied_no_longer_and_nobody_else_owns() -> None:
    first = applied(None, "alice", data={"a": "1", "b": "1"}, list=["x"])
    both = applied(first, "bob", data={"b": "1"})
    after = applied(both, "alice", list=["x"])
    assert after["data"] == {"b": "1"}
    assert set(apply.owners(after["metadata"])) == {("alice", "Apply", ""), ("bob", "Apply", "")}


def test_an_apply_of_keyed_list_elements_leaves_the_others_alone() -> None:
    first = applied(None, "alice", spec={"containers": [{"name": "a", "image": "1"}]})
    both = applied(first, "bob", spec={"containers": [{"name": "b", "image": "1"}]})
    assert [c["name"] for c in both["spec"]["containers"]] == ["a", "b"]
    without = applied(both, "alice", spec={})
    assert [c["name"] for c in without["spec"]["containers"]] == ["b"]


def test_an_update_takes_fields_over_and_an_apply_then_conflicts_with_it() -> None:
    live = applied(None, "alice", spec={"replicas": 1})
    new = {**live, "metadata": dict(live["metadata"]), "spec": {"replicas": 3}}
    apply.record(live, new, "kubectl", "later")
    with pytest.raises(Refusal, match=r'conflict with "kubectl": \.spec\.replicas'):
        applied(new, "alice", spec={"replicas": 1})
    assert applied(new, "alice", force=True, spec={"replicas": 1})["spec"] == {"replicas": 1}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "many": {"type": "array", "maxItems": 1, "items": {"type": "object", "properties": {}}},
        "tags": {"type": "object", "additionalProperties": {"type": "string", "enum": ["a", "b"]}},
        "one": {"type": "object", "properties": {}, "oneOf": [{"required": ["x"]}, {"required": ["y"]}]},
    },
}


def test_a_schema_prunes_what_it_does_not_declare_and_fills_in_defaults() -> None:
    body = {
        "kind": "K",
        "metadata": {"labels": {}},
        "name": "ab",
        "extra": 1,
        "free": {"x": 1},
        "many": [{"y": 2}],
    }
    pruned, unknown = schemas.prune(SCHEMA, body)
    assert unknown == ["extra", "many[0].y"]
    kept = {"kind": "K", "metadata": {"labels": {}}, "name": "ab", "free": {"x": 1}, "many": [{}], "size": 3}
    assert schemas.fill(SCHEMA, pruned) == kept


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "name"),
        ({"name": "x"}, "name"),
        ({"name": 1}, "name"),
        ({"name": "ab", "size": 0}, "size"),
        ({"name": "ab", "size": 10}, "size"),
        ({"name": "ab", "size": True}, "size"),
        ({"name": "ab", "port": 1.5}, "port"),
        ({"name": "ab", "many": [{}, {}]}, "many"),
        ({"name": "ab", "many": ["x"]}, "many[0]"),
        ({"name": "ab", "tags": {"k": "z"}}, "tags.k"),
        ({"name": "ab", "one": {"x": 1, "y": 1}}, "one"),
    ],
)
def test_a_schema_names_the_field_that_breaks_it(wrong: dict[str, Any], field: str) -> None:
    assert [cause.field for cause in schemas.validate(SCHEMA, wrong)] == [field]


def test_a_schema_accepts_what_keeps_it() -> None:
    good = {"name": "ab", "size": 9, "port": "http", "many": [{}], "tags": {"k": "a"}, "one": {"x": 1}}
    assert schemas.validate(SCHEMA, good) == []


def test_decoding_drops_nulls_and_unknown_fields_and_writes_times_one_way() -> None:
    body = {
        "kind": "Lease",
        "metadata": {"name": "l", "labels": None, "creationTimestamp": "2026-01-02T04:04:05+01:00"},
        "spec": {"renewTime": "2026-01-02T03:04:05.1+00:00", "holder": "me"},
    }
    decoded, unknown = typed.decode("Lease", body)
    assert unknown == ["spec.holder"]
    assert decoded["metadata"] == {"name": "l", "creationTimestamp": "2026-01-02T03:04:05Z"}
    assert decoded["spec"] == {"renewTime": "2026-01-02T03:04:05.100000Z"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"replicas": "two"}, "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas"),
        ({"replicas": True}, "cannot unmarshal bool"),
        ({"paused": 1}, "of type bool"),
        ({"template": []}, "cannot unmarshal array"),
        ({"selector": {"matchLabels": "a"}}, "map[string]string"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_in_the_decoders_words(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(typed.WrongType) as refused:
        typed.decode("Deployment", {"spec": spec})
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v1/pods", Route("", "v1", "pods")),
        ("/api/v1/namespaces", Route("", "v1", "namespaces")),
        ("/api/v1/namespaces/n", Route("", "v1", "namespaces", name="n")),
        ("/api/v1/namespaces/n/finalize", Route("", "v1", "namespaces", name="n", subresource="finalize")),
        ("/api/v1/namespaces/n/pods/p/log", Route("", "v1", "pods", "n", "p", "log")),
        ("/apis/apps/v1/namespaces/n/deployments/d", Route("apps", "v1", "deployments", "n", "d")),
        (
            "/api/v1/nodes/x/proxy/healthz",
            Route("", "v1", "nodes", name="x", subresource="proxy", rest="healthz"),
        ),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
        ("/version", None),
    ],
)
def test_a_path_is_taken_apart(path: str, route: Route | None) -> None:
    assert route_of(path) == route


def test_a_continue_token_comes_back_as_it_was() -> None:
    token = paging.Token(12, "n", "a")
    assert paging.read(token.text()) == token
    with pytest.raises(Refusal, match="continue key is not valid"):
        paging.read("nonsense")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (303, "5m3s"),
        (660, "11m"),
        (4 * 3600 + 60, "4h1m"),
        (86400 * 3, "3d"),
    ],
)
def test_an_age_is_shown_as_kubectl_shows_it(seconds: int, shown: str) -> None:
    assert tables.duration(seconds) == shown


def test_the_certificate_is_one_that_openssl_accepts_for_loopback() -> None:
    made = certificates.for_loopback()
    context = ssl.create_default_context(cadata=made.certificate)
    (trusted,) = context.get_ca_certs()
    assert ("IP Address", "127.0.0.1") in trusted["subjectAltName"]


@pytest.mark.parametrize(
    ("text", "number"), [("2", 2), ("250m", 0.25), ("4Ki", 4096), ("1.5Gi", 1.5 * 2**30), ("129e6", 129e6)]
)
def test_a_quantity_is_a_number(text: str, number: float) -> None:
    assert parse(text) == number


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1Ki"),
        (100 * 2**20, "100Mi"),
        (1.5 * 2**30, "1536Mi"),
        (2**41, "2Ti"),
    ],
)
def test_bytes_are_written_in_the_largest_whole_unit(amount: float, text: str) -> None:
    assert binary(amount) == text
    assert parse(text) == amount


@pytest.mark.parametrize("text", ["", "lots", "K", "1KiB"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(typed.WrongType, match="quantities must match"):
        typed.decode("ResourceRequirements", {"limits": {"cpu": text}})
