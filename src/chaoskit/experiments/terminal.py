"""Decides from what was seen of an engine, its results, pods and events whether its run has ended, and how.

Pure: `seen` folds one change after another into an `Observed`, `decide` reads it. Recordings can be
replayed through both. Times are seconds of one monotonic clock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chaoskit import kube
from chaoskit.acts.leftovers import injected as still_injected
from chaoskit.acts.trail import UID_LABEL, status
from chaoskit.experiments import litmus, stuck
from chaoskit.experiments.stuck import Troubles
from chaoskit.ports.cluster import Object

START_FAILS = 20.0
NO_OPERATOR = 30.0
RESULT_LAGS = 10.0
STOP_LAGS = 240.0

SETTLED = frozenset({"Pass", "Fail", "Error", "Stopped"})
_MARKS = frozenset({"injected", "reverted", "targeted"})
_SKIPPED = frozenset({"ChaosExperiment Not Found", "Skipped"})

How = Literal["settled", "stopped", "deleted", "no-result", "died", "cannot-start"]
Told = Literal["first", "last", "marked", "reverted", "checked", "settled"]
"""First and last injection, a target marked as injected, all of it reverted, the checks after it done, a
verdict and nothing left."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the engine's run ended, in words; ``settled`` means that every experiment has a verdict."""

    how: How
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of one engine's run.

    `uid` is the engine's; `old` are the versions of results that were there before it: a result that has
    not changed since, or that another engine made, is never read. `pods` are the engine's own, `since`
    and each pod's `troubles` say when something first was as it is, `moments` when what was told of an
    experiment's fault.
    """

    name: str
    uid: str
    began: float
    experiments: tuple[str, ...]
    old: Mapping[str, str] = field(default_factory=dict)
    engine: Object | None = None
    gone: bool = False
    results: Mapping[str, Object] = field(default_factory=dict)
    pods: Mapping[str, Object] = field(default_factory=dict)
    injections: Mapping[str, int] = field(default_factory=dict)
    checked: Mapping[str, str] = field(default_factory=dict)
    complaint: str = ""
    since: Mapping[str, float] = field(default_factory=dict)
    troubles: Mapping[str, Troubles] = field(default_factory=dict)
    moments: Mapping[tuple[Told, str], float] = field(default_factory=dict)

    def result(self, experiment: str) -> Object | None:
        """The fresh ChaosResult of an experiment, or None."""
        prefix = f"{self.name}-{experiment}"
        exact = self.results.get(prefix)
        if exact is not None:
            return exact
        of = (body for body in self.results.values() if body["spec"].get("experiment") == experiment)
        return next(of, None)

    def verdict(self, experiment: str) -> str:
        """Litmus' word for the experiment; ``Awaited`` until it has settled, "" without a result."""
        found = self.result(experiment)
        if found is None:
            return ""
        inner = (found.get("status") or {}).get("experimentStatus") or {}
        return str(inner.get("verdict") or "Awaited")

    @property
    def injected(self) -> bool:
        """Whether any injection was announced."""
        return any(self.injections.values())


def seen(observed: Observed, kind: str, type_: str, body: Object, now: float) -> Observed:
    """What is known after this change of a ChaosEngine, ChaosResult, Pod or Event."""
    match kind:
        case "ChaosEngine":
            return _engine(observed, type_, body, now)
        case "ChaosResult":
            return _result(observed, type_, body, now)
        case "Pod":
            return _pod(observed, type_, body, now)
        case "Event":
            return _event(observed, type_, body, now)
        case _:
            return observed


def _engine(observed: Observed, type_: str, body: Object, now: float) -> Observed:
    if body["metadata"]["name"] != observed.name or body["metadata"].get("uid") != observed.uid:
        return observed
    after = dataclasses.replace(observed, engine=body, gone=type_ == "DELETED")
    stands = f"engine {status(body)} {body['spec'].get('engineState', '')} {kube.is_deleting(body)}"
    return _mark(after, "engine ", {stands}, now)


def _result(observed: Observed, type_: str, body: Object, now: float) -> Observed:
    meta = body["metadata"]
    fresh = kube.labels_of(body).get(UID_LABEL) == observed.uid
    unchanged = observed.old.get(meta["name"]) == meta.get("resourceVersion", "")
    if not fresh or unchanged or type_ == "DELETED":
        return observed
    before = observed.results.get(meta["name"])
    after = dataclasses.replace(observed, results={**observed.results, meta["name"]: body})
    return _settled(_reverted(after, before, body, now), body, now)


def _settled(observed: Observed, body: Object, now: float) -> Observed:
    """A verdict ends a fault that is in no target any more; of what was stopped it may come before that."""
    experiment = str(body["spec"].get("experiment"))
    rests = still_injected(body) or "injected" in _marks(body).values()
    if rests or observed.verdict(experiment) not in SETTLED:
        return observed
    return dataclasses.replace(observed, moments={("settled", experiment): now, **observed.moments})


def _reverted(observed: Observed, before: Object | None, body: Object, now: float) -> Observed:
    """Helpers mark each target ``injected``, then ``reverted``; with its verdict a result has no marks."""
    marks = _marks(body)
    if not marks or (before is not None and _marks(before) == marks):
        return observed
    experiment, words = str(body["spec"].get("experiment")), set(marks.values())
    key: tuple[Told, str] = ("reverted", experiment)
    told = {each: at for each, at in observed.moments.items() if each != key}
    if "injected" in words:
        told = {("marked", experiment): now, **told}
    elif "reverted" in words:
        told[key] = now
    return dataclasses.replace(observed, moments=told)


def _marks(result: Object) -> Mapping[str, str]:
    return {key: word for key, word in kube.annotations_of(result).items() if word in _MARKS}


def _pod(observed: Observed, type_: str, body: Object, now: float) -> Observed:
    if kube.labels_of(body).get(UID_LABEL) != observed.uid:
        return observed
    name = body["metadata"]["name"]
    known = stuck.troubles(body, observed.troubles.get(name, {}), now)
    pods, troubles = {**observed.pods, name: body}, {**observed.troubles, name: known}
    if type_ == "DELETED":
        del pods[name], troubles[name]
    return dataclasses.replace(observed, pods=pods, troubles=troubles)


def _event(observed: Observed, type_: str, body: Object, now: float) -> Observed:
    about = body.get("involvedObject") or body.get("regarding") or {}
    if about.get("uid") != observed.uid or type_ == "DELETED":
        return observed
    reason, message = body.get("reason"), str(body.get("message") or body.get("note") or "")
    name = body["metadata"]["name"]
    if reason == "ChaosInject":
        return _injection(observed, name, int(body.get("count") or 1), now)
    if reason == "PostChaosCheck":
        moments = {("checked", _experiment(observed, reason, name)): now, **observed.moments}
        return dataclasses.replace(observed, moments=moments)
    if reason == "PreChaosCheck":
        checked = {**observed.checked, name: message}
        return dataclasses.replace(observed, checked=checked)
    if reason == "ChaosResourcesOperationFailed" and "(chaos start)" in message:
        after = dataclasses.replace(observed, complaint=message)
        return _mark(after, "start ", {"start fails"}, now)
    return observed


def _mark(observed: Observed, about: str, true: set[str], now: float) -> Observed:
    """`since` remembers what is true of `about` now: when it began, if it was so before."""
    others = {key: at for key, at in observed.since.items() if not key.startswith(about)}
    known = {key: observed.since.get(key, now) for key in true}
    return dataclasses.replace(observed, since={**others, **known})


def _injection(observed: Observed, name: str, count: int, now: float) -> Observed:
    """One event counts all injections of an experiment: each is written once more into it."""
    if observed.injections.get(name) == count:
        return observed
    experiment = _experiment(observed, "ChaosInject", name)
    return dataclasses.replace(
        observed,
        injections={**observed.injections, name: count},
        moments={("first", experiment): now, **observed.moments, ("last", experiment): now},
    )


def _experiment(observed: Observed, reason: str, name: str) -> str:
    """Whose event it is: its name is the reason, the experiment and a uid; "" where it is of none.

    One experiment's name may begin with another's: ``pod-cpu-hog-exec`` does not tell of ``pod-cpu-hog``.
    """
    rest = name.removeprefix(reason)
    return max((each for each in observed.experiments if rest.startswith(each)), key=len, default="")


def injected_of(observed: Observed, experiment: str) -> bool:
    """Whether an injection of this experiment was announced."""
    counts = observed.injections.items()
    return any(count and _experiment(observed, "ChaosInject", name) == experiment for name, count in counts)


def marked_of(observed: Observed, experiment: str) -> bool:
    """Whether a helper of this experiment was seen to mark a target as injected."""
    return ("marked", experiment) in observed.moments


def over(observed: Observed, strikes: Mapping[str, float], shown: Collection[str] = ()) -> float | None:
    """When the last of the engine's faults was over; None while Litmus has not told it of each of them.

    A verdict settles long after that: probes, a ramp and the wait for whole targets come between. What is
    taken back is over with the last mark of it, else with the checks afterwards. Of `strikes`, which leave
    nothing to take back, it is known how many seconds they go on: they wait for whole targets in between.
    Those that were `shown` no event announces.
    """
    injected = [each for each in observed.experiments if each in shown or injected_of(observed, each)]
    ends = [_over(observed, each, strikes.get(each)) for each in injected]
    known = [each for each in ends if each is not None]
    return max(known) if known and len(known) == len(ends) else None


def _over(observed: Observed, experiment: str, lasting: float | None) -> float | None:
    told = observed.moments
    end = told.get(
        ("reverted", experiment), told.get(("checked", experiment), told.get(("settled", experiment)))
    )
    if lasting is None or end is None:
        return end
    if observed.verdict(experiment) == "Stopped":
        lasting = 0.0  # no strike comes after the last one
    return min(end, max(told["last", experiment], told["first", experiment] + lasting))


def decide(observed: Observed, now: float) -> Ending | None:
    """How the run has ended, or None while it has not."""
    if observed.experiments and all(observed.verdict(each) in SETTLED for each in observed.experiments):
        return Ending("settled")
    engine = observed.engine
    if observed.gone:
        return Ending("deleted", f"engine {observed.name} was deleted")
    if engine is None:
        return None
    return _of_status(observed, engine, now) or _early(observed, engine, now)


def _of_status(observed: Observed, engine: Object, now: float) -> Ending | None:
    stands = status(engine)
    waited = now - max((at for key, at in observed.since.items() if key.startswith("engine ")), default=now)
    if stands == "stopped":
        return Ending("stopped", f"engine {observed.name} was stopped")
    if stands == "completed" and waited >= RESULT_LAGS:
        missing = [each for each in observed.experiments if not observed.verdict(each)]
        if missing:
            return Ending("no-result", f"Litmus completed without a ChaosResult for {', '.join(missing)}")
        return Ending("died", "the experiment's pod died: its ChaosResult still says Awaited")
    stopping = engine["spec"].get("engineState") == "stop" or kube.is_deleting(engine)
    if stands == "initialized" and stopping and waited >= STOP_LAGS:
        return Ending("stopped", f"engine {observed.name} was told to stop; its operator has not done so")
    return None


def _early(observed: Observed, engine: Object, now: float) -> Ending | None:
    """What makes waiting useless, long before the time allowed is over."""
    stands = status(engine)
    if not stands and engine["spec"].get("engineState") == "stop":
        return Ending("cannot-start", "engineState is stop: nothing will happen", "set it to active")
    if not stands and now - observed.began >= NO_OPERATOR:
        reason = f"no Litmus operator has taken up engine {observed.name} in {NO_OPERATOR:g} s"
        hint = "none looks at that namespace, or it is busy with another engine: chaoskit doctor"
        return Ending("cannot-start", reason, hint)
    runner = f"{observed.name}-runner"
    if runner not in observed.pods and _lasted(observed, "start fails", now) >= START_FAILS:
        reason = f"the operator cannot start it: {observed.complaint}"
        hint = "ChaosExperiment and service account must be there, and Pod Security and quotas let its pod in"
        return Ending("cannot-start", reason, hint)
    for entry in experiment_statuses(engine):
        if entry.get("status") in _SKIPPED:
            reason = f"Litmus skipped {entry.get('name')}: {entry['status']}"
            return Ending("cannot-start", reason, "its ChaosExperiment, ConfigMaps and Secrets must be there")
    pulls = litmus.check_seconds(engine)
    endings = (_stuck(observed, pod, now, pulls) for pod in observed.pods.values())
    return next((ending for ending in endings if ending is not None), None)


def experiment_statuses(engine: Object) -> tuple[Mapping[str, Any], ...]:
    """The engine's ``status.experiments``; none before the runner has written them."""
    return tuple((engine.get("status") or {}).get("experiments") or ())


def _stuck(observed: Observed, pod: Object, now: float, pulls: float) -> Ending | None:
    found = stuck.told(pod, observed.troubles.get(pod["metadata"]["name"], {}), now, pulls=pulls)
    return None if found is None else Ending("cannot-start", *found)


def _lasted(observed: Observed, what: str, now: float) -> float:
    return now - observed.since.get(what, now)
