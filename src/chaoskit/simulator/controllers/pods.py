"""What controllers ask of pods and make of templates: pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Object
from chaoskit.simulator.controllers.base import Informer
from chaoskit.simulator.objects import LETTERS, clone, is_finished, owned_by, owner_of, parse_time


def condition(body: Mapping[str, Any], kind: str) -> Object | None:
    """The condition of that type, if the object's status has it."""
    found = (body.get("status") or {}).get("conditions") or ()
    return next((item for item in found if item["type"] == kind), None)


def is_true(body: Mapping[str, Any], kind: str) -> bool:
    """True when the condition is there and its status is True."""
    found = condition(body, kind)
    return found is not None and found["status"] == "True"


def is_ready(pod: Object) -> bool:
    """True when the pod's Ready condition is True."""
    return is_true(pod, "Ready")


def is_terminating(pod: Object) -> bool:
    """True when the pod was deleted, and is not gone."""
    return "deletionTimestamp" in pod["metadata"]


def stays(_: Object, orphan: Object) -> bool:
    """True when a workload may adopt the object: it is not on its way out."""
    return not is_terminating(orphan)


def is_active(pod: Object) -> bool:
    """True for a pod that counts as a replica: neither ended nor deleted."""
    return not is_finished(pod) and not is_terminating(pod)


def ready_since(pod: Object) -> float:
    """When the pod last became ready (Unix seconds); infinity when it is not."""
    found = condition(pod, "Ready")
    if found is None or found["status"] != "True":
        return float("inf")
    return parse_time(found["lastTransitionTime"]).timestamp()


def is_available(pod: Object, min_ready_seconds: float, now: float) -> bool:
    """True when the pod has been ready for as long as its workload asks."""
    return is_ready(pod) and ready_since(pod) + min_ready_seconds <= now


def next_available(mine: Iterable[Object], min_ready_seconds: float, now: float) -> float | None:
    """Seconds until the next of the pods that are ready has been so long enough; None when all have."""
    waits = (ready_since(pod) + min_ready_seconds - now for pod in mine if is_ready(pod))
    return min((wait for wait in waits if wait > 0), default=None)


def from_template(owner: Object, template: Object, **metadata: Any) -> Object:
    """A pod of `owner` from its template; `metadata` adds to the template's own."""
    meta = clone({k: v for k, v in (template.get("metadata") or {}).items() if k != "name"})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta
        | {"namespace": owner["metadata"]["namespace"], "ownerReferences": [owned_by(owner)]}
        | metadata,
        "spec": clone(template["spec"]),
    }


def template_hash(template: Object, collisions: int = 0) -> str:
    """Ten or so letters that differ when the template does (FNV-1a over its JSON)."""
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    number = 0x811C9DC5
    for byte in (text + (str(collisions) if collisions else "")).encode():
        number = ((number ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(LETTERS[ord(digit) % len(LETTERS)] for digit in str(number))


def scale_down_order(pods_per_node: Mapping[str, int], now: float) -> Callable[[Object], Any]:
    """A sort key: the pods that a scale-down deletes first come first, by Kubernetes' rules."""

    def order(pod: Object) -> Any:
        meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
        cost = (meta.get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost", 0)
        restarts = max((c["restartCount"] for c in status.get("containerStatuses") or ()), default=0)
        age = now - parse_time(meta["creationTimestamp"]).timestamp()
        return (
            bool(spec.get("nodeName")),
            {"Pending": 0, "Unknown": 1}.get(status.get("phase", ""), 2),
            is_ready(pod),
            int(cost),
            -pods_per_node.get(spec.get("nodeName", ""), 0),
            now - ready_since(pod) if is_ready(pod) else 0.0,
            -restarts,
            age,
            meta["name"],
        )

    return order


def controller_uid(body: Object) -> tuple[str, ...]:
    """The uid of an object's controller, as an index key."""
    owner = owner_of(body)
    return (owner["uid"],) if owner is not None else ()


def orphan_namespace(body: Object) -> tuple[str, ...]:
    """The namespace of an object that no controller manages, as an index key."""
    return () if owner_of(body) is not None else (body["metadata"].get("namespace", ""),)


def labelled(body: Object) -> tuple[str, ...]:
    """Where an object is and each of its labels, as index keys for `selected`."""
    namespace = body["metadata"].get("namespace", "")
    labels = body["metadata"].get("labels") or {}
    return (namespace, *(f"{namespace}/{key}={value}" for key, value in labels.items()))


def selected(informer: Informer, namespace: str, selector: Object | None) -> list[Object]:
    """The objects of a namespace that a LabelSelector selects, by way of the index ``labels``."""
    exact = (selector or {}).get("matchLabels") or {}
    pair = next((f"/{key}={value}" for key, value in exact.items()), "")
    selects = selectors.of(selector)
    near = informer.find("labels", namespace + pair)
    return [body for body in near if selects(body["metadata"].get("labels") or {})]


def namespace_of(body: Object) -> tuple[str, ...]:
    """An object's namespace, as an index key."""
    return (body["metadata"].get("namespace", ""),)
