"""Nodes that take pods again, are emptied, or have their pods made anew elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial
from typing import Literal

from chaoskit import kube
from chaoskit.acts import changes
from chaoskit.acts.changes import Change
from chaoskit.acts.draining import evictable
from chaoskit.acts.fields import CORDON, TAINTS
from chaoskit.documents import Duration
from chaoskit.errors import CannotStart, Refused
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.nodesymptoms import CHAOS_TAINTS, is_ours
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
    pods = [each for each in scene.topology.pods if _replaceable(each, target.name)]
    if not pods:
        return "no pod of a deployment is on it"
    owners = (scene.topology.workload_of(each) for each in pods)
    proof = tuple(dict.fromkeys(w.ref for w in owners if w is not None))
    names = tuple(each["metadata"]["name"] for each in pods)
    return Rung(step, (target,), f"{len(pods)} pods are made anew elsewhere", names, proof=proof)


def _replaceable(pod: Object, node: str) -> bool:
    owner = kube.owner(pod)
    here = (pod["spec"].get("nodeName") or "") == node and not kube.is_deleting(pod)
    return here and owner is not None and owner.kind == kube.REPLICA_SET


def _evacuate(_step: Evacuate, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    if kube.is_true(hands.cluster.get(target), "Ready"):
        raise CannotStart(f"{target} is back")
    found = hands.cluster.list(kube.POD, fields=f"spec.nodeName={target.name}").items
    left = [each for each in found if _replaceable(each, target.name)]
    if not left:
        raise CannotStart(f"no pod of a deployment is on {target} any more")
    for pod in left:
        ref = kube.ref_of(pod, kube.POD)
        yield Change(ref, f"deleted {ref}", partial(hands.cluster.delete, ref))


def _may_evacuate(_step: Step, _target: ObjectRef) -> Iterator[Access]:
    yield from access("get", "", "nodes", "")
    yield from access("list delete", "", "pods", "")


EVACUATE = Remedy(Evacuate, _plan_evacuate, _evacuate, _may_evacuate)


class Drain(Step):
    """Cordon the node and evict its pods, within their budgets; it stays cordoned for a person to look at."""

    action: Literal["drain"]
    timeout: Duration = 300.0


def _plan_drain(step: Drain, scene: Scene) -> Rung | str:
    target = scene.issue.target
    if target.kind != kube.NODE or "node-lost" in scene.issue.kinds:
        return "only for a node that still answers"
    pods = [each for each in scene.topology.pods if (each["spec"].get("nodeName") or "") == target.name]
    owners = (scene.topology.workload_of(each) for each in pods)
    proof = tuple(dict.fromkeys(w.ref for w in owners if w is not None and w.ref.kind != kube.DAEMON_SET))
    return Rung(step, (target,), f"{len(pods)} pods move to other nodes", proof=proof)


def _drain(_step: Drain, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.cluster.get(target)
    if not (body.get("spec") or {}).get("unschedulable"):
        yield changes.field(hands.cluster, hands.clock, body, target, CORDON, True)
    for pod in evictable(hands.cluster, target.name):
        ref = kube.ref_of(pod, kube.POD)
        if ref.name == socket.gethostname():
            raise Refused(f"{ref} is this very process", guard="self", hint="run it on another node")
        if kube.owner(pod) is None:
            raise Refused(f"{ref} belongs to nobody who would make it anew", guard="bare pod")
        yield Change(ref, f"evicted {ref}", partial(hands.evict, ref))


def _may_drain(step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from _may_patch(step, target)
    yield from access("list", "", "pods", "")
    yield from access("create", "", "pods", "", "eviction")


DRAIN = Remedy(Drain, _plan_drain, _drain, _may_drain)
