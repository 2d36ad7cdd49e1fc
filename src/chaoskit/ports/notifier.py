"""What the core asks of notification: one message out, to whoever is on call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: a title of one line, the text, how grave, and facts as labels."""

    title: str
    text: str
    severity: Literal["info", "warning", "critical"] = "info"
    labels: Mapping[str, str] = field(default_factory=dict)


class Notifier(Protocol):
    """Sends notices."""

    def send(self, notice: Notice) -> None:
        """The notice was accepted by the receiver; `Unavailable` when not."""
        ...
