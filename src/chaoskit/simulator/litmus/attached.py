"""Litmus on a real cluster: its pods are real, their containers wait, and the actor does what they would do.

The images of `images` stand for those of Litmus. What is real there, beside every object, pod, event and
right: pods are deleted by the experiment, with the rights of its service account; container-kill kills the
container through the node's containerd, and the hogs burn CPU and memory in the container's own cgroups,
both from inside the helper's pod, as in Litmus; HTTP and command probes are done in the experiment's pod.
What is not: the packets of pod-network-loss, which ends in an error, and promProbes, which do too.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from chaoskit.simulator.api import Access, Api, ApiError, Change, Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.engine import Engine, Script, Task
from chaoskit.simulator.execution import Executed
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import World
from chaoskit.simulator.litmus.kinds import environment
from chaoskit.simulator.litmus.operator import Operator
from chaoskit.simulator.litmus.processes import Program
from chaoskit.simulator.litmus.reach import Prom, Ran, Victim
from chaoskit.simulator.litmus.services import no_prometheus

_T = TypeVar("_T")
_LOOK_AGAIN = 0.05
_TRIES, _BETWEEN_TRIES = 5, 1.0
_STATUS_LINE = re.compile(r"^\s*HTTP/\d\S* (\d{3})", re.MULTILINE)
_NO_LIMIT = 600.0
"""Seconds after which a probe that has no timeout of its own is given up."""


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


def operator(remote: Remote, engine: Engine) -> Operator:
    """Litmus' operator attached to a real cluster; one alone, for a cluster has one Litmus."""

    def reach(pod: Object, access: Access) -> StubReach:
        return StubReach(StubContainer(remote, pod), access)

    return Operator(World(remote, engine, remote.acting_as, reach), StubProcesses(remote, engine))


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
        if container and container != known and change != "DELETED" and not going:
            started = StubProcess(StubContainer(self._remote, pod), self._engine)
            self._running[meta["uid"]] = container, started
            started.run(program(pod, started))


def _running(pod: Object) -> str:
    """The id of the pod's container that runs, as the node tells it; empty while none does."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return next((s.get("containerID", "") for s in statuses if "running" in (s.get("state") or {})), "")


def _beside(work: Callable[[], _T]) -> Generator[float, None, _T]:
    """What `work` returns or raises; the engine goes on while it is done."""
    answer: Future[_T] = Future()

    def do() -> None:
        try:
            answer.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again below, where it is waited for
            answer.set_exception(error)

    threading.Thread(target=do, name="stub-reach", daemon=True).start()
    while not answer.done():
        yield _LOOK_AGAIN
    return answer.result()


class StubReach:
    """Probes and faults as commands in the chaos pod's own container."""

    def __init__(self, container: StubContainer, access: Access) -> None:
        self._container = container
        self._access = access

    @property
    def prom(self) -> Prom:
        """A promProbe is an error: there is no client for Prometheus in a stub."""
        return no_prometheus

    def get(self, url: str, timeout: float) -> Generator[float, None, int]:
        """The status that busybox' wget got in the pod, over the cluster's own names and services."""
        command = ("wget", "-q", "-S", "-O", "/dev/null", url)
        try:
            done = yield from _beside(lambda: self._container(*command, seconds=timeout or _NO_LIMIT))
        except ApiError as error:
            raise ConnectionError(f'Get "{url}": {error.message}') from error
        statuses = _STATUS_LINE.findall(done.stderr)
        if not statuses:
            raise ConnectionError(f'Get "{url}": {done.stderr.strip()}')
        return int(statuses[-1])

    def run(self, command: str) -> Generator[float, None, Ran]:
        """The command was run by the shell of the stub's image."""
        try:
            done = yield from _beside(lambda: self._container("/bin/sh", "-c", command, seconds=_NO_LIMIT))
        except ApiError as error:
            raise ChaosError("CMD_PROBE_ERROR", f"unable to run command: {error.message}") from error
        return Ran(done.code, done.stdout)

    def kill(self, victim: Victim, signal: str) -> None:
        """The node's containerd has sent the signal, through the socket that the helper's pod mounts."""
        socket = self._container.environment.get("SOCKET_PATH", "")
        client = ("ctr", "--address", socket, "--namespace", "k8s.io")
        self._inject(*client, "tasks", "kill", "--signal", signal, self._id_of(victim))

    def begin(self, effect: Effect, seconds: float) -> None:
        """The hog's workers are in the container's cgroups."""
        if effect.kind not in {"cpu", "memory"}:
            raise ChaosError("CHAOS_INJECT_ERROR", f"{effect.kind} cannot be made by a stub")
        amount, lasts = math.ceil(effect.amount), math.ceil(seconds)
        self._inject("/stress", self._id_of(_victim(effect)), effect.kind, str(amount), str(lasts))

    def end(self, effect: Effect) -> None:
        """The hog's workers are gone; those whose helper cannot be reached end by themselves."""
        with contextlib.suppress(ApiError, ChaosError):
            self._container("/stress", self._id_of(_victim(effect)), "end")

    def _inject(self, *command: str) -> None:
        try:
            done = self._container(*command)
        except ApiError as error:
            raise ChaosError("CHAOS_INJECT_ERROR", error.message) from error
        if done.code:
            raise ChaosError(
                "CHAOS_INJECT_ERROR", done.stderr.strip() or f"{command[0]} ended with {done.code}"
            )

    def _id_of(self, victim: Victim) -> str:
        """The container's id as its node's runtime knows it."""
        pod = self._access.get("Pod", victim.namespace, victim.pod) or {}
        for status in pod.get("status", {}).get("containerStatuses", ()):
            if status["name"] == victim.container and "containerID" in status:
                return str(status["containerID"].partition("://")[2])
        raise ChaosError("CONTAINER_RUNTIME_ERROR", f"failed to get the container id of {victim.pod}")


def _victim(effect: Effect) -> Victim:
    return Victim(effect.pod, effect.namespace, effect.container)
