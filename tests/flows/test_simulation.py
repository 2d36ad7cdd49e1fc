"""The simulator in a process of its own: found again, waited for, ended, and gone when it was not wanted."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.commandline import simulators
from tests.servers import until

from chaoskit.adapters import kubernetes
from chaoskit.clock import ScaledClock, Stop, WallClock
from chaoskit.errors import CannotStart, Interrupted, UnknownName
from chaoskit.flows import simulation
from chaoskit.simulator.__main__ import beginning


def test_where_nothing_runs_there_is_no_status_and_nothing_to_stop(tmp_path: Path) -> None:
    assert simulation.status(tmp_path / "nowhere") is None
    assert simulation.down(tmp_path / "nowhere") is False


@pytest.mark.parametrize("text", ["", "{", '{"pid": '])
def test_a_status_that_is_half_written_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert simulation.status(tmp_path) is None


def test_a_status_of_a_process_that_has_ended_is_none(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (tmp_path / "status.json").write_text(json.dumps({"pid": ended.pid}))
    assert simulation.status(tmp_path) is None


def test_a_stranger_who_has_the_number_of_one_that_was_killed_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    first = simulation.up(folder)
    os.kill(first.pid, signal.SIGKILL)
    os.waitpid(first.pid, 0)
    told = json.loads((folder / "status.json").read_text())
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        try:
            (folder / "status.json").write_text(json.dumps({**told, "pid": stranger.pid}))
            assert simulation.status(folder) is None
            assert simulation.down(folder) is False
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_of_two_that_are_started_at_once_one_runs_and_both_are_told_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    try:
        with ThreadPoolExecutor() as pool:
            begun = [pool.submit(simulation.up, folder, seed=seed) for seed in (3, 4)]
            first, second = (each.result() for each in begun)
        assert first == second == simulation.status(folder)
        assert len(simulators(folder)) == 1
    finally:
        simulation.down(folder)
    assert simulators(folder) == []


def test_one_that_is_just_starting_is_not_taken_for_none(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    folder.mkdir()
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CannotStart, match="just starting"):
            simulation.down(folder)
    assert simulation.down(folder) is False


def test_a_simulator_runs_on_its_own_and_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    try:
        first = simulation.up(folder, speed=30, seed=5)
        second = simulation.up(folder, speed=1, seed=6)
        assert second == first == simulation.status(folder)
        assert (first.rate, first.seed, first.story) == (30, 5, "quiet")
        assert first.kubeconfig.stat().st_mode & 0o077 == 0
        assert os.getsid(first.pid) == first.pid  # Ctrl-C in our terminal does not reach it
    finally:
        stopped = simulation.down(folder)
    assert stopped
    assert not folder.exists()
    assert _has_ended(first.pid)


def test_a_simulator_that_was_killed_is_not_running_and_can_be_started_again(tmp_path: Path) -> None:
    try:
        first = simulation.up(tmp_path / "sim")
        os.kill(first.pid, signal.SIGKILL)
        os.waitpid(first.pid, 0)
        assert simulation.status(tmp_path / "sim") is None
        assert simulation.up(tmp_path / "sim").pid != first.pid
    finally:
        simulation.down(tmp_path / "sim")


def _time(running: simulation.Simulation) -> datetime:
    """What the simulated clock shows."""
    with kubernetes.connect(running.kubeconfig, clock=WallClock()) as cluster:
        data = cluster.get(simulation.PUBLISHED)["data"]
    clock = ScaledClock(
        rate=float(data["rate"]),
        anchor_wall=float(data["anchorWall"]),
        anchor_simulated=float(data["anchorSimulated"]),
    )
    return clock.now()


@pytest.mark.parametrize("killed", [False, True])
def test_the_next_clock_begins_where_the_last_one_ended(tmp_path: Path, *, killed: bool) -> None:
    """So no record of the next is older than one of the last, however far ahead that ran."""
    folder, wall = tmp_path / "sim", WallClock()
    try:
        first = simulation.up(folder, speed=600)
        until(lambda: _time(first) > wall.now() + timedelta(minutes=30), 30, "it does not run ahead")
        until((tmp_path / "sim.clock").exists, 30, "its time is noted nowhere")
        last = _time(first)
        if killed:
            os.kill(first.pid, signal.SIGKILL)
            os.waitpid(first.pid, 0)
            last -= timedelta(seconds=600 * 3)  # it is noted once a second of the wall
        else:
            simulation.down(folder)
            assert not folder.exists()
        assert _time(simulation.up(folder)) >= last
    finally:
        simulation.down(folder)


@pytest.mark.parametrize("text", ["", "soon", "2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00"])
def test_a_clock_begins_now_where_the_last_one_is_behind_or_unreadable(tmp_path: Path, text: str) -> None:
    noted = tmp_path / "sim.clock"
    noted.write_text(text)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert beginning(noted, now) == now
    assert beginning(tmp_path / "none", now) == now
    noted.write_text("2026-03-01T00:00:01+00:00")
    assert beginning(noted, now) == now + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("story", "said"),
    [
        ("frob", r"no story is called 'frob'; there are .*memory-leak.*quiet"),
        ("memory-leak:crat", r"memory-leak cannot befall shop/crat, only one of .*cart, catalog, .*shipping"),
    ],
)
def test_a_story_that_cannot_be_is_said_with_those_that_can(tmp_path: Path, story: str, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        simulation.up(tmp_path / "sim", story=story)
    assert not (tmp_path / "sim").exists()


def test_one_that_does_not_start_says_why_and_keeps_its_log(tmp_path: Path) -> None:
    (tmp_path / "sim/kubeconfig").mkdir(parents=True)  # in the way
    with pytest.raises(CannotStart, match=r"the simulator did not start: .*kubeconfig") as caught:
        simulation.up(tmp_path / "sim")
    assert caught.value.hint == f"its log: {tmp_path / 'sim/log'}"
    assert "kubeconfig" in (tmp_path / "sim/log").read_text(encoding="utf-8")


def test_one_that_is_not_wanted_any_more_is_gone_with_its_files(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Interrupted):
        simulation.up(tmp_path / "sim", history=168, stop=stop)
    assert not (tmp_path / "sim").exists()


def _has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_that_is_lent_is_gone_after_the_block_whatever_ends_it() -> None:
    with contextlib.suppress(ZeroDivisionError), simulation.lent(seed=3) as running:
        folder = running.kubeconfig.parent
        assert simulation.status(folder) == running
        raise ZeroDivisionError
    assert simulators(folder) == []
    assert not folder.parent.exists()
