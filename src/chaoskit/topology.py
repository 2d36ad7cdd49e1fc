"""Who belongs to whom: workloads, their pods, services, budgets and callers, from one snapshot."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, product
from operator import itemgetter
from typing import TypeVar

from chaoskit import kube
from chaoskit.configmaps import Setting, read_by
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Cluster, Kind, Object, ObjectRef
from chaoskit.sharing import abreast

CALLS = "chaoskit.io/calls"
"""Annotation on a pod template: comma-separated names of the workloads or services that it calls.

Hosts of the addresses in its containers' environment (``http://cart/``, ``redis:6379``) count as well.
"""


@dataclass(frozen=True)
class Workload:
    """A deployment, stateful set or daemon set with what belongs to it."""

    ref: ObjectRef
    body: Object
    pods: tuple[Object, ...]
    services: tuple[Object, ...]
    budgets: tuple[Object, ...]
    calls: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What it is called by: its own name and those of its services."""
        return tuple(dict.fromkeys((self.ref.name, *(s["metadata"]["name"] for s in self.services))))

    @property
    def alive(self) -> tuple[Object, ...]:
        """Its pods that run or are on their way to it; what is wrong with it, they show."""
        return tuple(filter(kube.is_alive, self.pods))

    @property
    def ready(self) -> int:
        """How many of its pods are ready."""
        return sum(kube.is_ready(pod) for pod in self.pods)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """What its pods read from ConfigMaps: keys by name, then ConfigMaps as a whole."""
        return read_by(self.body["spec"]["template"])


@dataclass(frozen=True)
class Topology:
    """A snapshot of one namespace, or of all."""

    pods: tuple[Object, ...]
    workload_bodies: tuple[tuple[Kind, Object], ...]
    replica_sets: tuple[Object, ...]
    services: tuple[Object, ...]
    budgets: tuple[Object, ...]
    nodes: tuple[Object, ...] = ()
    events: tuple[Object, ...] = field(default=(), repr=False)
    autoscalers: tuple[Object, ...] = ()
    config_maps: tuple[Object, ...] | None = field(default=None, repr=False)
    """Which keys ConfigMaps have, without values; None: that is not known."""

    @cached_property
    def workloads(self) -> Mapping[tuple[str, str], Workload]:
        """Every workload by (namespace, ``deployment/cart``); each is put together when it is asked for."""
        bodies = {
            (body["metadata"]["namespace"], f"{kind}/{body['metadata']['name']}"): (kind, body)
            for kind, body in self.workload_bodies
        }
        return _Workloads(bodies, self._workload)

    def readers(self, holder: ObjectRef, key: str) -> Iterator[Workload]:
        """The workloads whose pods read this key of a ConfigMap or Secret, alone or with all that it has."""
        for name, keys in self._read.get((holder.kind, holder.namespace, holder.name), {}).items():
            if not keys.isdisjoint({key, ""}):
                yield self.workloads[holder.namespace, name]

    @cached_property
    def _read(self) -> Mapping[tuple[Kind, str, str], Mapping[str, set[str]]]:
        """Of each ConfigMap and Secret which keys workloads read, by their names (``deployment/cart``)."""
        found: dict[tuple[Kind, str, str], dict[str, set[str]]] = {}
        for (kind, body), read in product(self.workload_bodies, (kube.CONFIG_MAP, kube.SECRET)):
            meta = body["metadata"]
            for name, key in read_by(body["spec"]["template"], read):
                readers = found.setdefault((read, meta["namespace"], name), {})
                readers.setdefault(f"{kind}/{meta['name']}", set()).add(key)
        return found

    def without(self, namespaces: Collection[str]) -> Topology:
        """The same but for what is in these namespaces."""

        def others(bodies: tuple[Object, ...]) -> tuple[Object, ...]:
            return tuple(each for each in bodies if each["metadata"].get("namespace") not in namespaces)

        return replace(
            self,
            pods=others(self.pods),
            workload_bodies=tuple(
                (kind, body)
                for kind, body in self.workload_bodies
                if body["metadata"]["namespace"] not in namespaces
            ),
            replica_sets=others(self.replica_sets),
            services=others(self.services),
            budgets=others(self.budgets),
            autoscalers=others(self.autoscalers),
            config_maps=None if self.config_maps is None else others(self.config_maps),
        )

    def owner_of(self, pod: Object) -> ObjectRef | None:
        """The workload that the pod belongs to for good (a replica set's deployment); None for a bare pod."""
        found = kube.owner(pod)
        if found is None or found.kind != kube.REPLICA_SET:
            return found
        return self._set_owners.get((found.namespace, found.name), found)

    def workload_of(self, pod: Object) -> Workload | None:
        """The workload of a pod, or None."""
        found = self.owner_of(pod)
        return None if found is None else self.workloads.get((found.namespace, str(found)))

    def pods_of(self, namespace: str, workloads: Iterable[str]) -> tuple[Object, ...]:
        """The pods that belong to these workloads (``deployment/cart``) of a namespace."""
        return tuple(pod for name in workloads for pod in self._pods_by_owner.get((namespace, name), ()))

    def callers_of(self, workload: Workload) -> tuple[Workload, ...]:
        """Workloads of the same namespace that say they call this one or a service of it."""
        found = {
            place
            for name in workload.names
            for place in self._callers.get((workload.ref.namespace, name), ())
        }
        return tuple(self.workloads[self._order[place]] for place in sorted(found))

    def dependencies(self, workload: Workload) -> frozenset[ObjectRef]:
        """The workloads of the same namespace that it calls, and those that they call, at any distance."""
        if workload.ref not in self._dependencies:
            reached, ahead = set[ObjectRef](), [workload]
            while ahead:
                place, calls = workload.ref.namespace, ahead.pop().calls
                new = {callee for name in calls for callee in self._callees.get((place, name), ())} - reached
                reached |= new
                ahead += (self.workloads[place, str(each)] for each in new)
            self._dependencies[workload.ref] = frozenset(reached)
        return self._dependencies[workload.ref]

    def replica_sets_of(self, workload: Workload) -> tuple[Object, ...]:
        """A deployment's replica sets."""
        return self._sets_by_owner.get((workload.ref.namespace, str(workload.ref)), ())

    @cached_property
    def _order(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.workloads)

    @cached_property
    def _callers(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """Who calls a name in a namespace, by place in the order of workloads."""
        named = enumerate(self.workloads.values())
        return _grouped(((each.ref.namespace, name), place) for place, each in named for name in each.calls)

    @cached_property
    def _callees(self) -> Mapping[tuple[str, str], Sequence[ObjectRef]]:
        """Who is called by a name in a namespace."""
        every = self.workloads.values()
        return _grouped(((each.ref.namespace, name), each.ref) for each in every for name in each.names)

    @cached_property
    def _dependencies(self) -> dict[ObjectRef, frozenset[ObjectRef]]:
        """What was found of each workload so far."""
        return {}

    @cached_property
    def _sets_by_owner(self) -> Mapping[tuple[str, str], tuple[Object, ...]]:
        owners = ((kube.owner(each), each) for each in self.replica_sets)
        return _grouped(((owner.namespace, str(owner)), each) for owner, each in owners if owner is not None)

    @cached_property
    def _services_by_label(self) -> Mapping[tuple[str, str, str], tuple[tuple[int, Object], ...]]:
        """Each service with its place, by its namespace and one label that it selects."""
        selecting = ((place, s, s["spec"].get("selector")) for place, s in enumerate(self.services))
        return _grouped(
            ((service["metadata"]["namespace"], *next(iter(selector.items()))), (place, service))
            for place, service, selector in selecting
            if selector
        )

    @cached_property
    def _set_owners(self) -> Mapping[tuple[str, str], ObjectRef]:
        owners = ((each, kube.owner(each)) for each in self.replica_sets)
        return {
            (body["metadata"]["namespace"], body["metadata"]["name"]): found
            for body, found in owners
            if found is not None
        }

    @cached_property
    def _pods_by_owner(self) -> Mapping[tuple[str, str], tuple[Object, ...]]:
        owners = ((self.owner_of(pod), pod) for pod in self.pods)
        return _grouped(((owner.namespace, str(owner)), pod) for owner, pod in owners if owner is not None)

    def _workload(self, kind: Kind, body: Object) -> Workload:
        ref = kube.ref_of(body, kind)
        template = body["spec"]["template"]
        have = kube.labels_of(template)
        budgets = (b for b in self.budgets if b["metadata"]["namespace"] == ref.namespace)
        near = (self._services_by_label.get((ref.namespace, *label), ()) for label in have.items())
        services = sorted(chain.from_iterable(near), key=itemgetter(0))
        return Workload(
            ref=ref,
            body=body,
            pods=self._pods_by_owner.get((ref.namespace, str(ref)), ()),
            services=tuple(service for _, service in services if _serves(service, have)),
            budgets=tuple(b for b in budgets if kube.selects(b["spec"].get("selector"), have)),
            calls=_calls(template, ref.name),
        )


K = TypeVar("K")
V = TypeVar("V")


def _grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, tuple[V, ...]]:
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in found.items()}


class _Workloads(Mapping[tuple[str, str], Workload]):
    """Workloads by key, each made once, when somebody looks at it: of thousands a run needs one."""

    def __init__(
        self,
        bodies: Mapping[tuple[str, str], tuple[Kind, Object]],
        make: Callable[[Kind, Object], Workload],
    ) -> None:
        self._bodies = bodies
        self._make = make
        self._made: dict[tuple[str, str], Workload] = {}

    def __getitem__(self, key: tuple[str, str]) -> Workload:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._make(*self._bodies[key])
        return found

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)


_HOST = re.compile(r"(?:://(?:[^/@\s]*@)?|^)([a-z][a-z0-9-]*)(?:\.[a-z0-9.-]+)?(?=:\d|/|$)")


def _calls(template: Object, own: str) -> tuple[str, ...]:
    """Whom the pods call: as the annotation says, and the hosts of addresses in their environment."""
    said = re.split(r"[,\s]+", kube.annotations_of(template).get(CALLS, ""))
    containers = template["spec"].get("containers") or ()
    values = [str(v.get("value") or "") for c in containers for v in c.get("env") or ()]
    addresses = (each for value in values for each in value.split(",") if ":" in each)
    hosts = (found for address in addresses for found in _HOST.findall(address))
    return tuple(dict.fromkeys(name for name in (*said, *hosts) if name and name != own))


def _serves(service: Object, have: Mapping[str, str]) -> bool:
    selector = service["spec"].get("selector")
    return bool(selector) and all(have.get(key) == value for key, value in selector.items())


_IMAGES = ("postgres", "mysql", "mariadb", "mongo", "redis", "cassandra", "cockroach", "mssql", "valkey")
_NAMES = ("db", "database", "postgresql", "mysql", "mongodb", "redis")


def looks_like_database(workload: Workload) -> bool:
    """Whether its image or name says that it is a database."""
    containers = workload.body["spec"]["template"]["spec"].get("containers") or ()
    images = [container.get("image", "").rpartition("/")[2] for container in containers]
    name = workload.ref.name
    return any(image.startswith(_IMAGES) for image in images) or name.rpartition("-")[2] in _NAMES


def snapshot(
    cluster: Cluster, namespace: str = "", *, events: bool = False, settings: bool = False
) -> Topology:
    """The topology of a namespace ("" is all) as it is now; `events` adds what the cluster said lately.

    `settings` adds what else decides on workloads: autoscalers, and ConfigMaps without their values.
    """

    def items(kind: Kind) -> tuple[Object, ...]:
        return cluster.list(kind, namespace if kind.namespaced else "").items

    def readable(kind: Kind) -> tuple[Object, ...] | None:
        try:
            return items(kind)
        except Forbidden:
            return None  # who may only look into a namespace sees no nodes: no reason to see nothing

    needed = (kube.POD, *kube.WORKLOADS, kube.REPLICA_SET, kube.SERVICE, kube.PDB)
    asked = (*needed, *((kube.EVENT,) if events else ()))
    wished = (kube.NODE, *((kube.HPA, kube.CONFIG_MAP) if settings else ()))
    answers = abreast(lambda kind: (readable if kind in wished else items)(kind), (*asked, *wished))
    found = dict(zip((*asked, *wished), answers, strict=True))
    maps = found.get(kube.CONFIG_MAP)
    return Topology(
        pods=found[kube.POD] or (),
        workload_bodies=tuple((kind, body) for kind in kube.WORKLOADS for body in found[kind] or ()),
        replica_sets=found[kube.REPLICA_SET] or (),
        services=found[kube.SERVICE] or (),
        budgets=found[kube.PDB] or (),
        nodes=found[kube.NODE] or (),
        events=found.get(kube.EVENT) or (),
        autoscalers=found.get(kube.HPA) or (),
        config_maps=None if maps is None else tuple(map(_without_values, maps)),
    )


def _without_values(config_map: Object) -> Object:
    """Whose it is, which keys it has and whether they may change; kubectl notes all values beside them."""
    meta = config_map["metadata"]
    notes = {key: value for key, value in kube.annotations_of(config_map).items() if key != _APPLIED}
    return {
        "metadata": {**meta, "annotations": notes},
        "immutable": bool(config_map.get("immutable")),
        "data": dict.fromkeys(config_map.get("data") or (), ""),
    }


_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def inhabited(cluster: Cluster, protected: Collection[str] = ()) -> tuple[str, ...]:
    """The namespaces with workloads, without protected ones; by name.

    Raises:
        Forbidden: the caller may not list the workloads of all namespaces.
    """
    bodies = (body for kind in kube.WORKLOADS for body in cluster.list(kind).items)
    return tuple(sorted({str(body["metadata"]["namespace"]) for body in bodies} - set(protected)))


def labelled(
    cluster: Cluster, namespace: str, labels: str, kinds: Iterable[Kind] = kube.WORKLOADS
) -> frozenset[ObjectRef]:
    """The workloads of a namespace ("" is all) that the server selects by their labels.

    Raises:
        InvalidInput: it is no selector.
    """
    return frozenset(
        replace(kube.ref_of(body, kind), uid="")
        for kind in kinds
        for body in cluster.list(kind, namespace, labels=labels).items
    )


_SCHEDULED = re.compile(r"^(?P<name>.+-\d{8,})-[a-z0-9]{5}$")
"""A pod of a CronJob's: the minute, counted since 1970, is in the job's name."""

_ORDINAL = re.compile(r"^(?P<name>.+)-\d{1,4}$")
"""A stateful set counts its pods; five digits may be a replica set's random letters."""

_HASHED = re.compile(r"^(?P<name>.+?)-(?:[a-z0-9]{6,10}-[a-z0-9]{5}|[a-z0-9]{5})$")


def workload_name(labels: Mapping[str, str]) -> str:
    """``deployment/cart`` from a series' labels; guessed from the pod's name if no owner is recorded."""
    if labels.get("workload"):
        return f"{labels.get('workload_kind') or 'deployment'}/{labels['workload']}"
    pod = labels.get("pod", "")
    if scheduled := _SCHEDULED.match(pod):
        return f"job/{scheduled['name']}"
    if counted := _ORDINAL.match(pod):
        return f"statefulset/{counted['name']}"
    found = _HASHED.match(pod)
    return f"deployment/{found['name']}" if found else f"pod/{pod}"
