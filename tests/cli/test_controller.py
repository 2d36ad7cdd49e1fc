"""The controller as a process: takes up detached runs, finishes dead ones, recovers; one of several acts."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.made import READY, experiment, without_baseline
from tests.commandline import CommandLine, Watched, read_until
from tests.servers import until

from chaoskit.acts import handover
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import WallClock
from chaoskit.outcome import Outcome

Write = Callable[[str, str], Path]

pytestmark = pytest.mark.xdist_group("controller")


@contextmanager
def controller(home: Path, kubeconfig: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A controller of somebody else, in a home of its own; it leads or stands by."""
    home.mkdir()
    with CommandLine(home, kubeconfig).start("controller", "-n", "shop", *arguments) as process:
        read_until(process, "serving")
        yield process


def handed(chaoskit: CommandLine, file: Path) -> str:
    ended = chaoskit("run", file, "--yes", "--detach", "-o", "json")
    assert ended.code == 0, ended.err
    (run,) = ended.json["runs"]
    assert run["holder"]
    return str(run["id"])


def test_a_detached_run_is_done_by_the_controller_and_followed_to_its_verdict(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", experiment("x", steadyState=[READY]))
    with controller(tmp_path / "elsewhere", simulated.kubeconfig, "--only", "runs"):
        run = handed(chaoskit, file)
        followed = chaoskit("show", run, "--follow", "-o", "json")
        again = chaoskit("show", run[:8], "--follow")
    assert followed.code == 0, followed.err
    assert followed.json["outcome"] == "passed"
    for word in ("steady before", "undo written", "injected", "verdict"):
        assert word in followed.err
    assert (again.code, "passed" in again.out.lower()) == (0, True)
    assert simulated.left() == []
    kept = CommandLine(tmp_path / "elsewhere", simulated.kubeconfig)("show", run, "-o", "json")
    assert kept.json["records"][0]["outcome"] == "passed"


def test_who_follows_ends_as_the_run_did(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", without_baseline())
    with controller(tmp_path / "elsewhere", simulated.kubeconfig, "--only", "runs"):
        followed = chaoskit("show", handed(chaoskit, file), "--follow")
    assert followed.code == 8, followed.err


@pytest.mark.parametrize(
    "option", ["--min-score=80", "--parallel=2", "--fail-fast", "--no-preflight", "--junit=x.xml"]
)
def test_what_only_who_waits_can_do_is_refused_with_detach(
    chaoskit: CommandLine, simulated: Watched, write: Write, option: str
) -> None:
    ended = chaoskit("run", write("x.yaml", experiment("x")), "--yes", "--detach", option)
    assert ended.code == 2, ended.err
    assert option.partition("=")[0] in ended.err or "report" in ended.err
    assert simulated.active_leases() == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (experiment("x", fault="node-drain", targets={"workloads": [], "nodes": ["node-1"]}), "node-drain"),
        (experiment("x", steadyState=[{"command": {"run": "true"}}]), "commands on this machine"),
    ],
)
def test_what_a_controller_must_not_do_for_others_is_said_at_once(
    chaoskit: CommandLine, write: Write, document: str, words: str
) -> None:
    ended = chaoskit("run", write("x.yaml", document), "--yes", "--detach")
    assert ended.code == 4, ended.err
    assert words in ended.err


def test_a_detached_run_is_aborted_from_anywhere(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", experiment("x", duration="600s"))
    with controller(tmp_path / "elsewhere", simulated.kubeconfig, "--only", "runs") as process:
        run = handed(chaoskit, file)
        read_until(process, "injected")
        assert chaoskit("abort", run, "--reason", "incident 7").code == 0
        followed = chaoskit("show", run, "--follow")
    assert followed.code == 130
    assert "incident 7" in followed.out
    assert simulated.left() == []


def test_a_run_whose_controller_was_stopped_was_stopped_by_no_user(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", experiment("x", fault="scale-down", duration="600s", engine="direct"))
    with controller(tmp_path / "elsewhere", simulated.kubeconfig, "--only", "runs") as process:
        run = handed(chaoskit, file)
        read_until(process, "injected")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    followed = chaoskit("show", run, "--follow")
    assert followed.code == 143, followed.err
    assert "the controller was stopped" in followed.out
    assert simulated.left() == []


def test_detached_runs_on_one_workload_are_done_one_after_the_other(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    wide: dict[str, Any] = {"engine": "direct", "duration": "3s", "blastRadius": {"maxPods": 9}}
    three = [experiment(name, fault="scale-down", **wide) for name in ("one", "two", "three")]
    file = write("three.yaml", "---\n".join(three))
    with controller(tmp_path / "elsewhere", simulated.kubeconfig, "--only", "runs"):
        ended = chaoskit("run", file, "--yes", "--detach", "-o", "json")
        assert ended.code == 0, ended.err
        followed = [chaoskit("show", run["id"], "--follow", "-o", "json") for run in ended.json["runs"]]
    assert [each.json["outcome"] for each in followed] == ["passed"] * 3, [each.out for each in followed]
    assert simulated.left() == []


def test_the_next_controller_undoes_what_a_killed_one_left(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path
) -> None:
    file = write("x.yaml", experiment("x", duration="600s"))
    with controller(tmp_path / "first", simulated.kubeconfig) as first:
        read_until(first, "leader")
        with controller(tmp_path / "second", simulated.kubeconfig) as second:
            handed(chaoskit, file)
            read_until(first, "injected")
            first.kill()
            first.communicate(timeout=60)
            said = read_until(second, "rescue")
            assert "leader" in said
            until(lambda: not simulated.left(), 60, "nothing is undone")


def test_a_controller_recovers_what_breaks_and_ends_in_order(simulated: Watched, tmp_path: Path) -> None:
    with controller(tmp_path / "elsewhere", simulated.kubeconfig, "--only", "recover") as process:
        simulated.begin("crash-loop:payments")
        read_until(process, "recovered")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert simulated.left() == []
    records = CommandLine(tmp_path / "elsewhere", simulated.kubeconfig)("history", "-o", "json").json
    assert {each["kind"] for each in records["records"]} >= {"recovery"}


def test_health_and_metrics_are_served(simulated: Watched, tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    home.mkdir()
    with CommandLine(home, simulated.kubeconfig).start("controller", "-n", "shop") as process:
        said = read_until(process, "serving")
        url = next(word for word in said.split() if word.startswith("http://"))
        read_until(process, "leader")
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as page:
            assert "chaoskit_leader 1.0" in page.read().decode()
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as page:
            assert page.status == 200


@contextmanager
def taker(simulated: Watched) -> Iterator[None]:
    """Somebody takes what is handed over, and does no more than that with it; in the end it is closed."""
    over, clock, ledgers = threading.Event(), WallClock(), list[Ledger]()

    def take() -> None:
        while not over.wait(0.1):
            waiting = [each for each in handover.handed(simulated.cluster, "shop") if not each.holder]
            ledgers.extend(Ledger.take_over(simulated.cluster, clock, each) for each in waiting)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        for each in ledgers:
            each.close(Outcome.CANNOT_START)


def test_a_run_that_was_handed_over_is_told_though_the_next_one_was_not(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    one = write("one.yaml", experiment("one"))
    other = write("other.yaml", experiment("other", hypothesis="x" * (handover.LARGEST + 1)))
    with taker(simulated):
        ended = chaoskit("run", one, other, "--yes", "--detach", "-o", "json")
    assert ended.code == 4, ended.err
    assert "cannot be handed over" in ended.err
    assert ended.json["outcome"] == "cannot-start"
    (run,) = ended.json["runs"]
    assert (run["name"], bool(run["id"]), bool(run["holder"])) == ("one", True, True)


def test_all_are_looked_at_before_the_first_is_handed_over(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    one = write("one.yaml", experiment("one"))
    other = write("other.yaml", experiment("other", litmus={"serviceAccount": "payments"}))
    with taker(simulated):
        ended = chaoskit("run", one, other, "--yes", "--detach")
    assert (ended.code, ended.out) == (4, ""), ended.err
    assert "service account payments" in ended.err


TOKEN = "a-token-of-sixteen"


def _post(url: str, token: str, *names: str) -> tuple[int, str]:
    alerts = [
        {"status": "firing", "labels": {"alertname": each}, "startsAt": "2026-01-01T00:00:00Z"}
        for each in names
    ]
    body = json.dumps({"version": "4", "alerts": alerts}).encode()
    wanted = urllib.request.Request(f"{url}/alerts", body, {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(wanted, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _served(process: subprocess.Popen[str]) -> str:
    said = read_until(process, "serving")
    return next(word for word in said.split() if word.startswith("http://"))


def test_what_alertmanager_posts_is_heard_by_the_one_that_leads(simulated: Watched, tmp_path: Path) -> None:
    more = {"CHAOSKIT_ALERTS_TOKEN": TOKEN}
    homes = [CommandLine(tmp_path / name, simulated.kubeconfig, more) for name in ("one", "two")]
    for each in homes:
        each.home.mkdir()
    here = ("controller", "-n", "shop", "--only", "recover")
    with homes[0].start(*here, "--progress", "json") as first:
        assert "Warned" in read_until(first, "who leads next knows of none")
        url = _served(first)
        read_until(first, "leader")
        assert _post(url, "wrong" * 4, "Watchdog")[0] == 401
        assert _post(url, TOKEN, "Watchdog", "Odd") == (200, "heard 2 alerts\n")
        told = read_until(first, "Watchdog") + read_until(first, "Odd")
        assert '"name": "alert"' in told
        with homes[1].start(*here) as second:
            status, words = _post(_served(second), TOKEN, "Watchdog")
        assert (status, "does not lead: post it again" in words) == (503, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--alerts", "http://am:9093", "--only", "runs"), "--alerts and --only runs do not go together"),
        (("--alerts", "alerts.json"), "--alerts alerts.json is no address"),
        (("--config", "alerts_from: am"), 'alerts_from is "am", expected an address'),
        (("--config", "{alerts_from: 'http://am', alerts_from_ca: none.pem}"), "none.pem cannot be read"),
    ],
)
def test_alerts_that_nobody_would_heed_are_2(
    stranger: CommandLine, write: Write, options: tuple[str, ...], words: str
) -> None:
    if options[0] == "--config":
        options = ("--config", str(write("settings.yaml", options[1])))
    ended = stranger("controller", *options)
    assert (ended.code, words in ended.err) == (2, True), ended.err
