"""`recover` finds what is wrong, mends it, remembers it; history, patterns and replays read it back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.commandline import PROJECT, CommandLine, Watched
from tests.servers import until
from tests.wire import Answer, scripted

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
    ended = CommandLine(chaoskit.home)(
        "recover", "--replay", record, "--on", "sim", "--confirm", 5, "-o", "json"
    )
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
    assert chaoskit("resume").out.endswith("resumed  nothing was halted\n")


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


def _posted(*names: str, **labels: str) -> str:
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": name, "namespace": "shop", **labels},
            "startsAt": "2026-01-01T00:00:00Z",
        }
        for name in names
    ]
    return json.dumps({"version": "4", "alerts": alerts})


STUCK = _posted("KubeContainerWaiting", deployment="recommendations")


def _issue(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = (each for each in document["issues"] if each["target"] == "deployment/recommendations")
    return dict(found)


def test_what_only_an_alert_says_is_told_with_why_it_is_not_acted_on(
    chaoskit: CommandLine, write: Write
) -> None:
    file = write("alerts.json", STUCK)
    issue = _issue(chaoskit("recover", *HERE, "--alerts", file, "--dry-run", "-o", "json").json)
    assert issue["evidence"] == ["alert KubeContainerWaiting fires"]
    assert (issue["refused"]["guard"], issue["steps"]) == ("evidence", [])
    done = chaoskit("recover", *HERE, "recommendations", "--alerts", file, "--yes", "-o", "json")
    assert [each["outcome"] for each in done.json["recoveries"]] == ["nothing-to-do"]


def test_alerts_are_read_from_stdin_and_from_an_alertmanager(chaoskit: CommandLine) -> None:
    here = ("recover", *HERE, "--dry-run", "-o", "json", "--alerts")
    piped = subprocess.run(
        [sys.executable, "-m", "chaoskit", *here, "-"],
        env=chaoskit.environment, cwd=chaoskit.home, input=STUCK, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert _issue(json.loads(piped.stdout))["refused"]["guard"] == "evidence"
    active = [{**each, "status": {"state": "active"}} for each in json.loads(STUCK)["alerts"]]
    with scripted(lambda _asked: Answer(200, active)) as server:
        assert _issue(chaoskit(*here, server.url).json)["refused"]["guard"] == "evidence"
    ended = chaoskit(*here, server.url)
    assert (ended.code, "Alertmanager at 127.0.0.1 gave no answer" in ended.err) == (4, True)


def test_alerts_that_nobody_can_place_are_told(chaoskit: CommandLine, write: Write) -> None:
    file = write("alerts.json", _posted("Watchdog"))
    here = ("recover", "-n", "monitoring", "--alerts", file)
    shown = chaoskit(*here, "--dry-run", "-o", "json").json["unplaced_alerts"]
    assert [(each["name"], each["labels"]["namespace"]) for each in shown] == [("Watchdog", "shop")]
    assert "no symptom is known for it" in shown[0]["why"]
    assert "! alert Watchdog in shop: no symptom" in chaoskit(*here, "--yes").out


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '"x"', '{"x": 1}'])
def test_alerts_that_are_none_are_2_and_the_file_is_named(
    chaoskit: CommandLine, write: Write, text: str
) -> None:
    ended = chaoskit("recover", *HERE, "--alerts", write("none.json", text), "--dry-run")
    assert ended.code == 2, ended.err
    assert "none.json" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("options", "others"),
    [
        (("--what-if", RUNBOOK, "--confirm", 3), "--confirm and --what-if"),
        (("--what-if", RUNBOOK, "-A", "-l", "app=cart"), "-A, -l and --what-if"),
        (("--what-if", RUNBOOK, "--runbooks", RUNBOOK), "--runbooks and --what-if"),
        (("--what-if", RUNBOOK, "--replay", "x", "--on", "sim"), "--on sim and --what-if"),
        (("--replay", "x", "--alerts", "-"), "--alerts and --replay"),
        (("--replay", "x", "deployment/cart", "--issue", "y"), "workloads, --issue and --replay"),
        (("--replay", "x", "--dry-run"), "--dry-run and --replay"),
        (("--replay", "x", "--on", "sim", "-A"), "-A and --on sim"),
        (("--replay", "x", "--on", "sim", "--require-approval"), "--require-approval and --on sim"),
    ],
)
def test_options_that_do_not_go_together_are_2(
    stranger: CommandLine, options: tuple[object, ...], others: str
) -> None:
    ended = stranger("recover", *options, "--yes")
    assert (ended.code, f"{others} do not go together" in ended.err) == (2, True), ended.err


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
