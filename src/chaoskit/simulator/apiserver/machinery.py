"""What create, update, patch and delete do to stored objects: the semantics behind every request.

Whoever calls holds the engine's lock. `local.LocalApi` binds actors to it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chaoskit.simulator.apiserver import (
    apierrors,
    apply,
    definitions,
    deletion,
    merging,
    patches,
    schemas,
    typed,
    unsimulated,
    validation,
)
from chaoskit.simulator.apiserver.admission import Admission
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.deletion import Deletion
from chaoskit.simulator.apiserver.resources import Registry, Resource
from chaoskit.simulator.apiserver.store import Store, Version, dumps
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.objects import Object, clone, dig, suffix, timestamp

Transform = Callable[[Object], Object]
Check = Callable[[Resource, Object | None, Object], None]
"""Refuses that an object (None: there is none yet) becomes another."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a write is to be done. `trusted` bodies (an actor's own) are not checked field by field.

    `check` refuses what its caller may not write, though it may write such objects.
    `warnings` collects what the caller should be told although the write succeeds.
    """

    dry_run: bool = False
    manager: str = ""
    validation: str = "Warn"
    force: bool = False
    trusted: bool = False
    check: Check = lambda *_: None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deleted:
    """The object as it was left: `gone` at once, or only marked."""

    version: Version
    gone: bool


class Machinery:
    """The API server's inside: one store, the resources served, and the rules of writing."""

    def __init__(self, engine: Engine, kinds: Iterable[Resource] = BUILT_IN) -> None:
        self.engine = engine
        self.store = Store()
        self.registry = Registry(kinds)
        self.random = random.Random(f"names {engine.seed}")
        self._admission = Admission(self.store, self.random)

    def get(self, resource: Resource, namespace: str, name: str) -> Version:
        """The present version; 404 when there is none."""
        found = self.store.get(resource.key, namespace, name)
        if found is None:
            raise apierrors.not_found(resource, name)
        return found

    def create(self, resource: Resource, namespace: str, body: Object, options: Options) -> Version:
        """The stored object, complete with what the server adds; not stored in a dry run."""
        obj = self._decoded(resource, clone(body), options)
        metadata = self._new_metadata(resource, namespace, obj)
        name: str = metadata["name"]
        if resource.namespaced:
            self._admission.check_namespace(resource, namespace, name)
        options.check(resource, None, obj)
        if self.store.get(resource.key, namespace, name) is not None:
            raise apierrors.already_exists(resource, name)
        if resource.has_status:
            obj.pop("status", None)
        obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
        obj = self._completed(resource, obj)
        self._refuse_wrong(resource, obj, validation.check(resource, obj))
        _refuse_unsimulated(resource, obj)
        self._admission.complete(resource, obj)
        if resource.key == definitions.DEFINITION:
            definitions.accept(obj, self.now())
        if options.manager and "managedFields" not in metadata:
            apply.record(None, obj, options.manager, self.now())
        return self._store(resource, obj, options.dry_run)

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Object,
        options: Options,
        subresource: str = "",
    ) -> Version:
        """The object replaced by `body`, as by PUT; unchanged content keeps its version."""
        version = dig(body, "metadata", "resourceVersion")
        if resource.schema is not None and not version:
            field_name = "metadata.resourceVersion"
            cause = apierrors.wrong(field_name, "0", "must be specified for an update")
            raise apierrors.invalid(resource.plural, resource.group, name, [cause])
        return self.modify(resource, namespace, name, lambda _: body, options, subresource, patched=False)

    def modify(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        transform: Transform,
        options: Options,
        subresource: str = "",
        *,
        patched: bool = True,
    ) -> Version:
        """The object as `transform` makes it of what is there; through `status`, only its status."""
        current = self.get(resource, namespace, name)
        wanted = clone(transform(current.object))
        wanted = self._decoded(resource, wanted, options, patched=patched)
        self._check_identity(resource, current, wanted)
        new = merging.merged(resource, current.object, wanted, subresource)
        options.check(resource, current.object, new)
        if not subresource:
            new = self._completed(resource, new)
            self._admission.keep_allocated(resource, current.object, new)
        if options.manager or current.object["metadata"].get("managedFields"):
            apply.record(current.object, new, options.manager, self.now(), subresource)
        if merging.same(current.object, new):
            return current
        causes = [] if subresource == "status" else validation.check(resource, new)
        causes += validation.check_update(resource, current.object, new, subresource)
        self._refuse_wrong(resource, new, causes)
        _refuse_unsimulated(resource, new)
        merging.count_generation(resource, current.object, new)
        return self._store(resource, new, options.dry_run)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        options: Options,
        subresource: str = "",
    ) -> Version:
        """The object after a JSON merge patch."""
        return self.modify(
            resource, namespace, name, lambda old: patches.merge(old, patch), options, subresource
        )

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        applied: Object,
        options: Options,
        subresource: str = "",
    ) -> tuple[Version, bool]:
        """The object after a server-side apply, and whether that created it."""
        applied = self._decoded(resource, clone(applied), options)
        applied.setdefault("metadata", {})["name"] = name
        now = self.now()
        current = self.store.get(resource.key, namespace, name)
        if current is None:
            new = apply.apply(None, applied, options.manager, now, force=options.force)
            return self.create(resource, namespace, new, replace(options, manager="")), True

        def applying(live: Object) -> Object:
            return apply.apply(
                live, applied, options.manager, now, force=options.force, subresource=subresource
            )

        quiet = replace(options, manager=apply.ALREADY_RECORDED)
        return self.modify(resource, namespace, name, applying, quiet, subresource), False

    def delete(self, resource: Resource, namespace: str, name: str, how: Deletion) -> Deleted:
        """The object is gone, or marked for whoever must still act: finalizers, the kubelet."""
        current = self.get(resource, namespace, name)
        deletion.check_preconditions(resource, current, how)
        obj = clone(current.object)
        if deletion.mark(resource, obj, how, self.engine.now()):
            if resource.key == "Pod" and not how.dry_run:
                current = self._last_marked(resource, obj)
            return Deleted(self._drop(resource, current, how.dry_run), gone=True)
        if merging.same(obj, current.object):
            return Deleted(current, gone=False)
        return Deleted(self._store(resource, obj, how.dry_run), gone=False)

    def _last_marked(self, resource: Resource, pod: Object) -> Version:
        """A pod's last version before it goes, which watchers see: its grace period is zero."""
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp") is None:
            metadata["generation"] = metadata.get("generation", 0) + 1
        metadata["deletionTimestamp"], metadata["deletionGracePeriodSeconds"] = self.now(), 0
        return self.store.put(resource.key, pod)

    def now(self) -> str:
        """The present simulated time as Kubernetes writes it."""
        return timestamp(self.engine.now())

    def new_uid(self) -> str:
        """A fresh UUID, the same in every run from one seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _decoded(
        self, resource: Resource, body: Object, options: Options, *, patched: bool = False
    ) -> Object:
        """`body` without unknown fields, which are refused, warned of or ignored as the caller asked."""
        if resource.schema is not None:
            body, unknown = schemas.prune(resource.schema, body)
        elif options.trusted:
            return body
        else:
            try:
                body, unknown = typed.decode(resource.kind, body)
            except typed.WrongType as error:
                if patched:
                    cause = apierrors.wrong("patch", dumps(body).decode(), str(error))
                    name = dig(body, "metadata", "name") or ""
                    raise apierrors.invalid(resource.kind, resource.group, name, [cause]) from error
                raise apierrors.bad_request(_undecodable(resource, str(error))) from error
        if unknown and options.validation == "Strict":
            listed = ", ".join(f'unknown field "{path}"' for path in unknown)
            raise apierrors.bad_request(_undecodable(resource, f"strict decoding error: {listed}"))
        if options.validation == "Warn":
            options.warnings.extend(f'unknown field "{path}"' for path in sorted(unknown))
        return body

    def _new_metadata(self, resource: Resource, namespace: str, obj: Object) -> Object:
        metadata: Object = obj.setdefault("metadata", {})
        given = metadata.get("namespace")
        if resource.namespaced:
            if given and given != namespace:
                raise apierrors.bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            metadata["namespace"] = namespace
        else:
            metadata.pop("namespace", None)
        if metadata.get("resourceVersion"):
            raise apierrors.bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"][:58] + suffix(self.random)
        if not metadata.get("name"):
            cause = apierrors.required("metadata.name", "name or generateName is required")
            raise apierrors.invalid(resource.kind, resource.group, "", [cause])
        metadata["uid"], metadata["creationTimestamp"] = self.new_uid(), self.now()
        metadata.pop("deletionTimestamp", None)
        if resource.counts_generation:
            metadata["generation"] = 1
        else:
            metadata.pop("generation", None)
        return metadata

    def _completed(self, resource: Resource, obj: Object) -> Object:
        """`obj` with defaults, and without the empty maps that a server does not keep."""
        merging.drop_empty(obj["metadata"], "labels", "annotations", "finalizers", "ownerReferences")
        if resource.schema is None:
            if resource.defaults is not None:
                resource.defaults(obj)
            return obj
        completed: Object = schemas.fill(resource.schema, obj)
        self._refuse_wrong(resource, completed, schemas.validate(resource.schema, completed))
        return completed

    def _check_identity(self, resource: Resource, current: Version, wanted: Object) -> None:
        """The caller means this object, in this version."""
        metadata = wanted.setdefault("metadata", {})
        name = metadata.setdefault("name", current.name)
        if name != current.name:
            raise apierrors.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({current.name})"
            )
        version = metadata.get("resourceVersion")
        if version and version != str(current.revision):
            raise apierrors.conflict(resource, current.name)
        if metadata.get("uid") and metadata["uid"] != current.object["metadata"]["uid"]:
            raise apierrors.conflict(resource, current.name)

    @staticmethod
    def _refuse_wrong(resource: Resource, obj: Object, causes: list[apierrors.Cause]) -> None:
        if causes:
            raise apierrors.invalid(resource.kind, resource.group, obj["metadata"]["name"], causes)

    def _store(self, resource: Resource, obj: Object, dry_run: bool) -> Version:
        """`obj` is the present version, or is gone when nothing holds a deleted one any more."""
        metadata = obj["metadata"]
        if dry_run:
            return Version(obj, int(metadata.get("resourceVersion") or 0))
        graceful = int(metadata.get("deletionGracePeriodSeconds") or 0) > 0
        if metadata.get("deletionTimestamp") and not graceful and not deletion.held(resource, obj):
            # watchers see it go as it was: no version without its last finalizer is ever kept
            kept = self.get(resource, metadata.get("namespace") or "", metadata["name"])
            return Version(obj, self._drop(resource, kept, dry_run=False).revision)
        version = self.store.put(resource.key, obj)
        if resource.key == definitions.DEFINITION:
            definitions.serve(self.registry, obj)
        return version

    def _drop(self, resource: Resource, current: Version, dry_run: bool) -> Version:
        if dry_run:
            return current
        if resource.key == definitions.DEFINITION:
            self._drop_definition(current.object)
        return self.store.remove(resource.key, current.namespace, current.name)

    def _drop_definition(self, definition: Object) -> None:
        """With a definition go its objects, whatever finalizers they have."""
        key = definitions.stored_key(definition)
        for version in self.store.list(key):
            self.store.remove(key, version.namespace, version.name)
        definitions.withdraw(self.registry, definition)


def _refuse_unsimulated(resource: Resource, obj: Object) -> None:
    path = unsimulated.field(resource, obj)
    if path is not None:
        raise apierrors.not_simulated(f"{path} of {resource.plural}")


def _undecodable(resource: Resource, why: str) -> str:
    return f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}'
