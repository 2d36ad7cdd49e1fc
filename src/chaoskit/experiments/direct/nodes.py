"""Nodes that take no pods, evict them or are emptied; the way back is in the ledger before."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from functools import partial

from chaoskit import kube
from chaoskit.acts import changes
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import CORDON, TAINTS
from chaoskit.errors import Forbidden, NotFound
from chaoskit.experiments.direct.pods import going
from chaoskit.experiments.direct.scene import Direct, Scene, access, field, yes
from chaoskit.experiments.faults import Parameter
from chaoskit.experiments.taints import taint_of
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef


def _nodes(scene: Scene) -> Iterator[Object]:
    for name in scene.selection.nodes:
        yield scene.cluster.get(ObjectRef(kube.NODE, "", name))


def _at(scene: Scene, done: Sequence[ObjectRef]) -> Iterator[Object]:
    """Those of them that were changed, as they are now."""
    return (node for node in _nodes(scene) if kube.ref_of(node, kube.NODE) in done)


def _cordon(scene: Scene) -> Iterator[Change]:
    for node in _nodes(scene):
        ref = kube.ref_of(node, kube.NODE)
        yield field(scene, node, ref, CORDON, True)


def _cordoned(scene: Scene, done: Sequence[ObjectRef]) -> str:
    found = [each["metadata"]["name"] for each in _at(scene, done) if each["spec"].get("unschedulable")]
    return f"node {', '.join(found)} takes no pods" if found else ""


def _may_patch(scene: Scene) -> Iterator[Access]:
    yield from access("get list patch", "", "nodes", "")
    if scene.selection.pods:
        yield from access("get list watch", "", "pods", "")


CORDONING = Direct("node-cordon", "node", (), _cordon, _cordoned, _may_patch, applied=yes)


def _taint(scene: Scene) -> Iterator[Change]:
    taint = taint_of(scene.parameters["taints"])
    for node in _nodes(scene):
        ref = kube.ref_of(node, kube.NODE)
        yield changes.element(scene.cluster, scene.clock, node, ref, TAINTS, taint)


def _tainted(scene: Scene, done: Sequence[ObjectRef]) -> str:
    """The taint is there; where it puts pods out, the first of them goes."""
    if scene.selection.pods:
        return _left(scene, [kube.ref_of(pod, kube.POD) for pod in scene.selection.pods])
    taint = taint_of(scene.parameters["taints"])
    found = [
        each["metadata"]["name"]
        for each in _at(scene, done)
        if any(taint.items() <= own.items() for own in each["spec"].get("taints") or ())
    ]
    return f"node {', '.join(found)} has the taint {taint['key']}" if found else ""


TAINTING = Direct(
    "node-taint",
    "node",
    (Parameter("taints", "TAINTS", "text", "", "key[=value][:Effect]", mandatory=True),),
    _taint,
    _tainted,
    _may_patch,
    applied=lambda scene: not scene.selection.pods,
)


def _drain(scene: Scene) -> Iterator[Change]:
    yield from _cordon(scene)
    for pod in scene.selection.pods:
        ref = kube.ref_of(pod, kube.POD)
        yield Change(ref, f"{ref} in {ref.namespace} evicted", partial(_evict, scene.cluster, ref))


def _evict(cluster: Cluster, ref: ObjectRef) -> bool:
    """The pod is on its way out, by us unless it, or its whole namespace, is going already: False."""
    try:
        cluster.evict(ref)
    except NotFound:
        return False
    except Forbidden:
        if not kube.is_deleting(cluster.get(ObjectRef(kube.NAMESPACE, "", ref.namespace))):
            raise
        return False
    return True


def _left(scene: Scene, done: Sequence[ObjectRef]) -> str:
    gone = sum(bool(going(scene, ref)) for ref in done if ref.kind == kube.POD)
    return f"{gone} of {len(scene.selection.pods)} pods have left" if gone else ""


def _undrainable(scene: Scene) -> Iterator[str]:
    """Pods that nobody would make anew, and chaoskit's own."""
    for pod in scene.selection.pods:
        name = f"pod {pod['metadata']['name']} in {pod['metadata']['namespace']}"
        if pod["metadata"]["name"] == socket.gethostname():
            yield f"{name} is this very process: run it on another node"
        if kube.owner(pod) is None and not scene.true("force"):
            yield f"{name} belongs to nobody who would make it anew; with force it goes all the same"


def _may_drain(scene: Scene) -> Iterator[Access]:
    yield from _may_patch(scene)
    yield from access("create", "", "pods", "", "eviction")


DRAINING = Direct(
    "node-drain",
    "node",
    (Parameter("force", "FORCE", "bool", "false", "evict pods that nobody makes anew, too"),),
    _drain,
    _left,
    _may_drain,
    _undrainable,
)
