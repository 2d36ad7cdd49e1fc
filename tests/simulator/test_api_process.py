"""A simulator that runs in a process of its own, as ``sim up`` starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from .conftest import Client


def test_it_tells_where_it_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    flags = ["--state", str(tmp_path), "--speed", "10", "--seed", "3", "--no-shop", "--history", "0.1"]
    process = subprocess.Popen([sys.executable, "-m", "chaoskit.simulator", *flags])
    try:
        status = tmp_path / "status.json"
        deadline = time.monotonic() + 60
        while not status.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        told = json.loads(status.read_text())
        assert (told["pid"], told["seed"], told["rate"]) == (process.pid, 3, 10.0)
        config = (tmp_path / "kubeconfig").read_text()
        token = config.partition('token: "')[2].partition('"')[0]
        assert (tmp_path / "kubeconfig").stat().st_mode & 0o077 == 0
        assert Client(told["url"], token)("GET", "/api/v1/nodes").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_client_library() -> None:
    heavy = "{'kubernetes', 'requests', 'pydantic', 'numpy'}"
    code = f"import sys, chaoskit.simulator.__main__; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
