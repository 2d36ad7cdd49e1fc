"""Faults on nodes: emptied, tainted, kept busy, switched off, or without their kubelet.

None was ever recorded: they follow Litmus' source and documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import targets
from chaoskit.simulator.litmus.chaos import Chaos
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.helpers import follow, node_pod, run_id
from chaoskit.simulator.litmus.inside import STEP
from chaoskit.simulator.litmus.status import until_whole
from chaoskit.simulator.litmus.targets import number
from chaoskit.simulator.objects import is_finished

# ------------------------------------------------------------------ which nodes


def one(chaos: Chaos) -> str:
    """TARGET_NODE, else the first node of NODE_LABEL, else the node of a target pod."""
    env = chaos.me.env
    if env.get("TARGET_NODE"):
        return env["TARGET_NODE"]
    if env.get("NODE_LABEL"):
        return targets.nodes(chaos.me.api, env["NODE_LABEL"])[0]
    wanted = targets.parse(env.get("TARGETS", ""))
    (pod, *_) = targets.resolve(chaos.me.api, wanted, 0, chaos.me.world.engine.random)
    return str(pod["spec"].get("nodeName", ""))


def several(chaos: Chaos) -> list[str]:
    """TARGET_NODES, else a share of the nodes of NODE_LABEL (or of all), at least one."""
    named = [name.strip() for name in chaos.me.env.get("TARGET_NODES", "").split(",") if name.strip()]
    if named:
        return named
    names = targets.nodes(chaos.me.api, chaos.me.env.get("NODE_LABEL", ""))
    count = max(1, len(names) * min(100, chaos.me.pick("NODES_AFFECTED_PERC", "0")) // 100)
    start = chaos.me.world.engine.random.randrange(len(names))
    return [names[(start + step) % len(names)] for step in range(count)]


def _say_injecting(chaos: Chaos, node: str) -> None:
    chaos.me.tell_engine("ChaosInject", f"Injecting {chaos.me.experiment} chaos on {node} node")


# ------------------------------------------------------------------ by the API


def drain(chaos: Chaos) -> Script:
    """The node has been emptied and cordoned for a while.

    Raises `ChaosError` when a budget keeps a pod on it for longer than TOTAL_CHAOS_DURATION.
    """
    node, duration = one(chaos), chaos.integer("TOTAL_CHAOS_DURATION")
    _say_injecting(chaos, node)
    yield from chaos.begin_probes()

    def uncordon() -> None:
        chaos.me.api.patch("Node", None, node, {"spec": {"unschedulable": None}})
        chaos.mark(node, "node", "reverted")

    chaos.undo.append(uncordon)
    chaos.me.api.patch("Node", None, node, {"spec": {"unschedulable": True}})
    yield from _emptied(chaos, node, chaos.me.now() + duration)
    chaos.mark(node, "node", "injected")
    yield from _until_moved(chaos)
    yield duration
    chaos.revert()
    yield STEP


def _emptied(chaos: Chaos, node: str, deadline: float) -> Script:
    """No pod is left on the node but those of daemon sets and those that have ended."""
    while left := list(_drained(chaos, node)):
        for pod in left:
            _evict(chaos, pod)
        if chaos.me.now() >= deadline:
            raise ChaosError("CHAOS_INJECT_ERROR", f"failed to drain the target node: {node}")
        yield STEP


def _drained(chaos: Chaos, node: str) -> Iterable[Object]:
    for pod in chaos.me.api.list("Pod"):
        owners = pod["metadata"].get("ownerReferences") or ()
        daemon = any(owner["kind"] == "DaemonSet" for owner in owners)
        if pod["spec"].get("nodeName") == node and not is_finished(pod) and not daemon:
            yield pod


def _evict(chaos: Chaos, pod: Object) -> None:
    meta = pod["metadata"]
    if "deletionTimestamp" in meta:
        return
    where = {"name": meta["name"], "namespace": meta["namespace"]}
    try:
        chaos.me.api.create({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": where})
    except ApiError as error:
        if error.code not in {404, 429}:
            raise


def _until_moved(chaos: Chaos) -> Script:
    """The application, if one is named, is whole again on other nodes."""
    wanted = targets.parse(chaos.me.env.get("TARGETS", ""))
    if wanted:
        pods = targets.resolve(chaos.me.api, wanted, 100, chaos.me.world.engine.random)
        for workload in targets.owners(chaos.me.api, pods):
            yield from until_whole(chaos.me, workload)


def taint(chaos: Chaos) -> Script:
    """The node has borne a taint for a while."""
    node = one(chaos)
    key, value, effect = taint_of(chaos.me.env.get("TAINTS", ""))
    _say_injecting(chaos, node)
    yield from chaos.begin_probes()

    def remove() -> None:
        _set_taints(
            chaos, node, [t for t in _taints(chaos, node) if (t["key"], t["effect"]) != (key, effect)]
        )
        chaos.mark(node, "node", "reverted")

    present = _taints(chaos, node)
    if not any(t["key"] == key for t in present):
        _set_taints(chaos, node, [*present, {"key": key, "value": value, "effect": effect}])
    chaos.undo.append(remove)
    chaos.mark(node, "node", "injected")
    yield from _until_moved(chaos)
    yield chaos.integer("TOTAL_CHAOS_DURATION")
    chaos.revert()
    yield STEP


def taint_of(text: str) -> tuple[str, str, str]:
    """Key, value and effect of ``key[=value][:Effect]``, with Litmus' defaults."""
    named, _, effect = text.partition(":")
    key, _, value = named.partition("=")
    if not key:
        raise ChaosError("TARGET_SELECTION_ERROR", "no taint is provided in TAINTS")
    return key, value or "node-taint", effect or "NoExecute"


def _taints(chaos: Chaos, node: str) -> list[Object]:
    found = chaos.me.api.get("Node", None, node)
    if found is None:
        raise ChaosError("TARGET_SELECTION_ERROR", f"node {node} not found", f"{{nodeName: {node}}}")
    return list(found["spec"].get("taints") or ())


def _set_taints(chaos: Chaos, node: str, wanted: Sequence[Object]) -> None:
    chaos.me.api.patch("Node", None, node, {"spec": {"taints": list(wanted) or None}})


# ------------------------------------------------------------------ by pods on the nodes


def stress(chaos: Chaos) -> Script:
    """stress-ng has kept the nodes' CPU, memory or disk busy, from a pod on each."""
    nodes, serial = several(chaos), chaos.sequence() == "serial"
    yield from chaos.begin_probes()
    for group in [[node] for node in nodes] if serial else [nodes]:
        label = f"{chaos.me.experiment}-helper-{run_id(chaos.me.world.engine.random)}"
        for node in group:
            _say_injecting(chaos, node)
            arguments = ["--timeout", str(chaos.integer("TOTAL_CHAOS_DURATION")), *_stressors(chaos, node)]
            chaos.me.api.create(node_pod(chaos.me, label, ["stress-ng"], arguments, node=node))
        yield from follow(chaos.me, f"app={label}")
        for node in group:
            chaos.mark(node, "node", "targeted")


def _stressors(chaos: Chaos, node: str) -> list[str]:
    """What stress-ng is told, from the tunables and the node's size."""
    body = chaos.me.api.get("Node", None, node)
    if body is None:
        raise ChaosError("TARGET_SELECTION_ERROR", f"node {node} not found", f"{{nodeName: {node}}}")
    capacity, pick = body["status"]["capacity"], chaos.me.pick
    match chaos.me.experiment:
        case "node-cpu-hog":
            cores = pick("NODE_CPU_CORE", "0") or number(capacity["cpu"])
            return ["--cpu", str(cores), "--cpu-load", str(pick("CPU_LOAD", "100"))]
        case "node-memory-hog":
            mebibytes = pick("MEMORY_CONSUMPTION_MEBIBYTES", "0")
            percent = pick("MEMORY_CONSUMPTION_PERCENTAGE", "0") or 30
            size = f"{mebibytes}M" if mebibytes else f"{percent}%"
            return ["--vm", str(pick("NUMBER_OF_WORKERS", "1")), "--vm-bytes", size]
        case _:
            gigabytes = pick("FILESYSTEM_UTILIZATION_BYTES", "0")
            size = f"{gigabytes}G" if gigabytes else f"{pick('FILESYSTEM_UTILIZATION_PERCENTAGE', '10')}%"
            workers = str(pick("NUMBER_OF_WORKERS", "4"))
            return [
                "--cpu",
                str(pick("CPU", "1")),
                "--io",
                workers,
                "--hdd",
                workers,
                "--hdd-bytes",
                size,
            ]


def stop_service(chaos: Chaos) -> Script:
    """The node has been without its kubelet (or Docker) for a while, and was seen not ready meanwhile."""
    node, duration = one(chaos), chaos.integer("TOTAL_CHAOS_DURATION")
    service = chaos.me.experiment.partition("-")[0]
    _say_injecting(chaos, node)
    label = f"{chaos.me.experiment}-helper-{run_id(chaos.me.world.engine.random)}"
    told = f"sleep 10 && systemctl stop {service} && sleep {duration} && systemctl start {service}"
    pod = node_pod(chaos.me, label, ["/bin/bash"], ["-c", told], node=node, privileged=True)
    pod["spec"]["tolerations"] = [_while_away(why, duration + 60) for why in ("not-ready", "unreachable")]
    chaos.me.api.create(pod)
    chaos.mark(node, "node", "targeted")
    yield from chaos.begin_probes()
    yield from _until_not_ready(chaos, node)
    yield from follow(chaos.me, f"app={label}")


def _while_away(why: str, seconds: int) -> Object:
    key = f"node.kubernetes.io/{why}"
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}


def _until_not_ready(chaos: Chaos, node: str) -> Script:
    limit = chaos.me.now() + chaos.integer("STATUS_CHECK_TIMEOUT", 180)
    while _is_ready(chaos.me.api.get("Node", None, node) or {}):
        if chaos.me.now() >= limit:
            where = f"{{nodeName: {node}}}"
            raise ChaosError("STATUS_CHECKS_ERROR", "node is not in NotReady state", where)
        yield STEP


def _is_ready(node: Mapping[str, Object]) -> bool:
    conditions = node.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def restart(chaos: Chaos) -> Script:
    """A pod elsewhere has logged in on the node and told it to start anew, or to switch itself off."""
    node, env = one(chaos), chaos.me.env
    if chaos.me.api.get("Secret", chaos.me.namespace, "id-rsa") is None:
        raise ChaosError("GENERIC_ERROR", "unable to create helper pod: secret id-rsa not found")
    _say_injecting(chaos, node)
    off = chaos.me.experiment == "node-poweroff"
    command = env.get("REBOOT_COMMAND") or f"sudo systemctl {'poweroff' if off else 'reboot'}"
    told = f"ssh {env.get('SSH_USER') or 'root'}@{env.get('TARGET_NODE_IP') or node} {command}"
    label = f"{chaos.me.experiment}-helper-{run_id(chaos.me.world.engine.random)}"
    pod = node_pod(chaos.me, label, ["/bin/sh"], ["-c", told])
    pod["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchFields": [
            {"key": "metadata.name", "operator": "NotIn", "values": [node]}
        ]}]
    }}}  # fmt: skip
    pod["metadata"]["annotations"] = {NODE: node}
    chaos.me.api.create(pod)
    chaos.mark(node, "node", "targeted")
    yield from chaos.begin_probes()
    yield from follow(chaos.me, f"app={label}")


NODE = "chaoskit.io/node"
"""Annotation of a pod that logs in on a node by its address: that node's name."""
