"""Whether a pod can go on a node, and if not, why, in the scheduler's words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaoskit.simulator.api import Object
from chaoskit.simulator.quantities import parse
from chaoskit.simulator.tolerations import tolerated

UNSCHEDULABLE = "node(s) were unschedulable"
AFFINITY = "node(s) didn't match Pod's node affinity/selector"
TOO_MANY = "Too many pods"
_HOPELESS = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_CORDONED: Mapping[str, str] = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


@dataclass(slots=True)
class Used:
    """What the pods on a node have asked for: cores, bytes, and how many they are."""

    amounts: dict[str, float] = field(default_factory=dict)
    pods: int = 0

    def add(self, asked: Mapping[str, float], sign: int = 1) -> None:
        """One more pod with such requests, or with `sign` -1 one less."""
        self.pods += sign
        for name, amount in asked.items():
            self.amounts[name] = self.amounts.get(name, 0.0) + sign * amount

    def and_with(self, others: Iterable[Mapping[str, float]]) -> Used:
        """What it would be with more pods, of such requests."""
        more = Used(dict(self.amounts), self.pods)
        for asked in others:
            more.add(asked)
        return more


def requests(spec: Mapping[str, Any]) -> dict[str, float]:
    """What a pod asks for: the sum of its containers and sidecars, or more while it is initialized.

    Another init container counts beside the sidecars that run by then.
    """

    def asked(container: Mapping[str, Any], name: str) -> float:
        given = (container.get("resources") or {}).get("requests") or {}
        return parse(given[name]) if name in given else 0.0

    found = {}
    for name in _RESOURCES:
        sidecars = most = 0.0
        for container in spec.get("initContainers") or ():
            most = max(most, sidecars + asked(container, name))
            if container.get("restartPolicy") == "Always":
                sidecars += asked(container, name)
        together = sidecars + sum(asked(container, name) for container in spec.get("containers") or ())
        if max(together, most):
            found[name] = max(together, most)
    return found


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node cannot take a pod; `final` when it could not even if other pods made room."""

    reasons: tuple[str, ...]
    final: bool = True


def refusal(spec: Mapping[str, Any], node: Object, used: Used) -> Refusal | None:
    """Why the pod cannot go on the node, by the first filter that says so; None when it can."""
    if node["spec"].get("unschedulable") and not tolerated(spec, _CORDONED):
        return Refusal((UNSCHEDULABLE,))
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] != "PreferNoSchedule" and not tolerated(spec, taint):
            told = f"{{{taint['key']}: {taint.get('value', '')}}}"
            return Refusal((f"node(s) had untolerated taint {told}",))
    if not fits_labels(spec, node):
        return Refusal((AFFINITY,))
    return _lacking(requests(spec), node["status"].get("allocatable") or {}, used)


def _lacking(asked: Mapping[str, float], there: Mapping[str, str], used: Used) -> Refusal | None:
    found, final = [], False
    if used.pods + 1 > parse(there.get("pods", "110")):
        found.append(TOO_MANY)
    for name, amount in asked.items():
        capacity = parse(there.get(name, "0"))
        if amount > capacity - used.amounts.get(name, 0.0) + 1e-9:
            found.append(f"Insufficient {name}")
            final = final or amount > capacity
    return Refusal(tuple(found), final) if found else None


def claims(spec: Mapping[str, Any]) -> list[str]:
    """The persistent volume claims that the pod's volumes are."""
    found = (volume.get("persistentVolumeClaim") for volume in spec.get("volumes") or ())
    return [claim["claimName"] for claim in found if claim is not None]


def without_claim(claim: str, nodes: int) -> str:
    """The FailedScheduling message of a pod whose claim is missing: no node is looked at then."""
    return f'0/{nodes} nodes are available: persistentvolumeclaim "{claim}" not found. not found'


def explain(refusals: Sequence[Refusal], *, preempts: bool = False) -> str:
    """The FailedScheduling message, from why each node was refused; `preempts` when others make room now."""
    total = len(refusals)
    if not total:
        return "no nodes available to schedule pods"
    nodes = f"0/{total} nodes are available: "
    reasons = _counted(reason for refused in refusals for reason in refused.reasons)
    if preempts:
        return f"{nodes}{reasons}."
    victims = _counted(_HOPELESS if refused.final else _NO_VICTIMS for refused in refusals)
    return f"{nodes}{reasons}. no new claims to deallocate, preemption: {nodes}{victims}."


def _counted(reasons: Iterable[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))


def fits_labels(spec: Mapping[str, Any], node: Object) -> bool:
    """True when nodeSelector and required node affinity allow the node."""
    labels = node["metadata"].get("labels") or {}
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(
        _all_hold(term.get("matchExpressions") or (), labels)
        and _all_hold(term.get("matchFields") or (), fields)
        for term in required.get("nodeSelectorTerms") or ()
    )


def _all_hold(expressions: Iterable[Mapping[str, Any]], values: Mapping[str, str]) -> bool:
    return all(_holds(expression, values) for expression in expressions)


def _holds(  # noqa: PLR0911 - one line for each operator
    expression: Mapping[str, Any], values: Mapping[str, str]
) -> bool:
    value, wanted = values.get(expression["key"]), list(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and int(value) > int(wanted[0])
        case "Lt":
            return value is not None and int(value) < int(wanted[0])
        case _:
            return False


def tolerates_all(spec: Mapping[str, Any], node: Object) -> bool:
    """True when no taint of the node keeps the pod away."""
    return all(
        taint["effect"] == "PreferNoSchedule" or tolerated(spec, taint)
        for taint in node["spec"].get("taints") or ()
    )


def score(spec: Mapping[str, Any], node: Object, used: Used, siblings: int) -> tuple[float, float]:
    """Higher is better: fewer pods of the same owner first, then the emptier node."""
    there = node["status"].get("allocatable") or {}
    asked = requests(spec)
    free = []
    for name in ("cpu", "memory"):
        capacity = parse(there.get(name, "1")) or 1.0
        free.append(1 - (used.amounts.get(name, 0.0) + asked.get(name, 0.0)) / capacity)
    return -float(siblings), sum(free) / len(free) - used.pods / 1000
