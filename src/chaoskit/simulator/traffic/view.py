"""What the shop's actors see of the cluster: pods, services and workloads as small frozen values.

Fed by watches of the API; nothing here writes. `ClusterView.version` grows with every change, so what is
derived from the view (the call graph, the list of series) is made anew only when something changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from chaoskit.simulator.api import Api, Change, Object
from chaoskit.simulator.quantities import parse
from chaoskit.simulator.traffic import policies

MIB = 2.0**20
BAD_WAITING = frozenset(
    {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"}
)


DNS = ("kube-system", "coredns")
"""Namespace and name of the deployment that answers for names."""
_ZONE = ".svc.cluster.local"
"""What the whole name of every service ends with."""


def quantity(text: str | float | None) -> float | None:
    """A Kubernetes quantity as a number (cores, bytes); None for none."""
    return None if text is None else parse(text)


class Address(NamedTuple):
    """The host and the port in a URL."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Role:
    """What a service's environment says that it does; see `shop.manifests`."""

    calls: tuple[tuple[Address, float], ...] = ()
    database: Address | None = None
    pool: int = 10
    work: float = 0.002
    heap: float = 24 * MIB
    retries: int = 0
    max_connections: int = 0
    load_url: Address | None = None
    load_rate: float = 0.0
    faults: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the kubelet reports it; `run` changes whenever it is started again."""

    name: str
    image: str
    running: bool
    ready: bool
    restarts: int
    run: str
    started: float
    waiting: str
    last_reason: str
    cpu_limit: float | None
    memory_limit: float | None
    cpu_request: float | None
    memory_request: float | None


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, with the workload that owns it (itself when nothing does)."""

    namespace: str
    name: str
    uid: str
    node: str
    ip: str
    host_ip: str
    phase: str
    ready: bool
    deleting: bool
    labels: Mapping[str, str]
    owner: tuple[str, str]
    workload: str
    workload_kind: str
    containers: tuple[Container, ...]
    role: Role | None
    ports: Mapping[str, int]
    """The numbers of its ports that have names."""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.namespace, self.name)

    @property
    def main(self) -> Container | None:
        """The first container, which carries all of the pod's use; None before the pod has one."""
        return self.containers[0] if self.containers else None

    @property
    def serving(self) -> bool:
        """True when the usual service sends it requests: see `Service.asks`."""
        return self.ready and not self.deleting

    def port(self, number: int, protocol: str = "TCP") -> policies.Port:
        """The port of this number, as connections arrive at it."""
        names = frozenset(name for name, own in self.ports.items() if own == number)
        return policies.Port(number, names, protocol)


@dataclass(frozen=True, slots=True)
class Service:
    """One Kubernetes Service: where it listens, which pods are behind it, and on which of their ports."""

    namespace: str
    name: str
    ip: str
    ports: Mapping[int, int | str]
    """Its own, each with the port of its pods that is behind it."""
    selector: Mapping[str, str]
    takes_all: bool = False
    """Whether its pods get requests before they are ready, too."""
    alias: str = ""
    """The host that its name stands for instead, of a service that has no pods of its own."""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.namespace, self.name)

    def target(self, port: int) -> int | str | None:
        """The port behind `port`: itself where the service has no address, and its pods are asked."""
        return port if self.ip == "None" else self.ports.get(port)

    def reaches(self, pod: Pod, port: int) -> policies.Port | None:
        """The port of a pod behind it that gets requests to `port`; None where the service or it has none."""
        target = self.target(port)
        number = pod.ports.get(target) if isinstance(target, str) else target
        return None if number is None else pod.port(number)

    def asks(self, pod: Pod) -> bool:
        """True when a pod behind it gets its requests, as its EndpointSlice has it: at a port that it has."""
        if self.ports and not self.reached_at(pod):
            return False
        if self.takes_all:
            return bool(pod.ip) and pod.phase not in {"Succeeded", "Failed"}
        return pod.serving

    def reached_at(self, pod: Pod) -> list[policies.Port]:
        """The ports of a pod behind it that get requests to any of its own."""
        found = (self.reaches(pod, port) for port in self.ports)
        return [port for port in found if port is not None]


def service_key(host: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of the service that `host` means to a pod in `namespace`."""
    name, _, rest = host.partition(".")
    return (rest.split(".", 1)[0] or namespace, name)


def role_of(environment: Mapping[str, str]) -> Role | None:
    """What these variables say; None without a ``NAME``, when it is no service of this kind."""
    if "NAME" not in environment:
        return None
    shares = dict(parse_qsl(environment.get("SHARES", "").replace(",", "&")))
    called = [at for url in environment.get("UPSTREAMS", "").split(",") if (at := address_of(url))]
    return Role(
        calls=tuple((at, float(shares.get(at.host, 1))) for at in called),
        database=address_of(environment.get("DB", "")),
        pool=int(environment.get("DB_POOL", 10)),
        work=float(environment.get("WORK_MS", 2)) / 1000,
        heap=float(environment.get("HEAP_MB", 24)) * MIB,
        retries=int(environment.get("RETRIES", 0)),
        max_connections=int(environment.get("MAX_CONNECTIONS", 0)),
        load_url=address_of(environment.get("LOAD_URL", "")),
        load_rate=float(environment.get("LOAD_RPS", 10)) if "LOAD_URL" in environment else 0.0,
        faults=_faults(environment.get("FAULT", "")),
    )


def address_of(url: str) -> Address | None:
    """Where a URL leads, to the usual port where it names none; None when there is no host in it."""
    parts = urlsplit(url)
    told = parts.netloc.rpartition(":")[2]
    usual = 443 if parts.scheme == "https" else 80
    return Address(parts.hostname, int(told) if told.isdecimal() else usual) if parts.hostname else None


def _faults(query: str) -> tuple[tuple[str, float], ...]:
    """Faults from the start, in the units of effects: leak MB/s, slow ms, errors %, hold connections."""
    units = {
        "leak": ("leak", MIB),
        "slow": ("slow", 1e-3),
        "errors": ("errors", 1.0),
        "hold": ("hold-connections", 1.0),
    }
    given = [(units[name], value) for name, value in parse_qsl(query) if name in units]
    return tuple((kind, float(value) * unit) for (kind, unit), value in given)


def seconds_of(text: str | None) -> float:
    """An API timestamp as Unix seconds; 0 for none."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _container(spec: Mapping[str, Any], statuses: Mapping[str, Any]) -> Container:
    status = statuses.get(spec["name"], {})
    state = status.get("state") or {}
    ended = (status.get("lastState") or {}).get("terminated") or {}
    running = state.get("running") or {}
    resources = spec.get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return Container(
        name=spec["name"],
        image=spec.get("image", ""),
        running="running" in state,
        ready=bool(status.get("ready")),
        restarts=int(status.get("restartCount", 0)),
        run=f"{status.get('containerID', '')}#{status.get('restartCount', 0)}",
        started=seconds_of(running.get("startedAt")),
        waiting=(state.get("waiting") or {}).get("reason", ""),
        last_reason=ended.get("reason", ""),
        cpu_limit=quantity(limits.get("cpu")),
        memory_limit=quantity(limits.get("memory")),
        cpu_request=quantity(requests.get("cpu")),
        memory_request=quantity(requests.get("memory")),
    )


def read_pod(body: Object, replica_set_owner: Callable[[str, str], tuple[str, str] | None]) -> Pod:
    """The pod in `body`; `replica_set_owner` says which Deployment a ReplicaSet belongs to."""
    meta, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    owner = _owner(meta)
    kind, name = owner if owner[0] else ("Pod", meta["name"])
    if kind == "ReplicaSet":
        kind, name = replica_set_owner(meta["namespace"], name) or (kind, name)
    statuses = {one["name"]: one for one in status.get("containerStatuses") or ()}
    containers = spec.get("containers") or ()
    environment = {e["name"]: e.get("value", "") for e in _env(containers)}
    ready = {c["type"]: c["status"] for c in status.get("conditions") or ()}.get("Ready")
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta.get("uid", ""),
        node=spec.get("nodeName", ""),
        ip=status.get("podIP", ""),
        host_ip=status.get("hostIP", ""),
        phase=status.get("phase", "Pending"),
        ready=ready == "True",
        deleting="deletionTimestamp" in meta,
        labels=dict(meta.get("labels") or {}),
        owner=owner,
        workload=name,
        workload_kind=kind.lower(),
        containers=tuple(_container(one, statuses) for one in containers),
        role=role_of(environment),
        ports={
            p["name"]: p["containerPort"] for c in containers for p in c.get("ports") or () if "name" in p
        },
    )


def _env(containers: Any) -> Any:
    return (containers[0].get("env") or ()) if containers else ()


def _owner(meta: Mapping[str, Any]) -> tuple[str, str]:
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            return (reference["kind"], reference["name"])
    return ("", "")


class ClusterView:
    """The cluster as the watches last told it; everything in it is keyed by namespace and name."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.version = 0
        self.pods: dict[tuple[str, str], Pod] = {}
        self.services: dict[tuple[str, str], Service] = {}
        self.deployments: dict[tuple[str, str], Object] = {}
        self.replica_sets: dict[tuple[str, str], Object] = {}
        self.nodes: dict[str, Object] = {}
        self.policies: dict[tuple[str, str], policies.Policy] = {}
        self._namespaces: dict[str, Mapping[str, str]] = {}
        self.listeners: list[Callable[[], None]] = []

    def start(self) -> None:
        """The view follows the cluster; listeners are called after each change of a pod or service."""
        self._api.watch("ReplicaSet.apps", self._replica_set)
        self._api.watch("Deployment.apps", self._deployment)
        self._api.watch("Node", self._node)
        self._api.watch("Namespace", self._namespace)
        self._api.watch("NetworkPolicy.networking.k8s.io", self._policy)
        self._api.watch("Service", self._service)
        self._api.watch("Pod", self._pod)

    @property
    def dns(self) -> list[Pod] | None:
        """The ready pods of the cluster's DNS; None where there is none to ask."""
        if DNS not in self.deployments:
            return None
        return [pod for pod in self.pods.values() if pod.serving and (pod.namespace, pod.workload) == DNS]

    def service(self, host: str, namespace: str) -> Service | None:
        """What `host` means to a pod in `namespace`, found as well by a name that stands for another's."""
        found = self.services.get(service_key(host, namespace))
        for _ in self.services:
            if found is None or not found.alias:
                return found
            inside = found.alias.endswith(_ZONE)
            found = self.services.get(service_key(found.alias, "")) if inside else None
        return None  # names that stand for one another

    def backends(self, service: Service) -> list[Pod]:
        """The pods that the service's selector matches, ready or not, in the order of names."""
        wanted = service.selector.items()
        return [
            pod
            for _, pod in sorted(self.pods.items())
            if wanted and pod.namespace == service.namespace and wanted <= pod.labels.items()
        ]

    def lets(self, source: Pod, target: Pod, port: policies.Port) -> bool:
        """True when network policies let `source` reach the port of `target`."""
        return not self.policies or policies.allowed(
            self.policies.values(), self._end(source), self._end(target), port
        )

    def _end(self, pod: Pod) -> policies.End:
        return policies.End(pod.namespace, self._namespaces.get(pod.namespace, {}), pod.labels, pod.ip)

    def _changed(self) -> None:
        self.version += 1
        for listener in self.listeners:
            listener()

    def _pod(self, change: Change, body: Object) -> None:
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        if change == "DELETED":
            known = self.pods.pop(key, None) is not None
        else:
            pod = read_pod(body, self._deployment_of)
            known = self.pods.get(key) != pod
            self.pods[key] = pod
        if known:
            self._changed()

    def _deployment_of(self, namespace: str, replica_set: str) -> tuple[str, str] | None:
        body = self.replica_sets.get((namespace, replica_set))
        owner = _owner(body["metadata"]) if body else ("", "")
        return owner if owner[0] else None

    def _service(self, change: Change, body: Object) -> None:
        meta, spec = body["metadata"], body.get("spec", {})
        key = (meta["namespace"], meta["name"])
        if change == "DELETED":
            self.services.pop(key, None)
        else:
            ports = {p["port"]: p.get("targetPort") or p["port"] for p in spec.get("ports") or ()}
            address = spec.get("clusterIP", "")
            selector = dict(spec.get("selector") or {})
            takes_all = bool(spec.get("publishNotReadyAddresses"))
            alias = spec.get("externalName", "").rstrip(".") if spec.get("type") == "ExternalName" else ""
            self.services[key] = Service(*key, address, ports, selector, takes_all, alias)
        self._changed()

    def _namespace(self, _: Change, body: Object) -> None:
        meta = body["metadata"]
        self._namespaces[meta["name"]] = {
            "kubernetes.io/metadata.name": meta["name"],
            **(meta.get("labels") or {}),
        }

    def _policy(self, change: Change, body: Object) -> None:
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        if change == "DELETED":
            self.policies.pop(key, None)
        else:
            self.policies[key] = policies.read(body)
        self._changed()

    def _replica_set(self, change: Change, body: Object) -> None:
        _keep(self.replica_sets, change, body)

    def _deployment(self, change: Change, body: Object) -> None:
        _keep(self.deployments, change, body)

    def _node(self, change: Change, body: Object) -> None:
        if change == "DELETED":
            self.nodes.pop(body["metadata"]["name"], None)
        else:
            self.nodes[body["metadata"]["name"]] = body


def _keep(where: dict[tuple[str, str], Object], change: Change, body: Object) -> None:
    key = (body["metadata"]["namespace"], body["metadata"]["name"])
    if change == "DELETED":
        where.pop(key, None)
    else:
        where[key] = body
