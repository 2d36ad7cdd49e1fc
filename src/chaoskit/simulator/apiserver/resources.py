"""The table of kinds that the API serves: to add one, add a row. CRDs add theirs while it runs.

The row, and the kind's fields in ``builtin-types.json``, are enough. Defaults, rules and columns of its own
are entries under its key in `defaults`, `validation` and `tables`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaoskit.simulator.apiserver.schemas import Schema

CRUD = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
NO_COLLECTION_DELETE = ("create", "delete", "get", "list", "patch", "update", "watch")
STATUS = ("status",)
SCALED = ("scale", "status")


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version: how it is called, what may be done with it, what is special about it.

    `fields` can be used in field selectors beside name and namespace. `counts_generation`: spec changes raise
    ``metadata.generation``. `schema` and `columns` (name, JSON path, priority) are what a CRD declares; the
    schema is None for kinds of the table below.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    counts_generation: bool = False
    returns_deleted: bool = False
    verbs: tuple[str, ...] = CRUD
    schema: Schema | None = None
    singular: str = ""
    list_kind: str = ""
    columns: tuple[tuple[str, str, int], ...] = ()
    key: str = field(init=False)
    """``Pod`` or ``Deployment.apps``, as actors name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.kind}.{self.group}" if self.group else self.kind)

    @property
    def api_version(self) -> str:
        """``v1`` or ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``pods`` or ``deployments.apps``, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """True when status is written through ``/status`` alone."""
        return "status" in self.subresources


_POD_FIELDS = (
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
    "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
)  # fmt: skip
_EVENT_FIELDS = (
    "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
    "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
    "reason", "reportingComponent", "source", "type",
)  # fmt: skip
_POD_SUBRESOURCES = ("binding", "eviction", "exec", "log", "resize", "status")
_RBAC = "rbac.authorization.k8s.io"

BUILT_IN = (
    Resource("", "v1", "ConfigMap", "configmaps", short_names=("cm",)),
    Resource("", "v1", "Endpoints", "endpoints", short_names=("ep",), singular="endpoints"),
    Resource("", "v1", "Event", "events", short_names=("ev",), fields=_EVENT_FIELDS),
    Resource(
        "", "v1", "Namespace", "namespaces", namespaced=False, short_names=("ns",),
        subresources=("finalize", "status"), fields=("status.phase",), verbs=NO_COLLECTION_DELETE,
    ),
    Resource(
        "", "v1", "Node", "nodes", namespaced=False, short_names=("no",), subresources=STATUS,
        fields=("spec.unschedulable",),
    ),
    Resource(
        "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",),
        subresources=STATUS, returns_deleted=True,
    ),
    Resource(
        "", "v1", "Pod", "pods", short_names=("po",), categories=("all",), fields=_POD_FIELDS,
        subresources=_POD_SUBRESOURCES, counts_generation=True, returns_deleted=True,
    ),
    Resource("", "v1", "Secret", "secrets", fields=("type",)),
    Resource(
        "", "v1", "Service", "services", short_names=("svc",), categories=("all",),
        subresources=STATUS, fields=("spec.clusterIP", "spec.type"), returns_deleted=True,
    ),
    Resource(
        "", "v1", "ServiceAccount", "serviceaccounts", short_names=("sa",), subresources=("token",),
        returns_deleted=True,
    ),
    Resource(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions",
        namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",),
        subresources=STATUS, counts_generation=True,
    ),
    Resource("apps", "v1", "ControllerRevision", "controllerrevisions"),
    Resource(
        "apps", "v1", "DaemonSet", "daemonsets", short_names=("ds",), categories=("all",),
        subresources=STATUS, counts_generation=True,
    ),
    Resource(
        "apps", "v1", "Deployment", "deployments", short_names=("deploy",), categories=("all",),
        subresources=SCALED, counts_generation=True,
    ),
    Resource(
        "apps", "v1", "ReplicaSet", "replicasets", short_names=("rs",), categories=("all",),
        subresources=SCALED, fields=("status.replicas",), counts_generation=True,
    ),
    Resource(
        "apps", "v1", "StatefulSet", "statefulsets", short_names=("sts",), categories=("all",),
        subresources=SCALED, counts_generation=True,
    ),
    Resource(
        "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers",
        short_names=("hpa",), categories=("all",), subresources=STATUS,
    ),
    Resource(
        "batch", "v1", "Job", "jobs", categories=("all",), subresources=STATUS,
        fields=("status.successful",), counts_generation=True,
    ),
    Resource("coordination.k8s.io", "v1", "Lease", "leases"),
    Resource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
    Resource(
        "networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", short_names=("netpol",),
        counts_generation=True, singular="networkpolicy",
    ),
    Resource(
        "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", short_names=("pdb",),
        subresources=STATUS, counts_generation=True,
    ),
    Resource(_RBAC, "v1", "ClusterRole", "clusterroles", namespaced=False),
    Resource(_RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    Resource(_RBAC, "v1", "Role", "roles"),
    Resource(_RBAC, "v1", "RoleBinding", "rolebindings"),
)  # fmt: skip


class Registry:
    """The resources served now, found by path, by kind or by an object's own words."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self._by_key: dict[str, Resource] = {}
        for resource in BUILT_IN:
            self.add(resource)

    def add(self, resource: Resource, *, preferred: bool = True) -> None:
        """`resource` is served from now on; `preferred` also under its bare kind and group."""
        self._by_path[resource.group, resource.version, resource.plural] = resource
        if preferred:
            self._by_key[resource.key] = resource

    def drop(self, group: str, plural: str) -> None:
        """No version of that resource is served any more."""
        for path in [p for p in self._by_path if (p[0], p[2]) == (group, plural)]:
            self._by_key.pop(self._by_path.pop(path).key, None)

    def all(self) -> tuple[Resource, ...]:
        """Everything served, all versions, in no order that matters."""
        return tuple(self._by_path.values())

    def at(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource behind ``/apis/<group>/<version>/<plural>``."""
        return self._by_path.get((group, version, plural))

    def named(self, key: str) -> Resource | None:
        """The resource that actors call ``Pod`` or ``ChaosEngine.litmuschaos.io``."""
        return self._by_key.get(key)

    def of(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object that says so about itself."""
        group, _, version = api_version.rpartition("/")
        found = self._by_key.get(f"{kind}.{group}" if group else kind)
        if found is None or found.version == version:
            return found
        return self.at(group, version, found.plural)

    def group_versions(self) -> dict[str, tuple[str, ...]]:
        """Each group's versions, preferred one first; the core group is ``""``."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._by_path:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return {group: tuple(versions) for group, versions in found.items()}
