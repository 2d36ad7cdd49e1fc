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
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TypeVar

from chaoskit.simulator.api import Access, ApiError, Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import World
from chaoskit.simulator.litmus.operator import Operator
from chaoskit.simulator.litmus.reach import Halted, Prom, Ran, Victim, no_prometheus
from chaoskit.simulator.litmus.stubs import Remote, StubContainer, StubProcesses

_T = TypeVar("_T")
_LOOK_AGAIN = 0.05
_STATUS_LINE = re.compile(r"^\s*HTTP/\d\S* (\d{3})", re.MULTILINE)
_NO_LIMIT = 600.0
"""Seconds after which a probe that has no timeout of its own is given up."""


def operator(remote: Remote, engine: Engine) -> Operator:
    """Litmus' operator attached to a real cluster; one alone, for a cluster has one Litmus."""

    def reach(pod: Object, access: Access) -> StubReach:
        return StubReach(StubContainer(remote, pod), access)

    return Operator(World(remote, engine, remote.acting_as, reach), StubProcesses(remote, engine))


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

    def halt(self, node: str, what: Halted) -> None:
        """A real node is left alone."""
        raise ChaosError("CHAOS_INJECT_ERROR", f"{what} of {node} cannot be made by a stub")

    def resume(self, node: str) -> None:
        """A real node was left alone."""

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
