"""What was kept is read back: reports in every format, bundles, comparisons, weaknesses, words for a run."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from rich.console import Console
from tests.commandline import CommandLine
from tests.reports.made import at, prediction, recovery, run, weak

from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.cli import history

PASSED, WEAK, AGAIN = "1aaa000000000001", "1bbb000000000002", "1ccc000000000003"


def _later(hours: int, document: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**document, "at": at(3600 * hours), "ended_at": at(3600 * hours + 100), **more}


@pytest.fixture
def keeper(stranger: CommandLine) -> CommandLine:
    """chaoskit with a history: six runs of one experiment, the last of them slow, and a lineage."""
    store = SqliteStore(stranger.home / "state/store.db")
    store.load([
        *(_later(n, run(id=f"1old00000000000{n}", seconds_broken=20.0 + n)) for n in range(4)),
        _later(5, run(id=PASSED, trace_id="t2", seconds_broken=22.0)),
        _later(6, weak(id=WEAK, seconds_broken=90.0)),
        _later(7, weak(id=AGAIN, name="orders", targets=["deployment/orders"])),
        prediction(id="1ppp000000000004", score=1.28652), recovery(id="1rrr000000000005"),
    ])  # fmt: skip
    store.close()
    return stranger


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("-n", "nope"), "namespace nope"),
        (("--cluster", "nope", "--kind", "recovery"), "cluster nope, kind recovery"),
        (("--since", "0.5"), "the last 0.5 h"),
    ],
)
def test_a_history_without_what_was_asked_for_says_how_much_else_is_there(
    keeper: CommandLine, words: tuple[str, ...], named: str
) -> None:
    ended = keeper("history", *words)
    assert ended.out == f"nothing of {named}; without that there are 8\nnext  chaoskit history\n"


def test_the_score_of_an_alarm_is_none_of_resilience(keeper: CommandLine) -> None:
    assert " of 100" in keeper("show", PASSED).out
    shown = keeper("show", "1ppp000000000004")
    assert shown.code == 0
    assert " of 100" not in shown.out


@pytest.mark.parametrize(
    "words",
    [("history",), ("history", "--weaknesses"), ("show", "1aaa"), ("explain", "1aaa"), ("report", "1aaa")],
)
@pytest.mark.parametrize("store", ["no/such.db", "sqlite://no/such.db"])
def test_reading_a_store_that_is_not_there_makes_none(
    stranger: CommandLine, words: tuple[str, ...], store: str
) -> None:
    ended = stranger(*words, "--store", store)
    assert (ended.code, "there is no store no/such.db" in ended.err) == (2, True), ended.err
    assert not (stranger.home / "no").exists()


@pytest.mark.parametrize(
    ("env", "told"), [({}, False), ({"CHAOSKIT_STORE": "no/such.db"}, True)], ids=["default", "setting"]
)
def test_a_store_that_the_first_run_will_make_is_read_as_an_empty_one(
    stranger: CommandLine, env: dict[str, str], *, told: bool
) -> None:
    before = set(stranger.home.rglob("*"))
    ended = stranger("history", env=env)
    assert (ended.code, ended.out) == (0, "nothing yet\nnext  chaoskit demo\n"), ended.err
    assert ("! there is no store no/such.db yet" in ended.err) is told
    gate = stranger("history", "--weaknesses", "--fail-above", 0, env=env)
    assert (gate.code, gate.out) == (4, "nothing to judge: no run here was judged\n")
    assert stranger("show", "1aaa", env=env).code == 2
    assert set(stranger.home.rglob("*")) == before


def test_a_history_of_nothing_is_nothing_yet_whatever_was_asked_for(stranger: CommandLine) -> None:
    assert stranger("history", "-n", "nope").out == "nothing yet\nnext  chaoskit demo\n"


def test_a_report_is_html_on_stdout_when_nothing_is_asked_for(keeper: CommandLine) -> None:
    ended = keeper("report", WEAK)
    assert ended.code == 0
    assert ended.out.startswith("<!doctype html>")
    assert ended.err == ""


def test_every_format_is_written_and_minus_is_stdout(keeper: CommandLine) -> None:
    ended = keeper(
        "report", WEAK, "--html", "a/r.html", "--sarif", "r.sarif", "--junit", "-", "--markdown", "r.md"
    )
    assert ended.code == 0
    assert fromstring(ended.out).get("failures") == "2"
    assert json.loads((keeper.home / "r.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert (keeper.home / "r.md").read_text(encoding="utf-8").startswith("# ❌ weakness found")
    assert ended.err.splitlines() == ["report   a/r.html", "report   r.sarif", "report   r.md"]


def test_pages_tell_the_lineage_and_machines_the_records_that_are_named(keeper: CommandLine) -> None:
    keeper("report", WEAK, PASSED, "--html", "r.html", "--junit", "r.xml")
    page = (keeper.home / "r.html").read_text(encoding="utf-8")
    assert all(f'id="{each}"' in page for each in (WEAK, PASSED, "1ppp000000000004", "1rrr000000000005"))
    suites = fromstring((keeper.home / "r.xml").read_text(encoding="utf-8"))
    assert [suite.get("id") for suite in suites] == [PASSED, WEAK]


def test_what_was_written_is_told_to_who_reads_json(keeper: CommandLine) -> None:
    told = keeper("report", WEAK, "--junit", "r.xml", "--bundle", "b.tgz", "-o", "json").json
    assert (told["schema"], told["records"], told["files"]) == (
        "chaoskit.io/reports/v1",
        [WEAK],
        {"junit": "r.xml"},
    )
    assert told["digest"].startswith("sha256:")
    assert keeper("report", WEAK, "-o", "json").json["files"] == {}


def test_a_record_that_is_not_there_is_2_and_writes_nothing(keeper: CommandLine) -> None:
    assert keeper("report", "1zzz", "--junit", "r.xml").code == 2
    assert not (keeper.home / "r.xml").exists()
    assert keeper("report").code == 2


@pytest.mark.parametrize("path", ["evidence.tar.gz", "evidence"])
def test_a_bundle_verifies_until_something_is_changed(keeper: CommandLine, path: str) -> None:
    made = keeper("report", WEAK, "--bundle", path)
    assert made.code == 0
    digest = made.err.split()[-1]
    assert keeper("report", "--verify", path, "--digest", digest).out.endswith(f" are as kept  {digest}\n")
    other = keeper("report", "--verify", path, "--digest", "sha256:" + 64 * "0", "-o", "json")
    assert (other.code, other.json["outcome"]) == (1, "does-not-match")
    assert other.json["mismatches"] == [f"manifest.json is another one: its digest is {digest}"]
    if path == "evidence":
        (keeper.home / path / f"run-{WEAK}/timeline.json").write_text("[]")
        changed = keeper("report", "--verify", path)
        assert changed.code == 1
        assert changed.out.splitlines()[1:] == [f"  run-{WEAK}/timeline.json was changed"]


def test_two_bundles_of_the_same_records_are_the_same_file(keeper: CommandLine) -> None:
    for name in ("a.tgz", "b.tar.gz"):
        keeper("report", WEAK, "--bundle", name)
    assert (keeper.home / "a.tgz").read_bytes() == (keeper.home / "b.tar.gz").read_bytes()


def test_a_bundle_is_not_written_over_a_folder_that_holds_something(keeper: CommandLine) -> None:
    (keeper.home / "full").mkdir()
    (keeper.home / "full/x").write_text("")
    ended = keeper("report", WEAK, "--bundle", "full")
    assert ended.code == 2
    assert [path.name for path in (keeper.home / "full").iterdir()] == ["x"]


@pytest.mark.parametrize("path", ["nowhere.tar.gz", "state/store.db", "state"])
def test_what_is_no_bundle_is_2(keeper: CommandLine, path: str) -> None:
    ended = keeper("report", "--verify", path)
    assert ended.code == 2
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.json.gz", "-"])
def test_a_bundle_is_no_other_archive(keeper: CommandLine, name: str) -> None:
    ended = keeper("report", PASSED, "--bundle", name)
    assert (ended.code, f"{name} is no place for a bundle" in ended.err) == (2, True)
    assert not (keeper.home / name).exists()


def test_what_differs_between_two_runs_is_a_table_and_json(keeper: CommandLine) -> None:
    ended = keeper("compare", PASSED[:4], WEAK[:4])
    assert ended.code == 0
    assert ended.out.startswith(f"{PASSED} (2026-05-04T08:02:01)  and  {WEAK} (")
    assert "outcome        outcome" in ended.out
    assert ended.out.splitlines()[-1] == f"next  chaoskit compare {WEAK} --history"
    found = keeper("compare", PASSED, WEAK, "-o", "json").json["differences"]
    assert {"part": "outcome", "what": "outcome", "one": "passed", "other": "weakness found"} in found
    assert keeper("compare", WEAK, WEAK).out == "nothing differs\n"


def test_a_recovery_that_got_slower_is_1_and_the_figures_are_told(keeper: CommandLine) -> None:
    ended = keeper("compare", WEAK, "--history", "-o", "json")
    assert ended.code == 1
    assert (ended.json["outcome"], ended.json["median"], ended.json["limit"]) == ("regressed", 22.0, 27.0)
    assert (ended.json["figure"], ended.json["seconds"]) == ("seconds_broken", 90.0)
    told = keeper("compare", WEAK, "--history").out
    assert told.startswith("regressed  cart  exit 1\n  it was broken for 90.0 s; of 5 earlier runs ")
    assert keeper("compare", PASSED, "--history").code == 8


@pytest.mark.parametrize("words", [(WEAK,), (WEAK, PASSED, "--history")])
def test_a_comparison_needs_two_sides(keeper: CommandLine, words: tuple[str, ...]) -> None:
    assert keeper("compare", *words).code == 2


def test_open_weaknesses_are_listed_and_gated_on(keeper: CommandLine) -> None:
    listed = keeper("history", "--weaknesses", "-o", "json")
    assert (listed.code, listed.json["outcome"]) == (0, "done")
    assert [each["experiment"] for each in listed.json["weaknesses"]] == ["orders", "cart"]
    assert [keeper("history", "--weaknesses", "--fail-above", n).code for n in (0, 1, 2)] == [1, 1, 0]
    for place in (("-n", "elsewhere"), ("--cluster", "production")):
        ended = keeper("history", "--weaknesses", *place, "--fail-above", 0)
        assert (ended.code, ended.out) == (4, "nothing to judge: no run here was judged\n")
    assert keeper("history", "--weaknesses", "--cluster", "kind-dev", "--fail-above", 0).code == 1


def test_a_cluster_is_found_by_whatever_name_it_is_asked_for(keeper: CommandLine) -> None:
    def put(id_: str, hours: int, document: dict[str, Any], name: str, uid: str) -> dict[str, Any]:
        who = {"cluster": name, "cluster_uid": uid, "cluster_address": "https://10.96.0.1"}
        return _later(hours, document, id=id_, name="stock", **who)

    store = SqliteStore(keeper.home / "state/store.db")
    found = put("1ddd000000000006", 8, weak(), "prod", "u1")
    store.load([found, put("1eee000000000007", 9, run(), "in-cluster", "u2")])
    gate = ("history", "--weaknesses", "--fail-above", 0, "--cluster")
    assert [keeper(*gate, who).code for who in ("prod", "u1", "in-cluster")] == [1, 1, 0]
    store.load([put("1fff000000000008", 10, run(), "in-cluster", "u1")])
    store.close()
    assert [keeper(*gate, who).code for who in ("prod", "u1", "u2")] == [0, 0, 0]
    listed = keeper("history", "--cluster", "prod", "-o", "json").json["records"]
    assert [each["id"][:4] for each in listed] == ["1fff", "1ddd"]


@pytest.mark.parametrize("address", ["https://10.96.0.1", None], ids=["without rights", "old"])
def test_whose_a_run_is_is_told_by_all_runs_whatever_part_of_them_is_asked_for(
    stranger: CommandLine, address: str | None
) -> None:
    def put(hours: int, document: dict[str, Any], uid: str = "", **more: Any) -> None:
        known = "https://10.96.0.1" if uid else address
        who = {"cluster": "in-cluster", "cluster_uid": uid if known else None, "cluster_address": known}
        store.put(_later(hours, document, id=f"1ddd00000000000{hours}", **who, **more))

    def found(*words: object) -> list[str | None]:
        listed = stranger("history", "--weaknesses", "-o", "json", *words).json["weaknesses"]
        return [each["cluster_uid"] for each in listed]

    (stranger.home / "state").mkdir(exist_ok=True)
    store = SqliteStore(stranger.home / "state/store.db")
    put(1, weak(), "u1")
    put(2, weak(), "u2", namespace="elsewhere")
    put(3, run())
    place = ("-n", weak()["namespace"])
    assert found() == ["u2", "u1"]
    assert found("--cluster", "u1") == found(*place) == found(*place, "--cluster", "u1") == ["u1"]
    put(4, weak())
    put(5, run(), "u1")
    assert found() == found("--cluster", "in-cluster") == [None, "u2"]
    assert found("--cluster", "u1") == []
    assert found(*place, "--cluster", "u2") == found(*place) == [None]
    put(6, run(), "u2")
    store.close()
    assert found(*place) == found(*place, "--cluster", "u2") == []
    assert found() == ["u2"]


def test_on_which_clusters_a_newer_chaoskit_ran_counts_as_well(stranger: CommandLine) -> None:
    def put(hours: int, document: dict[str, Any], uid: str, **more: Any) -> None:
        who = {"cluster": "in-cluster", "cluster_uid": uid, "cluster_address": "https://10.96.0.1"}
        store.put(_later(hours, document, id=f"1ddd00000000000{hours}", **(who | more)))

    def gate(*words: str) -> tuple[int, list[str | None], int]:
        ended = stranger("history", "--weaknesses", "--fail-above", 0, "-o", "json", *words)
        listed = ended.json["weaknesses"]
        return ended.code, [each["cluster_uid"] for each in listed], ended.json["left_out"]

    store = SqliteStore(stranger.home / "state/store.db")
    put(1, weak(), "u1")
    put(3, run(), "")
    assert gate("--cluster", "u1") == (0, [], 0)
    put(2, run(name="elsewhere"), "u2", cluster="staging", schema_version=99)
    assert gate("--cluster", "u1") == (0, [], 0)
    put(2, run(name="elsewhere"), "u2", schema_version=99)
    assert gate("--cluster", "u1") == (1, ["u1"], 0)
    assert gate() == (1, ["u1"], 1)
    put(4, run(name="elsewhere"), "u1", cluster="staging", schema_version=99)
    store.close()
    assert gate("--cluster", "staging") == (1, ["u1"], 1)


def test_open_weaknesses_of_several_clusters_say_on_which_they_are(keeper: CommandLine) -> None:
    assert "CLUSTER" not in keeper("history", "--weaknesses").out.splitlines()[0]
    store = SqliteStore(keeper.home / "state/store.db")
    for n, (name, uid) in enumerate((("in-cluster", "u1"), ("in-cluster", "u2"), ("prod", "u3"))):
        who = {"cluster": name, "cluster_uid": uid, "cluster_address": "https://10.96.0.1"}
        store.put(_later(n, weak(), id=f"1ddd00000000000{n}", name="stock", **who))
    store.close()
    listed = keeper("history", "--weaknesses")
    assert "  CLUSTER " in listed.out.splitlines()[0]
    assert all(
        each in listed.out for each in ("in-cluster (u1)", "in-cluster (u2)", " prod  ", " kind-dev  ")
    )
    found = keeper("history", "--weaknesses", "--cluster", "u1", "-o", "json").json["weaknesses"]
    assert [each["cluster_address"] for each in found] == ["https://10.96.0.1"]


def test_patterns_are_of_all_clusters_or_of_one(keeper: CommandLine) -> None:
    def tried(*words: str) -> int:
        return sum(each["tried"] for each in keeper("patterns", *words, "-o", "json").json["strategies"])

    store = SqliteStore(keeper.home / "state/store.db")
    (known,) = store.find("recovery")
    times = {"at": known["at"], "ended_at": known["ended_at"]}
    known |= {"symptoms": [], "steps": [{**each, **times} for each in known["steps"]]}
    other = {"cluster": "staging", "cluster_uid": "u2", "cluster_address": "https://s"}
    store.load([known, {**known, **other, "id": "1sss"}])
    store.close()
    assert tried() == 2 * tried("--cluster", "kind-dev") == 2 * tried("--cluster", "u2") > 0
    assert tried("--cluster", "nope") == 0
    assert keeper("patterns", "--failures", "--cluster", "u2").code == 2


def test_patterns_of_a_cluster_leave_out_nothing_that_they_do_not_show(keeper: CommandLine) -> None:
    store = SqliteStore(keeper.home / "state/store.db")
    (known,) = store.find("recovery")
    store.load([{**known, "symptoms": [], "steps": []}, prediction(id="1nnn", schema_version=99)])
    store.close()
    for words in ((), ("--cluster", "kind-dev")):
        assert keeper("patterns", *words).err == ""
    assert "prediction 1nnn" in keeper("history", "--kind", "prediction").err


def test_a_gate_on_weaknesses_passes_only_what_was_judged(stranger: CommandLine) -> None:
    gate = ("history", "--weaknesses", "--fail-above", 0, "-o", "json")

    def keep(**more: Any) -> None:
        store = SqliteStore(stranger.home / "state/store.db")
        store.put(run(id=PASSED, **more))
        store.close()

    empty = stranger(*gate)
    assert (empty.code, empty.json["outcome"]) == (4, "cannot-start")
    assert stranger("history", "--weaknesses").code == 0
    keep(outcome="refused")
    assert stranger(*gate).code == 4
    keep(outcome="passed")
    ended = stranger(*gate)
    assert (ended.code, ended.json["outcome"]) == (0, "below-threshold")


def test_a_limit_without_what_it_counts_is_2(keeper: CommandLine) -> None:
    assert keeper("history", "--fail-above", 0).code == 2


def test_a_run_is_explained_in_words(keeper: CommandLine) -> None:
    ended = keeper("explain", WEAK[:6])
    assert ended.code == 0
    assert ended.out.startswith("weakness found  cart  exit 1\n\nwhat happened\n")
    assert "mend it, then prove it: chaoskit run experiments/cart.yaml" in ended.out
    told = keeper("explain", "1rrr", "-o", "json").json
    assert (told["outcome"], told["schema"]) == ("recovered", "chaoskit.io/explanation/v1")
    assert keeper("explain", "1ppp").code == 2
    assert keeper("explain", "1zzz9").code == 2


def test_a_bundle_in_a_folder_is_whole_or_not_there(keeper: CommandLine) -> None:
    (keeper.home / "taken").write_text("")
    assert keeper("report", WEAK, "--bundle", "taken").code == 2
    assert not [path for path in Path(keeper.home).iterdir() if path.name.startswith(".taken")]


def _seen(width: int, *documents: dict[str, Any], terminal: bool = True) -> list[str]:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, no_color=True, color_system=None, soft_wrap=True
    )
    history.listed(console, documents)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_terminal_a_history_fits_and_tells_how_long_ago(width: int) -> None:
    runs = [run(id=f"1m8h2v{n}rnwje1k2c", reason="pod-delete was injected; " * 4) for n in range(3)]
    lines = _seen(width, *runs, prediction(id="1m8h2v9rnwje1k2c"))
    assert max(map(len, lines)) <= width
    assert any(" ago  run " in line and " 1m8h2v0rnwje1k2c " in line for line in lines)
    alone = _seen(width, *runs)
    assert "KIND" not in alone[0]


@pytest.mark.parametrize("words", [(), ("--weaknesses",)], ids=["all", "weaknesses"])
@pytest.mark.parametrize("uids", ["uu", "uv"], ids=["one cluster", "two of one name"])
@pytest.mark.parametrize("width", [60, 70, 80, 90, 200])
def test_the_id_on_a_terminal_can_be_pasted(
    stranger: CommandLine, words: tuple[str, ...], uids: str, width: int
) -> None:
    whole = ["1m8h2v0rnwje1k2c", "1m8h2v0rnwje1k2d"]
    named = {"name": "checkout-survives-loss-of-cart", "cluster": "production-eu", "cluster_address": "a"}
    store = SqliteStore(stranger.home / "state/store.db")
    for hours, (uid, each, target) in enumerate(zip(uids, whole, ("cart", "checkout"), strict=True)):
        found = weak(id=each, targets=[f"deployment/{target}"], cluster_uid=uid * 8, **named)
        store.put(_later(hours, found))
    store.close()
    ended = stranger("history", *words, terminal=True, env={"COLUMNS": str(width)})
    *lines, last = re.sub(r"\x1b\[[0-9;]*m", "", ended.out).splitlines()
    assert last.startswith("next  ")
    assert max(map(len, lines)) <= width
    assert {*whole} < {*" ".join(lines).split()}


def test_in_a_pipe_a_history_is_whole() -> None:
    lines = _seen(60, run(id="1m8h2v0rnwje1k2c", reason="why " * 30), terminal=False)
    assert len(lines) == 2
    assert lines[0].startswith("AT (UTC) ")
    assert "KIND" in lines[0]
    assert " 1m8h2v0rnwje1k2c " in lines[1]
    assert lines[1].endswith(("why " * 30).rstrip())
