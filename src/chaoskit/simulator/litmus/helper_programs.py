"""What runs inside helper pods: it disturbs its targets, says so on the ChaosResult, and undoes it."""

from __future__ import annotations

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import disturbances
from chaoskit.simulator.litmus.disturbances import Tunables
from chaoskit.simulator.litmus.errors import ChaosError, error_output
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import RESULT
from chaoskit.simulator.litmus.reach import Victim
from chaoskit.simulator.litmus.status import ready, until_pod
from chaoskit.simulator.litmus.targets import number
from chaoskit.simulator.quantities import parse

_ANNOTATE = 0.35
"""Seconds that ``kubectl annotate`` takes inside a helper."""
_KILL = 0.3
_UNTIL_READY = {
    "stress-chaos": STEP * 3 + 0.7,  # which it waits before it lets stress-ng go
    "network-chaos": STEP * 2,
    "dns-chaos": STEP * 2,
    "disk-fill": STEP * 2,
    "http-chaos": STEP * 2 + 10.0,  # which its proxy is given to come up
}
"""Seconds from a helper's start until it disturbs its targets, by its program."""


class HelperProgram:
    """What runs inside a helper pod; ends with 1 when it could not do its work."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        entries = me.env.get("TARGETS", "").split(";")
        self._victims = [Victim(*entry.split(":")) for entry in entries if entry]
        self._effects: list[Effect] = []
        self._injected: list[Victim] = []
        self._aborting = False
        arguments = " ".join(me.pod["spec"]["containers"][0].get("args", ()))
        self._program = arguments.rpartition("-name ")[2]

    def script(self) -> Script:
        """The helper's whole life."""
        self._me.process.on_term = self._abort_soon
        if self._me.world.knobs.helper_failure:
            yield STEP
            self._fail("CONTAINER_RUNTIME_ERROR", "failed to get the container id")
            return
        try:
            yield from self._work()
        except ChaosError as error:
            self._fail(error.code, error.reason)
        except ApiError as error:
            self._fail("GENERIC_ERROR", error.message)
        finally:
            if self._program == "stress-chaos":
                self._undo()  # stress processes die with their helper; a qdisc, a proxy, a file outlive it

    def _work(self) -> Script:
        self._refuse_wrong_runtime()
        if self._program == "container-kill":
            yield from self._kill()
        else:
            yield _UNTIL_READY[self._program]
            if not self._aborting:  # whoever is told to end before it has injected does not begin
                yield from self._disturb()

    def _refuse_wrong_runtime(self) -> None:
        """Raises when the node's container runtime is not the one that the helper was told of."""
        told = self._me.env.get("CONTAINER_RUNTIME") or "containerd"
        actual = self._node().get("nodeInfo", {}).get("containerRuntimeVersion", told)
        if not actual.replace("cri-o", "crio").startswith(told):
            reason = f"failed to get the container pid: {told} does not run this node ({actual})"
            raise ChaosError("CONTAINER_RUNTIME_ERROR", reason)

    def _node(self) -> Object:
        """The status of the node that the helper is on."""
        node = self._me.world.api.get("Node", None, self._me.pod["spec"].get("nodeName", ""))
        status: Object = (node or {}).get("status", {})
        return status

    def _kill(self) -> Script:
        start, interval = self._me.now(), number(self._me.env.get("CHAOS_INTERVAL", "10"))
        duration = number(self._me.env["TOTAL_CHAOS_DURATION"])
        while int(self._me.now() - start) < duration:
            before = {}
            for victim in self._victims:
                before[victim] = self._restarts(victim)
                yield STEP * 2
            self._me.say_injecting()
            yield _KILL
            for victim in self._victims:
                self._me.reach.kill(victim, self._me.env.get("SIGNAL") or "SIGKILL")
            yield interval
            for victim in self._victims:
                yield from self._until_back(victim, before[victim])
                yield _ANNOTATE
                self._annotate(victim, "targeted")

    def _until_back(self, victim: Victim, before: int) -> Script:
        body = {"metadata": {"name": victim.pod, "namespace": victim.namespace}}
        yield from until_pod(self._me, body, ready)
        yield from until_pod(self._me, body, lambda pod: _restarts(pod, victim) > before)

    def _restarts(self, victim: Victim) -> int:
        pod = self._me.api.get("Pod", victim.namespace, victim.pod)
        if pod is None:
            where = f"{{podName: {victim.pod}, namespace: {victim.namespace}}}"
            raise ChaosError("CONTAINER_RUNTIME_ERROR", "failed to get pod", where)
        return _restarts(pod, victim)

    def _disturb(self) -> Script:
        may_die = self._me.experiment == "pod-memory-hog"
        duration = number(self._me.env["TOTAL_CHAOS_DURATION"])
        end = self._me.now() + duration
        before = [self._restarts(victim) for victim in self._victims]
        self._start(duration)
        yield _ANNOTATE
        self._injected = self._victims
        for victim in self._injected:
            self._annotate(victim, "injected")
        self._say_injected()
        while may_die and self._me.now() + 1 < end:
            yield 1.0
            if [self._restarts(victim) for victim in self._victims] != before:
                break  # the target died for want of memory, and stress-ng with it: counts as success
        else:
            yield max(0.0, end - self._me.now())
        self._undo()
        yield _ANNOTATE
        for victim in self._victims:
            self._annotate(victim, "reverted")

    def _say_injected(self) -> None:
        if self._program == "network-chaos":
            message = f"Injected {self._me.experiment} chaos on application pods"
            self._me.tell_engine("ChaosInject", message)
        else:
            self._me.say_injecting()

    def _start(self, duration: float) -> None:
        for victim in self._victims:
            for effect in disturbances.effects(self._me.experiment, victim, self._tunables(victim)):
                self._me.reach.begin(effect, duration)
                self._effects.append(effect)

    def _tunables(self, victim: Victim) -> Tunables:
        cores = number(str(self._node().get("capacity", {}).get("cpu", "1")))
        pod = self._me.api.get("Pod", victim.namespace, victim.pod) or {}
        return Tunables(self._me.env, self._me.pick, cores, *_spec_of(pod, victim.container))

    def _undo(self) -> None:
        while self._effects:
            self._me.reach.end(self._effects.pop())

    def _annotate(self, victim: Victim, status: str) -> None:
        result = self._me.result
        annotation = {"metadata": {"annotations": {f"pod/{victim.pod}": status}}}
        self._me.api.patch(RESULT, result.namespace, result.name, annotation)

    def _fail(self, code: str, reason: str) -> None:
        self._me.process.log(f"helper pod failed due to {reason}")
        told = error_output(ChaosError(code, reason), "ChaosInject", source=self._me.name)
        result, patch = self._me.result, {"status": {"experimentStatus": {"errorOutput": told}}}
        try:
            self._me.api.patch(RESULT, result.namespace, result.name, patch)
        except ApiError as denied:
            self._me.process.log(f"unable to update the chaosresult: {denied}")
        self._me.process.exit(1)

    def _abort_soon(self) -> None:
        self._aborting = True
        self._me.world.engine.spawn(self._abort())

    def _abort(self) -> Script:
        """What the helper does on SIGTERM, while the container runtime waits for it."""
        if self._me.world.knobs.sloppy_abort:
            self._me.process.exit(1)
            return
        self._undo()
        yield 0.5
        try:
            for victim in self._injected:
                self._annotate(victim, "reverted")
        except ApiError as error:
            self._me.process.log(f"unable to annotate the chaosresult: {error}")
        self._me.process.exit(1)


def _spec_of(pod: Object, container: str) -> tuple[float | None, frozenset[int]]:
    """The container's limit of ephemeral storage in bytes, and the ports that it names."""
    containers = pod.get("spec", {}).get("containers", ())
    spec: Object | None = next((c for c in containers if c["name"] == container), None)
    if spec is None:
        raise ChaosError(
            "CONTAINER_RUNTIME_ERROR", f"failed to get the container id: no container {container}"
        )
    limit = ((spec.get("resources") or {}).get("limits") or {}).get("ephemeral-storage")
    ports = frozenset(int(port["containerPort"]) for port in spec.get("ports") or ())
    return (None if limit is None else parse(limit)), ports


def _restarts(pod: Object, victim: Victim) -> int:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return sum(s["restartCount"] for s in statuses if s["name"] == victim.container)
