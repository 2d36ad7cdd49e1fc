"""How a run of a container is brought to its end: preStop hook, the end of others, SIGTERM, SIGKILL."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit.simulator.engine import Due, Engine, Script, Task
from chaoskit.simulator.node.programs import Process

LEAST_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, at least, when what comes first took the rest of the grace period."""


class Ending:
    """The end of one process; nothing happens until `begin`, and nothing any more after `over`."""

    def __init__(self, engine: Engine, process: Process) -> None:
        self._engine = engine
        self._process = process
        self._hook: Task | None = None
        self._awaited: set[str] = set()
        """What comes before SIGTERM."""
        self._kill: Due | None = None
        self._begun_at = self._grace = 0.0

    def begin(self, grace: float, pre_stop: Callable[[], Script] | None, *, after_others: bool) -> None:
        """SIGTERM comes at once, and SIGKILL `grace` seconds from now.

        A hook, and with `after_others` the call of `others_ended`, come before SIGTERM, for as long as that
        time lasts; SIGKILL then is `LEAST_GRACE` away at least. A second call counts anew, but runs no hook
        again.
        """
        self._begun_at, self._grace = self._engine.now(), grace
        if after_others:
            self._awaited.add("others")
        if pre_stop is not None and grace > 0 and self._hook is None:
            self._awaited.add("hook")
            self._hook = self._engine.spawn(self._after(pre_stop()))
        if self._awaited:
            self._at(grace, self._terminate)
        else:
            self._terminate()

    def others_ended(self) -> None:
        """Whoever ends before this process has."""
        self._no_longer("others")

    def over(self) -> None:
        """The process has ended."""
        if self._kill is not None:
            self._kill.cancel()
        if self._hook is not None:
            self._hook.cancel()

    def _after(self, hook: Script) -> Script:
        yield from hook
        self._no_longer("hook")

    def _no_longer(self, what: str) -> None:
        if what in self._awaited:
            self._awaited.remove(what)
            if not self._awaited:
                self._terminate()

    def _terminate(self) -> None:
        self._awaited.clear()
        waited = self._engine.now() - self._begun_at
        self._at(max(self._grace - waited, LEAST_GRACE) if waited else self._grace, self._die)
        self._process.terminate()

    def _die(self) -> None:
        self._process.exit(137)

    def _at(self, seconds: float, work: Callable[[], None]) -> None:
        if self._kill is not None:
            self._kill.cancel()
        self._kill = self._engine.call_later(seconds, work)
