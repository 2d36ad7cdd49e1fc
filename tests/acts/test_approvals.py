"""Approvals: one question, one answer, over when its time is up; no yes is read into what is spoilt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from tests.acts.fake import FakeCluster

from chaoskit.acts import approvals, halt
from chaoskit.acts.approvals import EXPIRES, Request
from chaoskit.clock import ManualClock
from chaoskit.errors import Interrupted, NotFound, Refused
from chaoskit.recovery import approving


class Desk:
    def __init__(self) -> None:
        self.cluster, self.clock = FakeCluster(), ManualClock()
        self.asked = self.ask("r1")

    def ask(self, id_: str, minutes: float = 15) -> Request:
        return approvals.request(
            self.cluster, self.clock, id=id_, namespace="shop", issue="cart-pod-crash", plan="1. roll-back",
            digest="d1", within=timedelta(minutes=minutes),
        )  # fmt: skip

    def decide(self, answer: approvals.Answer = "approved") -> None:
        approvals.decide(self.cluster, self.clock, self.asked, answer, by="ann", reason="looked at it")


def test_what_is_approved_is_the_plan_that_was_asked_about() -> None:
    desk = Desk()
    desk.decide()
    found = approvals.look(desk.cluster, desk.asked)
    assert (found.state, found.by, found.reason, found.digest) == ("approved", "ann", "looked at it", "d1")
    assert approvals.pending(desk.cluster, desk.clock) == ()


def test_neither_question_nor_answer_has_what_looks_secret() -> None:
    desk = Desk()
    asked = approvals.request(
        desk.cluster, desk.clock, id="r2", namespace="shop", issue="cart-pod-crash",
        plan="probe failed: token=hunter2", digest="d2", within=timedelta(minutes=1),
    )  # fmt: skip
    approvals.decide(desk.cluster, desk.clock, asked, "denied", by="ann", reason="password=hunter2 first")
    found = approvals.look(desk.cluster, asked)
    assert (found.plan, found.reason) == ("probe failed: token=(hidden)", "password=(hidden) first")


@pytest.mark.parametrize("answer", ["approved", "denied"])
def test_a_question_is_decided_once(answer: approvals.Answer) -> None:
    desk = Desk()
    desk.decide(answer)
    with pytest.raises(Refused, match=f"was {answer} by ann"):
        desk.decide("approved")


def test_of_two_who_answer_at_once_one_is_heard() -> None:
    desk = Desk()
    bob = iter((True,))

    def quicker(_verb: str, _ref: object) -> None:
        if next(bob, False):
            approvals.decide(desk.cluster, desk.clock, desk.asked, "denied", by="bob")

    desk.cluster.before_write = quicker
    with pytest.raises(Refused, match="at this moment"):
        desk.decide()
    assert approvals.look(desk.cluster, desk.asked).state == "denied"


def test_nobody_says_yes_when_the_time_is_up() -> None:
    desk = Desk()
    desk.clock.turn(15 * 60)
    assert approvals.pending(desk.cluster, desk.clock) == ()
    with pytest.raises(Refused, match="is over"):
        desk.decide()


def test_a_question_whose_time_is_spoilt_is_over() -> None:
    desk = Desk()
    desk.cluster.patch(desk.asked.ref, {"metadata": {"annotations": {EXPIRES: "soon"}}})
    assert approvals.pending(desk.cluster, desk.clock) == ()


def test_a_withdrawn_question_has_no_answer() -> None:
    desk = Desk()
    approvals.withdraw(desk.cluster, desk.asked)
    with pytest.raises(NotFound):
        desk.decide()


def test_those_that_end_first_are_listed_first_and_those_of_the_dead_are_swept() -> None:
    desk = Desk()
    desk.ask("r2", minutes=5)
    assert [each.id for each in approvals.pending(desk.cluster, desk.clock, "shop")] == ["r2", "r1"]
    desk.clock.turn(3600 + 10 * 60)
    assert approvals.sweep(desk.cluster, desk.clock, "shop") == 1
    assert approvals.look(desk.cluster, desk.asked).id == "r1"


def _waited(desk: Desk, meanwhile: Callable[[], None], stop: threading.Event | None = None) -> Request:
    """What whoever waits gets, when this happens while it looks again."""
    turns = iter((meanwhile,))
    sleep = desk.clock.sleep

    class Clock(ManualClock):
        def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
            next(turns, lambda: None)()
            return sleep(seconds, stop)

        def now(self) -> datetime:
            return desk.clock.now()

    return approving.wait(desk.cluster, Clock(), desk.asked, stop or threading.Event())


def test_who_waits_goes_on_with_the_yes() -> None:
    desk = Desk()
    assert _waited(desk, desk.decide).by == "ann"


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (lambda desk: desk.decide("denied"), "denied by ann: looked at it"),
        (lambda desk: approvals.withdraw(desk.cluster, desk.asked), "withdrawn"),
        (lambda desk: desk.clock.turn(900), "nobody answered"),
        (lambda desk: halt.halt(desk.cluster, desk.clock, ["recovery"], "enough"), "enough"),
    ],
    ids=["denied", "withdrawn", "late", "halted"],
)
def test_who_waits_does_nothing_without_it(meanwhile: Callable[[Desk], None], words: str) -> None:
    desk = Desk()
    with pytest.raises(Refused, match=words):
        _waited(desk, lambda: meanwhile(desk))


def test_who_waits_can_be_stopped() -> None:
    stop = threading.Event()
    with pytest.raises(Interrupted):
        _waited(Desk(), stop.set, stop)
