"""Revisions: which one runs, which one to go back to, and that a restart is none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recovery import made

from chaoskit import rollouts
from chaoskit.ports.cluster import Object


def _names(body: Object, *sets: Object) -> tuple[str, str]:
    found = rollouts.revisions(body, sets)
    running, healthy = rollouts.current(body, found), rollouts.last_healthy(body, found)
    return running.name if running else "", healthy.name if healthy else ""


def test_the_newest_earlier_revision_is_the_healthy_one() -> None:
    body = made.deployment("cart", revision=3)
    sets = [made.replica_set("cart", number) for number in (1, 2, 3)]
    assert _names(body, *sets) == ("cart-h3", "cart-h2")


def test_an_earlier_revision_that_still_serves_is_preferred() -> None:
    body = made.deployment("cart", revision=3)
    sets = [made.replica_set("cart", 1, ready=2), made.replica_set("cart", 2), made.replica_set("cart", 3)]
    assert _names(body, *sets) == ("cart-h3", "cart-h1")


def test_replica_sets_of_others_are_no_revisions() -> None:
    assert _names(made.deployment("cart", revision=1), made.replica_set("orders", 1)) == ("", "")


def test_while_its_controller_has_not_made_the_revision_there_is_none_to_go_back_from() -> None:
    assert _names(made.deployment("cart", revision=2), made.replica_set("cart", 1)) == ("", "")


def test_a_restart_is_not_a_revision_to_go_back_to() -> None:
    body = made.deployment("cart", revision=2)
    plain, restarted = made.replica_set("cart", 1), made.replica_set("cart", 2)
    plain["spec"]["template"]["spec"] = restarted["spec"]["template"]["spec"]
    for template in (body["spec"]["template"], restarted["spec"]["template"]):
        template["metadata"]["annotations"] = {rollouts.RESTARTED_AT: "2026-11-23T11:00:00Z"}
    assert _names(body, plain, restarted) == ("cart-h2", "")


def _restarted(number: int, of: Object, **more: Any) -> tuple[Object, Object]:
    """The deployment that was restarted, and the replica set of that: the template of an earlier one."""
    body, again = made.deployment("cart", revision=number), made.replica_set("cart", number, **more)
    stamp = {rollouts.RESTARTED_AT: "2026-11-23T11:00:00Z"}
    for template in (body["spec"]["template"], again["spec"]["template"]):
        template["spec"] = of["spec"]["template"]["spec"]
        template["metadata"]["annotations"] = stamp
    return body, again


@pytest.mark.parametrize("serves", [0, 3])
def test_a_restart_is_no_reason_to_go_back_to_the_release_before(serves: int) -> None:
    release = made.replica_set("cart", 3, ready=serves, age=90000)
    body, again = _restarted(4, release)
    assert _names(body, made.replica_set("cart", 2), release, again) == ("cart-h4", "")


def test_a_release_that_its_pipeline_restarts_at_once_is_as_new_as_it_was() -> None:
    release = made.replica_set("cart", 3, age=300)
    body, again = _restarted(4, release, age=295)
    assert _names(body, made.replica_set("cart", 2), release, again) == ("cart-h4", "cart-h2")


def test_a_bad_release_that_was_restarted_goes_back_to_the_one_that_still_serves() -> None:
    bad = made.replica_set("cart", 3)
    body, again = _restarted(4, bad)
    assert _names(body, made.replica_set("cart", 2, ready=2), bad, again) == ("cart-h4", "cart-h2")


@pytest.mark.parametrize(("serves", "healthy"), [(0, ""), (2, "cart-h2")])
def test_nobody_goes_back_to_what_was_rolled_back_from_unless_it_serves(serves: int, healthy: str) -> None:
    again = made.replica_set("cart", 3)
    again["metadata"]["annotations"][rollouts.REVISION_HISTORY] = "1"
    body = made.deployment("cart", revision=3)
    assert _names(body, made.replica_set("cart", 2, ready=serves), again) == ("cart-h3", healthy)


def test_a_restart_makes_what_was_rolled_back_to_no_newer() -> None:
    release = made.replica_set("cart", 3)
    release["metadata"]["annotations"][rollouts.REVISION_HISTORY] = "1"
    body, again = _restarted(4, release)
    assert _names(body, made.replica_set("cart", 2), release, again) == ("cart-h4", "")


@pytest.mark.parametrize(("serves", "healthy"), [(0, ""), (2, "cart-h3")])
def test_what_is_applied_again_looks_like_what_was_rolled_back_to(serves: int, healthy: str) -> None:
    sets = made.replica_set("cart", 3, ready=serves), made.replica_set("cart", 4)
    for each, earlier in zip(sets, "12", strict=True):
        each["metadata"]["annotations"][rollouts.REVISION_HISTORY] = earlier
    assert _names(made.deployment("cart", revision=4), *sets) == ("cart-h4", healthy)


def test_a_revision_that_was_rolled_back_to_does_not_know_when_it_began() -> None:
    again = made.replica_set("cart", 3)
    again["metadata"]["annotations"][rollouts.REVISION_HISTORY] = "1"
    (found,) = rollouts.revisions(made.deployment("cart", revision=3), [again])
    assert found.began is None


def test_the_template_of_a_revision_is_the_deployments_own() -> None:
    body = made.deployment("cart", revision=1)
    (found,) = rollouts.revisions(body, [made.replica_set("cart", 1)])
    assert found.template == body["spec"]["template"]
