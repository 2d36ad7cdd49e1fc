"""Processes of Litmus in the waiting containers of a real cluster, steered by commands run in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from chaoskit.simulator.api import Access, Api, ApiError, Change, Object
from chaoskit.simulator.engine import Engine, Script, Task
from chaoskit.simulator.execution import Executed
from chaoskit.simulator.litmus.kinds import SIGTERM, environment
from chaoskit.simulator.litmus.processes import Program

_TRIES, _BETWEEN_TRIES = 5, 1.0


class Remote(Api, Protocol):
    """A real cluster's API: `Api`, and what stands in for programs needs beside it."""

    def acting_as(self, namespace: str, account: str) -> Access:
        """The API with the rights of a service account alone."""
        ...

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float = ...
    ) -> Executed:
        """The command has ended in the container; `ApiError` when that cannot be said."""
        ...


class StubContainer:
    """The first container of a chaos pod, in which commands can be run."""

    def __init__(self, remote: Remote, pod: Object) -> None:
        meta, self._container = pod["metadata"], pod["spec"]["containers"][0]
        self._where = meta["namespace"], meta["name"], self._container["name"]
        self._remote = remote

    def running(self) -> bool:
        """Whether its node says that it runs."""
        pod = self._remote.get("Pod", *self._where[:2])
        return pod is not None and bool(_running(pod))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the pod gives it."""
        return environment(self._container)

    def __call__(self, *command: str, seconds: float = 10.0) -> Executed:
        """The command has ended in it; `ApiError` when that cannot be said."""
        return self._remote.execute(*self._where, command, seconds)


class StubProcess:
    """Stands for the process of a container that waits: it logs and ends through commands run in it."""

    def __init__(self, container: StubContainer, engine: Engine) -> None:
        self.on_term: Callable[[], None] | None = None
        self.over = False
        self._container = container
        self._engine = engine
        self._task: Task | None = None

    def run(self, script: Script | None) -> None:
        """`script` is what the process does; its end is exit code 0, and a failing one's 2, as of a panic."""
        if script is not None:
            self._task = self._engine.spawn(self._main(script))

    def log(self, line: str) -> None:
        """The container's log has one line more; a container that cannot be reached says nothing."""
        with contextlib.suppress(ApiError):
            self._container("/stub", "say", line)

    def exit(self, code: int, reason: str = "") -> None:  # noqa: ARG002 - the node finds the reason
        """The container is made to end with `code`; one that is ending anyway is let go."""
        if self.over:
            return
        self.abandon()
        self._engine.spawn(self._end(code))

    def terminate(self) -> None:
        """The pod is going: the program hears SIGTERM, once."""
        heard, self.on_term = self.on_term, None
        if heard is not None and not self.over:
            heard()

    def abandon(self) -> None:
        """The container is gone or going without the program."""
        self.over = True
        if self._task is not None:
            self._task.cancel()

    def _main(self, script: Script) -> Script:
        try:
            yield from script
        except Exception:
            self._task = None
            self.exit(2)
            raise
        self._task = None
        self.exit(0)

    def _end(self, code: int) -> Script:
        """The container was made to end; raises `ApiError` when it runs on, and nothing can be done in it."""
        for left in range(_TRIES - 1, -1, -1):
            try:
                self._container("/stub", "end", str(code))
            except ApiError:
                if not self._container.running():
                    return
                if not left:
                    raise
                yield _BETWEEN_TRIES
            else:
                return


class StubProcesses:
    """Starts the program for each chaos container that a real node reports running."""

    def __init__(self, remote: Remote, engine: Engine) -> None:
        self._remote = remote
        self._engine = engine
        self._running: dict[str, tuple[str, StubProcess]] = {}

    def start(self, program: Program) -> None:
        """Pods are watched from now on."""
        self._remote.watch("Pod", lambda change, pod: self._seen(change, pod, program))

    def _seen(self, change: Change, pod: Object, program: Program) -> None:
        meta = pod["metadata"]
        if "chaosUID" not in meta.get("labels", {}):
            return
        known, process = self._running.get(meta["uid"], ("", None))
        container, going = _running(pod), "deletionTimestamp" in meta
        if process is not None and going:
            process.terminate()
        if process is not None and (change == "DELETED" or container != known):
            process.abandon()
            del self._running[meta["uid"]]
        if container and container != known and change != "DELETED":
            started = StubProcess(StubContainer(self._remote, pod), self._engine)
            self._running[meta["uid"]] = container, started
            if going:
                started.exit(SIGTERM)  # it was told to end before it could say how
            else:
                started.run(program(pod, started))


def _running(pod: Object) -> str:
    """The id of the pod's container that runs, as the node tells it; empty while none does."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return next((s.get("containerID", "") for s in statuses if "running" in (s.get("state") or {})), "")
