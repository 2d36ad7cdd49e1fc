"""The embedded store: every document in one SQLite file, in WAL mode, safe for several processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chaoskit import clusters
from chaoskit.amending import joined, tells_of_an_act
from chaoskit.clock import Clock, WallClock
from chaoskit.errors import InvalidInput, Unavailable, UnknownName
from chaoskit.ports.store import Ages, Document

_EACH = " || char(10) || ".join(f"ifnull(json_extract(body, '$.{name}'), '')" for name in clusters.FIELDS)
_OF = f"CASE json_valid(body) WHEN 1 THEN {_EACH} ELSE char(10) || char(10) END"
"""Which cluster a document is of, in three lines; of none where SQLite cannot read it: it is kept."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_by_time ON documents (kind, at);
CREATE INDEX IF NOT EXISTS documents_by_cluster ON documents (kind, {_OF}, at);
"""

SOON = 3.0
"""Seconds that another process which writes is waited for: whoever writes has something else to do."""

BRIEFLY = 0.2
"""Seconds for one that was waited for in vain before: it may be between two short writes."""

_PRUNES = 3600.0
_LAST = chr(0x10FFFF)
"""No letter comes after it."""
NEXT = f"SELECT min({_OF}) FROM documents WHERE kind = ? AND {_OF} > ?"
"""The next cluster, from one to the other: by the index, so that what lives and what is gone cost nothing."""
BEGINS = "SELECT id, body FROM documents WHERE kind = ? AND id >= ? AND id < ? ORDER BY id LIMIT 2"
"""What begins with an id, up to what is beyond all that does: by the key, whatever else is kept."""
NEWEST = f"SELECT max(at) FROM documents WHERE kind = ? AND {_OF} = ?"
OLD = f"DELETE FROM documents WHERE kind = ? AND {_OF} = ? AND at < ?"


class SqliteStore:
    """A `Store` in the file at `path`, opened when it is first used, and made with its folder when missing.

    What is older than its kind's age in `ages` goes, at a write and at most once an hour: by the `wall`, or
    by the newest of its own cluster where that is ahead, as a simulator's may be; no other's time counts.
    One that is not `kept` is empty, in memory, and makes no file. Another process that writes it is waited
    for `soon` seconds; if in vain, but `BRIEFLY` until it lets go.

    Raises:
        Unavailable: the file cannot be opened, read or written; the message names it.
    """

    def __init__(
        self,
        path: Path,
        *,
        ages: Ages = MappingProxyType({}),
        kept: bool = True,
        wall: Clock | None = None,
        soon: float = SOON,
    ) -> None:
        self._path = path
        self._soon = soon
        self._held = False
        self._ages = ages
        self._wall = wall or WallClock()
        self._kept = kept
        self._pruned = -inf
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    @property
    def name(self) -> str:
        """``sqlite:///path/to/file``."""
        return f"sqlite://{self._path}"

    def put(self, document: Document) -> None:
        """The document is kept, as the port says."""
        row = _row(document)
        with self._transaction() as db:
            if tells_of_an_act(document):
                row = _row(joined(_there(db, *row[:2]), document))
            db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", row)
            self._prune(db)

    def get(self, kind: str, id: str) -> Document:  # noqa: A002 - the document's own word
        """The document of that id, or the only one whose id begins so."""
        with self._reading() as db:
            return json.loads(_one(db, kind, id)[1])  # type: ignore[no-any-return]

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
        """Those whose top-level fields equal `where`, newest first; with `fields` only these of each."""
        names = tuple(fields)
        paths = [f'$."{name}"' for name in names]
        what = f"json_extract(body, '$.id'{', ?' * len(names)})" if names else "body"
        clauses, values = ["1"], list[Any](paths)
        if kind:
            clauses.append("kind = ?")
            values.append(kind)
        if since:
            clauses.append("at >= ?")
            values.append(_sortable(since.isoformat()))
        for alternatives in filter(None, ((where,) if where else (), any_of)):
            clause, equal = _one_of(alternatives)
            clauses.append(clause)
            values += equal
        query = f"SELECT {what} FROM documents WHERE {' AND '.join(clauses)} ORDER BY at DESC, id DESC"
        with self._reading() as db:
            rows = db.execute(query + (f" LIMIT {int(limit)}" if limit else ""), values).fetchall()
        found = tuple(json.loads(each) for (each,) in rows)
        return tuple(dict(zip(names, each[1:], strict=True)) for each in found) if names else found

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        """The newest that matches, or None."""
        return next(iter(self.find(kind, where, limit=1)), None)

    def append(self, kind: str, id: str, field: str, entries: Iterable[Any]) -> None:  # noqa: A002
        """The list in `field` of a kept document has these at its end."""
        with self._transaction() as db:
            full_id, body = _one(db, kind, id)
            document = json.loads(body)
            document[field] = [*(document.get(field) or ()), *entries]
            db.execute(
                "UPDATE documents SET body = ? WHERE kind = ? AND id = ?",
                (json.dumps(document), kind, full_id),
            )

    def dump(self) -> Iterator[Document]:
        """Every document, oldest first, as they were at the first step."""
        with self._reading() as db:
            rows = db.execute("SELECT body FROM documents ORDER BY at, id").fetchall()
        yield from (json.loads(body) for (body,) in rows)

    def load(self, documents: Iterable[Document]) -> int:
        """So many were put, all or none."""
        rows = [_row(document) for document in documents]
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", rows)
        return len(rows)

    def forget(self, documents: Iterable[Document]) -> None:
        """These documents are not kept any more; what was put in the place of one since is."""
        rows = [(each["kind"], each["id"], json.dumps(each)) for each in documents]
        with self._transaction() as db:
            db.executemany("DELETE FROM documents WHERE kind = ? AND id = ? AND body = ?", rows)

    def close(self) -> None:
        """The file is closed, if it was opened."""
        if self._db is not None:
            self._db.close()

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            if self._kept:
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._path.touch(mode=0o600)  # logs and documents of a cluster are nobody else's business
            file = self._path if self._kept else ":memory:"
            self._db = _connection(file, self._soon)
        return self._db

    def _prune(self, db: sqlite3.Connection) -> None:
        if self._wall.monotonic() - self._pruned < _PRUNES:
            return
        self._pruned = self._wall.monotonic()
        for kind, age in self._ages.items():
            for cluster, newest in _newest(db, kind).items():
                last = max(self._wall.now(), datetime.fromisoformat(newest))
                db.execute(OLD, (kind, cluster, _sortable((last - age).isoformat())))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            yield self._opened()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated(), self._opened() as db:
            self._begin(db)
            yield db

    def _begin(self, db: sqlite3.Connection) -> None:
        """Nobody else writes the file now; who reads it waits as ever."""
        if self._held:
            db.execute(f"PRAGMA busy_timeout = {1000 * BRIEFLY:.0f}")
        try:
            self._held = True
            db.execute("BEGIN IMMEDIATE")
            self._held = False
        finally:
            db.execute(f"PRAGMA busy_timeout = {1000 * self._soon:.0f}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                f"the store {self._path} cannot be used: {error}",
                service="store",
                address=self.name,
                hint="check the path, the rights and the free space, or choose another with --store",
            ) from error


def _connection(file: Path | str, soon: float) -> sqlite3.Connection:
    """It is open, and has the tables; nothing stays open of one that cannot have them."""
    with ExitStack() as failing:
        db = failing.enter_context(
            closing(sqlite3.connect(file, timeout=soon, check_same_thread=False, isolation_level=None))
        )
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        failing.pop_all()
    return db


def _row(document: Document) -> tuple[str, str, str, str]:
    try:
        key = (document["kind"], document["id"], _sortable(document["at"]))
    except KeyError as missing:
        raise InvalidInput(f"a document without {missing} cannot be kept") from missing
    return (*key, json.dumps(document))


def _there(db: sqlite3.Connection, kind: str, id_: str) -> Document | None:
    """What is kept in that very place."""
    query = "SELECT body FROM documents WHERE kind = ? AND id = ?"
    found = db.execute(query, (kind, id_)).fetchone()
    return None if found is None else json.loads(found[0])


def _one(db: sqlite3.Connection, kind: str, wanted: str) -> tuple[str, str]:
    """(id, body) of the document with that id, or the only one whose id begins so."""
    rows: list[tuple[str, str]] = db.execute(BEGINS, (kind, wanted, wanted + _LAST)).fetchall()
    exact = [row for row in rows if row[0] == wanted]
    found = exact or rows
    if len(found) != 1 or not wanted:
        what = (
            f"more than one {kind} begins with {wanted}" if len(found) > 1 else f"there is no {kind} {wanted}"
        )
        raise UnknownName(what, hint="chaoskit history lists what is kept")
    return found[0]


def _newest(db: sqlite3.Connection, kind: str) -> dict[str, str]:
    """When the newest of each cluster was."""
    found, last = dict[str, str](), ""
    while (last := db.execute(NEXT, (kind, last)).fetchone()[0]) is not None:
        (found[last],) = db.execute(NEWEST, (kind, last)).fetchone()
    return found


def _one_of(alternatives: Collection[Mapping[str, Any]]) -> tuple[str, list[Any]]:
    """(condition, its values): the fields of a document equal one of these."""
    each_one = [" AND ".join(["json_extract(body, ?) IS ?"] * len(each)) for each in alternatives]
    pairs = [(f'$."{field}"', wanted) for each in alternatives for field, wanted in each.items()]
    return f"({' OR '.join(each_one)})", [value for pair in pairs for value in pair]


def _sortable(at: str) -> str:
    """An ISO time in UTC with microseconds, so that text order is time order."""
    return datetime.fromisoformat(at).astimezone(UTC).isoformat(timespec="microseconds")
