"""Tells people through a webhook: one POST of JSON, which Slack and its like take as it is."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from chaoskit.errors import Unavailable
from chaoskit.ports.notifier import Notice

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
        import requests
        import urllib3.exceptions

        try:
            answer = requests.post(self._url, json=_body(notice), timeout=TIMEOUT, allow_redirects=False)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._unavailable(f"did not take the notice ({type(error).__name__})") from error
        if not 200 <= answer.status_code < 300:
            raise self._unavailable(f"answered with {answer.status_code}")

    def _unavailable(self, what: str) -> Unavailable:
        host = _host(self._url)
        hint = "look at the setting webhook"
        return Unavailable(f"the webhook at {host} {what}", service="webhook", address=host, hint=hint)


def _body(notice: Notice) -> Mapping[str, object]:
    return {
        "title": notice.title,
        "text": "\n".join(filter(None, (notice.title, notice.text))),
        "severity": notice.severity,
        "labels": dict(notice.labels),
    }


def _host(url: str) -> str:
    """Where it is sent, without what may be secret."""
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"
