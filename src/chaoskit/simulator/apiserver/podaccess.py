"""What goes on inside a pod's containers, for clients: their logs, and commands run in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.store import Version
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import Object, dig, parse_time, timestamp

_LOOK_AGAIN = 0.1
"""Seconds between two looks at a log that is being followed."""


class Line(Protocol):
    """One line of a log, and when it was written (simulated Unix seconds)."""

    @property
    def at(self) -> float:
        """When it was written."""
        ...

    @property
    def text(self) -> str:
        """The line without its end."""
        ...


class Executed(Protocol):
    """How a command in a container ended."""

    @property
    def stdout(self) -> str:
        """What it wrote."""
        ...

    @property
    def stderr(self) -> str:
        """What it complained of."""
        ...

    @property
    def code(self) -> int:
        """Its exit code."""
        ...


class Containers(Protocol):
    """The kubelet's side of it; LookupError for a container, or a run of it, that is not there."""

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False) -> Sequence[Line]:
        """The log of the present or last run, or of the run before."""
        ...

    def execute(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        read: Callable[[], str | None] = ...,
    ) -> Executed:
        """`command` was run in the container."""
        ...

    def running(self, namespace: str, pod: str, container: str) -> bool:
        """True while the container's process lives."""
        ...


def container_of(pod: Version, asked: str) -> str:
    """The container that a client means; 400 when the pod lacks it or there are several to choose from."""
    spec = pod.object["spec"]
    names = [c["name"] for c in [*(spec.get("initContainers") or ()), *spec["containers"]]]
    if asked:
        if asked not in names:
            raise apierrors.bad_request(f"container {asked} is not valid for pod {pod.name}")
        return asked
    default = dig(pod.object, "metadata", "annotations", "kubectl.kubernetes.io/default-container")
    regular = [c["name"] for c in spec["containers"]]
    if default in regular:
        return str(default)
    if len(regular) > 1:
        raise apierrors.bad_request(
            f"a container name must be specified for pod {pod.name}, choose one of: [{' '.join(regular)}]"
        )
    return str(regular[0])


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of a log is wanted, and how."""

    container: str
    previous: bool = False
    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: float | None = None
    limit: int | None = None


def since(seconds: int | None, moment: str, now: float) -> float | None:
    """The time (Unix seconds) from which lines are wanted; None for all of them."""
    if seconds is not None:
        return now - seconds
    return parse_time(moment).timestamp() if moment else None


class LogReader:
    """Reads the log of one container of one pod."""

    def __init__(self, engine: Engine, containers: Containers, pod: Version, options: LogOptions) -> None:
        self._engine = engine
        self._containers = containers
        self._pod = pod
        self._options = options

    def text(self) -> bytes:
        """The lines that are there; 400 while the container has not started."""
        lines = [line for line in self._lines() if self._recent(line)]
        if self._options.tail is not None:
            lines = lines[max(len(lines) - self._options.tail, 0) :]
        return self._written(lines)[: self._options.limit]

    def followed(self, stopping: Callable[[], bool]) -> Iterator[bytes | None]:
        """The text, and then what is added to it until the container ends."""
        seen = self._lines()
        yield self.text()
        while not stopping():
            alive = self._containers.running(self._pod.namespace, self._pod.name, self._options.container)
            lines = self._present()
            fresh = _after(seen, lines)
            seen = lines or seen
            yield self._written(fresh) if fresh else None
            if not alive and not fresh:
                return
            time.sleep(_LOOK_AGAIN)

    def _present(self) -> Sequence[Line]:
        try:
            with self._engine.lock:
                return self._lines()
        except (LookupError, apierrors.Refusal):
            return ()

    def _lines(self) -> Sequence[Line]:
        pod, options = self._pod, self._options
        if not options.previous:
            self._refuse_unstarted()
        try:
            return self._containers.logs(
                pod.namespace, pod.name, options.container, previous=options.previous
            )
        except LookupError as error:
            what = "previous terminated container" if options.previous else "container"
            message = f'{what} "{options.container}" in pod "{pod.name}" not found'
            raise apierrors.bad_request(message) from error

    def _refuse_unstarted(self) -> None:
        status = _status_of(self._pod.object, self._options.container)
        waiting = dig(status, "state", "waiting")
        if status is None or (waiting and not dig(status, "lastState", "terminated")):
            reason = dig(waiting, "reason") or "ContainerCreating"
            name = self._options.container
            raise apierrors.bad_request(
                f'container "{name}" in pod "{self._pod.name}" is waiting to start: {reason}'
            )

    def _recent(self, line: Line) -> bool:
        return self._options.since is None or line.at >= self._options.since

    def _written(self, lines: Sequence[Line]) -> bytes:
        return "".join(self._one(line) for line in lines).encode()

    def _one(self, line: Line) -> str:
        if not self._options.timestamps:
            return f"{line.text}\n"
        nanoseconds = round(line.at % 1 * 1e9) % 1_000_000_000
        return f"{timestamp(line.at)[:-1]}.{nanoseconds:09d}Z {line.text}\n"


def _after(old: Sequence[Line], new: Sequence[Line]) -> Sequence[Line]:
    """The lines of `new` that follow the last of `old`; all of them when that is gone (a new run)."""
    if not old:
        return new
    last = old[-1]
    for place in range(len(new) - 1, -1, -1):
        if new[place] is last:
            return new[place + 1 :]
    return new


def _status_of(pod: Object, container: str) -> Object | None:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for item in status.get(field) or ():
            if item["name"] == container:
                return dict(item)
    return None
