"""A cluster in a dictionary: versions, merge and JSON patches, selectors; enough for acts and guards."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chaoskit import kube
from chaoskit.errors import Conflict, Forbidden, NotFound
from chaoskit.ports.cluster import Access, Change, Identity, Kind, Listing, Object, ObjectRef, Permission


class FakeCluster:
    name = "fake"
    uid, address = "uid-of-kube-system", "https://fake:6443"

    def __init__(self, *objects: Object) -> None:
        self.objects: dict[tuple[Kind, str, str], Object] = {}
        self.denied: set[str] = set()
        self.wrote: list[str] = []
        self.before_write: Callable[[str, ObjectRef], None] = lambda _verb, _ref: None
        self.before_delete: Callable[[ObjectRef, dict[str, Any]], None] = lambda _ref, _options: None
        self._versions = itertools.count(1)
        for body in objects:
            self.create(body)
        self.wrote.clear()
        self.evicting: Callable[[ObjectRef], None] = self.delete
        self.hidden: set[tuple[str, str]] = set()

    def get(self, ref: ObjectRef) -> Object:
        self._seen(ref.kind, ref.namespace)
        found = self.objects.get(_key(ref))
        if found is None or (ref.uid and found["metadata"]["uid"] != ref.uid):
            raise NotFound(f"{ref} not found")
        return copy.deepcopy(found)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self._seen(kind, namespace)
        wanted = [pair.partition("=") for pair in labels.split(",") if pair]
        named = fields.removeprefix("metadata.name=") if fields.startswith("metadata.name=") else ""
        items = [
            copy.deepcopy(body)
            for (k, place, name), body in sorted(self.objects.items(), key=lambda item: str(item[0]))
            if k == kind
            and namespace in {"", place}
            and named in {"", name}
            and all(_fits(kube.labels_of(body), key, equals, value) for key, equals, value in wanted)
        ]
        return Listing(tuple(items), "1")

    def watch(self, *_: Any, **__: Any) -> Iterator[Change]:
        yield from ()

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        ref = kube.ref_of(body)
        self.before_write("create", ref)
        if _key(ref) in self.objects:
            raise Conflict(f"{ref} exists")
        stored = copy.deepcopy(body)
        stored["metadata"].setdefault("uid", f"uid-{next(self._versions)}")
        return self.store("create", ref, stored)

    def patch(
        self,
        ref: ObjectRef,
        patch: Any,
        *,
        type: str = "merge",  # noqa: A002
        dry_run: bool = False,
        **_: Any,
    ) -> Object:
        self.before_write("patch", ref)
        body = self.get(ref)
        version = body["metadata"]["resourceVersion"]
        if type == "json":
            for step in patch:
                _operate(body, step)
        else:
            _merge(body, patch)
        if body["metadata"]["resourceVersion"] != version:
            raise Conflict(f"{ref} has changed")
        return body if dry_run else self.store("patch", ref, body)

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        self.before_write("delete", ref)
        self.before_delete(ref, options)
        stored = self.objects.get(_key(ref))
        if stored and options.get("version") not in {None, "", stored["metadata"]["resourceVersion"]}:
            raise Conflict(f"{ref} has changed")
        self.wrote.append(f"delete {ref}")
        self.objects.pop(_key(ref), None)

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        return "denied" if access.verb in self.denied else "allowed"

    def logs(self, ref: ObjectRef, **_: Any) -> str:
        return f"log of {ref.name}"

    def apply(self, body: Object, **_: Any) -> Object:
        raise NotImplementedError

    def evict(self, ref: ObjectRef, **_: Any) -> None:
        self.wrote.append(f"evict {ref}")
        self.evicting(ref)

    def exec(self, ref: ObjectRef, command: Any, **_: Any) -> Any:
        raise NotImplementedError

    def server_version(self) -> str:
        return "v1.34.0"

    def identity(self) -> Identity:
        return Identity(self.name, self.uid, self.address)

    def _seen(self, kind: Kind, namespace: str) -> None:
        """Whether this caller may read it: `hidden` has pairs of plural and namespace ("" is all at once)."""
        if (kind.plural, namespace) in self.hidden:
            raise Forbidden(f"may not read {kind.plural} in {namespace or 'all namespaces'}")

    def store(self, verb: str, ref: ObjectRef, body: Object) -> Object:
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[_key(ref)] = body
        self.wrote.append(f"{verb} {ref}")
        return copy.deepcopy(body)


def _key(ref: ObjectRef) -> tuple[Kind, str, str]:
    return ref.kind, ref.namespace, ref.name


def _fits(have: Mapping[str, str], key: str, equals: str, value: str) -> bool:
    if key.endswith("!"):
        return have.get(key[:-1]) != value
    return have.get(key) == value if equals else key in have


def _merge(body: Any, patch: Any) -> None:
    for key, value in patch.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(body.get(key), dict):
            _merge(body[key], value)
        else:
            body[key] = copy.deepcopy(value)


def _operate(body: Any, step: Any) -> None:
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in step["path"][1:].split("/"))
    for part in way:
        body = body[part]
    body[last] = copy.deepcopy(step["value"])


def node(name: str = "node-1", **spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


def deployment(name: str = "cart", replicas: int = 3, namespace: str = "shop") -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas},
    }


CART = ObjectRef(kube.DEPLOYMENT, "shop", "cart")
