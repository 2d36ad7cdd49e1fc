"""Metrics that somebody hands in as evidence, instead of a Prometheus; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from chaoskit import kube
from chaoskit.documents import Written, closest
from chaoskit.documents import seconds as spelled
from chaoskit.errors import InvalidInput, UnknownName
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.callsymptoms import SLOW_SECONDS
from chaoskit.recovery.signalsymptoms import MEMORY_HIGH, MEMORY_SURE
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

_STATUSES = {
    "crashloopbackoff": "crash-loop", "error": "error-exit", "oomkilled": "oom-killed",
    "imagepullbackoff": "image-pull", "errimagepull": "image-pull", "invalidimagename": "image-pull",
    "createcontainerconfigerror": "config-error", "createcontainererror": "config-error",
    "pending": "stuck-starting", "containercreating": "stuck-starting",
    "unschedulable": "unschedulable",
    "notready": "not-ready",
    "failed": "error-exit", "evicted": "pressure-evicted", "nodelost": "on-lost-node",
    "unknown": "on-lost-node",
}  # fmt: skip
_WELL = frozenset({"running", "ready", "succeeded", "completed", "healthy"})


def _status(value: object) -> object:
    word = str(value).strip().lower().replace("_", "").replace(" ", "")
    if word not in _WELL and word not in _STATUSES:
        known = "Running, CrashLoopBackOff, OOMKilled, ImagePullBackOff, Pending, Error, NotReady, NodeLost"
        raise ValueError(f"a status as kubectl shows it: {known}")
    return word


def _share(value: object) -> object:
    """``0.92``, ``92`` and ``92%`` are the same share of a limit."""
    text = str(value).strip()
    number = float(text.rstrip("%"))
    return number / 100 if text.endswith("%") or number > 1.5 else number


def _seconds(value: object) -> object:
    return spelled(value) if isinstance(value, str) and not value.replace(".", "", 1).isdigit() else value


class Given(Written):
    """What is known of one workload. What is left out is not known: nothing is concluded from it.

    `podStatus` is a status as kubectl shows it. `memoryUsage` is a share of the limit (0.92 or 92%),
    `networkLatency` seconds (or 250ms), `dbConnectionErrors` failures to get a connection per minute.
    """

    pod_status: Annotated[str, BeforeValidator(_status)] | None = None
    memory_usage: Annotated[float, BeforeValidator(_share), Field(ge=0, le=1.5)] | None = None
    network_latency: Annotated[float, BeforeValidator(_seconds), Field(ge=0)] | None = None
    db_connection_errors: Annotated[float, Field(ge=0)] | None = None


SOME_ERRORS = 3.0
"""So many failures per minute to get a database connection count."""


def symptoms(given: Given, target: ObjectRef, *, now: datetime) -> tuple[Symptom, ...]:
    """What the metrics say to be wrong with the target at `now`."""
    return tuple(_found(given, target, now))


def placed(
    given: Mapping[str, Given], topology: Topology, namespace: str, *, now: datetime
) -> tuple[Symptom, ...]:
    """What metrics of several workloads say, by their names in the namespace (``deployment/cart``, ``cart``).

    Raises:
        InvalidInput: metrics are given of something that is no workload of one namespace.
        UnknownName: there is no such workload.
    """
    return tuple(
        s for name, each in given.items() for s in symptoms(each, _target(name, topology, namespace), now=now)
    )


def _target(name: str, topology: Topology, namespace: str) -> ObjectRef:
    if not namespace:
        raise InvalidInput(f"metrics of {name} are given without a namespace", hint="name one")
    try:
        target = target_of(namespace, name)
    except ValueError as error:
        raise InvalidInput(f"metrics are given of {name}, expected {error}") from error
    if (workload := topology.workloads.get((namespace, str(target)))) is None:
        known = sorted(text for place, text in topology.workloads if place == namespace)
        near = closest(str(target), known) or f"there is {', '.join(known) or 'none'}"
        raise UnknownName(f"there is no workload {target} in {namespace}", hint=near)
    return workload.ref


def _found(given: Given, target: ObjectRef, now: datetime) -> Iterator[Symptom]:
    kind = _STATUSES.get(given.pod_status or "")
    if kind is not None:
        yield Symptom(kind, target, now, Severity.HIGH, f"pod status {given.pod_status}")
    memory = given.memory_usage
    if memory is not None and memory >= MEMORY_SURE:
        severity = Severity.HIGH if memory >= MEMORY_HIGH else Severity.MEDIUM
        yield Symptom("memory-high", target, now, severity, f"memory {memory:.0%} of its limit")
    latency = given.network_latency
    if latency is not None and latency >= SLOW_SECONDS:
        words = f"{latency * 1000:.0f} ms lost on the network"
        yield Symptom("edge-gap", target, now, Severity.MEDIUM, words)
    errors = given.db_connection_errors
    if errors is not None and errors >= SOME_ERRORS:
        words = f"{errors:g} failures per minute to get a database connection"
        yield Symptom("pool-errors", target, now, Severity.HIGH, words)


def target_of(namespace: str, text: str) -> ObjectRef:
    """``deployment/cart``, or ``cart`` for a deployment, as a reference.

    Raises:
        ValueError: it is no kind of workload.
    """
    kind, slash, name = text.rpartition("/")
    kinds = {str(each): each for each in kube.WORKLOADS}
    if slash and kind not in kinds:
        raise ValueError(f"one of {', '.join(kinds)} and a name, as in deployment/cart")
    return ObjectRef(kinds.get(kind, kube.DEPLOYMENT), namespace, name)
