"""Who attaches Litmus to a cluster hears clearly when that cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.servers import free_port

from chaoskit.simulator import kubeconfig
from chaoskit.simulator.litmus import images


def attach(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chaoskit.simulator.litmus", "attach", "--kubeconfig", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_where_litmus_runs_already_no_second_one_is_attached(simulated_kubeconfig: Path) -> None:
    ended = attach(simulated_kubeconfig)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Litmus runs in namespace litmus already\n"


def test_a_cluster_that_does_not_answer_is_told_in_a_line(tmp_path: Path) -> None:
    config = kubeconfig.write(tmp_path / "kubeconfig", f"http://127.0.0.1:{free_port()}", "token", "")
    ended = attach(config)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Connection refused" in ended.stderr


@pytest.mark.skipif(shutil.which("busybox") is None, reason="busybox is not installed")
def test_every_program_of_the_images_is_a_shell_script_or_a_binary_that_runs(tmp_path: Path) -> None:
    images.write(tmp_path)
    for name in ("bin/sh", "bin/bash", "bin/chaos-operator", "experiments", "helpers", "stub", "stress"):
        assert os.access(tmp_path / name, os.X_OK)
        subprocess.run([tmp_path / "bin/busybox", "sh", "-n", tmp_path / name], check=True)
    assert (tmp_path / "bin/wget").readlink() == Path("busybox")
