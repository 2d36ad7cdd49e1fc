"""A long-running process's own health and metrics over HTTP: ``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

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
from chaoskit.errors import CannotStart, InvalidInput, cause
from chaoskit.events import Doubted, Ended, Event, Foreseen, Warned

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

BUCKETS = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""Seconds; a pod-level recovery takes five at least, an experiment minutes."""

Trouble = Callable[[], str]
"""What is wrong in words; "" when nothing is."""


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

    def __call__(self, event: Event) -> None:
        """What has ended and what is warned of is counted."""
        if isinstance(event, Ended):
            self._works.labels(event.work, event.about, event.outcome).inc()
            self._seconds.labels(event.work).observe(event.seconds)
        elif isinstance(event, Foreseen | Doubted):
            self.predictions(event)
        elif isinstance(event, Warned):
            self._warnings.inc()

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A metric that is read when it is scraped."""
        Gauge(name, meaning, registry=self.registry).set_function(read)


class Predictions(Collector):
    """The newest predictions of each namespace as metrics; what a later look left out is gone."""

    def __init__(self) -> None:
        self._newest: dict[str, dict[str, Foreseen]] = {}
        self._doubts: dict[str, Doubted] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """What was foreseen is shown, and what speaks against it; the newest moment alone."""
        if isinstance(event, Doubted):
            with self._lock:
                self._doubts[event.namespace] = event
        if not isinstance(event, Foreseen):
            return
        with self._lock:
            of = self._newest.get(event.namespace, {})
            if any(each.at != event.at for each in of.values()):
                of = {}
            self._newest[event.namespace] = {**of, event.target: event}

    def collect(self) -> Iterator[Metric]:
        """Probability (none where rules spoke), score in units of the threshold, alarm, and when."""
        with self._lock:
            found = [each for of in self._newest.values() for each in of.values()]
            doubts = list(self._doubts.values())
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
        when = GaugeMetricFamily(
            "chaoskit_prediction_timestamp_seconds", "When it was last foreseen.", labels=("namespace",)
        )
        for namespace, at in {each.namespace: each.at for each in found}.items():
            when.add_metric((namespace,), at.timestamp())
        yield when
        yield from _doubtful(doubts)

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


def listening(address: str) -> tuple[str, int]:
    """``host:port`` apart; loopback where no host is named.

    Raises:
        InvalidInput: it is no such address.
    """
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST) or (not host and ":" not in address):
        raise InvalidInput(
            f"--listen {address} is no HOST:PORT", hint="127.0.0.1:8080, or port 0 for any that is free"
        )
    return host.strip("[]") or "127.0.0.1", int(port)


_HIGHEST = 65535


class Endpoints:
    """A context in which the endpoints are served on ``host:port``; port 0 takes any free one."""

    def __init__(self, address: str, exposition: Exposition, *, health: Trouble, readiness: Trouble) -> None:
        self._metrics = make_wsgi_app(exposition.registry)
        self._answers = {"/healthz": health, "/readyz": readiness}
        host, port = listening(address)
        try:
            self._server = make_server(host, port, self._answer, _Server, _Quiet)
        except (OSError, UnicodeError) as error:
            raise CannotStart(
                f"cannot listen on {address}: {cause(error)}", hint="--listen HOST:PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoints", daemon=True)

    @property
    def url(self) -> str:
        """Where they are."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            page: Iterable[bytes] = self._metrics(environ, start)
            return page
        ask = self._answers.get(path)
        if ask is None:
            return _text(start, "404 Not Found", "healthz, readyz and metrics are here")
        trouble = ask()
        return _text(start, "503 Service Unavailable" if trouble else "200 OK", trouble or "ok")


def _text(start: StartResponse, status: str, words: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")])
    return [f"{words}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    """One slow client keeps no other waiting."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Requests are not logged: scrapes would drown what matters."""

    timeout = 10

    def log_message(self, *_: Any) -> None:
        """Nothing."""
