"""Which signals a Prometheus really has: recorded or raw, how often, of how many things, how labelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Literal

from chaoskit.ports.metrics import LABELS, Queries, QueryRefused, Sample, Signal
from chaoskit.signals.needs import Loss, losses
from chaoskit.signals.promql import SCRAPES, metrics_of, selector, windows

State = Literal["recorded", "raw", "absent", "refused"]

SEEN = 20
"""So many steps back the time between two samples is looked for."""

MANY = 10_000
"""More series of one signal make every question slow."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is of one signal: ``recorded`` by a rule, ``raw``, ``absent`` or ``refused`` by Prometheus.

    `interval` is the usual time between two samples in seconds, None where it cannot be told; `metrics` says
    of each metric in its PromQL whether it exists (empty: not asked). `problems` are what is wrong with a
    signal that is there, `losses` what prediction cannot do, or not so well, without one that is not.
    """

    signal: Signal
    state: State
    series: int = 0
    interval: float | None = None
    metrics: Mapping[str, bool] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()

    @property
    def there(self) -> bool:
        """Whether it has samples."""
        return self.state in {"recorded", "raw"}


def lint(source: Queries, signals: Sequence[Signal], namespace: str = "") -> Iterator[Finding]:
    """What there is of each signal, in a namespace or everywhere; `Unavailable` when nobody answers."""
    found = [_looked(source, signal, namespace) for signal in signals]
    present = {each.signal.name for each in found if each.there}
    for each in found:
        lost = () if each.there else tuple(losses(each.signal.name, present, signals))
        yield Finding(each.signal, each.state, each.series, each.interval, each.metrics, each.problems, lost)


def _looked(source: Queries, signal: Signal, namespace: str) -> Finding:
    where = {"namespace": namespace} if namespace and signal.scope != "node" else {}
    try:
        samples = source.instant(signal, where)
    except QueryRefused as refused:
        return Finding(signal, "refused", problems=(refused.message,))
    if not samples:
        return Finding(signal, "absent", metrics=dict(_existing(source, signal)))
    recorded = bool(signal.record) and bool(_sampled(source, selector(signal.record, where), signal.step))
    interval = _interval(source, signal, samples[0], recorded=recorded)
    problems = tuple(_problems(signal, samples, interval, recorded=recorded))
    return Finding(signal, "recorded" if recorded else "raw", len(samples), interval, {}, problems)


def _existing(source: Queries, signal: Signal) -> Iterator[tuple[str, bool]]:
    """Of each metric in the signal's PromQL whether it exists; nothing where that cannot be asked."""
    for name in metrics_of(signal.promql):
        try:
            yield name, bool(source.query(f"count({name})"))
        except QueryRefused:
            return


def _sampled(source: Queries, selected: str, step: int) -> tuple[datetime, ...]:
    try:
        return source.sampled(selected, SEEN * step)
    except QueryRefused:
        return ()


def _interval(source: Queries, signal: Signal, sample: Sample, *, recorded: bool) -> float | None:
    """How often it is sampled: by its rule, or what it is made of by its scrapes."""
    if recorded:
        return between(_sampled(source, selector(signal.record, sample.labels), signal.step))
    own = {label: sample.labels[label] for label in ("namespace", "pod") if sample.labels.get(label)}
    for name in metrics_of(signal.promql):
        if times := _sampled(source, selector(name, own), signal.step):
            return between(times)
    return None


def between(times: Iterable[datetime]) -> float | None:
    """The usual number of seconds between two of these moments; None with fewer than three."""
    ordered = sorted(times)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(ordered)]
    return round(median(gaps), 1) if len(gaps) > 1 else None


def _problems(
    signal: Signal, samples: Sequence[Sample], interval: float | None, *, recorded: bool
) -> Iterator[str]:
    if interval and interval > 2 * signal.step:
        yield f"sampled every {interval:g} s, wanted every {signal.step} s"
    short = min(windows(signal.promql), default=0)
    if interval and not recorded and short and short < SCRAPES * interval:
        yield (
            f"a range of {short} s holds {short / interval:.1f} scrapes, {SCRAPES} are wanted:"
            f" chaoskit monitor rules --scraped {interval:g}s"
        )
    lacking = [label for label in LABELS[signal.scope] if not samples[0].labels.get(label)]
    if lacking:
        yield f"its series have no label {', '.join(lacking)}"
    elif signal.scope == "pod" and not any(sample.labels.get("workload") for sample in samples):
        yield "no pod's workload is known: kube_pod_owner of kube-state-metrics is absent"
    if len(samples) > MANY:
        yield f"{len(samples)} series: narrow it to the namespaces that matter"
