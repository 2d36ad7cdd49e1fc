"""Tells people: a webhook that chats take as well, PagerDuty's events (v2), an alert in Alertmanager."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chaoskit.errors import Unavailable
from chaoskit.ports.http import Hooks
from chaoskit.ports.notifier import Notice, Notifier, Raised
from chaoskit.redaction import host_of, place_of

TIMEOUT = 10.0
"""Seconds of the wall that the receiver has to take a notice."""


class Webhook:
    """Posts a notice as ``{title, text, severity, labels}``; `text`, shown by chats, begins with the title.

    The address is a secret (whoever knows it may post): no message names more of it than its host.
    """

    heard = True

    def __init__(self, url: str, hooks: Hooks) -> None:
        self._url, self._hooks = url, hooks

    def send(self, notice: Notice) -> None:
        """The receiver answered with 2xx; `Unavailable` for any other answer, or for none in time."""
        body = {
            "title": notice.title,
            "text": "\n".join(filter(None, (notice.title, notice.text))),
            "severity": notice.severity,
            "labels": dict(notice.labels),
        }
        _post(self._hooks, self._url, body, "webhook")


class PagerDuty:
    """Opens an incident with the notice's key, and closes it when the notice says that it is over."""

    heard = True

    def __init__(self, key: str, url: str, hooks: Hooks) -> None:
        self._key, self._url, self._hooks = key, url, hooks

    def send(self, notice: Notice) -> None:
        """PagerDuty took the event; `Unavailable` for any other answer, or for none in time."""
        event: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": "resolve" if notice.resolved else "trigger",
            "payload": {
                "summary": notice.title[:1024],
                "source": notice.labels.get("target", "chaoskit"),
                "severity": notice.severity,
                "custom_details": {**notice.labels, "text": notice.text},
            },
        }
        if notice.key:
            event["dedup_key"] = notice.key[:255]
        _post(self._hooks, self._url, event, "pagerduty_key")


class Alertmanager:
    """Raises an alert by Alertmanager's API (v2), and ends it when the notice says that it is over."""

    heard = True

    def __init__(self, url: str, hooks: Hooks) -> None:
        self._url, self._hooks = url.rstrip("/") + "/api/v2/alerts", hooks
        self._who = f"Alertmanager at {place_of(url)}"

    def send(self, notice: Notice) -> None:
        """Alertmanager took the alert; `Unavailable` for any other answer, or for none in time."""
        _post(self._hooks, self._url, list(_alerts(notice)), "alertmanager", self._who)

    def push(self, alerts: Sequence[Raised]) -> None:
        """The alerts stand as they say; `Unavailable` for any other answer than yes, or for none in time."""
        if alerts:
            told = [_raised(each) for each in alerts]
            _post(self._hooks, self._url, told, "alertmanager", self._who)


def _raised(alert: Raised) -> Mapping[str, Any]:
    starts, ends = (each.astimezone(UTC).isoformat() for each in (alert.starts, alert.ends))
    known = {"labels": dict(alert.labels), "annotations": dict(alert.annotations)}
    return {**known, "startsAt": starts, "endsAt": ends}


def _alerts(notice: Notice) -> Iterator[Mapping[str, Any]]:
    """An alert is known by its labels: one that is over ends, with whichever severity it was raised."""
    own = {name: value for name, value in notice.labels.items() if value and name != "recovery"}
    note = {"summary": notice.title, "description": notice.text, **_only(notice.labels, "recovery")}
    now = datetime.now(UTC).isoformat()
    for severity in ("warning", "critical") if notice.resolved else (notice.severity,):
        labels = {"alertname": "ChaoskitNeedsYou", **own, "severity": severity}
        ends = {"endsAt": now} if notice.resolved else {}
        yield {"labels": labels, "annotations": note, **ends}


def _only(labels: Mapping[str, str], name: str) -> dict[str, str]:
    return {name: labels[name]} if labels.get(name) else {}


class Several:
    """Tells all of them; it is told when one of them took it."""

    heard = True

    def __init__(self, notifiers: Iterable[Notifier]) -> None:
        self._notifiers: Sequence[Notifier] = tuple(notifiers)

    def send(self, notice: Notice) -> None:
        """At least one receiver took the notice; `Unavailable` with every reason when none did."""
        failed: list[Unavailable] = []
        for each in self._notifiers:
            try:
                each.send(notice)
            except Unavailable as error:
                failed.append(error)
        if len(failed) == len(self._notifiers):
            reasons = "; ".join(error.message for error in failed)
            raise Unavailable(reasons, service="notifier", hint=failed[0].hint)


def _post(hooks: Hooks, url: str, body: object, setting: str, who: str = "") -> None:
    """The receiver took it; `who` it is in words, a webhook of which no more than the host may be told."""
    hint, who = f"look at the setting {setting}", who or f"the webhook at {host_of(url)}"
    try:
        answer = hooks.post(url, json.dumps(body), timeout=TIMEOUT)
    except Unavailable as error:
        why = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        words = f"{who} gave no answer{why}"
        raise Unavailable(words, service="webhook", address=error.address, hint=hint) from error
    if not 200 <= answer.status < 300:
        words = f"{who} answered with {answer.status}"
        raise Unavailable(words, service="webhook", address=host_of(url), hint=hint)
