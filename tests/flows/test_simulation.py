"""The simulator in a process of its own: found again, waited for, ended, and gone when it was not wanted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaoskit.clock import Stop
from chaoskit.errors import CannotStart, Interrupted
from chaoskit.flows import simulation


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


def test_one_that_does_not_start_says_why_and_keeps_its_log(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no story is called 'frob'") as caught:
        simulation.up(tmp_path / "sim", story="frob")
    assert caught.value.hint == f"its log: {tmp_path / 'sim/log'}"
    assert "frob" in (tmp_path / "sim/log").read_text(encoding="utf-8")


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
