"""MongoDB's own ways: who may log in, how writes are sent, what is said when it cannot be used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from tests.mongo import MongoServer

from chaoskit.adapters.mongo import SOON, MongoStore
from chaoskit.errors import InvalidInput, NotTaken, Unavailable

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
    assert {"by_id", "by_kind_and_time", "by_lineage_and_time"} <= set(mongo_server.index_names())


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param(lambda store: store.find("run", limit=3), 3, id="the newest of a kind"),
        pytest.param(lambda store: store.find(where={"trace_id": "t1"}, limit=3), 3, id="of a lineage"),
        pytest.param(lambda store: store.find(limit=3), 3, id="of all"),
        pytest.param(lambda store: tuple(store.dump()), 50, id="all, oldest first"),
    ],
)
def test_order_comes_from_an_index_and_no_more_is_read_than_given(
    mongo_server: MongoServer, asked: Callable[[MongoStore], Sequence[object]], given: int
) -> None:
    """The server sorts in at most 100 MB of memory: a long history would be refused."""
    store = MongoStore(mongo_server.uri_of("ordered"))
    store.load(
        {"kind": "run", "id": f"r{n}", "at": "2026-01-01T00:00:00+00:00", "trace_id": "t1"} for n in range(50)
    )
    with mongo_server.watched("ordered") as notes:
        assert len(asked(store)) == given
    store.close()
    assert [(note.get("hasSortStage", False), note["docsExamined"]) for note in notes] == [(False, given)]


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


@pytest.mark.parametrize("option", ["tlsCertificateKeyFile", "tlsCAFile"])
def test_an_address_that_names_a_file_which_is_not_there_is_invalid_input(option: str) -> None:
    address = f"mongodb://u:geheim@127.0.0.1:9/x?tls=true&{option}=/nothing.pem"
    with pytest.raises(InvalidInput, match=rf"(?i){option} file is not readable \(No such file") as caught:
        MongoStore(address, timeout=0.2)
    assert "geheim" not in str(caught.value)


def test_who_may_only_read_can_read(mongo_server: MongoServer) -> None:
    writer = MongoStore(mongo_server.uri)
    writer.put({"kind": "run", "id": "r2", "at": "2026-01-01T00:00:00+00:00"})
    writer.close()
    reader = MongoStore(mongo_server.reader_uri())
    assert reader.get("run", "r2")["id"] == "r2"
    with pytest.raises(Unavailable, match="does not allow this"):
        reader.put({"kind": "run", "id": "r3", "at": "2026-01-01T00:00:00+00:00"})
    reader.close()


def test_a_full_disk_says_what_to_do(mongo_server: MongoServer) -> None:
    store = MongoStore(mongo_server.uri)
    mongo_server.fill_the_disk_for_the_next_write()
    with pytest.raises(Unavailable, match="has no space left") as caught:
        store.put({"kind": "run", "id": "r4", "at": "2026-01-01T00:00:00+00:00"})
    assert "prediction_days" in caught.value.hint
    store.close()


def test_a_server_that_falls_silent_is_told_of_in_seconds(mongo_server: MongoServer) -> None:
    store = MongoStore(mongo_server.uri)
    store.put({"kind": "run", "id": "r5", "at": "2026-01-01T00:00:00+00:00"})
    with mongo_server.frozen():
        began = time.monotonic()
        with pytest.raises(
            Unavailable, match=r"/chaoskit does not answer: 127\.0\.0\.1:\d+: timed out$"
        ) as caught:
            store.put({"kind": "run", "id": "r6", "at": "2026-01-01T00:00:00+00:00"})
        assert time.monotonic() - began < 3 * SOON
    assert "is it running" in caught.value.hint
    store.put({"kind": "run", "id": "r6", "at": "2026-01-01T00:00:00+00:00"})
    store.close()


def test_another_replica_set_is_not_ours(mongo_server: MongoServer) -> None:
    with pytest.raises(Unavailable, match="has no replica set of that name"):
        MongoStore(mongo_server.uri.replace("replicaSet=tests", "replicaSet=other"), timeout=2)


def test_old_predictions_are_the_servers_to_drop_and_runs_stay(mongo_server: MongoServer) -> None:
    store = MongoStore(mongo_server.uri, ages={"prediction": timedelta(days=30)})
    for kind in ("run", "prediction"):
        store.put({"kind": kind, "id": "aged", "at": "2020-01-01T00:00:00+00:00"})
    assert store.get("prediction", "aged") == {
        "kind": "prediction", "id": "aged", "at": "2020-01-01T00:00:00+00:00",
    }  # fmt: skip
    store.close()
    with mongo_server.admin() as client:
        documents = client["chaoskit"]["documents"]
        index = documents.index_information()["by_age"]
        assert (index["key"], index["expireAfterSeconds"]) == ([("expires", 1)], 0)
        kept = {each["kind"]: each.get("expires") for each in documents.find({"id": "aged"})}
    assert kept["run"] is None
    assert kept["prediction"] is not None


def test_without_a_primary_it_is_said(mongod: Path, tmp_path: Path) -> None:
    server = MongoServer(mongod, tmp_path)
    try:
        server.step_down()
        with pytest.raises(Unavailable, match="has no primary") as caught:
            MongoStore(server.uri, timeout=2)
        assert "majority" in caught.value.hint
    finally:
        server.stop()


@dataclass(frozen=True)
class Authority:
    """A server that asks for TLS and for its clients' certificates, and the files for both."""

    server: MongoServer
    ca: str
    client: str


@pytest.fixture(scope="module")
def private(mongod: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    folder = tmp_path_factory.mktemp("tls")
    authority, ca = trustme.CA(), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    for name in ("127.0.0.1", "client.example"):
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    mine, theirs = folder / "client.example.pem", folder / "127.0.0.1.pem"
    server = MongoServer(
        mongod, folder, "--tlsMode", "requireTLS", "--tlsCertificateKeyFile", theirs, "--tlsCAFile", ca,
        tls=True, tlsCAFile=str(ca), tlsCertificateKeyFile=str(mine),
    )  # fmt: skip
    yield Authority(server, str(ca), str(mine))
    server.stop()


def test_tls_with_certificates_of_both_sides(private: Authority) -> None:
    store = MongoStore(private.server.uri, ca=private.ca, certificate=private.client)
    store.put({"kind": "run", "id": "r1", "at": "2026-01-01T00:00:00+00:00"})
    assert store.get("run", "r1")["id"] == "r1"
    store.close()


@pytest.mark.parametrize(
    ("given", "words", "hint"),
    [
        ({}, "closes the connection", "store_ca"),
        ({"uri": "&tls=true"}, "a certificate that is not trusted", "store_ca"),
        ({"ca": "ca"}, "closes the connection", "store_certificate"),
    ],
)
def test_what_tls_lacks_is_said(private: Authority, given: dict[str, str], words: str, hint: str) -> None:
    uri = private.server.uri + given.get("uri", "")
    with pytest.raises(Unavailable, match=words) as caught:
        MongoStore(uri, timeout=2, ca=private.ca if "ca" in given else "")
    assert hint in caught.value.hint
    assert private.server.password not in caught.value.message


def test_a_certificate_that_is_not_there_is_invalid(mongo_server: MongoServer) -> None:
    with pytest.raises(InvalidInput, match="the certificate /nowhere of the store is not there"):
        MongoStore(mongo_server.uri, ca="/nowhere")


@pytest.mark.parametrize("field", ["x" * 17_000_000, 2**70, "\ud800"], ids=["17 MB", "int", "surrogate"])
def test_what_no_server_can_keep_is_told_in_few_words_and_the_next_is_kept(
    mongo_server: MongoServer, field: object
) -> None:
    store = MongoStore(mongo_server.uri)
    at = "2026-01-01T00:00:00+00:00"
    with pytest.raises(NotTaken, match="does not take the run huge: ") as caught:
        store.put({"kind": "run", "id": "huge", "at": at, "field": field})
    assert len(caught.value.message) < 400
    store.put({"kind": "run", "id": "next", "at": at})
    assert store.get("run", "next")["id"] == "next"
    store.close()
