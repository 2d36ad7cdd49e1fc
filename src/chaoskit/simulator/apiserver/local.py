"""The `Api` of the cluster's own actors: bound to the store of this process, with all rights."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from chaoskit.simulator import selectors
from chaoskit.simulator.api import ApiError, Seen
from chaoskit.simulator.apiserver import apierrors, rbac, reviews, subresources
from chaoskit.simulator.apiserver.deletion import Deletion
from chaoskit.simulator.apiserver.machinery import Machinery, Options
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Changed
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import Object, clone


class LocalApi:
    """Answers from the machinery itself, without HTTP; watchers are told on the engine's thread."""

    def __init__(self, engine: Engine, machinery: Machinery | None = None) -> None:
        self.engine = engine
        self.machinery = machinery or Machinery(engine)
        self._options = Options(trusted=True, validation="Ignore")
        self._untold: deque[tuple[Seen, Changed]] = deque()
        self._shared: tuple[Changed, Object] | None = None

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object, a private copy; None when it is not there."""
        with self.engine.lock:
            found = self.machinery.store.get(self._resource(kind).key, namespace or "", name)
            return None if found is None else clone(found.object)

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        """Private copies of all that match a label selector, by namespace and name."""
        selects = selectors.labels(labels)
        with self.engine.lock:
            found = self.machinery.store.list(self._resource(kind).key, namespace)
            return tuple(clone(v.object) for v in found if selects(v.object["metadata"].get("labels") or {}))

    def create(self, body: Object) -> Object:
        """The stored object. A Binding or an Eviction is done to its pod, and answered with itself.

        A SubjectAccessReview is answered from roles and bindings, and not stored.
        """
        with self.engine.lock:
            if body["kind"] in {"Binding", "Eviction"}:
                return self._on_pod(body)
            if body["kind"] == "SubjectAccessReview":
                return self._review(body)
            resource = self._resource_of(body)
            namespace = body.get("metadata", {}).get("namespace") or ""
            created = self.machinery.create(resource, namespace, body, self._options)
            return dict(clone(created.object))

    def update(self, body: Object, subresource: str = "") -> Object:
        """The object replaced as by PUT."""
        resource, metadata = self._resource_of(body), body["metadata"]
        where = metadata.get("namespace") or "", metadata["name"]
        with self.engine.lock:
            updated = self.machinery.update(resource, *where, body, self._options, subresource)
            return dict(clone(updated.object))

    def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        subresource: str = "",
    ) -> Object:
        """The object after a JSON merge patch."""
        resource = self._resource(kind)
        with self.engine.lock:
            patched = self.machinery.patch(resource, namespace or "", name, patch, self._options, subresource)
            return dict(clone(patched.object))

    def delete(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        *,
        grace: int | None = None,
        propagation: str = "Background",
        uid: str | None = None,
    ) -> None:
        """The object is deleted or marked so; what is not there already is no error."""
        how = Deletion(grace, propagation, uid)
        with self.engine.lock:
            try:
                self.machinery.delete(self._resource(kind), namespace or "", name, how)
            except ApiError as error:
                if error.code != 404:
                    raise

    def watch(self, kind: str, seen: Seen) -> None:
        """`seen` is told of every object there is and of every change, next and in order.

        What it is given is a copy, shared by the watchers of one change: read it, do not change it.
        """
        key = kind
        with self.engine.lock:
            for version in self.machinery.store.list(key):
                self._tell(seen, Changed("ADDED", version, None))
            self.machinery.store.listen(key, lambda change: self._tell(seen, change))

    def _tell(self, seen: Seen, change: Changed) -> None:
        # A request writes at the time on the wall, an actor at the time its work was due, which may be
        # earlier: the queue keeps the order of the changes where the engine's times would not.
        self._untold.append((seen, change))
        self.engine.call_later(0, self._tell_next)

    def _tell_next(self) -> None:
        seen, change = self._untold.popleft()
        if self._shared is None or self._shared[0] is not change:
            self._shared = (change, clone(change.version.object))
        seen(change.type, self._shared[1])

    def _on_pod(self, body: Object) -> Object:
        action = subresources.bind if body["kind"] == "Binding" else subresources.evict
        metadata = body["metadata"]
        action(self.machinery, metadata["namespace"], metadata["name"], body, self._options)
        return body

    def _review(self, body: Object) -> Object:
        authorizer, asker = rbac.Authorizer(self.machinery.store), rbac.User("system:actor")
        group = ("authorization.k8s.io", "subjectaccessreviews")
        answer = reviews.REVIEWS[group][1](authorizer, asker, body, self.machinery.now())
        return body | answer

    def _resource(self, kind: str) -> Resource:
        found = self.machinery.registry.named(kind)
        if found is None:
            raise apierrors.no_such_resource()
        return found

    def _resource_of(self, body: Object) -> Resource:
        found = self.machinery.registry.of(body["apiVersion"], body["kind"])
        if found is None:
            raise apierrors.no_such_resource()
        return found
