"""What an engine of Litmus aims at, as its document says: Litmus' own way of reading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit.ports.cluster import Object


@dataclass(frozen=True, slots=True)
class Wanted:
    """One part of an engine's selection: pods by their owners' or their own names, or by labels (OR)."""

    kind: str
    namespace: str
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def spec_of(engine: Object) -> Mapping[str, Any]:
    """The engine's spec; empty where it has none, which a server takes."""
    return engine.get("spec") or {}


def wanted(engine: Object) -> tuple[Wanted, ...]:
    """The engine's TARGETS, as its operator computes them."""
    spec, home = spec_of(engine), engine["metadata"].get("namespace") or "default"
    selectors = spec.get("selectors") or {}
    if selectors.get("workloads"):
        return tuple(_workload(each, home) for each in selectors["workloads"])
    if selectors.get("pods"):
        return tuple(
            Wanted("pod", each.get("namespace") or home, names=csv(each.get("names")))
            for each in selectors["pods"]
        )
    app = spec.get("appinfo") or {}
    label = app.get("applabel") or ""
    kind = app.get("appkind") or "KIND"
    parts = csv(label)
    place = app.get("appns") or home
    if parts and "=" not in label:  # litmus-go reads a filter without = as names of workloads
        return (Wanted(kind, place, names=parts),)
    return (Wanted(kind, place, labels=parts),)


def _workload(selector: Mapping[str, Any], home: str) -> Wanted:
    place = selector.get("namespace") or home
    return Wanted(
        selector.get("kind") or "KIND", place, csv(selector.get("names")), csv(selector.get("labels"))
    )


def csv(text: str | None) -> tuple[str, ...]:
    """The names or labels that a text has, with commas between them."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def has_label(labels: Mapping[str, str], wanted_label: str) -> bool:
    """Whether labels have one of a ``key=value``."""
    key, _, value = wanted_label.partition("=")
    return labels.get(key) == value.lstrip("=")
