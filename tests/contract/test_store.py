"""What every store does, stated once and run on SQLite, with a spool before it, and on a real MongoDB."""

from __future__ import annotations

import math
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from chaoskit import clusters
from chaoskit.adapters.spool import SpoolingStore
from chaoskit.adapters.sqlite import BEGINS, NEWEST, NEXT, OLD, SqliteStore
from chaoskit.amending import AMENDED, early
from chaoskit.clock import ManualClock
from chaoskit.errors import InvalidInput, Unavailable, UnknownName
from chaoskit.newer import KnownStore
from chaoskit.ports.cluster import Identity
from chaoskit.ports.store import Document, Store

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def document(key: str, minute: float = 0, kind: str = "run", **fields: Any) -> Document:
    at = (T0 + timedelta(minutes=minute)).isoformat()
    return {"kind": kind, "id": key, "at": at, "trace_id": "t1", "schema_version": 1, **fields}


def at(minute: float = 0) -> ManualClock:
    """The wall's clock, at that minute."""
    return ManualClock(T0 + timedelta(minutes=minute))


@pytest.fixture(params=["sqlite", "spooling", "known", pytest.param("mongo", marks=pytest.mark.real)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "kept" / "store.db"
    if request.param == "sqlite":
        opened: Store = SqliteStore(path)
    elif request.param == "known":
        opened = KnownStore(SqliteStore(path))
    elif request.param == "spooling":
        opened = SpoolingStore(
            f"sqlite://{path}", lambda: SqliteStore(path), lambda: SqliteStore(tmp_path / "spool.db")
        )
    else:
        opened = request.getfixturevalue("mongo_store")
    yield opened
    opened.close()


def test_a_document_comes_back_as_it_was_put(store: Store) -> None:
    put = document("a1", namespace="shop", steps=[{"name": "x", "ok": True}], score=0.25, none=None)
    store.put(put)
    assert store.get("run", "a1") == put


def test_putting_again_replaces(store: Store) -> None:
    store.put(document("a1", outcome="passed"))
    store.put(document("a1", outcome="errored"))
    assert [each["outcome"] for each in store.find("run")] == ["errored"]


@pytest.mark.parametrize(
    "order",
    [
        "own rescue",
        "rescue own",
        "own rescue rescue",
        "early rescue own",
        "rescue early own early",
        "own rescue own",
    ],
)
def test_a_rescue_adds_to_what_the_acts_own_process_kept_in_any_order_and_once(
    store: Store, order: str
) -> None:
    both: dict[str, Any] = {
        "timeline": [{"at": T0.isoformat(), "name": "undo", "mark": "done", "detail": ""}],
        "evidence": {"hint": "chaoskit rescue"},
        "undo": {"state": "confirmed", "left": []},
    }
    own = document("a1", rescued=False, outcome="undo-not-confirmed", reason="it ended", score=1, **both)
    rescue = document("a1", rescued=True, outcome="errored", reason="it died", **both)
    for each in order.split():
        store.put({"own": own, "early": early({**own, "score": None}), "rescue": rescue}[each])
    ended = {"outcome": "errored", "reason": "it ended; a rescue undid it since", "evidence": {}}
    assert store.get("run", "a1") == {**own, **ended, AMENDED: True}


def test_what_several_rescues_tell_at_the_same_time_is_all_kept(store: Store) -> None:
    """One that read what is there before another wrote must not take the place of what that one wrote."""
    moments = [{"at": T0.isoformat(), "name": f"step {n}", "mark": "done", "detail": ""} for n in range(12)]
    undo = {"state": "confirmed", "left": []}
    told = [
        document("a1", rescued=True, outcome="errored", reason="it died", undo=undo, timeline=[each])
        for each in moments
    ]
    with ThreadPoolExecutor(len(told)) as pool:
        list(pool.map(store.put, told))
    names = [each["name"] for each in store.get("run", "a1")["timeline"]]
    assert sorted(names) == sorted(each["name"] for each in moments)


@pytest.mark.parametrize(
    "order", [*permutations(["own", "failed", "undid"]), *permutations(["failed", "undid"])]
)
def test_a_rescue_that_failed_and_is_heard_of_late_takes_back_no_undo(
    store: Store, order: Sequence[str]
) -> None:
    def ended(minute: int, rescued: bool, outcome: str, *left: str) -> dict[str, Any]:
        at = (T0 + timedelta(minutes=minute)).isoformat()
        undo = {"state": "not confirmed" if left else "confirmed", "left": list(left)}
        step = {"at": at, "name": "undo", "mark": "failed" if left else "done", "detail": str(minute)}
        reason = "it ended; a rescue undid it since" if rescued and not left else "it ended"
        return document("a1", rescued=rescued, outcome=outcome, reason=reason, undo=undo, timeline=[step])

    every = {
        "own": ended(0, False, "undo-not-confirmed", "x"),
        "failed": ended(1, True, "undo-not-confirmed", "no answer"),
        "undid": ended(2, True, "errored"),
    }
    for each in (*order, order[0]):  # who is told twice says the same
        store.put(every[each])
    found = store.get("run", "a1")
    assert (found["outcome"], found["undo"]) == ("errored", {"state": "confirmed", "left": []})
    assert [int(each["detail"]) for each in found["timeline"]] == [0, 1, 2][-len(order) :]
    assert found["reason"] == "it ended; a rescue undid it since"


def test_what_was_known_when_an_act_ended_never_takes_the_place_of_the_whole_record(store: Store) -> None:
    own = document("a1", rescued=False, score=None)
    for each in (early(own), early({**own, "score": 1}), {**own, "score": 2}, early(own)):
        store.put(each)
    assert store.get("run", "a1") == {**own, "score": 2}


def test_a_rescue_that_finds_nothing_owed_confirms_an_undo_that_was_not(store: Store) -> None:
    def undo(state: str, *left: str) -> dict[str, Any]:
        return {"timeline": [], "undo": {"state": state, "left": list(left)}}

    own = document(
        "a1", rescued=False, outcome="undo-not-confirmed", reason="it ended", **undo("not confirmed", "x")
    )
    store.put(own)
    store.put(document("a1", rescued=True, outcome="errored", reason="", **undo("none needed")))
    found = store.get("run", "a1")
    assert (found["outcome"], found["undo"]) == ("errored", {"state": "confirmed", "left": []})


@pytest.mark.parametrize("order", [*permutations(["early", "own", "rescue"])])
@pytest.mark.parametrize("state", ["confirmed", "none needed"])
def test_a_rescue_that_finds_nothing_owed_where_nothing_was_adds_its_steps_alone(
    store: Store, order: Sequence[str], state: str
) -> None:
    def ended(minute: int, rescued: bool, state: str) -> dict[str, Any]:
        step = {"at": (T0 + timedelta(minutes=minute)).isoformat(), "name": "undo", "mark": "done"}
        fields: dict[str, Any] = {"timeline": [step], "undo": {"state": state, "left": []}}
        return document("a1", rescued=rescued, outcome="passed", reason="it held", **fields)

    own, rescue = ended(0, rescued=False, state=state), ended(1, rescued=True, state="none needed")
    for each in (*order, *order):  # who is told twice says the same
        store.put({"own": own, "early": early(own), "rescue": rescue}[each])
    assert store.get("run", "a1") == {**own, "timeline": own["timeline"] + rescue["timeline"], AMENDED: True}


def test_the_same_id_of_two_kinds_is_two_documents(store: Store) -> None:
    store.put(document("a1"))
    store.put(document("a1", kind="recovery"))
    assert len(store.find()) == 2


def test_a_unique_prefix_of_an_id_will_do(store: Store) -> None:
    store.put(document("abc1"))
    store.put(document("abd2"))
    assert store.get("run", "abc")["id"] == "abc1"


def test_an_id_that_is_also_a_prefix_is_found_as_itself(store: Store) -> None:
    store.put(document("ab"))
    store.put(document("abc"))
    assert store.get("run", "ab")["id"] == "ab"


@pytest.mark.parametrize("wanted", ["zz", "ab", ""])
def test_what_is_missing_or_ambiguous_is_not_found(store: Store, wanted: str) -> None:
    store.put(document("abc1"))
    store.put(document("abd2"))
    with pytest.raises(UnknownName, match="run"):
        store.get("run", wanted)


def test_prefixes_are_taken_literally(store: Store) -> None:
    store.put(document("a.c"))
    store.put(document("abc"))
    with pytest.raises(UnknownName):
        store.get("run", "%")
    assert store.get("run", "a.")["id"] == "a.c"


def test_find_gives_the_newest_first_and_only_what_matches(store: Store) -> None:
    store.load([document(f"r{n}", minute=n, namespace="shop" if n % 2 else "lab") for n in range(6)])
    assert [each["id"] for each in store.find("run", {"namespace": "shop"})] == ["r5", "r3", "r1"]
    assert [each["id"] for each in store.find("run", limit=2)] == ["r5", "r4"]


def test_find_since_compares_times_and_not_their_spelling(store: Store) -> None:
    store.put({**document("early"), "at": "2026-03-01T12:30:00+01:00"})
    store.put({**document("late"), "at": "2026-03-01T12:00:00.5Z"})
    assert [each["id"] for each in store.find("run", since=T0)] == ["late"]


def test_find_reads_no_more_of_documents_than_is_wanted(store: Store) -> None:
    store.put(document("a1", steps=[{"ok": True}], snapshot={"pods": []}, score=0.25, text="1"))
    wanted = ("steps", "id", "text", "score", "missing")
    assert store.find("run", {"id": "a1"}, fields=wanted) == (
        {"steps": [{"ok": True}], "id": "a1", "text": "1", "score": 0.25, "missing": None},
    )
    assert store.find("run", fields=["steps"]) == ({"steps": [{"ok": True}]},)


def test_latest_is_the_newest_or_none(store: Store) -> None:
    assert store.latest("run") is None
    store.load([document("old", 1), document("new", 2)])
    found = store.latest("run")
    assert found is not None
    assert found["id"] == "new"


def test_append_adds_to_a_list_that_may_not_be_there_yet(store: Store) -> None:
    store.put(document("a1"))
    store.append("run", "a1", "timeline", [{"name": "one"}])
    store.append("run", "a1", "timeline", [{"name": "two"}, {"name": "three"}])
    assert [each["name"] for each in store.get("run", "a1")["timeline"]] == ["one", "two", "three"]


def test_append_to_nothing_is_not_found(store: Store) -> None:
    with pytest.raises(UnknownName):
        store.append("run", "nope", "timeline", [])


def test_dump_and_load_carry_everything_to_another_store(store: Store, tmp_path: Path) -> None:
    store.load([document(f"r{n}", minute=-n) for n in range(3)])
    other = SqliteStore(tmp_path / "other.db")
    assert other.load(store.dump()) == 3
    assert list(other.dump()) == list(store.dump())
    assert [each["id"] for each in other.dump()] == ["r2", "r1", "r0"]
    other.close()


def test_a_document_without_an_id_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="id"):
        store.put({"kind": "run", "at": T0.isoformat()})


def test_a_store_tells_its_place_without_secrets(store: Store) -> None:
    assert store.name.startswith(("sqlite://", "mongodb://"))
    assert "secret" not in store.name


def test_what_is_older_than_its_kinds_age_goes_and_other_kinds_stay(tmp_path: Path) -> None:
    ages = {"prediction": timedelta(minutes=10)}
    store = SqliteStore(tmp_path / "store.db", ages=ages, wall=at(12))
    for minute in (0, 5, 11):
        store.load([document(f"p{minute}", minute, "prediction"), document(f"r{minute}", minute)])
    store.put(document("p12", 12, "prediction"))
    assert [each["id"] for each in store.find("prediction")] == ["p12", "p11", "p5"]
    assert len(store.find("run")) == 3
    store.close()


@pytest.mark.parametrize("query", [NEXT, NEWEST, OLD])
def test_clusters_and_their_newest_are_found_without_reading_records(tmp_path: Path, query: str) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.put(document("a1"))
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        ((*_, how),) = db.execute(
            f"EXPLAIN QUERY PLAN {query}", ("run", "gone", "")[: query.count("?")]
        ).fetchall()
    assert re.search(r"INDEX documents_by_cluster \(kind=\? AND <expr>[=>]\?", how), how


def test_what_begins_with_an_id_is_found_without_reading_records(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.put(document("a1"))
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        ((*_, how),) = db.execute(f"EXPLAIN QUERY PLAN {BEGINS}", ("run", "a", "b")).fetchall()
    assert "PRIMARY KEY (kind=? AND id>? AND id<?)" in how


FULL = """
CREATE TRIGGER full BEFORE INSERT ON documents WHEN NEW.id = 'a2'
BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END
"""


def test_why_nothing_can_be_kept_is_told_where_sqlite_has_rolled_back_itself(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.put(document("a1"))
    with closing(sqlite3.connect(tmp_path / "s.db")) as db:
        db.executescript(FULL)
    with pytest.raises(Unavailable, match="disk is full"):
        store.put(document("a2"))
    store.put(document("a3"))
    assert {each["id"] for each in store.find("run")} == {"a1", "a3"}
    store.close()


def test_who_holds_the_file_is_waited_for_once_and_what_comes_after_is_kept(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db", soon=1)
    store.put(document("a0"))
    with closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None, check_same_thread=False)) as db:
        db.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for key in ("a1", "a2", "a3", "a4", "a5", "a6"):
            with pytest.raises(Unavailable, match="locked"):
                store.put(document(key))
        assert 1 <= time.monotonic() - began < 5
        assert [each["id"] for each in store.find("run")] == ["a0"]
        db.execute("ROLLBACK")
        store.put(document("a7"))
        db.execute("BEGIN IMMEDIATE")
        lets_go = threading.Timer(0.2, db.execute, ("ROLLBACK",))
        lets_go.start()
        store.put(document("a8"))
        lets_go.join()
    assert {each["id"] for each in store.find("run")} == {"a0", "a7", "a8"}
    store.close()


def test_what_is_no_number_is_kept_all_the_same(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", ages={"run": timedelta(days=1)}, wall=at())
    store.load([document("r1", -24 * 60 * 2, value=math.nan), document("r0", 0, cluster="a\nb")])
    store.put(document("r2", 0, value=math.nan))
    assert {each["id"] for each in store.find("run")} == {"r0", "r2"}
    store.close()


def test_the_time_of_one_cluster_makes_nothing_of_another_old(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", ages={"prediction": timedelta(days=30)}, wall=at())
    days = {"prod": (-40, -1, 0), "behind": (-29,), "simulator": (0, 40), "gone": (-90,), None: (-50, 3)}
    store.load([
        document(f"{cluster}{day}", day * 24 * 60, "prediction", cluster=cluster)
        for cluster, found in days.items() for day in found
    ])  # fmt: skip
    store.put(document("simulator41", 41 * 24 * 60, "prediction", cluster="simulator"))
    kept = {each["id"] for each in store.find("prediction")}
    assert kept == {"prod-1", "prod0", "behind-29", "simulator40", "simulator41", "None3"}
    store.close()


def test_what_is_of_clusters_that_are_no_more_gets_old_as_well(tmp_path: Path) -> None:
    """As in CI, where every day a cluster of that name is made anew."""
    wall = at()
    store = SqliteStore(tmp_path / "store.db", ages={"prediction": timedelta(days=30)}, wall=wall)
    for day in range(100):
        which = Identity("kind-ci", f"u{day}", f"https://127.0.0.1:{30000 + day}")
        store.put(document(f"p{day}", day * 24 * 60, "prediction", **clusters.fields(which)))
        wall.turn(24 * 3600.0)
    assert {each["id"] for each in store.find("prediction")} == {f"p{day}" for day in range(69, 100)}
    store.close()


# ------------------------------------------------------------------ whose record it is

INSIDE = "https://10.96.0.1:443"
WHO = {
    "prod": Identity("prod", "u1", "https://prod:6443"),
    "the same from inside": Identity("in-cluster", "u1", INSIDE),
    "another from inside": Identity("in-cluster", "u2", INSIDE),
    "prod to who may read little": Identity("prod", "", "https://prod:6443"),
    "inside to who may read little": Identity("in-cluster", "", INSIDE),
    "another by the same proxy": Identity("stage", "", "https://prod:6443"),
    "the same in a port of this machine": Identity("tunnel", "u1", "https://127.0.0.1:6443"),
    "another in that port": Identity("kind", "", "https://127.0.0.1:6443"),
    "prod of an old version": Identity("prod", "", ""),
    "inside of an old version": Identity("in-cluster", "", ""),
    "elsewhere": Identity("staging", "u3", "https://staging:6443"),
}


def several(store: Store) -> Store:
    for minute, (name, which) in enumerate(WHO.items()):
        store.put(document(name, minute, **clusters.fields(which)))
    old = {name: which for name, which in WHO.items() if not which.key}
    for name, which in old.items():  # as they wrote them
        store.put(document(name, cluster=which.name))
    return store


@pytest.mark.parametrize("who", WHO)
def test_the_records_of_one_cluster_are_found_whatever_it_was_called(store: Store, who: str) -> None:
    here = WHO[who]
    found = {each["id"] for each in several(store).find("run", any_of=clusters.wheres(here))}
    assert found == {name for name, which in WHO.items() if which.same(here)}
    assert all(clusters.same(store.get("run", who), store.get("run", each)) for each in found)


@pytest.mark.parametrize(
    ("here", "not_of"),
    [
        ("prod", {"another from inside", "inside to who may read little", "inside of an old version"}),
        ("another from inside", {"prod", "the same from inside", "prod to who may read little"}),
        ("prod of an old version", {"the same from inside", "another from inside"}),
        ("inside to who may read little", {"prod", "prod of an old version"}),
        ("prod", {"another by the same proxy", "another in that port"}),
        ("prod to who may read little", {"another by the same proxy"}),
        ("another in that port", {"the same in a port of this machine"}),
    ],
)
def test_two_clusters_of_one_name_or_one_address_are_two(store: Store, here: str, not_of: set[str]) -> None:
    found = {each["id"] for each in several(store).find(any_of=clusters.wheres(WHO[here]))}
    assert here in found
    assert found.isdisjoint({*not_of, "elsewhere"})


@pytest.mark.parametrize("word", ["prod", "u1", "https://prod:6443"])
def test_a_cluster_is_called_by_name_uid_or_address_and_found_under_its_other_names(
    store: Store, word: str
) -> None:
    found = {
        each["id"]
        for each in several(store).find("run", any_of=clusters.wheres(*clusters.called(store, word)))
    }
    assert {"prod", "the same from inside", "prod to who may read little"} <= found
    assert found.isdisjoint({"another from inside", "elsewhere"})
    assert store.find("run", any_of=clusters.wheres(*clusters.called(store, "nope"))) == ()


def test_other_clusters_are_asked_for_only_where_a_run_does_not_know_its_own(store: Store) -> None:
    untold = (WHO["inside to who may read little"], WHO["prod of an old version"], Identity("new", "", ""))
    several(store).put(document("foreseen", kind="prediction", cluster="nowhere"))
    every = frozenset(WHO.values())
    sure = [clusters.fields(which) for which in every if which.uid]
    for which in untold:
        assert clusters.others(store, [*sure, clusters.fields(which)]) == every
    store.close()
    assert clusters.others(store, sure) == clusters.others(store, ()) == frozenset()


def test_alternatives_are_beside_everything_else_that_is_asked_for(store: Store) -> None:
    here = clusters.wheres(WHO["prod"])
    found = several(store).find("run", {"trace_id": "t1"}, any_of=here, limit=2, fields=("id",))
    assert found == ({"id": "the same in a port of this machine"}, {"id": "prod to who may read little"})
    assert store.find("run", {"trace_id": "t2"}, any_of=here) == ()
    assert store.find("run", any_of=here, since=T0 + timedelta(minutes=7)) == ()
