"""The part of PromQL that the simulator answers: one metric name with a label selector, and a range of it."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chaoskit.simulator.prometheus.signals import STEP, Matcher, Series, Signals

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_DAY = 86400.0
_UNITS = {
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": _DAY,
    "w": 7 * _DAY,
    "y": 365 * _DAY,
}
_STRING = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"
_MATCHER = re.compile(rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_STRING})\s*(,|$)")
_SELECTOR = re.compile(
    r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*"
    rf"(?:\{{((?:{_STRING}|[^\"'`{{}}])*)\}})?\s*"
    r"(?:\[([^\]]+)\])?\s*"
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
MAX_POINTS = 11_000


class BadQuery(Exception):
    """A query or parameter that cannot be answered; `code` and `kind` as Prometheus reports them."""

    def __init__(self, message: str, *, code: int = 400, kind: str = "bad_data") -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Selector:
    """Which series, and over how many seconds up to the time of the query (0: an instant)."""

    matchers: tuple[Matcher, ...]
    window: float


def parse(query: str) -> Selector:
    """The selector that `query` is; `BadQuery` 422 for other PromQL, 400 for what is no PromQL at all."""
    found = _SELECTOR.fullmatch(query)
    if not query.strip():
        raise BadQuery(
            'invalid parameter "query": unknown position: parse error: no expression found in input'
        )
    if found is None or not (found[1] or found[2]):
        raise BadQuery(
            f"the simulator answers metric names with label selectors only, not {query.strip()!r}: "
            "point chaoskit at a real Prometheus for other PromQL",
            code=422,
            kind="execution",
        )
    matchers = [Matcher("__name__", "=", found[1])] if found[1] else []
    matchers += parse_matchers(found[2] or "")
    if all(matcher.matches("") for matcher in matchers):
        raise BadQuery(
            'invalid parameter "query": 1:1: parse error: '
            "vector selector must contain at least one non-empty matcher"
        )
    return Selector(tuple(matchers), parse_duration(found[3]) if found[3] else 0.0)


def parse_matchers(text: str) -> list[Matcher]:
    """The conditions inside the braces of a selector."""
    matchers, at = [], 0
    while at < len(text) and text[at:].strip():
        found = _MATCHER.match(text, at)
        if found is None:
            problem = f"bad label matcher {text[at:]!r}"
            raise BadQuery(f'invalid parameter "query": parse error: {problem}')
        try:
            matchers.append(Matcher(found[1], found[2], _unquoted(found[3])))  # type: ignore[arg-type]
        except re.error as error:
            raise BadQuery(f'invalid parameter "query": parse error: {error}') from error
        at = found.end()
    return matchers


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1])


def parse_duration(text: str) -> float:
    """Seconds in ``5m``, ``1h30m``, ``15`` or ``0.5``; `BadQuery` for anything else."""
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    with suppress(ValueError):
        if math.isfinite(seconds := float(text)):
            return seconds
    raise BadQuery(f'cannot parse "{text}" to a valid duration')


def instant(signals: Signals, query: str, at: float) -> dict[str, Any]:
    """The ``data`` of ``/api/v1/query`` at a Unix time: a vector, or a matrix for a range selector."""
    selector = parse(query)
    if selector.window:
        found = _samples(signals, selector, at)
        return {"resultType": "matrix", "result": found}
    step = signals.step_at(at)
    result = []
    for name, series in signals.select(selector.matchers) if step is not None else ():
        value = series.at(step if step is not None else -1)
        if not math.isnan(value):
            result.append({"metric": metric(name, series), "value": [at, text_of(value)]})
    return {"resultType": "vector", "result": result}


def over_range(signals: Signals, query: str, start: float, end: float, step: float) -> str:
    """The ``data`` of ``/api/v1/query_range`` as JSON: each series on the grid start, start+step ... end.

    As text, since a day of all pods has a million samples, and dicts of them would take seconds.
    """
    grid = _grid(start, end, step)
    selector = parse(query)
    if selector.window:
        raise BadQuery(
            'invalid parameter "query": invalid expression type "range vector" for range query, '
            "must be Scalar or instant Vector"
        )
    seen = [(f'[{at:.15g},"', index) for at in grid if (index := signals.step_at(at)) is not None]
    result = []
    for name, series in signals.select(selector.matchers):
        first, values = series.first, series.values
        inside = range(first, first + len(values))
        points = ",".join(
            f'{at}{value:.9g}"]'
            for at, index in seen
            if index in inside and (value := values[index - first]) == value
        )
        if points:
            labels = json.dumps(metric(name, series))
            result.append(f'{{"metric":{labels},"values":[{points}]}}')
    return f'{{"resultType":"matrix","result":[{",".join(result)}]}}'


def _grid(start: float, end: float, step: float) -> list[float]:
    if step <= 0:
        raise BadQuery(
            'invalid parameter "step": zero or negative query resolution step widths '
            "are not accepted. Try a positive integer"
        )
    if end < start:
        raise BadQuery('invalid parameter "end": end timestamp must not be before start time')
    count = int((end - start) / step + 1e-9) + 1
    if count > MAX_POINTS:
        raise BadQuery(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return [start + step * number for number in range(count)]


def _samples(signals: Signals, selector: Selector, at: float) -> list[dict[str, Any]]:
    """The recorded samples themselves, in the window that ends at `at`."""
    last = min(signals.step, math.floor((at - signals.start) / STEP + 1e-6))
    first = max(0, math.ceil((at - selector.window - signals.start) / STEP - 1e-6))
    found = []
    for name, series in signals.select(selector.matchers):
        values = [
            [signals.time_of(step), text_of(value)]
            for step in range(max(first, series.first), last + 1)
            if not math.isnan(value := series.at(step))
        ]
        if values:
            found.append({"metric": metric(name, series), "values": values})
    return found


def metric(name: str, series: Series) -> dict[str, str]:
    """The labels of a series as Prometheus shows them, its name included."""
    return {"__name__": name, **dict(series.labels)}


def text_of(value: float) -> str:
    """A sample's value as text, to nine digits."""
    return f"{value:.9g}"
