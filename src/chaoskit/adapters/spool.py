"""The spool: what a store that does not answer would have kept waits in another, and comes later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
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
        """The document waits, as one with what waits of the same act already (see `Store.put`)."""
        ...

    def dump(self) -> Iterator[Document]:
        """All that wait, oldest first."""
        ...

    def forget(self, documents: Iterable[Document]) -> None:
        """These wait no longer; what was put in the place of one since does."""
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

    `open_main` connects. What is put lies in the spool before the main store is asked, so that a kill -9
    loses nothing either. What that cannot take now waits there (`put` says so by raising `Unavailable`), and
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
        self._spool: Spool | None = None
        self._reads, self._writes = _Rest(monotonic), _Rest(monotonic)
        self._waits = True
        self._lock, self._opening = threading.RLock(), threading.Lock()

    def put(self, document: Document) -> None:
        """The document is kept.

        Raises:
            Unavailable: it is not yet: it waits in the spool, which the message names.
            NotTaken: it never will be: it stays in the spool.
        """
        unkept = self._laid_by(document)
        try:
            with self._asked(self._writes) as main:
                main.put(document)
        except NotTaken as error:
            stays = f"it cannot stay here: {unkept}" if unkept else "it stays here, in the spool"
            raise NotTaken(f"{error.message}; {stays}", hint=error.hint) from error
        except Unavailable as error:
            self._waits = True
            raise _waiting(document, error, unkept) from error
        if not unkept:
            with suppress(Unavailable):  # then it is delivered once more, which changes nothing
                self._spooling().forget([document])

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """As the main store does."""
        with self._asked(self._reads) as main:
            return main.get(kind, id)

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
        """As the main store does."""
        with self._asked(self._reads) as main:
            return main.find(kind, where, any_of=any_of, since=since, limit=limit, fields=fields)

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
        """The main store and the spool are closed, if they were opened."""
        for each in (self._main, self._spool):
            if each is not None:
                each.close()

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
            spool = self._spooling()
            waiting = list(spool.dump())
        except Unavailable:
            return  # where nothing can be written, nothing waits: no reason to fail a store that answers
        try:
            for each in waiting:
                if _takes(main, each):
                    spool.forget([each])
            self._waits = False
        except Unavailable as error:
            self._writes.begin(error)  # who reads needs none of it

    def _laid_by(self, document: Document) -> str:
        """Why the document does not lie in the spool; "" when it does."""
        try:
            self._spooling().put(document)
        except Unavailable as error:
            return error.message
        return ""

    def _spooling(self) -> Spool:
        """The spool, open: not under the lock, which whoever opens the main store may hold for seconds."""
        with self._opening:
            if self._spool is None:
                self._spool = self._open_spool()
            return self._spool


def _waiting(document: Document, error: Unavailable, unkept: str) -> Unavailable:
    """What is said of a document that is not delivered yet; `unkept` says why it does not even wait."""
    waits = f"the {document['kind']} waits here and is delivered when it answers"
    return Unavailable(
        f"{error.message}; {f'it cannot wait here either: {unkept}' if unkept else waits}",
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
