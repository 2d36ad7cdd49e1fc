"""The arithmetic of rolling updates."""

from __future__ import annotations

from typing import Any

import pytest

from chaoskit.simulator.controllers import progress
from chaoskit.simulator.controllers.rollout import (
    Bounds,
    Set,
    bounds,
    new_replicas,
    old_replicas,
    proportional,
    scaled,
)


def deployment(replicas: int, **rolling: Any) -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return {"spec": {"replicas": replicas, "strategy": strategy}}


@pytest.mark.parametrize(
    ("value", "total", "up", "expected"),
    [("25%", 4, True, 1), ("25%", 3, True, 1), ("25%", 3, False, 0), (2, 10, True, 2), (None, 5, True, 0)],
)
def test_percentages_are_rounded_as_asked(
    value: int | str | None, total: int, up: bool, expected: int
) -> None:
    assert scaled(value, total, up=up) == expected


@pytest.mark.parametrize(
    ("replicas", "rolling", "expected"),
    [
        (2, {}, Bounds(surge=1, unavailable=0)),
        (10, {}, Bounds(surge=3, unavailable=2)),
        (3, {"maxSurge": 0, "maxUnavailable": 0}, Bounds(surge=0, unavailable=1)),
        (3, {"maxSurge": 0, "maxUnavailable": "50%"}, Bounds(surge=0, unavailable=1)),
        (1, {"maxSurge": 2, "maxUnavailable": 5}, Bounds(surge=2, unavailable=1)),
    ],
)
def test_surge_is_rounded_up_unavailability_down_and_never_both_zero(
    replicas: int, rolling: dict[str, Any], expected: Bounds
) -> None:
    assert bounds(deployment(replicas, **rolling)) == expected


def test_a_recreated_deployment_has_neither_surge_nor_unavailability() -> None:
    assert bounds({"spec": {"replicas": 3, "strategy": {"type": "Recreate"}}}) == Bounds(0, 0)


@pytest.mark.parametrize(
    ("wanted", "surge", "new", "every", "expected"),
    [(3, 1, 0, 3, 1), (3, 1, 1, 4, 1), (3, 1, 1, 3, 2), (3, 3, 0, 3, 3), (2, 0, 3, 3, 2), (3, 0, 0, 0, 3)],
)
def test_the_new_set_grows_only_into_the_room_there_is(
    wanted: int, surge: int, new: int, every: int, expected: int
) -> None:
    assert new_replicas(wanted, Bounds(surge, 0), new, every) == expected


def test_no_old_pod_goes_before_a_new_one_is_available() -> None:
    assert old_replicas(3, Bounds(1, 0), Set("new", 1, 0), [Set("old", 3, 3)]) == ()


def test_an_old_pod_goes_for_each_new_one_that_is_available() -> None:
    assert old_replicas(3, Bounds(1, 0), Set("new", 1, 1), [Set("old", 3, 3)]) == (("old", 2),)


def test_old_pods_that_do_not_work_go_first_and_at_once() -> None:
    broken, working = Set("broken", 1, 0), Set("working", 3, 3)
    assert old_replicas(3, Bounds(1, 0), Set("new", 0, 0), [broken, working]) == (("broken", 0),)


def test_unavailability_lets_old_pods_go_before_new_ones_are_there() -> None:
    assert old_replicas(4, Bounds(0, 2), Set("new", 0, 0), [Set("old", 4, 4)]) == (("old", 2),)


def test_a_scale_in_mid_rollout_is_shared_by_size() -> None:
    sets = [Set("new", 5, 5), Set("old", 10, 10)]
    shares = proportional(20, 15, Bounds(3, 2), sets)
    assert shares == {"new": 8, "old": 15}


def test_a_scale_to_nothing_in_mid_rollout_leaves_nothing() -> None:
    sets = [Set("new", 1, 1), Set("old", 3, 3)]
    assert proportional(0, 4, Bounds(1, 0), sets) == {"new": 0, "old": 0}


def test_a_failure_that_lasts_keeps_the_time_at_which_it_began() -> None:
    failing = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no"}
    owned = {"metadata": {"name": "d-1"}, "spec": {"replicas": 2}, "status": {"conditions": [failing]}}
    body: dict[str, Any] = deployment(2) | {"metadata": {"name": "d", "generation": 1}}
    body["spec"]["progressDeadlineSeconds"] = 600
    body["status"], _ = progress.status(body, owned, [owned], 1000.0)
    later, _ = progress.status(body, owned, [owned], 2000.0)
    (before,), (after,) = (
        [c for c in status["conditions"] if c["type"] == "ReplicaFailure"]
        for status in (body["status"], later)
    )
    assert after["lastTransitionTime"] == before["lastTransitionTime"]
