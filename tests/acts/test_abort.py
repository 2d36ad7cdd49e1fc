"""Asking acts to end: each of them is asked, also when another has just ended by itself."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import pytest
from tests.acts.fake import CART, FakeCluster, deployment

from chaoskit import kube
from chaoskit.acts import handover
from chaoskit.acts.abort import abort
from chaoskit.acts.accounts import ABORT, Account, accounts, prune
from chaoskit.acts.doubts import LATE
from chaoskit.acts.entries import Entry
from chaoskit.acts.following import follow
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import Rescued
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict, Forbidden, NotFound, Unavailable
from chaoskit.events import Event, Step, Warned, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef


def test_an_act_that_has_just_ended_keeps_no_other_from_being_asked() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledgers = [
        Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(), trace_id="t")
        for id_ in ("run1", "run2")
    ]
    wanted = accounts(cluster)
    ledgers[0].close(Outcome.PASSED)

    clock.call_at(0.5, lambda: heard.append(ledgers[1].wanted_end()))
    clock.call_at(0.7, lambda: ledgers[1].close(Outcome.INTERRUPTED))
    heard: list[str] = []
    ended = abort(cluster, clock, wanted, "incident 7")
    assert {each.account.id for each in ended} == {"run1", "run2"}
    assert heard == ["incident 7"]


def two(cluster: FakeCluster, clock: ManualClock) -> list[Ledger]:
    return [
        Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(), trace_id="t")
        for id_ in ("run1", "run2")
    ]


def test_acts_of_one_namespace_are_awaited_by_who_may_see_it_alone() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledgers, wanted = two(cluster, clock), accounts(cluster, "shop")
    cluster.hidden.add(("leases", ""))
    for ledger in ledgers:
        clock.call_at(2.5, partial(ledger.close, Outcome.INTERRUPTED))
    ended = abort(cluster, clock, wanted, "incident 7")
    assert {each.account.id for each in ended} == {"run1", "run2"}


class Silent(FakeCluster):
    """A cluster that answers no list before `until`."""

    def __init__(self, clock: ManualClock, until: float) -> None:
        super().__init__()
        self.clock, self.until = clock, until

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        if self.until > self.clock.monotonic() >= 1:
            raise Unavailable("no answer", service="kubernetes")
        return super().list(kind, namespace, labels=labels, fields=fields)


def test_a_server_that_is_away_for_a_while_takes_no_act_for_dead() -> None:
    clock = ManualClock()
    cluster = Silent(clock, clock.monotonic() + 60)
    ledgers, wanted = two(cluster, clock), accounts(cluster, "shop")
    for ledger in ledgers:
        clock.call_at(70, partial(ledger.close, Outcome.INTERRUPTED))
    heard = list[Event]()
    ended = abort(cluster, clock, wanted, "incident 7", listen=heard.append)
    assert clock.monotonic() >= 70
    assert [each.detail for each in heard if isinstance(each, Step)] == [
        f"chaos {id_} was told to end; it is waited for" for id_ in ("run1", "run2")
    ]
    assert [each.undo.state for each in ended] == ["confirmed", "confirmed"]


def test_a_look_that_comes_late_takes_no_act_for_dead() -> None:
    """The list was tried again until the server was back; the run's own process could not renew either."""

    class Slow(FakeCluster):
        def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
            if 10 < clock.monotonic() < 38:
                clock.turn(38 - clock.monotonic())
            return super().list(kind, namespace, labels=labels, fields=fields)

    cluster, clock = Slow(deployment(replicas=5)), ManualClock()
    ledger, _ = two(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    (wanted,) = (each for each in accounts(cluster) if each.id == "run1")
    for at in (9, 39, 50):
        clock.call_at(at, ledger.renew)

    def end() -> None:
        assert ledger.undo().state == "confirmed"
        ledger.close(Outcome.INTERRUPTED)

    clock.call_at(55, end)
    (ended,) = abort(cluster, clock, [wanted], "incident 7")
    assert (ended.undo.state, ended.steps) == ("confirmed", ())
    assert clock.monotonic() >= 55


def test_a_server_that_stays_away_is_not_waited_for_for_ever() -> None:
    clock = ManualClock()
    cluster = Silent(clock, float("inf"))
    two(cluster, clock)
    wanted = accounts(cluster, "shop")
    with pytest.raises(Unavailable):
        abort(cluster, clock, wanted, "incident 7")


def test_one_that_cannot_be_asked_keeps_no_other_from_it() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledgers = [
        Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(), trace_id="t")
        for id_ in ("run1", "run2")
    ]

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref.name == "chaoskit-run1":
            raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = fail
    with pytest.raises(Unavailable):
        abort(cluster, clock, accounts(cluster), "incident 7")
    assert [each.wanted_end() for each in ledgers] == ["", "incident 7"]


def test_a_run_that_was_accepted_and_is_called_off_tells_so_for_an_hour() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    account = handed(cluster, clock)
    handover.accept(cluster, account, "controller-1")
    (ended,) = abort(cluster, clock, accounts(cluster), "incident 7")
    assert (ended.account.id, ended.undo.state) == ("run1", "none needed")
    (known,) = accounts(cluster)
    assert (known.state, known.outcome) == ("done", "interrupted")
    assert known.reason == "called off before it began: incident 7"
    assert known.keep_until == clock.now() + timedelta(seconds=handover.KEEP)
    assert handover.handed(cluster) == ()
    with pytest.raises(NotFound):
        handover.document_of(cluster, known)
    with pytest.raises(Conflict):
        Ledger.take_over(cluster, clock, account)
    clock.sleep(handover.KEEP + 1)
    assert prune(cluster, clock, "shop") == 1


def beside_one_that_runs(cluster: FakeCluster, clock: ManualClock, *, accepted: bool = True) -> Ledger:
    """A run waits, and the ledger is that of another, which has begun."""
    waiting = handed(cluster, clock)
    if accepted:
        handover.accept(cluster, waiting, "controller-1")
    return Ledger.open(cluster, clock, id="run2", act="chaos", namespace="shop", targets=(), trace_id="t")


def denying(cluster: FakeCluster, verb: str, kind: Kind) -> None:
    """The run that waits is not to be called off, or not without a rest."""

    def deny(asked: str, ref: ObjectRef) -> None:
        if (asked, ref.kind, ref.name) == (verb, kind, "chaoskit-run1"):
            raise Forbidden(f"no right to {verb} {ref}")

    cluster.before_write = deny


def test_a_run_that_waits_and_cannot_be_called_off_keeps_none_that_runs_from_being_asked() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = beside_one_that_runs(cluster, clock)
    denying(cluster, "patch", kube.LEASE)
    with pytest.raises(Forbidden, match="no right to patch"):
        abort(cluster, clock, accounts(cluster), "incident 7")
    assert ledger.wanted_end() == "incident 7"


@pytest.mark.parametrize("accepted", [True, False])
def test_what_stays_of_a_run_that_was_called_off_is_told(*, accepted: bool) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = beside_one_that_runs(cluster, clock, accepted=accepted)
    denying(cluster, "delete", kube.SECRET)
    clock.call_at(0.7, lambda: ledger.close(Outcome.INTERRUPTED))
    heard: list[Event] = []
    ended = abort(cluster, clock, accounts(cluster), "incident 7", listen=heard.append)
    assert [(each.account.id, each.undo.state) for each in ended] == [
        ("run1", "none needed"),
        ("run2", "confirmed"),
    ]
    (told,) = [each.message for each in heard if isinstance(each, Warned)]
    assert told == (
        "chaos run1 is called off, but secret/chaoskit-run1 stays: no right to delete secret/chaoskit-run1"
    )
    assert handover.handed(cluster) == ()


def test_those_that_run_are_asked_before_those_that_wait_are_called_off() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    beside_one_that_runs(cluster, clock)
    cluster.wrote.clear()
    stop = threading.Event()
    stop.set()
    abort(cluster, clock, accounts(cluster), "incident 7", stop=stop)
    assert cluster.wrote[:2] == ["patch lease/chaoskit-run2", "patch lease/chaoskit-run1"]


def test_who_follows_it_hears_how_it_ended() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    handover.accept(cluster, handed(cluster, clock), "controller-1")
    (account,) = accounts(cluster)
    abort(cluster, clock, [account], "incident 7")
    (seen,) = accounts(cluster)
    ended = follow(cluster, clock, seen, ignore, stop=threading.Event())
    assert (ended.outcome, ended.reason) == ("interrupted", "called off before it began: incident 7")


def test_a_run_that_nobody_has_accepted_is_withdrawn() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    handed(cluster, clock)
    abort(cluster, clock, accounts(cluster), "incident 7")
    assert accounts(cluster) == ()


def test_what_is_dead_and_undone_here_is_kept() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    two(cluster, clock)[0].write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    kept: list[Rescued] = []

    def keep(rescued: Rescued) -> Rescued:
        kept.append(rescued)
        return rescued

    ended = abort(cluster, clock, accounts(cluster)[:1], "incident 7", keep=keep)
    assert [each.account.id for each in kept] == [each.account.id for each in ended] == ["run1"]
    assert [each.name for each in kept[0].steps] == ["rescue", "undo"]


def test_what_may_come_of_several_that_are_dead_is_waited_for_together() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    for each in two(cluster, clock):
        each.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    ended = abort(cluster, clock, accounts(cluster), "incident 7")
    assert [each.undo.state for each in ended] == ["confirmed"] * 2
    assert clock.monotonic() == pytest.approx(30 + LATE, abs=3)


def handed(cluster: FakeCluster, clock: ManualClock) -> Account:
    return handover.hand_over(
        cluster, clock, id="run1", namespace="shop", document="what to do", trace_id="t", name="x"
    )


class Counted(FakeCluster):
    looks = 0

    def get(self, ref: ObjectRef) -> Object:
        self.looks += 1
        return super().get(ref)


def test_the_answer_to_a_write_says_whether_an_end_is_wanted_and_is_a_look_for_a_moment() -> None:
    cluster, clock = Counted(), ManualClock()
    ledger, _ = two(cluster, clock)

    def asked() -> tuple[str, int]:
        before = cluster.looks
        return ledger.wanted_end(), cluster.looks - before

    assert asked() == ("", 1)
    ledger.note("pod-delete")
    assert asked() == ("", 0)
    cluster.patch(ledger.account.ref, {"metadata": {"annotations": {ABORT: "incident 7"}}})
    clock.sleep(0.2)
    assert asked() == ("incident 7", 1)
    ledger.note("container-kill")
    assert asked() == ("incident 7", 0)
