"""One container of a pod on its node: pulled, started, probed, restarted with back-off, stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.effects import Effect, Effects
from chaoskit.simulator.engine import Due, Engine, Script, Task
from chaoskit.simulator.node import hooks, images, probes
from chaoskit.simulator.node.backoff import BackOff
from chaoskit.simulator.node.ending import Ending
from chaoskit.simulator.node.environment import ConfigError, environment
from chaoskit.simulator.node.podstatus import Container, restarts
from chaoskit.simulator.node.probes import Prober
from chaoskit.simulator.node.programs import Invocation, Process, Programs
from chaoskit.simulator.node.pulling import Pulling, retry
from chaoskit.simulator.objects import timestamp
from chaoskit.simulator.recorder import Recorder

LOG_LINES = 10_000
"""Lines kept of one run's log, as the runtime's rotation keeps only so much."""

_CREATE = 0.04
_START = 0.12
_PUBLISH = 0.02
_NOTICE = 0.5
"""Until the kubelet notices that a container ended (it asks its runtime about once a second)."""
_RESIZE = 1.0
"""Until a container that goes on running has other resources; no recording shows it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log, and when it was written (simulated Unix seconds)."""

    at: float
    text: str


@dataclass(slots=True)
class Node:
    """What the containers on one node share; `away` while its kubelet is, and nothing is told of them."""

    name: str
    ip: str
    api: Api
    engine: Engine
    effects: Effects
    programs: Programs
    recorder: Recorder
    away: bool = False


class Pod(Protocol):
    """What a container needs of its pod."""

    object: Object
    ip: str

    def publish(self) -> None:
        """The pod's status is written where it changed."""
        ...

    def proceed(self) -> None:
        """Whatever waited for a container to be up is being started."""
        ...

    def ended(self, runner: Runner) -> None:
        """The container has ended and is not started again, or the pod is being stopped."""
        ...


class Runner:
    """The life of one container; `container` is what the pod's status tells of it."""

    def __init__(self, node: Node, pod: Pod, container: Container, policy: str) -> None:
        self.container = container
        self.begun = False
        self.process: Process | None = None
        self.log: deque[Line] = deque(maxlen=LOG_LINES)
        self.previous_log: deque[Line] = deque(maxlen=LOG_LINES)
        self._node = node
        self._pod = pod
        self._policy = policy
        self.settled = False
        """True once it is up, or the first try has failed: containers behind its postStart hook may start."""
        self._attempt = 0
        self._crashes = BackOff()
        self._pulling = Pulling(node.engine, self)
        self._task: Task | None = None
        self._dues: dict[str, Due] = {}
        self._prober = Prober(node.engine, self)
        self._started_at = 0.0
        self.stopping = False
        self._unseen: Object | None = None
        self._ending: Ending | None = None
        """Of its present or last run."""

    @property
    def running(self) -> bool:
        """True while its process lives."""
        return self.process is not None and not self.process.over

    def begin(self) -> None:
        """The container is being started."""
        self.begun = True
        self._task = self._node.engine.spawn(self._start())

    @property
    def holds(self) -> bool:
        """True while containers behind this one wait for its postStart hook."""
        return not self.settled and "postStart" in self._hooks

    @property
    def _hooks(self) -> Object:
        return self.container.spec.get("lifecycle") or {}

    def stop(self, grace: float, *, after_others: bool = False) -> None:
        """The container gets a SIGTERM, and is killed after `grace` seconds; it is not started again.

        Its preStop hook comes first, and with `after_others` the call of `take_turn`, both within that time.
        Called again, with a shorter grace, it dies that much sooner.
        """
        first, self.stopping = not self.stopping, True
        self._cancel("restart")
        if self._task is not None:
            self._task.cancel()
        if not self.running:
            if self._unseen is not None:
                self._over(self._unseen)
            self._pod.ended(self)
            return
        if first:
            self.event("Normal", "Killing", f"Stopping container {self.container.name}")
        self._kill(grace, after_others=after_others)

    def take_turn(self) -> None:
        """Those that end before this container have ended."""
        if self.stopping and self._ending is not None:
            self._ending.others_ended()

    def vanish(self) -> None:
        """Nothing of the container is left, and nothing is told of it any more."""
        self.stopping = True
        if self._task is not None:
            self._task.cancel()
        self._cancel(*list(self._dues))
        self._prober.stop()
        if self.running and self.process is not None:
            self.process.exit(137)

    def respecify(self, spec: Object) -> None:
        """The pod's object says something else of the container: another image starts it anew.

        Other resources are its own a little later, without that.
        """
        before, self.container.spec = self.container.spec["image"], spec
        if self.running and (spec.get("resources") or {}) != self.container.resources:
            self._cancel("resize")
            self._dues["resize"] = self._node.engine.call_later(_RESIZE, self._resized)
        if spec["image"] != before and self.running and not self.stopping:
            told = f"Container {self.container.name} definition changed, will be restarted"
            self.event("Normal", "Killing", told)
            self._kill(self._pod.object["spec"].get("terminationGracePeriodSeconds", 30))

    def _resized(self) -> None:
        self.container.resources = self.container.spec.get("resources") or {}
        self.publish()

    def poke(self) -> None:
        """What probes ask about may have changed: they ask again at their next turn."""
        self._prober.poke()

    # ------------------------------------------------------------------ start

    def _start(self) -> Script:
        self._attempt += 1
        yield from self._pulling.run()
        variables = yield from self._configured()
        self.event("Normal", "Created", "Container created")
        yield _CREATE
        yield _START
        self.event("Normal", "Started", "Container started")
        process = self._launch(variables)
        passed = (yield from self._run("postStart", process)) if "postStart" in self._hooks else True
        if passed:
            self._up()
            yield _PUBLISH
            self.publish()
            if self.running:
                self._prober.start(self._started_at)
        elif not process.over:
            self.event("Warning", "FailedPostStartHook", "PostStartHook failed")
            self.event("Normal", "Killing", "FailedPostStartHook")
            self._kill(self._pod.object["spec"].get("terminationGracePeriodSeconds", 30))
        self._settle()

    def _settle(self) -> None:
        self.settled = True
        self._pod.proceed()

    def _run(self, name: str, process: Process) -> Generator[float, None, bool]:
        """A hook has run; False when it failed, or the process ended before it."""
        hook, ports = self._hooks[name], self.container.spec.get("ports") or []
        passed = yield from hooks.run(hook, process, ports, self._in_force, self._node.engine.random)
        return passed and not process.over

    def waits(self, reason: str, message: str) -> None:
        """The container's status tells why it does not come up; those behind it need not wait for it."""
        self.container.state = {"waiting": {"reason": reason, "message": message}}
        self.publish()
        self._settle()

    def _configured(self) -> Generator[float, None, dict[str, str]]:
        """The environment, once it can be had; until then the status tells what is missing."""
        while True:
            try:
                return environment(self._node.api, self._pod.object, self.container.spec)
            except ConfigError as error:
                self.event("Warning", "Failed", f"Error: {error}")
                self.waits("CreateContainerConfigError", str(error))
                yield retry(self._node.engine)

    def _launch(self, variables: dict[str, str]) -> Process:
        """The process runs; what the status tells of it waits for `_up`."""
        container, engine = self.container, self._node.engine
        container.restarts = self._attempt - 1
        container.container_id = f"containerd://{engine.random.getrandbits(256):064x}"
        container.image_id = images.image_id(container.spec["image"])
        container.resources = container.spec.get("resources") or {}
        self._started_at = engine.now()
        self.previous_log, self.log = self.log, deque(maxlen=LOG_LINES)
        process = Process(self._invocation(variables), engine, self.write, self._exited)
        self.process, self._ending = process, Ending(engine, process)
        process.changed = self.poke
        script = self._node.programs.of(process.invocation)(process)
        if script is not None:
            process.run(script)
        return process

    def _up(self) -> None:
        container = self.container
        if "terminated" in container.state:
            container.last = container.state
        container.state = {"running": {"startedAt": timestamp(self._started_at)}}
        container.started = "startupProbe" not in container.spec
        container.ready = container.started and "readinessProbe" not in container.spec

    def _invocation(self, variables: dict[str, str]) -> Invocation:
        spec, meta = self.container.spec, self._pod.object["metadata"]
        return Invocation(
            namespace=meta["namespace"],
            pod=meta["name"],
            container=spec["name"],
            image=spec["image"],
            command=(*(spec.get("command") or ()), *(spec.get("args") or ())),
            env=variables,
            object=self._pod.object,
        )

    def write(self, line: str) -> None:
        """`line` is the last one of the container's log."""
        self.log.append(Line(self._node.engine.now(), line))

    # ------------------------------------------------------------------ end

    def _exited(self, code: int, reason: str) -> None:
        engine, container = self._node.engine, self.container
        ended = {
            "exitCode": code,
            "reason": reason,
            "startedAt": timestamp(self._started_at),
            "finishedAt": timestamp(engine.now()),
            "containerID": container.container_id,
        }
        self._cancel(*list(self._dues))
        self._prober.stop()
        if self._ending is not None:
            self._ending.over()
        if self.stopping:
            self._over(ended)
            self._pod.ended(self)
        else:
            at, self._unseen = engine.now(), ended
            self._dues["restart"] = engine.call_later(_NOTICE, lambda: self._notice(ended, at))

    def _over(self, ended: Object) -> None:
        self._unseen = None
        if "terminated" in self.container.state:
            self.container.last = self.container.state
        self.container.state = {"terminated": ended}
        self.container.ready = self.container.started = False

    def _notice(self, ended: Object, at: float) -> None:
        """The kubelet sees the end, tells of it, and starts the container again now, later or never."""
        self._dues.pop("restart", None)
        self._over(ended)
        self.publish()
        if not restarts(self._policy, ended["exitCode"]):
            self._pod.ended(self)
            return
        wait = self._crashes.next(at)
        if not wait:
            self.begin()
            return
        name, meta = self.container.name, self._pod.object["metadata"]
        where = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        told = f"Back-off restarting failed container {name} in pod {where}"
        self.event("Warning", "BackOff", told)
        message = f"back-off {_duration(wait)} restarting failed container={name} pod={where}"
        later = wait * (1 + self._node.engine.random.random() / 4)
        self._dues["restart"] = self._node.engine.call_later(later, lambda: self._again(message))

    def _again(self, message: str) -> None:
        """The back-off is over. Only now does the status tell of it, as in the recordings."""
        self._dues.pop("restart", None)
        self.container.last = self.container.state
        self.container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self.publish()
        self.begin()

    def _kill(self, grace: float, *, after_others: bool = False) -> None:
        if self._ending is not None:
            hook = self._pre_stop if "preStop" in self._hooks else None
            self._ending.begin(grace, hook, after_others=after_others)

    def _pre_stop(self) -> Script:
        process = self.process
        if process is not None and not (yield from self._run("preStop", process)) and not process.over:
            self.event("Warning", "FailedPreStopHook", "PreStopHook failed")

    # ------------------------------------------------------------------ probes

    def failure(self, probe: Object) -> str | None:
        """Why a probe fails now; None when it passes. Raises `NoSuchPortError`."""
        if self.process is None:
            return "container is not running"
        ports, source = self.container.spec.get("ports") or [], self._node.engine.random
        return probes.failure(probe, self.process, self._pod.ip, ports, self._in_force, source)

    @property
    def is_fickle(self) -> bool:
        """True while a probe that has passed may fail, though nothing changes."""
        return any(map(probes.by_chance, self._in_force))

    @property
    def _in_force(self) -> tuple[Effect, ...]:
        meta = self._pod.object["metadata"]
        return self._node.effects.on(meta["namespace"], meta["name"])

    def judged(self) -> None:
        """A probe changed what the status tells of the container."""
        self.publish()
        self._pod.proceed()

    def unhealthy(self, kind: str, what: str) -> None:
        """A probe did not pass: it ``failed: ...`` or ``errored ...``."""
        self.event("Warning", "Unhealthy", f"{kind.capitalize()} probe {what}")

    def condemned(self, kind: str) -> None:
        """A probe failed so often that the container is to start anew."""
        told = f"Container {self.container.name} failed {kind} probe, will be restarted"
        self.event("Normal", "Killing", told)
        grace = self._pod.object["spec"].get("terminationGracePeriodSeconds", 30)
        probe = self.container.spec[f"{kind}Probe"]
        self._kill(probe.get("terminationGracePeriodSeconds", grace))

    # ------------------------------------------------------------------ small

    def publish(self) -> None:
        """The pod's status is written where it changed."""
        self._pod.publish()

    def event(self, kind: str, reason: str, message: str) -> None:
        """The pod's events tell of it."""
        self._node.recorder.event(self._pod.object, kind, reason, message, self.container.path)

    def _cancel(self, *names: str) -> None:
        for name in names:
            due = self._dues.pop(name, None)
            if due is not None:
                due.cancel()


def _duration(seconds: float) -> str:
    """Seconds as Go prints a duration: ``40s``, ``1m20s``, ``5m0s``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
