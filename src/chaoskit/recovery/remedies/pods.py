"""Pods that are replaced: one by one, or the ailing pod of a set whose other pods can take over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Literal

from chaoskit import kube
from chaoskit.acts import draining
from chaoskit.acts.changes import Change
from chaoskit.errors import CannotStart, Conflict, NotFound, Refused
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.kills import UNSEEN
from chaoskit.recovery.podsymptoms import coming, complaint
from chaoskit.recovery.readings import SIGNAL_OF
from chaoskit.recovery.remedies import radius
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access, on
from chaoskit.topology import Workload

_OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint by which a person says that a node is off and stays so."""


class RestartPod(Step):
    """Replace the pods that have the symptom: evicted in turn while they serve, deleted when they do not."""

    action: Literal["restart-pod"]


def _plan(step: RestartPod, scene: Scene) -> Rung | str:
    if scene.workload is None:
        return "no workload would replace the pods"
    pods = _ill(scene.issue, scene.workload, scene.workload.alive)
    if not pods:
        return "no pod has the symptom"
    return _rung(step, scene.workload, pods, f"replaces {', '.join(pods)}")


def _ill(issue: Issue, workload: Workload, pods: Iterable[Object]) -> tuple[str, ...]:
    """Those that have the symptom, or of `pods` those that do not serve where it names none.

    One that is over need not be replaced: its owner has done that.
    """
    over = {pod["metadata"]["name"] for pod in workload.pods if kube.is_over(pod)}
    return tuple(name for name in issue.pods or _unready(workload, pods, issue.at) if name not in over)


def _unready(workload: Workload, pods: Iterable[Object], at: datetime) -> tuple[str, ...]:
    """Those that do not serve; the ones that start, or blink, are on their way to it."""
    on_the_way = coming(workload, at, UNSEEN)
    down = (pod["metadata"]["name"] for pod in pods if not kube.is_ready(pod))
    return tuple(name for name in down if name not in on_the_way)


def _rung(step: Step, workload: Workload, pods: tuple[str, ...], why: str) -> Rung:
    meant = frozenset(p["metadata"].get("uid", "") for p in workload.pods if p["metadata"]["name"] in pods)
    return Rung(step, (workload.ref,), why, pods, uids=meant, serving=workload.ready)


def _changes(_step: RestartPod, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    some = False
    for name in rung.pods:
        for change in _replaced(name, rung, target, hands, partial(_still_ill, hands=hands)):
            some = True
            yield change
    if not some:
        raise CannotStart(f"the pods of {target} that had the symptom are gone or well by now")


def _replaced(
    name: str,
    rung: Rung,
    target: ObjectRef,
    hands: Hands,
    needs_it: Callable[[Object], bool] = lambda _pod: True,
) -> Iterator[Change]:
    """The pod as it is by now is replaced, if the rung means it and it needs that still.

    One that serves is evicted, within its budget, while as many serve as at first; one that serves nobody is
    deleted, which costs nothing. A pod between two crashes seems to serve: it is waited for until the next.

    Raises:
        CannotStart: too few serve: the successors of those that went do not come.
    """

    def there() -> Object | None:
        pods = hands.pods((name,), target.namespace)
        return next((pod for pod in pods if rung.means(pod) and needs_it(pod)), None)

    def serves() -> bool:
        pod = there()
        return pod is not None and not _is_down(pod, hands)

    pod = there()
    if pod is not None and kube.is_ready(pod) and not hands.rehearsal:
        _wait_for_successors(rung, target, hands, serves)
        pod = there()
    if pod is None:
        return
    ref = kube.ref_of(pod, kube.POD)
    if kube.is_ready(pod):
        yield Change(ref, f"evicted {ref}", partial(_evict, ref, hands, serves))
    else:
        yield Change(ref, f"deleted {ref}", partial(hands.cluster.delete, ref))


def _is_down(pod: Object, hands: Hands) -> bool:
    """Whether it serves nobody, and not just for a moment: while a probe fails, or a program starts."""
    return not kube.is_ready(pod) and complaint(pod, hands.clock.now(), UNSEEN) is not None


def _evict(ref: ObjectRef, hands: Hands, serves: Callable[[], bool]) -> None:
    """The pod is on its way out, within its disruption budget.

    Raises:
        Refused: the budget did not let it go in time.
        Conflict: it serves nobody any more, so that no budget is in its way: it is to be decided on anew.
    """

    def goes(asked: Callable[[], bool]) -> bool:
        def gone() -> bool:
            if asked():
                return True
            if not serves():
                raise Conflict(f"{ref} serves nobody any more")
            return False

        return hands.until(gone)

    draining.evict(hands.cluster, ref, goes)


def _wait_for_successors(rung: Rung, target: ObjectRef, hands: Hands, serves: Callable[[], bool]) -> None:
    """As many pods serve as when the rung was planned, or as are wanted by now; or the pod `serves` no more.

    The pods themselves are counted: the workload's status may be that of a moment ago.
    """
    serving, wanted = 0, 0

    def enough() -> bool:
        nonlocal serving, wanted
        body = hands.whole(target)
        serving, wanted = len(_serving(body, target, hands)), kube.desired_replicas(body)
        return serving >= min(rung.serving, wanted)

    if not hands.until(lambda: enough() or not serves()):
        raise CannotStart(f"only {serving} of {wanted} pods of {target} serve: none of them is taken away")


def _serving(body: Object, target: ObjectRef, hands: Hands) -> Sequence[Object]:
    pods = hands.cluster.list(kube.POD, target.namespace, labels=kube.selector_of(body)).items
    return [pod for pod in pods if kube.is_ready(pod)]


def _still_ill(pod: Object, hands: Hands) -> bool:
    """Whether the pod is worth replacing: a signal says so, or it complains still."""
    if hands.issue.kinds & SIGNAL_OF.keys():
        return True
    return not kube.is_ready(pod) or complaint(pod, hands.clock.now(), UNSEEN) is not None


def _needs(_step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from on(target, "get")
    yield from access("get list delete", "", "pods", target.namespace)
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
    ill = set(_ill(scene.issue, workload, workload.pods))
    others = sorted({p["metadata"]["name"] for p in workload.pods if kube.is_ready(p)} - ill)
    if not ill:
        return "no pod has the symptom"
    if not others:
        return "no other pod is ready to take over"
    pods = tuple(sorted(ill))
    return _rung(step, workload, pods, f"{others[0]} takes over from {', '.join(pods)}")


def _fail_over(_step: FailOver, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    there = [pod for name in rung.pods for pod in _there(name, target, hands) if rung.means(pod)]
    if not there:
        raise CannotStart(f"the pods of {target} that had the symptom are gone by now")
    # those that are marked for deletion and stay, because nobody on their node ends them, come last
    for pod in [each for each in there if not kube.is_deleting(each)] or there:
        _refuse_without_heir(rung, target, hands)
        ref = kube.ref_of(pod, kube.POD)
        if _fenced(pod, hands):
            words = f"removed {ref}, whose node is gone"
            yield Change(ref, words, partial(hands.cluster.delete, ref, grace=0))
        else:
            yield from _replaced(ref.name, rung, target, hands)


def _there(name: str, target: ObjectRef, hands: Hands) -> Iterator[Object]:
    """The pod, if there is one of the name, even on its way out."""
    with suppress(NotFound):
        yield hands.cluster.get(ObjectRef(kube.POD, target.namespace, name))


def _refuse_without_heir(rung: Rung, target: ObjectRef, hands: Hands) -> None:
    """A pod serves that the rung does not replace.

    Raises:
        CannotStart: none does any more.
    """
    if all(map(rung.means, _serving(hands.whole(target), target, hands))):
        raise CannotStart(f"no other pod of {target} is ready to take over by now")


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
