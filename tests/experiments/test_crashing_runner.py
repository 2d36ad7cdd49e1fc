"""A runner that crashes as soon as it runs ends its run after a minute, undone, not after its timeout."""

from __future__ import annotations

import pytest
from tests.experiments.conftest import World
from tests.experiments.directly import dump
from tests.experiments.lasting import lasting

from chaoskit.outcome import Outcome


def test_a_runner_that_crashes_again_and_again_ends_the_run_undone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.simulated is not None
    monkeypatch.setattr(world.simulated.knobs, "runner_crash", True)
    trial = lasting(world, "crashing-runner", "pod-cpu-hog", duration="10s")
    before = dump(world, "crashing-runner")
    began = world.clock.monotonic()
    record = world.run(trial)
    assert record.outcome is Outcome.CANNOT_START, record.reason
    assert (
        "-runner does not start: container chaos-runner crashes again and again (exit code 1" in record.reason
    )
    assert world.clock.monotonic() - began < 150
    assert dump(world, "crashing-runner") == before
