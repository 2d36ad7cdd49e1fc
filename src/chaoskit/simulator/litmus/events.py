"""Events as Litmus' runner and experiments write them: one of a fixed name, counted up when said again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chaoskit.simulator.api import Access, Object
from chaoskit.simulator.objects import timestamp


@dataclass(frozen=True, slots=True)
class Said:
    """What an event says: reason, message, type and who says it."""

    reason: str
    message: str
    component: str
    type: Literal["Normal", "Warning"] = "Normal"


def upsert(api: Access, at: float, name: str, about: Object, said: Said) -> None:
    """The event of that name is there; one that was there already counts one more, its type stays."""
    now, namespace = timestamp(at), about["metadata"]["namespace"]
    source = {"component": said.component}
    known = api.get("Event", namespace, name)
    if known is not None:
        again = {"count": known["count"] + 1, "lastTimestamp": now, "message": said.message}
        api.update(known | again | {"source": source})
        return
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": _reference(about),
        "reason": said.reason,
        "message": said.message,
        "type": said.type,
        "source": source,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    api.create(event)


def _reference(about: Object) -> dict[str, str]:
    meta = about["metadata"]
    return {
        "kind": about["kind"],
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": about["apiVersion"],
    }
