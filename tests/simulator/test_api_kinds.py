"""A kind is one row: all that the server does with its objects follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.apiserver import bootstrap, names, typed
from chaoskit.simulator.apiserver.apierrors import Cause, wrong
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.apiserver.machinery import Machinery
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.tables import AGE, columns_of, number
from chaoskit.simulator.apiserver.unsimulated import other_than
from chaoskit.simulator.engine import Engine

KIND = "Kite.toys.io"


def coloured(kite: Object) -> None:
    kite["spec"].setdefault("colour", "red")


def tailed(kite: Object) -> Iterator[Cause]:
    if kite["spec"].get("tails", 0) < 0:
        yield wrong("spec.tails", str(kite["spec"]["tails"]), "must not be negative")


def longer(old: Object, new: Object) -> Iterator[Cause]:
    if new.get("string", 0) < old.get("string", 0):
        yield wrong("spec.string", str(new.get("string")), "may not get shorter")


KITE = Resource(
    "toys.io", "v1", "Kite", "kites", subresources=("status",), counts_generation=True, names="label",
    defaults=coloured, rules=tailed, changes=longer, fixed=("spec.colour",), begins={"flying": False},
    unsimulated={"spec.engine": other_than()}, table=(number("Tails", "spec", "tails"), AGE),
)  # fmt: skip


@pytest.fixture
def api() -> LocalApi:
    engine = Engine(start=datetime(2026, 11, 27, tzinfo=UTC))
    api = LocalApi(engine, Machinery(engine, (*BUILT_IN, KITE)))
    bootstrap.fill(api)
    return api


def kite(name: str = "milan", **spec: Any) -> Object:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "toys.io/v1", "kind": "Kite", "metadata": meta, "spec": spec}


def test_every_row_has_the_fields_of_its_objects() -> None:
    assert {resource.kind for resource in BUILT_IN} <= typed.types().keys()


def test_an_object_is_completed_and_begins_as_its_row_says(api: LocalApi) -> None:
    made = api.create(kite(tails=2))
    assert (made["spec"], made["status"]) == ({"tails": 2, "colour": "red"}, {"flying": False})
    assert made["metadata"]["generation"] == 1
    shown = {column.name: column.read(made, api.engine.now()) for column in columns_of(KITE)}
    assert shown == {"Name": "milan", "Tails": 2, "Age": "0s"}


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (kite(tails=-1), 422, "spec.tails: Invalid value: -1: must not be negative"),
        (kite("Milan.1"), 422, "a lowercase RFC 1123 label"),
        (kite(engine="diesel"), 501, "spec.engine of kites is not simulated"),
    ],
)
def test_what_its_row_forbids_is_refused(api: LocalApi, body: Object, code: int, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        api.create(body)
    assert refused.value.code == code
    assert said in refused.value.message


EXCEPT = "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "
NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def refusal(api: LocalApi, **spec: Any) -> str:
    """What is wrong with such a policy; the empty string when it is taken."""
    meta = {"name": "out", "namespace": "default"}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta}
    try:
        api.create({**body, "spec": {"podSelector": {}, **spec}})
    except ApiError as refused:
        if refused.code == 422:
            return refused.message
        raise
    return ""


def selecting(operator: str, *values: str, key: str = "tier") -> Object:
    """A peer by one expression about a label."""
    return {"podSelector": {"matchExpressions": [{"key": key, "operator": operator, "values": [*values]}]}}


@pytest.mark.parametrize(
    ("cidr", "but", "said"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", ""),
        ("10.0.0.7/8", "10.1.0.7/16", ""),
        ("fd00::/8", "fd00:1::/32", ""),
        ("", "10.1.0.0/16", "spec.egress[0].to[0].ipBlock.cidr: Required value"),
        ("10.0.0.5", "10.0.0.5/32", f'ipBlock.cidr: Invalid value: "10.0.0.5": {NO_CIDR}'),
        ("10.0.0.0/255.0.0.0", "10.0.0.5/32", NO_CIDR),
        ("10.0.0.0/33", "10.0.0.5/32", NO_CIDR),
        ("0.0.0.0/0", "cart/32", f'{EXCEPT}"cart/32": {NO_CIDR}'),
        ("0.0.0.0/0", "10.0.0.1|5432/32", NO_CIDR),
        ("10.0.0.0/8", "11.0.0.0/16", f'{EXCEPT}"11.0.0.0/16": must be a strict subset of `cidr`'),
        ("10.0.0.0/8", "11.0.0.5/16", f'{EXCEPT}"11.0.0.5/16": must be a strict subset of `cidr`'),
        ("10.0.0.0/8", "10.0.0.0/8", "must be a strict subset"),
        ("0.0.0.0/0", "fd00::1/128", "must be a strict subset"),
    ],
)
def test_a_policy_is_about_addresses(api: LocalApi, cidr: str, but: str, said: str) -> None:
    block = {"cidr": cidr, "except": [but]}
    assert said in refusal(api, egress=[{"to": [{"ipBlock": block}]}])
    assert bool(said) is (api.get("NetworkPolicy.networking.k8s.io", "default", "out") is None)


IN = "spec.ingress[0].from[0]"
PORT = "spec.ingress[0].ports[0]"
TIER = f"{IN}.podSelector.matchExpressions[0]"


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ({"podSelector": {}}, ""),
        ({"podSelector": {}, "namespaceSelector": {}}, ""),
        (selecting("In", "", "a"), ""),
        (selecting("NotIn", ""), ""),
        (selecting("Exists"), ""),
        ({}, f"{IN}: Required value: must specify a peer"),
        (
            {"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}},
            f"{IN}: Forbidden: may not specify both ipBlock and another peer",
        ),
        (
            selecting("Foo", "a"),
            f'{TIER}.operator: Invalid value: "Foo": not a valid selector operator',
        ),
        (
            selecting("In"),
            f"{TIER}.values: Required value: must be specified when `operator` is 'In'",
        ),
        (
            selecting("Exists", "a"),
            f"{TIER}.values: Forbidden: may not be specified when `operator` is 'Exists'",
        ),
        (selecting("In", "a b"), f'{TIER}.values[0]: Invalid value: "a b"'),
        (selecting("In", "a", key="a b"), f'{TIER}.key: Invalid value: "a b"'),
        ({"podSelector": {"matchLabels": {"a": "b "}}}, f'{IN}.podSelector.matchLabels: Invalid value: "b "'),
    ],
)
def test_a_policy_names_peers_that_there_may_be(api: LocalApi, peer: Object, said: str) -> None:
    answer = refusal(api, ingress=[{"from": [peer]}])
    assert said in answer
    assert bool(answer) is bool(said)


@pytest.mark.parametrize(
    ("port", "said"),
    [
        ({}, ""),
        ({"port": "http"}, ""),
        ({"port": 80, "endPort": 80, "protocol": "SCTP"}, ""),
        (
            {"port": "http", "endPort": 9000},
            f"{PORT}.endPort: Invalid value: 9000: may not be specified when `port` is non-numeric",
        ),
        (
            {"endPort": 9000},
            f"{PORT}.endPort: Invalid value: 9000: may not be specified when `port` is not specified",
        ),
        (
            {"port": 9000, "endPort": 80},
            f"{PORT}.endPort: Invalid value: 9000: must be greater than or equal to `port`",
        ),
        ({"port": 0}, f"{PORT}.port: Invalid value: 0: must be between 1 and 65535"),
        ({"port": 80, "endPort": 70000}, f"{PORT}.endPort: Invalid value: 70000: must be between 1 and"),
        ({"port": "8080"}, f'{PORT}.port: Invalid value: "8080"'),
        ({"protocol": "ICMP"}, f'{PORT}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP"'),
    ],
)
def test_a_policy_names_ports_that_there_may_be(api: LocalApi, port: Object, said: str) -> None:
    answer = refusal(api, ingress=[{"ports": [port]}])
    assert said in answer
    assert bool(answer) is bool(said)


@pytest.mark.parametrize(
    ("kinds", "egress", "types"),
    [
        (None, None, ["Ingress"]),
        ([], [], ["Ingress"]),
        (None, [{}], ["Ingress", "Egress"]),
        (["Egress"], None, ["Egress"]),
    ],
)
def test_a_policy_is_about_what_comes_in_and_where_it_has_rules_about_what_goes_out(
    api: LocalApi, kinds: list[str] | None, egress: list[Object] | None, types: list[str]
) -> None:
    assert refusal(api, policyTypes=kinds, egress=egress) == ""
    stored = api.get("NetworkPolicy.networking.k8s.io", "default", "out")
    assert stored is not None
    assert stored["spec"]["policyTypes"] == types


def test_a_policy_isolates_in_two_directions_at_the_most(api: LocalApi) -> None:
    said = "spec.policyTypes: Invalid value"
    assert said in refusal(api, policyTypes=["Ingress", "Egress", "Ingress"])


@pytest.mark.parametrize(
    ("change", "said"),
    [({"colour": "blue"}, "spec.colour: Invalid value"), ({"string": 3}, "may not get shorter")],
)
def test_what_may_not_change_stays(api: LocalApi, change: Object, said: str) -> None:
    api.create(kite(string=5))
    with pytest.raises(ApiError, match=said):
        api.patch(KIND, "default", "milan", {"spec": change})


def test_only_its_status_is_written_through_its_status(api: LocalApi) -> None:
    api.create(kite())
    body = api.patch(KIND, "default", "milan", {"status": {"flying": True}, "spec": {"tails": 9}}, "status")
    assert (body["status"], body["spec"]) == ({"flying": True}, {"colour": "red"})


LETTER = "must contain at least one letter or number (a-z, 0-9)"
CHARACTERS = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http-2", []),
        ("80", [LETTER]),
        ("HTTP", [CHARACTERS, LETTER]),
        ("", [CHARACTERS, LETTER]),
        ("a_b", [CHARACTERS]),
        ("a" * 16, ["must be no more than 15 characters"]),
        ("-a", ["must not begin or end with a hyphen"]),
        ("a--b", ["must not contain consecutive hyphens"]),
    ],
)
def test_each_mistake_in_the_name_of_a_port_has_its_words(text: str, said: list[str]) -> None:
    assert list(names.port(text)) == said


NAME = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start"
PREFIX = "prefix part a lowercase RFC 1123 subdomain must consist of"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("app", []),
        ("example.com/My_name.1", []),
        ("a b", [NAME]),
        ("a" * 64, ["name part must be no more than 63 characters"]),
        ("", ["name part must be non-empty", NAME]),
        ("a/", ["name part must be non-empty", NAME]),
        ("/x", ["prefix part must be non-empty"]),
        ("ABC.com/x", [PREFIX]),
        ("-a..b/x", [PREFIX]),
        ("a" * 254 + "/x", ["prefix part must be no more than 253 characters"]),
        ("a/b/x", ["a qualified name must consist of"]),
    ],
)
def test_each_mistake_in_a_key_has_its_words(key: str, said: list[str]) -> None:
    found = list(names.key(key))
    assert len(found) == len(said)
    assert all(one.startswith(words) for one, words in zip(found, said, strict=True))


def test_a_value_that_is_too_long_and_ill_formed_has_both_causes() -> None:
    assert [each[:7] for each in names.value("-" * 64)] == ["must be", "a valid"]


@pytest.mark.parametrize("where", ["labels", "annotations"])
@pytest.mark.parametrize(("key", "refused"), [("x" * 64, True), ("a b", True), ("a.b/c", False)])
def test_keys_that_cannot_be_are_refused_in_metadata(
    api: LocalApi, where: str, key: str, refused: bool
) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
    body["metadata"] |= {where: {key: "y"}}  # type: ignore[operator]
    with pytest.raises(ApiError, match=f"metadata.{where}: Invalid value") if refused else nullcontext():
        api.create(body)


UNMATCHED = "`selector` does not match template `labels`"


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        (None, ["spec.selector: Required value", UNMATCHED]),
        ({}, ["empty selector is invalid for deployment"]),
        ({"matchLabels": {}}, ["empty selector is invalid for deployment"]),
        ({"matchLabels": {"a": "c"}}, [UNMATCHED]),
        ({"matchLabels": {"a b": "c"}}, [NAME, "invalid label selector"]),
    ],
)
def test_a_deployment_selects_its_own_pods(api: LocalApi, selector: Object | None, said: list[str]) -> None:
    spec = {"containers": [{"name": "c", "image": "i"}]}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"selector": selector, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}},
    }
    with pytest.raises(ApiError) as refused:
        api.create(body)
    message = refused.value.message
    assert all(each in message for each in said)
    assert message.count(": Invalid value") + message.count(": Required value") == len(said)
