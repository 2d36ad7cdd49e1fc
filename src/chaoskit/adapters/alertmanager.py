"""Alerts in an Alertmanager, by its API (v2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC

from chaoskit.errors import Unavailable
from chaoskit.ports.notifier import Raised

TIMEOUT = 10.0
"""Seconds of the wall that it has to take alerts."""


class Alertmanager:
    """Pushes alerts to the Alertmanager at this address."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._shown = re.sub(r"//[^/@]*@", "//", self._url)

    def push(self, alerts: Sequence[Raised]) -> None:
        """The alerts stand as they say; `Unavailable` when it does not answer, or not with 2xx."""
        if not alerts:
            return
        import requests
        import urllib3.exceptions

        body = [
            {
                "labels": dict(each.labels),
                "annotations": dict(each.annotations),
                "startsAt": each.starts.astimezone(UTC).isoformat(),
                "endsAt": each.ends.astimezone(UTC).isoformat(),
            }
            for each in alerts
        ]
        try:
            answer = requests.post(
                f"{self._url}/api/v2/alerts", json=body, timeout=TIMEOUT, allow_redirects=False
            )
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._unavailable(f"did not take the alerts ({type(error).__name__})") from error
        if not 200 <= answer.status_code < 300:
            raise self._unavailable(f"answers HTTP {answer.status_code}: {answer.text.strip()[:200]}")

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable(
            f"the Alertmanager at {self._shown} {what}",
            service="Alertmanager",
            address=self._shown,
            hint="look at --alertmanager",
        )
