"""A few alerts over the recorded signals: since when each condition holds is read back from the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chaoskit.simulator.prometheus.signals import STEP, Labels, Series, Signals


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert fires when a signal was above a threshold for so many seconds.

    With a `window` (seconds) the signal is a counter, and its increase over the window is compared.
    """

    name: str
    signal: str
    above: float
    seconds: float
    severity: str
    summary: str
    window: float = 0.0

    @property
    def expression(self) -> str:
        """The rule's PromQL."""
        of = f"increase({self.signal}[{self.window:.0f}s])" if self.window else self.signal
        return f"{of} > {self.above:g}"

    def value(self, series: Series, step: int) -> float:
        """What is compared at `step`; NaN when there is no sample."""
        now = series.at(step)
        if not self.window:
            return now
        earlier = [series.at(step - back) for back in range(1, int(self.window / STEP) + 1)]
        return now - min((value for value in earlier if not math.isnan(value)), default=now)


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
        "PodCrashLooping", "chaoskit:restarts:total", 2, 0, "critical",
        "a container was started again three times in ten minutes", window=600,
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
        value = rule.value(series, signals.step)
        if value > rule.above:
            first = _held_since(rule, series, signals.step)
            since = signals.time_of(first)
            firing = (signals.step - first) * STEP >= rule.seconds
            found.append(Alert(rule, series.labels, since, firing, value))
    return found


def _held_since(rule: Rule, series: Series, step: int) -> int:
    """The first of the steps up to `step` at which the condition held without a break."""
    while rule.value(series, step - 1) > rule.above:
        step -= 1
    return step
