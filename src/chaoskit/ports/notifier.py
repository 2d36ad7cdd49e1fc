"""What the core asks of notification: one message out, to whoever is on call; alerts that last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: a title of one line, the text, how grave, and facts as labels.

    `key` is the same for all notices about one thing ("" where there is nothing to put together); a
    `resolved` one says that it is over.
    """

    title: str
    text: str
    severity: Severity = "info"
    labels: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    resolved: bool = False


class Notifier(Protocol):
    """Sends notices."""

    @property
    def heard(self) -> bool:
        """Whether people hear them."""
        ...

    def send(self, notice: Notice) -> None:
        """The notice was accepted by the receiver; `Unavailable` when not."""
        ...


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that is to stand from `starts` to `ends`: pushed again it stands longer, ended now it is over.

    It is known by its labels.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts: datetime
    ends: datetime
