"""The five faults as the experiment pod does them: by itself, or by helper pods on its targets' nodes.

pod-delete, container-kill and pod-cpu-hog follow recordings. pod-memory-hog and pod-network-loss were never
recorded: they follow Litmus' source and documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from chaoskit.simulator.api import Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import targets
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.helpers import Helper, inject
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import truth
from chaoskit.simulator.litmus.status import ready, running, until_pod
from chaoskit.simulator.litmus.targets import Workload, destinations, number

_PATIENCE = 180.0
"""Seconds that Litmus looks for a pod of TARGET_PODS that is not there, as one it has deleted itself."""


@dataclass(slots=True)
class Chaos:
    """An experiment's injection under way; `hit` collects what the history will call targets."""

    me: Inside
    begin_probes: Callable[[], Script]
    hit: list[dict[str, str]]

    def integer(self, name: str, default: int = 0) -> int:
        """A tunable, as Litmus reads it."""
        return number(self.me.env.get(name) or str(default))

    def pods(self) -> Generator[float, None, list[Object]]:
        """The pods to hit now, chosen anew each time; one that is named but gone is waited for in vain."""
        me, random = self.me, self.me.world.engine.random
        wanted = targets.parse(me.env.get("TARGETS", ""))
        names = [n.strip() for n in me.env.get("TARGET_PODS", "").split(",") if n.strip()]
        if names:
            namespace = wanted[0].namespace if wanted else me.namespace
            there = all(me.api.get("Pod", namespace, name) for name in names)
            yield 2 * STEP * len(names) if there else _PATIENCE
            return targets.named(me.api, namespace, names)
        share = targets.ranged(me.env.get("PODS_AFFECTED_PERC", ""), random)
        return targets.resolve(me.api, wanted, share, random)

    def sequence(self) -> str:
        """``serial`` or ``parallel``."""
        wanted = (self.me.env.get("SEQUENCE") or "parallel").lower()
        if wanted == "random":
            wanted = self.me.world.engine.random.choice(["serial", "parallel"])
        if wanted not in {"serial", "parallel"}:
            raise ChaosError("GENERIC_ERROR", f"sequence '{wanted}' is not supported")
        return wanted


def run(chaos: Chaos) -> Script:
    """The fault of this experiment has been injected and undone; raises `ChaosError` otherwise."""
    ramp = chaos.integer("RAMP_TIME")
    yield ramp
    if chaos.me.experiment == "pod-delete":
        yield from pod_delete(chaos)
    elif chaos.me.experiment in HELPERS:
        yield from by_helper(chaos, HELPERS[chaos.me.experiment])
    else:
        raise ChaosError("GENERIC_ERROR", f"{chaos.me.experiment} is not simulated")
    yield ramp


def pod_delete(chaos: Chaos) -> Script:
    """Pods are deleted every CHAOS_INTERVAL until TOTAL_CHAOS_DURATION is over, whole rounds only."""
    duration, serial = chaos.integer("TOTAL_CHAOS_DURATION"), chaos.sequence() == "serial"
    yield from chaos.begin_probes()
    start = chaos.me.now()
    while int(chaos.me.now() - start) < duration:
        pods = yield from chaos.pods()
        owners = _owners(chaos, pods)
        chaos.me.say_injecting()
        for batch in [[pod] for pod in pods] if serial else [pods]:
            _delete(chaos, batch)
            interval = chaos.me.env.get("CHAOS_INTERVAL") or "10"
            yield targets.ranged(interval, chaos.me.world.engine.random)
            for workload in owners:
                yield from until_whole(chaos.me, workload)


def _owners(chaos: Chaos, pods: Sequence[Object]) -> list[Workload]:
    owners = targets.owners(chaos.me.api, pods)
    known = {target["name"] for target in chaos.hit}
    chaos.hit += [
        {"name": o.name, "kind": o.kind, "chaosStatus": "targeted"} for o in owners if o.name not in known
    ]
    return owners


def _delete(chaos: Chaos, pods: Sequence[Object]) -> None:
    grace = 0 if truth(chaos.me.env.get("FORCE", "")) else None
    for pod in pods:
        meta = pod["metadata"]
        chaos.me.process.log(f"[Info]: Killing the following pods PodName={meta['name']}")
        chaos.me.api.delete("Pod", meta["namespace"], meta["name"], grace=grace)


def until_whole(me: Inside, workload: Workload) -> Script:
    """Every pod of the workload that is not on its way out was seen ready, then running.

    Raises `ChaosError` STATUS_CHECKS_ERROR after STATUS_CHECK_TIMEOUT seconds for one pod.
    """
    pods = targets.workload_pods(me.api, workload)
    yield STEP
    for pod in pods:
        if "deletionTimestamp" not in pod["metadata"]:
            yield from until_pod(me, pod, ready)
            yield from until_pod(me, pod, running)


def by_helper(chaos: Chaos, helper: Helper) -> Script:
    """Helper pods have done the fault to the pods chosen at the start."""
    chaos.sequence()
    _refuse_unknown_hosts(chaos.me)
    pods = yield from chaos.pods()
    yield STEP
    yield from chaos.begin_probes()
    yield from inject(chaos.me, helper, pods)


def _refuse_unknown_hosts(me: Inside) -> None:
    """Raises when every DESTINATION_HOSTS is a service of the cluster that does not exist."""
    hosts = [h.partition("|")[0] for h in destinations(me.env, "DESTINATION_HOSTS")]
    inside = [h.split(".") for h in hosts if h.endswith(".svc.cluster.local")]
    if hosts and len(inside) == len(hosts):
        found = (me.world.api.get("Service", h[1], h[0]) for h in inside)
        if not any(found):
            raise ChaosError("GENERIC_ERROR", "provided hosts are invalid, unable to resolve them")


def _copied(*names: str, **fixed: str) -> Callable[[Inside], Mapping[str, str]]:
    return lambda me: {name: me.env.get(name, "") for name in names} | fixed


_PRIVILEGED = {"privileged": True, "runAsUser": 0, "capabilities": {"add": ["SYS_ADMIN"]}}
_STRESS_VOLUMES = {"socket-path": "", "sys-path": "/sys"}
_TIMES = ("CHAOS_INTERVAL", "SIGNAL", "STATUS_CHECK_DELAY", "STATUS_CHECK_TIMEOUT")
_NETWORK = ("NETWORK_INTERFACE", "DESTINATION_IPS", "DESTINATION_HOSTS", "SOURCE_PORTS")

HELPERS: Mapping[str, Helper] = {
    "container-kill": Helper(
        program="container-kill",
        env=_copied(*_TIMES, CONTAINER_API_TIMEOUT="-1"),
        volumes={"cri-socket": ""},
        security={"privileged": False},
        host_pid=False,
    ),
    "pod-cpu-hog": Helper(
        program="stress-chaos",
        env=_copied("CPU_CORES", "CPU_LOAD", STRESS_TYPE="pod-cpu-stress"),
        volumes=_STRESS_VOLUMES,
        security=_PRIVILEGED,
    ),
    "pod-memory-hog": Helper(
        program="stress-chaos",
        env=_copied("MEMORY_CONSUMPTION", "NUMBER_OF_WORKERS", STRESS_TYPE="pod-memory-stress"),
        volumes=_STRESS_VOLUMES,
        security=_PRIVILEGED,
    ),
    "pod-network-loss": Helper(
        program="network-chaos",
        env=_copied(*_NETWORK, "DESTINATION_PORTS", "NETWORK_PACKET_LOSS_PERCENTAGE"),
        volumes={"cri-socket": ""},
        security={
            "privileged": True,
            "runAsUser": 0,
            "capabilities": {"add": ["NET_ADMIN", "SYS_ADMIN"]},
        },
    ),
}
