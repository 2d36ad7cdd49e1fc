"""People hear of an alarm once while it lasts, by however many controllers, and of its end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from tests.flows.watched import Kept, Pager, Town, app, night, node
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.errors import Forbidden, NoSamples, Unavailable
from chaoskit.flows.duties.predicting import AGAIN, Alarms, Predicting
from chaoskit.flows.duties.saying import Saying
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.records import PredictionRecord

MINUTE = 60.0
CART = ObjectRef(kube.DEPLOYMENT, "shop", "cart")


def foreseen(*alarmed: str, well: Collection[str] = ()) -> list[PredictionRecord]:
    return [
        PredictionRecord(
            id=target, at=NOW, trace_id="t", model="m", namespace="shop", target=target, cluster="fake",
            probability=0.9, low=None, high=None, score=1.2, issue="memory-leak", alarmed=target in alarmed,
            reasons=("memory climbs",), horizon_minutes=30,
        )
        for target in (*alarmed, *well)
    ]  # fmt: skip


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
            mine.heed("shop", foreseen("deployment/cart"))
            kept.clock.turn(MINUTE)
    assert pager.pages == ["deployment/cart in shop is likely to fail"]
    assert pager.notices[0].text == "memory climbs"
    assert len(kept.steps("predicted")) == 3


def test_what_lasts_is_told_again_after_hours(kept: Kept, pager: Pager) -> None:
    mine = alarms(kept)
    mine.heed("shop", foreseen("deployment/cart"))
    kept.clock.turn(AGAIN + 1)
    mine.heed("shop", foreseen("deployment/cart"))
    assert len(pager.pages) == 2


def ten_minutes(kept: Kept, *, well: Collection[str]) -> None:
    """Looks of one leader after the other, in which these alone have an answer."""
    for _ in range(10):
        kept.clock.turn(MINUTE)
        alarms(kept).heed("shop", foreseen(well=well))


def test_its_end_is_told_once_it_is_answered_without_an_alarm_for_some_minutes(
    kept: Kept, pager: Pager
) -> None:
    """Not when its samples stop: a leader that never heard of it has no answer, and knows no more."""
    alarms(kept).heed("shop", foreseen("deployment/cart"))
    ten_minutes(kept, well=["deployment/db"])
    assert pager.cleared == []
    ten_minutes(kept, well=["deployment/db", "deployment/cart"])
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/deployment/cart/foreseen"]


@pytest.mark.parametrize("gone", [False, True])
def test_the_alarm_of_a_workload_that_is_gone_or_scaled_to_zero_is_over(
    kept: Kept, pager: Pager, *, gone: bool
) -> None:
    alarms(kept).heed("shop", foreseen("deployment/cart"))
    kept.cluster.hidden.add((kube.DEPLOYMENT.plural, "shop"))
    ten_minutes(kept, well=[])  # nobody knows
    kept.cluster.hidden.clear()
    if gone:
        kept.cluster.delete(CART)
    else:
        kept.cluster.patch(CART, {"spec": {"replicas": 0}})
    assert pager.cleared == []
    ten_minutes(kept, well=[])
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/deployment/cart/foreseen"]


class Nothing:
    """A Prometheus that answers, and has no sample."""

    def range(self, *_: object, **__: object) -> tuple[()]:
        return ()


def test_where_no_sample_is_left_the_alarm_of_what_is_scaled_to_zero_is_over(
    tmp_path: Path, pager: Pager
) -> None:
    kept = Kept(Town(*app("cart")), tmp_path, Nothing(), clock=ManualClock(NOW), notifier=pager)
    alarms(kept).heed("shop", foreseen("deployment/cart"))
    duty, cleared = Predicting(kept.world, Saying(kept.clock, kept.listen)), list[list[str]]()
    for replicas in (2, 0):
        kept.cluster.patch(CART, {"spec": {"replicas": replicas}})
        for _ in range(10):
            kept.clock.turn(MINUTE)
            with pytest.raises(NoSamples):
                duty.look("shop")
        cleared.append([*pager.cleared])
    assert cleared == [[], ["chaoskit/uid-of-kube-system/shop/deployment/cart/foreseen"]]


def test_a_look_for_recovery_ends_no_alarm(kept: Kept, pager: Pager) -> None:
    alarms(kept).heed("shop", foreseen("deployment/cart"))
    kept.run(["recover"], at_most=900)
    assert pager.cleared == []


def test_who_may_not_write_it_down_pages_no_more_than_once(kept: Kept, pager: Pager) -> None:
    def deny(verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.CONFIG_MAP:
            raise Forbidden(f"{verb} {ref}")

    kept.cluster.before_write = deny
    mine = alarms(kept)
    for _ in range(5):
        mine.heed("shop", foreseen("deployment/cart"))
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
    mine.heed("shop", foreseen("deployment/cart"))
    assert kept.told("nobody was told: no answer")
    mine.heed("shop", foreseen("deployment/cart"))
    mine.heed("shop", foreseen("deployment/cart"))
    assert len(pager.pages) == 1


def test_what_a_rule_alarms_on_is_not_called_likely(kept: Kept, pager: Pager) -> None:
    (each,) = foreseen("deployment/cart")
    reasons = ("static rule: working set 213 of 256 MiB",)
    alarms(kept).heed("shop", [replace(each, rule="static rule", probability=0.07, reasons=reasons)])
    assert pager.pages == ["deployment/cart in shop is alarmed by static rule"]
    (step,) = kept.steps("predicted")
    assert step == "deployment/cart in shop is alarmed by static rule: working set 213 of 256 MiB"


def test_without_anybody_to_tell_nothing_is_written(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *app("cart"))
    alarms(kept).heed("shop", foreseen("deployment/cart"))
    assert kept.steps("predicted") == ["deployment/cart in shop is likely to fail: memory climbs"]
    assert kept.cluster.list(kube.CONFIG_MAP).items == ()
