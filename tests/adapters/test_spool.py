"""The spool: nothing is lost while the store is down, and it is delivered once when it is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaoskit.adapters.spool import SpoolingStore
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import Unavailable
from chaoskit.ports.store import Document, Store


def document(key: str) -> Document:
    return {"kind": "run", "id": key, "at": "2026-01-01T00:00:00+00:00", "outcome": "passed"}


class Place:
    """A main store that can be down, and counts how often it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.down = False
        self.asked = 0

    def main(self) -> Store:
        self.asked += 1
        if self.down:
            raise Unavailable("the store does not answer", service="store")
        return SqliteStore(self.folder / "main.db")

    def opened(self) -> SpoolingStore:
        return SpoolingStore("x", self.main, lambda: SqliteStore(self.folder / "spool.db"))

    def kept(self) -> list[Any]:
        store = SqliteStore(self.folder / "main.db")
        try:
            return [each["id"] for each in store.dump()]
        finally:
            store.close()


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
