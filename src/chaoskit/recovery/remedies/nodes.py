"""Nodes that take pods again, are emptied, or have their pods made anew elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

from chaoskit import kube
from chaoskit.acts import changes, draining
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import CORDON, TAINTS
from chaoskit.documents import Duration
from chaoskit.errors import CannotStart, NotFound, Refused
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.nodesymptoms import CHAOS_TAINTS, is_ours
from chaoskit.recovery.remedies import radius
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access


class Uncordon(Step):
    """Let pods be scheduled on the node again, if chaoskit cordoned it (with `onlyOurs`)."""

    action: Literal["uncordon"]
    only_ours: bool = True


def _plan_uncordon(step: Uncordon, scene: Scene) -> Rung | str:
    if scene.issue.target.kind != kube.NODE:
        return "it is no node"
    ours = bool(scene.issue.fact("ours") or scene.issue.fact("run"))
    if step.only_ours and not ours:
        return "cordoned by somebody else: only what chaoskit cordoned is uncordoned"
    why = "cordoned by chaoskit, whose act is over" if ours else "pods find no place"
    return Rung(step, (scene.issue.target,), why)


def _uncordon(step: Uncordon, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.cluster.get(target)
    if not (body.get("spec") or {}).get("unschedulable"):
        raise CannotStart(f"{target} is not cordoned any more")
    if step.only_ours and not (is_ours(body) or kube.labels_of(body).get(kube.RUN_LABEL)):
        raise CannotStart(f"{target} was cordoned by somebody else meanwhile")
    yield changes.field(hands.cluster, hands.clock, body, target, CORDON, None)


def _may_patch(_step: Step, _target: ObjectRef) -> Iterator[Access]:
    return access("get patch", "", "nodes", "")


UNCORDON = Remedy(Uncordon, _plan_uncordon, _uncordon, _may_patch)


class RemoveTaint(Step):
    """Remove taints that an ended experiment left on the node: those whose keys begin with one of `keys`."""

    action: Literal["remove-taint"]
    keys: tuple[str, ...] = CHAOS_TAINTS


def _plan_taint(step: RemoveTaint, scene: Scene) -> Rung | str:
    stray = [key for key in scene.issue.fact("taints") or () if key.startswith(step.keys)]
    if scene.issue.target.kind != kube.NODE or not stray:
        return "no experiment left a taint here"
    return Rung(step, (scene.issue.target,), f"takes {', '.join(stray)} off, so that pods find a place")


def _remove_taint(step: RemoveTaint, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.cluster.get(target)
    taints = (body.get("spec") or {}).get("taints") or []
    stay = [each for each in taints if not each["key"].startswith(step.keys)]
    if len(stay) == len(taints):
        raise CannotStart(f"{target} has no such taint any more")
    yield changes.field(hands.cluster, hands.clock, body, target, TAINTS, stay or None)


REMOVE_TAINT = Remedy(RemoveTaint, _plan_taint, _remove_taint, _may_patch)


# ---------------------------------------------------------------- pods that have to leave


class Evacuate(Step):
    """Delete the pods of deployments from a node that is lost, so that they are made anew elsewhere at once.

    Kubernetes waits five minutes before it does that. Pods of stateful sets stay: they may still run there.
    """

    action: Literal["evacuate"]


def _plan_evacuate(step: Evacuate, scene: Scene) -> Rung | str:
    target = scene.issue.target
    if target.kind != kube.NODE or "node-lost" not in scene.issue.kinds:
        return "only for a node that is lost"
    pods = _leaving(scene, lambda owner: owner is not None and owner.kind == kube.DEPLOYMENT)
    if not pods:
        return "no pod of a deployment is on it"
    return _leave(step, target, pods, "made anew elsewhere")


def _leaving(
    scene: Scene, fits: Callable[[ObjectRef | None], bool]
) -> Sequence[tuple[ObjectRef, ObjectRef | None]]:
    """The pods that can leave the node, with the workloads that make them anew, as far as they fit."""
    there = [p for p in scene.topology.pods if _is_on(p, scene.issue.target.name) and draining.leaves(p)]
    owned = ((kube.ref_of(pod, kube.POD), scene.topology.workload_of(pod)) for pod in there)
    found = [(pod, None if workload is None else workload.ref) for pod, workload in owned]
    return [(pod, owner) for pod, owner in found if fits(owner)]


def _leave(
    step: Step, node: ObjectRef, pods: Sequence[tuple[ObjectRef, ObjectRef | None]], what: str
) -> Rung:
    """The rung on which these pods leave the node; where they came from, must stand well afterwards."""
    places = ", ".join(sorted({pod.namespace for pod, _ in pods}))
    proof = tuple(dict.fromkeys(owner for _, owner in pods if owner is not None))
    why = f"{len(pods)} pod{'s' if len(pods) > 1 else ''} of {places} {what}"
    return Rung(step, (node,), why, proof=proof, leaving=tuple(pod for pod, _ in pods))


def _is_on(pod: Object, node: str) -> bool:
    return (pod["spec"].get("nodeName") or "") == node


def _still_on(rung: Rung, node: ObjectRef, hands: Hands) -> Iterator[ObjectRef]:
    """Those of the very pods that were to leave which are there by now; no other one, whoever it is."""
    for ref in rung.leaving:
        try:
            pod = hands.cluster.get(ref)
        except NotFound:
            continue
        if _is_on(pod, node.name) and draining.leaves(pod):
            yield ref


def _evacuate(_step: Evacuate, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    if kube.is_true(hands.cluster.get(target), "Ready"):
        raise CannotStart(f"{target} is back")
    left = tuple(_still_on(rung, target, hands))
    if not left:
        raise CannotStart(f"none of these pods is on {target} any more")
    for ref in left:
        yield Change(ref, f"deleted {ref}", partial(hands.cluster.delete, ref))


def _may_evacuate(_step: Step, _target: ObjectRef) -> Iterator[Access]:
    yield from access("get", "", "nodes", "")
    yield from access("get delete", "", "pods", "")


EVACUATE = Remedy(Evacuate, _plan_evacuate, _evacuate, _may_evacuate, radius.leaving)


class Drain(Step):
    """Cordon the node and evict its pods, within their budgets; it stays cordoned for a person to look at.

    Those of the namespaces that were looked at: with one namespace alone, the others' pods stay.
    """

    action: Literal["drain"]
    timeout: Duration = 300.0


def _plan_drain(step: Drain, scene: Scene) -> Rung | str:
    target = scene.issue.target
    if target.kind != kube.NODE or "node-lost" in scene.issue.kinds:
        return "only for a node that still answers"
    pods = _leaving(scene, lambda _owner: True)
    bare = next((pod for pod, owner in pods if owner is None), None)
    if bare is not None:
        return f"{bare} of {bare.namespace} belongs to no workload that would make it anew"
    return _leave(step, target, pods, "move to other nodes") if pods else "no pod is on it that could leave"


def _drain(_step: Drain, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    itself = next((pod for pod in rung.leaving if pod.name == socket.gethostname()), None)
    if itself is not None:
        raise Refused(f"{itself} is this very process", guard="self", hint="run it on another node")
    body = hands.cluster.get(target)
    if not (body.get("spec") or {}).get("unschedulable"):
        yield changes.field(hands.cluster, hands.clock, body, target, CORDON, True)
    for ref in _still_on(rung, target, hands):
        yield Change(ref, f"evicted {ref}", partial(_evict, hands, ref))


def _evict(hands: Hands, ref: ObjectRef) -> None:
    """The pod is evicted, as soon as its budget allows."""
    refusal: list[Refused] = []

    def gone() -> bool:
        refusal.clear()
        try:
            hands.cluster.evict(ref)
        except Refused as error:
            refusal.append(error)
        except NotFound:
            return True
        return not refusal

    if not hands.until(gone):
        raise refusal[0]


def _may_drain(step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from _may_patch(step, target)
    yield from access("get", "", "pods", "")
    yield from access("create", "", "pods", "", "eviction")


DRAIN = Remedy(Drain, _plan_drain, _drain, _may_drain, radius.leaving)
