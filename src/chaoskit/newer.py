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
        self.left_out: set[tuple[str, str]] = set()
        """Kind and id of what was not read: a newer chaoskit has kept it."""

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
        wanted = dict.fromkeys((*fields, *_CHECKED)) if fields else ()
        asked = limit
        while True:
            found = self._store.find(
                kind, where, any_of=any_of, since=since, limit=asked, fields=tuple(wanted)
            )
            known = [each for each in found if not newer(each)]
            if not limit or len(known) >= limit or len(found) < asked:
                break
            asked += 2 * (len(found) - len(known))
        self.left_out |= {(each["kind"], each["id"]) for each in found if newer(each)}
        chosen = known[:limit] if limit else known
        return tuple({name: each[name] for name in fields} if fields else each for each in chosen)

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
    def told(self) -> str:
        """How many were left out, in words; "" when none was."""
        few = ", ".join(f"{kind} {id_}" for kind, id_ in sorted(self.left_out)[:3])
        more = ", …" if len(self.left_out) > 3 else ""
        number = len(self.left_out)
        what = "1 record is" if number == 1 else f"{number} records are"
        return f"{what} of a newer chaoskit, and left out: {few}{more}" if number else ""
