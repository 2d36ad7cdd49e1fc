"""What every cluster has from the start: namespaces, the default roles and who holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chaoskit.simulator.aggregation import gathered
from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.resources import Resource

NAMESPACES = (
    "default", "kube-node-lease", "kube-public", "kube-system", "litmus", "monitoring", "shop",
)  # fmt: skip

_RBAC = "rbac.authorization.k8s.io"
_AUTHORIZATION = "authorization.k8s.io"
_READ = ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")
_HEALTH = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_HEALTH)
_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
_STREAMS = ("pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy")
_NOT_VIEWED = (*_STREAMS, "secrets")
"""What lets one into pods, or beyond them: nothing for those who only view."""
_REPLICATION_SCALE = "replicationcontrollers/scale"
_REPLICATION = ("replicationcontrollers", _REPLICATION_SCALE)
_SCALED = ("deployments", "deployments/scale", "replicasets", "replicasets/scale", _REPLICATION_SCALE)
_READ_BESIDE = {
    "": (
        "bindings", "limitranges", *_REPLICATION, "replicationcontrollers/status", "resourcequotas",
        "resourcequotas/status",
    ),
    "batch": ("cronjobs", "cronjobs/status"),
    "extensions": (
        "daemonsets", "daemonsets/status", *_SCALED, "deployments/status", "ingresses", "ingresses/status",
        "networkpolicies", "replicasets/status",
    ),
    "networking.k8s.io": ("ingresses", "ingresses/status"),
}  # fmt: skip
"""What people may see, and change, of kinds that clusters have and this one does not serve."""
_WRITE_BESIDE = {
    "": (*_NOT_VIEWED, *_REPLICATION),
    "apps": ("deployments/rollback",),
    "batch": ("cronjobs",),
    "extensions": ("daemonsets", *_SCALED, "deployments/rollback", "ingresses", "networkpolicies"),
    "networking.k8s.io": ("ingresses",),
}


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
    yield _role("cluster-admin", everything)
    yield from _gathering(("view", _viewing()), ("edit", _editing()), ("admin", _owning()))
    yield _role("system:discovery", [_paths(_DISCOVERY)])
    yield _role("system:public-info-viewer", [_paths(_HEALTH)])
    yield _role(
        "system:basic-user",
        [
            _rule(_AUTHORIZATION, _REVIEWS, ("create",)),
            _rule("authentication.k8s.io", ("selfsubjectreviews",), ("create",)),
        ],
    )


def _gathering(*steps: tuple[str, list[Object]]) -> Iterator[Object]:
    """The roles of people: each gathers its own rules, those of the one before, and what others label so."""
    found: list[Object] = []
    gatherers = (*(name for name, _ in steps[1:]), "")
    for (name, rules), gatherer in zip(steps, gatherers, strict=True):
        found.append(_role(f"system:aggregate-to-{name}", rules, name))
        role = _role(name, [], gatherer)
        role["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": _aggregated(name)}]}
        found.append(role | {"rules": gathered(role, found)})
    yield from found


def _aggregated(name: str) -> dict[str, str]:
    """The label of a role whose rules the role `name` gathers."""
    return {f"{_RBAC}/aggregate-to-{name}": "true"}


def _viewing() -> list[Object]:
    return [_rule(group, resources, _READ) for group, resources in _together(_readable(), _READ_BESIDE)]


def _editing() -> list[Object]:
    return [
        _rule("", _NOT_VIEWED, _READ),
        _rule("", ("serviceaccounts",), ("impersonate",)),
        _rule("", ("pods/eviction", "serviceaccounts/token"), ("create",)),
        *(_rule(group, resources, _WRITE) for group, resources in _together(_writable(), _WRITE_BESIDE)),
        _rule("coordination.k8s.io", ("leases",), (*_READ, *_WRITE)),
    ]


def _owning() -> list[Object]:
    return [
        _rule(_AUTHORIZATION, ("localsubjectaccessreviews",), ("create",)),
        _rule(_RBAC, ("rolebindings", "roles"), (*_READ, *_WRITE)),
    ]


def _together(
    served: Mapping[str, Sequence[str]], beside: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The resources of both tables, by group."""
    for group in {**served, **beside}:
        yield group, (*served.get(group, ()), *beside.get(group, ()))


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


def _role(name: str, rules: list[Object], gatherer: str = "") -> Object:
    """A cluster role, which the role `gatherer` gathers."""
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    if gatherer:
        labels |= _aggregated(gatherer)
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
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
