"""The spool: nothing is lost while the store is down, and it is delivered once when it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaoskit.adapters.spool import RETRY, SpoolingStore
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import NotTaken, Unavailable
from chaoskit.ports.store import Document, Store


def document(key: str) -> Document:
    return {"kind": "run", "id": key, "at": "2026-01-01T00:00:00+00:00", "outcome": "passed"}


class Place:
    """A main store that can be down or unreadable, and counts how often it was asked for, and read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.down = False
        self.unreadable = False
        self.too_large: set[str] = set()
        self.fails_at = ""
        self.asked = 0
        self.read = 0
        self.now = 0.0

    def main(self) -> Store:
        self.asked += 1
        self.fail_when_down()
        return Breakable(self)

    def fail_when_down(self) -> None:
        if self.down:
            raise Unavailable("the store does not answer", service="store")

    def opened(self) -> SpoolingStore:
        return SpoolingStore(
            "x", self.main, lambda: SqliteStore(self.folder / "spool.db"), monotonic=lambda: self.now
        )

    def fail_when_unreadable(self) -> None:
        self.read += 1
        if self.unreadable:
            raise Unavailable("the store does not answer", service="store")

    def kept(self, file: str = "main.db") -> list[Any]:
        store = SqliteStore(self.folder / file)
        try:
            return [each["id"] for each in store.dump()]
        finally:
            store.close()


class Breakable(SqliteStore):
    """A main store that takes nothing while its place is down."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.folder / "main.db")
        self.place = place

    def put(self, document: Document) -> None:
        self.place.down |= document["id"] == self.place.fails_at
        self.place.fail_when_down()
        if document["id"] in self.place.too_large:
            raise NotTaken("the store does not take it: too large")
        super().put(document)

    def find(self, kind: str = "", *more: Any, **options: Any) -> tuple[Document, ...]:
        self.place.fail_when_unreadable()
        return super().find(kind, *more, **options)

    def dump(self) -> Iterator[Document]:
        self.place.fail_when_unreadable()
        yield from super().dump()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_store_is_not_opened_before_it_is_used(place: Place) -> None:
    place.opened().close()
    assert place.asked == 0


def test_what_cannot_be_kept_waits_and_whoever_put_it_is_told(place: Place) -> None:
    place.down = True
    store = place.opened()
    with pytest.raises(Unavailable, match="waits here"):
        store.put(document("r1"))
    with pytest.raises(Unavailable, match="waits here"):
        store.put(document("r2"))
    store.close()
    assert place.asked == 1


def test_what_waited_is_delivered_once_when_the_store_is_back(place: Place) -> None:
    place.down = True
    with pytest.raises(Unavailable):
        place.opened().put(document("r1"))
    place.down = False
    for key in ("r2", "r3"):
        store = place.opened()
        store.put(document(key))
        store.close()
    assert place.kept() == ["r1", "r2", "r3"]
    spool = SqliteStore(place.folder / "spool.db")
    assert list(spool.dump()) == []
    spool.close()


class Killed(BaseException):
    """As good as a SIGKILL: nothing of ours runs after it."""


def test_a_kill_while_the_store_is_silent_loses_nothing(tmp_path: Path) -> None:
    class Silent(SqliteStore):
        def put(self, document: Document) -> None:
            raise Killed

    main, spool = tmp_path / "main.db", tmp_path / "spool.db"
    dead = SpoolingStore("x", lambda: Silent(main), lambda: SqliteStore(spool))
    with pytest.raises(Killed):
        dead.put(document("r1"))
    dead.close()
    alive = SpoolingStore("x", lambda: SqliteStore(main), lambda: SqliteStore(spool))
    assert [each["id"] for each in alive.find("run")] == ["r1"]
    alive.close()


def test_what_another_process_put_meanwhile_is_not_forgotten(place: Place) -> None:
    """It took the place of what was just delivered, and waits for the store itself."""
    other = SqliteStore(place.folder / "spool.db")
    newer = {**document("r1"), "outcome": "errored"}

    class Slow(SqliteStore):
        def put(self, document: Document) -> None:
            super().put(document)
            other.put(newer)

    store = SpoolingStore(
        "x",
        lambda: Slow(place.folder / "main.db"),
        lambda: SqliteStore(place.folder / "spool.db"),
    )
    store.put(document("r1"))
    store.close()
    assert list(other.dump()) == [newer]
    other.close()


def test_what_can_wait_nowhere_is_said(place: Place) -> None:
    def nowhere() -> SqliteStore:
        raise Unavailable("read-only file system", service="store")

    place.down = True
    store = SpoolingStore("x", place.main, nowhere)
    with pytest.raises(Unavailable, match="does not answer; it cannot wait here either: read-only file"):
        store.put(document("r1"))


def test_reading_needs_the_main_store(place: Place) -> None:
    place.down = True
    with pytest.raises(Unavailable, match="does not answer"):
        place.opened().find()


def test_a_spool_that_cannot_be_opened_fails_no_store_that_answers(place: Place) -> None:
    def nowhere() -> SqliteStore:
        raise Unavailable("read-only file system", service="store")

    store = SpoolingStore("x", place.main, nowhere)
    store.put(document("r1"))
    store.close()
    assert place.kept() == ["r1"]


def test_an_object_that_lives_on_tries_again_after_half_a_minute_and_delivers_all(place: Place) -> None:
    place.down = True
    store = place.opened()
    for key in ("r1", "r2"):
        with pytest.raises(Unavailable):
            store.put(document(key))
    place.down, place.now = False, RETRY - 1
    with pytest.raises(Unavailable, match="does not answer; the run waits here"):
        store.put(document("r3"))
    assert place.asked == 1
    place.now = RETRY
    store.put(document("r4"))
    assert place.kept() == ["r1", "r2", "r3", "r4"]
    store.close()


def test_a_store_that_fails_in_the_middle_is_not_asked_again_at_once(place: Place) -> None:
    store = place.opened()
    store.put(document("r1"))
    place.down = True
    with pytest.raises(Unavailable, match="waits here"):
        store.put(document("r2"))
    place.down = False
    with pytest.raises(Unavailable, match="waits here"):
        store.put(document("r3"))
    assert [each["id"] for each in store.find()] == ["r1"]
    place.now = RETRY
    assert [each["id"] for each in store.find()] == ["r3", "r2", "r1"]
    store.close()
    assert place.asked == 1


def test_who_may_read_reads_what_takes_nothing(place: Place) -> None:
    place.opened().put(document("r1"))
    store = place.opened()
    assert [each["id"] for each in store.find()] == ["r1"]
    place.down = True
    with pytest.raises(Unavailable):
        store.put(document("r2"))
    place.now = RETRY
    assert [each["id"] for each in store.find()] == ["r1"]
    store.close()


READS: list[Callable[[SpoolingStore], object]] = [
    lambda store: store.find("recovery"),
    lambda store: store.latest("recovery"),
    lambda store: list(store.dump()),
]


@pytest.mark.parametrize("read", READS, ids=["find", "latest", "dump"])
def test_a_store_that_was_open_and_does_not_answer_is_read_again_after_half_a_minute(
    place: Place, read: Callable[[SpoolingStore], object]
) -> None:
    store = place.opened()
    store.put(document("r1"))
    place.unreadable = True
    for _ in range(8):
        with pytest.raises(Unavailable, match="does not answer"):
            read(store)
    assert place.read == 1
    place.unreadable, place.now = False, RETRY
    read(store)
    assert place.read == 2
    store.close()


def test_a_store_that_cannot_be_read_is_still_written(place: Place) -> None:
    store = place.opened()
    place.unreadable = True
    with pytest.raises(Unavailable):
        store.find()
    store.put(document("r1"))
    store.close()
    assert place.kept() == ["r1"]


def test_what_the_store_does_not_take_stays_here_and_the_store_is_asked_on(place: Place) -> None:
    place.too_large = {"r1"}
    store = place.opened()
    with pytest.raises(NotTaken, match="too large; it stays here, in the spool"):
        store.put(document("r1"))
    store.put(document("r2"))
    store.close()
    assert (place.kept(), place.kept("spool.db")) == (["r2"], ["r1"])


def test_what_waited_and_is_not_taken_holds_up_nothing_behind_it(place: Place) -> None:
    place.down, place.too_large = True, {"r1"}
    store = place.opened()
    for key in ("r1", "r2"):
        with pytest.raises(Unavailable, match="waits here"):
            store.put(document(key))
    place.down, place.now = False, RETRY
    store.put(document("r3"))
    store.put(document("r4"))
    store.close()
    assert (place.kept(), place.kept("spool.db")) == (["r2", "r3", "r4"], ["r1"])


def test_what_was_delivered_before_the_store_failed_again_does_not_wait_any_more(place: Place) -> None:
    place.down = True
    store = place.opened()
    for key in ("r1", "r2"):
        with pytest.raises(Unavailable):
            store.put(document(key))
    place.down, place.now, place.fails_at = False, RETRY, "r2"
    with pytest.raises(Unavailable, match="waits here"):
        store.put(document("r3"))
    store.close()
    assert (place.kept(), place.kept("spool.db")) == (["r1"], ["r2", "r3"])
