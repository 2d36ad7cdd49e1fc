"""Revisions: which one runs, which one to go back to, and that a restart is none."""

from __future__ import annotations

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


def test_a_revision_that_was_rolled_back_to_does_not_know_when_it_began() -> None:
    again = made.replica_set("cart", 3)
    again["metadata"]["annotations"][rollouts.REVISION_HISTORY] = "1"
    (found,) = rollouts.revisions(made.deployment("cart", revision=3), [again])
    assert found.began is None


def test_the_template_of_a_revision_is_the_deployments_own() -> None:
    body = made.deployment("cart", revision=1)
    (found,) = rollouts.revisions(body, [made.replica_set("cart", 1)])
    assert found.template == body["spec"]["template"]
