"""People hear of an alarm once while it lasts, by however many controllers, and of its end."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
from tests.flows.watched import Kept, Pager, app, night, node
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.errors import Forbidden, Unavailable
from chaoskit.flows.duties.predicting import AGAIN, Alarms
from chaoskit.flows.duties.saying import Saying
from chaoskit.flows.foreseeing import Manner, Outlook
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.prediction import Health, Silent
from chaoskit.records import PredictionRecord

MINUTE = 60.0


def outlook(*alarmed: str, silent: Collection[str] = ()) -> Outlook:
    found = tuple(
        PredictionRecord(
            id=target, at=NOW, trace_id="t", model="m", namespace="shop", target=target, cluster="fake",
            probability=0.9, low=None, high=None,
            score=1.2, issue="memory-leak", alarmed=True, reasons=("memory climbs",), horizon_minutes=30,
        )
        for target in alarmed
    )  # fmt: skip
    quiet = tuple(Silent("shop", target, 5.0) for target in silent)
    return Outlook(NOW, found, Manner("m", "forest", 30), Health(), quiet)


@pytest.fixture
def pager() -> Pager:
    return Pager()


@pytest.fixture
def kept(tmp_path: Path, pager: Pager) -> Kept:
    return night(tmp_path, node("node-1"), *app("cart"), notifier=pager)


def alarms(kept: Kept) -> Alarms:
    """Those of a process that has just begun to lead."""
    return Alarms(kept.world, Saying(kept.clock, kept.listen))


def test_a_new_leader_pages_nobody_anew(kept: Kept, pager: Pager) -> None:
    for _ in range(3):
        mine = alarms(kept)
        for _ in range(5):
            mine.heed("shop", outlook("deployment/cart"))
            kept.clock.turn(MINUTE)
    assert pager.pages == ["deployment/cart in shop is likely to fail"]
    assert pager.notices[0].text == "memory climbs"
    assert len(kept.steps("predicted")) == 3


def test_what_lasts_is_told_again_after_hours(kept: Kept, pager: Pager) -> None:
    mine = alarms(kept)
    mine.heed("shop", outlook("deployment/cart"))
    kept.clock.turn(AGAIN + 1)
    mine.heed("shop", outlook("deployment/cart"))
    assert len(pager.pages) == 2


def test_its_end_is_told_after_some_minutes_but_not_when_its_samples_stop(kept: Kept, pager: Pager) -> None:
    mine = alarms(kept)
    mine.heed("shop", outlook("deployment/cart"))
    for _ in range(10):
        kept.clock.turn(MINUTE)
        mine.heed("shop", outlook(silent=["deployment/cart"]))
    assert pager.cleared == []
    for _ in range(10):
        kept.clock.turn(MINUTE)
        alarms(kept).heed("shop", outlook())
    assert pager.cleared == ["chaoskit/fake/shop/deployment/cart/foreseen"]


def test_a_look_for_recovery_ends_no_alarm(kept: Kept, pager: Pager) -> None:
    alarms(kept).heed("shop", outlook("deployment/cart"))
    kept.run(["recover"], at_most=900)
    assert pager.cleared == []


def test_who_may_not_write_it_down_pages_no_more_than_once(kept: Kept, pager: Pager) -> None:
    def deny(verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.CONFIG_MAP:
            raise Forbidden(f"{verb} {ref}")

    kept.cluster.before_write = deny
    mine = alarms(kept)
    for _ in range(5):
        mine.heed("shop", outlook("deployment/cart"))
        kept.clock.turn(MINUTE)
    assert len(pager.pages) == 1


def test_a_page_that_nobody_took_is_sent_again(kept: Kept, pager: Pager) -> None:
    taken, answers = pager.send, [False, True]

    def send(notice: Notice) -> None:
        if not answers.pop(0):
            raise Unavailable("no answer", service="webhook")
        taken(notice)

    pager.send = send  # type: ignore[method-assign]
    mine = alarms(kept)
    mine.heed("shop", outlook("deployment/cart"))
    assert kept.told("nobody was told: no answer")
    mine.heed("shop", outlook("deployment/cart"))
    mine.heed("shop", outlook("deployment/cart"))
    assert len(pager.pages) == 1


def test_without_anybody_to_tell_nothing_is_written(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *app("cart"))
    alarms(kept).heed("shop", outlook("deployment/cart"))
    assert kept.steps("predicted") == ["deployment/cart in shop is likely to fail: memory climbs"]
    assert kept.cluster.list(kube.CONFIG_MAP).items == ()
