"""What was heard against what is seen; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery.detection import Sight
from chaoskit.recovery.issues import PAST
from chaoskit.recovery.readings import SIGNAL_OF, has_data
from chaoskit.recovery.symptoms import Symptom


def weighed(heard: Iterable[Symptom], own: Iterable[Symptom], seen: Sight) -> tuple[Symptom, ...]:
    """What was heard, marked `unseen` where the observation could show that kind there and does not.

    An alert may fire since an earlier trouble: what is seen says when this one began, and of which pods.
    """
    began: dict[ObjectRef, datetime] = {}
    shown = set()
    for each in own:
        shown.add((each.target, each.kind))
        if each.kind not in PAST:
            began[each.target] = min(each.since, began.get(each.target, each.since))
    return tuple(
        _weighed(_besides(each, began), seen, shown=(each.target, each.kind) in shown) for each in heard
    )


def _besides(symptom: Symptom, began: Mapping[ObjectRef, datetime]) -> Symptom:
    if symptom.target not in began:
        return symptom
    return replace(symptom, since=max(symptom.since, began[symptom.target]), pods=())


def _weighed(symptom: Symptom, seen: Sight, *, shown: bool) -> Symptom:
    if shown or _out_of_sight(symptom, seen):
        return symptom
    return replace(symptom, unseen=True)


def _out_of_sight(symptom: Symptom, seen: Sight) -> bool:
    """Whether only a signal could show it, of which there is no sample."""
    workload = seen.topology.workloads.get((symptom.target.namespace, str(symptom.target)))
    signal = SIGNAL_OF.get(symptom.kind)
    if signal is None or workload is None:
        return False
    return not has_data(workload, seen.samples, signal, now=seen.at)
