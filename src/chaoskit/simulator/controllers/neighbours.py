"""Whether a pod may be beside the pods that a node, or others like it, already have. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Object

AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
THEIR_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules"
SPREAD = "node(s) didn't match pod topology spread constraints"
NO_LABEL = f"{SPREAD} (missing required label)"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A pod that has its node."""

    pod: Object
    node: str


def concerned(spec: Mapping[str, Any]) -> bool:
    """True when the pod minds which pods are where."""
    affinity = spec.get("affinity") or {}
    minds = (affinity.get("podAffinity") or {}).get(_REQUIRED), _anti(spec)
    return any(minds) or any(_hard(spec))


def refusals(pod: Object, nodes: Mapping[str, Object], placed: Iterable[Neighbour]) -> dict[str, str]:
    """Why the pod may not be on some of the nodes, in the scheduler's words; nothing of the others."""
    around = list(placed)
    found: dict[str, str] = {}
    for name, node in nodes.items():
        reason = _refusal(pod, node, nodes, around)
        if reason is not None:
            found[name] = reason
    return found


def _refusal(pod: Object, node: Object, nodes: Mapping[str, Object], around: list[Neighbour]) -> str | None:
    spec, namespace = pod["spec"], pod["metadata"].get("namespace", "")
    labels = node["metadata"].get("labels") or {}
    for constraint in _hard(spec):
        if constraint["topologyKey"] not in labels:
            return NO_LABEL
        if _skewed(pod, constraint, labels, nodes, around):
            return SPREAD
    for term in _terms(spec, "podAffinity"):
        there = [n for n in around if _meant(term, namespace, n.pod)]
        first = not there and _meant(term, namespace, pod)  # the first of a group that wants itself
        near = any(_same(term, labels, nodes[n.node]) for n in there if n.node in nodes)
        if term["topologyKey"] not in labels or not (near or first):
            return AFFINITY
    for neighbour in around:
        beside = nodes.get(neighbour.node)
        if beside is None:
            continue
        if any(_meant(t, namespace, neighbour.pod) and _same(t, labels, beside) for t in _anti(spec)):
            return ANTI_AFFINITY
        own = neighbour.pod["metadata"].get("namespace", "")
        theirs = _anti(neighbour.pod["spec"])
        if any(_meant(t, own, pod) and _same(t, labels, beside) for t in theirs):
            return THEIR_ANTI_AFFINITY
    return None


def _skewed(
    pod: Object,
    constraint: Mapping[str, Any],
    labels: Mapping[str, str],
    nodes: Mapping[str, Object],
    around: list[Neighbour],
) -> bool:
    """True when one pod more here would be more than ``maxSkew`` above the emptiest part of the cluster."""
    key, selects = constraint["topologyKey"], selectors.of(constraint.get("labelSelector") or {})
    parts = {n: (body["metadata"].get("labels") or {}).get(key) for n, body in nodes.items()}
    counts = Counter({part: 0 for part in parts.values() if part is not None})
    for neighbour in around:
        part = parts.get(neighbour.node)
        meta = neighbour.pod["metadata"]
        same = meta.get("namespace") == pod["metadata"].get("namespace")
        if part is not None and same and selects(meta.get("labels") or {}):
            counts[part] += 1
    more = bool(selects(pod["metadata"].get("labels") or {}))
    return counts[labels[key]] + more - min(counts.values()) > int(constraint.get("maxSkew", 1))


def _hard(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = spec.get("topologySpreadConstraints") or ()
    return [one for one in told if one.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"]


def _terms(spec: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return list(((spec.get("affinity") or {}).get(kind) or {}).get(_REQUIRED) or ())


def _anti(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _terms(spec, "podAntiAffinity")


def _meant(term: Mapping[str, Any], namespace: str, pod: Object) -> bool:
    """Whether a term of a pod in `namespace` is about that other pod."""
    meta = pod["metadata"]
    wanted = term.get("namespaces") or [namespace]
    # an empty namespaceSelector means all of them; others are refused when they are written
    if "namespaceSelector" not in term and meta.get("namespace", "") not in wanted:
        return False
    return "labelSelector" in term and selectors.of(term["labelSelector"])(meta.get("labels") or {})


def _same(term: Mapping[str, Any], labels: Mapping[str, str], other: Object) -> bool:
    key = term["topologyKey"]
    return key in labels and (other["metadata"].get("labels") or {}).get(key) == labels[key]
