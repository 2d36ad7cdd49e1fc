"""Under which version and path the server has a kind: asked of the server, never assumed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from chaoskit.adapters.kubernetes.errors import SERVICE, Unserved
from chaoskit.errors import ChaoskitError, NotFound
from chaoskit.ports.cluster import Kind, Object

Fetch = Callable[[str], Any]
"""The JSON at a path of the server; raises `Unserved` when there is none."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the server has it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """``apps/v1``, ``v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """``/apis/apps/v1/namespaces/shop/deployments/cart/scale``; no namespace means all of them."""
        parts = [_root(self.group, self.version)]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        return "/".join([*parts, self.plural, *filter(None, (name, subresource))])


class Discovery:
    """What the server has; asked when first needed, and again when something is not found."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._pages: dict[str, Sequence[Any]] = {}
        self._found: dict[tuple[str, str, str], Resource] = {}

    def find(self, group: str, kind: str, version: str = "") -> Resource | None:
        """The kind in `version` when the server has it there, else in the newest stable; None if nowhere.

        Raises:
            Unserved: a page that every API server has, or that this one has named, is not there: who
                answers is another, or it is just starting. That says nothing of what the server has.
        """
        if found := self._found.get((group, kind, version)):
            return found  # nobody who knows waits for who asks
        with self._lock:
            known = self._found.get((group, kind, version))
            if known is None and self._pages:
                with suppress(Unserved):  # the page may have gone with its group
                    known = self._look_up(group, kind, version)
            if known is None:
                self._pages.clear()  # it may have been installed since
                known = self._look_up(group, kind, version)
            if known is not None:
                self._found[group, kind, version] = known
            return known

    def of(self, kind: Kind) -> Resource | None:
        """The kind in the newest stable version that the server has; None if it has none."""
        return self.find(kind.group, kind.name)

    def forget(self, group: str) -> None:
        """The group's kinds are asked for again: one of them has vanished."""
        with self._lock:
            self._pages.clear()
            self._found = {key: value for key, value in self._found.items() if key[0] != group}

    @contextmanager
    def served(self, group: str, kind: str) -> Iterator[None]:
        """What is `Unserved` inside, of this kind, is `NotFound` when the server has the kind no more."""
        try:
            yield
        except Unserved as error:
            self.forget(group)
            if self._has_lost(group, kind):
                named = f"{kind}.{group}" if group else kind
                raise NotFound(f"{error.message}: the server has no {named} any more") from error
            raise

    def _has_lost(self, group: str, kind: str) -> bool:
        """Whether the server says so; who cannot ask does not know."""
        try:
            return self.find(group, kind) is None
        except ChaoskitError:
            return False

    def eviction(self) -> str:
        """The ``apiVersion`` of an Eviction: ``policy/v1``, before 1.22 ``policy/v1beta1``."""
        with self._lock:
            entry = self._entries("", "v1").get("pods/eviction", {})
        return f"{entry.get('group') or 'policy'}/{entry.get('version') or 'v1'}"

    def _look_up(self, group: str, kind: str, version: str) -> Resource | None:
        unserved: Unserved | None = None
        for candidate in by_preference(self._versions(group), version):
            try:
                entries = self._entries(group, candidate)
            except Unserved as error:  # another version may have it
                unserved = error
                continue
            for name, entry in entries.items():
                if entry["kind"] == kind and "/" not in name:
                    return Resource(group, candidate, name, kind, bool(entry["namespaced"]))
        if unserved is not None:
            raise unserved
        return None

    def _versions(self, group: str) -> tuple[str, ...]:
        if not group:
            return ("v1",)
        found = next(
            (each for each in self._page("/apis", "groups") if each["name"] == group), {"versions": ()}
        )
        return tuple(each["version"] for each in found["versions"])

    def _entries(self, group: str, version: str) -> Mapping[str, Mapping[str, Any]]:
        return {entry["name"]: entry for entry in self._page(_root(group, version), "resources")}

    def _page(self, path: str, field: str) -> Sequence[Any]:
        if path not in self._pages:
            page = self._fetch(path)
            if not isinstance(page, Mapping) or field not in page:
                words = f"cannot ask what the server has: what answers at {path} is no Kubernetes API server"
                raise Unserved(words, service=SERVICE)
            self._pages[path] = page[field] or ()
        return self._pages[path]


def by_preference(versions: Iterable[str], wanted: str = "") -> list[str]:
    """`wanted` first, then newest stable first, then beta, then alpha, as Kubernetes orders versions."""
    return sorted(versions, key=lambda version: (version == wanted, _age(version)), reverse=True)


def group_and_version(body: Object) -> tuple[str, str]:
    """``("apps", "v1")`` of ``apiVersion: apps/v1``."""
    group, _, version = str(body.get("apiVersion", "v1")).rpartition("/")
    return group, version


def _age(version: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if found is None:
        return (-1, 0, 0)
    maturity = {"alpha": 0, "beta": 1, None: 2}[found[2]]
    return (maturity, int(found[1]), int(found[3] or 0))


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"
