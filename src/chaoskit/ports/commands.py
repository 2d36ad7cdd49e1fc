"""What the core asks of the machine that it runs on: one command, for steady-state conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chaoskit.ports.cluster import ExecResult


class Commands(Protocol):
    """Runs commands on this machine."""

    def run(self, command: Sequence[str], *, timeout: float) -> ExecResult:
        """What it wrote (the first 64 KiB) and how it ended.

        Raises:
            NotFound: there is no such program.
            TimedOut: it took longer than `timeout` seconds; it was killed with whatever it had started.
        """
        ...
