"""Which acts have died, by what a watch on their Leases brings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.acts.fake import CART

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.clock import ManualClock
from chaoskit.flows.deaths import Deaths, seem_dead, words
from chaoskit.ports.cluster import ObjectRef


def account(version: str = "1", **more: Any) -> Account:
    given: dict[str, Any] = {
        "ref": ObjectRef(kube.LEASE, "shop", "run1"), "id": "run1", "act": "chaos", "state": "active",
        "targets": (CART,), "entries": (), "holder": "a:1:run1", "renewed": "", "duration": 30,
        "trace_id": "t", "version": version,
    }  # fmt: skip
    return Account(**{**given, **more})


def test_a_lease_that_stands_still_for_its_duration_is_dead_and_told_once() -> None:
    clock = ManualClock()
    deaths = Deaths(clock)
    deaths.saw(account())
    clock.turn(29)
    deaths.saw(account())  # told again by a new list: not renewed
    assert list(deaths.dead()) == []
    clock.turn(1)
    assert [each.version for each in deaths.dead()] == ["1"]
    assert list(deaths.dead()) == []


def test_a_renewal_is_a_sign_of_life() -> None:
    clock = ManualClock()
    deaths = Deaths(clock)
    for version in range(9):
        deaths.saw(account(str(version)))
        clock.turn(20)
        assert list(deaths.dead()) == []


def test_nobody_died_while_nothing_could_be_seen() -> None:
    clock = ManualClock()
    deaths = Deaths(clock)
    deaths.saw(account())
    clock.turn(29)
    deaths.blind()
    clock.turn(300)
    assert list(deaths.dead()) == []
    deaths.sees()
    clock.turn(29)
    assert list(deaths.dead()) == []
    clock.turn(1)
    assert len(list(deaths.dead())) == 1


def test_a_watch_that_was_never_broken_counts_on_when_it_is_synced_again() -> None:
    clock = ManualClock()
    deaths = Deaths(clock)
    deaths.saw(account())
    clock.turn(29)
    deaths.sees()
    clock.turn(1)
    assert len(list(deaths.dead())) == 1


@pytest.mark.parametrize(("silent", "well"), [(10, True), (1, False)])
def test_nobody_died_while_the_loop_stood_or_the_server_was_away(silent: float, *, well: bool) -> None:
    clock = ManualClock()
    deaths = Deaths(clock)
    deaths.saw(account())
    for _ in range(29):
        clock.turn(1)
        deaths.heard(well=True)
    clock.turn(silent)
    deaths.heard(well=well)
    assert list(deaths.dead()) == []


def test_what_has_ended_or_waits_for_somebody_cannot_die() -> None:
    clock = ManualClock()
    deaths = Deaths(clock)
    deaths.saw(account())
    deaths.saw(account("2", state="done"))
    deaths.saw(account("3", state="handed", holder=""))
    clock.turn(60)
    assert list(deaths.dead()) == []
    deaths.saw(account("4", state="handed"))
    clock.turn(30)
    assert [each.state for each in deaths.dead()] == ["handed"]


def test_an_act_seems_dead_when_its_lease_is_long_overdue_and_it_has_not_ended() -> None:
    clock = ManualClock()
    renewed = kube.timestamp(clock.now())
    found = [account(renewed=renewed), account(renewed=renewed, state="done"), account(state="handed")]
    assert seem_dead(found, clock.now() + timedelta(seconds=90)) == ()
    assert seem_dead(found, clock.now() + timedelta(seconds=91)) == (found[0],)
    assert words(found[:1]) == "chaos run1 in namespace shop seems dead, with an undo to finish"
    assert words(()) == ""
