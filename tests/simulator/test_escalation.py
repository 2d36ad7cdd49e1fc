"""Who may write roles and bindings still grants nothing that he does not hold, in Kubernetes' words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import apierrors, bootstrap, escalation
from chaoskit.simulator.apiserver.handlers import Handlers
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.apiserver.rbac import Authorizer, User
from chaoskit.simulator.apiserver.requests import Request, Response, route_of
from chaoskit.simulator.apiserver.server import ADMINISTRATOR
from chaoskit.simulator.apiserver.tokens import Tokens
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.knobs import Knobs

RBAC = "rbac.authorization.k8s.io"
JANE = User("jane", ("dev", "system:authenticated"))
ALL = f"/apis/{RBAC}/v1"
SHOP = f"{ALL}/namespaces/shop"
READING = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
POD = {"resources": ["pods"], "resourceNames": ["a"]}
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask() -> Ask:
    """What the server does behind its first question, whether one may; jane is ``shop``'s administrator."""
    api = LocalApi(Engine(start=datetime(2026, 1, 1, tzinfo=UTC)))
    bootstrap.fill(api)
    machinery = api.machinery
    handlers = Handlers(machinery, Authorizer(machinery.store), Tokens(), lambda: False, Knobs())

    def asking(method: str, path: str, body: Any, user: User = JANE, **headers: str) -> tuple[int, Any]:
        sent = {"Content-Type": "application/merge-patch+json"} | headers
        request = Request.of(method, path, sent, json.dumps(body).encode(), user)
        route = route_of(request.path)
        assert route is not None
        resource = machinery.registry.at(route.group, route.version, route.plural)
        assert resource is not None
        try:
            answer = handlers.answer(request, route, resource)
        except ApiError as error:
            return error.code, apierrors.status_of(error)
        assert isinstance(answer, Response)
        return answer.status, json.loads(answer.body)

    assert asking("POST", f"{SHOP}/rolebindings", binding("owners", "admin"), ADMINISTRATOR)[0] == 201
    return asking


def role(name: str, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "rules": list(rules), **more}


def binding(name: str, granted: str, kind: str = "ClusterRole", subject: str = "jane") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": granted},
        "subjects": [{"kind": "User", "apiGroup": RBAC, "name": subject}],
    }


def may(ask: Ask, verb: str, resource: str, *names: str) -> None:
    """Jane is given one right more, everywhere."""
    rule: dict[str, Any] = {"apiGroups": [RBAC], "resources": [resource], "verbs": [verb]}
    if names:
        rule["resourceNames"] = list(names)
    assert ask("POST", f"{ALL}/clusterroles", role(f"{verb}-{resource}", rule), ADMINISTRATOR)[0] == 201
    given = binding(f"{verb}-{resource}", f"{verb}-{resource}")
    assert ask("POST", f"{ALL}/clusterrolebindings", given, ADMINISTRATOR)[0] == 201


def test_an_administrator_of_a_namespace_grants_what_he_holds_there(ask: Ask) -> None:
    assert ask("POST", f"{SHOP}/roles", role("reader", READING))[0] == 201
    assert ask("POST", f"{SHOP}/rolebindings", binding("readers", "reader", "Role", "joe"))[0] == 201
    assert ask("POST", f"{SHOP}/rolebindings", binding("viewers", "view", subject="joe"))[0] == 201


def test_a_role_with_more_than_its_writer_holds_is_refused_with_all_that_is_lacking(ask: Ask) -> None:
    engines = {
        "apiGroups": ["litmuschaos.io"],
        "resources": ["chaosengines"],
        "verbs": ["create", "delete"],
        "resourceNames": ["a"],
    }
    nodes = {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "patch"]}
    status, said = ask("POST", f"{SHOP}/roles", role("chaos", engines, nodes, READING))
    assert (status, said["reason"]) == (403, "Forbidden")
    assert said["details"] == {"name": "chaos", "group": RBAC, "kind": "roles"}
    assert said["message"] == (
        'roles.rbac.authorization.k8s.io "chaos" is forbidden: user "jane" (groups=["dev" '
        '"system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "patch"]}\n'
        '{APIGroups:["litmuschaos.io"], Resources:["chaosengines"], ResourceNames:["a"], '
        'Verbs:["create" "delete"]}'
    )
    assert ask("GET", f"{SHOP}/roles/chaos", None, ADMINISTRATOR)[0] == 404


@pytest.mark.parametrize("query", ["", "?dryRun=All"])
def test_a_role_is_not_widened_by_any_verb(ask: Ask, query: str) -> None:
    wide = role("reader", {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
    assert ask("POST", f"{SHOP}/roles", role("reader", READING))[0] == 201
    for method, headers in (
        ("PUT", {}),
        ("PATCH", {}),
        ("PATCH", {"Content-Type": "application/apply-patch+yaml"}),
    ):
        path = f"{SHOP}/roles/reader{query}"
        path += "" if not headers else f"{'&' if query else '?'}fieldManager=me&force=true"
        body = wide | {"apiVersion": f"{RBAC}/v1", "kind": "Role"}
        status, said = ask(method, path, body, **headers)
        assert status == 403, said
        assert '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}' in said["message"]


def test_who_may_escalate_writes_any_role_and_still_does_not_bind_it(ask: Ask) -> None:
    may(ask, "escalate", "roles")
    wide = role("wide", {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
    assert ask("POST", f"{SHOP}/roles", wide)[0] == 201
    status, said = ask("POST", f"{SHOP}/rolebindings", binding("me", "wide", "Role"))
    assert (status, said["details"]["kind"]) == (403, "rolebindings")


def test_who_may_bind_a_role_binds_it_and_no_other(ask: Ask) -> None:
    path = f"{SHOP}/rolebindings"
    assert ask("POST", path, binding("me", "cluster-admin"))[0] == 403
    may(ask, "bind", "clusterroles", "cluster-admin")
    assert ask("POST", path, binding("me", "cluster-admin"))[0] == 201
    # what it holds in the namespace is nothing for the cluster
    may(ask, "create", "clusterroles")
    status, said = ask("POST", f"{ALL}/clusterroles", role("everywhere", READING))
    assert (status, said["details"]["kind"]) == (403, "clusterroles")


def test_a_binding_to_no_role_is_not_found_for_who_may_not_bind(ask: Ask) -> None:
    status, said = ask("POST", f"{SHOP}/rolebindings", binding("b", "gone", "Role"))
    assert (status, said["message"]) == (404, f'roles.{RBAC} "gone" not found')
    assert ask("POST", f"{SHOP}/rolebindings", binding("b", "gone", "Role"), ADMINISTRATOR)[0] == 201


def test_what_the_garbage_collector_goes_by_may_be_changed_by_who_does_not_hold_the_rights(ask: Ask) -> None:
    assert (
        ask("POST", f"{SHOP}/roles", role("wide", READING | {"resources": ["nodes"]}), ADMINISTRATOR)[0]
        == 201
    )
    path = f"{SHOP}/roles/wide"
    assert ask("PATCH", path, {"metadata": {"finalizers": ["a.b/c"]}})[0] == 200
    assert ask("PATCH", path, {"metadata": {"labels": {"a": "b"}}})[0] == 403


def test_an_aggregated_role_needs_all_rights(ask: Ask) -> None:
    may(ask, "create", "clusterroles")
    gathering = role("g", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]})
    status, said = ask("POST", f"{ALL}/clusterroles", gathering)
    assert status == 403
    assert said["message"].endswith("must have cluster-admin privileges to use the aggregationRule")
    assert ask("POST", f"{ALL}/clusterroles", gathering, ADMINISTRATOR)[0] == 201


def test_an_aggregated_role_is_changed_by_nobody_without_all_rights(ask: Ask) -> None:
    may(ask, "patch", "clusterroles")
    gathering = role("g", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]})
    assert ask("POST", f"{ALL}/clusterroles", gathering, ADMINISTRATOR)[0] == 201
    status, said = ask("PATCH", f"{ALL}/clusterroles/g", {"aggregationRule": None})
    assert status == 403
    assert said["message"].endswith("must have cluster-admin privileges to use the aggregationRule")
    assert ask("PATCH", f"{ALL}/clusterroles/g", {"aggregationRule": None}, ADMINISTRATOR)[0] == 200


URLS = 'rules[0].nonResourceURLs: Invalid value: ["/metrics"]: '
COORDINATION = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
REVIEWS = {"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"]}


@pytest.mark.parametrize(
    ("rule", "roles"),
    [
        ({**COORDINATION, "verbs": ["create", "deletecollection", "get", "update", "watch"]}, "edit admin"),
        ({"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}, "edit admin"),
        ({"apiGroups": [""], "resources": ["events", "endpoints"], "verbs": ["list"]}, "view edit admin"),
        ({"apiGroups": [""], "resources": ["endpoints"], "verbs": ["update"]}, ""),
        ({"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]}, "edit admin"),
        ({"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}, "edit admin"),
        ({"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]}, "edit admin"),
        ({"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]}, "edit admin"),
        ({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}, "edit admin"),
        ({"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["list"]}, "view edit admin"),
        ({**REVIEWS, "verbs": ["create"]}, "admin"),
        ({"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": ["create"]}, "admin"),
        ({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}, ""),
    ],
)
def test_the_usual_roles_may_be_granted_in_the_parts_that_a_cluster_gives_them(
    ask: Ask, rule: dict[str, Any], roles: str
) -> None:
    for name in ("view", "edit", "admin"):
        who = User(f"{name}s", ("system:authenticated",))
        given = binding(f"{name}s", name, subject=who.name)
        assert ask("POST", f"{SHOP}/rolebindings", given, ADMINISTRATOR)[0] == 201
        writing = role(f"{name}-writes", {"apiGroups": [RBAC], "resources": ["roles"], "verbs": ["create"]})
        assert ask("POST", f"{SHOP}/roles", writing, ADMINISTRATOR)[0] == 201
        given = binding(f"{name}-writes", f"{name}-writes", "Role", who.name)
        assert ask("POST", f"{SHOP}/rolebindings", given, ADMINISTRATOR)[0] == 201
        status, _ = ask("POST", f"{SHOP}/roles", role(f"by-{name}", rule), who)
        assert status == (201 if name in roles.split() else 403), name


@pytest.mark.parametrize(
    ("plural", "rule", "said"),
    [
        ("roles", {"resources": ["pods"], "verbs": ["get"]},
         "rules[0].apiGroups: Required value: resource rules must supply at least one api group"),
        ("roles", {"apiGroups": [""], "resources": ["pods"], "verbs": []},
         "rules[0].verbs: Required value: verbs must contain at least one value"),
        ("roles", {"apiGroups": [""], "verbs": ["get"]},
         "rules[0].resources: Required value: resource rules must supply at least one resource"),
        ("roles", {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
         f"{URLS}namespaced rules cannot apply to non-resource URLs"),
        ("clusterroles", {"nonResourceURLs": ["/metrics"], "resources": ["pods"], "verbs": ["get"]},
         f"{URLS}rules cannot apply to both regular resources and non-resource URLs"),
        ("clusterroles", {"verbs": ["get"], "apiGroups": [""]},
         "rules[0].resources: Required value: resource rules must supply at least one resource"),
        ("clusterroles", {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, None),
    ],
)  # fmt: skip
def test_a_rule_that_no_server_takes_is_refused(
    ask: Ask, plural: str, rule: dict[str, Any], said: str | None
) -> None:
    where = f"{SHOP}/roles" if plural == "roles" else f"{ALL}/clusterroles"
    status, answer = ask("POST", where, role("r", rule), ADMINISTRATOR)
    assert status == (422 if said else 201)
    if said:
        assert answer["message"].endswith(f'"r" is invalid: {said}')


def test_a_role_that_gathers_nothing_is_refused(ask: Ask) -> None:
    body = role("g", aggregationRule={"clusterRoleSelectors": []})
    status, said = ask("POST", f"{ALL}/clusterroles", body, ADMINISTRATOR)
    assert status == 422
    assert "at least one clusterRoleSelector required" in said["message"]


@pytest.mark.parametrize(
    ("held", "wanted", "lacking"),
    [
        ({"resources": ["*"]}, {"resources": ["pods/log"]}, 0),
        ({"resources": ["*/log"]}, {"resources": ["pods/log", "pods"]}, 1),
        (POD, {"resources": ["pods"], "resourceNames": ["a", "b"]}, 1),
        (POD, {"resources": ["pods"]}, 1),
        ({"resources": ["pods"]}, POD, 0),
        ({"nonResourceURLs": ["/api/*"]}, {"nonResourceURLs": ["/api/v1", "/apis"]}, 1),
        ({"nonResourceURLs": ["*"]}, {"resources": ["pods"]}, 1),
    ],
)  # fmt: skip
def test_rules_are_covered_part_by_part(held: dict[str, Any], wanted: dict[str, Any], lacking: int) -> None:
    own, asked = ({"verbs": ["get"], "apiGroups": [""], **rule} for rule in (held, wanted))
    assert len(escalation.missing([own], [asked])) == lacking
