"""What other runbooks would have decided on what was recorded, and where nobody can say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW, RESTARTS, recorded

from chaoskit.errors import InvalidInput
from chaoskit.recovery import Plan, admission, classify, plain, planner, runbook
from chaoskit.recovery.replay import what_if


def test_the_same_runbooks_decide_the_same() -> None:
    found = what_if(recorded(), runbook.defaults())
    assert (found.changed, found.unclear) == (False, "")
    assert found.then == found.now != ()


def test_another_runbook_decides_otherwise() -> None:
    found = what_if(recorded(), (RESTARTS, *runbook.defaults()))
    assert found.changed
    assert found.now == ("restart-pod deployment/cart",)


@pytest.mark.parametrize("guard", ["cool-down", "attempts", "storm", "halt"])
def test_what_was_not_done_for_its_time_does_not_change(guard: str) -> None:
    found = what_if(recorded(refused=guard), (RESTARTS,))
    assert not found.changed
    assert found.then == (f"refused: {guard}",)
    assert found.unclear == f"{guard} forbade it, which says when and not what"


def test_a_recovery_whose_process_died_is_no_error() -> None:
    found = what_if(recorded(plan={}), (RESTARTS,))
    assert not found.changed
    assert (found.issue, found.target) == ("pod-crash", "deployment/cart")
    assert found.unclear == "its evidence was not kept: its process died"


def test_without_the_cluster_as_it_was_nothing_is_compared() -> None:
    found = what_if(recorded(snapshot={}), (RESTARTS,))
    assert (found.changed, found.unclear) == (False, "the cluster as it was is not kept")


def test_what_is_no_recovery_cannot_be_replayed() -> None:
    with pytest.raises(InvalidInput, match="no recovery that can be replayed"):
        what_if({"kind": "run", "id": "r1"}, (RESTARTS,))


@pytest.mark.parametrize("unseen", [False, True])
def test_a_record_says_who_told_of_a_symptom(unseen: bool) -> None:
    found = replace(made.symptom("memory-high"), heard=NOW, unseen=unseen)
    assert plain.symptom_of(plain.symptom(found)) == found
    older = {k: v for k, v in plain.symptom(found).items() if k not in {"heard", "unseen"}}
    assert plain.symptom_of(older) == made.symptom("memory-high")


def _told(runbooks: Sequence[runbook.Runbook], **heard: bool) -> dict[str, Any]:
    """The record of what only an alert told of."""
    (issue,) = classify([replace(made.symptom("memory-high"), heard=NOW)], now=NOW)
    seen = made.topology(made.pod("cart-0"))
    decided = admission.provable(planner.plan(issue, runbooks, seen, now=NOW), **heard)
    assert isinstance(decided, Plan)
    return recorded(
        plan=plain.decision(decided), snapshot=plain.snapshot(seen, issue.target), issue=issue.kind
    )


@pytest.mark.parametrize("hears_ends", [True, False])
def test_what_only_an_alert_told_of_is_decided_as_then(hears_ends: bool) -> None:
    found = what_if(_told(runbook.defaults(), hears_ends=hears_ends), runbook.defaults())
    assert (found.changed, found.unclear) == (False, "")
    assert found.then == found.now
    assert (found.now == ("notify deployment/cart",)) is not hears_ends


def test_of_an_alert_whose_end_nobody_may_have_heard_nothing_is_compared() -> None:
    (book,) = (each for each in runbook.defaults() if each.spec.matches.issue == "memory-leak")
    telling = [each for each in book.spec.remediations if each.action == "notify"]
    only = book.model_copy(update={"spec": book.spec.model_copy(update={"remediations": tuple(telling)})})
    found = what_if(_told((only,), hears_ends=True), runbook.defaults())
    assert found.unclear == "whether the end of its alerts would have been heard is not kept"
