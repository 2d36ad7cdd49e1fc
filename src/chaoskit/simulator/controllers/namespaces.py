"""The namespace controller: a namespace that is deleted takes everything in it along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chaoskit.simulator.api import Api, ApiError, Object
from chaoskit.simulator.conditions import turned
from chaoskit.simulator.controllers.base import Informers, Key, Reconciler, key_of
from chaoskit.simulator.controllers.kinds import Kinds
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import timestamp

_AGAIN = 0.5
_DISCOVERED = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


class Namespaces:
    """Empties and finalizes namespaces that are being deleted."""

    def __init__(self, api: Api, engine: Engine, informers: Informers, kinds: Kinds) -> None:
        self._api = api
        self._engine = engine
        self._namespaces = informers.of("Namespace")
        self._kinds = kinds
        self._queue = Reconciler(engine, self._reconcile)
        self._namespaces.on_change(self._changed)

    def _changed(self, _: Object | None, new: Object | None) -> None:
        if new is not None and "deletionTimestamp" in new["metadata"]:
            self._queue.enqueue(key_of(new))

    def _reconcile(self, key: Key) -> None:
        namespace = self._api.get("Namespace", None, key[1])
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return
        left = dict(self._emptied(key[1]))
        if left:
            self._tell(namespace, left)
            self._queue.enqueue(key, _AGAIN)
        elif (namespace.get("spec") or {}).get("finalizers"):
            self._api.update({**namespace, "spec": {}}, "finalize")

    def _emptied(self, name: str) -> Iterable[tuple[str, list[Object]]]:
        """Deletes what is in the namespace; what is left of each plural after that."""
        for kind, plural in self._kinds.namespaced():
            found = self._api.list(kind, name)
            for body in found:
                if "deletionTimestamp" not in body["metadata"]:
                    self._delete(kind, body)
            left = self._api.list(kind, name) if found else ()
            if left:
                yield plural, list(left)

    def _delete(self, kind: str, body: Object) -> None:
        try:
            self._api.delete(kind, *key_of(body), uid=body["metadata"]["uid"])
        except ApiError as error:
            if error.code != 409:  # made anew in between; the next turn sees it
                raise

    def _tell(self, namespace: Object, left: dict[str, list[Object]]) -> None:
        """The conditions say what remains, and which finalizers hold it."""
        counted = ", ".join(f"{plural} has {len(items)} resource instances" for plural, items in left.items())
        finalizers = Counter(
            name
            for items in left.values()
            for body in items
            for name in body["metadata"].get("finalizers") or ()
        )
        held = ", ".join(f"{name} in {count} resource instances" for name, count in finalizers.items())
        values = [(kind, "False", reason, message) for kind, reason, message in _DISCOVERED]
        remaining = f"Some resources are remaining: {counted}"
        values.append(("NamespaceContentRemaining", "True", "SomeResourcesRemain", remaining))
        told = f"Some content in the namespace has finalizers remaining: {held}"
        values.append(
            ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", told)
            if held
            else (
                "NamespaceFinalizersRemaining",
                "False",
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            )
        )
        self._write(namespace, values)

    def _write(self, namespace: Object, values: list[tuple[str, str, str, str]]) -> None:
        now = timestamp(self._engine.now())
        old = {c["type"]: c for c in namespace["status"].get("conditions") or ()}
        conditions = [
            turned(old.get(kind), kind, verdict, reason, message, now)
            for kind, verdict, reason, message in values
        ]
        status = {**namespace["status"], "conditions": conditions}
        self._api.patch("Namespace", None, namespace["metadata"]["name"], {"status": status}, "status")
