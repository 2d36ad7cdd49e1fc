"""What runs inside helper pods: it disturbs its targets, says so on the ChaosResult, and undoes it."""

from __future__ import annotations

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import targets
from chaoskit.simulator.litmus.errors import ChaosError, error_output
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import RESULT
from chaoskit.simulator.litmus.reach import Victim
from chaoskit.simulator.litmus.status import ready, until_pod
from chaoskit.simulator.litmus.targets import destinations, number

_ANNOTATE = 0.35
"""Seconds that ``kubectl annotate`` takes inside a helper."""
_KILL = 0.3
_RESUME = 0.7
"""Seconds that a helper waits before it lets stress-ng go."""


class HelperProgram:
    """What runs inside a helper pod; ends with 1 when it could not do its work."""

    def __init__(self, me: Inside) -> None:
        self._me = me
        entries = me.env.get("TARGETS", "").split(";")
        self._victims = [Victim(*entry.split(":")) for entry in entries if entry]
        self._effects: list[Effect] = []
        self._injected: list[Victim] = []

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
            if self._me.env["EXPERIMENT_NAME"] != "pod-network-loss":
                self._undo()  # stress processes die with their helper; a qdisc outlives it

    def _work(self) -> Script:
        self._refuse_wrong_runtime()
        if self._me.experiment == "container-kill":
            yield from self._kill()
        elif self._me.experiment == "pod-network-loss":
            yield STEP * 2
            yield from self._disturb()
        else:
            yield STEP * 3 + _RESUME
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
        memory = self._me.experiment == "pod-memory-hog"
        duration = number(self._me.env["TOTAL_CHAOS_DURATION"])
        end = self._me.now() + duration
        before = [self._restarts(victim) for victim in self._victims]
        self._start(duration)
        yield _ANNOTATE
        self._injected = self._victims
        for victim in self._injected:
            self._annotate(victim, "injected")
        self._say_injected()
        while memory and self._me.now() + 1 < end:
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
        if self._me.experiment == "pod-network-loss":
            message = f"Injected {self._me.experiment} chaos on application pods"
            self._me.tell_engine("ChaosInject", message)
        else:
            self._me.say_injecting()

    def _start(self, duration: float) -> None:
        for victim in self._victims:
            effect = self._effect(victim)
            self._me.reach.begin(effect, duration)
            self._effects.append(effect)

    def _effect(self, victim: Victim) -> Effect:
        env, where = self._me.env, (victim.namespace, victim.pod)
        match self._me.experiment:
            case "pod-cpu-hog":
                all_cores = number(str(self._node().get("capacity", {}).get("cpu", "1")))
                cores = self._ranged("CPU_CORES", "0") or all_cores
                load = self._ranged("CPU_LOAD", "100")
                return Effect("cpu", *where, cores * load / 100, container=victim.container)
            case "pod-memory-hog":
                size = self._ranged("MEMORY_CONSUMPTION", "500") * 1_000_000
                return Effect("memory", *where, size, container=victim.container)
            case _:
                loss = self._ranged("NETWORK_PACKET_LOSS_PERCENTAGE", "100")
                peers = destinations(env, "DESTINATION_HOSTS", "DESTINATION_IPS")
                return Effect("network-loss", *where, loss, peers)

    def _ranged(self, name: str, default: str) -> int:
        return targets.ranged(self._me.env.get(name) or default, self._me.world.engine.random)

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


def _restarts(pod: Object, victim: Victim) -> int:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return sum(s["restartCount"] for s in statuses if s["name"] == victim.container)
