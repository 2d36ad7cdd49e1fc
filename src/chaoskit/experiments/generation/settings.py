"""Which setting of a ConfigMap would be broken for a workload, and who else reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoskit import kube, ownership
from chaoskit.configmaps import Setting
from chaoskit.experiments.direct.workloads import TEMPLATE
from chaoskit.experiments.generation.fitting import Case, Fit
from chaoskit.ports.cluster import Object
from chaoskit.topology import Topology, Workload


def setting(case: Case) -> Fit | None:
    """One that its pods read, rather one that nobody shares; only a deployment has a way back."""
    subject = case.subject
    if subject.ref.kind != kube.DEPLOYMENT or case.keeper(TEMPLATE):
        return None
    free = tuple(_free(subject, case.topology))
    if not free:
        return None
    reading = _peers(case)
    readers = {each: _others(each, reading) for each in free}
    best = min(readers, key=lambda each: len(readers[each]))  # of equals, the one that it names first
    others = readers[best]
    also = f", as {_named(others)} {'does' if len(others) == 1 else 'do'}" if others else ""
    return Fit(
        subject,
        {"configMap": best.holder, "key": best.key, "value": "wrong"},
        f"reads {best.key} from ConfigMap {best.holder}{also}",
        hit=len(subject.pods),
        others=others,
    )


def _named(others: tuple[Workload, ...]) -> str:
    return str(others[0].ref) if len(others) == 1 else f"{len(others)} other workloads"


def _free(workload: Workload, topology: Topology) -> Iterator[Setting]:
    """The settings that it reads, that are there and may change, and that nobody keeps as they are."""
    known = _config_maps(workload.ref.namespace, topology)
    for name, key in workload.settings:
        if known is None:
            yield from [Setting(name, key)] if key else ()
        elif (body := known.get(name)) is not None and not body.get("immutable"):
            for each in [key] if key else sorted(body["data"]):
                if each in body["data"] and not ownership.keeper(body, ("data", each)):
                    yield Setting(name, each)


def _config_maps(namespace: str, topology: Topology) -> dict[str, Object] | None:
    if topology.config_maps is None:
        return None
    there = (each for each in topology.config_maps if each["metadata"]["namespace"] == namespace)
    return {each["metadata"]["name"]: each for each in there}


def _peers(case: Case) -> list[tuple[Workload, tuple[Setting, ...]]]:
    """The other workloads of its namespace that read any of its ConfigMaps, with what each reads."""
    own, maps = case.subject.ref, {each.holder for each in case.subject.settings}
    return [
        (each, each.settings)
        for (namespace, _), each in case.topology.workloads.items()
        if namespace == own.namespace
        and each.ref != own
        and any(read.holder in maps for read in each.settings)
    ]


def _others(wanted: Setting, reading: Iterable[tuple[Workload, tuple[Setting, ...]]]) -> tuple[Workload, ...]:
    """Those that read it; who reads a whole ConfigMap reads each of its keys."""
    ways = {wanted, Setting(wanted.holder, "")}
    return tuple(each for each, read in reading if ways.intersection(read))
