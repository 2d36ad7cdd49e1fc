"""The `Api` of actors over HTTP: so that they can act in any Kubernetes cluster, a real one included."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import config
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject

from chaoskit.simulator import execution
from chaoskit.simulator.api import ApiError, Change, Object, Seen
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.execution import Executed
from chaoskit.simulator.objects import clone

_MERGE_PATCH = "application/merge-patch+json"
_WATCH_SECONDS = 240
_PAUSE = 1.0
"""Seconds before a watch that broke is begun anew."""
_BELOW_PODS = {"Binding": "binding", "Eviction": "eviction"}
_AGAIN = urllib3.Retry(3, backoff_factor=0.2, redirect=0, status=0)
"""A connection that breaks is made anew; what may not be done twice is not sent twice."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the objects of a kind are, and how they say what they are."""

    base: str
    plural: str
    namespaced: bool
    api_version: str
    kind: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        parts = [self.base]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        return "/".join(part for part in (*parts, self.plural, name, subresource) if part)


class RemoteApi:
    """Reads and writes with the rights of a kubeconfig's user; changes are told on `engine`'s thread.

    Whatever keeps the server from answering is an `ApiError` too, of code 503.
    """

    def __init__(self, engine: Engine, kubeconfig: Path, context: str | None = None) -> None:
        configuration = Configuration()
        config.load_kube_config(str(kubeconfig), context, client_configuration=configuration)
        configuration.connection_pool_maxsize = 32
        self._engine = engine
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager
        self.impersonated = ""
        """The user whose rights count, if it is not the kubeconfig's own."""
        self._places: dict[str, _Place] = {}
        self._stopping = threading.Event()
        self._open: set[urllib3.BaseHTTPResponse] = set()
        self._watchers: list[threading.Thread] = []

    def acting_as(self, namespace: str, account: str) -> RemoteApi:
        """The same API with the rights of a service account alone: the server is asked to impersonate it."""
        other = copy.copy(self)
        other.impersonated = f"system:serviceaccount:{namespace}:{account}"
        return other

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], seconds: float = 10.0
    ) -> Executed:
        """The command has ended in the container; `ApiError` as `execution.execute`."""
        asked = execution.path(self._place("Pod").path(namespace, pod), container, command)
        configuration = self._configuration
        tls = execution.tls_options(
            configuration.ssl_ca_cert,
            configuration.cert_file,
            configuration.key_file,
            verify=configuration.verify_ssl,
        )
        headers = [f"{name}: {value}" for name, value in self._identity().items()]
        return execution.execute(f"ws{self._address.removeprefix('http')}{asked}", headers, tls, seconds)

    def close(self) -> None:
        """All watches have ended, and no connection is left open."""
        self._stopping.set()
        while any(watcher.is_alive() for watcher in self._watchers):
            for response in tuple(self._open):
                _hang_up(response)
            for watcher in self._watchers:
                watcher.join(0.1)
        self._pool.clear()

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object; None when it is not there."""
        place = self._place(kind)
        try:
            return self._ask("GET", place.path(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        """All that match a label selector; `namespace` None means everywhere."""
        return self._list(self._place(kind), namespace, labels)[0]

    def create(self, body: Object) -> Object:
        """The stored object. A Binding or an Eviction is done to its pod, and answered with itself."""
        metadata = body.get("metadata") or {}
        if body["kind"] in _BELOW_PODS:
            below = _BELOW_PODS[body["kind"]]
            self._ask("POST", self._place("Pod").path(metadata["namespace"], metadata["name"], below), body)
            return body
        return self._ask("POST", self._place_of(body).path(metadata.get("namespace")), body)

    def update(self, body: Object, subresource: str = "") -> Object:
        """The object replaced as by PUT."""
        metadata = body["metadata"]
        path = self._place_of(body).path(metadata.get("namespace"), metadata["name"], subresource)
        return self._ask("PUT", path, body)

    def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        subresource: str = "",
    ) -> Object:
        """The object after a JSON merge patch."""
        path = self._place(kind).path(namespace, name, subresource)
        return self._ask("PATCH", path, dict(patch), content_type=_MERGE_PATCH)

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
        how: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace is not None:
            how["gracePeriodSeconds"] = grace
        if uid is not None:
            how["preconditions"] = {"uid": uid}
        try:
            self._ask("DELETE", self._place(kind).path(namespace, name), how)
        except ApiError as error:
            if error.code != 404:
                raise

    def watch(self, kind: str, seen: Seen) -> None:
        """`seen` is told of every object there is and of every change, in order, whatever breaks."""
        follower = _Follower(self._engine, seen)
        place = self._place(kind)
        watcher = threading.Thread(
            target=self._follow, args=(place, follower), name=f"watch-{kind}", daemon=True
        )
        self._watchers.append(watcher)
        watcher.start()

    # ------------------------------------------------------------------ watching

    def _follow(self, place: _Place, follower: _Follower) -> None:
        while not self._stopping.is_set():
            try:
                items, version = self._list(place, None, "")
                follower.start_from(items)
                while version:
                    version = self._changes(place, version, follower)
            except (ApiError, urllib3.exceptions.HTTPError, OSError, ValueError):
                self._stopping.wait(_PAUSE)  # whatever broke it, a new list tells what was missed

    def _changes(self, place: _Place, version: str, follower: _Follower) -> str:
        """The version to go on from when the server ended the watch; empty when all must be read anew."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        response = self._send("GET", f"{place.path(None)}?{urlencode(query)}", preload=False)
        self._open.add(response)
        try:
            for event in _events(response):
                if event["type"] == "ERROR":
                    return ""
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    follower.changed(event["type"], event["object"])
        finally:
            self._open.discard(response)
            response.close()
        return "" if self._stopping.is_set() else version

    # ------------------------------------------------------------------ asking

    def _list(self, place: _Place, namespace: str | None, labels: str) -> tuple[tuple[Object, ...], str]:
        query = f"?{urlencode({'labelSelector': labels})}" if labels else ""
        answer = self._ask("GET", place.path(namespace) + query)
        head = {"apiVersion": place.api_version, "kind": place.kind}
        items = tuple(head | item for item in answer.get("items") or ())
        return items, answer["metadata"]["resourceVersion"]

    def _ask(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> Object:
        response = self._send(method, path, body, content_type)
        answer: Object = json.loads(response.data)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        content_type: str = "application/json",
        *,
        preload: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """The answer; `ApiError` when the server refuses, or cannot be reached."""
        headers = {"Accept": "application/json"} | self._identity()
        headers |= {} if body is None else {"Content-Type": content_type}
        try:
            response: urllib3.BaseHTTPResponse = self._pool.request(
                method,
                self._address + path,
                body=None if body is None else json.dumps(body),
                headers=headers,
                preload_content=preload,
                retries=_AGAIN if preload else False,
                timeout=urllib3.Timeout(connect=5.0, read=30.0 if preload else _WATCH_SECONDS + 30.0),
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(503, "ServiceUnavailable", str(error)) from error
        if response.status >= 400:
            raise _refusal(response)
        return response

    @property
    def _address(self) -> str:
        return str(self._configuration.host).rstrip("/")

    def _identity(self) -> dict[str, str]:
        """Headers that say who asks."""
        setting = self._configuration.auth_settings().get("BearerToken")
        token = {"Authorization": str(setting["value"])} if setting else {}
        return token | ({"Impersonate-User": self.impersonated} if self.impersonated else {})

    def _place_of(self, body: Object) -> _Place:
        group = body["apiVersion"].rpartition("/")[0]
        return self._place(f"{body['kind']}.{group}" if group else body["kind"])

    def _place(self, key: str) -> _Place:
        """Where a kind is served, by discovery; 404 when it is not."""
        if key not in self._places:
            kind, _, group = key.partition(".")
            base = "/api/v1"
            if group:
                answer = self._ask("GET", f"/apis/{group}")
                base = f"/apis/{answer['preferredVersion']['groupVersion']}"
            for found in self._ask("GET", base)["resources"]:
                if found["kind"] == kind and "/" not in found["name"]:
                    version = base.removeprefix("/apis/").removeprefix("/api/")
                    self._places[key] = _Place(base, found["name"], found["namespaced"], version, kind)
        if key not in self._places:
            raise ApiError(404, "NotFound", f"the server has no resource of kind {key}")
        return self._places[key]


class _Follower:
    """What one watch has told, so that a list after a gap can be told as changes."""

    def __init__(self, engine: Engine, seen: Seen) -> None:
        self._engine = engine
        self._seen = seen
        self._known: dict[str, Object] = {}

    def start_from(self, items: tuple[Object, ...]) -> None:
        """`items` are all there is now."""
        present = {item["metadata"]["uid"]: item for item in items}
        for uid in [uid for uid in self._known if uid not in present]:
            self.changed("DELETED", self._known[uid])
        for uid, item in present.items():
            before = self._known.get(uid)
            if before is None:
                self.changed("ADDED", item)
            elif before["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self.changed("MODIFIED", item)

    def changed(self, change: Change, item: Object) -> None:
        """The actor is told next, on the engine's thread."""
        uid = item["metadata"]["uid"]
        if change == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = item
        self._engine.call_later(0, lambda: self._seen(change, clone(item)))


def _events(response: urllib3.BaseHTTPResponse) -> Iterator[Object]:
    rest = b""
    for chunk in response.stream(65536, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line)


def _refusal(response: urllib3.BaseHTTPResponse) -> ApiError:
    text = response.data.decode(errors="replace")
    try:
        status = json.loads(text)
    except ValueError:
        status = {"message": text.strip()}
    return ApiError(response.status, status.get("reason", ""), status.get("message", ""))


def _hang_up(response: urllib3.BaseHTTPResponse) -> None:
    """The connection is cut, so that whoever reads from it stops waiting."""
    sock: socket.socket | None = getattr(response.connection, "sock", None)
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
