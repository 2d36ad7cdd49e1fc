"""Which setting of a ConfigMap would be broken for a workload, and who else reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chaoskit import kube, ownership
from chaoskit.experiments.direct.workloads import TEMPLATE
from chaoskit.experiments.generation.fitting import Case, Fit
from chaoskit.ports.cluster import Object
from chaoskit.topology import Topology, Workload


class Setting(NamedTuple):
    """A key of a ConfigMap."""

    config_map: str
    key: str


def setting(case: Case) -> Fit | None:
    """One that its pods read, rather one that nobody shares; only a deployment has a way back."""
    subject = case.subject
    if subject.ref.kind != kube.DEPLOYMENT or case.keeper(TEMPLATE):
        return None
    readers = {each: _others(each, case) for each in _free(subject, case.topology)}
    if not readers:
        return None
    best = min(readers, key=lambda each: len(readers[each]))  # of equals, the one that it names first
    others = readers[best]
    also = f", as {_named(others)} {'does' if len(others) == 1 else 'do'}" if others else ""
    return Fit(
        subject,
        {"configMap": best.config_map, "key": best.key, "value": "wrong"},
        f"reads {best.key} from ConfigMap {best.config_map}{also}",
        hit=len(subject.pods),
        others=others,
    )


def _named(others: tuple[Workload, ...]) -> str:
    return str(others[0].ref) if len(others) == 1 else f"{len(others)} other workloads"


def _free(workload: Workload, topology: Topology) -> Iterator[Setting]:
    """The settings that it reads, that are there and may change, and that nobody keeps as they are."""
    known = _config_maps(workload.ref.namespace, topology)
    for name, key in _read(workload):
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


def _others(wanted: Setting, case: Case) -> tuple[Workload, ...]:
    """The other workloads that read it; who reads a whole ConfigMap reads each of its keys."""
    whole = Setting(wanted.config_map, "")
    return tuple(
        each
        for each in case.topology.workloads.values()
        if each.ref != case.subject.ref
        and each.ref.namespace == case.subject.ref.namespace
        and any(read in {wanted, whole} for read in _read(each))
    )


def _read(workload: Workload) -> Iterator[Setting]:
    """What its pods read from ConfigMaps: keys by name, then ConfigMaps as a whole (key "")."""
    spec = workload.body["spec"]["template"]["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    found = [each for container in containers for each in _by_environment(container)]
    found += [each for volume in spec.get("volumes") or () for each in _by_volume(volume)]
    yield from dict.fromkeys(sorted(found, key=lambda each: not each.key))


def _by_environment(container: Object) -> Iterator[Setting]:
    for each in container.get("env") or ():
        if source := (each.get("valueFrom") or {}).get("configMapKeyRef"):
            yield Setting(source["name"], source["key"])
    for each in container.get("envFrom") or ():
        if source := each.get("configMapRef"):
            yield Setting(source["name"], "")


def _by_volume(volume: Object) -> Iterator[Setting]:
    sources = (volume, *((volume.get("projected") or {}).get("sources") or ()))
    for source in (found for each in sources if (found := each.get("configMap"))):
        items = source.get("items") or ({"key": ""},)
        yield from (Setting(source["name"], item["key"]) for item in items)
