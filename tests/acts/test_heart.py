"""The heart: a lease stays alive and a halt is heard while the act itself is busy."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from queue import SimpleQueue

import pytest
from tests.acts.fake import CART, FakeCluster

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.acts.accounts import ABORT, account_of
from chaoskit.acts.heart import Heart, Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.telling import told
from chaoskit.clock import Clock, ManualClock, ScaledClock
from chaoskit.errors import ChaoskitError, Forbidden, Interrupted, Refused, TakenOver, Unavailable
from chaoskit.events import Step
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef

LEASE = ObjectRef(kube.LEASE, "shop", "chaoskit-run1")


def opened(cluster: FakeCluster, clock: Clock, id_: str = "run1") -> Ledger:
    return Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(CART,), trace_id="t")


def quick() -> ScaledClock:
    return ScaledClock(rate=1000, anchor_wall=time.time(), anchor_simulated=time.time())


def test_a_lease_is_renewed_while_nobody_asks_the_ledger() -> None:
    cluster, clock, renewed = FakeCluster(), quick(), threading.Event()

    def saw(verb: str, _ref: ObjectRef) -> None:
        if verb == "patch":
            renewed.set()

    with Heart(cluster, clock) as heart:
        ledger = opened(cluster, clock)
        cluster.before_write = saw
        with heart.attending(ledger):
            assert renewed.wait(20)


def test_no_lease_waits_for_what_is_answered_about_another() -> None:
    cluster, clock, asked, answer = FakeCluster(), quick(), SimpleQueue[str](), threading.Event()

    def wait(_verb: str, ref: ObjectRef) -> None:
        asked.put(ref.name)
        answer.wait(20)

    with Heart(cluster, clock) as heart, ExitStack() as open_:
        pulses = crowd(cluster, clock, heart, open_)
        open_.callback(answer.set)
        cluster.before_write = wait
        assert {asked.get(timeout=10) for _ in pulses} == {each.ledger.account.ref.name for each in pulses}


def test_a_halt_is_heard_while_the_lease_of_another_act_is_written() -> None:
    cluster, clock, asked, answer = FakeCluster(), ManualClock(), threading.Event(), threading.Event()
    with Heart(cluster, clock) as heart, ExitStack() as open_:
        busy, other, *_ = crowd(cluster, clock, heart, open_)

        def wait(_verb: str, ref: ObjectRef) -> None:
            if ref == busy.ledger.account.ref:
                asked.set()
                answer.wait(20)

        cluster.before_write = wait
        clock.turn(15)
        writing = threading.Thread(target=busy.ledger.renew)
        writing.start()
        open_.callback(writing.join)
        open_.callback(answer.set)
        assert asked.wait(10)
        halt.halt(cluster, clock, ["chaos"], "incident 7")
        with pytest.raises(Refused, match="incident 7"):
            other.check()
        assert writing.is_alive()


def test_a_bug_in_the_hearts_thread_is_raised_by_whoever_asks() -> None:
    cluster, clock = FakeCluster(), quick()

    def fail(_verb: str, _ref: ObjectRef) -> None:
        raise ZeroDivisionError

    def asking(pulse: Pulse) -> None:
        while True:
            pulse.check()

    with Heart(cluster, clock) as heart:
        ledger = opened(cluster, clock)
        cluster.before_write = fail
        with heart.attending(ledger) as pulse, pytest.raises(ZeroDivisionError):
            asking(pulse)


def test_a_halt_reaches_an_act_under_way_and_not_its_undo() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        pulse.check()
        halt.halt(cluster, clock, ["chaos"], "incident 7")
        with pytest.raises(Refused, match="incident 7") as caught:
            pulse.check()
        assert caught.value.guard == "halt"
        pulse.held()


def test_a_halt_of_the_targets_namespace_counts_too() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = Ledger.open(
        cluster, clock, id="run1", act="chaos", namespace="litmus-ns", targets=(CART,), trace_id="t"
    )
    with Heart(cluster, clock) as heart, heart.attending(ledger) as pulse:
        halt.halt(cluster, clock, ["chaos"], "deploying", namespace=CART.namespace)
        with pytest.raises(Refused, match="in namespace shop"):
            pulse.check()


def test_who_was_taken_over_hears_of_it_and_goes_on_hearing_of_it() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
        clock.turn(20)
        for _ in range(2):
            with pytest.raises(TakenOver):
                pulse.held()


def test_a_server_that_does_not_answer_is_trouble_until_it_does() -> None:
    cluster, clock = FakeCluster(), ManualClock()

    def fail(verb: str, ref: ObjectRef) -> None:
        raise Unavailable("no answer", service="kubernetes")

    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        cluster.before_write = fail
        clock.turn(20)
        pulse.check()
        assert pulse.trouble == "lease not renewed: no answer"
        cluster.before_write = lambda _verb, _ref: None
        pulse.check()
        assert pulse.trouble == ""


def test_what_cannot_be_read_refuses_a_beginning_and_ends_nothing_that_has_begun() -> None:
    cluster, clock = Unreadable(), ManualClock()
    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        pulse.ask(begun=False)
        cluster.silent = True
        with pytest.raises(Refused, match="halts cannot be read: no answer") as caught:
            pulse.ask(begun=False)
        assert caught.value.guard == "halt"
        pulse.ask(begun=True)
        cluster.silent = False
        pulse.ask(begun=False)


class Unreadable(FakeCluster):
    """A cluster whose ConfigMaps cannot be read while it is `silent`."""

    silent = False

    def get(self, ref: ObjectRef) -> Object:
        if self.silent and ref.kind == kube.CONFIG_MAP:
            raise Unavailable("no answer", service="kubernetes")
        return super().get(ref)


def test_a_ledger_that_is_not_attended_any_more_is_left_alone() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    with Heart(cluster, clock) as heart:
        with heart.attending(opened(cluster, clock)):
            pass
        cluster.wrote.clear()
        clock.turn(20)
        with heart.attending(opened(cluster, clock, "run2")) as other:
            other.check()
        assert not [each for each in cluster.wrote if each == f"patch {LEASE}"]


def test_a_ledger_that_is_attended_twice_has_one_pulse_until_its_first_attendant_lets_go() -> None:
    cluster, clock = Counted(), ManualClock()
    with Heart(cluster, clock) as heart:
        one, other = opened(cluster, clock), opened(cluster, clock, "run2")
        with heart.attending(one) as pulse, heart.attending(other):
            with heart.attending(one) as inner, heart.attending(other):
                cluster.read.clear()
                pulse.held()
            assert inner is pulse
            assert "list leases" not in cluster.read  # two acts are no crowd
            clock.turn(20)
            cluster.wrote.clear()
            pulse.held()
            assert f"patch {LEASE}" in cluster.wrote


class Counted(FakeCluster):
    """Counts what is read, and forbids lists of some kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.unlisted: set[Kind] = set()

    def get(self, ref: ObjectRef) -> Object:
        self.read.append(f"get {ref.kind.plural}")
        return super().get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self.read.append(f"list {kind.plural}")
        if kind in self.unlisted:
            raise Forbidden(f"may not list {kind.plural}")
        return super().list(kind, namespace, labels=labels, fields=fields)


def crowd(cluster: FakeCluster, clock: Clock, heart: Heart, open_: ExitStack) -> list[Pulse]:
    return [open_.enter_context(heart.attending(opened(cluster, clock, f"run{i}"))) for i in range(8)]


def test_many_acts_of_a_namespace_are_read_at_once() -> None:
    cluster, clock = Counted(), ManualClock()
    with Heart(cluster, clock) as heart, ExitStack() as open_:
        pulses = crowd(cluster, clock, heart, open_)
        cluster.read.clear()
        pulses[0].held()
        assert sorted(cluster.read) == ["get configmaps", "get configmaps", "list leases"]


def test_right_before_an_act_its_own_lease_is_read_and_nothing_is_written_that_may_wait() -> None:
    cluster, clock = Counted(), ManualClock()
    with Heart(cluster, clock) as heart, ExitStack() as open_:
        pulses = crowd(cluster, clock, heart, open_)
        pulses[0].ledger.tell(Step(clock.now(), "pod-delete", "begun", run="run0"))
        clock.turn(9)
        cluster.read.clear()
        cluster.wrote.clear()
        pulses[0].ask()
        assert cluster.read[:3] == ["get leases", "get configmaps", "get configmaps"]
        assert cluster.wrote == []


def test_who_follows_one_of_many_hears_how_it_began_and_how_it_ended() -> None:
    cluster, clock, last = FakeCluster(), ManualClock(), list[Object]()
    cluster.before_delete = lambda ref, _: last.append(cluster.get(ref))
    with Heart(cluster, clock) as heart, ExitStack() as open_:
        ledger = crowd(cluster, clock, heart, open_)[1].ledger
        ledger.tell(Step(clock.now(), "undo written", "done", run="run1"))
        ledger.note("pod-delete")
        heart.ask()
        ledger.close(Outcome.PASSED)
    (lease,) = map(account_of, last)
    assert [step.name for step in told(lease.told)[1]] == ["undo written"]
    assert lease.outcome == Outcome.PASSED.value


def test_each_of_many_hears_what_is_meant_for_it() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    with Heart(cluster, clock) as heart, ExitStack() as open_:
        pulses = crowd(cluster, clock, heart, open_)
        cluster.patch(LEASE, {"metadata": {"annotations": {ABORT: "enough"}}})
        Ledger.take_over(
            cluster, clock, account_of(cluster.get(ObjectRef(kube.LEASE, "shop", "chaoskit-run2")))
        )
        heard = [type(caught(pulse)).__name__ for pulse in pulses]
        assert heard == ["NoneType", "Interrupted", "TakenOver", *["NoneType"] * 5]


def test_who_may_not_list_leases_reads_them_one_by_one() -> None:
    cluster, clock = Counted(), ManualClock()
    with Heart(cluster, clock) as heart, ExitStack() as open_:
        pulses = crowd(cluster, clock, heart, open_)
        cluster.patch(LEASE, {"metadata": {"annotations": {ABORT: "enough"}}})
        cluster.unlisted.add(kube.LEASE)
        assert isinstance(caught(pulses[1]), Interrupted)


def caught(pulse: Pulse) -> ChaoskitError | None:
    try:
        pulse.check()
    except ChaoskitError as error:
        return error
    return None


def test_an_act_whose_lease_is_gone_does_not_go_on() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        pulse.check()
        cluster.delete(LEASE)
        with pytest.raises(TakenOver, match="is gone"):
            pulse.check()


def test_a_halt_is_heard_though_the_lease_cannot_be_renewed() -> None:
    cluster, clock = FakeCluster(), ManualClock()

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.LEASE:
            raise Unavailable("no answer", service="kubernetes")

    with Heart(cluster, clock) as heart, heart.attending(opened(cluster, clock)) as pulse:
        halt.halt(cluster, clock, ("chaos",), "incident")
        cluster.before_write = fail
        clock.turn(20)
        with pytest.raises(Refused, match="incident"):
            pulse.check()
