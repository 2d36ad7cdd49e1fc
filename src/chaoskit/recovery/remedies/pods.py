"""Pods that are replaced: one by one, or the ailing pod of a set whose other pods can take over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

from chaoskit import kube
from chaoskit.acts.changes import Change
from chaoskit.errors import CannotStart, NotFound, Refused
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.podsymptoms import complaint
from chaoskit.recovery.readings import SIGNAL_OF
from chaoskit.recovery.remedies import radius
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access, on

_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint by which a person says that a node is off and stays so."""


class RestartPod(Step):
    """Replace the pods that have the symptom: evicted in turn while they serve, deleted when they do not."""

    action: Literal["restart-pod"]


def _plan(step: RestartPod, scene: Scene) -> Rung | str:
    if scene.workload is None:
        return "no workload would replace the pods"
    unready = [p for p in scene.workload.pods if not kube.is_ready(p) and not kube.is_deleting(p)]
    pods = scene.issue.pods or tuple(p["metadata"]["name"] for p in unready)
    if not pods:
        return "no pod has the symptom"
    return Rung(step, (scene.workload.ref,), f"replaces {', '.join(pods)}", pods)


def _changes(_step: RestartPod, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    left = [pod for pod in hands.pods(rung.pods, target.namespace) if _still_ill(pod, hands)]
    if not left:
        raise CannotStart(f"the pods of {target} that had the symptom are gone or well by now")
    yield from _in_turn(left, target, hands)


def _in_turn(pods: Sequence[Object], target: ObjectRef, hands: Hands) -> Iterator[Change]:
    """Each pod is replaced; after one that served, its successor serves before the next one goes."""
    for pod in pods:
        waits = kube.is_ready(pod) and not hands.rehearsal
        before = _serving(target, hands) if waits else 0
        yield _replaced(pod, hands)
        if waits:
            hands.until(partial(_serves, target, before, hands))


def _serves(target: ObjectRef, before: int, hands: Hands) -> bool:
    return _serving(target, hands) >= before


def _serving(target: ObjectRef, hands: Hands) -> int:
    return kube.ready_replicas(hands.cluster.get(target))


def _still_ill(pod: Object, hands: Hands) -> bool:
    """Whether the pod is worth replacing: a signal says so, or it complains still."""
    if hands.issue.kinds & SIGNAL_OF.keys():
        return True
    return not kube.is_ready(pod) or complaint(pod, hands.clock.now()) is not None


def _replaced(pod: Object, hands: Hands) -> Change:
    """A serving pod is evicted, within its budget; one that serves nobody is deleted, which costs nothing."""
    ref = kube.ref_of(pod, kube.POD)
    if kube.is_ready(pod):
        return Change(ref, f"evicted {ref}", partial(_evict, ref, hands))
    return Change(ref, f"deleted {ref}", partial(hands.cluster.delete, ref))


def _evict(ref: ObjectRef, hands: Hands) -> None:
    """The pod is evicted, as soon as its disruption budget lets it go.

    Raises:
        Refused: it did not within the patience (guard ``disruption budget``).
    """
    said: list[Refused] = []

    def gone() -> bool:
        said.clear()
        try:
            hands.cluster.evict(ref)
        except Refused as error:
            said.append(error)
            return hands.rehearsal
        except NotFound:
            return True
        return True

    hands.until(gone)
    if said:
        raise said[0]


def _needs(_step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from on(target, "get")
    yield from access("get delete", "", "pods", target.namespace)
    yield from access("create", "", "pods", target.namespace, "eviction")


RESTART_POD = Remedy(RestartPod, _plan, _changes, _needs, radius.one_by_one)


# ---------------------------------------------------------------- stateful pods


class FailOver(Step):
    """Replace the ailing pods of a stateful set, one at a time, while another of its pods is ready.

    A pod on a lost node is removed by force only when that node is gone or marked out of service: two pods
    of one identity would write to one volume.
    """

    action: Literal["fail-over"]


def _plan_fail_over(step: FailOver, scene: Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind != kube.STATEFUL_SET:
        return "only for stateful sets"
    ill = set(scene.issue.pods) or {p["metadata"]["name"] for p in workload.pods if not kube.is_ready(p)}
    ready = [p["metadata"]["name"] for p in workload.pods if kube.is_ready(p)]
    others = sorted(set(ready) - ill)
    if not ill:
        return "no pod has the symptom"
    if not others:
        return "no other pod is ready to take over"
    return Rung(
        step, (workload.ref,), f"{others[0]} takes over from {', '.join(sorted(ill))}", tuple(sorted(ill))
    )


def _fail_over(_step: FailOver, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    pods = list(hands.pods(rung.pods, target.namespace)) or _going(rung, target, hands)
    if not pods:
        raise CannotStart(f"the pods of {target} that had the symptom are gone by now")
    for pod in pods:
        ref = kube.ref_of(pod, kube.POD)
        if not _fenced(pod, hands):
            yield from _in_turn((pod,), target, hands)
        else:
            words = f"removed {ref}, whose node is gone"
            yield Change(ref, words, partial(hands.cluster.delete, ref, grace=0))


def _going(rung: Rung, target: ObjectRef, hands: Hands) -> list[Object]:
    """Pods that are marked for deletion and stay, because nobody on their node ends them."""
    found = []
    for name in rung.pods:
        try:
            found.append(hands.cluster.get(ObjectRef(kube.POD, target.namespace, name)))
        except NotFound:
            continue
    return found


def _fenced(pod: Object, hands: Hands) -> bool:
    """Whether the pod's node can run it no more; on a healthy node nothing needs force.

    Raises:
        Refused: the node does not answer, and nobody has said that it is off (guard ``fencing``).
    """
    name = pod["spec"].get("nodeName") or ""
    try:
        node = hands.cluster.get(ObjectRef(kube.NODE, "", name))
    except NotFound:
        return True
    if kube.is_true(node, "Ready"):
        return False
    if any(each["key"] == _OUT_OF_SERVICE for each in (node.get("spec") or {}).get("taints") or ()):
        return True
    raise Refused(
        f"node {name} does not answer, and may still run {pod['metadata']['name']}",
        guard="fencing",
        limit="one pod of an identity at a time",
        hint=f"turn the node off, then: kubectl taint nodes {name} {_OUT_OF_SERVICE}=nodeshutdown:NoExecute",
    )


def _may_fail_over(step: FailOver, target: ObjectRef) -> Iterator[Access]:
    yield from _needs(step, target)
    yield from access("get", "", "nodes", "")


FAIL_OVER = Remedy(FailOver, _plan_fail_over, _fail_over, _may_fail_over, radius.one_by_one)
