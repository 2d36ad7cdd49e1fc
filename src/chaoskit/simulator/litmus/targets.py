"""Which pods an experiment hits: Litmus' own target resolution, its oddities included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from chaoskit.simulator.api import Access, Object
from chaoskit.simulator.litmus.errors import ChaosError


@dataclass(frozen=True, slots=True)
class Target:
    """One part of TARGETS: ``kind:namespace:[filter]``; labels or names, whichever the filter holds."""

    kind: str
    namespace: str
    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = f"names: [{' '.join(self.names)}]"
        labelled = f"labels: [{' '.join(self.labels)}]"
        what = labelled if self.labels else named
        return f"{{namespace: {self.namespace}, kind: {self.kind}, {what}}}"


@dataclass(frozen=True, slots=True)
class Workload:
    """What owns a pod in the end: kind in lower case, name, namespace."""

    kind: str
    name: str
    namespace: str


def number(text: str) -> int:
    """An integer as Litmus reads one: whatever is not all digits is 0."""
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else 0


def ranged(text: str, random: Random) -> int:
    """A number, or one drawn from ``low-high``."""
    low, dash, high = text.partition("-")
    return random.randint(number(low), number(high)) if dash and low else number(text)


def destinations(env: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """The comma-separated entries of these variables: ``host``, ``host|port``, ``ip`` or ``ip|port``."""
    parts = (part.strip() for name in names for part in env.get(name, "").split(","))
    return tuple(filter(None, parts))


def parse(text: str) -> tuple[Target, ...]:
    """What TARGETS asks for; commas in a label filter mean OR, a filter without ``=`` holds names."""
    return tuple(_part(part.strip()) for part in text.split(";") if part.strip())


def _part(part: str) -> Target:
    kind, namespace, wanted = part.split(":", 2)
    entries = tuple(e.strip() for e in wanted.strip("[]").split(",") if e.strip())
    if "=" in wanted:
        return Target(kind, namespace, labels=entries)
    return Target(kind, namespace, names=entries)


def owner(api: Access, pod: Object) -> Workload | None:
    """The workload a pod belongs to, through its ReplicaSet; None when nothing known owns it."""
    meta = pod["metadata"]
    for ref in meta.get("ownerReferences", ()):
        if ref["kind"] == "ReplicaSet":
            parent = api.get("ReplicaSet.apps", meta["namespace"], ref["name"])
            above = parent["metadata"].get("ownerReferences", ()) if parent else ()
            return next((Workload(o["kind"].lower(), o["name"], meta["namespace"]) for o in above), None)
        return Workload(ref["kind"].lower(), ref["name"], meta["namespace"])
    return None


def owners(api: Access, pods: Iterable[Object]) -> list[Workload]:
    """The workloads that own these pods, each once, in order."""
    return list({found: None for pod in pods if (found := owner(api, pod)) is not None})


def workload_pods(api: Access, workload: Workload) -> list[Object]:
    """All pods of one workload, those on their way out included."""
    pods = api.list("Pod", workload.namespace)
    return [pod for pod in pods if owner(api, pod) == workload]


def resolve(
    api: Access, wanted: Sequence[Target], share: int, random: Random, *, node_label: str = ""
) -> list[Object]:
    """The pods to hit: a window of `share` percent (at least one) that starts anywhere.

    `node_label` leaves only those on nodes with that label. Raises `ChaosError` TARGET_SELECTION_ERROR when
    there is none.
    """
    if not wanted:
        raise ChaosError("TARGET_SELECTION_ERROR", "provide one of the appLabel or TARGET_PODS")
    pods = _distinct([pod for target in wanted for pod in _matching(api, target)])
    if node_label:
        there = nodes(api, node_label)
        pods = [pod for pod in pods if pod["spec"].get("nodeName") in there]
    if not pods:
        told = "[" + " ".join(map(str, wanted)) + "]"
        raise ChaosError("TARGET_SELECTION_ERROR", "no target pods found", told)
    if any(target.kind == "pod" for target in wanted):
        return pods
    count = max(1, len(pods) * min(share, 100) // 100)
    start = random.randrange(len(pods))
    return [pods[(start + step) % len(pods)] for step in range(count)]


def nodes(api: Access, label: str) -> list[str]:
    """The names of the nodes with that label (empty: of all); raises `ChaosError` when there is none."""
    found = [str(node["metadata"]["name"]) for node in api.list("Node", None, label)]
    if not found:
        reason = "no node found with matching labels"
        raise ChaosError("TARGET_SELECTION_ERROR", reason, f"{{nodeLabel: {label}}}")
    return found


def named(api: Access, namespace: str, names: Sequence[str]) -> list[Object]:
    """The pods of TARGET_PODS; raises `ChaosError` when one is not there."""
    pods = []
    for name in names:
        pod = api.get("Pod", namespace, name)
        if pod is None:
            where = f"{{podName: {name}, namespace: {namespace}}}"
            reason = "pod doesn't exist set by TARGET_PODS ENV"
            raise ChaosError("TARGET_SELECTION_ERROR", reason, where)
        pods.append(pod)
    return pods


def _matching(api: Access, target: Target) -> list[Object]:
    if target.kind == "KIND":
        return [pod for pod in api.list("Pod", target.namespace) if not _chaos(pod)]
    if target.kind == "pod":
        return named(api, target.namespace, target.names)
    if target.names:
        return [
            pod
            for name in target.names
            for pod in _of_workload(api, Workload(target.kind, name, target.namespace))
        ]
    return [
        pod
        for label in target.labels
        for pod in api.list("Pod", target.namespace, label)
        if (found := owner(api, pod)) is not None and found.kind == target.kind
    ]


def _of_workload(api: Access, workload: Workload) -> list[Object]:
    if pods := workload_pods(api, workload):
        return pods
    told = f"{{namespace: {workload.namespace}, kind: {workload.kind}, name: {workload.name}}}"
    raise ChaosError("TARGET_SELECTION_ERROR", "no pod found for specified target", told)


def _chaos(pod: Object) -> bool:
    labels = pod["metadata"].get("labels", {})
    return "chaosUID" in labels or labels.get("name") == "chaos-operator"


def _distinct(pods: list[Object]) -> list[Object]:
    return list({pod["metadata"]["uid"]: pod for pod in pods}.values())
