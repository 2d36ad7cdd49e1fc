"""What Litmus' programs need of the containers that they run in, simulated or real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chaoskit.simulator.api import Object
from chaoskit.simulator.engine import Script


class Process(Protocol):
    """The main process of one container: it logs, hears SIGTERM, and ends by `exit`."""

    on_term: Callable[[], None] | None

    @property
    def over(self) -> bool:
        """True once the process has ended."""
        ...

    def log(self, line: str) -> None:
        """`line` is the last one of the container's log."""
        ...

    def exit(self, code: int, reason: str = "") -> None:
        """The process has ended with `code`; does nothing when it had ended already."""
        ...


Program = Callable[[Object, Process], Script | None]
"""Called with the pod when its container starts; the end of the script is exit code 0, of a failing one 2."""


class Processes(Protocol):
    """Whoever runs the programs of chaos pods."""

    def start(self, program: Program) -> None:
        """`program` runs in every container of a pod that carries a ``chaosUID``, from now on."""
        ...
