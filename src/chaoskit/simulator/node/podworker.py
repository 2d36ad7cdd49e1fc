"""One pod on its node: from the moment the kubelet sees it until its object is gone."""

from __future__ import annotations

from collections.abc import Callable

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.engine import Due, Script, Task
from chaoskit.simulator.node import podstatus, volumes
from chaoskit.simulator.node.container import Node, Runner
from chaoskit.simulator.node.podstatus import Container, Facts

_SEEN = 0.03
_SANDBOX = 0.42
_SCATTER = 0.12
"""A network takes up to so much longer to set up: pods made together do not start at one instant."""
_FIRST_MOUNT = 0.5
_LONGEST_MOUNT = 122.0
"""Seconds after which a volume that could not be mounted is tried again: doubling from the first on."""
_GONE = 0.7
"""Until the kubelet tells that the last container of a pod it stops has ended."""
_DELETED = 0.5
"""From that to the deletion of the object."""
_CLEANED = 1.1
"""From the end of the last container to the pod's own end, when nobody stopped it."""
_TOO_LONG = "Pod was active on the node longer than the specified deadline"


class PodWorker:
    """What the kubelet does for one pod; `changed` tells it of the object's changes."""

    def __init__(self, node: Node, pod: Object, address: Callable[[], str]) -> None:
        self.object = pod
        self.ip = ""
        spec, meta = pod["spec"], pod["metadata"]
        self._where = (meta["namespace"], meta["name"])
        policy = spec.get("restartPolicy", "Always")
        init_policy = "OnFailure" if policy != "Never" else "Never"
        self.init = tuple(
            Runner(node, self, Container(c, "initContainers"), c.get("restartPolicy") or init_policy)
            for c in spec.get("initContainers") or ()
        )
        self.main = tuple(Runner(node, self, Container(c), policy) for c in spec["containers"])
        self._policy = policy
        self._node = node
        self._address = address
        self._began = 0.0
        self._sandbox = False
        self._phase = ""
        self._task: Task | None = None
        self._stopping: float | None = None
        self._grace = float(spec.get("terminationGracePeriodSeconds", 30))
        self._due: Due | None = None
        self._over = False
        self._failure: tuple[str, str] | None = None
        """Reason and message of a pod that its kubelet ends."""
        self._disrupted = False
        self._deadline: Due | None = None

    @property
    def runners(self) -> tuple[Runner, ...]:
        """Every container, init containers first."""
        return self.init + self.main

    def runner(self, container: str) -> Runner:
        """The container of that name; LookupError when the pod has none."""
        for runner in self.runners:
            if runner.container.name == container:
                return runner
        raise LookupError(f"container {container} not found in pod {self._where[1]}")

    def start(self) -> None:
        """The pod is being set up."""
        self._task = self._node.engine.spawn(self._set_up())

    def changed(self, pod: Object) -> None:
        """The object is now `pod`: if it is to go, the pod is being stopped."""
        if _version(pod) > _version(self.object):
            self.object = pod
            specs = (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
            for runner, spec in zip(self.runners, specs, strict=True):
                runner.respecify(spec)
            self._limit()
        if "deletionTimestamp" in pod["metadata"]:
            self._stop(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    def evict(self, why: str, *, disrupted: bool = False) -> None:
        """The pod is being stopped; it fails, and its object stays.

        `disrupted` pods go for want of what their node has, and not for what they did themselves.
        """
        if not self._ends:
            self._node.recorder.event(self.object, "Warning", "Evicted", why)
            self._disrupted = disrupted
            self._fail("Evicted", why, 0)

    def removed(self) -> None:
        """The object is gone: whatever still runs is killed, and an event tells of it."""
        for runner in self.runners:
            if runner.running and self._stopping is None:
                told = f"Stopping container {runner.container.name}"
                self._node.recorder.event(self.object, "Normal", "Killing", told, runner.container.path)
        self.vanish()

    def vanish(self) -> None:
        """Nothing of the pod runs any more, and nothing is told of it: its node is lost."""
        self._over = True
        if self._task is not None:
            self._task.cancel()
        for due in (self._due, self._deadline):
            if due is not None:
                due.cancel()
        for runner in self.runners:
            runner.vanish()

    def publish(self) -> None:
        """The object's status tells how the pod is, where it did not already."""
        if self._over or self._node.away:
            return
        init, main = [r.container for r in self.init], [r.container for r in self.main]
        facts = Facts(
            host_ip=self._node.ip,
            pod_ip=self.ip if any(_known(c) for c in init + main) else "",
            started=self._began,
            sandbox=self._sandbox,
            phase=self._phase or _phase(main, initialized=self._initialized),
            policy=self._policy,
            initialized=self._initialized,
        )
        status = podstatus.status(self.object, init, main, facts, self._node.engine.now())
        if self._failure is not None and self._phase:
            reason, message = self._failure
            status |= {"reason": reason, "message": message}
            if self._disrupted:
                now = self._node.engine.now()
                status["conditions"] = podstatus.disrupted(status["conditions"], message, now)
        before = self.object.get("status") or {}
        if any(before.get(key) != value for key, value in status.items()):
            self._write(status)

    def ended(self, runner: Runner) -> None:
        """A container has ended for good: the next init container starts, or the pod ends."""
        if self._over:
            return
        if not self._ends:
            if runner in self.init and not runner.stopping and runner.container.exit_code == 0:
                self.proceed()
                return
            if runner in self.main and not self._finished:
                return
        self._end_sidecars()
        if not any(r.running for r in self.runners):
            stopped = self._stopping is not None
            self._after(_GONE if stopped else _CLEANED, self._tell_end if stopped else self._finish)

    # ------------------------------------------------------------------ start

    def _set_up(self) -> Script:
        yield _SEEN
        self._began = self._node.engine.now()
        self._limit()
        self.publish()
        yield from self._mounted()
        yield _SANDBOX + _SCATTER * self._node.engine.random.random()
        self.ip = self._address()
        self._sandbox = True
        self.proceed()

    def _mounted(self) -> Script:
        """Ends once every volume can be mounted; until then events tell which cannot."""
        wait = _FIRST_MOUNT
        while lacking := volumes.unmountable(self._node.api, self.object):
            for why in lacking:
                self._node.recorder.event(self.object, "Warning", "FailedMount", why)
            yield wait
            wait = min(2 * wait, _LONGEST_MOUNT)

    @property
    def _initialized(self) -> bool:
        """True from then on: a sidecar that starts anew holds nobody up."""
        return any(r.begun for r in self.main) or all(r.container.lets_on for r in self.init)

    def proceed(self) -> None:
        """What is due is being started: the next init container, or all others once those let them.

        Of the others, none before the postStart hooks of those that stand before it.
        """
        if self._ends or not self._sandbox:
            return
        next_init = (next(r for r in self.init if not r.container.lets_on),) if not self._initialized else ()
        for runner in next_init or self.main:
            if not runner.begun:
                runner.begin()
            if runner.holds:
                return

    # ------------------------------------------------------------------ end

    @property
    def _finished(self) -> str:
        return podstatus.finished([r.container for r in self.main], self._policy)

    @property
    def _ends(self) -> bool:
        """True for a pod that has ended, or is being stopped."""
        return bool(self._over or self._phase or self._stopping is not None or self._failure is not None)

    def _limit(self) -> None:
        """The pod fails once it has been on its node for as long as it may."""
        if self._deadline is not None:
            self._deadline.cancel()
        seconds = self.object["spec"].get("activeDeadlineSeconds")
        if seconds is not None and self._began:
            left = self._began + seconds - self._node.engine.now()
            self._deadline = self._node.engine.call_later(max(0.0, left), self._exceed)

    def _exceed(self) -> None:
        if not self._ends:
            self._node.recorder.event(self.object, "Normal", "DeadlineExceeded", _TOO_LONG)
            grace = self.object["spec"].get("terminationGracePeriodSeconds", 30)
            self._fail("DeadlineExceeded", _TOO_LONG, float(grace))

    def _fail(self, reason: str, message: str, grace: float) -> None:
        self._failure, self._policy = (reason, message), "Never"
        if self._task is not None:
            self._task.cancel()
        self._stop_all(grace)

    def _finish(self) -> None:
        """The pod has ended by itself."""
        failed = self._failure is not None
        self._phase, self._sandbox = "Failed" if failed else self._finished or "Failed", False
        self.publish()

    def _stop(self, grace: float) -> None:
        if self._over or (self._stopping is not None and grace >= self._stopping):
            return
        again, self._stopping, self._policy = self._stopping is not None, grace, "Never"
        if self._task is not None:
            self._task.cancel()
        if again:
            self._hurry(grace)
            return
        self._stop_all(grace)
        self.publish()

    def _hurry(self, grace: float) -> None:
        self._grace = grace
        for runner in self.runners:
            if runner.running:
                runner.stop(grace, after_others=self._outlived(runner))

    def _stop_all(self, grace: float) -> None:
        self._grace = grace
        for runner in self.runners:
            runner.stop(grace, after_others=self._outlived(runner))

    def _outlived(self, runner: Runner) -> bool:
        """True while a sidecar has to stay for others: those that started after it end before it."""
        later = self.runners[self.runners.index(runner) + 1 :]
        return runner.container.is_sidecar and any(r.running for r in later)

    def _end_sidecars(self) -> None:
        """The pod ends: its sidecars are being stopped, each once all that started after it has ended."""
        for runner in reversed(self.init):
            if runner.container.is_sidecar and not runner.stopping:
                runner.stop(self._grace, after_others=self._outlived(runner))
            elif not self._outlived(runner):
                runner.take_turn()

    def _tell_end(self) -> None:
        if self._finished and not self._phase:
            self._phase, self._sandbox = self._finished, False
            self.publish()
        self._after(_DELETED, self._delete)

    def _delete(self) -> None:
        uid = self.object["metadata"]["uid"]
        try:
            self._node.api.delete("Pod", *self._where, grace=0, uid=uid)
        except ApiError as error:
            if error.code != 409:  # another pod has taken the name already
                raise

    def _after(self, seconds: float, work: Callable[[], None]) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self._node.engine.call_later(seconds, work)

    def _write(self, status: Object) -> None:
        try:
            self.object = self._node.api.patch("Pod", *self._where, {"status": status}, "status")
        except ApiError as error:
            if error.code != 404:  # a pod deleted by force is gone before its kubelet hears of it
                raise


def _known(container: Container) -> bool:
    """True once the status tells more of the container than that it is being created."""
    return bool(container.state.get("waiting", {}).get("reason") != "ContainerCreating")


def _phase(main: list[Container], *, initialized: bool) -> str:
    """``Pending`` until every container has been up once."""
    never = any("waiting" in c.state and not c.last for c in main)
    return "Pending" if never or not initialized else "Running"


def _version(pod: Object) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)
