"""`sim up`, `status` and `down`: a simulator that outlives the command, and is gone when it is told to."""

from __future__ import annotations

from pathlib import Path

from tests.commandline import CommandLine

from chaoskit import kube
from chaoskit.adapters import kubernetes
from chaoskit.clock import WallClock
from chaoskit.flows import simulation


def test_a_simulator_comes_stays_and_goes(stranger: CommandLine) -> None:
    up = stranger("sim", "up", "--history", 0, "--story", "quiet", "--speed", 10, "--seed", 3)
    try:
        again = stranger("sim", "up")
        faster = stranger("sim", "up", "--speed", 50, "-o", "json")
        status, told = stranger("sim", "status", "-o", "json").json, stranger("sim", "status").out
        seen = stranger("recover", "-n", "kube-system", "--dry-run", env={"KUBECONFIG": up.out.strip()})
    finally:
        down = stranger("sim", "down", "-o", "json")
    assert up.out == again.out == f"{stranger.home / 'state/sim/kubeconfig'}\n"
    assert "Prometheus http://127.0.0.1:" in up.err
    assert "ran already" not in up.err + again.err
    assert "! it ran already, without --speed 50.0: chaoskit sim down" in faster.err
    assert faster.json == status
    assert (status["seed"], status["speed"], status["story"]) == (3, 10, "quiet")
    assert "history      0 h\npods         of the usual shop\n" in told
    assert seen.err.splitlines()[0] == "cluster  simulator · seed 3 · 10 times faster"
    assert (down.code, down.err, down.json["stopped"]) == (0, "simulator  stopped\n", True)
    assert simulation.status(stranger.home / "state/sim") is None
    assert not (stranger.home / "state/sim").exists()
    assert stranger("sim", "down").err == "simulator  none was running\n"


def test_a_larger_shop_is_drawn_from_the_seed(stranger: CommandLine) -> None:
    shop = ("--history", 0, "--story", "quiet", "--speed", 10, "--pods", 40)
    up = stranger("sim", "up", *shop)
    try:
        status = stranger("sim", "status", "-o", "json").json
        with kubernetes.connect(Path(up.out.strip()), clock=WallClock()) as cluster:
            pods = cluster.list(kube.POD, "shop").items
    finally:
        stranger("sim", "down")
    assert status["pods"] == 40
    assert len(pods) == 40


def test_a_story_that_does_not_exist_is_2_with_those_that_do(stranger: CommandLine) -> None:
    ended = stranger("sim", "up", "--history", 0, "--story", "frob")
    assert (ended.code, ended.out) == (2, "")
    assert "no story is called 'frob'; there are" in ended.err
    assert not (stranger.home / "state/sim").exists()
