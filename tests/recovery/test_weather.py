"""A mass failure of the whole cluster, seen one namespace after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.recovery.made import NOW, symptom

from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import classify
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.weather import Weather

BEGAN = NOW - timedelta(hours=3)
PLACES = ("p", "q", "r")


def ill(place: str, since: datetime = BEGAN) -> tuple[Issue, ...]:
    """Both of two workloads of the namespace find no image."""
    refs = [ObjectRef(symptom("image-pull").target.kind, place, name) for name in ("a", "b")]
    return classify([replace(symptom("image-pull"), target=ref, since=since) for ref in refs], now=NOW)


def looked(places: str, since: datetime = BEGAN) -> Weather:
    weather = Weather(wide=True)
    for place in places:
        weather.saw(place, ill(place, since), 2, PLACES)
    return weather


def test_one_that_rages_counts_its_members_however_old_they_are_by_now() -> None:
    raging = {"": BEGAN + timedelta(minutes=1)}
    assert looked("pqr").storms("r", (), NOW) == {}
    assert "6 of 6 workloads" in looked("pqr").storms("r", (), NOW, raging)[""].why
    assert looked("pqr", NOW - timedelta(weeks=2)).storms("r", (), NOW, raging) == {}


def test_it_is_over_when_all_was_looked_at_and_shows_it_no_more() -> None:
    raging, weather = {"": BEGAN}, looked("")
    for place in PLACES:
        weather.saw(place, (), 2, PLACES)
        assert weather.storms(place, (), NOW, raging) == {}
        assert weather.is_over("") == (place == "r")


def test_before_all_was_looked_at_it_is_taken_to_go_on_where_somebody_saw_it() -> None:
    raging = {"": BEGAN}
    assert looked("pq").unsure(raging) is not None
    assert looked("pqr").unsure(raging) is looked("pq").unsure({}) is None
    assert not looked("pq").is_over("")
