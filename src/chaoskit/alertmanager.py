"""What Alertmanager posts to a webhook (payload version 4) and what its API (v2) answers, as alerts; pure.

One alert that cannot be read keeps nobody from hearing the others: it is an `Unread`, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chaoskit.errors import InvalidInput, Problem
from chaoskit.ports.metrics import Alert, Unread

LARGEST = 16 * 1024
"""Characters that the labels of one alert may have: what is heard is kept while it fires."""

NAME = 253
"""Characters that are kept of a label of an alert that cannot be read."""

UNNAMED = "an alert without a name"
"""How it is called: Alertmanager wants some label of it, and not that one."""


def read(payload: object, source: str = "alerts") -> tuple[Alert, ...]:
    """The alerts of whichever of the two it is; `source` is where it was read, for what is said of it.

    Raises:
        InvalidInput: it is neither.
    """
    return answered(payload) if isinstance(payload, list) else posted(payload, source)


def posted(payload: object, source: str = "alerts") -> tuple[Alert, ...]:
    """The alerts of a webhook's payload (version 4).

    Raises:
        InvalidInput: it is none.
    """
    alerts = payload.get("alerts") if isinstance(payload, Mapping) else None
    if not isinstance(alerts, list):
        problem = Problem(source, "alerts", _shown(alerts), "a list, as Alertmanager posts it")
        raise InvalidInput("this is no payload of Alertmanager's webhook", problems=(problem,))
    return _read(alerts, "alerts")


def answered(payload: object) -> tuple[Alert, ...]:
    """The alerts of ``GET /api/v2/alerts``.

    Raises:
        InvalidInput: it is no such answer.
    """
    if not isinstance(payload, list):
        problem = Problem("alerts", "document", _shown(payload), "a list of alerts")
        raise InvalidInput("this is no answer of Alertmanager's", problems=(problem,))
    return _read(payload, "")


def _read(bodies: Sequence[object], prefix: str) -> tuple[Alert, ...]:
    return tuple(_alert(body, f"{prefix}[{index}]") for index, body in enumerate(bodies))


def _alert(body: object, place: str) -> Alert:
    try:
        return _whole(body, place)
    except _Wrong as wrong:
        return _unread(body if isinstance(body, Mapping) else {}, str(wrong))


class _Wrong(Exception):
    """One field of one alert is not as it should be."""

    def __init__(self, place: str, found: object, expected: str) -> None:
        super().__init__(f"{place} is {_shown(found)}, expected {expected}")


def _whole(body: object, place: str) -> Alert:
    if not isinstance(body, Mapping):
        raise _Wrong(place, body, "an alert")
    labels = body.get("labels")
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        raise _Wrong(f"{place}.labels", labels, "labels, each a text")
    own = {str(name): str(value) for name, value in labels.items()}
    if sum(len(name) + len(value) for name, value in own.items()) > LARGEST:
        raise _Wrong(f"{place}.labels", "larger", f"labels of {LARGEST} characters at most")
    return Alert(own.get("alertname") or UNNAMED, own, _state(body), _time(body, f"{place}.startsAt"))


def _unread(body: Mapping[str, Any], trouble: str) -> Unread:
    """What can be said of it; nobody knows since when it fires."""
    labels = body.get("labels")
    known = labels if isinstance(labels, Mapping) else {}
    own = {name: str(known[name])[:NAME] for name in ("alertname", "namespace") if name in known}
    return Unread(
        own.get("alertname") or UNNAMED, own, _state(body), datetime.min.replace(tzinfo=UTC), trouble=trouble
    )


def _state(body: Mapping[str, Any]) -> str:
    status = body.get("status", "firing")
    state = str(status.get("state") if isinstance(status, Mapping) else status)
    return "firing" if state == "active" else state


def _time(body: Mapping[str, Any], place: str) -> datetime:
    text = body.get("startsAt")
    try:
        found = datetime.fromisoformat(str(text))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise _Wrong(place, text, "a time (RFC 3339)") from error


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return type(value).__name__ if isinstance(value, (Mapping, list)) else repr(value)[:60]
