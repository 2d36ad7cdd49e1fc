"""What the core asks of whoever keeps alerts: those that fire now."""

from __future__ import annotations

from typing import Protocol

from chaoskit.ports.metrics import Alert


class AlertSource(Protocol):
    """Where alerts are read from, beside those that are posted."""

    def firing(self) -> tuple[Alert, ...]:
        """All that fire, neither silenced nor inhibited; `Unavailable` when it does not answer with them."""
        ...
