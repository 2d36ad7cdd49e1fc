"""The Prometheus HTTP API over the recorded signals, on loopback, and the page that others scrape."""

from __future__ import annotations

import gzip
import json
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chaoskit.simulator.engine import Engine
from chaoskit.simulator.prometheus import alerts, queries
from chaoskit.simulator.prometheus.queries import BadQuery
from chaoskit.simulator.prometheus.signals import Matcher, Signals

INSIDE = "http://prometheus.monitoring:9090"
"""Where pods of the cluster, such as those of probes, find it."""
_INSIDE = {f"prometheus.monitoring{domain}:9090" for domain in ("", ".svc", ".svc.cluster.local")}
Parameters = Mapping[str, list[str]]
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class PrometheusServer:
    """Answers like Prometheus 2.x while started. `exposition` gives the text of ``/metrics``."""

    def __init__(
        self,
        engine: Engine,
        signals: Signals,
        *,
        exposition: Callable[[], str] = lambda: "",
        port: int = 0,
    ) -> None:
        self._engine = engine
        self._signals = signals
        self._exposition = exposition
        self._port = port
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens; known once it has started."""
        return f"http://127.0.0.1:{self._port}"

    def values(self, endpoint: str, query: str) -> list[float]:
        """The values of an instant query by a pod; raises `ConnectionError`, also for what is not understood.

        A pod finds it at `INSIDE`, by any form of that name, and where it listens.
        """
        host, own = urlsplit(endpoint), urlsplit(self.url)
        if host.netloc not in _INSIDE | {own.netloc, f"localhost:{own.port}"}:
            raise ConnectionError(
                f'Post "{endpoint}/api/v1/query": dial tcp: lookup {host.hostname}: no such host'
            )
        if host.scheme != "http" or host.path.rstrip("/"):
            raise ConnectionError(
                f'Post "{endpoint}/api/v1/query": no Prometheus answers there, but at {INSIDE}'
            )
        try:
            found = queries.instant(self._signals, query, self._engine.now())["result"]
        except BadQuery as error:
            raise ConnectionError(str(error)) from error
        return [float(one["value"][1]) for one in found if "value" in one]

    def start(self) -> None:
        """It listens on a loopback port (the given one; 0: a free one)."""
        handler = type("Handler", (_Handler,), {"answer": self._answer})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="simulator-prometheus", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """It no longer listens; does nothing when it never did."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    # ------------------------------------------------------------ answers

    def _answer(self, path: str, given: Parameters) -> tuple[int, str, str]:
        """Status, content type and body for one request."""
        if path == "/metrics":
            return 200, _TEXT, self._exposition()
        if path in {"/-/ready", "/-/healthy", "/"}:
            return 200, _TEXT, "Prometheus Server is Ready.\n"
        try:
            with self._engine.lock:
                data = self._data(path, given)
        except BadQuery as error:
            failure = {"status": "error", "errorType": error.kind, "error": str(error)}
            return error.code, "application/json", json.dumps(failure)
        if data is None:
            return 404, _TEXT, "404 page not found\n"
        text = data if isinstance(data, str) else json.dumps(data)
        return 200, "application/json", f'{{"status":"success","data":{text}}}'

    def _data(self, path: str, given: Parameters) -> Any:
        """The ``data`` of the answer, JSON text or something to make it from; None for an unknown page."""
        label = path.removeprefix("/api/v1/label/").removesuffix("/values")
        if path == f"/api/v1/label/{label}/values":
            return self._label_values(unquote(label), given)
        pages: dict[str, Callable[[Parameters], Any]] = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._query_range,
            "/api/v1/series": self._series,
            "/api/v1/labels": self._labels,
            "/api/v1/alerts": lambda _: {"alerts": self._alerts()},
            "/api/v1/rules": lambda _: {"groups": [self._group()]},
            "/api/v1/targets": lambda _: self._targets(),
            "/api/v1/metadata": lambda _: self._metadata(),
            "/api/v1/status/buildinfo": lambda _: _BUILD,
            "/api/v1/status/runtimeinfo": lambda _: self._runtime(),
        }
        page = pages.get(path)
        return None if page is None else page(given)

    def _query(self, given: Parameters) -> Any:
        return queries.instant(self._signals, _one(given, "query"), self._time(given, "time"))

    def _query_range(self, given: Parameters) -> Any:
        start, end = (self._time(given, name, required=True) for name in ("start", "end"))
        step = queries.parse_duration(_one(given, "step"))
        return queries.over_range(self._signals, _one(given, "query"), start, end, step)

    def _series(self, given: Parameters) -> Any:
        if not given.get("match[]"):
            raise BadQuery("no match[] parameter provided")
        return self._matching(given)

    def _labels(self, given: Parameters) -> Any:
        return sorted({name for labels in self._matching(given) for name in labels})

    def _label_values(self, label: str, given: Parameters) -> Any:
        return sorted({labels[label] for labels in self._matching(given) if label in labels})

    def _matching(self, given: Parameters) -> list[dict[str, str]]:
        """The labels of every series that meets one of the selectors and has samples in the time asked."""
        selectors = [queries.parse(text).matchers for text in given.get("match[]", ())]
        start = self._time(given, "start", otherwise=self._signals.start)
        end = self._time(given, "end")
        found = {}
        for matchers in selectors or [(Matcher("__name__", "=~", ".+"),)]:
            for name, series in self._signals.select(matchers):
                first = self._signals.time_of(series.first)
                last = first + (len(series.values) - 1) * 15.0
                if first <= end and last >= start:
                    found[name, series.labels] = queries.metric(name, series)
        return list(found.values())

    def _time(
        self,
        given: Parameters,
        name: str,
        *,
        required: bool = False,
        otherwise: float | None = None,
    ) -> float:
        text = (given.get(name) or [""])[0]
        if not text and not required:
            return self._engine.now() if otherwise is None else otherwise
        with suppress(ValueError):
            if math.isfinite(at := float(text)):
                return at
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            problem = f'cannot parse "{text}" to a valid timestamp'
            raise BadQuery(f'invalid parameter "{name}": {problem}') from None

    def _alerts(self) -> list[dict[str, Any]]:
        return [_alert(one) for rule in alerts.RULES for one in alerts.active(self._signals, rule)]

    def _group(self) -> dict[str, Any]:
        return {
            "name": "simulator",
            "file": "simulator",
            "interval": 15,
            "rules": [self._rule(rule) for rule in alerts.RULES],
        }

    def _rule(self, rule: alerts.Rule) -> dict[str, Any]:
        now = alerts.active(self._signals, rule)
        firing = any(one.firing for one in now)
        return {
            "name": rule.name,
            "query": rule.expression,
            "duration": rule.seconds,
            "labels": {"severity": rule.severity},
            "annotations": {"summary": rule.summary},
            "alerts": [_alert(one) for one in now],
            "state": "firing" if firing else "pending" if now else "inactive",
            "health": "ok",
            "type": "alerting",
            "lastEvaluation": _timestamp(self._signals.time_of(self._signals.step)),
        }

    def _targets(self) -> dict[str, Any]:
        labels = {"instance": self.url.removeprefix("http://"), "job": "simulator"}
        target = {
            "discoveredLabels": {},
            "labels": labels,
            "scrapePool": "simulator",
            "scrapeUrl": f"{self.url}/metrics",
            "globalUrl": f"{self.url}/metrics",
            "lastError": "",
            "lastScrape": _timestamp(self._signals.time_of(self._signals.step)),
            "lastScrapeDuration": 0.001,
            "health": "up",
            "scrapeInterval": "15s",
            "scrapeTimeout": "10s",
        }
        return {"activeTargets": [target], "droppedTargets": []}

    def _metadata(self) -> dict[str, Any]:
        entry = {"type": "gauge", "help": "Recorded signal.", "unit": ""}
        return {name: [entry] for name in self._signals.names()}

    def _runtime(self) -> dict[str, Any]:
        return {
            "startTime": _timestamp(self._signals.start),
            "storageRetention": "7d",
            "timeSeriesCount": sum(1 for _ in self._signals.select(())),
        }


_BUILD = {
    "version": "2.53.0+simulator",
    "revision": "simulator",
    "branch": "simulator",
    "buildUser": "",
    "buildDate": "",
    "goVersion": "",
}


def _one(given: Parameters, name: str) -> str:
    return (given.get(name) or [""])[0]


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _alert(one: alerts.Alert) -> dict[str, Any]:
    labels = {"alertname": one.rule.name, "severity": one.rule.severity, **dict(one.labels)}
    return {
        "labels": labels,
        "annotations": {"summary": one.rule.summary},
        "state": "firing" if one.firing else "pending",
        "activeAt": _timestamp(one.since),
        "value": f"{one.value:e}",
    }


class _Handler(BaseHTTPRequestHandler):
    """One connection; `answer` is the server's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[str, Parameters], tuple[int, str, str]]

    def do_GET(self) -> None:
        """A query in the URL is answered."""
        self._respond("")

    def do_POST(self) -> None:
        """A query in the URL or in the form of the body is answered."""
        length = int(self.headers.get("Content-Length") or 0)
        self._respond(self.rfile.read(length).decode())

    def _respond(self, form: str) -> None:
        parts = urlsplit(self.path)
        given = parse_qs(parts.query, keep_blank_values=True)
        for name, values in parse_qs(form, keep_blank_values=True).items():
            given.setdefault(name, []).extend(values)
        status, kind, text = self.answer(parts.path, given)
        body = text.encode()
        packed = "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 4096
        body = gzip.compress(body, compresslevel=1) if packed else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are not logged."""
