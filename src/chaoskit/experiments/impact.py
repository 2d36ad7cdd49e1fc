"""What a fault would leave standing: ready pods, disruption budgets and endpoints of what it hits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaoskit.experiments.checks import Check
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.selection import alive as alive_of
from chaoskit.experiments.trials import Trial
from chaoskit.topology import Topology, Workload


@dataclass(frozen=True, slots=True)
class After:
    """One workload under a fault: of `serving` pods `ready` stay; `hit` of `pods` are disrupted at a time.

    `budgets` are disruptions allowed now by the name of their budget, `endpoints` are those kept by the
    name of their service. `namespace` is the workload's where it is not the trial's. With `asks` its pods are
    evicted: a budget is asked for each of them, and only one that allows none is in the way.
    """

    workload: str
    hit: int
    ready: int
    pods: int
    serving: int
    budgets: Mapping[str, int]
    endpoints: Mapping[str, int]
    namespace: str = ""
    asks: bool = False

    def document(self) -> dict[str, Any]:
        """What stays, as JSON."""
        return {
            "workload": self.workload,
            "namespace": self.namespace,
            "hit": self.hit,
            "ready": self.ready,
            "pods": self.pods,
            "budgets": dict(self.budgets),
            "endpoints": dict(self.endpoints),
        }

    def __str__(self) -> str:
        """``deployment/cart 2 of 3 ready · budget cart allows 1 disruption · service cart keeps 2 endpoints``."""  # noqa: E501 - an example in one piece
        budgets = [f"budget {n} allows {_count(k, 'disruption')}" for n, k in self.budgets.items()]
        services = [f"service {n} keeps {_count(k, 'endpoint')}" for n, k in self.endpoints.items()]
        where = f" in {self.namespace}" if self.namespace else ""
        return " · ".join((f"{self.workload}{where} {self.ready} of {self.pods} ready", *budgets, *services))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def afterwards(
    selections: Mapping[str, Selection], topologies: Mapping[str, Topology], home: str
) -> tuple[After, ...]:
    """What stays of every workload that a fault hits; of pods without one there is nothing to tell.

    Those that are not in the namespace `home` say so.
    """
    return tuple(
        replace(_after(name, selection, workload), namespace=_other(workload.ref.namespace, home))
        for name, selection in selections.items()
        for workload in _workloads(selection, topologies)
    )


def _other(namespace: str, home: str) -> str:
    return "" if namespace == home else namespace


def _workloads(selection: Selection, topologies: Mapping[str, Topology]) -> Iterator[Workload]:
    for ref in selection.workloads:
        known = topologies.get(ref.namespace)
        workload = known.workloads.get((ref.namespace, str(ref))) if known is not None else None
        if workload is not None:
            yield workload


def _after(fault: str, selection: Selection, workload: Workload) -> After:
    known, alive = EVERY.get(fault), len(alive_of(workload.pods))
    touched = selection.hit_of(workload.ref)
    hit = touched if known is None or known.disrupts else 0
    hidden = touched if known is not None and known.hides else hit
    ready = max(0, workload.ready - hit)
    return After(
        str(workload.ref),
        hit,
        ready,
        alive,
        workload.ready,
        {each["metadata"]["name"]: _allowed(each) for each in workload.budgets},
        {each["metadata"]["name"]: max(0, workload.ready - hidden) for each in workload.services},
        asks=fault == "node-drain",
    )


def _allowed(budget: Mapping[str, Any]) -> int:
    return int((budget.get("status") or {}).get("disruptionsAllowed") or 0)


def checks(trial: Trial, after: tuple[After, ...]) -> Iterator[Check]:
    """Budgets without room for what is disrupted, and services that would have no endpoint left."""
    for each in after:
        for name, allowed in each.budgets.items():
            if each.hit > allowed:
                words = f"disruption budget {name} allows {allowed} disruptions, {each.hit} pods would be hit"
                waits = each.asks and allowed > 0
                no = trial.experiment is not None and not waits
                late = ": they leave one after the other" if waits else ""
                yield Check("disruption budget", "refused" if no else "warning", words + late)
        for name, kept in each.endpoints.items():
            if each.serving and not kept:
                yield Check("endpoints", "warning", f"service {name} loses all its endpoints")
