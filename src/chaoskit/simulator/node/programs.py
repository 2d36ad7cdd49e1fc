"""What a container does: the program behind an image and its command, and how it ends.

A program is called once for each start of a container, with the `Process` it is. It logs, says what
probes see, and ends by `Process.exit`; or it returns a script (a generator that yields seconds), whose
end is the end of the process. Actors register programs for their own containers; the rest is decided here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chaoskit.simulator.api import Object
from chaoskit.simulator.engine import Due, Engine, Script
from chaoskit.simulator.node.commands import COMMANDS
from chaoskit.simulator.node.shell import OutOfMemoryError, Shell, World
from chaoskit.simulator.objects import dig

_OUT_OF_MEMORY_AFTER = 0.5
"""Seconds that a command takes to fill the memory it may have."""
_CRASHES_AFTER = 3.0
"""Seconds after which an application with ``FAULT=exit=N`` ends."""
_SHELLS = {"sh", "bash", "ash"}


@dataclass(frozen=True, slots=True)
class Invocation:
    """One start of one container."""

    namespace: str
    pod: str
    container: str
    image: str
    command: tuple[str, ...]
    env: dict[str, str]
    object: Object
    """The pod as it was then; not to be changed."""

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        labels: dict[str, str] = self.object["metadata"].get("labels") or {}
        return labels

    @property
    def variables(self) -> dict[str, str]:
        """The environment with the name that its runtime gives the host."""
        return self.env | {"HOSTNAME": dig(self.object, "spec", "hostname") or self.pod}


class Process:
    """A container's main process, in the hands of its program; over once `exit` was called.

    `on_term` is called on SIGTERM. Without one the process does not hear it, as process 1 of a container
    that installs no handler, and is killed when the grace period ends.
    """

    def __init__(
        self,
        invocation: Invocation,
        engine: Engine,
        log: Callable[[str], None],
        ended: Callable[[int, str], None],
    ) -> None:
        self.invocation = invocation
        self.files: dict[str, str] = {}
        self.on_term: Callable[[], None] | None = None
        self.catches_term: Callable[[], bool] = lambda: self.on_term is not None
        """Whether a SIGTERM reaches a handler now; without one, a first process is spared it."""
        self.changed: Callable[[], None] = _nothing
        """Called by `answer`; the kubelet looks at its probes again."""
        self.over = False
        self._answers: dict[str, int] = {}
        self._engine = engine
        self._log = log
        self._ended = ended
        self._script: Script | None = None
        self._due: Due | None = None

    def log(self, line: str) -> None:
        """`line` is the last one of the container's log."""
        self._log(line)

    def exit(self, code: int, reason: str = "") -> None:
        """The process is over with `code`; `reason` is ``Completed`` or ``Error`` by it, unless given."""
        if self.over:
            return
        self.over = True
        self._stop()
        self._ended(code, reason or ("Error" if code else "Completed"))

    def answer(self, status: int | None, path: str = "") -> None:
        """HTTP probes of `path` (of every path without one of its own: "") see this status; None: refused."""
        if self._answers.get(path) == status:
            return
        if status is None:
            self._answers.pop(path, None)
        else:
            self._answers[path] = status
        self.changed()

    def answers(self, path: str) -> int | None:
        """The HTTP status that a probe of `path` sees now; None when the connection is refused."""
        return self._answers.get(path, self._answers.get(""))

    def terminate(self) -> None:
        """The process has got a SIGTERM."""
        if self.on_term is not None and not self.over:
            self.on_term()

    def run(self, script: Script) -> None:
        """`script` is under way, instead of any earlier one.

        Its end is an exit with 0, a failing one's with 2, as of a panic, or out of memory.
        """
        self._stop()
        self._script = script
        self._advance()

    def _advance(self) -> None:
        self._due = None
        if self._script is None:
            return
        try:
            wait = next(self._script)
        except StopIteration:
            self.exit(0)
        except OutOfMemoryError:
            self._due = self._engine.call_later(_OUT_OF_MEMORY_AFTER, self._out_of_memory)
        except Exception:
            self.exit(2)
            raise
        else:
            self.changed()
            if wait != math.inf and not self.over:
                self._due = self._engine.call_later(wait, self._advance)

    def _out_of_memory(self) -> None:
        self.exit(137, "OOMKilled")

    def _stop(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self._script = None


def _nothing() -> None:
    pass


Program = Callable[[Process], Script | None]
"""Called when a container starts; may return a script, whose end is the end of the process."""


@dataclass(slots=True)
class Programs:
    """Which program a container runs: the last one registered whose predicate holds, or a built-in one."""

    _registered: list[tuple[Callable[[Invocation], bool], Program]] = field(default_factory=list)

    def register(self, predicate: Callable[[Invocation], bool], program: Program) -> None:
        """`program` runs in every container started from now on for which `predicate` holds."""
        self._registered.insert(0, (predicate, program))

    def of(self, invocation: Invocation) -> Program:
        """The program for one start of a container."""
        for predicate, program in self._registered:
            if predicate(invocation):
                return program
        if _fault(invocation) is not None:
            return crash
        return command if invocation.command else serve


def _fault(invocation: Invocation) -> int | None:
    found = re.search(r"(?:^|&)exit=(\d+)", invocation.env.get("FAULT", ""))
    return int(found[1]) if found else None


def crash(process: Process) -> Script:
    """An application with ``FAULT=exit=N``: it starts, answers, and ends with N after some seconds."""
    process.answer(200)
    code = _fault(process.invocation) or 0
    yield _CRASHES_AFTER
    process.log(f"fault: exit {code}")
    process.exit(code)


def serve(process: Process) -> Script | None:
    """A well-behaved server: it answers 200 everywhere and ends with 0 on SIGTERM.

    With ``FAULT=unready=1`` it fails its readiness probe, with ``dead=1`` its liveness probe; with
    ``STARTS_IN=N`` it gets ready after N seconds.
    """
    process.answer(200)
    for name, path in (("unready", "/readyz"), ("dead", "/healthz")):
        if re.search(rf"(?:^|&){name}=1", process.invocation.env.get("FAULT", "")):
            process.answer(503, path)
    process.on_term = lambda: process.exit(0)
    seconds = process.invocation.env.get("STARTS_IN")
    return _gets_ready(process, float(seconds)) if seconds else None


def _gets_ready(process: Process, seconds: float) -> Script:
    process.answer(503, "/readyz")
    yield seconds
    process.answer(200, "/readyz")
    yield math.inf


def command(process: Process) -> Script:
    """The container's command, done by the toy shell."""
    words = list(process.invocation.command)
    world = World(
        files=process.files,
        variables=process.invocation.variables,
        out=_lines(process.log),
        err=_lines(process.log),
    )
    shell = Shell(world, COMMANDS)
    if any(word.rsplit("/", 1)[-1] == "httpd" for word in " ".join(words).split()):
        process.answer(200)
    process.on_term = lambda: _trapped(process, shell)
    process.catches_term = lambda: "TERM" in shell.traps
    return _until_exit(process, shell, _script(shell, words))


def _script(shell: Shell, words: list[str]) -> Script:
    if words[0].rsplit("/", 1)[-1] in _SHELLS and "-c" in words:
        return shell.run(words[words.index("-c") + 1])
    return shell.argv(words)


def _until_exit(process: Process, shell: Shell, script: Script) -> Script:
    yield from script
    process.exit(shell.status)


def _trapped(process: Process, shell: Shell) -> None:
    """A shell answers a signal it has a trap for: at once in ``wait``, else after the present command."""
    if "TERM" not in shell.traps:
        return
    if shell.waiting:
        process.run(_until_exit(process, shell, shell.run(shell.traps["TERM"])))
    else:
        shell.pending = "TERM"


def _lines(log: Callable[[str], None]) -> Callable[[str], None]:
    def write(text: str) -> None:
        for line in text.splitlines():
            log(line)

    return write


def beside(process: Process, words: list[str], **world: Any) -> tuple[Shell, Script]:
    """A shell beside the container's main process, and `words` as its script; `world` adds to what it has."""
    proc = {"/proc/1/status": f"Name:\t1\nSigCgt:\t{process.catches_term() << 14:016x}\n"}
    shell = Shell(
        World(
            files=process.files,
            variables=process.invocation.variables,
            proc=proc,
            signal=lambda name: process.terminate() if name == "TERM" else None,
            **world,
        ),
        COMMANDS,
    )
    return shell, _script(shell, words)


@dataclass(frozen=True, slots=True)
class Executed:
    """What a command inside a running container did; it took `seconds` of simulated time."""

    stdout: str
    stderr: str
    code: int
    seconds: float


def execute(process: Process, words: list[str], read: Callable[[], str | None] = lambda: None) -> Executed:
    """`words` were run beside the container's main process, reading lines of input from `read`."""
    out: list[str] = []
    err: list[str] = []
    shell, script = beside(process, words, out=out.append, err=err.append, read=read)
    seconds, code = 0.0, 0
    try:
        for wait in script:
            seconds += wait
            if wait == math.inf:
                break
        code = shell.status
    except OutOfMemoryError:
        code = 137
    return Executed("".join(out), "".join(err), code, seconds)
