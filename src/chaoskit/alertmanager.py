"""What Alertmanager posts to a webhook (payload version 4) and what its API (v2) answers, as alerts; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chaoskit.errors import InvalidInput, Problem
from chaoskit.ports.metrics import Alert

LARGEST = 16 * 1024
"""Characters that the labels of one alert may have: what is heard is kept while it fires."""


def read(payload: object) -> tuple[Alert, ...]:
    """The alerts of whichever of the two it is.

    Raises:
        InvalidInput: it is neither.
    """
    return answered(payload) if isinstance(payload, list) else posted(payload)


def posted(payload: object) -> tuple[Alert, ...]:
    """The alerts of a webhook's payload (version 4).

    Raises:
        InvalidInput: it is none; every problem is in it, with its field.
    """
    alerts = payload.get("alerts") if isinstance(payload, Mapping) else None
    if not isinstance(alerts, list):
        problem = Problem("alerts", "alerts", _shown(alerts), "a list, as Alertmanager posts it")
        raise InvalidInput("this is no payload of Alertmanager's webhook", problems=(problem,))
    return _read(alerts, "alerts")


def answered(payload: object) -> tuple[Alert, ...]:
    """The alerts of ``GET /api/v2/alerts``.

    Raises:
        InvalidInput: it is no such answer; every problem is in it, with its field.
    """
    if not isinstance(payload, list):
        problem = Problem("alerts", "document", _shown(payload), "a list of alerts")
        raise InvalidInput("this is no answer of Alertmanager's", problems=(problem,))
    return _read(payload, "")


def _read(bodies: Sequence[object], prefix: str) -> tuple[Alert, ...]:
    problems: list[Problem] = []
    found: list[Alert] = []
    for index, body in enumerate(bodies):
        place = f"{prefix}[{index}]"
        try:
            found.append(_alert(body, place))
        except _Wrong as wrong:
            problems.append(wrong.problem)
    if problems:
        raise InvalidInput(f"{len(problems)} of {len(bodies)} alerts cannot be read", problems=problems)
    return tuple(found)


class _Wrong(Exception):
    """One field of one alert is not as it should be."""

    def __init__(self, place: str, found: object, expected: str) -> None:
        super().__init__(place)
        self.problem = Problem("alerts", place, _shown(found), expected)


def _alert(body: object, place: str) -> Alert:
    if not isinstance(body, Mapping):
        raise _Wrong(place, body, "an alert")
    labels = body.get("labels")
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        raise _Wrong(f"{place}.labels", labels, "labels, each a text")
    if not labels.get("alertname"):
        raise _Wrong(f"{place}.labels.alertname", labels.get("alertname"), "the alert's name")
    status = body.get("status", "firing")
    state = status.get("state") if isinstance(status, Mapping) else status
    own = {str(name): str(value) for name, value in labels.items()}
    if sum(len(name) + len(value) for name, value in own.items()) > LARGEST:
        raise _Wrong(f"{place}.labels", "larger", f"labels of {LARGEST} characters at most")
    firing = state in {"firing", "active"}
    return Alert(own["alertname"], own, "firing" if firing else str(state), _time(body, f"{place}.startsAt"))


def _time(body: Mapping[str, Any], place: str) -> datetime:
    text = body.get("startsAt")
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise _Wrong(place, text, "a time (RFC 3339)") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return type(value).__name__ if isinstance(value, (Mapping, list)) else repr(value)[:60]
