"""Faults that Litmus announces by no event are injected when their first sign is seen, as any other."""

from __future__ import annotations

import pytest
from tests.experiments.conftest import World
from tests.experiments.lasting import lasting
from tests.experiments.made import event, result
from tests.experiments.test_terminal import course

from chaoskit.experiments import terminal
from chaoskit.experiments.signs import UNANNOUNCED
from chaoskit.outcome import Outcome


@pytest.mark.parametrize("kind", UNANNOUNCED)
def test_the_first_sign_is_the_injection_of_a_fault_without_an_event(world: World, kind: str) -> None:
    record = world.run(lasting(world, f"signs-{kind}", kind, "20s"))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.injected_at is not None
    assert record.injected_until is not None
    lasted = (record.injected_until - record.injected_at).total_seconds()
    assert 10 < lasted < 60
    told = [each.detail for each in record.timeline if each.name == "injected"]
    assert len(told) == 1
    assert told == record.evidence["changes"][:1]


def test_a_fault_that_showed_itself_is_over_when_litmus_checks_what_it_left() -> None:
    checked = course((45.1, "Event", event("PostChaosCheck")), (51.1, "ChaosResult", result("Pass")))
    assert terminal.over(checked, {}, ("pod-delete",)) == 45.1
    assert terminal.over(checked, {}) is None
    assert terminal.over(course(), {}, ("pod-delete",)) is None
