"""One run's journal: what is told and when, and the record that is made of it in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chaoskit.acts.engine import Trail
from chaoskit.clock import Clock
from chaoskit.events import ClusterEvent, Event, Listener, Mark, Progress, Step, Warned, both, ignore
from chaoskit.experiments import verdict
from chaoskit.experiments.evidence import Evidence
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.terminal import Observed
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.records import Moment, RunRecord, Undo, new_id
from chaoskit.steadystate.monitor import Observation


@dataclass(slots=True)
class Course:
    """What is known of one run, as far as it has come."""

    plan: Plan | None = None
    trail: Trail | None = None
    observed: Observed | None = None
    evidence: Evidence | None = None
    undone: Undo = field(default_factory=lambda: Undo("none needed"))
    injected_at: datetime | None = None
    injected_until: datetime | None = None

    @property
    def disturbed(self) -> bool:
        """Whether an injection was announced or seen on a target: what breaks now breaks under the fault."""
        return self.injected_at is not None or (self.evidence is not None and self.evidence.affected)


class Journal:
    """The timeline of one run, told to whoever listens."""

    def __init__(self, clock: Clock, listen: Listener, trace_id: str = "", *, run: str = "") -> None:
        self.began = clock.now()
        self.run = run or new_id(self.began)
        self.trace_id = trace_id or self.run
        self.timeline: list[Moment] = []
        self._clock = clock
        self._listen = listen
        self._warned = ""

    def also(self, listen: Listener) -> None:
        """This listener hears everything as well, what was told already first."""
        for each in self.timeline:
            listen(Step(each.at, run=self.run, name=each.name, mark=each.mark, detail=each.detail))
        self._listen = both(self._listen, listen)

    def step(self, name: str, mark: Mark, detail: str = "") -> None:
        """A step is in the timeline and was told."""
        self.tell(Step(self._clock.now(), run=self.run, name=name, mark=mark, detail=detail))

    def warn(self, message: str) -> None:
        """The warning is in the timeline and was told, once while nothing else is warned of."""
        if message != self._warned:
            self._warned = message
            self.tell(Warned(self._clock.now(), run=self.run, message=message))

    def heard(self, about: str, reason: str, message: str) -> None:
        """What the cluster said about an object is in the timeline and was told."""
        self.tell(ClusterEvent(self._clock.now(), run=self.run, object=about, reason=reason, message=message))

    def progress(self, name: str, done: float, total: float) -> None:
        """So many of the fault's seconds have passed."""
        self.tell(Progress(self._clock.now(), run=self.run, name=name, done=done, total=total, unit="s"))

    def tell(self, event: Event) -> None:
        """The event was told; steps, warnings and the cluster's events are in the timeline."""
        step = event.step if isinstance(event, Warned) else event
        if isinstance(step, Step):
            self.timeline.append(Moment(step.at, step.name, step.mark, step.detail))
        elif isinstance(event, ClusterEvent):
            self.timeline.append(Moment(event.at, event.object, "note", f"{event.reason}: {event.message}"))
        self._listen(event)

    def mute(self) -> None:
        """From here on nobody is told: a listener that fails must not keep the undo from its end."""
        self._listen = ignore

    def record(
        self, trial: Trial, course: Course, seen: list[Observation], judged: Judged, cluster: str
    ) -> RunRecord:
        """The record of the run as it has ended now."""
        made = course.plan
        refs = [] if made is None else [ref for each in made.selections.values() for ref in each.workloads]
        return RunRecord(
            id=self.run,
            at=self.began,
            trace_id=self.trace_id,
            name=trial.name,
            namespace=trial.namespace,
            cluster=cluster,
            fault=",".join(trial.asked),
            outcome=judged.outcome,
            reason=judged.reason,
            ended_at=self._clock.now(),
            experiment=trial.document,
            targets=tuple(dict.fromkeys(str(ref) for ref in refs)),
            steady_state=tuple(each.document() for each in seen),
            timeline=tuple(self.timeline),
            litmus=_litmus(trial, course.observed),
            undo=course.undone,
            evidence={
                **({} if course.evidence is None else course.evidence.document()),
                **({} if made is None else {"plan": made.document()}),
                "hint": judged.hint,
            },
            injected_at=course.injected_at,
            injected_until=course.injected_until,
        )


def _litmus(trial: Trial, seen: Observed | None) -> dict[str, Any]:
    if seen is None:
        return {}
    return {
        "engine": seen.name,
        "uid": seen.uid,
        "status": (seen.engine or {}).get("status"),
        "verdicts": {name: seen.verdict(name) for name in seen.experiments},
        "results": {name: (body.get("status") or {}) for name, body in seen.results.items()},
        "probes": [
            {"experiment": each["name"], **_plain(probe)}
            for each in trial.experiments
            for probe in verdict.probes(each, seen.result(each["name"]))
        ],
    }


def _plain(probe: verdict.Probe) -> dict[str, Any]:
    return {
        "name": probe.name,
        "mode": probe.mode,
        "verdict": probe.verdict,
        "description": probe.description,
    }
