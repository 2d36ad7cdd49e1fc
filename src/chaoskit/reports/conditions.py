"""What a run's steady state came to: each condition over all looks at it, its worst value, its recovery."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from chaoskit.ports.store import Document
from chaoskit.reports.reading import moment, time
from chaoskit.steadystate.gaps import dark

STAGES = ("before", "during", "after", "after undo")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a condition: when, at which stage, whether under the fault, what was seen."""

    at: datetime
    stage: str
    under_fault: bool
    held: bool | None
    observed: str
    value: float | None = None
    tolerated: bool = False
    """Whether it might be broken then: a fault's targets under it, everything while it is taken back."""
    late: bool = False
    """Whether it is one under the fault that was begun when that was over: metrics show it late."""


@dataclass(frozen=True)
class Course:
    """One condition over a whole run.

    `least` and `most` are the bounds of the measured values, in `unit`; `injected_at` and `injected_until`
    are the run's.
    """

    title: str
    expected: str
    looks: tuple[Look, ...]
    unit: str = ""
    least: float | None = None
    most: float | None = None
    injected_at: datetime | None = None
    injected_until: datetime | None = None

    @cached_property
    def under_fault(self) -> tuple[Look, ...]:
        """The looks since the injection."""
        return tuple(each for each in self.looks if each.under_fault)

    @cached_property
    def broken(self) -> tuple[Look, ...]:
        """The looks under the fault at which it did not hold."""
        return tuple(each for each in self.under_fault if each.held is False)

    @property
    def unsteady(self) -> Look | None:
        """The first look before the injection that forbids a verdict: broken, or unknown when it counted."""
        early = (each for each in self.looks if not each.under_fault and not each.tolerated)
        bad = (each for each in early if each.held is False or (each.held is None and each.stage == "before"))
        return next(bad, None)

    @property
    def lost(self) -> bool:
        """Whether it broke during the fault, or had not come back when its time to recover was over."""
        last = {each.stage: each.held for each in self._judged if each.stage != "during"}
        return any(each.stage == "during" and each.held is False for each in self._judged) or (
            False in last.values()
        )

    @property
    def dark(self) -> Look | None:
        """The look that leaves open whether it held: in the dark during the fault, or the last of a stage."""
        during = [each for each in self._judged if each.stage == "during"]
        first = _dark(during)
        if first is not None:
            return during[first]
        last = {each.stage: each for each in self._judged if each.stage != "during"}
        return next((each for each in last.values() if each.held is None), None)

    @property
    def _judged(self) -> Iterator[Look]:
        """The looks under the fault at which it had to hold."""
        return (each for each in self.under_fault if not each.tolerated)

    @property
    def worst(self) -> Look | None:
        """The look under the fault (before it, where nothing was injected) that was worst."""
        seen = self.under_fault or self.looks
        measured = [each for each in seen if each.value is not None]
        if measured:
            sign = 1 if self.least is not None else -1
            return min(measured, key=lambda each: sign * (each.value or 0.0))
        return next((each for each in seen if each.held is False), seen[-1] if seen else None)

    @cached_property
    def during(self) -> tuple[Look, ...]:
        """The looks while the fault lasted."""
        return tuple(each for each in self.under_fault if each.stage == "during")

    @property
    def watched(self) -> bool:
        """Whether it was seen during the fault, without a dark stretch: else nobody knows when it broke."""
        return bool(self.during) and _dark(self.during) is None

    @property
    def broken_at(self) -> datetime | None:
        """Since when it was seen to be broken; None where it never was, or was not seen in between."""
        return self.broken[0].at if self.broken and self.watched else None

    @property
    def regained_at(self) -> datetime | None:
        """From when on it held for good; None where it never broke, or was not seen to hold again."""
        if not self.broken:
            return None
        last = self.broken[-1].at
        return next((each.at for each in self.under_fault if each.at > last and each.held), None)

    @property
    def stays_broken(self) -> bool:
        """Whether it was broken and has not come back since, as far as anybody looked."""
        return bool(self.broken) and self.regained_at is None

    @property
    def at_most(self) -> float | None:
        """Seconds from the injection until it held again, where nobody saw it in between: no more it took."""
        if self.watched or self.injected_at is None or self.regained_at is None:
            return None
        return (self.regained_at - self.injected_at).total_seconds()

    @property
    def seconds_broken(self) -> float | None:
        """How long it was broken; 0 where it never was, None where that is not known or it stayed so."""
        if not self.watched:
            return None
        if not self.broken:
            return 0.0 if any(each.held for each in self.under_fault) else None
        start, end = self.broken_at, self.regained_at
        return None if start is None or end is None else (end - start).total_seconds()

    @property
    def seconds_to_recover(self) -> float | None:
        """How long it was broken once the fault was over; 0 where it was back by then.

        None as above, and where it was broken and the end of the fault is not known.
        """
        broken, end, until = self.seconds_broken, self.regained_at, self.injected_until
        if not broken or end is None:
            return broken
        return None if until is None else min(broken, max(0.0, (end - until).total_seconds()))

    def at_stage(self, stage: str) -> Look | None:
        """The look that counts at a stage: the worst during the fault, the last at the others.

        What is looked at for its lag had no other look after the fault: it counts there as well.
        """
        looks = [each for each in self.looks if each.stage == stage]
        if stage == "after" and not looks:
            looks = [each for each in self.looks if each.late]
        if stage == "during":
            found = [each for each in looks if each.under_fault]
            return Course(self.title, self.expected, tuple(found), self.unit, self.least, self.most).worst
        judged = [each for each in looks if not each.tolerated]
        shown = judged or looks
        return shown[-1] if shown else None


def _dark(looks: Sequence[Look]) -> int | None:
    return dark([each.held for each in looks], [each.late for each in looks])


def courses(run: Document) -> tuple[Course, ...]:
    """The run's conditions, in the order of its document; those never looked at have no looks."""
    seen: dict[str, list[Mapping[str, Any]]] = {title: [] for title in _titles(run)}
    for each in run.get("steady_state") or ():
        seen.setdefault(each["condition"], []).append(each)
    fault = moment(run, "injected_at"), moment(run, "injected_until")
    return tuple(_course(title, looks, *fault) for title, looks in seen.items())


def seconds_to_recover(run: Document) -> float | None:
    """How long the run's steady state was broken once the fault was over: the longest of its conditions.

    0 where nothing was broken any more. None without an injection or its end, where nobody looked in between,
    where that was too late to say when one broke, where one was dark meanwhile, or did not come back.
    """
    return _longest(run, lambda each: each.seconds_to_recover)


def seconds_broken(run: Document) -> float | None:
    """How long the run's steady state was broken, the fault included; 0 if it never was, None as above."""
    return _longest(run, lambda each: each.seconds_broken)


def _longest(run: Document, figure: Callable[[Course], float | None]) -> float | None:
    known = [figure(each) for each in courses(run) if each.during or each.broken]
    return max((each for each in known if each is not None), default=None) if None not in known else None


def stayed_broken(run: Document) -> bool:
    """Whether a condition that broke under the run's fault was not seen to hold again."""
    return any(each.stays_broken for each in courses(run))


def _course(
    title: str, looks: Sequence[Mapping[str, Any]], injected_at: datetime | None, until: datetime | None
) -> Course:
    measured: Mapping[str, Any] = next((each["measured"] for each in looks if each.get("measured")), {})
    return Course(
        title=title,
        expected=_expected(looks),
        looks=tuple(_look(each) for each in sorted(looks, key=lambda each: str(each["at"]))),
        unit=measured.get("unit", ""),
        least=measured.get("least"),
        most=measured.get("most"),
        injected_at=injected_at,
        injected_until=until,
    )


def _expected(looks: Sequence[Mapping[str, Any]]) -> str:
    """What was wanted; a look that could not be evaluated only wanted an answer."""
    known = (each for each in looks if each["held"] is not None)
    return str(next(known, looks[0])["expected"]) if looks else ""


def _look(observation: Mapping[str, Any]) -> Look:
    stage = observation["stage"]
    return Look(
        at=time(observation["at"]),
        stage=stage,
        under_fault=bool(observation.get("injected")) and stage != "before",
        held=observation["held"],
        observed=observation["observed"],
        value=(observation.get("measured") or {}).get("value"),
        tolerated=bool(observation.get("tolerated")),
        late=bool(observation.get("late")),
    )


def _titles(run: Document) -> Iterable[str]:
    """What the document's conditions are called; nothing where they cannot be read any more."""
    from pydantic import ValidationError

    from chaoskit.steadystate.conditions import Condition

    written = ((run.get("experiment") or {}).get("spec") or {}).get("steadyState") or ()
    try:
        return [Condition.model_validate(each).title for each in written]
    except ValidationError:
        return []
