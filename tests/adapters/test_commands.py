"""Commands on this machine: how they end, what they leave behind."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from chaoskit.adapters.commands import LocalCommands
from chaoskit.errors import NotFound, TimedOut


def test_a_command_tells_what_it_wrote_and_how_it_ended() -> None:
    ended = LocalCommands().run(["sh", "-c", "echo yes; echo no >&2; exit 3"], timeout=10)
    assert (ended.stdout, ended.stderr, ended.exit_code) == ("yes\n", "no\n", 3)


def test_a_command_inherits_all_but_chaoskits_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHAOSKIT_MODEL_KEY", "CHAOSKIT_WEBHOOK", "CHAOSKIT_STORE", "SHOP"):
        monkeypatch.setenv(name, "hunter2")
    ended = LocalCommands().run(["sh", "-c", "env | grep hunter2 | sort"], timeout=10)
    assert ended.stdout == "CHAOSKIT_STORE=hunter2\nSHOP=hunter2\n"


def test_a_program_that_does_not_exist_is_not_a_failed_condition() -> None:
    with pytest.raises(NotFound, match="no-such-program"):
        LocalCommands().run(["no-such-program"], timeout=10)


def test_a_command_that_takes_too_long_ends_with_what_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with pytest.raises(TimedOut, match=r"within 0\.5 s"):
        LocalCommands().run(["sh", "-c", f"sleep 600 & echo $! > {child}; wait"], timeout=0.5)
    assert gone(int(child.read_text()))


def test_what_it_left_in_the_background_ends_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    line = f"sleep 600 >/dev/null 2>&1 & echo $! > {child}"
    assert LocalCommands().run(["sh", "-c", line], timeout=10).exit_code == 0
    assert gone(int(child.read_text()))


def test_it_has_no_input_to_wait_for() -> None:
    assert LocalCommands().run(["cat"], timeout=10).stdout == ""


def test_none_outlives_the_process_that_waits_for_it_in_another_thread(tmp_path: Path) -> None:
    started, commands = tmp_path / "started", LocalCommands()
    os.mkfifo(started)
    line = ["sh", "-c", f"echo $$ > {started}; sleep 600"]
    thread = threading.Thread(target=commands.run, args=(line,), kwargs={"timeout": 60.0})
    thread.start()
    pid = int(started.read_text())
    commands.close()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert gone(pid)


def gone(pid: int) -> bool:
    """Dead, or dead and not yet collected by its new parent."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False
