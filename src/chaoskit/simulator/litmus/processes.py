"""Where Litmus' programs run: in the simulated kubelet, or beside stub containers on a real cluster."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from chaoskit.simulator.api import Api, Change, Object
from chaoskit.simulator.engine import Engine, Script, Task

if TYPE_CHECKING:
    from chaoskit.simulator.node.programs import Invocation, Programs


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


Reason = Literal["Error", "OOMKilled", "Completed"]


class Kubelet(Protocol):
    """What Litmus needs of the simulated kubelet."""

    @property
    def programs(self) -> Programs:
        """Who decides what a container does."""
        ...

    def kill_container(
        self, namespace: str, pod: str, container: str, *, reason: Reason = ..., exit_code: int = ...
    ) -> bool:
        """The container's process is killed, and True; LookupError when there is no such container."""
        ...


Program = Callable[[Object, Process], Script | None]
"""Called with the pod when its container starts; the end of the script is exit code 0."""


def run_in_kubelet(kubelet: Kubelet, program: Program) -> None:
    """`program` runs in every container of a pod that carries a ``chaosUID``."""

    def of_litmus(start: Invocation) -> bool:
        return "chaosUID" in start.labels

    kubelet.programs.register(of_litmus, lambda p: program(p.invocation.object, p))
    kubelet.programs.register(lambda s: s.labels.get("name") == "chaos-operator", _idle)


def _idle(process: Process) -> None:
    """The operator's own container: its work is done by the actor."""
    process.on_term = lambda: process.exit(0)


class StubProcess:
    """Stands for the process in a stub container of a real cluster, steered through the API alone.

    A container on a real node cannot be told to end but by its image: a kubelet replaces a container whose
    image changed, whatever the restart policy. So `exit` sets the image to one of the same repository that
    ends at once: ``<repository>:exit-0`` or ``:exit-1``. The image the pod starts with sleeps; on SIGTERM it
    ends with 1 after seven seconds, the time that Litmus' abort takes.
    """

    def __init__(self, api: Api, engine: Engine, pod: Object, program: Program) -> None:
        self.on_term: Callable[[], None] | None = None
        self.over = False
        self._api = api
        self._pod = pod
        script = program(pod, self)
        self._task: Task | None = None
        if script is not None:
            self._task = engine.spawn(self._main(script))

    def log(self, line: str) -> None:
        """Nothing: a stub container writes its own log."""

    def exit(self, code: int, reason: str = "") -> None:  # noqa: ARG002 - the node finds the reason
        """The container is asked to end with `code`, 0 or 1."""
        if self.over:
            return
        self.abandon()
        meta, container = self._pod["metadata"], self._pod["spec"]["containers"][0]
        repository = re.sub(r":[^/:]*$", "", container["image"])
        image = {"name": container["name"], "image": f"{repository}:exit-{1 if code else 0}"}
        current = self._api.get("Pod", meta["namespace"], meta["name"])
        if current is not None and "deletionTimestamp" not in current["metadata"]:
            current["spec"]["containers"][0] |= image
            self._api.update(current)

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
        yield from script
        self._task = None
        self.exit(0)


class StubProcesses:
    """Starts the program for each chaos container that a real node reports running."""

    def __init__(self, api: Api, engine: Engine, program: Program) -> None:
        self._api = api
        self._engine = engine
        self._program = program
        self._by_uid: dict[str, StubProcess] = {}

    def start(self) -> None:
        """Pods are watched from now on."""
        self._api.watch("Pod", self._seen)

    def _seen(self, change: Change, pod: Object) -> None:
        meta = pod["metadata"]
        if "chaosUID" not in meta.get("labels", {}):
            return
        process = self._by_uid.get(meta["uid"])
        if process is None:
            if change != "DELETED" and "deletionTimestamp" not in meta and _running(pod):
                started = StubProcess(self._api, self._engine, pod, self._program)
                self._by_uid[meta["uid"]] = started
            return
        if "deletionTimestamp" in meta:
            process.terminate()
        if change == "DELETED":
            del self._by_uid[meta["uid"]]


def _running(pod: Object) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return any("running" in (s.get("state") or {}) for s in statuses)
