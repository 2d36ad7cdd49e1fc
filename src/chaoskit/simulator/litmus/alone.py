"""Faults on pods and workloads that the experiment pod does alone: by the API, or by commands in its targets.

None was ever recorded: they follow Litmus' source and documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import yaml

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import disturbances, targets
from chaoskit.simulator.litmus.account import Account
from chaoskit.simulator.litmus.chaos import Chaos
from chaoskit.simulator.litmus.disturbances import Tunables
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.helpers import run_id
from chaoskit.simulator.litmus.inside import STEP
from chaoskit.simulator.litmus.reach import Victim
from chaoskit.simulator.litmus.targets import destinations

_POLICY = "NetworkPolicy.networking.k8s.io"
_SCALED = {"deployment": "Deployment.apps", "statefulset": "StatefulSet.apps"}


def autoscale(chaos: Chaos) -> Script:
    """The workloads had REPLICA_COUNT ready pods for a while, and have what they had before.

    Raises `ChaosError` when they do not get there within TOTAL_CHAOS_DURATION; they are scaled back then too.
    """
    wanted, replicas = _first(chaos), chaos.integer("REPLICA_COUNT", 5)
    if wanted.kind not in _SCALED:
        raise ChaosError("GENERIC_ERROR", "application type is not supported", f"{{kind: {wanted.kind}}}")
    found = chaos.me.api.list(
        _SCALED[wanted.kind], wanted.namespace, wanted.labels[0] if wanted.labels else ""
    )
    if not found:
        reason = f"no {wanted.kind} found with matching labels"
        raise ChaosError("TARGET_SELECTION_ERROR", reason, str(wanted))
    share = min(100, chaos.integer("APP_AFFECT_PERC"))
    hit = found[: max(1, len(found) * share // 100)]
    for body in hit:
        chaos.undo.append(partial(_scale, chaos, body, body["spec"]["replicas"], "reverted"))
        _scale(chaos, body, replicas, "injected")
    start, duration = chaos.me.now(), chaos.integer("TOTAL_CHAOS_DURATION")
    try:
        while not all(_ready(chaos, body) == replicas for body in hit):
            if chaos.me.now() - start >= duration:
                reason = f"failed to scale {wanted.kind}, the desired replica count is: {replicas}"
                raise ChaosError("CHAOS_INJECT_ERROR", reason)
            yield STEP
        yield from chaos.begin_probes()
        yield max(0.0, start + duration - chaos.me.now())
    finally:
        if not chaos.me.process.over:
            chaos.revert()
    yield STEP


def _scale(chaos: Chaos, body: Object, replicas: int, status: str) -> None:
    meta, kind = body["metadata"], body["kind"].lower()
    chaos.me.api.patch(_SCALED[kind], meta["namespace"], meta["name"], {"spec": {"replicas": replicas}})
    chaos.mark(meta["name"], kind, status)


def _ready(chaos: Chaos, body: Object) -> int:
    meta = body["metadata"]
    found = chaos.me.api.get(_SCALED[body["kind"].lower()], meta["namespace"], meta["name"]) or {}
    return int(found.get("status", {}).get("readyReplicas") or 0)


def partition(chaos: Chaos) -> Script:
    """A NetworkPolicy has kept the pods with the first label only from all but the named peers and ports.

    No ChaosInject event tells of it: the program that Litmus has for it writes none.
    """
    wanted = _first(chaos)
    if not wanted.labels:
        raise ChaosError("TARGET_SELECTION_ERROR", "provide the appLabel")
    pods = targets.resolve(chaos.me.api, [wanted], 100, chaos.me.world.engine.random)
    body = policy(chaos.me.env, f"{chaos.me.experiment}-np-{run_id(chaos.me.world.engine.random)}", wanted)
    yield from chaos.begin_probes()
    try:
        chaos.me.api.create(body)
    except ApiError as error:
        reason = f"failed to create network policy: {error.message}"
        raise ChaosError("CHAOS_INJECT_ERROR", reason) from error

    def undo() -> None:
        chaos.me.api.delete(_POLICY, wanted.namespace, body["metadata"]["name"])
        for pod in pods:
            chaos.mark(pod["metadata"]["name"], "pod", "reverted")

    chaos.undo.append(undo)
    for pod in pods:
        chaos.mark(pod["metadata"]["name"], "pod", "injected")
    yield STEP + chaos.integer("TOTAL_CHAOS_DURATION")
    chaos.revert()
    yield STEP


def policy(env: Mapping[str, str], name: str, wanted: targets.Target) -> Object:
    """The NetworkPolicy that isolates the pods with the target's first label."""
    key, _, value = wanted.labels[0].partition("=")
    asked = (env.get("POLICY_TYPES") or "all").lower()
    kinds = [kind for kind in ("Egress", "Ingress") if asked in {"all", kind.lower()}]
    peers, ports = _peers(env), _ports(env.get("PORTS", ""))
    spec: Object = {"podSelector": {"matchLabels": {key: value}}, "policyTypes": kinds}
    for kind, whom in (("Egress", "to"), ("Ingress", "from")):
        if kind in kinds and (peers or ports):
            spec[kind.lower()] = [({"ports": ports} if ports else {}) | ({whom: peers} if peers else {})]
    labels = {"name": name, "chaosUID": env["CHAOS_UID"], "app.kubernetes.io/part-of": "litmus"}
    meta = {"name": name, "namespace": wanted.namespace, "labels": labels}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def _peers(env: Mapping[str, str]) -> list[Object]:
    """Who is still let through: pods, namespaces, and every address but those of the destinations."""
    asked = {
        "podSelector": env.get("POD_SELECTOR", ""),
        "namespaceSelector": env.get("NAMESPACE_SELECTOR", ""),
    }
    found: list[Object] = []
    for field, text in asked.items():
        pairs = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
        found += [{field: {"matchLabels": pairs}}] if pairs else []
    excepted = [ip if "/" in ip else f"{ip}/32" for ip in destinations(env, "DESTINATION_IPS")]
    return [*found, {"ipBlock": {"cidr": "0.0.0.0/0", "except": excepted}}] if excepted else found


def _ports(text: str) -> list[Object]:
    """PORTS (``tcp: [5432], udp: [53]``) as ports of a rule."""
    try:
        told: Any = yaml.safe_load("{" + text.strip().strip("{}") + "}")
    except yaml.YAMLError as error:
        raise ChaosError("GENERIC_ERROR", f"failed to unmarshal the ports: {error}") from error
    for name, ports in told.items():
        if not isinstance(ports or [], list) or not all(isinstance(port, int) for port in ports or ()):
            reason = f"failed to unmarshal the ports: {name} has no list of numbers but {ports!r}"
            raise ChaosError("GENERIC_ERROR", reason)
    return [
        {"protocol": str(name).upper(), "port": port} for name, ports in told.items() for port in ports or ()
    ]


def by_exec(chaos: Chaos) -> Script:
    """Commands in the targets' own containers kept CPU, memory or disk busy, and were killed."""
    serial = chaos.sequence() == "serial"
    pods = yield from chaos.pods()
    yield from chaos.begin_probes()
    for group in [[pod] for pod in pods] if serial else [pods]:
        for pod in group:
            _begin(chaos, pod)
        yield chaos.integer("TOTAL_CHAOS_DURATION")
        chaos.revert()
        yield STEP


def _begin(chaos: Chaos, pod: Object) -> None:
    me, meta = chaos.me, pod["metadata"]
    account = Account(me.world.api, me.namespace, me.account)
    account.require("create", "PodExecOptions", meta["namespace"], meta["name"])
    container = me.env.get("TARGET_CONTAINER") or pod["spec"]["containers"][0]["name"]
    victim = Victim(meta["name"], meta["namespace"], container)
    me.tell_engine("ChaosInject", f"Injecting {me.experiment} chaos on {meta['name']} pod")
    begun = disturbances.effects(me.experiment, victim, Tunables(me.env, me.pick))
    for effect in begun:
        me.reach.begin(effect, chaos.integer("TOTAL_CHAOS_DURATION"))

    def undo() -> None:
        for effect in begun:
            me.reach.end(effect)
        chaos.mark(meta["name"], "pod", "reverted")

    chaos.undo.append(undo)
    chaos.mark(meta["name"], "pod", "injected")


def _first(chaos: Chaos) -> targets.Target:
    """The first target, of which these faults use the first label alone."""
    wanted = targets.parse(chaos.me.env.get("TARGETS", ""))
    if not wanted:
        raise ChaosError("TARGET_SELECTION_ERROR", "provide the appLabel")
    return wanted[0]
