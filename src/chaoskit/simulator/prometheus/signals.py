"""Recorded signals: one compact array per series on a fixed grid of 15 s, kept for some days.

A series whose thing is gone has no value from then on, as after Prometheus' stale marker: it is not
looked back for. Values that a scrape could not have given are gaps, never zeros.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]
"""Label names and values, by name."""

STEP = 15.0
LOOKBACK = 300.0
"""Seconds after the newest sample in which an instant query still sees it."""
_GAP = math.nan
_TRIM_EVERY = 240


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is not there is the empty string, as in PromQL."""

    label: str
    operator: Literal["=", "!=", "=~", "!~"]
    value: str
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        anchored = self.value if "~" in self.operator else re.escape(self.value)
        object.__setattr__(self, "pattern", re.compile(f"(?:{anchored})\\Z"))

    def matches(self, value: str) -> bool:
        """Whether `value` meets the condition."""
        return (self.pattern.match(value) is not None) is (self.operator[0] == "=")


class Series:
    """The values of one series: `values[i]` belongs to step `first + i`; NaN is a gap."""

    __slots__ = ("first", "labels", "values")

    def __init__(self, labels: Labels, first: int) -> None:
        self.labels = labels
        self.first = first
        self.values = array("d")

    def put(self, step: int, value: float) -> None:
        """`value` is the sample of `step`; steps left out since the last one are gaps."""
        self.reach(step)
        self.values.append(value)

    def reach(self, step: int) -> None:
        """The next value belongs to `step`; steps left out since the last one are gaps."""
        missing = step - self.first - len(self.values)
        if missing:
            self.values.extend([_GAP] * missing)

    def at(self, step: int) -> float:
        """The value at `step`; NaN when there is none."""
        index = step - self.first
        return self.values[index] if 0 <= index < len(self.values) else _GAP

    def forget_before(self, step: int) -> bool:
        """Samples before `step` are gone; true when none is left."""
        old = min(max(0, step - self.first), len(self.values))
        del self.values[:old]
        self.first += old
        return not self.values


class Signals:
    """Every series by metric name; `begin` opens a step, `record` adds to it."""

    def __init__(self, start: float, *, retention: float = 7 * 86400.0) -> None:
        self.start = start
        self.step = -1
        self._kept = int(retention / STEP)
        self._by_name: dict[str, dict[Labels, Series]] = {}

    def begin(self, at: float) -> None:
        """What is recorded next was sampled at `at` (Unix seconds), a later step than any before."""
        self.step = round((at - self.start) / STEP)
        if self.step % _TRIM_EVERY == 0 and self.step > self._kept:
            self._trim(self.step - self._kept)

    def series(self, name: str, labels: Labels) -> Series:
        """The series with these labels, made when it is not there; its `put` takes samples."""
        family = self._by_name.setdefault(name, {})
        found = family.get(labels)
        if found is None:
            found = family[labels] = Series(labels, self.step)
        return found

    def record(self, name: str, labels: Labels, value: float) -> None:
        """The series has `value` at the present step."""
        self.series(name, labels).put(self.step, value)

    def names(self) -> list[str]:
        """The metric names that have series."""
        return sorted(self._by_name)

    def time_of(self, step: int) -> float:
        """When a step was sampled, in Unix seconds."""
        return self.start + step * STEP

    def step_at(self, at: float) -> int | None:
        """The step whose samples an instant query at `at` sees; None outside of what is recorded."""
        step = min(math.floor((at - self.start) / STEP + 1e-6), self.step)
        return step if step >= 0 and at - self.time_of(step) <= LOOKBACK else None

    def select(self, matchers: Iterable[Matcher]) -> Iterator[tuple[str, Series]]:
        """Name and series of all that meet every condition; ``__name__`` is a label too."""
        conditions = list(matchers)
        on_name = [one for one in conditions if one.label == "__name__"]
        others = [one for one in conditions if one.label != "__name__"]
        for name in self.names():
            if all(one.matches(name) for one in on_name):
                for labels, series in sorted(self._by_name[name].items()):
                    if _meets(dict(labels), others):
                        yield name, series

    def latest(self, name: str) -> list[Series]:
        """The series of one name that have a value at the newest step."""
        family = self._by_name.get(name, {})
        return [one for _, one in sorted(family.items()) if not math.isnan(one.at(self.step))]

    def _trim(self, first: int) -> None:
        for family in self._by_name.values():
            for labels in [key for key, series in family.items() if series.forget_before(first)]:
                del family[labels]


class Row:
    """Series that differ in their names alone and are recorded together, most steps the same ones."""

    def __init__(self, signals: Signals, labels: Labels) -> None:
        self._signals = signals
        self._labels = labels
        self._step = -1
        self._names: tuple[str, ...] = ()
        self._appends: list[Callable[[float], None]] = []

    def record(self, samples: Mapping[str, float]) -> None:
        """``chaoskit:<name>`` has these values at the present step."""
        names, step = tuple(samples), self._signals.step
        if names != self._names or step != self._step + 1:
            series = [self._signals.series(f"chaoskit:{name}", self._labels) for name in names]
            for one in series:
                one.reach(step)
            self._names, self._appends = names, [one.values.append for one in series]
        self._step = step
        for append, value in zip(self._appends, samples.values(), strict=True):
            append(value)


def _meets(labels: Mapping[str, str], conditions: list[Matcher]) -> bool:
    return all(one.matches(labels.get(one.label, "")) for one in conditions)
