"""A signal at any moment ends a run with its code and leaves nothing; after `kill -9` a rescue does that."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

import pytest
from tests.cli.made import READY, experiment, without_baseline
from tests.commandline import CommandLine, Watched, read_until
from tests.experiments.conftest import World
from tests.experiments.directly import dump
from tests.servers import until

from chaoskit import kube
from chaoskit.cli.stopping import LEFT, MOMENT, Signalled, answering, stopping, undisturbed
from chaoskit.clock import ManualClock, WallClock
from chaoskit.errors import Interrupted, NotFound
from chaoskit.flows import simulation
from chaoskit.ports.cluster import Object

Write = Callable[[str, str], Path]


@pytest.mark.parametrize(
    ("number", "moment", "code", "outcome"),
    [
        (signal.SIGINT, "steady before", 130, "interrupted"),
        (signal.SIGTERM, "undo written", 143, "terminated"),
        (signal.SIGINT, "injected", 130, "interrupted"),
    ],
)
def test_a_run_that_is_stopped_is_undone_and_says_so(
    chaoskit: CommandLine,
    simulated: Watched,
    write: Write,
    number: signal.Signals,
    moment: str,
    code: int,
    outcome: str,
) -> None:
    file = write("x.yaml", experiment("x", duration="300s", steadyState=[READY]))
    with chaoskit.start("run", file, "--yes", "-o", "json", "--html", "x.html") as process:
        read_until(process, moment)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert f'"outcome": "{outcome}"' in out
    assert "Traceback" not in err
    assert simulated.left() == []
    assert (chaoskit.home / "x.html").exists()
    assert chaoskit("history", "-o", "json").json["records"][0]["outcome"] == outcome


@pytest.mark.parametrize(
    ("number", "moment", "code", "outcome"),
    [
        (signal.SIGTERM, "; Litmus looked at no probe", 143, "terminated"),
        (signal.SIGINT, "steady after ", 130, "interrupted"),
    ],
)
def test_a_batch_that_is_stopped_late_never_ends_green(
    chaoskit: CommandLine,
    simulated: Watched,
    write: Write,
    number: signal.Signals,
    moment: str,
    code: int,
    outcome: str,
) -> None:
    ready = READY | {"recoversWithin": "10s"}
    two = [experiment(name, engine="litmus", steadyState=[ready]) for name in ("one", "two")]
    file = write("two.yaml", "---\n".join(two))
    with chaoskit.start("run", file, "--yes", "-o", "json", "--junit", "two.xml") as process:
        read_until(process, moment)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    found = json.loads(out)
    assert found["outcome"] == outcome
    assert [(each["name"], each["outcome"]) for each in found["runs"]] == [
        ("one", outcome),
        ("two", "not-begun"),
    ]
    suites = parse(chaoskit.home / "two.xml").getroot()
    assert int(suites.get("skipped", "0")) >= 1
    assert int(suites.get("errors", "0")) >= 1
    assert simulated.left() == []
    assert [each["name"] for each in chaoskit("history", "-o", "json").json["records"]] == ["one"]


def test_a_stop_between_two_runs_ends_with_its_code(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    two = [
        experiment(name, duration="3s", engine="direct", targets={"workloads": [f"deployment/{on}"]})
        for name, on in (("one", "cart"), ("two", "orders"))
    ]
    file = write("two.yaml", "---\n".join(two))
    with chaoskit.start("run", file, "--yes", "-o", "json", "--junit", "two.xml") as process:
        read_until(process, "verdict")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    found = json.loads(out)
    assert found["outcome"] == "terminated"
    assert [each["name"] for each in found["runs"]] == ["one", "two"]
    assert found["runs"][1]["outcome"] in {"not-begun", "terminated"}
    assert "terminated" in (chaoskit.home / "two.xml").read_text()
    assert simulated.left() == []


def kill_a_run(chaoskit: CommandLine, write: Write) -> None:
    """It is killed while its fault is in force."""
    file = write("x.yaml", experiment("x", duration="600s", steadyState=[READY]))
    with chaoskit.start("run", file, "--yes") as process:
        read_until(process, "injected")
        process.kill()
        process.communicate(timeout=60)


def test_a_killed_run_is_finished_by_a_rescue(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    kill_a_run(chaoskit, write)
    assert simulated.active_engines()
    assert simulated.active_leases()
    ended = chaoskit("rescue", "-o", "json")
    assert ended.code == 0
    assert [each["undo"] for each in ended.json["rescued"]] == ["confirmed"]
    assert simulated.left() == []
    (record,) = chaoskit("history", "-o", "json").json["records"]
    assert (record["name"], record["fault"], record["outcome"]) == ("x", "pod-delete", "errored")
    assert "died before it had a verdict" in record["reason"]
    assert chaoskit("rescue", "-o", "json").json["outcome"] == "nothing-to-do"


@pytest.mark.parametrize("words", [("rescue",), ("abort", "--all", "--yes")], ids=" ".join)
@pytest.mark.parametrize("elsewhere", ["/dev/null/home", "here"])
def test_a_history_that_cannot_be_used_holds_up_no_undo(
    chaoskit: CommandLine, simulated: Watched, write: Write, words: tuple[str, ...], elsewhere: str
) -> None:
    kill_a_run(chaoskit, write)
    (chaoskit.home / "here").write_text("no database, and no folder either", encoding="utf-8")
    for ended in (
        chaoskit(*words, "-o", "json", env={"CHAOSKIT_HOME": elsewhere}),
        chaoskit("rescue", "-o", "json", "--store", "here"),
    ):
        assert ended.code == 0, ended.err
        assert "not in the history: the store" in ended.err or not ended.json["rescued"]
    assert simulated.left() == []


def test_a_rescue_that_is_stopped_says_that_it_finishes_what_it_undoes(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    kill_a_run(chaoskit, write)
    with chaoskit.start("rescue") as process:
        read_until(process, " rescue ")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert "what is being undone is finished" in err
    assert process.returncode == 130
    assert simulated.left() == []


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("scale-down", {"parameters": {"replicas": 1}}),
        ("service-blackhole", {}),
        ("pod-network-loss", {"engine": "litmus"}),
    ],
)
def test_what_kill_9_left_is_as_before_after_a_rescue_from_another_state_directory(
    chaoskit: CommandLine, simulated: Watched, write: Write, tmp_path: Path, kind: str, spec: dict[str, Any]
) -> None:
    before = standing(simulated)
    file = write("x.yaml", experiment("x", fault=kind, duration="600s", blastRadius={"maxPods": 9}, **spec))
    with chaoskit.start("run", file, "--yes") as process:
        read_until(process, "injected")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (tmp_path / "elsewhere").mkdir()
    elsewhere = replace(chaoskit, home=tmp_path / "elsewhere")
    ended = elsewhere("rescue", "-o", "json")
    assert ended.code == 0, ended.err
    assert [each["undo"] for each in ended.json["rescued"]] == ["confirmed"]
    assert simulated.left() == []
    until(lambda: standing(simulated) == before, 60, "the shop is not as before")
    for pod in simulated.cluster.list(kube.POD, "shop", labels="chaosUID").items:
        simulated.cluster.delete(kube.ref_of(pod, kube.POD))  # ended ones, which Litmus keeps


def standing(simulated: Watched) -> dict[str, Object]:
    """What people asked for in the shop; Leases of ended runs stay a while for guards."""
    found = dump(World(simulated.cluster, WallClock()), "shop")
    return {key: body for key, body in found.items() if not key.startswith("lease")}


@pytest.fixture
def orphan(simulated: Watched) -> Iterator[str]:
    """The name of an engine that is gone, of which a policy that cuts off nobody was left behind."""
    meta = {"name": "left", "namespace": "shop", "labels": {"chaosUID": "0123456789"}}
    spec = {"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}
    made = simulated.cluster.create(body)
    yield "chaosengine.litmuschaos.io/gone-01234567"
    with suppress(NotFound):
        simulated.cluster.delete(kube.ref_of(made, kube.NETWORK_POLICY))


def test_what_others_left_behind_is_told_and_taken_back_only_by_who_agrees(
    chaoskit: CommandLine, simulated: Watched, write: Write, orphan: str
) -> None:
    left = ["network policy left is still there"]
    ended = chaoskit("rescue", "-o", "json")
    assert ended.code == 0, ended.err
    assert ended.json["orphans"] == [{"engine": orphan, "undo": "not asked for", "left": left}]
    assert "chaoskit rescue --orphans" in chaoskit("rescue").out

    file = write("x.yaml", experiment("x", duration="600s"))
    with chaoskit.start("run", file, "--yes") as process:
        read_until(process, "injected")
        process.kill()
        process.communicate(timeout=60)
    ended = chaoskit("rescue", "--orphans", "-o", "json")
    assert ended.code == 3, ended.err
    assert [each["undo"] for each in ended.json["rescued"]] == ["confirmed"]
    assert ended.json["problem"]["guard"] == "confirmation"
    assert ended.json["orphans"] == [{"engine": orphan, "undo": "not asked for", "left": left}]

    ended = chaoskit("rescue", "--orphans", "--yes", "-o", "json")
    assert ended.code == 0, ended.err
    assert ended.json["orphans"] == [{"engine": orphan, "undo": "confirmed", "left": []}]
    assert simulated.left() == []


@pytest.mark.parametrize("twice", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_two_signals_at_once_are_one_and_the_fault_is_undone(
    chaoskit: CommandLine, simulated: Watched, write: Write, twice: Sequence[signal.Signals]
) -> None:
    before = standing(simulated)
    spec: dict[str, Any] = {"parameters": {"replicas": 1}, "blastRadius": {"maxPods": 9}, "engine": "direct"}
    file = write("x.yaml", experiment("x", fault="scale-down", duration="600s", **spec))
    with chaoskit.start("run", file, "--yes") as process:
        read_until(process, "injected")
        for number in twice:
            process.send_signal(number)
        _, err = process.communicate(timeout=120)
    assert process.returncode in {128 + number for number in twice}, err
    assert "undoing what was done" in err
    assert "left without" not in err
    assert simulated.left() == []
    until(lambda: standing(simulated) == before, 60, "the shop is not as before")


def test_a_signal_that_comes_later_leaves_at_once_and_the_undo_to_a_rescue(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", duration="600s"))
    with chaoskit.start("run", file, "--yes") as process:
        read_until(process, "injected")
        hold(simulated, signal.SIGSTOP)  # its undo gets no answer
        try:
            process.send_signal(signal.SIGINT)
            since = time.monotonic()
            until(lambda: time.monotonic() - since > MOMENT, 60, "the clock stands")
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        finally:
            hold(simulated, signal.SIGCONT)
    assert process.returncode == 143, err
    assert "left without waiting for the undo" in err
    assert "Traceback" not in err
    assert chaoskit("rescue").code == 0
    assert simulated.left() == []


def hold(simulated: Watched, number: signal.Signals) -> None:
    """The simulated cluster stands still, or goes on."""
    os.kill(simulated.simulation.pid, number)


def test_ctrl_c_while_a_simulator_starts_leaves_no_process_and_no_file(stranger: CommandLine) -> None:
    folder = stranger.home / "state" / "sim"
    with stranger.start("sim", "up", "--history", 168) as process:
        until((folder / "log").exists, 30, "the simulator was not even begun")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert not folder.exists()
    assert simulation.status(folder) is None


def test_an_abort_from_elsewhere_ends_the_run_which_says_why(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", duration="600s"))
    with chaoskit.start("run", file, "--yes", "-o", "json") as process:
        read_until(process, "injected")
        (lease,) = simulated.active_leases()
        run = lease.removeprefix("chaoskit-")
        ended = chaoskit("abort", run[:8], "--reason", "incident 7", "-o", "json")
        out, err = process.communicate(timeout=120)
    assert ended.code == 0, ended.err
    assert [each["undo"] for each in ended.json["rescued"]] == ["confirmed"]
    assert process.returncode == 130, err
    assert '"reason": "aborted: incident 7"' in out
    assert simulated.left() == []


def test_an_abort_finishes_what_a_dead_process_left(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    file = write("x.yaml", experiment("x", duration="600s"))
    with chaoskit.start("run", file, "--yes") as process:
        read_until(process, "injected")
        process.kill()
        process.communicate(timeout=60)
    ended = chaoskit("abort", "--all", "--yes", "-o", "json")
    assert ended.code == 0, ended.err
    assert simulated.left() == []
    assert chaoskit("abort", "--all", "--yes").code == 0


def test_what_has_ended_is_told_by_who_follows_or_aborts_it(
    chaoskit: CommandLine, simulated: Watched, write: Write
) -> None:
    assert chaoskit("run", write("x.yaml", without_baseline()), "--yes").code == 8
    (run,) = chaoskit("history", "-o", "json").json["records"]
    followed = chaoskit("show", run["id"][:12], "--follow", "-o", "json")
    assert followed.code == 8, followed.err
    assert followed.json["reason"] == run["reason"]
    aborted = chaoskit("abort", run["id"][:12])
    assert (aborted.code, aborted.out) == (0, f"run {run['id']} has ended: no baseline\n"), aborted.err
    unknown = chaoskit("show", "1nothing", "--follow")
    assert (unknown.code, "nothing with the id 1nothing is under way" in unknown.err) == (2, True)


@pytest.mark.parametrize("words", [("show", "1nothing", "--follow"), ("abort", "1nothing")])
def test_who_looks_for_what_has_ended_makes_no_store(chaoskit: CommandLine, words: Sequence[str]) -> None:
    ended = chaoskit(*words, "--store", "nodir/x.db")
    assert (ended.code, "there is no store nodir/x.db" in ended.err) == (2, True), ended.err
    assert not (chaoskit.home / "nodir").exists()


def test_nothing_to_abort_under_that_name_is_2(chaoskit: CommandLine) -> None:
    ended = chaoskit("abort", "nothing")
    assert ended.code == 2
    assert "nothing with the id nothing is under way" in ended.err
    assert chaoskit("abort").code == 2


@pytest.fixture(params=[signal.SIGHUP, signal.SIGINT])
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """This signal is ignored from the beginning, as after ``nohup`` or in a shell's background."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_that_was_ignored_from_the_beginning_stops_nothing(ignored: signal.Signals) -> None:
    with undisturbed(), stopping() as stop:
        signal.raise_signal(ignored)
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert (stop.is_set(), stop.signal) == (True, signal.SIGTERM)
    assert signal.getsignal(ignored) is signal.SIG_IGN


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM])
def test_any_other_stops_and_is_handled_as_before_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping() as stop:
        signal.raise_signal(number)
        assert (stop.is_set(), stop.signal) == (True, number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_of_a_moment_are_one_and_one_that_comes_later_leaves(number: signal.Signals) -> None:
    clock = ManualClock()
    with stopping(LEFT, wall=clock) as stop:
        signal.raise_signal(signal.SIGTERM)
        clock.turn(MOMENT - 0.1)
        signal.raise_signal(number)
        assert (stop.is_set(), stop.signal) == (True, signal.SIGTERM)
        clock.turn(0.1)
        with pytest.raises(Signalled, match="left without waiting"):
            signal.raise_signal(number)


def test_the_alarm_of_a_timeout_keeps_no_undo_from_its_end() -> None:
    clock = ManualClock()
    with stopping(LEFT, wall=clock) as stop:
        signal.raise_signal(signal.SIGINT)
        clock.turn(60)
        signal.raise_signal(signal.SIGALRM)
        assert stop.signal == signal.SIGINT


def test_a_signal_is_the_first_though_somebody_else_wanted_the_end_before() -> None:
    with stopping(wall=ManualClock()) as stop:
        stop.set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()


def test_a_stop_is_told_at_once_and_once() -> None:
    told = queue.SimpleQueue[str]()
    with stopping(tell=lambda: told.put("undoing"), wall=ManualClock()):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert told.get(timeout=10) == "undoing"  # while whoever undoes is at it
    with stopping(tell=lambda: told.put("nothing")):
        pass
    assert told.empty()


SIGNALLED = """
import os, signal, sys
from chaoskit.cli.app import main

class Signalling:
    sent = False
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1] and not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGTERM)

finder = Signalling()
sys.meta_path.insert(0, finder)
code = main(sys.argv[2:])
assert finder.sent
sys.exit(code)
"""
"""The command, with a SIGTERM when the import of a module begins."""


@pytest.mark.parametrize("module", ["yaml", "yaml.nodes", "yaml.reader", "chaoskit.cli.plan"])
@pytest.mark.parametrize("form", [(), ("-o", "json")], ids=["words", "json"])
def test_a_signal_amid_an_import_is_the_end_that_it_is_elsewhere(
    stranger: CommandLine, write: Write, module: str, form: Sequence[str]
) -> None:
    file = write("x.yaml", experiment("x"))
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, module, "plan", file, *form],
        env=stranger.environment, cwd=stranger.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 143, done.stderr
    assert "Traceback" not in done.stderr


def test_what_undoes_nothing_leaves_nothing_to_a_rescue() -> None:
    clock = ManualClock()
    with stopping(wall=clock):
        signal.raise_signal(signal.SIGTERM)
        clock.turn(MOMENT)
        with pytest.raises(Signalled) as left:
            signal.raise_signal(signal.SIGTERM)
    assert left.value.error.message == "stopped by the user"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGALRM])
def test_a_signal_to_whoever_is_asked_amid_the_work_ends_it_and_leaves_nothing_behind(
    number: signal.Signals,
) -> None:
    with stopping(LEFT, wall=ManualClock()) as stop:
        with pytest.raises(Interrupted) as ended, answering():
            signal.raise_signal(number)
        assert (ended.value.signal, stop.is_set()) == (number, False)
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
