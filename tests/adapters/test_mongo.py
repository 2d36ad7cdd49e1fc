"""MongoDB's own ways: who may log in, how writes are sent, what is said when it cannot be used."""

from __future__ import annotations

import pytest
from tests.mongo import MongoServer

from chaoskit.adapters.mongo import MongoStore
from chaoskit.errors import InvalidInput, Unavailable

pytestmark = pytest.mark.real


def test_the_user_is_authenticated_with_scram_sha_256(mongo_server: MongoServer) -> None:
    assert mongo_server.mechanisms() == ["SCRAM-SHA-256"]
    MongoStore(mongo_server.uri).close()


def test_a_wrong_password_is_told_without_showing_it(mongo_server: MongoServer) -> None:
    uri = mongo_server.uri.replace(mongo_server.password, "wrong-secret")
    with pytest.raises(Unavailable, match="refuses the user") as caught:
        MongoStore(uri)
    assert "wrong-secret" not in caught.value.message + caught.value.hint


def test_indexes_are_made_before_the_first_write(mongo_server: MongoServer) -> None:
    store = MongoStore(mongo_server.uri)
    store.put({"kind": "run", "id": "r0", "at": "2026-01-01T00:00:00+00:00"})
    store.close()
    assert {"by_id", "by_time", "by_lineage"} <= set(mongo_server.index_names())


def test_writes_are_retryable(mongo_server: MongoServer) -> None:
    """A write whose answer is lost once (the server cuts the connection) is sent again by the driver."""
    store = MongoStore(mongo_server.uri)
    mongo_server.cut_next_write()
    store.put({"kind": "run", "id": "r1", "at": "2026-01-01T00:00:00+00:00"})
    assert store.get("run", "r1")["id"] == "r1"
    store.close()


def test_nobody_listening_is_unavailable_with_the_address() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9/x does not answer"):
        MongoStore("mongodb://127.0.0.1:9/x", timeout=0.2)


def test_a_wrong_address_is_invalid_input() -> None:
    with pytest.raises(InvalidInput, match="no MongoDB address"):
        MongoStore("mongodb://")


def test_who_may_only_read_can_read(mongo_server: MongoServer) -> None:
    writer = MongoStore(mongo_server.uri)
    writer.put({"kind": "run", "id": "r2", "at": "2026-01-01T00:00:00+00:00"})
    writer.close()
    reader = MongoStore(mongo_server.reader_uri())
    assert reader.get("run", "r2")["id"] == "r2"
    with pytest.raises(Unavailable, match="does not allow this"):
        reader.put({"kind": "run", "id": "r3", "at": "2026-01-01T00:00:00+00:00"})
    reader.close()
