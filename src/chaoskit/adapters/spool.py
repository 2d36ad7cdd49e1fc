"""The spool: what a store that does not answer would have kept waits in another, and comes later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from math import inf
from typing import Any, Protocol

from chaoskit.errors import NotTaken, Unavailable
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


class _Rest:
    """For how long a store that failed is not asked: that might take seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until = -inf
        self._why = Unavailable("the store rests", service="store")

    def __bool__(self) -> bool:
        return self._monotonic() < self._until

    def heed(self) -> None:
        """It may be asked; otherwise it is said again why it failed."""
        if self:
            raise self._why

    def begin(self, why: Unavailable) -> None:
        """It is not asked for a while; one that rests already does so no longer for it."""
        if not self:
            self._until = self._monotonic() + RETRY
            self._why = why


class SpoolingStore:
    """A `Store` that is opened when it is first used, and whose writes are never lost.

    `open_main` connects. What cannot be put waits in the spool (`put` says so by raising `Unavailable`), and
    is delivered, once by kind and id, as soon as the main store answers: to this object, which tries again
    every half minute, or to the next. What the main store does not take (`NotTaken`) stays in the spool, and
    holds up nothing that came after it. Reads need the main store; one that fails is the last for half a
    minute too, while a store that only takes nothing is still read.
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
        self._main: Store | None = None
        self._reads, self._writes = _Rest(monotonic), _Rest(monotonic)
        self._waits = True
        self._lock = threading.RLock()

    def put(self, document: Document) -> None:
        """The document is kept.

        Raises:
            Unavailable: it is not yet: it waits in the spool, which the message names.
            NotTaken: it never will be: it stays in the spool.
        """
        try:
            with self._asked(self._writes) as main:
                main.put(document)
        except NotTaken as error:
            self._spool(document)
            raise NotTaken(f"{error.message}; it stays here, in the spool", hint=error.hint) from error
        except Unavailable as error:
            self._waits = True
            raise self._spooled(document, error) from error

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """As the main store does."""
        with self._asked(self._reads) as main:
            return main.get(kind, id)

    def find(
        self,
        kind: str = "",
        where: Mapping[str, Any] | None = None,
        *,
        since: datetime | None = None,
        limit: int = 0,
        fields: Collection[str] = (),
    ) -> tuple[Document, ...]:
        """As the main store does."""
        with self._asked(self._reads) as main:
            return main.find(kind, where, since=since, limit=limit, fields=fields)

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """As the main store does."""
        with self._asked(self._reads) as main:
            return main.latest(kind, where)

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """As the main store does."""
        with self._asked(self._writes) as main:
            main.append(kind, id, field, entries)

    def dump(self) -> Iterator[Document]:
        """As the main store does."""
        with self._asked(self._reads) as main:
            yield from main.dump()

    def load(self, documents: Iterable[Document]) -> int:
        """As the main store does."""
        with self._asked(self._writes) as main:
            return main.load(documents)

    def close(self) -> None:
        """The main store is closed, if it was opened."""
        if self._main is not None:
            self._main.close()

    @contextmanager
    def _asked(self, rest: _Rest) -> Iterator[Store]:
        """The main store, if it does not rest; when it fails inside, it does from then on."""
        rest.heed()
        try:
            yield self._opened()
        except Unavailable as error:
            rest.begin(error)
            raise

    def _opened(self) -> Store:
        """The main store; what waited in the spool has been delivered to it, if it takes it."""
        with self._lock:
            if self._main is None:
                try:
                    self._main = self._open_main()
                except Unavailable as error:
                    self._reads.begin(error)
                    self._writes.begin(error)
                    raise
            if self._waits and not self._writes:
                self._deliver(self._main)
            return self._main

    def _deliver(self, main: Store) -> None:
        try:
            spool = self._open_spool()
        except Unavailable:
            return  # where nothing can be written, nothing waits: no reason to fail a store that answers
        try:
            for each in list(spool.dump()):
                if _takes(main, each):
                    spool.forget([each])
            self._waits = False
        except Unavailable as error:
            self._writes.begin(error)  # who reads needs none of it
        finally:
            spool.close()

    def _spool(self, document: Document) -> None:
        spool = self._open_spool()
        try:
            spool.put(document)
        finally:
            spool.close()

    def _spooled(self, document: Document, error: Unavailable) -> Unavailable:
        self._spool(document)
        return Unavailable(
            f"{error.message}; the {document['kind']} waits here and is delivered when it answers",
            service=error.service,
            address=error.address,
            hint=error.hint,
        )


def _takes(main: Store, document: Document) -> bool:
    """The document is in the store; False when that does not take it."""
    try:
        main.put(document)
    except NotTaken:
        return False
    return True
