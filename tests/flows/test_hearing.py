"""Alerts that fire are known while they fire, however they came; no number of them fills the memory."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.flows.hearing import FORGOTTEN, MOST, OLD, OVER, Hearing
from chaoskit.ports.metrics import Alert

AT = datetime(2026, 1, 1, tzinfo=UTC)


def alert(name: str, state: str = "firing", **labels: str) -> Alert:
    return Alert(name, {"alertname": name, **labels}, state, AT)


class Manager:
    """An Alertmanager that says what the test says, or does not answer."""

    def __init__(self, *alerts: Alert) -> None:
        self.alerts: tuple[Alert, ...] | None = alerts

    def firing(self) -> tuple[Alert, ...]:
        if self.alerts is None:
            raise Unavailable("away", service="Alertmanager")
        return self.alerts


def names(alerts: tuple[Alert, ...]) -> list[str]:
    return sorted(each.name for each in alerts)


def test_what_was_posted_fires_until_its_end_is_posted() -> None:
    hearing = Hearing(ManualClock())
    hearing.post([alert("A"), alert("A", pod="x"), alert("B")])
    hearing.post([alert("A"), alert("B", "resolved")])
    assert names(hearing.firing()) == ["A", "A"]
    assert names(hearing.over()) == ["B"]
    hearing.post([alert("B")])
    assert names(hearing.firing()) == ["A", "A", "B"]
    assert hearing.over() == ()


def test_what_alertmanager_answers_is_the_level_and_what_is_missing_is_over() -> None:
    manager = Manager(alert("A"), alert("B"))
    hearing = Hearing(ManualClock(), manager)
    hearing.ask()
    manager.alerts = (alert("B"),)
    hearing.ask()
    assert (names(hearing.firing()), names(hearing.over())) == (["B"], ["A"])


def test_what_was_posted_and_is_read_as_well_is_one() -> None:
    hearing = Hearing(ManualClock(), Manager(alert("A")))
    hearing.post([alert("A")])
    hearing.ask()
    assert names(hearing.firing()) == ["A"]
    hearing.post([alert("A", "resolved")])
    assert hearing.firing() == ()


def test_what_alertmanager_had_and_has_no_more_is_over_though_its_end_was_not_posted() -> None:
    clock, manager = ManualClock(), Manager(alert("A"), alert("B"))
    hearing = Hearing(clock, manager)
    hearing.post([alert("A"), alert("Other")])
    hearing.ask()
    hearing.post([alert("B")])
    manager.alerts = ()
    clock.turn(15)
    hearing.ask()
    assert names(hearing.firing()) == ["Other"]  # somebody else posts that
    assert names(hearing.over()) == ["A", "B"]


def test_it_is_known_when_an_alert_was_heard_last() -> None:
    clock = ManualClock(AT)
    hearing = Hearing(clock, Manager(alert("Read")))
    hearing.post([alert("Posted")])
    clock.turn(60)
    hearing.ask()
    assert {e.name: (clock.now() - e.heard).total_seconds() for e in hearing.firing() if e.heard} == {
        "Read": 0, "Posted": 60
    }  # fmt: skip


def test_whether_an_alert_fires_and_whether_its_end_will_be_heard() -> None:
    hearing = Hearing(ManualClock())
    hearing.post([alert("A"), alert("B")])
    before = hearing.hears_ends
    hearing.post([alert("B", "resolved")])
    assert (before, hearing.hears_ends) == (False, True)
    assert [hearing.fires({"alertname": name}) for name in "ABC"] == [True, False, None]
    assert Hearing(ManualClock(), Manager()).hears_ends


def test_while_alertmanager_is_away_its_last_answer_is_good_for_a_while() -> None:
    clock, manager = ManualClock(), Manager(alert("A"))
    hearing = Hearing(clock, manager)
    hearing.ask()
    manager.alerts = None
    with pytest.raises(Unavailable):
        hearing.ask()
    clock.turn(OLD)
    assert names(hearing.firing()) == ["A"]
    clock.turn(1)
    assert hearing.firing() == ()
    assert hearing.over() == ()  # nobody said so


def test_what_is_posted_no_more_is_forgotten() -> None:
    clock = ManualClock()
    hearing = Hearing(clock)
    hearing.post([alert("A"), alert("B")])
    clock.turn(FORGOTTEN - 1)
    hearing.post([alert("B"), alert("C", "resolved")])
    clock.turn(2)
    assert names(hearing.firing()) == ["B"]
    clock.turn(OVER)
    assert hearing.over() == ()


def test_of_too_many_the_newest_are_kept() -> None:
    hearing = Hearing(ManualClock())
    assert hearing.post(alert(f"A{i}") for i in range(MOST)) == 0
    hearing.post([alert("A0")])  # heard anew
    assert hearing.post([alert("B"), alert("C")]) == 2
    kept = names(hearing.firing())
    assert len(kept) == MOST
    assert {"A0", "B", "C"} <= set(kept)
    assert not {"A1", "A2"} & set(kept)
    hearing.post(alert(f"A{i}", "resolved") for i in range(2 * MOST))
    assert len(hearing.over()) == MOST


def test_who_does_not_lead_any_more_knows_nothing() -> None:
    hearing = Hearing(ManualClock())
    hearing.post([alert("A"), alert("B", "resolved")])
    hearing.forget()
    assert (hearing.firing(), hearing.over()) == ((), ())
