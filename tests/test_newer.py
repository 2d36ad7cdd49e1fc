"""Records of a newer chaoskit on a store that several share: left out and counted, and never a bug."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.commandline import CommandLine
from tests.reports.made import at, run, weak

from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import CannotStart
from chaoskit.newer import KnownStore, newer
from chaoskit.outcome import outcome_named

WORD, FORM = "1aaa000000000001", "1bbb000000000002"
NEWER = (
    run("exploded", id=WORD, at=at(7200)),
    run(id=FORM, at=at(7300), schema_version=99),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KnownStore]:
    opened = KnownStore(SqliteStore(tmp_path / "store.db"))
    opened.load([*(run(id=f"1old00000000000{n}", at=at(n)) for n in range(4)), *NEWER])
    yield opened
    opened.close()


@pytest.mark.parametrize("fields", [(), ("id",)])
def test_they_are_left_out_and_others_come_in_their_place(store: KnownStore, fields: tuple[str, ...]) -> None:
    found = store.find("run", limit=3, fields=fields)
    assert [each["id"][-1] for each in found] == ["3", "2", "1"]
    assert set(found[0]) == (set(fields) or set(run()))
    assert store.left_out == (f"run {WORD}", f"run {FORM}")
    assert len(store.find("run")) == 4
    latest = store.latest("run")
    assert latest is not None
    assert latest["id"] == "1old000000000003"


def test_a_store_with_nothing_else_is_read_to_its_end(tmp_path: Path) -> None:
    opened = KnownStore(SqliteStore(tmp_path / "new.db"))
    opened.load(NEWER)
    assert opened.find("run", limit=1) == ()
    opened.close()


@pytest.mark.parametrize(("limit", "expected"), [(1, 2), (2, 2), (3, 3), (0, 3)])
def test_only_those_among_what_is_shown_are_counted(store: KnownStore, limit: int, expected: int) -> None:
    store.put(run(id="1aaa000000000003", at=at(1.5), schema_version=99))
    found, left_out = store.parted("run", limit=limit)
    assert (len(found), left_out) == (limit or 4, expected)
    assert len(store.left_out) == expected


def test_what_every_version_says_alike_is_asked_beneath_and_leaves_out_nothing(store: KnownStore) -> None:
    assert len(store.beneath.find("run", fields=("cluster",))) == 6
    assert store.left_out == ()


def test_the_history_reads_no_more_than_it_shows_and_tells_one_number(stranger: CommandLine) -> None:
    store = SqliteStore(stranger.home / "state/store.db")
    store.load([run(id=f"1old00000000000{n}", at=at(9000 + n)) for n in range(4)])
    store.load([*NEWER, run(id="1ddd000000000004", at=at(9002.5), schema_version=99)])
    store.close()
    for limit, expected in ((1, 0), (2, 1), (4, 1), (5, 3)):
        ended = stranger("history", "--limit", limit, "--cluster", "kind-dev", "-o", "json")
        told = {0: "", 1: "! 1 record is", 3: "! 3 records are"}[expected]
        assert (len(ended.json["records"]), ended.json["left_out"]) == (min(limit, 4), expected)
        assert (ended.err.startswith(told), bool(ended.err)) == (True, bool(told)), ended.err


@pytest.mark.parametrize(
    ("version", "expected"), [(None, False), (1, False), (99, True), ("2", True), ([2], True)]
)
def test_a_form_that_is_no_number_is_not_known_either(version: object, expected: bool) -> None:
    assert newer(run(schema_version=version)) is expected


@pytest.mark.parametrize("wanted", [WORD, FORM])
def test_one_that_is_asked_for_is_told_to_be_newer(store: KnownStore, wanted: str) -> None:
    with pytest.raises(CannotStart, match=f"run {wanted} is of a newer chaoskit"):
        store.get("run", wanted)


def test_a_copy_has_all_of_them(store: KnownStore) -> None:
    assert {WORD, FORM} < {each["id"] for each in store.dump()}


def test_an_end_that_nobody_here_knows_is_no_bug() -> None:
    with pytest.raises(CannotStart, match="it has ended: blown up, which is an outcome of a newer version"):
        outcome_named("blown-up")


@pytest.mark.parametrize(
    ("kept", "most", "expected"),
    [
        ([run(id="1ddd000000000004"), *NEWER], 0, (4, 0, 2)),
        ([*NEWER], 0, (4, 0, 2)),
        ([weak(id="1ddd000000000004"), NEWER[1]], 1, (4, 1, 1)),
        ([weak(id="1ddd000000000004"), NEWER[1]], 0, (1, 1, 1)),
    ],
)
def test_a_gate_on_weaknesses_never_passes_on_runs_that_were_left_out(
    stranger: CommandLine, kept: list[dict[str, Any]], most: int, expected: tuple[int, int, int]
) -> None:
    store = SqliteStore(stranger.home / "state/store.db")
    store.load(kept)
    store.close()
    gate = ("history", "--weaknesses", "--fail-above", most, "-q")
    ended = stranger(*gate, "-o", "json")
    assert (ended.code, len(ended.json["weaknesses"]), ended.json["left_out"]) == expected
    assert ended.json["exit"] == ended.code
    number = "1 run is" if expected[2] == 1 else "2 runs are"
    told = stranger(*gate)
    assert told.out.startswith(f"not all can be judged: {number} of a newer chaoskit\n")
    assert stranger("history", "-o", "json").json["left_out"] == expected[2]


def test_a_gate_on_weaknesses_asks_for_no_more_than_the_runs_that_it_judges(stranger: CommandLine) -> None:
    store = SqliteStore(stranger.home / "state/store.db")
    others = ({"namespace": "other"}, {"cluster": "other"}, {"kind": "prediction"})
    store.load([run(), *(run(id=f"1{n}", schema_version=99, **more) for n, more in enumerate(others))])
    store.close()
    ended = stranger("history", "--weaknesses", "--fail-above", 0, "-n", "shop", "--cluster", "kind-dev")
    assert (ended.code, ended.out, ended.err) == (0, "no open weakness\n", "")
    assert stranger("history", "--weaknesses", "--fail-above", 0).code == 4


def test_every_command_that_reads_the_history_goes_on(stranger: CommandLine) -> None:
    kept = SqliteStore(stranger.home / "state/store.db")
    kept.load([weak(id="1ccc000000000003", trace_id="t1"), *NEWER])
    kept.close()
    for words in (("history",), ("history", "--weaknesses"), ("show", "1ccc", "--trace"), ("report", "1ccc")):
        ended = stranger(*words)
        assert (ended.code, "2 records are of a newer chaoskit, and left out" in ended.err) == (0, True), (
            words
        )
        assert WORD not in ended.out
    for command in ("show", "explain", "report"):
        ended = stranger(command, WORD)
        assert (ended.code, f"run {WORD} is of a newer chaoskit" in ended.err) == (4, True), command
