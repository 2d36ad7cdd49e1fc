"""What a guard forbids and hurts: a person is told, with guard and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acts.fake import FakeCluster
from tests.flows.watched import Pager
from tests.recovery.made import NOW, symptom
from tests.recovery.test_hardships import Shop

from chaoskit import recovery
from chaoskit.clock import ManualClock
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome
from chaoskit.recovery import Options, Reach, Refusal, classify, unattended
from chaoskit.recovery.runbook import OnFailure
from chaoskit.recovery.symptoms import Severity
from chaoskit.recovery.unattended import PATIENCE


def _refused(
    guard: str = "cool-down",
    *,
    severity: Severity = Severity.HIGH,
    outcome: Outcome = Outcome.REFUSED,
) -> Refusal:
    (issue,) = classify([symptom("crash-loop", severity=severity)], now=NOW)
    return Refusal(issue, guard, "10m", "it rests", NOW + timedelta(minutes=9), outcome)


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        pytest.param(_refused(), True, id="it hurts"),
        pytest.param(_refused("runbook"), True, id="nothing applies"),
        pytest.param(_refused("halt"), True, id="halted"),
        pytest.param(_refused(outcome=Outcome.UNDO_UNCONFIRMED), False, id="a dead act's, told with it"),
        pytest.param(_refused(severity=Severity.MEDIUM), False, id="it does not hurt"),
        pytest.param(_refused("interlock"), False, id="an experiment's doing"),
        pytest.param(_refused("told"), False, id="they know"),
        pytest.param(_refused(outcome=Outcome.NOTHING_TO_DO), False, id="an effect"),
    ],
)
def test_what_hurts_for_a_while_and_nobody_knows_of_is_for_a_person(refusal: Refusal, told: bool) -> None:
    assert unattended.is_for_a_person(refusal, PATIENCE) is told
    assert not unattended.is_for_a_person(refusal, PATIENCE - timedelta(seconds=1))


def test_a_person_hears_once_of_the_guard_and_until_when() -> None:
    cluster, clock, pager = FakeCluster(), ManualClock(NOW), Pager()
    reach = Reach(cluster, None, clock, Governor(cluster, clock), notifier=pager)
    assert unattended.tell(_refused(), PATIENCE, OnFailure(), reach) == "a person was told"
    assert unattended.tell(_refused("attempts"), PATIENCE, OnFailure(), reach) == ""
    (notice,) = pager.notices
    assert notice.title == "pod-crash of deployment/cart in shop"
    assert notice.text == (
        "crash-loop of cart\nnot acted on: cool-down until 12:09 UTC: it rests (limit: 10m)"
    )
    clock.turn(4 * 3600)
    assert unattended.tell(_refused(), PATIENCE, OnFailure(), reach) == "a person was told"


def test_nobody_hears_of_it_where_the_runbook_calls_nobody() -> None:
    cluster, clock, pager = FakeCluster(), ManualClock(NOW), Pager()
    reach = Reach(cluster, None, clock, Governor(cluster, clock), notifier=pager)
    assert unattended.tell(_refused(), PATIENCE, OnFailure(escalate=False), reach) == ""
    assert pager.notices == []


def test_who_heard_that_it_is_not_acted_on_hears_once_that_it_was_tried_in_vain() -> None:
    shop, pager = Shop(), Pager()
    reach = replace(shop.reach(), notifier=pager)
    plan = shop.plan({"action": "restart-pod"})
    resting = Refusal(plan.issue, "cool-down", "10m", "it rests", shop.clock.now() + timedelta(minutes=9))
    assert unattended.tell(resting, PATIENCE, OnFailure(), reach) == "a person was told"
    for _ in range(2):
        shop.clock.turn(600)
        plan = shop.plan({"action": "restart-pod"})
        assert recovery.recover(plan, reach, Options(wait=False)).outcome is Outcome.NOT_RECOVERED
        assert unattended.tell(resting, PATIENCE, OnFailure(), reach) == ""
    rests, failed = [each.text for each in pager.notices]
    assert "not acted on: cool-down" in rests
    assert "tried restart-pod" in failed
