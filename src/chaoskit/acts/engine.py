"""Ends a Litmus engine and makes sure that nothing of its faults is left, operator busy or gone included."""

from __future__ import annotations

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

PATIENCE = 240.0
"""Seconds for the operator to end an engine: it works on one at a time and waits up to 180 s for each."""

REVERTS = 30
"""Seconds that a helper gets at least to take its fault back."""

OPERATOR_ANSWERS = 6.0
"""Seconds after which pods that nobody has marked for deletion are deleted by hand."""


@dataclass(frozen=True, slots=True)
class Trail:
    """How to find what an engine made: its name and uid, our run's label, where its targets are.

    An engine that is `ours` is removed once it has ended; somebody's own YAML stays as Litmus leaves it.
    """

    engine: ObjectRef
    run: str
    namespaces: tuple[str, ...]
    ours: bool

    @classmethod
    def of(cls, entry: Entry) -> Trail:
        """The trail that a ``litmus-engine`` entry remembers."""
        kept = entry.before
        return cls(entry.target, kept["run"], tuple(kept["namespaces"]), bool(kept["ours"]))

    def entry(self) -> Entry:
        """The trail as a ledger's entry."""
        before = {"run": self.run, "namespaces": list(self.namespaces), "ours": self.ours}
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
}


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that an engine left: itself, a pod or job of its own, a policy, a target with its fault."""

    kind: Literal["engine", "pod", "job", "policy", "target"]
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
    With an engine of ours go its ChaosResults, which Litmus would keep for ever.
    """
    engine = find(cluster, trail)
    if engine is not None:
        trail = Trail(kube.ref_of(engine, kube.CHAOS_ENGINE), trail.run, trail.namespaces, trail.ours)
        _stop(cluster, engine, trail.engine)
    left = _wait(cluster, clock, trail, keep)
    replaced = _replace_disturbed_pods(Hands(cluster, clock, keep, tell), trail) if left else frozenset()
    if replaced:
        left = _wait(cluster, clock, trail, keep, replaced)
    if left or not trail.ours:
        return tuple(map(str, left))
    stays = _remove(cluster, clock, trail, keep)
    _remove_results(cluster, trail, tell)
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
        if waited >= PATIENCE or all(each.kind == "target" for each in left):
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


def _injected_pods(cluster: Cluster, trail: Trail) -> Iterator[Object]:
    """Pods that Litmus says are injected and that still exist: what is in a pod goes with the pod."""
    results = cluster.list(kube.CHAOS_RESULT, trail.engine.namespace, labels=trail.selector).items
    named = [name for result in results for name in injected(result)]
    for name in dict.fromkeys((*named, *_by_command(cluster, trail, results))):
        for namespace in trail.namespaces:
            pod = kube.found(cluster, ObjectRef(kube.POD, namespace, name))
            if pod is not None:
                yield pod


def _by_command(cluster: Cluster, trail: Trail, results: Iterable[Object]) -> Iterator[str]:
    """Names of the pods in which commands were started for a result that was never settled.

    Litmus notes them only when it has killed them; before that an event alone tells where they run.
    """
    open_ = {str((each.get("spec") or {}).get("experiment")) for each in results if not _settled(each)}
    if not open_ or not trail.engine.uid:
        return
    about = f"involvedObject.uid={trail.engine.uid}"
    try:
        events = cluster.list(kube.EVENT, trail.engine.namespace, fields=about).items
    except Forbidden:
        return  # who may not see events did not see any under the fault either
    for event in events:
        told = _IN_POD.fullmatch(str(event.get("message")))
        if told is not None and event.get("reason") == "ChaosInject" and told["fault"] in open_:
            yield told["pod"]


_IN_POD = re.compile(r"Injecting (?P<fault>\S+) chaos on (?P<pod>\S+) pod")
"""What Litmus says of commands in a pod; of all other faults it says "application pod"."""


def _settled(result: Object) -> bool:
    told = ((result.get("status") or {}).get("experimentStatus") or {}).get("verdict")
    return told not in {None, "", "Awaited"}


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


def _remove_results(cluster: Cluster, trail: Trail, tell: Callable[[str], None]) -> None:
    for body in cluster.list(kube.CHAOS_RESULT, trail.engine.namespace, labels=trail.selector).items:
        ref = kube.ref_of(body, kube.CHAOS_RESULT)
        try:
            cluster.delete(ref)
        except Forbidden as error:
            tell(f"{ref} stays: {error.message}")
