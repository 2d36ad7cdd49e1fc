"""What a newer chaoskit has kept in a store that several share: left out and counted, never misread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chaoskit.errors import CannotStart
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document, Store
from chaoskit.records import Record

_OUTCOMES = frozenset(each.value for each in Outcome)
_CHECKED = ("kind", "id", "outcome", "schema_version")


def newer(document: Document) -> bool:
    """Whether it has an outcome or a form that this chaoskit does not know."""
    outcome, version = document.get("outcome"), document.get("schema_version") or 0
    known = isinstance(version, int) and version <= Record.schema_version
    return not known or (outcome is not None and outcome not in _OUTCOMES)


class KnownStore:
    """A `Store` that reads only what this chaoskit knows of another; writes and copies are the other's.

    A record that is asked for by its id is `CannotStart` when a newer chaoskit has kept it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left_out: set[str] = set()

    @property
    def name(self) -> str:
        """As the other's."""
        return self._store.name

    def put(self, document: Document) -> None:
        """As the other does."""
        self._store.put(document)

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """The document, as the port says."""
        found = self._store.get(kind, id)
        if newer(found):
            raise CannotStart(
                f"{kind} {found['id']} is of a newer chaoskit", hint="install that one to read it"
            )
        return found

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
        """Those that match and are known, the newest first; of more, as many as `limit` allows."""
        return self.parted(kind, where, any_of=any_of, since=since, limit=limit, fields=fields)[0]

    def parted(
        self,
        kind: str = "",
        where: Mapping[str, Any] | None = None,
        *,
        any_of: Collection[Mapping[str, Any]] = (),
        since: datetime | None = None,
        limit: int = 0,
        fields: Collection[str] = (),
    ) -> tuple[tuple[Document, ...], int]:
        """What `find` finds, and how many that match lie among them and were left out."""
        wanted = dict.fromkeys((*fields, *_CHECKED)) if fields else ()
        asked = limit
        while True:
            found = self._store.find(
                kind, where, any_of=any_of, since=since, limit=asked, fields=tuple(wanted)
            )
            passed = sum(map(newer, found))
            if not limit or len(found) - passed >= limit or len(found) < asked:
                break
            asked += 2 * passed
        known, passed_over = _parted(found, limit)
        self._left_out |= {f"{each['kind']} {each['id']}" for each in passed_over}
        chosen = ({name: each[name] for name in fields} if fields else each for each in known)
        return tuple(chosen), len(passed_over)

    @property
    def beneath(self) -> Store:
        """The other, for what every version says in the same words: which cluster a record is of."""
        return self._store

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """The newest that matches and is known, or None."""
        return next(iter(self.find(kind, where, limit=1)), None)

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """As the other does."""
        self._store.append(kind, id, field, entries)

    def dump(self) -> Iterator[Document]:
        """Every document, those of a newer chaoskit among them."""
        return self._store.dump()

    def load(self, documents: Iterable[Document]) -> int:
        """As the other does."""
        return self._store.load(documents)

    def close(self) -> None:
        """The other is closed."""
        self._store.close()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Kind and id of each that was not read so far, as ``run 1a2b``: a newer chaoskit has kept it."""
        return tuple(sorted(self._left_out))


def _parted(found: Iterable[Document], limit: int) -> tuple[list[Document], list[Document]]:
    """The first that are known, `limit` of them (0: all), and those that are not and lie among them."""
    known: list[Document] = []
    others: list[Document] = []
    for each in found:
        if limit and len(known) == limit:
            break
        (others if newer(each) else known).append(each)
    return known, others
