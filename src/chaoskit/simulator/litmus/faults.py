"""The faults as the experiment pod does them: by itself, or by helper pods on its targets' nodes.

pod-delete, container-kill and pod-cpu-hog follow recordings. The others were never recorded: they follow
Litmus' source and documentation. What needs no helpers is in `alone`, what befalls nodes in `onnodes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chaoskit.simulator.api import Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import alone, onnodes, targets, tunables
from chaoskit.simulator.litmus.chaos import Chaos
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.helpers import Helper, inject
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import truth
from chaoskit.simulator.litmus.status import until_whole
from chaoskit.simulator.litmus.targets import Workload, destinations


def run(chaos: Chaos) -> Script:
    """The fault of this experiment has been injected and undone; raises `ChaosError` otherwise."""
    tunables.refuse(chaos.me.experiment, chaos.me.env)
    ramp = chaos.integer("RAMP_TIME")
    yield ramp
    if chaos.me.experiment in PROGRAMS:
        yield from PROGRAMS[chaos.me.experiment](chaos)
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
            yield _interval(chaos) or STEP  # without one, the next round's first read still takes its time
            for workload in owners:
                yield from until_whole(chaos.me, workload)


def _interval(chaos: Chaos) -> int:
    """CHAOS_INTERVAL in seconds; a range is drawn from with RANDOMNESS alone, and is no number otherwise."""
    told = chaos.me.env.get("CHAOS_INTERVAL") or "10"
    if truth(chaos.me.env.get("RANDOMNESS", "")):
        return targets.ranged(told, chaos.me.world.engine.random)
    return targets.number(told)


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


_ROOT = {"privileged": True, "runAsUser": 0}
_STRESSING = _ROOT | {"capabilities": {"add": ["SYS_ADMIN"]}}
_SHAPING = _ROOT | {"capabilities": {"add": ["NET_ADMIN", "SYS_ADMIN"]}}
_STRESS_VOLUMES = {"socket-path": "", "sys-path": "/sys"}
_TIMES = ("CHAOS_INTERVAL", "SIGNAL", "STATUS_CHECK_DELAY", "STATUS_CHECK_TIMEOUT")
_NETWORK = ("NETWORK_INTERFACE", "DESTINATION_IPS", "DESTINATION_HOSTS", "SOURCE_PORTS", "DESTINATION_PORTS")
_HTTP = ("TARGET_SERVICE_PORT", "PROXY_PORT", "TOXICITY", "NETWORK_INTERFACE")
_STORAGE = ("FILESYSTEM_UTILIZATION_PERCENTAGE", "FILESYSTEM_UTILIZATION_BYTES", "VOLUME_MOUNT_PATH")


def _stress(kind: str, *names: str) -> Helper:
    return Helper("stress-chaos", _copied(*names, STRESS_TYPE=kind), _STRESS_VOLUMES, _STRESSING)


def _network(*names: str) -> Helper:
    return Helper("network-chaos", _copied(*_NETWORK, *names), {"cri-socket": ""}, _SHAPING)


def _http(*names: str) -> Helper:
    return Helper("http-chaos", _copied(*_HTTP, *names), {"cri-socket": ""}, _SHAPING)


def _resolving(kind: str, *names: str) -> Helper:
    return Helper("dns-chaos", _copied(*names, CHAOS_TYPE=kind), {"cri-socket": ""}, _ROOT)


HELPERS: Mapping[str, Helper] = {
    "container-kill": Helper(
        program="container-kill",
        env=_copied(*_TIMES, CONTAINER_API_TIMEOUT="-1"),
        volumes={"cri-socket": ""},
        security={"privileged": False},
        host_pid=False,
    ),
    "pod-cpu-hog": _stress("pod-cpu-stress", "CPU_CORES", "CPU_LOAD"),
    "pod-memory-hog": _stress("pod-memory-stress", "MEMORY_CONSUMPTION", "NUMBER_OF_WORKERS"),
    "pod-io-stress": _stress("pod-io-stress", *_STORAGE, "NUMBER_OF_WORKERS"),
    "pod-network-loss": _network("NETWORK_PACKET_LOSS_PERCENTAGE"),
    "pod-network-corruption": _network("NETWORK_PACKET_CORRUPTION_PERCENTAGE"),
    "pod-network-duplication": _network("NETWORK_PACKET_DUPLICATION_PERCENTAGE"),
    "pod-network-latency": _network("NETWORK_LATENCY", "JITTER"),
    "pod-network-rate-limit": _network("NETWORK_BANDWIDTH", "BURST", "LIMIT", "MIN_BURST", "PEAK_RATE"),
    "pod-dns-error": _resolving("error", "TARGET_HOSTNAMES", "MATCH_SCHEME"),
    "pod-dns-spoof": _resolving("spoof", "SPOOF_MAP"),
    "pod-http-latency": _http("LATENCY"),
    "pod-http-status-code": _http("STATUS_CODE", "MODIFY_RESPONSE_BODY", "RESPONSE_BODY", "CONTENT_TYPE"),
    "pod-http-modify-body": _http("RESPONSE_BODY", "CONTENT_TYPE", "CONTENT_ENCODING"),
    "pod-http-modify-header": _http("HEADERS_MAP", "HEADER_MODE"),
    "pod-http-reset-peer": _http("RESET_TIMEOUT"),
    "disk-fill": Helper(
        program="disk-fill",
        env=_copied("FILL_PERCENTAGE", "EPHEMERAL_STORAGE_MEBIBYTES", "DATA_BLOCK_SIZE"),
        volumes={"socket-path": ""},
        security=_ROOT,
    ),
}
"""How the helper pods of a fault look, for each that has some on its targets' nodes."""

PROGRAMS: Mapping[str, Callable[[Chaos], Script]] = {
    "pod-delete": pod_delete,
    "pod-autoscaler": alone.autoscale,
    "pod-network-partition": alone.partition,
    "pod-cpu-hog-exec": alone.by_exec,
    "pod-memory-hog-exec": alone.by_exec,
    "pod-fio-stress": alone.by_exec,
    "node-drain": onnodes.drain,
    "node-taint": onnodes.taint,
    "node-cpu-hog": onnodes.stress,
    "node-memory-hog": onnodes.stress,
    "node-io-stress": onnodes.stress,
    "node-restart": onnodes.restart,
    "node-poweroff": onnodes.restart,
    "kubelet-service-kill": onnodes.stop_service,
    "docker-service-kill": onnodes.stop_service,
}
"""What the experiment pod does itself, for each fault without helpers at its targets."""
