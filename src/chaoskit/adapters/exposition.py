"""Metrics of a long-running process, as Prometheus reads them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest, make_wsgi_app
from prometheus_client.registry import Collector

from chaoskit import files
from chaoskit.events import Doubted, Ended, Event, Foreseen, Looked, Unwatched, Warned

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

BUCKETS = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Seconds; a pod-level recovery takes five at least, an experiment minutes."""


class Exposition:
    """Metrics of what a `Listener` hears, and of what is looked up when they are scraped."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._works = Counter(
            "chaoskit_works", "Pieces of work that have ended.", ("work", "about", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "chaoskit_work_seconds", "How long a piece of work took.", ("work",),
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._warnings = Counter("chaoskit_warnings", "Warnings told.", registry=self.registry)
        self.predictions = Predictions()
        self.registry.register(self.predictions)

    @property
    def page(self) -> WSGIApplication:
        """Answers with all of them."""
        return make_wsgi_app(self.registry)

    def __call__(self, event: Event) -> None:
        """What has ended and what is warned of is counted."""
        if isinstance(event, Ended):
            self._works.labels(event.work, event.about, event.outcome).inc()
            self._seconds.labels(event.work).observe(event.seconds)
        elif isinstance(event, Foreseen | Doubted | Looked | Unwatched):
            self.predictions(event)
        elif isinstance(event, Warned):
            self._warnings.inc()

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A metric that is read when it is scraped."""
        Gauge(name, meaning, registry=self.registry).set_function(read)


class Predictions(Collector):
    """The newest predictions of each look as metrics; what a later one of its scope left out ends with it.

    An alarm of whom the look calls silent stays as it was: that nothing is known is no end of it.
    """

    def __init__(self) -> None:
        self._newest: dict[str, dict[tuple[str, str], Foreseen]] = {}
        self._doubts: dict[str, Doubted] = {}
        self._looked: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """The newest of what was foreseen is shown, and what speaks against it, while somebody looks."""
        with self._lock:
            match event:
                case Doubted(namespace=namespace):
                    self._doubts[namespace] = event
                case Unwatched(scope=scope):
                    self._doubts.pop(scope, None)
                    self._newest.pop(scope, None)
                    self._looked.pop(scope, None)
                case Foreseen(scope=scope):
                    self._newest.setdefault(scope, {})[event.namespace, event.target] = event
                case Looked(scope=scope, at=at, silent=silent):
                    told = self._newest.get(scope, {})
                    self._newest[scope] = {
                        who: each
                        for who, each in told.items()
                        if each.at == at or (each.alarmed and who in silent)
                    }
                    self._looked[scope] = at

    def collect(self) -> Iterator[Metric]:
        """Probability (none where rules spoke), score in units of the threshold, alarm, and when."""
        with self._lock:
            found = [each for of in self._newest.values() for each in of.values()]
            doubts = list(self._doubts.values())
            when = self._when()
        labels = ("namespace", "workload", "model", "class")
        gauges = (
            ("chaoskit_failure_probability", "Calibrated probability of failure.", _probability),
            ("chaoskit_failure_score", "Alarm score; 1 is the threshold.", lambda each: each.score),
            ("chaoskit_failure_alarm", "1 while it is an alarm.", lambda each: float(each.alarmed)),
        )
        for name, meaning, value in gauges:
            gauge = GaugeMetricFamily(name, meaning, labels=labels)
            for each in found:
                if (said := value(each)) is not None:
                    gauge.add_metric((each.namespace, each.target, each.model, each.issue), said)
            yield gauge
        newest = GaugeMetricFamily(
            "chaoskit_prediction_timestamp_seconds", "When the last look ended.", labels=("namespace",)
        )
        for namespace, at in when.items():
            newest.add_metric((namespace,), at.timestamp())
        yield newest
        yield from _doubtful(doubts)

    def _when(self) -> dict[str, datetime]:
        """When each namespace was last looked at, whatever of it was new."""
        found: dict[str, datetime] = {}
        for scope, at in self._looked.items():
            shown = {each.namespace for each in self._newest[scope].values()}
            for namespace in shown | ({scope} if scope else set()):
                found[namespace] = max(at, found.get(namespace, at))
        return found

    def write(self, path: Path) -> None:
        """They lie in this file as node-exporter's textfile collector reads them, never half."""
        registry = CollectorRegistry()
        registry.register(self)
        files.write(path, generate_latest(registry))


def _doubtful(doubts: Iterable[Doubted]) -> Iterator[Metric]:
    """By signal 1 where it drifted or went stale, and whether the model is old: alerts count them."""
    signals = ("namespace", "model", "signal")
    drift = GaugeMetricFamily("chaoskit_model_drift", "1: a signal is unlike the training.", labels=signals)
    stale = GaugeMetricFamily("chaoskit_model_stale_signal", "1: a signal has no new sample.", labels=signals)
    old = GaugeMetricFamily("chaoskit_model_old", "1 while the model is old.", labels=signals[:2])
    for each in doubts:
        for gauge, names in ((drift, each.drifted), (stale, each.stale)):
            for name in names:
                gauge.add_metric((each.namespace, each.model, name), 1)
        old.add_metric((each.namespace, each.model), float(each.old))
    yield from (drift, stale, old)


def _probability(event: Foreseen) -> float | None:
    return event.probability
