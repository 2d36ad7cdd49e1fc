"""Ends a Litmus engine and makes sure that nothing of its faults is left, operator busy or gone included."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from chaoskit import kube
from chaoskit.acts.courses import Course, alone
from chaoskit.acts.leftovers import Leftover, Replaced, at_work, disturbed, leftovers, results_of, unsettled
from chaoskit.acts.means import Means
from chaoskit.acts.replacing import replace
from chaoskit.acts.trail import Trail, find, status, works
from chaoskit.clock import Clock
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

PATIENCE = 240.0
"""Seconds for the operator to end an engine: it works on one at a time and waits up to 180 s for each."""

REVERTS = 30
"""Seconds that a helper gets at least to take its fault back."""

OPERATOR_ANSWERS = 1.0
"""Seconds after which pods that nobody has marked for deletion are deleted by hand: a free operator marks
them within a tenth of a second, one that is busy with another engine lets the fault strike again."""


def end(
    cluster: Cluster,
    clock: Clock,
    trail: Trail,
    *,
    keep: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda _words: None,
) -> tuple[str, ...]:
    """What `ending` comes to; `keep` is called while it waits."""
    return alone(ending(Means(cluster, clock, tell=tell), trail), clock, keep)


def ending(means: Means, trail: Trail) -> Course[tuple[str, ...]]:
    """The engine has ended and this is what is left of it, in words: empty when the undo is confirmed.

    `tell` hears of each pod of the application that had to be replaced because its fault was left in it.
    With an engine of ours go its ChaosResults, which Litmus would keep for ever; of somebody's own those that
    nobody will settle any more, of commands that were ended here: else they would be looked for again.
    """
    engine = find(means.cluster, trail)
    if engine is not None:
        trail = dataclasses.replace(trail, engine=kube.ref_of(engine, kube.CHAOS_ENGINE))
        _stop(means.cluster, engine, trail.engine)
    left = yield from _unfinished_in_time(means, trail)
    if left and (yield from _replace_disturbed_pods(means, trail)):
        left = yield from _unfinished_in_time(means, trail)
    if left:
        return tuple(map(str, left))
    stays = (yield from _remove(means, trail)) if trail.ours else ()
    results = results_of(means.cluster, trail)
    _remove_results(means.cluster, results if trail.ours else filter(unsettled, results), means.tell)
    return stays


def tell_to_stop(cluster: Cluster, trail: Trail) -> None:
    """The engine was told to end, if it has not ended; `end` waits for it."""
    engine = find(cluster, trail)
    if engine is not None:
        _stop(cluster, engine, kube.ref_of(engine, kube.CHAOS_ENGINE))


def _stop(cluster: Cluster, engine: Object, ref: ObjectRef) -> None:
    """The operator is told to stop it; one that no operator has seen is removed.

    Where the engine names no grace period, the operator kills helpers before they take their fault back.
    """
    if not works(engine) or kube.is_deleting(engine):
        return
    if not status(engine) and not engine["metadata"].get("finalizers"):
        cluster.delete(ref)
        return
    if engine["spec"].get("engineState") != "stop":
        graceful = engine["spec"].get("terminationGracePeriodSeconds") or REVERTS
        cluster.patch(ref, {"spec": {"engineState": "stop", "terminationGracePeriodSeconds": graceful}})


def _unfinished_in_time(means: Means, trail: Trail) -> Course[tuple[Leftover, ...]]:
    now, replaced = means.clock.monotonic, _replaced(means, trail)
    end = means.since((trail.engine.namespace, trail.engine.name, frozenset(replaced))) + PATIENCE
    answers = now() + OPERATOR_ANSWERS
    while left := _unfinished(means.cluster, trail, replaced):
        if now() >= end or all(each.kind in {"target", "command"} for each in left):
            return left
        if now() >= answers:  # again and again: what dies may still make helpers
            end_by_hand(means.cluster, trail)
        yield True
    return ()


def _unfinished(cluster: Cluster, trail: Trail, replaced: Replaced) -> tuple[Leftover, ...]:
    engine = find(cluster, trail)
    if engine is not None and (works(engine) or kube.is_deleting(engine)):
        others = leftovers(cluster, trail, replaced)
        return (Leftover("engine" if others else "idle engine", trail.engine.name), *others)
    return leftovers(cluster, trail, replaced)


def end_by_hand(cluster: Cluster, trail: Trail) -> None:
    """Jobs and pods of the engine get their signal, as the operator would send it, if that is allowed."""
    try:
        for job in at_work(cluster, trail, kube.JOB):
            if not kube.is_deleting(job):
                cluster.delete(kube.ref_of(job))
        for pod in at_work(cluster, trail, kube.POD):
            if not kube.is_deleting(pod):
                cluster.delete(kube.ref_of(pod), grace=_grace(pod))
        for place in trail.namespaces:
            for body in cluster.list(kube.NETWORK_POLICY, place, labels=trail.selector).items:
                cluster.delete(kube.ref_of(body, kube.NETWORK_POLICY))
    except Forbidden:
        return  # then it is for the operator alone; the wait goes on


def _grace(pod: Object) -> int:
    """A helper that is asked to end takes its fault back; where the engine is silent, Litmus gives it 0 s."""
    return max(REVERTS, int(pod["spec"].get("terminationGracePeriodSeconds") or 0))


def _replaced(means: Means, trail: Trail) -> dict[tuple[str, str], str]:
    """The pods that had to go because of the engine, however often its undo is begun again."""
    return means.replaced.setdefault((trail.engine.namespace, trail.engine.name), {})


def _replace_disturbed_pods(means: Means, trail: Trail) -> Course[bool]:
    """Whether some of the pods that still carried the fault are gone; their owners make new ones.

    What is in a sandbox goes with it. One at a time: the next goes when as many serve as before.
    """
    replaced, gone = _replaced(means, trail), False
    for pod in [pod for pod in disturbed(means.cluster, trail, replaced) if kube.owner(pod) is not None]:
        meta = pod["metadata"]
        replaced[meta["namespace"], meta["name"]] = meta["uid"]  # before: its answer may be lost
        gone |= yield from replace(means, pod)
    return gone


def _remove(means: Means, trail: Trail) -> Course[tuple[str, ...]]:
    if find(means.cluster, trail) is not None:
        means.cluster.delete(trail.engine)
    if (yield from means.within(PATIENCE, lambda: find(means.cluster, trail) is None)):
        return ()
    return (f"engine {trail.engine.name} is marked for deletion; its operator does not let it go",)


def _remove_results(cluster: Cluster, results: Iterable[Object], tell: Callable[[str], None]) -> None:
    for body in results:
        ref = kube.ref_of(body, kube.CHAOS_RESULT)
        try:
            cluster.delete(ref)
        except Forbidden as error:
            tell(f"{ref} stays: {error.message}")
