"""What the core asks of a metrics source: signals by name, now or over a range, with gaps left open."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from chaoskit.errors import Unavailable

SignalKind = Literal["gauge", "counter", "ratio", "flag"]
Scope = Literal["pod", "workload", "node", "edge"]

LABELS: Mapping[Scope, tuple[str, ...]] = {
    "pod": ("namespace", "pod"),
    "workload": ("namespace", "workload", "workload_kind"),
    "node": ("node",),
    "edge": ("namespace", "workload", "source"),
}
"""What the series of a scope must be told apart by."""


class QueryRefused(Unavailable):
    """The metrics source cannot evaluate the query; the message is its own."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is measured: its name here, its recorded name in Prometheus and the PromQL behind it.

    `step` is the sampling step in seconds. `scope` says what a series stands for: a pod (labels
    namespace, pod, workload, workload_kind), a workload, a node (label node) or an edge (a pod's or
    workload's labels plus `source`, the caller). `origin` says who exports what is behind it; `classes`
    are failures that it helps to see beside those that the catalogue knows it for.
    """

    name: str
    unit: str
    kind: SignalKind
    scope: Scope
    record: str
    promql: str
    meaning: str
    step: int = 15
    origin: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One series' newest value, and when it was sampled."""

    labels: Mapping[str, str]
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one series on a regular grid: `values[i]` was true at `start + i * step`; NaN is a gap."""

    labels: Mapping[str, str]
    start: datetime
    step: int
    values: array[float]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that Prometheus reports: its labels, state (pending or firing) and since when.

    `heard` is when it was last said to be so, None: just now. `found` is what was found out besides of what
    it is about, as labels that it does not carry itself.
    """

    name: str
    labels: Mapping[str, str]
    state: str
    since: datetime
    heard: datetime | None = None
    found: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Mapping[str, str]:
        """Labels that say what it is about: what was found out goes before what was measured."""
        return {**self.labels, **self.found}


@dataclass(frozen=True, slots=True)
class Unread(Alert):
    """An alert that could not be read: `trouble` says why; known are its name and place at most."""

    trouble: str = ""


class MetricsSource(Protocol):
    """Where signals come from. Raises `Unavailable` when it cannot be reached or does not answer."""

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        """The newest sample of each series with these labels; none is an empty tuple, never zero."""
        ...

    def range(
        self,
        signal: Signal,
        start: datetime,
        end: datetime,
        *,
        step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:
        """Each series on the grid start, start+step ... end; step 0 takes the signal's own."""
        ...

    def alerts(self) -> tuple[Alert, ...]:
        """All pending and firing alerts."""
        ...


class Queries(MetricsSource, Protocol):
    """A metrics source that takes queries of one's own. Raises what `MetricsSource` raises."""

    def query(self, promql: str, *, at: datetime | None = None) -> tuple[Sample, ...]:
        """Each series of the answer; `QueryRefused` when it cannot be evaluated."""
        ...

    def sampled(self, selected: str, seconds: int) -> tuple[datetime, ...]:
        """When the best measured of the selected series has its samples of the last `seconds`."""
        ...
