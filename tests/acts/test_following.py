"""What an act's Lease tells, and who follows it from elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster

from chaoskit import kube
from chaoskit.acts import handover
from chaoskit.acts.accounts import account_of
from chaoskit.acts.following import follow
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.telling import KEPT, Telling, told
from chaoskit.clock import Clock, ManualClock
from chaoskit.events import Event, Step, Warned
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Change, Object, ObjectRef

LEASE = ObjectRef(kube.LEASE, "shop", "chaoskit-run1")


def step(name: str, clock: Clock) -> Step:
    return Step(clock.now(), run="run1", name=name, mark="done", detail="x" * 1000)


class Watched(FakeCluster):
    """A cluster whose watch brings each version of a Lease that a test asks it to."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Change] = []

    def seen(self, type_: str = "MODIFIED", body: Object | None = None) -> None:
        self.changes.append(Change(type_, body or (self.get(LEASE) if type_ != "SYNCED" else {})))  # type: ignore[arg-type]

    def watch(self, *_: Any, **__: Any) -> Iterator[Change]:
        yield from self.changes


def opened(cluster: FakeCluster, clock: Clock) -> Ledger:
    return Ledger.open(
        cluster, clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )


def test_steps_are_in_the_lease_with_the_next_beat_the_last_of_many() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    for number in range(KEPT + 5):
        ledger.tell(step(f"step {number}", clock))
    ledger.tell(Event(clock.now()))
    with Heart(cluster, clock) as heart, heart.attending(ledger) as pulse:
        pulse.held()
    number, steps = told(account_of(cluster.get(LEASE)).told)
    assert number == KEPT + 5
    assert [each.name for each in steps] == [f"step {n}" for n in range(5, KEPT + 5)]
    assert {len(each.detail) for each in steps} == {300}


def test_with_nothing_new_to_tell_no_beat_writes() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        cluster.wrote.clear()
        pulse.held()
        assert cluster.wrote == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"number": 1}', '{"number": 1, "steps": [[1, 2]]}'])
def test_what_somebody_spoilt_tells_nothing(text: str) -> None:
    assert told(text) == (0, ())


def test_a_warning_is_told_as_a_step() -> None:
    at, telling = ManualClock().now(), Telling()
    telling(Warned(at, "put off", run="r"))
    assert told(telling.text()[0]) == (1, (Step(at, "warning", "note", "put off", run="r"),))


def test_telling_remembers_what_was_not_written() -> None:
    clock, telling = ManualClock(), Telling()
    telling(step("a", clock))
    _, number = telling.text()
    telling(step("b", clock))
    telling.written(number)
    assert telling.fresh


def test_each_step_is_heard_once_and_the_end_is_known() -> None:
    cluster, clock, heard = Watched(), ManualClock(), list[Event]()
    ledger = opened(cluster, clock)
    ledger.tell(step("a", clock))
    ledger.renew(news=True)
    begun = account_of(cluster.get(LEASE))
    cluster.seen("ADDED")
    cluster.seen("SYNCED")
    ledger.tell(step("b", clock))
    ledger.renew(news=True)
    cluster.seen()
    ledger.tell(step("c", clock))
    cluster.before_delete = lambda ref, _options: cluster.seen("DELETED") if ref.kind == kube.LEASE else None
    ledger.close(Outcome.PASSED, reason="it held")
    ended = follow(cluster, clock, begun, heard.append, stop=threading.Event())
    assert [each.name for each in heard if isinstance(each, Step)] == ["a", "b", "c"]
    assert (ended.state, ended.outcome, ended.reason) == ("done", "passed", "it held")


def test_a_lease_that_was_gone_before_the_watch_began_has_ended() -> None:
    cluster, clock = Watched(), ManualClock()
    begun = opened(cluster, clock).account
    cluster.seen("SYNCED")
    ended = follow(cluster, clock, begun, lambda _: None, stop=threading.Event())
    assert (ended.state, ended.outcome) == ("done", "")


def test_who_is_stopped_leaves_the_act_as_it_was() -> None:
    cluster, clock, stop = Watched(), ManualClock(), threading.Event()
    begun = opened(cluster, clock).account
    stop.set()
    assert follow(cluster, clock, begun, lambda _: None, stop=stop).state == "active"


def test_a_run_that_waits_tells_where_until_it_begins() -> None:
    cluster, clock, heard = Watched(), ManualClock(), list[Event]()
    waiting = handover.hand_over(
        cluster, clock, id="run1", namespace="shop", document="what to do", trace_id="t"
    )
    until = f"until {clock.now() + handover.WAITS:%H:%M} UTC at most"
    handover.accept(cluster, waiting, "host:1:controller")
    cluster.seen("ADDED")
    cluster.seen("SYNCED")
    cluster.seen()
    ledger = Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    cluster.seen()
    ledger.activate((CART,))
    cluster.seen()
    ledger.close(Outcome.PASSED, keep=handover.KEEP)
    cluster.seen()
    ended = follow(cluster, clock, waiting, heard.append, stop=threading.Event())
    assert [each.detail for each in heard if isinstance(each, Step)] == [
        f"on nobody's list yet, {until}",
        f"on the list of host:1:controller, {until}",
        f"in the hands of {ledger.account.holder}",
    ]
    assert {each.name for each in heard if isinstance(each, Step)} == {"waiting"}
    assert (ended.state, ended.outcome) == ("done", "passed")
