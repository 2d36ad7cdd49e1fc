"""Commands on this machine: without input, in a group of their own that ends with them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from chaoskit.errors import NotFound, TimedOut
from chaoskit.ports.cluster import ExecResult
from chaoskit.settings import VARIABLES

KEEP = 64 * 1024
"""Characters of what a command wrote that are kept."""


class LocalCommands:
    """Runs commands as this user, with this environment but for the secrets that are chaoskit's own."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False

    def close(self) -> None:
        """None of its commands runs any more, whoever waits for them in another thread."""
        self._closed = True
        for process in tuple(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def run(self, command: Sequence[str], *, timeout: float) -> ExecResult:
        """What it wrote and how it ended; a signal that killed it is a negative exit code."""
        try:
            process = subprocess.Popen(
                list(command), env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True, text=True, errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise NotFound(f"{command[0]} cannot be run: {error.strerror}") from error
        self._running.add(process)
        if self._closed:
            self.close()
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{command[0]} did not end within {timeout:g} s") from error
        finally:
            self._running.discard(process)
            _end(process)
        return ExecResult(out[:KEEP], err[:KEEP], process.returncode)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in VARIABLES}


def _end(process: subprocess.Popen[str]) -> None:
    """Neither the command nor what it started in the background runs any more."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
