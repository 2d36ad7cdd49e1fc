"""Tells people: a webhook that chats take as well, PagerDuty's events (v2), an alert in Alertmanager."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from chaoskit.errors import Unavailable
from chaoskit.ports.notifier import Notice, Notifier, Raised

TIMEOUT = 10.0
"""Seconds of the wall that the receiver has to take a notice."""


class Webhook:
    """Posts a notice as ``{title, text, severity, labels}``; `text`, shown by chats, begins with the title.

    The address is a secret (whoever knows it may post): no message names more of it than its host.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, notice: Notice) -> None:
        """The receiver answered with 2xx; `Unavailable` for any other answer, or for none in time."""
        body = {
            "title": notice.title,
            "text": "\n".join(filter(None, (notice.title, notice.text))),
            "severity": notice.severity,
            "labels": dict(notice.labels),
        }
        _post(self._url, body, "webhook")


class PagerDuty:
    """Opens an incident with the notice's key, and closes it when the notice says that it is over."""

    def __init__(self, key: str, url: str) -> None:
        self._key = key
        self._url = url

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
        _post(self._url, event, "pagerduty_key")


class Alertmanager:
    """Raises an alert by Alertmanager's API (v2), and ends it when the notice says that it is over."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/api/v2/alerts"

    def send(self, notice: Notice) -> None:
        """Alertmanager took the alert; `Unavailable` for any other answer, or for none in time."""
        _post(self._url, list(_alerts(notice)), "alertmanager")

    def push(self, alerts: Sequence[Raised]) -> None:
        """The alerts stand as they say; `Unavailable` for any other answer than yes, or for none in time."""
        if alerts:
            _post(self._url, [_raised(each) for each in alerts], "alertmanager")


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


def _post(url: str, body: object, setting: str) -> None:
    import requests
    import urllib3.exceptions

    host = _host(url)
    try:
        answer = requests.post(url, json=body, timeout=TIMEOUT, allow_redirects=False)
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise _unavailable(host, f"did not take the notice ({type(error).__name__})", setting) from error
    if not 200 <= answer.status_code < 300:
        raise _unavailable(host, f"answered with {answer.status_code}", setting)


def _unavailable(host: str, what: str, setting: str) -> Unavailable:
    hint = f"look at the setting {setting}"
    return Unavailable(f"the webhook at {host} {what}", service="webhook", address=host, hint=hint)


def _host(url: str) -> str:
    """Where it is sent, without what may be secret."""
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"
