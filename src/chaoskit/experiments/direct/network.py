"""Pods that nobody reaches: cut off by a policy, or out of their service's sight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import isnan

from chaoskit import kube
from chaoskit.acts import changes
from chaoskit.acts.changes import Change
from chaoskit.errors import ChaoskitError
from chaoskit.experiments.direct.scene import Direct, Scene, access, field
from chaoskit.experiments.faults import Parameter
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.ports.metrics import Series
from chaoskit.signals import BY_NAME
from chaoskit.topology import Workload

PARTITION = "chaoskit.io/partition"
"""Label that a policy picks its pods by: exactly those that were chosen, whatever else they share."""

_DNS = {"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}
_TRAFFIC = ("network_receive", "network_transmit")
LAGS = 75.0
"""Seconds until half of an end of traffic shows: rates are over a minute, a scrape may be 30 s old."""
_QUIET = 0.5
"""What is left of the traffic of pods that are cut off, at most; kubelet's probes may still get through."""


def _partition(scene: Scene) -> Iterator[Change]:
    """The pods get the label first, the policy comes last: half done, it cuts off nobody."""
    for pod in scene.chosen:
        ref = kube.ref_of(pod, kube.POD)
        path = ("metadata", "labels", PARTITION)
        yield changes.field(scene.cluster, scene.clock, pod, ref, path, scene.run)
    yield changes.made(scene.cluster, _policy(scene), scene.run)


def _policy(scene: Scene) -> Object:
    direction = scene.parameters["direction"]
    types = {"ingress": ["Ingress"], "egress": ["Egress"]}.get(direction, ["Ingress", "Egress"])
    spec: Object = {"podSelector": {"matchLabels": {PARTITION: scene.run}}, "policyTypes": types}
    if "Egress" in types and scene.true("dns"):
        spec["egress"] = [_DNS]
    meta = {"name": f"chaoskit-partition-{scene.run}", "namespace": scene.namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def _silent(scene: Scene, done: Sequence[ObjectRef]) -> str:
    """The traffic of a pod fell to less than half: a policy alone says nothing, a network may ignore it."""
    if scene.metrics is None:
        return ""
    pods, end = {ref.name for ref in done if ref.kind == kube.POD}, scene.clock.now()
    for name in _TRAFFIC:
        found = scene.metrics.range(
            BY_NAME[name], end - timedelta(minutes=5), end, step=15, where={"namespace": scene.namespace}
        )
        for series in found:
            pod = series.labels.get("pod", "")
            if pod in pods and (left := share_left(series)) <= _QUIET:
                return f"{BY_NAME[name].meaning} of pod/{pod} fell to {left:.0%}"
    return ""


def _unseen(scene: Scene) -> Iterator[str]:
    """Without traffic that falls nobody can tell a policy that is enforced from one that is not."""
    if scene.metrics is None:
        yield "its effect is seen in the traffic of pods, and there is no Prometheus"
        return
    where, pods = {"namespace": scene.namespace}, set(scene.selection.names)
    try:
        found = [s for name in _TRAFFIC for s in scene.metrics.instant(BY_NAME[name], where)]
    except ChaoskitError as error:
        yield f"its effect is seen in the traffic of pods, and that cannot be asked for: {error.message}"
        return
    if not any(each.labels.get("pod") in pods and each.value > 0 for each in found):
        yield "its effect is seen in the traffic of pods, and Prometheus knows of none of theirs"


def share_left(series: Series) -> float:
    """The newest value as a share of the median before; 1 when nothing can be said."""
    known = [value for value in series.values if not isnan(value)]
    if len(known) < 4:
        return 1.0
    usual = sorted(known[:-1])[len(known[:-1]) // 2]
    return known[-1] / usual if usual > 0 else 1.0


def _may_partition(scene: Scene) -> Iterator[Access]:
    yield from access("get patch", "", "pods", scene.namespace)
    yield from access("create get delete", "networking.k8s.io", "networkpolicies", scene.namespace)


PARTITIONING = Direct(
    "network-partition",
    "pod",
    (
        Parameter(
            "direction", "POLICY_TYPES", "choice", "all", "which way", choices=("ingress", "egress", "all")
        ),
        Parameter("dns", "ALLOW_DNS", "bool", "false", "names may still be looked up"),
    ),
    _partition,
    _silent,
    _may_partition,
    measured=LAGS,
    unseen=_unseen,
    doubt="do the pods still reach one another? Then the network plugin enforces no NetworkPolicies. ",
)


BLACKHOLE = "chaoskit.io/blackhole"
SELECTOR = ("spec", "selector")


def _blackhole(scene: Scene) -> Iterator[Change]:
    for service in _services(scene):
        ref = kube.ref_of(service, kube.SERVICE)
        selector = {**service["spec"]["selector"], BLACKHOLE: scene.run}
        yield field(scene, service, ref, SELECTOR, selector)


def _services(scene: Scene) -> Iterator[Object]:
    """The services of the targets, or the one that is named."""
    named, seen = scene.parameters.get("service", ""), set()
    for workload in scene.workloads:
        for service in workload.services:
            name = service["metadata"]["name"]
            if name not in seen and named in {"", name}:
                seen.add(name)
                yield service


def _without_service(scene: Scene) -> Iterator[str]:
    if not any(_services(scene)):
        named = scene.parameters.get("service", "")
        yield f"no service {named or 'at all'} selects pods of the targets"


def _without_endpoints(scene: Scene, done: Sequence[ObjectRef]) -> str:
    for ref in done:
        slices = scene.cluster.list(
            kube.ENDPOINT_SLICE, ref.namespace, labels=f"kubernetes.io/service-name={ref.name}"
        ).items
        if not any(each.get("endpoints") for each in slices) and not _addresses(scene, ref):
            return f"{ref} has no endpoint any more"
    return ""


def _addresses(scene: Scene, service: ObjectRef) -> bool:
    """Whether the old Endpoints object has addresses: where there are no slices it is all there is."""
    try:
        body = scene.cluster.get(ObjectRef(kube.ENDPOINTS, service.namespace, service.name))
    except ChaoskitError:
        return False
    return any(each.get("addresses") for each in body.get("subsets") or ())


def _may_blackhole(scene: Scene) -> Iterator[Access]:
    yield from access("get patch", "", "services", scene.namespace)
    yield from access("list", "discovery.k8s.io", "endpointslices", scene.namespace)


def _every_pod(_scene: Scene, workload: Workload) -> int:
    return len(workload.alive)


BLACKHOLING = Direct(
    "service-blackhole",
    "workload",
    (Parameter("service", "SERVICE", "text", "", "which service; all of the targets when empty"),),
    _blackhole,
    _without_endpoints,
    _may_blackhole,
    _without_service,
    _every_pod,
)
