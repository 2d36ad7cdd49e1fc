"""What other runbooks would have decided on what was recorded, and where nobody can say."""

from __future__ import annotations

import pytest
from tests.recovery.made import RESTARTS, recorded

from chaoskit.errors import InvalidInput
from chaoskit.recovery import runbook
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
