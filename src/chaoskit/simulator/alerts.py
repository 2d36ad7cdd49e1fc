"""A few alerts over the recorded signals: since when each condition holds is read back from the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chaoskit.simulator.signals import STEP, Labels, Series, Signals


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert fires when a signal was above a threshold for so many seconds."""

    name: str
    signal: str
    above: float
    seconds: float
    severity: str
    summary: str

    @property
    def expression(self) -> str:
        """The rule's PromQL."""
        return f"{self.signal} > {self.above:g}"


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule's condition holds for one series: pending, and firing once it did for long enough."""

    rule: Rule
    labels: Labels
    since: float
    firing: bool
    value: float


RULES = (
    Rule(
        "HighErrorRatio", "chaoskit:errors:ratio", 0.05, 60, "critical",
        "more than 5 % of the requests fail",
    ),
    Rule(
        "PodCrashLooping", "chaoskit:waiting_bad:bool", 0, 60, "critical",
        "a container waits to be started again",
    ),
    Rule(
        "MemoryNearLimit", "chaoskit:memory_usage:ratio", 0.9, 120, "warning",
        "memory use is above 90 % of the limit",
    ),
    Rule(
        "DatabasePoolExhausted", "chaoskit:db_pool_usage:ratio", 0.95, 120, "warning",
        "all database connections of the pool are in use",
    ),
)  # fmt: skip


def active(signals: Signals, rule: Rule) -> list[Alert]:
    """The rule's alerts at the newest step, pending and firing."""
    found = []
    for series in signals.latest(rule.signal):
        value = series.at(signals.step)
        if value > rule.above:
            first = _held_since(series, signals.step, rule.above)
            since = signals.time_of(first)
            firing = (signals.step - first) * STEP >= rule.seconds
            found.append(Alert(rule, series.labels, since, firing, value))
    return found


def _held_since(series: Series, step: int, above: float) -> int:
    """The first of the steps up to `step` at which the value was above without a break."""
    while not math.isnan(earlier := series.at(step - 1)) and earlier > above:
        step -= 1
    return step
