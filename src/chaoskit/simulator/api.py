"""The one small interface through which actors reach a Kubernetes API: read, write, be told of changes.

It is bound to the simulator's own store (`apiserver.local.LocalApi`) or, over HTTP, to any API server
(`remote.RemoteApi`). Objects are plain dicts as in JSON; `kind` names a kind as in ``Pod`` or
``ChaosEngine.litmuschaos.io`` (kind, dot, group; no group for the core one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

Object = dict[str, Any]
Change = Literal["ADDED", "MODIFIED", "DELETED"]
Seen = Callable[[Change, Object], None]
"""Called on the engine's thread, soon after the change, in the order of changes."""


class ApiError(Exception):
    """What the API server refused: `code` (HTTP), `reason` (``NotFound``, ``Conflict``, ...), message."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message


class Access(Protocol):
    """Reads and writes with somebody's rights; refusals are `ApiError`s."""

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object, a private copy."""
        ...

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> tuple[Object, ...]:
        """All that match a label selector (``a=1,b in (x,y)``); `namespace` None means everywhere."""
        ...

    def create(self, body: Object) -> Object:
        """The stored object; its ``metadata.namespace`` says where."""
        ...

    def update(self, body: Object, subresource: str = "") -> Object:
        """The object replaced as by PUT; a stale ``resourceVersion`` is refused with 409."""
        ...

    def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        subresource: str = "",
    ) -> Object:
        """The object after a JSON merge patch."""
        ...

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
        ...


class Api(Access, Protocol):
    """Everything an actor may do."""

    def watch(self, kind: str, seen: Seen) -> None:
        """`seen` is told of every object there is (ADDED) and then of every change, in all namespaces."""
        ...
