"""What the core asks of a store: history and evidence; nothing that guards a cluster depends on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

Document = dict[str, Any]
"""A record as JSON, with ``kind``, ``id``, ``at`` (ISO 8601, UTC), ``trace_id`` and ``schema_version``."""


Ages = Mapping[str, timedelta]
"""How old documents of a kind get before they go; kinds that are not in it stay for good."""


class Store(Protocol):
    """Keeps documents by kind and id.

    Raises `Unavailable` when the store cannot be reached, `NotTaken` when it does not take a document.
    """

    @property
    def name(self) -> str:
        """Where it keeps things, without secrets: ``sqlite:///...``, ``mongodb://host/database``."""
        ...

    def put(self, document: Document) -> None:
        """The document is kept; one of the same kind and id is replaced.

        Where a rescue tells of an act, it and what the act's own process kept are one (`amending.joined`).
        """
        ...

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """The document; `UnknownName` when there is none. A unique prefix of the id will do."""
        ...

    def find(
        self,
        kind: str = "",
        where: Mapping[str, Any] | None = None,
        *,
        any_of: Collection[Mapping[str, Any]] = (),
        since: datetime | None = None,
        limit: int = 0,
        fields: Collection[str] = (),
    ) -> tuple[Document, ...]:
        """Those whose top-level fields equal `where`, newest first; kind "" means all, limit 0 no limit.

        With `any_of` they equal one of these as well; a field that is not there equals None. With
        `fields` only these are read of each document; what it lacks is None.
        """
        ...

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """The newest that matches, or None."""
        ...

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """The list in `field` of a kept document has these at its end; `UnknownName` when there is none."""
        ...

    def dump(self) -> Iterator[Document]:
        """Every document, oldest first."""
        ...

    def load(self, documents: Iterable[Document]) -> int:
        """So many were put."""
        ...

    def close(self) -> None:
        """Connections and files are closed."""
        ...
