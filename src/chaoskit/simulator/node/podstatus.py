"""The status of a pod, derived from what its containers do: pure, as the recordings show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chaoskit.simulator.api import Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.objects import clone, timestamp

_TYPES = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


@dataclass(slots=True)
class Container:
    """One container of a pod as the kubelet knows it; `state` and `last` are as in its status."""

    spec: Object
    kind: str = "containers"
    """The field of the pod's spec in which it stands."""
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: Object = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restarts: int = 0
    container_id: str = ""
    image_id: str = ""
    resources: Object = field(default_factory=dict)
    """What its present run has; the pod's object may want another amount by now."""

    @property
    def name(self) -> str:
        """The container's name."""
        name: str = self.spec["name"]
        return name

    @property
    def path(self) -> str:
        """Where it stands, as events say it."""
        return f"spec.{self.kind}{{{self.name}}}"

    @property
    def is_sidecar(self) -> bool:
        """True for an init container that goes on running; of others such a policy is refused."""
        return bool(self.spec.get("restartPolicy") == "Always")

    @property
    def lets_on(self) -> bool:
        """True when the init containers behind this one may start."""
        return self.started if self.is_sidecar else self.exit_code == 0

    @property
    def exit_code(self) -> int | None:
        """The code it ended with; None unless it is terminated."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code


@dataclass(frozen=True, slots=True)
class Facts:
    """What else a pod's status tells: its node's address, its own, since when, and how far it is."""

    host_ip: str
    pod_ip: str
    started: float
    sandbox: bool
    """True while its network exists: from just before its first container until its last one is gone."""
    phase: str
    policy: str
    """The restart policy in force; ``Never`` once the pod is being stopped."""
    initialized: bool = True


def finished(containers: Sequence[Container], policy: str) -> str:
    """``Succeeded`` or ``Failed`` when every container has ended and none starts again; else empty."""
    codes = [container.exit_code for container in containers]
    if any(code is None or restarts(policy, code) for code in codes):
        return ""
    return "Failed" if any(codes) else "Succeeded"


def restarts(policy: str, code: int) -> bool:
    """True when a container that ended with `code` starts again under this restart policy."""
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def status(
    pod: Object,
    init: Sequence[Container],
    containers: Sequence[Container],
    facts: Facts,
    now: float,
) -> Object:
    """The ``status`` of `pod` at `now` (Unix seconds); transition times are kept where nothing turned."""
    before = pod.get("status") or {}
    generation = pod["metadata"].get("generation", 1)
    found: Object = {
        "observedGeneration": generation,
        "phase": facts.phase,
        "conditions": _conditions(before, containers, init, facts, generation, timestamp(now)),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
    }
    if facts.pod_ip:
        found |= {"podIP": facts.pod_ip, "podIPs": [{"ip": facts.pod_ip}]}
    found["startTime"] = timestamp(facts.started)
    if init:
        found["initContainerStatuses"] = [_container_status(c) for c in init]
    found["containerStatuses"] = [_container_status(c) for c in containers]
    found["qosClass"] = before.get("qosClass", "BestEffort")
    return found | _amounts(pod)


def disrupted(conditions: Sequence[Object], why: str, now: float) -> list[Object]:
    """The conditions of a pod that its kubelet has put out."""
    if any(condition["type"] == "DisruptionTarget" for condition in conditions):
        return list(conditions)
    told = ("DisruptionTarget", "True", "TerminationByKubelet", why)
    return [turned(None, *told, timestamp(now), lastProbeTime=None), *conditions]


def _amounts(pod: Object) -> Object:
    """What the pod as a whole asks for and may have: its only container's share, as that is written.

    Several containers' shares are not added up: no recording shows in which unit a server writes the sum.
    """
    shares = [c.get("resources") or {} for c in pod["spec"]["containers"]]
    if len(shares) > 1:
        return {}
    requests = shares[0].get("requests")
    return ({"allocatedResources": clone(requests)} if requests else {}) | {"resources": clone(shares[0])}


def _conditions(
    before: Object,
    containers: Sequence[Container],
    init: Sequence[Container],
    facts: Facts,
    generation: int,
    now: str,
) -> list[Object]:
    old = {condition["type"]: condition for condition in before.get("conditions") or ()}
    ready = _ready(containers, [c for c in init if c.is_sidecar], facts.policy)
    values = {
        "PodReadyToStartContainers": _verdict(true=facts.sandbox),
        "Initialized": _initialized(init, facts, ready),
        "Ready": ready,
        "ContainersReady": ready,
    }
    kept = [condition for kind, condition in old.items() if kind not in values]
    made = [_condition(old.get(kind), kind, values[kind], generation, now) for kind in _TYPES]
    return made + [c | {"observedGeneration": generation} for c in kept]


def _verdict(*, true: bool, reason: str = "", message: str = "") -> tuple[str, str, str]:
    return "True" if true else "False", reason, message


def _ready(
    containers: Sequence[Container], sidecars: Sequence[Container], policy: str
) -> tuple[str, str, str]:
    ended = finished(containers, policy)
    if ended and not any("running" in sidecar.state for sidecar in sidecars):
        return _verdict(true=False, reason="PodCompleted" if ended == "Succeeded" else "PodFailed")
    unready = [container.name for container in (*sidecars, *containers) if not container.ready]
    if not unready:
        return _verdict(true=True)
    names = " ".join(unready)
    return _verdict(
        true=False,
        reason="ContainersNotReady",
        message=f"containers with unready status: [{names}]",
    )


def _initialized(
    init: Sequence[Container], facts: Facts, ready: tuple[str, str, str]
) -> tuple[str, str, str]:
    if facts.initialized:
        return _verdict(true=True, reason="PodCompleted" if ready[1] == "PodCompleted" else "")
    names = " ".join(container.name for container in init if not container.lets_on)
    return _verdict(
        true=False,
        reason="ContainersNotInitialized",
        message=f"containers with incomplete status: [{names}]",
    )


def _condition(
    old: Object | None, kind: str, value: tuple[str, str, str], generation: int, now: str
) -> Object:
    made = turned(old, kind, *value, now, observedGeneration=generation, lastProbeTime=None)
    return {name: told for name, told in made.items() if told or name not in {"reason", "message"}}


def _container_status(container: Container) -> Object:
    found: Object = {
        "name": container.name,
        "state": clone(container.state),
        "lastState": clone(container.last),
        "ready": container.ready,
        "restartCount": container.restarts,
        "image": container.spec["image"],
        "imageID": container.image_id,
    }
    if container.container_id:
        found["containerID"] = container.container_id
    found["started"] = container.started
    resources = container.resources
    if container.container_id:
        if resources.get("requests"):
            found["allocatedResources"] = clone(resources["requests"])
        found["resources"] = clone(resources)
    mounts = container.spec.get("volumeMounts")
    if mounts:
        found["volumeMounts"] = [_mount(mount) for mount in mounts]
    return found


def _mount(mount: Object) -> Object:
    found = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        found |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
    return found
