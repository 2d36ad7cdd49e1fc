"""Helper pods: how an experiment makes them, waits for them and clears them away."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.kinds import VERSION
from chaoskit.simulator.litmus.status import terminated
from chaoskit.simulator.litmus.targets import number
from chaoskit.simulator.objects import dig, is_finished

_POLL = 1.0
Env = Callable[[Inside], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Helper:
    """How the helper pod of a fault looks; `env` gives what it hears beside what all helpers hear."""

    program: str
    env: Env
    volumes: Mapping[str, str]
    security: Mapping[str, Any]
    host_pid: bool = True


def run_id(random: Random, length: int = 6) -> str:
    """Letters and digits, as Litmus marks jobs and helpers."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=length))


def inject(me: Inside, helper: Helper, pods: Sequence[Object]) -> Script:
    """Helpers have come, done their work on `pods`, and are gone if the engine's policy says so.

    In parallel one helper for each node, else one after the other. Raises `ChaosError` when one fails.
    """
    serial = me.env.get("SEQUENCE", "parallel").lower() == "serial"
    for group in [[pod] for pod in pods] if serial else [list(pods)]:
        label = f"app={me.experiment}-helper-{run_id(me.world.engine.random)}"
        for node, there in _by_node(group):
            _create(me, helper, label, node, there)
        yield from follow(me, label)


def follow(me: Inside, label: str) -> Script:
    """The helpers with that label have come, ended well, and are gone if the engine's policy says so.

    Raises `ChaosError` when one fails, or takes too long.
    """
    try:
        yield from _until(me, label, _begun, STEP, _timeout(me))
        yield from _until(me, label, _ended, _POLL, _longest(me))
        _raise_if_failed(me, label)
    finally:
        if me.env.get("JOB_CLEANUP_POLICY") == "delete" and not me.process.over:
            _delete(me, label)
    if me.env.get("JOB_CLEANUP_POLICY") == "delete":
        yield STEP


def _by_node(pods: Iterable[Object]) -> list[tuple[str, list[Object]]]:
    found: dict[str, list[Object]] = {}
    for pod in pods:
        found.setdefault(pod["spec"].get("nodeName", ""), []).append(pod)
    return list(found.items())


def _create(me: Inside, helper: Helper, label: str, node: str, pods: Sequence[Object]) -> None:
    body = manifest(me, helper, label, node, pods)
    try:
        me.api.create(body)
    except ApiError as error:
        reason = f"unable to create helper pod: {error.message}"
        raise ChaosError("GENERIC_ERROR", reason) from error


def manifest(me: Inside, helper: Helper, label: str, node: str, pods: Sequence[Object]) -> Object:
    """The helper pod for targets on one node."""
    socket = me.env.get("SOCKET_PATH", "/run/containerd/containerd.sock")
    volumes = {name: path or socket for name, path in helper.volumes.items()}
    container = {
        "command": ["/bin/bash"],
        "args": ["-c", f"./helpers -name {helper.program}"],
        "env": _environment(me, helper, pods),
        "volumeMounts": [{"name": n, "mountPath": p} for n, p in volumes.items()],
        "securityContext": dict(helper.security),
    }
    spec: Object = {"volumes": [{"name": n, "hostPath": {"path": p, "type": ""}} for n, p in volumes.items()]}
    spec |= {"hostPID": True} if helper.host_pid else {}
    made = _pod(me, label.removeprefix("app="), container, spec | {"nodeName": node})
    made["metadata"]["generateName"] = f"{me.experiment}-helper-"
    return made


def node_pod(
    me: Inside, label: str, command: list[str], args: list[str], *, node: str = "", privileged: bool = False
) -> Object:
    """The helper pod of a fault on a node: pinned to it, or to be placed anywhere."""
    container: Object = {"command": command, "args": args}
    container |= {"securityContext": {"privileged": True}} if privileged else {}
    made = _pod(me, label, container, {"nodeName": node} if node else {})
    made["metadata"]["name"] = f"{me.experiment}-helper-{run_id(me.world.engine.random)}"
    return made


def _pod(me: Inside, app: str, container: Object, spec: Object) -> Object:
    """What all helper pods are alike in; `container` and `spec` say what else is in them."""
    own = me.pod["metadata"].get("labels", {})
    inherited = {k: v for k, v in own.items() if not k.endswith(("job-name", "controller-uid"))}
    alike = {
        "name": me.experiment,
        "image": me.env.get("LIB_IMAGE") or f"litmuschaos/go-runner:{VERSION}",
        "imagePullPolicy": me.env.get("LIB_IMAGE_PULL_POLICY", "Always"),
        "resources": me.pod["spec"]["containers"][0].get("resources", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": me.namespace, "labels": inherited | {"app": app}},
        "spec": {
            "serviceAccountName": me.account,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": number(me.env.get("TERMINATION_GRACE_PERIOD_SECONDS", "")),
            "containers": [alike | container],
            **spec,
        },
    }


def _environment(me: Inside, helper: Helper, pods: Sequence[Object]) -> list[Object]:
    """What all helpers hear, and this one beside."""
    env = {
        "TARGETS": ";".join(target for pod in pods for target in _targets(me, helper, pod)),
        "TOTAL_CHAOS_DURATION": str(number(me.env.get("TOTAL_CHAOS_DURATION", ""))),
        "CHAOS_NAMESPACE": me.namespace,
        "CHAOSENGINE": me.env["CHAOSENGINE"],
        "CHAOS_UID": me.env["CHAOS_UID"],
        "EXPERIMENT_NAME": me.experiment,
        "INSTANCE_ID": me.env.get("INSTANCE_ID", ""),
        "SOCKET_PATH": me.env.get("SOCKET_PATH", ""),
        "CONTAINER_RUNTIME": me.env.get("CONTAINER_RUNTIME", ""),
    } | dict(helper.env(me))
    own_name = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    entries: list[Object] = [{"name": k, "value": v} for k, v in env.items() if v]
    return [*entries, {"name": "POD_NAME", "valueFrom": own_name}]


def _targets(me: Inside, helper: Helper, pod: Object) -> Iterable[str]:
    """What of the pod is hit; stress alone takes several containers, or ``all``."""
    there = [container["name"] for container in pod["spec"]["containers"]]
    wanted = [me.env.get("TARGET_CONTAINER") or there[0]]
    if helper.program == "stress-chaos":
        told = wanted[0].split(",")
        wanted = there if told == ["all"] else [name.strip() for name in told if name.strip()]
    for name in wanted:
        yield f"{pod['metadata']['name']}:{pod['metadata']['namespace']}:{name}"


def _timeout(me: Inside) -> float:
    return float(number(me.env.get("STATUS_CHECK_TIMEOUT", "180")))


def _longest(me: Inside) -> float:
    return number(me.env.get("TOTAL_CHAOS_DURATION", "")) + _timeout(me)


def _until(me: Inside, label: str, done: Callable[[Object], bool], pause: float, limit: float) -> Script:
    """All helpers are `done`, looked at every `pause` seconds and, as Litmus does it, slept on once more."""
    start = me.now()
    while not all(done(pod) for pod in me.api.list("Pod", me.namespace, label)):
        if me.now() - start >= limit:
            where = f"{{podLabel: {label}, namespace: {me.namespace}}}"
            raise ChaosError("STATUS_CHECKS_ERROR", "helper status check failed", where)
        yield pause
    yield pause


def _begun(pod: Object) -> bool:
    return is_finished(pod) or dig(pod, "status", "phase") == "Running"


def _ended(pod: Object) -> bool:
    return bool(terminated(pod)) or is_finished(pod)


def _raise_if_failed(me: Inside, label: str) -> None:
    for pod in me.api.list("Pod", me.namespace, label):
        if terminated(pod).get("exitCode", 0) or pod["status"].get("phase") == "Failed":
            where = f"{{podName: {pod['metadata']['name']}, namespace: {me.namespace}}}"
            raise ChaosError("HELPER_POD_FAILED_ERROR", "helper pod failed", where)


def _delete(me: Inside, label: str) -> None:
    for pod in me.api.list("Pod", me.namespace, label):
        me.api.delete("Pod", me.namespace, pod["metadata"]["name"])
