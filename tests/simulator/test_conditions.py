from __future__ import annotations

from chaoskit.simulator.conditions import turned

OLD = turned(None, "Ready", "True", "Well", "it is", "09:00", lastProbeTime=None)


def test_a_condition_keeps_the_time_at_which_its_verdict_last_turned() -> None:
    assert OLD["lastTransitionTime"] == "09:00"
    same = turned(OLD, "Ready", "True", "Better", "it is so", "09:05")
    assert (same["lastTransitionTime"], same["reason"], same["message"]) == ("09:00", "Better", "it is so")
    assert turned(OLD, "Ready", "False", "Worse", "", "09:05")["lastTransitionTime"] == "09:05"


def test_a_condition_has_the_fields_that_its_kind_has_beside() -> None:
    assert OLD["lastProbeTime"] is None
    assert "lastProbeTime" not in turned(OLD, "Ready", "True", "", "", "09:05")
