"""One field of one object: set as a whole, under the version that was read, and kept by nobody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chaoskit import kube, ownership
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, Refused, after
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

Path = tuple[str, ...]

CORDON: Path = ("spec", "unschedulable")
TAINTS: Path = ("spec", "taints")
REPLICAS: Path = ("spec", "replicas")

_TRIES = 5
_PAUSE = 0.2


def value_at(body: Object, path: Path) -> Any:
    """The value there; None when there is none."""
    found: Any = body
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def set_at(
    cluster: Cluster,
    clock: Clock,
    ref: ObjectRef,
    path: Path,
    wanted: Callable[[Any], Any],
    *,
    subresource: str = "",
) -> bool:
    """The value at `path` is what `wanted` makes of the present one; whether that changed anything.

    None is absent. The object is read again whenever it was written in between. A patch may have met itself
    there (it is sent twice when its answer was lost, or by somebody on the way): what is as it was to be is
    its own doing, unless the server says who else set it. Of what is absent it says of nobody: that, and
    what needs no change any more, is ours after an answer that was lost, whatever others wrote beside it.

    Raises:
        NotFound: the object is gone.
        Conflict: it changes faster than it can be written.
    """
    with after() as sent:
        body = cluster.get(ref)
        for _ in range(_TRIES):
            present = value_at(body, path)
            value = wanted(present)
            if value == present:
                return not sent.harmless
            try:
                if value is None:
                    cluster.patch(ref, _removing(body, path), subresource=subresource)
                else:
                    cluster.patch(ref, _setting(body, path, value), type="json", subresource=subresource)
            except Conflict as error:
                sent.heard(error)
                clock.sleep(_PAUSE)
                body = cluster.get(ref)
                if value_at(body, path) == value:
                    return not sent.harmless if value is None else not _is_of_others(body, path)
            else:
                return True
        raise Conflict(f"{'.'.join(path)} changes faster than it can be written")


def _is_of_others(body: Object, path: Path) -> bool:
    setter = ownership.setter(body, path)
    return bool(setter) and not ownership.by_chaos(setter)


def _setting(body: Object, path: Path, value: Any) -> list[dict[str, Any]]:
    """A JSON patch, which replaces mappings whole; naming the version makes it conditional."""
    steps = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": body["metadata"]["resourceVersion"]}
    ]
    above = [path[:length] for length in range(1, len(path)) if value_at(body, path[:length]) is None]
    steps += [{"op": "add", "path": _pointer(missing), "value": {}} for missing in above]
    return [*steps, {"op": "add", "path": _pointer(path), "value": value}]


def _removing(body: Object, path: Path) -> dict[str, Any]:
    """A merge patch for this version: where the value is gone by then, a JSON patch were refused as wrong."""
    patch: Any = None
    for step in reversed(path):
        patch = {step: patch}
    meta = patch.get("metadata") or {}
    return {**patch, "metadata": {**meta, "resourceVersion": body["metadata"]["resourceVersion"]}}


def _pointer(path: Path) -> str:
    return "/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in path)


def refuse_when_kept(cluster: Cluster, body: Object, path: Path) -> None:
    """Nobody else keeps the field as it is.

    Raises:
        Refused: Argo CD, Flux or an autoscaler does (guard ``ownership``): they would fight with us.
    """
    found = ownership.keeper(body, path, _autoscalers(cluster, body))
    if found:
        raise Refused(
            f"{found} keeps {'.'.join(path)} of {body['metadata']['name']} as it is",
            guard="ownership",
            limit="fields that nobody else keeps",
            hint=f"change it where {found} takes it from",
        )


def _autoscalers(cluster: Cluster, body: Object) -> tuple[Object, ...]:
    namespace = body["metadata"].get("namespace", "")
    try:
        return cluster.list(kube.HPA, namespace).items if namespace else ()
    except Forbidden:
        return ()  # managedFields tell of them too
