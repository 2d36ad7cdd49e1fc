"""Who an engine hits: selectors and appinfo, and how Litmus reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chaoskit.documents import Location
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.lint.rules import Finding, Look

_APP: Location = ("spec", "appinfo")
_SELECTORS: Location = ("spec", "selectors")
_WORKLOADS: Location = (*_SELECTORS, "workloads")
_SET = re.compile(r"\s(in|notin)\s*\(|!")


def of_engine(look: Look) -> Iterator[Finding]:
    """Findings about whom the engine hits."""
    yield from _appinfo(look)
    yield from _selectors(look)
    for index, entry in enumerate(look.items(("spec", "experiments"))):
        if isinstance(entry, dict):
            yield from _of_fault(look, ("spec", "experiments", index), str(entry.get("name")))


def _appinfo(look: Look) -> Iterator[Finding]:
    kind, label = look.text((*_APP, "appkind")), look.text((*_APP, "applabel"))
    selected = bool(look.mapping(_SELECTORS))
    if selected and (kind or label):
        yield look.say("appinfo-unused", _APP, "nothing beside selectors")
    elif bool(kind) != bool(label):
        there, gone = ("appkind", "applabel") if kind else ("applabel", "appkind")
        wanted, wants = f"{gone} beside it, or neither", (*_APP, gone)
        yield look.say("appinfo-incomplete", (*_APP, there), wanted, found=f"without {gone}", wants=wants)
    elif label:
        yield from _label(look, (*_APP, "applabel"), label)


def _label(look: Look, location: Location, label: str) -> Iterator[Finding]:
    """How Litmus reads a label filter."""
    if _SET.search(label):
        yield look.say("label-set", location, "one key=value")
    elif "=" not in label:
        yield look.say("label-names", location, "one key=value")
    elif "," in label:
        yield look.say("label-or", location, "one label")


def _selectors(look: Look) -> Iterator[Finding]:
    both = look.mapping(_SELECTORS)
    if both and bool(both.get("pods")) == bool(both.get("workloads")):
        yield look.say("selectors", _SELECTORS, "either workloads or pods", wants=_WORKLOADS)
    for index, workload in enumerate(look.items(_WORKLOADS)):
        if isinstance(workload, dict):
            yield from _workload(look, (*_WORKLOADS, index), workload)


def _workload(look: Look, place: Location, workload: dict[str, Any]) -> Iterator[Finding]:
    if bool(workload.get("names")) == bool(workload.get("labels")):
        yield look.say("selectors", place, "either names or labels")
    if workload.get("labelMatchMode"):
        yield look.say("label-mode", (*place, "labelMatchMode"), "nothing")
    labels = workload.get("labels")
    if isinstance(labels, str):
        yield from _label(look, (*place, "labels"), labels)


def _of_fault(look: Look, place: Location, name: str) -> Iterator[Finding]:
    """What the fault makes of the selection."""
    fault = CATALOGUE.get(name)
    if fault is None:
        return
    env: Location = (*place, "spec", "components", "env")
    named = _value(look, env, "TARGET_PODS") or bool(look.items((*_SELECTORS, "pods")))
    where: Location = _SELECTORS if look.mapping(_SELECTORS) else _APP
    wants: Location = _WORKLOADS if where == _SELECTORS else (*_APP, "applabel")
    if fault.scope == "pod":
        if not (named or _labelled(look) or look.items(_WORKLOADS)):
            yield look.say("target-random", where, "a label, or names", wants=wants)
        if named and _value(look, env, "PODS_AFFECTED_PERC"):
            yield look.say("percent-unused", env, "no PODS_AFFECTED_PERC", found="set beside names")
    elif not _labelled(look) and (fault.scope != "node" or _selects(look)):
        beside = ", or nothing: the nodes are named as ENV" if fault.scope == "node" else ""
        yield look.say("label-needed", where, f"a kind and one label{beside}", wants=wants)


def _labelled(look: Look) -> bool:
    """Whether the first target is selected by a label."""
    if look.mapping(_SELECTORS):
        return bool(look.text((*_WORKLOADS, 0, "labels")))
    return bool(look.text((*_APP, "applabel")))


def _selects(look: Look) -> bool:
    """Whether anything is selected at all."""
    return bool(look.mapping(_SELECTORS)) or any(look.mapping(_APP).values())


def _value(look: Look, env: Location, name: str) -> bool:
    """Whether an ENV has a value."""
    return any(e.get("name") == name and e.get("value") for e in look.items(env) if isinstance(e, dict))
