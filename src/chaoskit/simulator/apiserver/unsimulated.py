"""Fields that a real server acts on and the simulator does not: what sets one is refused, never ignored.

`FIELDS` names what the simulator knows of a type. Every other field of it is refused, and so will be those
that a later Kubernetes adds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.objects import Object, dig


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a type that are acted on, and those that change nothing which is simulated."""

    acted_on: frozenset[str]
    idle: frozenset[str] = frozenset()

    def unknown(self, item: Mapping[str, Any]) -> Iterator[str]:
        """The other fields, those that say something in `item`."""
        names = (name for name in item if name not in self.acted_on and name not in self.idle)
        return (name for name in names if item[name] not in _SAYS_NOTHING)


def _fields(acted_on: str, *idle: str) -> Fields:
    return Fields(frozenset(acted_on.split()), frozenset(" ".join(idle).split()))


FIELDS: Mapping[str, Fields] = {
    "PodSpec": _fields(
        "activeDeadlineSeconds affinity automountServiceAccountToken containers hostNetwork hostname "
        "initContainers nodeName nodeSelector preemptionPolicy priority priorityClassName restartPolicy "
        "schedulerName schedulingGates serviceAccount serviceAccountName "
        "terminationGracePeriodSeconds tolerations topologySpreadConstraints volumes",
        # whom a process runs as, and what it sees of its node: there are no processes, but what they do
        "hostIPC hostPID hostUsers securityContext shareProcessNamespace",
        # names: the network knows services and addresses, from every pod alike
        "dnsConfig dnsPolicy enableServiceLinks hostAliases hostnameOverride setHostnameAsFQDN subdomain",
        # images that need no credentials
        "imagePullSecrets",
        # refused where it says anything but linux
        "os",
    ),
    "Container": _fields(
        "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe "
        "resources restartPolicy startupProbe volumeMounts",
        "securityContext stdin stdinOnce tty workingDir",
        # what a container wrote of its end: programs here write none
        "terminationMessagePath terminationMessagePolicy",
        # refused where a container would start anew
        "resizePolicy",
    ),
    "Probe": _fields(
        "exec failureThreshold grpc httpGet initialDelaySeconds periodSeconds successThreshold tcpSocket "
        "terminationGracePeriodSeconds timeoutSeconds"
    ),
    "Lifecycle": _fields("postStart preStop"),
    "LifecycleHandler": _fields("exec httpGet sleep tcpSocket"),
    "DeploymentSpec": _fields(
        "minReadySeconds paused progressDeadlineSeconds replicas revisionHistoryLimit selector strategy "
        "template"
    ),
    "StatefulSetSpec": _fields(
        "minReadySeconds podManagementPolicy replicas revisionHistoryLimit selector serviceName template "
        "updateStrategy volumeClaimTemplates",
        # refused where they say anything but the default
        "ordinals persistentVolumeClaimRetentionPolicy",
    ),
    "DaemonSetSpec": _fields("minReadySeconds revisionHistoryLimit selector template updateStrategy"),
    "JobSpec": _fields(
        "activeDeadlineSeconds backoffLimit completionMode completions manualSelector parallelism selector "
        "suspend template ttlSecondsAfterFinished",
        # refused where it says anything but the default
        "podReplacementPolicy",
    ),
    "ServiceSpec": _fields(
        "clusterIP clusterIPs externalName ports publishNotReadyAddresses selector type",
        # there is nobody outside of the cluster, and one family of addresses
        "allocateLoadBalancerNodePorts externalIPs externalTrafficPolicy healthCheckNodePort "
        "ipFamilies ipFamilyPolicy loadBalancerClass loadBalancerIP loadBalancerSourceRanges",
        # refused where they say anything but the default
        "internalTrafficPolicy sessionAffinity sessionAffinityConfig",
    ),
    "ServicePort": _fields("name port protocol targetPort", "appProtocol nodePort"),
}


def field(resource: Resource, obj: Object) -> str | None:
    """The path of the first field of such an object that is not simulated; None without one."""
    pod = dig(obj, *resource.template) if resource.template else None
    found = _in_pod(pod, ".".join(resource.template)) if pod else iter(())
    own = (p for p, is_set in resource.unsimulated.items() if is_set(dig(obj, *p.split("."))) is True)
    return next(found, None) or next(own, None) or next(_in_spec(resource, obj), None)


def _in_spec(resource: Resource, obj: Object) -> Iterator[str]:
    kind = f"{resource.kind}Spec"
    if resource.schema is None and kind in FIELDS:
        spec = obj.get("spec") or {}
        yield from _unknown(kind, spec, "spec")
        for port in spec.get("ports") or ():
            yield from _unknown("ServicePort", port, "spec.ports")


def _in_pod(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = (dig(spec, "affinity", kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
        yield from _set_in(terms or (), _TERM, f"{path}.affinity.{kind}")
    spread = spec.get("topologySpreadConstraints") or ()
    yield from _set_in(spread, _CONSTRAINT, f"{path}.topologySpreadConstraints")
    yield from _unknown("PodSpec", spec, path)
    if dig(spec, "os", "name") not in {None, "linux"}:
        yield f"{path}.os"
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            sidecar = kind == "initContainers" and container.get("restartPolicy") == "Always"
            if container.get("restartPolicy") and not sidecar:
                yield f"{path}.{kind}[{index}].restartPolicy"
            yield from _in_container(container, f"{path}.{kind}[{index}]")


def _in_container(container: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from _unknown("Container", container, path)
    if any(
        policy.get("restartPolicy") == "RestartContainer" for policy in container.get("resizePolicy") or ()
    ):
        yield f"{path}.resizePolicy"
    yield from _set_in(container.get("ports") or (), ("hostPort",), f"{path}.ports")
    sources = [item.get("valueFrom") or {} for item in container.get("env") or ()]
    yield from _set_in(sources, ("resourceFieldRef",), f"{path}.env.valueFrom")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield from _unknown("Probe", container.get(kind) or {}, f"{path}.{kind}")
    if container.get("lifecycle"):
        yield from _in_lifecycle(container["lifecycle"], f"{path}.lifecycle")


def _in_lifecycle(lifecycle: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from _unknown("Lifecycle", lifecycle, path)
    for name in ("postStart", "preStop"):
        yield from _in_hook(lifecycle.get(name) or {}, f"{path}.{name}")


def _in_hook(hook: Mapping[str, Any], path: str) -> Iterator[str]:
    """A hook that asks somebody else, or takes as long as other programs want, cannot be simulated."""
    yield from _unknown("LifecycleHandler", hook, path)
    if dig(hook, "httpGet", "host"):
        yield f"{path}.httpGet.host"
    command = " ".join(dig(hook, "exec", "command") or ())
    if _UNCLEAR.search(command):
        yield f"{path}.exec.command"


def _unknown(kind: str, item: Mapping[str, Any], path: str) -> Iterator[str]:
    return (f"{path}.{name}" for name in FIELDS[kind].unknown(item))


def _set_in(items: Iterable[Mapping[str, Any]], names: tuple[str, ...], path: str) -> Iterator[str]:
    for item in items:
        yield from (f"{path}.{name}" for name in names if item.get(name))


def other_than(*usual: Any) -> Callable[[Any], bool]:
    """True for a value that is there, and none of the usual ones."""
    return lambda value: value is not None and value not in usual


_SAYS_NOTHING: tuple[Any, ...] = (None, "", {}, [])
_TERM = ("namespaceSelector", "matchLabelKeys", "mismatchLabelKeys")
_CONSTRAINT = ("minDomains", "matchLabelKeys")
_UNCLEAR = re.compile(
    r"(?:^|[;&|(){\n]|(?:\s|^)(?:-\w*c|do|then|else)\s)\s*(?:while|until)\s"
    r"|\bsleep\s+(?![\"']?([\d.]+[smhd]?|infinity|\$\w+|\$\{\w+\})[\"']?([\s;&|)]|$))"
)
"""A loop until others are ready, and a sleep of a computed length."""
