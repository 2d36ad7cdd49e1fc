"""What people were told of: when it is news again, and what becomes of spoilt memories of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.acts.fake import FakeCluster
from tests.flows.watched import Pager
from tests.recovery import made
from tests.recovery.made import NOW, symptom

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.clock import ManualClock
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Identity, ObjectRef
from chaoskit.recovery import classify, told
from chaoskit.recovery.escalation import People
from chaoskit.recovery.symptoms import Severity
from chaoskit.recovery.told import QUIET, Matter

(ISSUE,) = classify([symptom("image-pull")], now=NOW)
HERE = FakeCluster().identity()
MATTER = Matter.of(ISSUE, HERE)
HOURS = 4 * 3600.0


class Desk:
    """A cluster, its time, and somebody on call."""

    def __init__(self) -> None:
        self.cluster, self.clock, self.pager = FakeCluster(), ManualClock(made.NOW), Pager()
        self.people = People(self.cluster, self.clock, self.pager)

    def tell(self, matter: Matter = MATTER) -> str:
        return self.people.tell(matter, "it is gone", "critical", "r1", again=HOURS)

    def look(self, *, stands: bool) -> bool:
        known = told.look(self.cluster, MATTER)
        assert known is not None
        return told.seen(self.cluster, self.clock, known, stands=stands)


def test_who_was_told_is_told_again_only_after_hours() -> None:
    desk = Desk()
    assert desk.tell() == "a person was told"
    desk.clock.turn(HOURS - 60)
    assert desk.tell() == "a person was told 4 h ago"
    desk.clock.turn(60)
    assert desk.tell() == "a person was told"
    assert len(desk.pager.pages) == 2


@pytest.mark.parametrize(
    "worse",
    [
        replace(MATTER, kinds=MATTER.kinds | {"crash-loop"}),
        replace(MATTER, severity=Severity.CRITICAL),
    ],
)
def test_what_gets_worse_is_news_once(worse: Matter) -> None:
    desk = Desk()
    for matter in (MATTER, worse, MATTER, worse):
        desk.tell(matter)
    assert len(desk.pager.pages) == 2


def test_errors_that_grow_and_spread_just_after_they_were_told_of_are_no_other_news() -> None:
    desk = Desk()
    (issue,) = classify([symptom("errors", severity=Severity.MEDIUM)], now=NOW)
    few = Matter.of(issue, HERE)
    many = replace(few, kinds=few.kinds | {"latency"}, severity=Severity.HIGH)
    for matter in (few, many):
        desk.tell(matter)
    assert len(desk.pager.pages) == 1
    desk.clock.turn(QUIET.total_seconds())
    desk.tell(many)
    assert len(desk.pager.pages) == 2


def test_it_is_over_when_nothing_was_seen_of_it_for_a_while_without_a_break() -> None:
    desk = Desk()
    desk.tell()
    assert not desk.look(stands=False)
    desk.clock.turn(QUIET.total_seconds() - 1)
    assert not desk.look(stands=True)
    assert not desk.look(stands=False)
    desk.clock.turn(QUIET.total_seconds())
    assert desk.look(stands=False)
    known = told.look(desk.cluster, MATTER)
    assert known is not None
    desk.people.all_clear(known, "over")
    assert desk.pager.cleared == [MATTER.key]
    assert told.look(desk.cluster, MATTER) is None


INSIDE, PROXY = "https://10.96.0.1:443", "https://proxy:443"
LEDGER = Account(
    ObjectRef(kube.LEASE, "shop", "chaoskit-r1"), "r1", "chaos", "active", (), (), "", "", 0, "", ""
)


@pytest.mark.parametrize(
    "of",
    [
        lambda which: Matter.of(ISSUE, which),
        lambda which: Matter.of_storm("shop", which),
        lambda which: Matter.of_prediction("shop", "deployment/cart", "memory-leak", "it leaks", which),
        lambda which: Matter.of_owed(LEDGER, which),
    ],
    ids=["issue", "storm", "foreseen", "owed"],
)
def test_what_is_over_in_one_cluster_is_not_over_in_another(of: Callable[[Identity], Matter]) -> None:
    """Receivers know it by its key, Alertmanager by its labels."""
    eu, us = Identity("in-cluster", "u1", INSIDE), Identity("in-cluster", "u2", INSIDE)
    a, b = Identity("a", "", PROXY), Identity("b", "", PROXY)
    for one, other in ((of(eu), of(us)), (of(a), of(b))):
        assert one.key != other.key
        assert one.labels != other.labels
    assert of(eu).key == of(Identity("prod", "u1", "https://prod:6443")).key
    assert of(eu).labels.items() >= {"cluster": "in-cluster", "cluster_uid": "u1"}.items()


def test_what_an_earlier_version_told_of_is_over_by_the_key_and_labels_that_it_had() -> None:
    desk = Desk()
    labels = {name: each for name, each in MATTER.labels.items() if not name.startswith("cluster")}
    desk.tell(replace(MATTER, key="chaoskit/fake/shop/deployment/cart/image-pull", labels=labels))
    for _ in range(2):
        desk.people.review({"shop"}, lambda _: False)
        desk.clock.turn(QUIET.total_seconds())
    assert desk.pager.cleared == ["chaoskit/fake/shop/deployment/cart/image-pull"]
    assert desk.pager.notices[-1].labels == labels


def test_what_nobody_heard_needs_no_all_clear_and_is_told_when_somebody_is_there() -> None:
    desk = Desk()
    nobody = People(desk.cluster, desk.clock, None)
    assert "nobody is there" in nobody.tell(MATTER, "", "critical", "r1", again=HOURS)
    assert nobody.known(MATTER, HOURS) is not None
    assert desk.people.known(MATTER, HOURS) is None
    known = told.look(desk.cluster, MATTER)
    assert known is not None
    desk.people.all_clear(known, "over")
    assert desk.pager.notices == []


def test_a_memory_that_somebody_spoilt_is_none() -> None:
    desk = Desk()
    desk.tell()
    desk.cluster.patch(MATTER.ref, {"data": {"labels": "{"}})
    assert told.look(desk.cluster, MATTER) is None
    assert list(told.known(desk.cluster, ["shop"])) == []
    assert desk.tell() == "a person was told"
    assert told.look(desk.cluster, MATTER) is not None


def test_who_may_write_nothing_down_says_so() -> None:
    desk = Desk()

    def deny(_verb: str, _ref: ObjectRef) -> None:
        raise Forbidden("may not create configmaps")

    desk.cluster.before_write = deny
    assert desk.tell() == (
        "a person was told; that could not be written down, so it will be told again: "
        "may not create configmaps"
    )
