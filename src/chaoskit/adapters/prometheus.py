"""Signals from a Prometheus server: by recorded name where its rules record them, else by raw PromQL."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import requests
from prometheus_api_client import PrometheusConnect
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from chaoskit.clock import Clock
from chaoskit.credentials import of_address, without_login
from chaoskit.errors import CannotStart, ChaoskitError, Forbidden, InvalidInput, Unavailable, cause
from chaoskit.ports.metrics import Alert, QueryRefused, Sample, Series, Signal
from chaoskit.secretvalues import without
from chaoskit.signals import expression, selector

SERVICE = "Prometheus"
POINTS = 10_000
"""Points of one series asked for at once; Prometheus gives at most 11,000."""
REMEMBER = 300.0
"""Seconds for which a signal without recorded series is asked for by raw PromQL at once."""

Row = Mapping[str, Any]
"""One series of an answer: ``metric`` and ``value`` or ``values``."""
Labels = tuple[tuple[str, str], ...]


class PrometheusMetrics:
    """Signals of a Prometheus, as recorded or evaluated; a context manager that closes its connections.

    `staleness`: seconds after its sampling in which a recorded value still counts as present, or two and a
    half of the signal's steps where these are longer. Raw PromQL has no such bound: Prometheus itself holds
    a gauge for five minutes unless its target went away.
    `timeout`: wall seconds that an answer may take, those of a moment a third of it: what takes longer comes
    too late for whoever asks how things stand.
    `verify`: whether to check the server's certificate, or the path of a CA bundle to check it with.
    `pace` is called before each question and may wait.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        timeout: float = 30.0,
        staleness: float = 75.0,
        pace: Callable[[], None] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._shown = without_login(self.url)
        self._secrets = frozenset({token.strip()} - {""}) | of_address(url)
        self._clock = clock
        self._staleness = staleness
        self._pace = pace or (lambda: None)
        self._raw_until: dict[str, float] = {}
        self._evaluates: bool | None = None
        self._session = requests.Session()
        self._session.verify = verify
        self._session.headers.update(_headers(token, headers or {}))
        self._session.hooks["response"].append(self._check)
        self._timeout = (min(5.0, timeout), timeout)
        self._soon = (min(5.0, timeout / 3), timeout / 3)
        self._client = PrometheusConnect(
            self.url, session=self._session, timeout=self._timeout, retry=_retry()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Connections are closed."""
        self._session.close()

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        """The newest sample of each series with these labels; none is an empty tuple, never zero.

        `Sample.at` is when a recorded value was recorded, and when a raw one was evaluated.
        """
        rows = self._rows(signal, where or {}, lambda query: self._vector(query, at), at)
        times = self._sampled(signal, where or {}, at) if rows and not self._is_raw(signal, at) else {}
        return tuple(
            Sample(dict(labels), value, _datetime(times.get(labels, evaluated)))
            for labels, evaluated, value in map(_sample, rows)
            if math.isfinite(value)
        )

    def range(
        self,
        signal: Signal,
        start: datetime,
        end: datetime,
        *,
        step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:
        """Each series on the grid start, start+step ... end (at most), NaN where it has no value.

        What lies before the first recorded sample, when there was no rule yet, is had by raw PromQL.
        """
        step, where = step or signal.step, where or {}
        count = int((end - start).total_seconds() // step) + 1
        rows = self._rows(signal, where, lambda query: self._matrix(query, start, step, count), end)
        found = _on_grid(rows, start.timestamp(), step, count)
        before = _unrecorded(rows, signal.record, found.values())
        if before and self._evaluates_expressions():
            older = self._computed(signal, where, lambda query: self._matrix(query, start, step, before))
            found = _on_grid([*older, *rows], start.timestamp(), step, count)
        return tuple(Series(dict(labels), start, step, values) for labels, values in found.items())

    def alerts(self) -> tuple[Alert, ...]:
        """All pending and firing alerts."""
        with self._translated("list alerts"):
            answer = self._session.get(f"{self.url}/api/v1/alerts", timeout=self._soon)
            return tuple(_alert(each) for each in answer.json()["data"]["alerts"])

    def query(self, promql: str, *, at: datetime | None = None) -> tuple[Sample, ...]:
        """Each series of the answer to a query of one's own; `Sample.at` is when it was evaluated."""
        rows = map(_sample, self._vector(promql, at))
        return tuple(Sample(dict(labels), value, _datetime(when)) for labels, when, value in rows)

    def sampled(self, selected: str, seconds: int) -> tuple[datetime, ...]:
        """When the best measured of the selected series has its samples of the last `seconds`."""
        rows = self._vector(f"{selected}[{seconds}s]", None)
        longest = max(rows, key=lambda row: len(row["values"]), default=None)
        return tuple(_datetime(float(at)) for at, _ in longest["values"]) if longest else ()

    # ------------------------------------------------------------------ recorded or raw

    def _rows(
        self,
        signal: Signal,
        where: Mapping[str, str],
        ask: Callable[[str], list[Row]],
        at: datetime | None,
    ) -> list[Row]:
        if not self._is_raw(signal, at):
            rows = ask(self._fresh(selector(signal.record, where), signal.step))
            if rows or not self._evaluates_expressions() or self._vector(signal.record, at):
                return rows
        rows = self._computed(signal, where, ask)
        if rows and signal.record and self._is_recent(at):
            self._raw_until[signal.name] = self._clock.monotonic() + REMEMBER
        return rows

    def _computed(
        self, signal: Signal, where: Mapping[str, str], ask: Callable[[str], list[Row]]
    ) -> list[Row]:
        if not signal.promql:
            return []  # known from files alone
        return [row for row in ask(expression(signal)) if _matches(row["metric"], where)]

    def _is_raw(self, signal: Signal, at: datetime | None) -> bool:
        if not signal.record:
            return True  # somebody's own query: no rule records it
        return self._is_recent(at) and self._raw_until.get(signal.name, 0.0) > self._clock.monotonic()

    def _is_recent(self, at: datetime | None) -> bool:
        # What the rules record today says nothing of what they recorded last month.
        return at is None or abs((self._clock.now() - at).total_seconds()) < REMEMBER

    def _evaluates_expressions(self) -> bool:
        """Whether it is a whole Prometheus: a simulated one hands out recorded names and nothing else."""
        if self._evaluates is None:
            try:
                self._evaluates = bool(self._vector("vector(1)", None))
            except QueryRefused:
                self._evaluates = False
        return self._evaluates

    def _fresh(self, selected: str, step: int) -> str:
        """Without what is too old: Prometheus would hold it for five minutes."""
        if not self._evaluates_expressions():
            return selected
        most = max(self._staleness, 2.5 * step)
        return f"{selected} unless (time() - timestamp({selected}) > {most:g})"

    def _sampled(self, signal: Signal, where: Mapping[str, str], at: datetime | None) -> dict[Labels, float]:
        """When each series was sampled; empty where Prometheus cannot tell."""
        if not self._evaluates_expressions():
            return {}
        rows = self._vector(f"timestamp({selector(signal.record, where)})", at)
        return {labels: value for labels, _, value in map(_sample, rows)}

    # ------------------------------------------------------------------ requests

    def _vector(self, query: str, at: datetime | None) -> list[Row]:
        self._pace()
        moment = {"time": f"{at.timestamp():.3f}"} if at else {}
        with self._translated(query):
            return list(self._client.custom_query(query, params=moment, timeout=self._soon))

    def _matrix(self, query: str, start: datetime, step: int, count: int) -> list[Row]:
        rows: list[Row] = []
        for first, last in _chunks(count):
            begin, end = (start + timedelta(seconds=step * index) for index in (first, last))
            self._pace()
            # The client rounds to whole seconds; what is in params goes before.
            exact = {"start": f"{begin.timestamp():.3f}", "end": f"{end.timestamp():.3f}"}
            with self._translated(query):
                rows += self._client.custom_query_range(query, begin, end, str(step), params=exact)
        return rows

    @contextmanager
    def _translated(self, attempted: str) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.JSONDecodeError as error:
            raise self._unavailable("does not answer like Prometheus", error) from error
        except requests.exceptions.SSLError as error:
            raise self._unavailable("does not complete the TLS handshake", error) from error
        except requests.exceptions.Timeout as error:
            raise self._unavailable("does not answer in time", error) from error
        except requests.exceptions.RequestException as error:
            raise self._unavailable("cannot be reached", error) from error
        except (KeyError, TypeError, ValueError) as error:  # JSON of another shape than Prometheus'
            raise self._unavailable(f"gives a strange answer to {attempted}", error) from error

    def _unavailable(self, what: str, error: Exception) -> Unavailable:
        return Unavailable(
            f"{self._shown} {what}: {cause(error)}".replace(self.url, self._shown),
            service=SERVICE,
            address=self._shown,
            hint="check --prometheus; `chaoskit doctor` shows which signals it has",
        )

    def _check(self, response: requests.Response, **_: Any) -> None:
        # As a hook: the client's own error holds the body only as a repr inside its message.
        if response.status_code >= 400:
            raise refusal(self._shown, response.status_code, without(_error_text(response), self._secrets))


def refusal(url: str, status: int, text: str) -> ChaoskitError:
    """The error of our tree that an answer of 400 and more means, with Prometheus' own words."""
    if status == 401:
        words = f"{url} does not accept these credentials (HTTP 401): {text}"
        return CannotStart(words, hint="look at the setting prometheus_token")
    if status == 403:
        words = f"{url} denies queries to this caller (HTTP 403): {text}"
        return Forbidden(words, hint="ask for the right, or use another token")
    kind = QueryRefused if status in {400, 422} else Unavailable
    return kind(f"{url} answers HTTP {status}: {text}", service=SERVICE, address=url)


def _headers(token: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of every request.

    Raises:
        InvalidInput: the token cannot stand in one; requests would tell it in full.
    """
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        words = "the token for Prometheus has a line break or another character that no token has"
        raise InvalidInput(words, hint="look at the setting prometheus_token")
    return {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}


class _Retry(Retry):
    """Once more for what may pass at once; who did not answer in time would not the next time either."""

    def increment(
        self, method: str | None = None, url: str | None = None, response: Any = None,
        error: Exception | None = None, *rest: Any, **more: Any,
    ) -> Self:  # fmt: skip
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **more)


def _retry() -> Retry:
    return _Retry(
        total=2,
        backoff_factor=0.2,
        status_forcelist=(429, 502, 503, 504),
        raise_on_status=False,  # the last answer tells more than "too many retries"
    )


def _error_text(response: requests.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):  # a proxy's page
        first = next(iter(response.text.strip().splitlines()), "")[:80] or response.reason
        return f"{first} (is that Prometheus?)"


def _matches(metric: Mapping[str, str], where: Mapping[str, str]) -> bool:
    return all(metric.get(label, "") == value for label, value in where.items())


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in metric.items() if name != "__name__"))


def _sample(row: Row) -> tuple[Labels, float, float]:
    at, value = row["value"]
    return _labels(row["metric"]), float(at), float(value)


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """First and last index of each part of a grid."""
    for first in range(0, count, POINTS):
        yield first, min(first + POINTS, count) - 1


def _on_grid(rows: Iterable[Row], start: float, step: int, count: int) -> dict[Labels, array[float]]:
    """The rows as one array for each label set; rows of one series from several chunks are joined."""
    found: dict[Labels, array[float]] = {}
    for row in rows:
        values = found.setdefault(_labels(row["metric"]), array("d", [math.nan]) * count)
        for at, text in row["values"]:
            value = float(text)
            values[round((float(at) - start) / step)] = value if math.isfinite(value) else math.nan
    return found


def _unrecorded(rows: Iterable[Row], record: str, found: Iterable[array[float]]) -> int:
    """How many points of the grid lie before the first recorded sample; 0 where nothing was recorded."""
    if not any(row["metric"].get("__name__") == record for row in rows):
        return 0
    firsts = (next((i for i, value in enumerate(each) if not math.isnan(value)), None) for each in found)
    return min((first for first in firsts if first is not None), default=0)


def _alert(alert: Mapping[str, Any]) -> Alert:
    labels = {name: value for name, value in alert["labels"].items() if name != "alertname"}
    since = datetime.fromisoformat(alert["activeAt"]).astimezone(UTC)
    return Alert(alert["labels"]["alertname"], labels, alert["state"], since)


def _datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
