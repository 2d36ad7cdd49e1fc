"""Ends a Litmus engine and makes sure that nothing of its faults is left, operator busy or gone included."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit import kube
from chaoskit.acts.entries import Entry
from chaoskit.acts.replacing import Hands, replace
from chaoskit.clock import Clock
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

UID_LABEL = "chaosUID"
"""Label of everything that an engine made: the engine's uid."""

ENDED = frozenset({"completed", "stopped"})
"""Engine statuses of an engine that has ended."""

INJECTED = "injected"
"""What a ChaosResult calls a target whose fault was not taken back."""

BY_COMMAND = frozenset({"pod-cpu-hog-exec", "pod-memory-hog-exec", "pod-fio-stress"})
"""Litmus' faults that are commands in their targets: it notes no pod before it has killed them all."""

PATIENCE = 240.0
"""Seconds for the operator to end an engine: it works on one at a time and waits up to 180 s for each."""

REVERTS = 30
"""Seconds that a helper gets at least to take its fault back."""

OPERATOR_ANSWERS = 6.0
"""Seconds after which pods that nobody has marked for deletion are deleted by hand."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A pod in which a fault by command may run, as it was known before there was an engine."""

    fault: str
    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class Trail:
    """How to find what an engine made: its name and uid, our run's label, where its targets are.

    An engine that is `ours` is removed once it has ended; somebody's own YAML stays as Litmus leaves it.
    `struck` has every pod that its faults by command may run in; none of a fault whose pods are not known.
    """

    engine: ObjectRef
    run: str
    namespaces: tuple[str, ...]
    ours: bool
    struck: tuple[Struck, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> Trail:
        """The trail that a ``litmus-engine`` entry remembers."""
        kept = entry.before
        struck = tuple(Struck(*each) for each in kept.get("struck") or ())
        return cls(entry.target, kept["run"], tuple(kept["namespaces"]), bool(kept["ours"]), struck)

    def entry(self) -> Entry:
        """The trail as a ledger's entry."""
        struck = [list(dataclasses.astuple(each)) for each in self.struck]
        before = {"run": self.run, "namespaces": list(self.namespaces), "ours": self.ours, "struck": struck}
        return Entry("litmus-engine", self.engine, before=before)

    @property
    def selector(self) -> str:
        """What takes its pods and jobs; engine labels are copied to them, so the run's will do."""
        uid = self.engine.uid
        return f"{UID_LABEL}={uid}" if uid else f"{kube.RUN_LABEL}={self.run}"


_LEFT = {
    "engine": "engine {} has not ended",
    "pod": "pod {} still runs",
    "job": "job {} still runs",
    "policy": "network policy {} is still there",
    "target": "fault still on pod {}",
    "command": (
        "chaosresult {} was never settled: its command may still run, and in which pods is not known; "
        "when it runs in none, delete that result"
    ),
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that an engine left: itself, a pod or job of its own, a policy, a target with its fault.

    A ``command`` is a result whose fault may still run in pods that nobody can name.
    """

    kind: Literal["engine", "pod", "job", "policy", "target", "command"]
    name: str

    def __str__(self) -> str:
        """``pod helper-x still runs``."""
        return _LEFT[self.kind].format(self.name)


def status(engine: Object) -> str:
    """``initialized``, ``completed``, ``stopped``, or "" before the operator has seen it."""
    return str((engine.get("status") or {}).get("engineStatus") or "")


def works(engine: Object) -> bool:
    """Whether the engine has not ended."""
    return status(engine) not in ENDED


def find(cluster: Cluster, trail: Trail) -> Object | None:
    """The run's engine; None when it is gone, or when another has taken its name."""
    ref = trail.engine
    body = kube.found(cluster, ObjectRef(ref.kind, ref.namespace, ref.name))
    if body is None:
        return None
    mine = kube.labels_of(body).get(kube.RUN_LABEL) == trail.run
    return body if mine or (ref.uid and body["metadata"].get("uid") == ref.uid) else None


def end(
    cluster: Cluster,
    clock: Clock,
    trail: Trail,
    *,
    keep: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda _words: None,
) -> tuple[str, ...]:
    """The engine has ended and this is what is left of it, in words: empty when the undo is confirmed.

    `tell` hears of each pod of the application that had to be replaced because its fault was left in it.
    With an engine of ours go its ChaosResults, which Litmus would keep for ever; of somebody's own those that
    nobody will settle any more, of commands that were ended here: else they would be looked for again.
    """
    engine = find(cluster, trail)
    if engine is not None:
        trail = dataclasses.replace(trail, engine=kube.ref_of(engine, kube.CHAOS_ENGINE))
        _stop(cluster, engine, trail.engine)
    left = _wait(cluster, clock, trail, keep)
    replaced = _replace_disturbed_pods(Hands(cluster, clock, keep, tell), trail) if left else frozenset()
    if replaced:
        left = _wait(cluster, clock, trail, keep, replaced)
    if left:
        return tuple(map(str, left))
    stays = _remove(cluster, clock, trail, keep) if trail.ours else ()
    results = _results(cluster, trail)
    _remove_results(cluster, results if trail.ours else filter(_open, results), tell)
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


def _wait(
    cluster: Cluster,
    clock: Clock,
    trail: Trail,
    keep: Callable[[], None],
    replaced: frozenset[str] = frozenset(),
) -> tuple[Leftover, ...]:
    began = clock.monotonic()
    helped = False
    while left := _unfinished(cluster, trail, replaced):
        waited = clock.monotonic() - began
        if waited >= PATIENCE or all(each.kind in {"target", "command"} for each in left):
            return left
        if waited >= OPERATOR_ANSWERS and not helped:
            helped = True
            _delete_by_hand(cluster, trail)
        keep()
        clock.sleep(0.5)
    return ()


def _unfinished(cluster: Cluster, trail: Trail, replaced: frozenset[str]) -> tuple[Leftover, ...]:
    engine = find(cluster, trail)
    if engine is not None and (works(engine) or kube.is_deleting(engine)):
        return (Leftover("engine", trail.engine.name), *leftovers(cluster, trail, replaced))
    return leftovers(cluster, trail, replaced)


def leftovers(cluster: Cluster, trail: Trail, replaced: frozenset[str] = frozenset()) -> tuple[Leftover, ...]:
    """What still runs or is still changed because of the engine; finished jobs are none.

    Pods that were `replaced` carry nothing: a stateful set gives their names to their successors.
    """
    disturbed = (each for each in _injected_pods(cluster, trail) if each["metadata"]["name"] not in replaced)
    return (
        *_working(cluster, trail),
        *_policies(cluster, trail),
        *(Leftover("target", each["metadata"]["name"]) for each in disturbed),
        *(Leftover("command", name) for name in _unnamed(cluster, trail)),
    )


def _working(cluster: Cluster, trail: Trail) -> Iterator[Leftover]:
    namespace = trail.engine.namespace
    for pod in cluster.list(kube.POD, namespace, labels=trail.selector).items:
        if kube.phase(pod) not in {"Succeeded", "Failed"} or kube.is_deleting(pod):
            yield Leftover("pod", pod["metadata"]["name"])
    for job in cluster.list(kube.JOB, namespace, labels=trail.selector).items:
        if (job.get("status") or {}).get("active"):
            yield Leftover("job", job["metadata"]["name"])


def _policies(cluster: Cluster, trail: Trail) -> Iterator[Leftover]:
    for namespace in dict.fromkeys((trail.engine.namespace, *trail.namespaces)):
        try:
            found = cluster.list(kube.NETWORK_POLICY, namespace, labels=trail.selector).items
        except Forbidden:
            continue  # without that right this engine's fault was never allowed to make one
        for policy in found:
            yield Leftover("policy", policy["metadata"]["name"])


def _results(cluster: Cluster, trail: Trail) -> tuple[Object, ...]:
    return cluster.list(kube.CHAOS_RESULT, trail.engine.namespace, labels=trail.selector).items


def _injected_pods(cluster: Cluster, trail: Trail) -> Iterator[Object]:
    """Pods that the fault is in, or may be, and that still exist: what is in a pod goes with the pod."""
    results = _results(cluster, trail)
    noted = [name for result in results for name in injected(result)]
    told = [name for each in filter(_open, results) for name in _told(cluster, trail, _fault(each))]
    struck = [(each.namespace, each.pod) for each in _struck(trail, results)]
    places = [(namespace, name) for name in (*noted, *told) for namespace in trail.namespaces]
    for namespace, name in dict.fromkeys((*places, *struck)):
        pod = kube.found(cluster, ObjectRef(kube.POD, namespace, name))
        if pod is not None:
            yield pod


def _open(result: Object) -> bool:
    """Whether it is of commands that Litmus has not told to have killed.

    Without any result nothing was begun: Litmus makes it first. What an earlier run of the same name has left
    in the history of one that is open says nothing of this run.
    """
    told = ((result.get("status") or {}).get("experimentStatus") or {}).get("verdict")
    return _fault(result) in BY_COMMAND and told in {None, "", "Awaited"}


def _fault(result: Object) -> str:
    return str((result.get("spec") or {}).get("experiment"))


def _struck(trail: Trail, results: Iterable[Object]) -> Iterator[Struck]:
    """Those in which a command may still run, by name: a successor of that name may have been chosen, too."""
    faults = {_fault(each) for each in results if _open(each)}
    return (each for each in trail.struck if each.fault in faults)


def _unnamed(cluster: Cluster, trail: Trail) -> Iterator[str]:
    """Names of the results whose commands may run in pods of which neither the trail nor an event tells."""
    known = {each.fault for each in trail.struck}
    for each in filter(_open, _results(cluster, trail)):
        if _fault(each) not in known and not _told(cluster, trail, _fault(each), whole=True):
            yield each["metadata"]["name"]


def _told(cluster: Cluster, trail: Trail, fault: str, *, whole: bool = False) -> tuple[str, ...]:
    """The pods that events name as those of a fault by command; with `whole` only when these are all.

    Litmus has one event for each engine and fault, names in it the last pod alone, and counts the others. It
    goes after an hour.
    """
    if not trail.engine.uid:
        return ()
    about = f"involvedObject.uid={trail.engine.uid}"
    try:
        events = cluster.list(kube.EVENT, trail.engine.namespace, fields=about).items
    except Forbidden:
        return ()
    begun = [each for each in events if each.get("reason") == "ChaosInject"]
    named = [(each, _IN_POD.fullmatch(str(each.get("message")))) for each in begun]
    return tuple(
        told["pod"]
        for each, told in named
        if told is not None and told["fault"] == fault and not (whole and (each.get("count") or 1) > 1)
    )


_IN_POD = re.compile(r"Injecting (?P<fault>\S+) chaos on (?!application pod)(?P<pod>\S+) pod")
"""What Litmus says of commands in a pod; of all other faults it says "application pod"."""


def injected(result: Object) -> tuple[str, ...]:
    """Names of the pods that a ChaosResult calls injected: in its annotations or in its history."""
    marks = kube.annotations_of(result).items()
    noted = [key.partition("/")[2] for key, value in marks if key.startswith("pod/") and value == INJECTED]
    history: dict[str, Any] = (result.get("status") or {}).get("history") or {}
    told = [
        target["name"]
        for target in history.get("targets") or ()
        if target.get("chaosStatus") == INJECTED and target.get("kind", "pod") == "pod"
    ]
    return tuple(dict.fromkeys((*noted, *told)))


def _delete_by_hand(cluster: Cluster, trail: Trail) -> None:
    """Jobs and pods of the engine get their signal, as the operator would send it, if that is allowed."""
    namespace = trail.engine.namespace
    try:
        for kind in (kube.JOB, kube.POD):
            for body in cluster.list(kind, namespace, labels=trail.selector).items:
                if not kube.is_deleting(body) and not _finished(kind is kube.JOB, body):
                    cluster.delete(kube.ref_of(body, kind), grace=_grace(body) if kind is kube.POD else None)
        for place in trail.namespaces:
            for body in cluster.list(kube.NETWORK_POLICY, place, labels=trail.selector).items:
                cluster.delete(kube.ref_of(body, kube.NETWORK_POLICY))
    except Forbidden:
        return  # then it is for the operator alone; the wait goes on


def _grace(pod: Object) -> int:
    """A helper that is asked to end takes its fault back; where the engine is silent, Litmus gives it 0 s."""
    return max(REVERTS, int(pod["spec"].get("terminationGracePeriodSeconds") or 0))


def _finished(is_job: bool, body: Object) -> bool:
    if is_job:
        return not (body.get("status") or {}).get("active")
    return kube.phase(body) in {"Succeeded", "Failed"}


def _replace_disturbed_pods(hands: Hands, trail: Trail) -> frozenset[str]:
    """Names of the pods that still carried the fault and are gone; their owners make new ones.

    What is in a sandbox goes with it. One at a time: the next goes when as many serve as before.
    """
    owned = [pod for pod in _injected_pods(hands.cluster, trail) if kube.owner(pod) is not None]
    return frozenset(pod["metadata"]["name"] for pod in owned if replace(hands, pod))


def _remove(cluster: Cluster, clock: Clock, trail: Trail, keep: Callable[[], None]) -> tuple[str, ...]:
    until = clock.monotonic() + PATIENCE
    if find(cluster, trail) is not None:
        cluster.delete(trail.engine)
    while find(cluster, trail) is not None:
        if clock.monotonic() >= until:
            return (f"engine {trail.engine.name} is marked for deletion; its operator does not let it go",)
        keep()
        clock.sleep(0.5)
    return ()


def _remove_results(cluster: Cluster, results: Iterable[Object], tell: Callable[[str], None]) -> None:
    for body in results:
        ref = kube.ref_of(body, kube.CHAOS_RESULT)
        try:
            cluster.delete(ref)
        except Forbidden as error:
            tell(f"{ref} stays: {error.message}")
