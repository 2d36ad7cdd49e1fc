"""`recover` finds what is wrong, mends it, remembers it; history, patterns and replays read it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.commandline import PROJECT, CommandLine, Watched
from tests.servers import until

Write = Callable[[str, str], Path]
HERE = ("-n", "shop")
RUNBOOK = PROJECT / "examples/runbooks/checkout-crash.yaml"

pytestmark = pytest.mark.xdist_group("recover")


@pytest.fixture(scope="module")
def after_a_recovery(simulated: Watched, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, str]:
    """A crash of orders was recovered from: the command line that remembers it, and the record's id."""
    chaoskit = CommandLine(tmp_path_factory.mktemp("home"), simulated.kubeconfig)
    simulated.begin("crash-loop:orders")
    until(lambda: "orders-pod-crash" in _ids(chaoskit), 60, "no crash of orders is seen")
    ended = chaoskit("recover", *HERE, "--issue", "orders-pod-crash", "--yes", "-o", "json")
    assert ended.code == 0, ended.out + ended.err
    (record,) = ended.json["recoveries"]
    return chaoskit, record["id"]


def _ids(chaoskit: CommandLine) -> list[str]:
    issues = chaoskit("recover", *HERE, "--dry-run", "-o", "json").json["issues"]
    return [each["id"] for each in issues if each["confidence"] >= 0.9]


def test_what_is_recovered_from_is_gone_and_nothing_is_left(
    after_a_recovery: tuple[CommandLine, str], simulated: Watched
) -> None:
    chaoskit, _ = after_a_recovery
    assert "orders-pod-crash" not in _ids(chaoskit)
    assert simulated.active_leases() == []


def test_the_recovery_is_told_with_its_outcome_and_time(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, record = after_a_recovery
    shown = chaoskit("show", record, "--trace")
    assert shown.code == 0
    first, *_, last = shown.out.splitlines()
    assert first == f"recovered  recovery {record}  pod-crash deployment/orders  (namespace shop)  exit 0"
    assert "  recovered in  " in shown.out
    assert last == f"next  chaoskit report {record} --html report.html"


def test_the_history_lists_it_and_narrows(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, record = after_a_recovery

    def ids(*more: object) -> list[str]:
        return [each["id"] for each in chaoskit("history", *more, "-o", "json").json["records"]]

    assert record in ids()
    assert ids("--kind", "run") == []
    assert ids("-n", "elsewhere") == []
    assert record in chaoskit("history").out


def test_a_record_is_found_by_the_beginning_of_its_id(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, record = after_a_recovery
    assert chaoskit("show", record[:12], "-o", "json").json["records"][0]["id"] == record


def test_its_strategy_is_a_pattern(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, _ = after_a_recovery
    (strategy,) = chaoskit("patterns", "-o", "json").json["strategies"]
    assert (strategy["issue"], strategy["action"], strategy["worked"]) == ("pod-crash", "roll-back", 1)
    assert "1 of 1" in chaoskit("patterns", "--by-workload").out
    assert chaoskit("patterns", "-o", "json").json["trends"][0]["times"] == 1
    assert chaoskit("patterns", "--suggest").out == "the history proves no other order better\n"


def test_its_report_is_one_page_that_loads_nothing(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, record = after_a_recovery
    page = chaoskit("report", record).out
    assert page.lower().startswith("<!doctype html>")
    assert record in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert chaoskit("report", record, "--html", "sub/report.html").code == 0
    assert (chaoskit.home / "sub/report.html").read_text(encoding="utf-8") == page


def test_a_report_that_cannot_be_written_is_2(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, record = after_a_recovery
    (chaoskit.home / "file").write_text("")
    ended = chaoskit("report", record, "--html", "file/report.html")
    assert ended.code == 2
    assert "file/report.html cannot be written" in ended.err


def test_what_other_runbooks_would_have_done_is_told(
    after_a_recovery: tuple[CommandLine, str], tmp_path: Path
) -> None:
    chaoskit, record = after_a_recovery
    same = chaoskit("recover", "--what-if", RUNBOOK, "-o", "json").json["decisions"]
    assert [(each["id"], each["changed"]) for each in same] == [(record, False)]
    other = tmp_path / "other.yaml"
    other.write_text(_RESTART_ONLY, encoding="utf-8")
    changed = chaoskit("recover", "--what-if", other)
    assert "1 of 1 decisions would change" in changed.out
    assert "restart-pod" in changed.out
    one = chaoskit("recover", "--what-if", other, "--replay", record, "-o", "json").json["decisions"]
    assert [each["id"] for each in one] == [record]


def test_a_replay_does_nothing_about_what_is_well_now(after_a_recovery: tuple[CommandLine, str]) -> None:
    chaoskit, record = after_a_recovery
    ended = chaoskit("recover", *HERE, "--replay", record, "--yes", "-o", "json")
    assert ended.code == 0
    (again,) = ended.json["recoveries"]
    assert (again["outcome"], again["replay_of"]) == ("nothing-to-do", record)


def test_a_replay_on_the_simulator_needs_no_cluster_and_no_yes(
    after_a_recovery: tuple[CommandLine, str],
) -> None:
    chaoskit, record = after_a_recovery
    ended = CommandLine(chaoskit.home)("recover", "--replay", record, "--on", "sim", "-o", "json")
    assert ended.code == 0, ended.err
    (again,) = ended.json["recoveries"]
    assert (again["outcome"], again["replay_of"]) == ("recovered", record)
    assert "orders as recorded; crash-loop begins" in ended.err
    assert chaoskit("patterns", "-o", "json").json["strategies"][0]["tried"] == 1


@pytest.mark.parametrize("arguments", [("--on", "sim"), ("--replay", "x", "--on", "moon")])
def test_what_is_replayed_elsewhere_is_a_record_on_the_simulator(
    stranger: CommandLine, arguments: tuple[str, ...]
) -> None:
    ended = stranger("recover", *arguments)
    assert (ended.code, "--on sim goes with --replay ID" in ended.err) == (2, True)


def test_a_replay_of_nothing_is_2(chaoskit: CommandLine) -> None:
    ended = chaoskit("recover", *HERE, "--replay", "nothing", "--yes")
    assert ended.code == 2
    assert "nothing" in ended.err


def test_where_nothing_is_wrong_there_is_nothing_to_do(chaoskit: CommandLine) -> None:
    ended = chaoskit("recover", "-n", "monitoring", "--yes", "-o", "json")
    assert ended.code == 0
    assert ended.json["outcome"] == "nothing-to-do"
    assert ended.json["issues"] == []


def test_an_unknown_issue_is_2(chaoskit: CommandLine) -> None:
    ended = chaoskit("recover", *HERE, "--issue", "nothing", "--yes")
    assert ended.code == 2
    assert "there is no issue nothing" in ended.err


def test_a_halt_of_recoveries_refuses_them_and_leaves_chaos_alone(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    simulated.begin("crash-loop:search")
    until(lambda: "search-pod-crash" in _ids(chaoskit), 60, "no crash of search is seen")
    unasked = chaoskit("recover", *HERE, "deployment/search")
    assert chaoskit("halt", "--only", "recovery", "--reason", "incident 42").code == 0
    try:
        refused = chaoskit("recover", *HERE, "deployment/search", "--yes")
    finally:
        assert chaoskit("resume", "--only", "recovery").code == 0
    mine = write("mine.yaml", _MINE)
    recovered = chaoskit("recover", *HERE, "search", "--runbooks", mine, "--yes", "-o", "json")
    reasons = [each["reason"] for each in recovered.json["recoveries"]]
    assert (unasked.code, refused.code, recovered.code) == (3, 3, 0), reasons
    assert "add --yes" in unasked.err
    assert "incident 42" in refused.out
    (record,) = recovered.json["recoveries"]
    assert (record["target"], record["outcome"]) == ("deployment/search", "recovered")
    assert record["plan"]["runbook"] == "mine"
    assert chaoskit("resume").err.endswith("resumed  nothing was halted\n")


def test_only_what_a_person_approved_is_done(chaoskit: CommandLine, simulated: Watched) -> None:
    simulated.begin("crash-loop:shipping")
    until(lambda: "shipping-pod-crash" in _ids(chaoskit), 60, "no crash of shipping is seen")
    here = (*HERE, "-l", "app=shipping", "--require-approval")
    with chaoskit.start("recover", *here, "--confirm", 0, "-o", "json") as process:
        until(lambda: _waiting(chaoskit), 30, "nobody asks")
        (asked,) = _waiting(chaoskit)
        assert "1. roll-back deployment/shipping" in asked["plan"]
        assert asked["id"] in chaoskit("approve").out
        unknown = chaoskit("approve", "frob")
        approved = chaoskit("approve", asked["id"][:12], "--reason", "looked at it")
        out, err = process.communicate(timeout=120)
    assert (unknown.code, approved.code, process.returncode) == (2, 0, 0), err
    (record,) = json.loads(out)["recoveries"]
    assert (record["target"], record["outcome"]) == ("deployment/shipping", "recovered")
    assert ("approval", "held") in [(each["name"], each["mark"]) for each in record["timeline"]]
    assert _waiting(chaoskit) == []
    assert "nothing waits" in chaoskit("approve").out


def _waiting(chaoskit: CommandLine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = chaoskit("approve", "-o", "json").json["approvals"]
    return found


def test_a_selector_that_is_none_is_2(chaoskit: CommandLine) -> None:
    assert chaoskit("recover", *HERE, "-l", "app==,(", "--dry-run").code == 2


def test_alerts_are_evidence(chaoskit: CommandLine, write: Write) -> None:
    labels = {"alertname": "KubeContainerWaiting", "namespace": "shop", "deployment": "recommendations"}
    alert = {"status": "firing", "labels": labels, "startsAt": "2026-01-01T00:00:00Z"}
    file = write("alerts.json", json.dumps({"version": "4", "alerts": [alert]}))
    issues = chaoskit("recover", *HERE, "--alerts", file, "--dry-run", "-o", "json").json["issues"]
    (found,) = [each for each in issues if each["target"] == "deployment/recommendations"]
    assert found["evidence"] == ["alert KubeContainerWaiting fires"]
    ended = chaoskit("recover", *HERE, "--alerts", write("none.json", "{"), "--dry-run")
    assert (ended.code, "none.json cannot be read" in ended.err) == (2, True)


def test_a_store_that_cannot_be_used_is_4_and_named(chaoskit: CommandLine, write: Write) -> None:
    write("file", "no folder")
    ended = chaoskit("history", "--store", "file/store.db")
    assert ended.code == 4
    assert "the store file/store.db cannot be used" in ended.err


_MINE = """\
apiVersion: chaoskit.io/v1
kind: Runbook
metadata: {name: mine}
spec:
  matches: {issue: pod-crash}
  remediations: [{action: roll-back, timeout: 60s}, {action: restart-pod, timeout: 60s}]
"""
_RESTART_ONLY = """\
apiVersion: chaoskit.io/v1
kind: Runbook
metadata: {name: restart-only}
spec:
  matches: {issue: pod-crash}
  remediations: [{action: restart-pod, timeout: 30s}]
"""


def test_nothing_found_without_the_prometheus_that_was_named_is_8(chaoskit: CommandLine) -> None:
    ended = chaoskit("recover", *HERE, "--dry-run", "--prometheus", "http://127.0.0.1:1", "-o", "json")
    assert "127.0.0.1:1" in ended.json["blind"]
    assert ended.code == (0 if ended.json["issues"] else 8)
    assert ended.json["exit"] == ended.code
    told = chaoskit("recover", *HERE, "--dry-run", "--prometheus", "http://127.0.0.1:1").out
    assert told.startswith("! signals are not seen: ")


def test_what_is_to_be_recovered_must_be_there(chaoskit: CommandLine) -> None:
    ended = chaoskit("recover", *HERE, "deployment/crat", "--dry-run")
    assert (ended.code, "did you mean deployment/cart?" in ended.err) == (2, True)
    ended = chaoskit("recover", "-n", "nowhere", "--dry-run")
    assert (ended.code, "there is no namespace nowhere" in ended.err) == (4, True)


def test_a_namespace_that_is_gone_is_4_whoever_named_it(chaoskit: CommandLine, write: Write) -> None:
    gone = {"CHAOSKIT_NAMESPACE": "shpo"}
    settings = write("gone.yaml", "namespace: shpo\n")
    for ended in (
        chaoskit("recover", "-n", "shpo", "--yes"),
        chaoskit("recover", "--yes", env=gone),
        chaoskit("recover", "--config", settings, "--yes"),
    ):
        assert (ended.code, "there is no namespace shpo" in ended.err) == (4, True)
    everywhere = chaoskit("recover", "-A", "--issue", "nothing", "--yes", env=gone)
    assert (everywhere.code, "there is no issue nothing" in everywhere.err) == (2, True)
