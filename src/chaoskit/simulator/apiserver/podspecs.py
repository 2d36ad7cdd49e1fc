"""The rules that a pod's spec must keep, in pods and in the templates of workloads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.simulator.apiserver import names
from chaoskit.simulator.apiserver.apierrors import (
    Cause,
    duplicate,
    forbidden_field,
    missing,
    required,
    unsupported,
    wrong,
)  # fmt: skip
from chaoskit.simulator.objects import Object
from chaoskit.simulator.quantities import parse

_PULLS = ("Always", "IfNotPresent", "Never")
_RESTARTS = ("Always", "OnFailure", "Never")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_NO_SIDECAR = "may not be set for init containers without restartPolicy=Always"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_AT_LEAST_ONE = ("periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold")
_IN_PORTS = "must be between 1 and 65535, inclusive"
_NOT_NEGATIVE = "must be greater than or equal to 0"


def check(spec: Object, path: str) -> Iterator[Cause]:
    """What is wrong with the pod spec at `path`, defaults filled in; nothing when it may be."""
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _volume(volume, f"{path}.volumes[{index}]", volumes)
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or []):
            yield from _container(container, f"{path}.{field}[{index}]", seen, volumes)
            ends_first = field == "initContainers" and container.get("restartPolicy") != "Always"
            yield from _running(container, f"{path}.{field}[{index}]", spec, ends_first=ends_first)
    policy = spec.get("restartPolicy")
    if policy not in _RESTARTS:
        yield unsupported(f"{path}.restartPolicy", str(policy), _RESTARTS)
    grace = spec.get("terminationGracePeriodSeconds")
    if isinstance(grace, int) and grace < 0:
        yield wrong(f"{path}.terminationGracePeriodSeconds", str(grace), _NOT_NEGATIVE)
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _toleration(toleration, f"{path}.tolerations[{index}]")


def _volume(volume: Object, path: str, seen: set[str]) -> Iterator[Cause]:
    yield from _name(volume, path, seen)
    if len(volume) < 2:
        yield required(path, "must specify a volume type")


def _name(named: Object, path: str, seen: set[str]) -> Iterator[Cause]:
    """The name is a label that none of its siblings has."""
    name = named.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    elif not re.fullmatch(names.LABEL, name):
        yield wrong(f"{path}.name", f'"{name}"', names.BAD_LABEL)
    elif name in seen:
        yield duplicate(f"{path}.name", name)
    seen.add(name)


def _container(container: Object, path: str, seen: set[str], volumes: set[str]) -> Iterator[Cause]:
    yield from _name(container, path, seen)
    if not container.get("image"):
        yield required(f"{path}.image")
    policy = container.get("imagePullPolicy")
    if policy not in _PULLS:
        yield unsupported(f"{path}.imagePullPolicy", str(policy), _PULLS)
    for index, port in enumerate(container.get("ports") or ()):
        yield from _port(port.get("containerPort"), f"{path}.ports[{index}].containerPort")
    for index, variable in enumerate(container.get("env") or ()):
        yield from _variable(variable, f"{path}.env[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        yield from _mount(mount, f"{path}.volumeMounts[{index}]", volumes)
    yield from _resources(container.get("resources") or {}, f"{path}.resources")


def _port(number: int | None, path: str) -> Iterator[Cause]:
    if not number:
        yield required(path)
    elif not 0 < number < 65536:
        yield wrong(path, str(number), _IN_PORTS)


def _variable(variable: Object, path: str) -> Iterator[Cause]:
    if not variable.get("name"):
        yield required(f"{path}.name")
    source = variable.get("valueFrom")
    if source is None:
        return
    if variable.get("value"):
        yield wrong(f"{path}.valueFrom", '""', "may not be specified when `value` is not empty")
    if not source:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield wrong(f"{path}.valueFrom", '""', detail)


def _mount(mount: Object, path: str, volumes: set[str]) -> Iterator[Cause]:
    name = mount.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    elif name not in volumes:
        yield missing(f"{path}.name", name)
    if not mount.get("mountPath"):
        yield required(f"{path}.mountPath")


def _running(container: Object, path: str, pod: Object, *, ends_first: bool) -> Iterator[Cause]:
    """What is asked of a container that runs: none of it of one that `ends_first`, before the pod runs."""
    for kind in ("lifecycle", *_PROBES):
        if container.get(kind) is None:
            continue
        if ends_first:
            yield forbidden_field(f"{path}.{kind}", _NO_SIDECAR)
        elif kind == "lifecycle":
            yield from _lifecycle(container[kind], f"{path}.{kind}", pod)
        else:
            yield from _probe(container[kind], f"{path}.{kind}", steady=kind != "readinessProbe")


def _lifecycle(lifecycle: Object, path: str, pod: Object) -> Iterator[Cause]:
    for name in ("postStart", "preStop"):
        hook = lifecycle.get(name)
        if hook is None:
            continue
        yield from _handler(hook, f"{path}.{name}", ("exec", "httpGet", "tcpSocket", "sleep"))
        seconds, grace = (hook.get("sleep") or {}).get("seconds", 0), pod.get("terminationGracePeriodSeconds")
        if grace is not None and not 0 <= seconds <= grace:
            detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield wrong(f"{path}.{name}.sleep", str(seconds), detail)


def _handler(handler: Object, path: str, kinds: tuple[str, ...]) -> Iterator[Cause]:
    """It is one of these kinds, and says what that needs."""
    handlers = [name for name in kinds if handler.get(name) is not None]
    if not handlers:
        yield required(path, "must specify a handler type")
    for name in handlers[1:]:
        yield forbidden_field(f"{path}.{name}", "may not specify more than 1 handler type")
    if handler.get("exec") is not None and not handler["exec"].get("command"):
        yield required(f"{path}.exec.command")
    for name in ("httpGet", "tcpSocket"):
        if handler.get(name) is not None:
            yield from target(handler[name].get("port"), f"{path}.{name}.port")


def _probe(probe: Object, path: str, *, steady: bool) -> Iterator[Cause]:
    """`steady` probes count one success as enough."""
    yield from _handler(probe, path, ("exec", "httpGet", "tcpSocket", "grpc"))
    for field in ("initialDelaySeconds", *_AT_LEAST_ONE):
        value = probe.get(field, 1)
        if value < 0:
            yield wrong(f"{path}.{field}", str(value), _NOT_NEGATIVE)
    if steady and probe.get("successThreshold", 1) != 1:
        yield wrong(f"{path}.successThreshold", str(probe["successThreshold"]), "must be 1")


def target(port: Any, path: str) -> Iterator[Cause]:
    """A port by number or by name."""
    if port is None:
        yield required(path)
    elif isinstance(port, int) and not 0 < port < 65536:
        yield wrong(path, str(port), _IN_PORTS)
    elif isinstance(port, str):
        for detail in names.port(port):
            yield wrong(path, f'"{port}"', detail)


def _resources(resources: Mapping[str, Any], path: str) -> Iterator[Cause]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for what, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            if parse(amount) < 0:
                yield wrong(f"{path}.{what}.{name}", f'"{amount}"', _NOT_NEGATIVE)
    for name, amount in requests.items():
        if name in limits and parse(amount) > parse(limits[name]):
            detail = f"must be less than or equal to {name} limit of {limits[name]}"
            yield wrong(f"{path}.requests", f'"{amount}"', detail)


def _toleration(toleration: Object, path: str) -> Iterator[Cause]:
    operator, effect = toleration.get("operator") or "Equal", toleration.get("effect")
    if operator not in {"Equal", "Exists"}:
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists"))
    if not toleration.get("key") and operator != "Exists":
        detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        yield wrong(f"{path}.operator", f'"{toleration.get("operator", "")}"', detail)
    if operator == "Exists" and toleration.get("value"):
        yield wrong(f"{path}.operator", '"Exists"', "value must be empty when `operator` is 'Exists'")
    if effect and effect not in _EFFECTS:
        yield unsupported(f"{path}.effect", effect, _EFFECTS)
