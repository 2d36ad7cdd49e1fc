"""What every cluster has from the start: namespaces, the default roles and who holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.resources import Resource

NAMESPACES = (
    "default", "kube-node-lease", "kube-public", "kube-system", "litmus", "monitoring", "shop",
)  # fmt: skip

_RBAC = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")
_HEALTH = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_HEALTH)
_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")


def fill(api: Api) -> None:
    """The namespaces, cluster roles and bindings of a fresh cluster exist."""
    for name in NAMESPACES:
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for body in (*_roles(), *_bindings()):
        api.create(body)
    api.create(_service())


def _service() -> Object:
    ports = [{"name": "https", "port": 443, "targetPort": 6443}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {"clusterIP": "10.96.0.1", "ports": ports},
    }


def _roles() -> Iterator[Object]:
    everything = [_rule("*", ("*",), ("*",)), {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    viewing = [_rule(group, resources, _READ) for group, resources in _readable().items()]
    editing = [
        _rule("", ("pods/attach", "pods/exec", "secrets"), (*_READ, *_WRITE)),
        _rule("", ("pods/eviction",), _WRITE),
        *(_rule(group, resources, _WRITE) for group, resources in _writable().items()),
    ]
    owning = [_rule(_RBAC, ("rolebindings", "roles"), (*_READ, *_WRITE))]
    yield _role("cluster-admin", everything)
    yield _role("view", viewing)
    yield _role("edit", [*viewing, *editing])
    yield _role("admin", [*viewing, *editing, *owning])
    yield _role("system:discovery", [_paths(_DISCOVERY)])
    yield _role("system:public-info-viewer", [_paths(_HEALTH)])
    yield _role(
        "system:basic-user",
        [
            _rule("authorization.k8s.io", _REVIEWS, ("create",)),
            _rule("authentication.k8s.io", ("selfsubjectreviews",), ("create",)),
        ],
    )


def _readable() -> dict[str, list[str]]:
    """What ``view`` lets see, by group: from the table of kinds, with how things are and what they said."""
    found = {"": ["namespaces", "namespaces/status", "pods/log"]}
    for resource in _open():
        below = (f"{resource.plural}/{name}" for name in ("scale", "status") if name in resource.subresources)
        found.setdefault(resource.group, []).extend((resource.plural, *below))
    return found


def _writable() -> dict[str, list[str]]:
    """What ``edit`` lets change beside, by group."""
    found: dict[str, list[str]] = {}
    for resource in _open():
        if resource.people == "write":
            below = [f"{resource.plural}/scale"] if "scale" in resource.subresources else []
            found.setdefault(resource.group, []).extend((resource.plural, *below))
    return found


def _open() -> Iterator[Resource]:
    return (kind for kind in BUILT_IN if kind.namespaced and kind.people != "nothing")


def _bindings() -> Iterator[Object]:
    everybody = ("system:authenticated", "system:unauthenticated")
    yield _binding("cluster-admin", ("system:masters",))
    yield _binding("system:basic-user", everybody[:1])
    yield _binding("system:discovery", everybody[:1])
    yield _binding("system:public-info-viewer", everybody)


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _paths(paths: Sequence[str]) -> Object:
    return {"verbs": ["get"], "nonResourceURLs": list(paths)}


def _role(name: str, rules: list[Object]) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "rules": rules,
    }


def _binding(role: str, groups: Sequence[str]) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "Group", "apiGroup": _RBAC, "name": name} for name in groups],
    }
