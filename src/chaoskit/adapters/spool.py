"""The spool: what a store that does not answer would have kept waits in another, and comes later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from math import inf
from typing import Any, Protocol

from chaoskit.errors import Unavailable
from chaoskit.ports.store import Document, Store

RETRY = 30.0
"""Seconds until a main store that failed is asked again."""


class Spool(Protocol):
    """Where documents wait."""

    def put(self, document: Document) -> None:
        """The document waits."""
        ...

    def dump(self) -> Iterator[Document]:
        """All that wait, oldest first."""
        ...

    def forget(self, documents: Iterable[Document]) -> None:
        """These wait no longer."""
        ...

    def close(self) -> None:
        """It is closed."""
        ...


class SpoolingStore:
    """A `Store` that is opened when it is first used, and whose writes are never lost.

    `open_main` connects. What cannot be put waits in the spool (`put` says so by raising `Unavailable`), and
    is delivered, once by kind and id, as soon as the main store answers: to this object, which tries again
    every half minute, or to the next. Reads need the main store.
    """

    def __init__(
        self,
        name: str,
        open_main: Callable[[], Store],
        open_spool: Callable[[], Spool],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._open_main = open_main
        self._open_spool = open_spool
        self._monotonic = monotonic
        self._main: Store | None = None
        self._failed: Unavailable | None = None
        self._again = -inf
        self._waits = True
        self._lock = threading.RLock()

    def put(self, document: Document) -> None:
        """The document is kept.

        Raises:
            Unavailable: it is not yet: it waits in the spool, which the message names.
        """
        try:
            if self._rests():
                raise self._failed or Unavailable("the store rests", service="store")
            self._opened().put(document)
        except Unavailable as error:
            self._fail(error)
            raise self._spooled(document, error) from error

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """As the main store does."""
        return self._opened().get(kind, id)

    def find(
        self,
        kind: str = "",
        where: Mapping[str, Any] | None = None,
        *,
        since: datetime | None = None,
        limit: int = 0,
    ) -> tuple[Document, ...]:
        """As the main store does."""
        return self._opened().find(kind, where, since=since, limit=limit)

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """As the main store does."""
        return self._opened().latest(kind, where)

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """As the main store does."""
        self._opened().append(kind, id, field, entries)

    def dump(self) -> Iterator[Document]:
        """As the main store does."""
        return self._opened().dump()

    def load(self, documents: Iterable[Document]) -> int:
        """As the main store does."""
        return self._opened().load(documents)

    def close(self) -> None:
        """The main store is closed, if it was opened."""
        if self._main is not None:
            self._main.close()

    def _opened(self) -> Store:
        """The main store; what waited in the spool has been delivered to it, if it takes it."""
        with self._lock:
            if self._main is None:
                if self._rests() and self._failed is not None:
                    raise self._failed
                try:
                    self._main = self._open_main()
                except Unavailable as error:
                    self._fail(error)
                    raise
            if self._waits and not self._rests():
                self._deliver(self._main)
            return self._main

    def _rests(self) -> bool:
        """Whether the main store failed so lately that it is not asked: that might take seconds."""
        return self._monotonic() < self._again

    def _fail(self, error: Unavailable) -> None:
        with self._lock:
            if not self._rests():
                self._again = self._monotonic() + RETRY
            self._failed, self._waits = error, True

    def _deliver(self, main: Store) -> None:
        try:
            spool = self._open_spool()
        except Unavailable:
            return  # where nothing can be written, nothing waits: no reason to fail a store that answers
        try:
            waiting = list(spool.dump())
            main.load(waiting)
            spool.forget(waiting)
            self._waits = False
        except Unavailable as error:
            self._fail(error)  # who reads needs none of it
        finally:
            spool.close()

    def _spooled(self, document: Document, error: Unavailable) -> Unavailable:
        spool = self._open_spool()
        try:
            spool.put(document)
        finally:
            spool.close()
        return Unavailable(
            f"{error.message}; the {document['kind']} waits here and is delivered when it answers",
            service=error.service,
            address=error.address,
            hint=error.hint,
        )
