"""Decides from what was read whether a condition holds; a reading that is missing is neither yes nor no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chaoskit import crashes, kube
from chaoskit.ports.cluster import ExecResult, Object
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample
from chaoskit.steadystate.conditions import (
    AlertCondition,
    CommandCondition,
    HttpCondition,
    SignalCondition,
    WorkloadCondition,
    WorkloadElsewhere,
)

LONGEST = 200
"""Characters that are told of what a command said."""

FRESH = timedelta(seconds=60)
"""Samples that are so much older than the newest one are of pods that are gone."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a condition held (None: it could not be evaluated), what was seen and what was wanted.

    `measured` is what was seen as a number, where it is one; `lacks` says what could not be looked at for it.
    """

    held: bool | None
    observed: str
    expected: str
    measured: Measurement | None = None
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number in its unit, with the bound that it must stay above (`least`) or below (`most`), if any."""

    value: float
    unit: str = ""
    least: float | None = None
    most: float | None = None


def signal(condition: SignalCondition, samples: Iterable[Sample]) -> Judgement:
    """The worst fresh sample is on the right side of the bound; no sample is no judgement.

    Samples carry Prometheus' own time, which need not be ours: they are compared with each other, and
    whether the newest is recent is the metrics source's to say.
    """
    below = condition.below is not None
    bound = condition.below if condition.below is not None else condition.above
    unit = condition.measured.unit
    expected = f"{'below' if below else 'above'} {bound:g} {unit if unit != 'ratio' else ''}".rstrip()
    known = [each for each in samples if each.value == each.value]
    newest = max((each.at for each in known), default=None)
    fresh = [each for each in known if newest is not None and newest - each.at <= FRESH]
    if not fresh:
        return Judgement(None, "no fresh sample", expected)
    worst = max(fresh, key=lambda each: each.value if below else -each.value)
    held = worst.value < (bound or 0) if below else worst.value > (bound or 0)
    measured = Measurement(worst.value, unit, least=condition.above, most=condition.below)
    return Judgement(held, _at(worst), expected, measured)


def _at(sample: Sample) -> str:
    named = (sample.labels.get(each) for each in ("pod", "workload", "node"))
    every = (f"{name}={value}" for name, value in sorted(sample.labels.items()) if name != "__name__")
    whose = next(filter(None, named), "") or ",".join(every)
    return f"{sample.value:.4g}" + (f" at {whose}" if whose else "")


def workload(condition: WorkloadCondition, body: Object | None) -> Judgement:
    """The workload has enough ready pods, or its condition is true; an absent workload has none."""
    if condition.condition:
        expected = f"{condition.condition} is True"
        if body is None:
            return Judgement(False, "no such workload", expected)
        found = kube.condition(body, condition.condition)
        if found is None:
            return Judgement(None, "no such condition", expected)
        return Judgement(found.get("status") == "True", str(found.get("status")), expected)
    if body is None:
        return Judgement(False, "no such workload", f"{condition.ready or 'all'} ready")
    wanted = kube.desired_replicas(body) if condition.ready is None else condition.ready
    ready = kube.ready_replicas(body)
    return Judgement(ready >= wanted, f"{ready} ready", f"{wanted} ready", Measurement(ready, "pods", wanted))


def elsewhere(condition: WorkloadElsewhere, body: Object | None) -> Judgement:
    """As many pods are ready as before, or as its owner wants by now; what somebody removed lacks none."""
    if body is None:
        return Judgement(True, "removed by somebody", f"{condition.ready} ready")
    wanted = min(kube.desired_replicas(body), condition.ready or 0)
    return workload(condition.model_copy(update={"ready": wanted}), body)


def lasting(judged: Judgement, pods: Iterable[Object], now: datetime) -> bool:
    """Whether so many of these pods are ready, and have run for long, that no crash is to be looked for."""
    least = (judged.measured and judged.measured.least) or 0
    return sum(crashes.lasts(each, now) for each in pods) >= least


def steadily(
    judged: Judgement, pods: Iterable[Object], now: datetime, watched: frozenset[crashes.Run]
) -> Judgement:
    """The same of a workload that has enough ready pods, unless it has them for a moment between two crashes.

    These are its pods, no older than what was judged: where one crashed of late they say how many are ready.
    `watched` has what was seen to run for long.
    """
    alive = [each for each in pods if kube.is_alive(each)]
    found = ((each["metadata"]["name"], crashes.unsteady(each, now, watched)) for each in alive)
    crashed = {name: words for name, words in found if words}
    if judged.measured is None or not crashed:
        return judged
    back = sum(kube.is_ready(each) and each["metadata"]["name"] not in crashed for each in alive)
    if back >= (judged.measured.least or 0):
        return judged
    words = next(iter(crashed.values()))
    return Judgement(
        False, f"{judged.observed}, but {words}", judged.expected, replace(judged.measured, value=back)
    )


def answer(condition: HttpCondition, response: Response) -> Judgement:
    """The answer has the status and the text."""
    expected = f"status {condition.status}"
    observed = f"status {response.status} in {response.seconds * 1000:.0f} ms"
    took = Measurement(response.seconds, "seconds")
    if response.status != condition.status:
        return Judgement(False, observed, expected, took)
    if condition.contains and condition.contains not in response.text:
        wanted = f'{expected} with "{condition.contains}"'
        return Judgement(False, f"{observed}, without the text", wanted, took)
    return Judgement(True, observed, expected, took)


def command(condition: CommandCondition, ended: ExecResult) -> Judgement:
    """The command ended so, and wrote the text."""
    expected = f"exit {condition.exit_code}"
    said = (ended.stdout.strip() or ended.stderr.strip()).splitlines()
    observed = f"exit {ended.exit_code}" + (f": {_cut(said[-1])}" if said else "")
    if ended.exit_code != condition.exit_code:
        return Judgement(False, observed, expected)
    if condition.contains and condition.contains not in ended.stdout:
        return Judgement(False, f"{observed}, without the text", f'{expected} with "{condition.contains}"')
    return Judgement(True, observed, expected)


def _cut(line: str) -> str:
    """So much of the line as one can read; that it went on is seen, and so is a secret that ended there."""
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def alerts(condition: AlertCondition, firing: Iterable[Alert]) -> Judgement:
    """None of the alerts with this name and these labels fires."""
    hit = [
        each
        for each in firing
        if each.name == condition.name and each.state == "firing" and _has(each.labels, condition.labels)
    ]
    observed = f"firing since {hit[0].since.isoformat(timespec='seconds')}" if hit else "not firing"
    return Judgement(not hit, observed, "not firing")


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())
