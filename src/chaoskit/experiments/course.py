"""The course of one run as far as it is known, and the record that is made of it in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chaoskit import clusters
from chaoskit.acts.trail import Trail
from chaoskit.experiments import verdict
from chaoskit.experiments.evidence import Evidence
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.terminal import Observed
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.journal import Journal
from chaoskit.ports.cluster import Identity
from chaoskit.records import RunRecord, Undo
from chaoskit.steadystate.looks import Observation


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

    def over(self, at: datetime | None) -> None:
        """The fault, where there was one, was over then, if not before; None: that is not known yet."""
        if self.injected_at is not None and self.injected_until is None:
            self.injected_until = at


def recorded(
    journal: Journal, trial: Trial, course: Course, seen: list[Observation], judged: Judged, where: Identity
) -> RunRecord:
    """The record of the run as it has ended now."""
    made = course.plan
    return RunRecord(
        id=journal.run,
        at=journal.began,
        trace_id=journal.trace_id,
        name=trial.name,
        namespace=trial.namespace,
        **clusters.fields(where),
        fault=",".join(trial.asked),
        outcome=judged.outcome,
        reason=judged.reason,
        ended_at=journal.now(),
        experiment=trial.document,
        targets=() if made is None else tuple(map(str, made.aimed)),
        felt=() if made is None else tuple(map(str, made.prepared.felt)),
        steady_state=tuple(each.document() for each in seen),
        timeline=tuple(journal.timeline),
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
