"""What each request to a resource does: the REST verbs, from a request to an answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver import apierrors, paging, patches, subresources
from chaoskit.simulator.apiserver.deletion import Deletion
from chaoskit.simulator.apiserver.escalation import Writer
from chaoskit.simulator.apiserver.machinery import Machinery, Options
from chaoskit.simulator.apiserver.podaccess import (
    Containers,
    LogOptions,
    LogReader,
    container_of,
    since,
)  # fmt: skip
from chaoskit.simulator.apiserver.rbac import Authorizer
from chaoskit.simulator.apiserver.representations import Renderer, form_of
from chaoskit.simulator.apiserver.requests import PROTOBUF, Request, Response, Route, Stream
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.apiserver.store import Forgotten, Version
from chaoskit.simulator.apiserver.tokens import Account, Tokens
from chaoskit.simulator.apiserver.watching import Wanted, Watch
from chaoskit.simulator.knobs import Knobs
from chaoskit.simulator.objects import Object, dig

Answer = Response | Stream
Handler = Callable[["Handlers", Request, Route, Resource], Answer]
Stopping = Callable[[], bool]

_EVERYWHERE_FIELDS = ("metadata.name", "metadata.namespace")
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_APPLY_PATCH = "application/apply-patch+yaml"
_PATCHES = (_JSON_PATCH, _MERGE_PATCH, _STRATEGIC_PATCH, _APPLY_PATCH)


class Handlers:
    """Answers requests to resources. Locks the engine for each operation on the store, not longer."""

    def __init__(
        self,
        machinery: Machinery,
        authorizer: Authorizer,
        tokens: Tokens,
        stopping: Stopping,
        knobs: Knobs,
    ) -> None:
        self._machinery = machinery
        self._authorizer = authorizer
        self._tokens = tokens
        self._stopping = stopping
        self._knobs = knobs
        self.containers: Containers | None = None

    def answer(self, request: Request, route: Route, resource: Resource) -> Answer:
        """What the verb does to the resource; refusals are raised."""
        if route.subresource:
            return self._below(request, route, resource)
        return self._dispatch(self._ITSELF.get((request.method, bool(route.name))), request, route, resource)

    def _dispatch(
        self, handler: Handler | None, request: Request, route: Route, resource: Resource
    ) -> Answer:
        if handler is None:
            raise apierrors.method_not_allowed()
        return handler(self, request, route, resource)

    # ------------------------------------------------------------------ reading

    def _get(self, request: Request, route: Route, resource: Resource) -> Answer:
        with self._machinery.engine.lock:
            version = self._machinery.get(resource, route.namespace, route.name)
        return Response(200, self._renderer(request, resource).one(version))

    def _list(self, request: Request, route: Route, resource: Resource) -> Answer:
        selects = _selection(request, resource)
        namespace = route.namespace or None
        if request.flag("watch"):
            return self._watch(request, resource, namespace, selects)
        token = paging.read(request.get("continue")) if request.get("continue") else None
        with self._machinery.engine.lock:
            revision, found = self._versions(request, resource, namespace, token)
        chosen = [version for version in found if selects(version.object)] if selects else found
        page = paging.page(chosen, token, request.number("limit"), revision)
        metadata: Object = {"resourceVersion": str(revision)}
        if resource.schema is not None:
            metadata["continue"] = ""  # custom lists have it always
        if page.token:
            metadata["continue"] = page.token
            if not selects:
                metadata["remainingItemCount"] = page.remaining
        return Response(200, self._renderer(request, resource).many(page.items, metadata))

    def _versions(
        self, request: Request, resource: Resource, namespace: str | None, token: paging.Token | None
    ) -> tuple[int, Sequence[Version]]:
        """The revision that a list shows, and all that was there then."""
        store = self._machinery.store
        exact = request.get("resourceVersionMatch") == "Exact"
        if token is None and not exact:
            _revision(request.get("resourceVersion"))
            return store.revision, store.list(resource.key, namespace)
        revision = token.revision if token else _revision(request.get("resourceVersion")) or 0
        try:
            return revision, store.list_at(resource.key, namespace, revision)
        except Forgotten as error:
            if token:
                raise apierrors.expired(
                    "The provided continue parameter is too old to display a consistent list result. "
                    "You can start a new list without the continue parameter."
                ) from error
            raise apierrors.expired() from error

    def _watch(
        self,
        request: Request,
        resource: Resource,
        namespace: str | None,
        selects: Callable[[Object], bool] | None,
    ) -> Stream:
        initial = request.flag("sendInitialEvents")
        timeout = request.number("timeoutSeconds") or random.uniform(1800, 3600)
        timeout = min(timeout, self._knobs.cut_watches or timeout)
        wanted = Wanted(
            resource=resource,
            namespace=namespace,
            selects=selects or (lambda _: True),
            revision=None if initial else _revision(request.get("resourceVersion")) or None,
            timeout=float(timeout),
            bookmarks=request.flag("allowWatchBookmarks"),
            initial_events=initial,
            forgotten=self._knobs.forget,
        )
        renderer = self._renderer(request, resource)
        lock = self._machinery.engine.lock
        with lock:
            watch = Watch(self._machinery.store, wanted, renderer.one)
        return Stream(watch.lines(self._stopping, lock), close=watch.close)

    # ------------------------------------------------------------------ writing

    def _create(self, request: Request, route: Route, resource: Resource) -> Answer:
        body = _body(request, resource)
        options = self._options(request, route)
        with self._machinery.engine.lock:
            version = self._machinery.create(resource, route.namespace, body, options)
        return self._written(request, resource, 201, version, options)

    def _update(self, request: Request, route: Route, resource: Resource) -> Answer:
        body = _body(request, resource)
        options = self._options(request, route)
        where = route.namespace, route.name
        with self._machinery.engine.lock:
            version = self._machinery.update(resource, *where, body, options, route.subresource)
        return self._written(request, resource, 200, version, options)

    def _patch(self, request: Request, route: Route, resource: Resource) -> Answer:
        options, status = self._options(request, route), 200
        where = route.namespace, route.name
        transform = _transform(request, resource)
        with self._machinery.engine.lock:
            if transform is None:
                version, created = self._apply(request, route, resource, options)
                status = 201 if created else 200
            else:
                version = self._machinery.modify(resource, *where, transform, options, route.subresource)
        return self._written(request, resource, status, version, options)

    def _apply(
        self, request: Request, route: Route, resource: Resource, options: Options
    ) -> tuple[Version, bool]:
        if not request.get("fieldManager"):
            cause = apierrors.required("fieldManager", "is required for apply patch")
            raise apierrors.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        body = _body(request, resource)
        return self._machinery.apply(resource, route.namespace, route.name, body, options, route.subresource)

    def _delete(self, request: Request, route: Route, resource: Resource) -> Answer:
        how = _deletion(request)
        with self._machinery.engine.lock:
            deleted = self._machinery.delete(resource, route.namespace, route.name, how)
        if resource.returns_deleted or not deleted.gone:
            return Response(200, self._renderer(request, resource).one(deleted.version))
        details = apierrors.about(resource, route.name)
        details["uid"] = deleted.version.object["metadata"]["uid"]
        return Response.of(200, _SUCCESS | {"details": details})

    def _delete_collection(self, request: Request, route: Route, resource: Resource) -> Answer:
        if "deletecollection" not in resource.verbs:
            raise apierrors.method_not_allowed()
        selects, how = _selection(request, resource), _deletion(request)
        machinery, gone = self._machinery, []
        with machinery.engine.lock:
            for version in machinery.store.list(resource.key, route.namespace or None):
                if selects is None or selects(version.object):
                    machinery.delete(resource, version.namespace, version.name, how)
                    gone.append(version)
            metadata = {"resourceVersion": str(machinery.store.revision)}
        return Response(200, self._renderer(request, resource).many(gone, metadata))

    # ------------------------------------------------------------------ below an object

    def _below(self, request: Request, route: Route, resource: Resource) -> Answer:
        if route.subresource not in resource.subresources:
            with self._machinery.engine.lock:
                self._machinery.get(resource, route.namespace, route.name)
            if resource.schema is None:
                raise apierrors.no_such_resource()
            raise apierrors.not_found(resource, route.name)
        handler = self._BELOW[route.subresource].get(request.method)
        return self._dispatch(handler, request, route, resource)

    def _scale(self, _: Request, route: Route, resource: Resource) -> Answer:
        with self._machinery.engine.lock:
            version = self._machinery.get(resource, route.namespace, route.name)
        return Response.of(200, subresources.scale_of(version.object))

    def _rescale(self, request: Request, route: Route, resource: Resource) -> Answer:
        options = self._options(request, route)
        patch = _transform(request, resource) if request.method == "PATCH" else None
        given = request.json("Scale") if patch is None else {}

        def transform(workload: Object) -> Object:
            if patch is None:
                return subresources.rescale(workload, given)
            scale = subresources.scale_of(workload)
            scale["metadata"].pop("resourceVersion")
            return subresources.rescale(workload, patch(scale))

        with self._machinery.engine.lock:
            version = self._machinery.modify(resource, route.namespace, route.name, transform, options)
        return Response.of(200, subresources.scale_of(version.object))

    def _evict(self, request: Request, route: Route, _: Resource) -> Answer:
        body = request.json("Eviction")
        with self._machinery.engine.lock:
            subresources.evict(
                self._machinery, route.namespace, route.name, body, self._options(request, route)
            )
        return Response.of(201, _SUCCESS | {"code": 201})

    def _bind(self, request: Request, route: Route, _: Resource) -> Answer:
        body = request.json("Binding")
        with self._machinery.engine.lock:
            subresources.bind(
                self._machinery, route.namespace, route.name, body, self._options(request, route)
            )
        return Response.of(201, _SUCCESS | {"code": 201})

    def _token(self, request: Request, route: Route, resource: Resource) -> Answer:
        body = request.json("TokenRequest")
        seconds = dig(body, "spec", "expirationSeconds") or 3600
        with self._machinery.engine.lock:
            account = self._machinery.get(resource, route.namespace, route.name)
            expires = self._machinery.engine.now() + seconds
            uid = account.object["metadata"]["uid"]
            token = self._tokens.issue(Account(route.namespace, route.name, uid, expires))
            answer = subresources.token_request(self._machinery, account, body, token)
        return Response.of(201, answer)

    def _log(self, request: Request, route: Route, resource: Resource) -> Answer:
        engine = self._machinery.engine
        with engine.lock:
            pod = self._machinery.get(resource, route.namespace, route.name)
            options = LogOptions(
                container=container_of(pod, request.get("container")),
                previous=request.flag("previous"),
                follow=request.flag("follow"),
                timestamps=request.flag("timestamps"),
                tail=request.number("tailLines"),
                since=since(request.number("sinceSeconds"), request.get("sinceTime"), engine.now()),
                limit=request.number("limitBytes"),
            )
            reader = LogReader(engine, self.need_containers(), pod, options)
            text = reader.text()
        if not options.follow:
            return Response(200, text, "text/plain")
        return Stream(reader.followed(self._stopping), "text/plain")

    def need_containers(self) -> Containers:
        """The kubelet; 501 when this cluster runs without one."""
        if self.containers is None:
            raise apierrors.not_simulated("a kubelet in this cluster")
        return self.containers

    def _options(self, request: Request, route: Route) -> Options:
        return Options(
            dry_run=request.dry_run,
            manager=request.manager,
            validation=request.get("fieldValidation") or "Warn",
            force=request.flag("force"),
            check=Writer(self._authorizer, request.user, route.name).check,
        )

    def _renderer(self, request: Request, resource: Resource) -> Renderer:
        form = form_of(request.headers.get("Accept") or "")
        return Renderer(resource, form, self._machinery.engine.now(), request.get("includeObject"))

    def _written(
        self, request: Request, resource: Resource, status: int, version: Version, options: Options
    ) -> Response:
        headers = tuple(("Warning", f"299 - {json.dumps(text)}") for text in options.warnings)
        return Response(status, self._renderer(request, resource).one(version), headers=headers)

    _ITSELF: ClassVar[Mapping[tuple[str, bool], Handler]] = {
        ("GET", False): _list,
        ("GET", True): _get,
        ("POST", False): _create,
        ("PUT", True): _update,
        ("PATCH", True): _patch,
        ("DELETE", True): _delete,
        ("DELETE", False): _delete_collection,
    }
    """By method, and whether the request names an object."""
    _WRITTEN: ClassVar[Mapping[str, Handler]] = {"GET": _get, "PUT": _update, "PATCH": _patch}
    _BELOW: ClassVar[Mapping[str, Mapping[str, Handler]]] = {
        "binding": {"POST": _bind},
        "eviction": {"POST": _evict},
        "finalize": _WRITTEN,
        "log": {"GET": _log},
        "resize": _WRITTEN,
        "scale": {"GET": _scale, "PUT": _rescale, "PATCH": _rescale},
        "status": _WRITTEN,
        "token": {"POST": _token},
    }
    """By subresource and method."""


_SUCCESS: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def _body(request: Request, resource: Resource) -> Object:
    """The body, which says of itself what the path says, or nothing."""
    if "cbor" in request.content_type:
        raise apierrors.unsupported_media_type(("application/json", "application/yaml", PROTOBUF))
    body = request.json(resource.kind)
    kind = body.get("kind") or resource.kind
    api_version = body.get("apiVersion") or resource.api_version
    if (kind, api_version) != (resource.kind, resource.api_version):
        version = api_version.rpartition("/")[2]
        raise apierrors.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: '
            f"converting ({api_version}, {kind}) to ({resource.api_version}, {resource.kind}): "
            "unknown conversion"
        )
    return body


def _transform(request: Request, resource: Resource) -> Callable[[Object], Object] | None:
    """What a patch does to an object; None for an apply, which needs more than the object."""
    kind = request.content_type
    if resource.schema is not None and kind == _STRATEGIC_PATCH:
        raise apierrors.unsupported_media_type((_JSON_PATCH, _MERGE_PATCH, _APPLY_PATCH))
    if kind not in _PATCHES:
        raise apierrors.bare_unsupported_media_type()
    if kind == _APPLY_PATCH:
        return None
    patch = _patch_of(request, kind)
    if kind == _JSON_PATCH:
        return lambda obj: _json_patched(obj, patch)
    if kind == _STRATEGIC_PATCH:
        return lambda obj: dict(patches.strategic(obj, patch))
    return lambda obj: dict(patches.merge(obj, patch))


def _patch_of(request: Request, kind: str) -> Any:
    try:
        patch = json.loads(request.body)
    except ValueError as error:
        raise apierrors.bad_request(f"error decoding patch: {error}") from error
    if not isinstance(patch, list if kind == _JSON_PATCH else dict):
        raise apierrors.bad_request("error decoding patch: it is of the wrong type")
    return patch


def _json_patched(obj: Object, operations: list[Mapping[str, Any]]) -> Object:
    try:
        return dict(patches.json_patch(obj, operations))
    except patches.DoesNotFit as error:
        raise apierrors.patch_failed() from error


def _deletion(request: Request) -> Deletion:
    body = request.json("DeleteOptions") if request.body.strip() else {}
    grace = request.number("gracePeriodSeconds")
    preconditions = body.get("preconditions") or {}
    orphan = body.get("orphanDependents", request.flag("orphanDependents"))
    propagation = request.get("propagationPolicy") or body.get("propagationPolicy")
    return Deletion(
        grace=grace if grace is not None else body.get("gracePeriodSeconds"),
        propagation=propagation or ("Orphan" if orphan else "Background"),
        uid=preconditions.get("uid"),
        version=preconditions.get("resourceVersion"),
        dry_run=request.dry_run or "All" in (body.get("dryRun") or ()),
    )


def _selection(request: Request, resource: Resource) -> Callable[[Object], bool] | None:
    """What label and field selectors let through; None when there are none."""
    label_text, field_text = request.get("labelSelector"), request.get("fieldSelector")
    if not label_text and not field_text:
        return None
    try:
        by_labels = selectors.labels(label_text)
        by_fields = selectors.fields(field_text, (*_EVERYWHERE_FIELDS, *resource.fields))
    except selectors.Malformed as error:
        raise apierrors.bad_request(str(error)) from error
    return lambda obj: by_labels(obj["metadata"].get("labels") or {}) and by_fields(obj)


def _revision(text: str) -> int | None:
    """A resourceVersion parameter; 500 for one that is no number, as a real server answers."""
    if not text:
        return None
    if not text.isdigit():
        raise apierrors.internal(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)
