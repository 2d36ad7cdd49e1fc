"""What the core asks of HTTP: a GET for steady-state probes, a POST for webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

WEBHOOK = "webhook"
"""What the service is called in errors that did not answer a POST."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status code, body as text (first 64 KiB) and seconds it took."""

    status: int
    text: str
    seconds: float


class Http(Protocol):
    """An HTTP client."""

    def get(self, url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> Response:
        """The answer, whatever its status; `Unavailable` when there is none within `timeout` seconds."""
        ...


class Hooks(Protocol):
    """Reaches webhooks of the user's."""

    def post(self, url: str, body: str, *, timeout: float = 10.0) -> Response:
        """The answer to the JSON in `body`, whatever its status; `Unavailable` when there is none in time.

        No error names the address beyond its host: whoever knows it may post.
        """
        ...
