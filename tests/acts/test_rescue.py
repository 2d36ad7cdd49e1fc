from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node
from tests.acts.test_engine import TRAIL, chaos_engine, pod

from chaoskit import kube
from chaoskit.acts.accounts import LEDGER, account_of, accounts
from chaoskit.acts.doubts import LATE
from chaoskit.acts.engine import PATIENCE
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import Rescued, ahead, finish, rescue, undo
from chaoskit.acts.undoing import OUTAGE
from chaoskit.clock import ManualClock
from chaoskit.errors import ChaoskitError, Forbidden, Unavailable
from chaoskit.events import Event, Step, Warned, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef


def owing(cluster: FakeCluster, clock: ManualClock) -> Ledger:
    ledger = Ledger.open(
        cluster, clock, id="dead", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    return ledger


def test_a_run_that_stands_still_for_its_whole_lease_is_undone() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    owing(cluster, clock)
    done = rescue(cluster, clock)
    assert [(each.account.id, each.undo.state) for each in done] == [("dead", "confirmed")]
    assert cluster.get(CART)["spec"]["replicas"] == 3
    assert accounts(cluster) == ()
    assert clock.monotonic() >= 30


def test_a_run_that_renews_is_left_alone_however_old_its_lease_looks() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = owing(cluster, clock)
    clock.turn(1000)
    clock.call_at(5, ledger.renew)
    assert rescue(cluster, clock) == ()
    assert cluster.get(CART)["spec"]["replicas"] == 5


def test_what_cannot_be_undone_stays_for_the_next_rescue() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = owing(cluster, clock)
    ledger.write(Entry("sorcery", CART))
    assert rescue(cluster, clock)[0].undo.state == "not confirmed"
    assert [each.state for each in accounts(cluster)] == ["active"]


def other(cluster: FakeCluster, clock: ManualClock) -> Ledger:
    """A second dead run, of an earlier name."""
    ledger = Ledger.open(cluster, clock, id="a", act="chaos", namespace="shop", targets=(CART,), trace_id="t")
    ledger.write(Entry("field", CART, ("spec", "paused"), None, True))
    return ledger


@pytest.mark.parametrize("error", [Unavailable("no answer", service="kubernetes"), Forbidden("not yours")])
def test_an_account_that_fails_keeps_no_other_from_its_undo(error: ChaoskitError) -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    first = other(cluster, clock).account.ref
    owing(cluster, clock)

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref.name == first.name:
            raise error

    cluster.before_write = fail
    done = {each.account.id: each.undo for each in rescue(cluster, clock)}
    assert done["dead"].state == "confirmed"
    assert done["a"].state == "not confirmed"
    assert str(first) in done["a"].left[-1]
    assert [each.id for each in accounts(cluster)] == ["a"]


def test_what_is_undone_is_kept_so_though_its_lease_cannot_be_closed() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    owing(cluster, clock)
    kept: list[str] = []

    def keep(rescued: Rescued) -> Rescued:
        kept.append(rescued.undo.state)
        return rescued

    def fail(ref: ObjectRef, _options: object) -> None:
        raise Unavailable("no answer", service="kubernetes")

    cluster.before_delete = fail
    (done,) = rescue(cluster, clock, keep=keep)
    assert (done.undo.state, kept) == ("not confirmed", ["confirmed"])
    assert "no answer" in done.undo.left[0]


def test_a_bug_of_whoever_keeps_one_keeps_no_other_from_its_undo() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    other(cluster, clock)
    owing(cluster, clock)

    def fail(rescued: Rescued) -> Rescued:
        if rescued.account.id == "a":
            raise ZeroDivisionError
        return rescued

    with pytest.raises(ZeroDivisionError):
        rescue(cluster, clock, keep=fail)
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_a_ledger_that_cannot_be_read_is_told_and_blocks_no_other() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    spoilt = other(cluster, clock).account.ref
    cluster.patch(spoilt, {"metadata": {"annotations": {LEDGER: "[{}]"}}})
    owing(cluster, clock)
    done = {each.account.id: each.undo for each in rescue(cluster, clock)}
    assert done["dead"].state == "confirmed"
    assert "cannot be read" in done["a"].left[0]
    assert account_of(cluster.get(spoilt)).state == "active"


WEB = replace(CART, name="web")
REPLICAS = ("spec", "replicas")


def killed(cluster: FakeCluster, clock: ManualClock, id_: str, *entries: Entry) -> Ledger:
    """A dead run, which may have changed what it wrote down last, and may not."""
    ledger = Ledger.open(cluster, clock, id=id_, act="chaos", namespace="shop", targets=(CART,), trace_id="t")
    ledger.write(*entries)
    return ledger


def scaled(cluster: FakeCluster, clock: ManualClock) -> dict[ObjectRef, float]:
    """When each deployment was put back first."""
    times = dict[ObjectRef, float]()

    def note(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.DEPLOYMENT:
            times.setdefault(ref, clock.monotonic())

    cluster.before_write = note
    return times


def test_what_stands_of_any_is_put_back_at_once_whatever_is_waited_for_of_another() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3), deployment("web", replicas=0)), ManualClock()
    killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 0))
    killed(cluster, clock, "b", Entry("field", WEB, REPLICAS, 3, 0))
    times, ended = scaled(cluster, clock), dict[str, float]()

    def keep(rescued: Rescued) -> Rescued:
        ended[rescued.account.id] = clock.monotonic()
        return rescued

    assert [each.undo.state for each in rescue(cluster, clock, keep=keep)] == ["confirmed"] * 2
    assert times == {WEB: 30}
    assert ended == {"a": 30 + LATE, "b": 30}


def test_all_are_held_before_the_first_is_undone() -> None:
    """Nobody else takes over one of them while this process is at another."""
    cluster, clock = FakeCluster(deployment(replicas=0), deployment("web", replicas=0)), ManualClock()
    killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 0))
    killed(cluster, clock, "b", Entry("field", WEB, REPLICAS, 3, 0))
    cluster.wrote.clear()
    assert [each.undo.state for each in rescue(cluster, clock)] == ["confirmed"] * 2
    assert sorted(cluster.wrote[:2]) == ["patch lease/chaoskit-a", "patch lease/chaoskit-b"]


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("slow", ["node", "engine"])
def test_what_stands_is_put_back_before_an_engine_or_a_node_is_waited_for(slow: str, first: str) -> None:
    away = [{"type": "Ready", "status": "False", "lastTransitionTime": "09:05"}]
    cluster, clock = FakeCluster(deployment("web", replicas=0)), ManualClock()
    if slow == "node":
        cluster.create({**node(), "status": {"conditions": away}})
        owed = [Entry("ready", ObjectRef(kube.NODE, "", "node-1"), before="09:00", after="kubelet")]
    else:
        cluster.create(chaos_engine("initialized"))
        owed = []
    dead = {first: (*owed, TRAIL.entry()), "ab".replace(first, ""): (Entry("field", WEB, REPLICAS, 3, 0),)}
    for id_ in "ab":
        killed(cluster, clock, id_, *dead[id_])
    times = scaled(cluster, clock)
    done = {each.account.id: each.undo.state for each in rescue(cluster, clock)}
    assert times == {WEB: 30}
    assert done.pop(first) == "not confirmed"
    assert list(done.values()) == ["confirmed"]


@pytest.mark.parametrize("later", [5.0, 700.0])
@pytest.mark.parametrize("there", [3, 0])
def test_of_two_acts_on_one_object_the_later_one_is_undone_first(there: int, later: float) -> None:
    """A drill took all replicas and its recovery brought them back, or was about to."""
    cluster, clock = FakeCluster(deployment(replicas=there)), ManualClock()
    killed(cluster, clock, "1-drill", Entry("field", CART, REPLICAS, 3, 0))
    killed(cluster, clock, "2-recovery", Entry("field", CART, REPLICAS, 0, 3))
    clock.turn(later)
    heard = list[Event]()
    done = rescue(cluster, clock, listen=heard.append)
    told = [each.detail for each in heard if isinstance(each, Step)].count(WAITS[0])
    assert told == (later < 600 and there == 0)  # what the recovery asked for may come yet
    assert [(each.account.id, each.undo.state) for each in done] == [
        ("1-drill", "confirmed"),
        ("2-recovery", "confirmed"),
    ]
    assert cluster.get(CART)["spec"]["replicas"] == 3


def refusing(cluster: FakeCluster) -> None:
    """An admission webhook lets nobody change a deployment."""

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.DEPLOYMENT:
            raise Forbidden("admission webhook denied the request")

    cluster.before_write = fail


def undone(cluster: FakeCluster, clock: ManualClock) -> dict[str, tuple[str, ...]]:
    """What a rescue left of each."""
    return {each.account.id: each.undo.left for each in rescue(cluster, clock)}


WAITS = ("deployment/cart: its later change by chaos 2-recovery is undone first",)


def test_what_a_later_act_still_owes_an_older_one_waits_for() -> None:
    """The drill's value is not there, but nobody else's is either."""
    cluster, clock = FakeCluster(deployment(replicas=2)), ManualClock()
    killed(cluster, clock, "1-drill", Entry("field", CART, REPLICAS, 3, 0))
    killed(cluster, clock, "2-recovery", Entry("field", CART, REPLICAS, 0, 2))
    refusing(cluster)
    left = undone(cluster, clock)
    assert left["1-drill"] == WAITS
    assert "webhook" in left["2-recovery"][0]
    cluster.before_write = lambda _verb, _ref: None
    assert undone(cluster, clock) == {"1-drill": (), "2-recovery": ()}
    assert cluster.get(CART)["spec"]["replicas"] == 3
    assert accounts(cluster) == ()


def test_an_older_act_waits_for_a_later_one_that_cannot_be_read() -> None:
    """What the later one changed is not taken for a change of others; whoever can read it finishes both."""
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    killed(cluster, clock, "1", Entry("field", CART, REPLICAS, 3, 0))
    later = killed(cluster, clock, "2", Entry("field", CART, REPLICAS, 0, 5)).account.ref
    owed = cluster.get(later)["metadata"]["annotations"][LEDGER]
    cluster.patch(later, {"metadata": {"annotations": {LEDGER: "of another version"}}})
    left = undone(cluster, clock)
    assert "cannot be read" in left["1"][0]
    assert "cannot be read" in left["2"][0]
    assert not any(ahead(cluster, each) for each in accounts(cluster))  # what still stands may go
    cluster.patch(later, {"metadata": {"annotations": {LEDGER: owed}}})
    assert undone(cluster, clock) == {"1": (), "2": ()}
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_a_later_act_that_lives_is_waited_for() -> None:
    cluster, clock = FakeCluster(deployment(replicas=2)), ManualClock()
    killed(cluster, clock, "1-drill", Entry("field", CART, REPLICAS, 3, 0))
    lives = killed(cluster, clock, "2-recovery", Entry("field", CART, REPLICAS, 0, 2))
    for at in range(5, 60, 5):
        clock.call_at(at, lives.renew)
    assert undone(cluster, clock) == {"1-drill": WAITS}
    assert cluster.get(CART)["spec"]["replicas"] == 2
    assert lives.undo().state == "confirmed"
    lives.close(Outcome.NOT_RECOVERED)
    assert undone(cluster, clock) == {"1-drill": ()}
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_who_finishes_one_at_a_time_waits_for_a_later_one_as_well() -> None:
    cluster, clock = FakeCluster(deployment(replicas=2)), ManualClock()
    killed(cluster, clock, "1-drill", Entry("field", CART, REPLICAS, 3, 0))
    killed(cluster, clock, "2-recovery", Entry("field", CART, REPLICAS, 0, 2))

    def finish(id_: str) -> tuple[str, ...]:
        (found,) = (each for each in accounts(cluster) if each.id == id_)
        done = undo(cluster, clock, found, ignore)
        assert done is not None
        return done.undo.left

    drill = accounts(cluster)[0]
    assert (other := ahead(cluster, drill)) is not None
    assert other.id == "2-recovery"
    refusing(cluster)
    assert "webhook" in finish("2-recovery")[0]
    assert not ahead(cluster, drill)  # nothing but its own fields has to wait for people
    cluster.before_write = lambda _verb, _ref: None
    assert [finish(each) for each in ("1-drill", "2-recovery", "1-drill")] == [WAITS, (), ()]
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_the_server_says_which_act_is_the_later_one() -> None:
    """Ids are made by clocks that may be wrong."""
    cluster, clock = FakeCluster(deployment(replicas=2)), ManualClock()
    for minute, id_, values in ((1, "b-drill", (3, 0)), (2, "a-recovery", (0, 2))):
        ref = killed(cluster, clock, id_, Entry("field", CART, REPLICAS, *values)).account.ref
        cluster.patch(ref, {"metadata": {"creationTimestamp": f"2026-01-01T00:0{minute}:00Z"}})
    assert undone(cluster, clock) == {"a-recovery": (), "b-drill": ()}
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_the_engines_of_all_are_told_to_stop_before_one_is_waited_for() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    told = dict[str, float]()
    for number in "123":
        engine = chaos_engine("initialized")
        engine["metadata"].update(name=f"e{number}", uid=f"u{number}", labels={kube.RUN_LABEL: number})
        cluster.create(engine)
        ref = ObjectRef(kube.CHAOS_ENGINE, "shop", f"e{number}", f"u{number}")
        killed(cluster, clock, number, replace(TRAIL, engine=ref, run=number).entry())

    def note(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.CHAOS_ENGINE:
            told.setdefault(ref.name, clock.monotonic())

    cluster.before_write = note
    assert [len(left) > 0 for left in undone(cluster, clock).values()] == [True] * 3
    assert told == {"e1": 30, "e2": 30, "e3": 30}
    assert clock.monotonic() == pytest.approx(30 + PATIENCE, abs=1)


@pytest.mark.parametrize("others", [1, 3])
def test_acts_whose_undo_gets_no_answer_hold_up_no_other(others: int) -> None:
    names = [f"web{each}" for each in range(others)]
    cluster, clock = FakeCluster(deployment(replicas=0), *map(deployment, names)), ManualClock()
    killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 0))
    for name in names:
        cluster.patch(replace(CART, name=name), {"spec": {"replicas": 0}})
        killed(cluster, clock, name, Entry("field", replace(CART, name=name), REPLICAS, 3, 0))
    put_back = list[float]()

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref.name in names:
            raise Unavailable("its webhook does not answer", service="kubernetes")
        if ref == CART:
            put_back.append(clock.monotonic())

    cluster.before_write = fail
    left = undone(cluster, clock)
    assert [bool(left[each]) for each in ("a", *names)] == [False, *[True] * others]
    assert put_back == [30]
    assert clock.monotonic() == 30 + OUTAGE


@pytest.mark.parametrize(
    "spoilt",
    [
        Entry("element", ObjectRef(kube.NODE, "", "node-1"), ("spec", "taints")),
        Entry("resize", ObjectRef(kube.POD, "shop", "cart-1"), before={}),
        Entry("litmus-engine", TRAIL.engine, before=["shop"]),
    ],
)
def test_an_entry_of_the_wrong_shape_keeps_no_older_one_from_its_undo(spoilt: Entry) -> None:
    taints = [{"key": "a", "effect": "NoSchedule"}]
    cluster, clock = FakeCluster(deployment(replicas=5), node(taints=taints), pod("cart-1")), ManualClock()
    killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 5), spoilt)
    (left,) = undone(cluster, clock)["a"]
    assert "cannot be read" in left
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_what_may_come_of_many_is_waited_for_together() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    for each in range(10):
        killed(cluster, clock, f"run{each}", Entry("field", CART, REPLICAS, 3, 0))
    assert [each.undo.state for each in rescue(cluster, clock)] == ["confirmed"] * 10
    assert clock.monotonic() == pytest.approx(30 + LATE, abs=1)


def test_what_was_asked_of_a_pod_that_is_gone_is_not_waited_for() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    pod = ObjectRef(kube.POD, "shop", "cart-1", "uid-gone")
    killed(cluster, clock, "a", Entry("resize", pod, before={}, after={"c": {"limits": {"memory": "1Gi"}}}))
    assert [each.undo.state for each in rescue(cluster, clock)] == ["confirmed"]
    assert clock.monotonic() == 30


@pytest.mark.parametrize(("later", "waits"), [(5 * 60, LATE), (2 * 86400, 0)])
def test_what_was_asked_long_ago_is_not_waited_for(later: float, waits: float) -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    ledger = killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 0))
    with pytest.raises(Unavailable), ledger.doubting(*ledger.account.entries):
        raise Unavailable("no answer", service="kubernetes")
    clock.turn(later)
    assert [each.undo.state for each in rescue(cluster, clock)] == ["confirmed"]
    assert clock.monotonic() == later + 30 + waits


def test_what_comes_is_taken_back_at_once_while_that_of_another_is_waited_for() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3), deployment("web", replicas=3)), ManualClock()
    killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 0))
    killed(cluster, clock, "b", Entry("field", WEB, REPLICAS, 3, 0))
    times = scaled(cluster, clock)

    def comes() -> None:
        cluster.objects[(kube.DEPLOYMENT, "shop", "web")]["spec"]["replicas"] = 0

    clock.call_at(40, comes)
    rescue(cluster, clock)
    assert times == {WEB: pytest.approx(40, abs=1)}


def test_those_that_wait_are_held_while_another_is_undone() -> None:
    conditions = [{"type": "Ready", "status": "False", "lastTransitionTime": "09:05"}]
    cluster, clock = FakeCluster({**node(), "status": {"conditions": conditions}}), ManualClock()
    cluster.create(deployment(replicas=3))
    killed(cluster, clock, "a", Entry("field", CART, REPLICAS, 3, 0))
    stopped = Entry("ready", ObjectRef(kube.NODE, "", "node-1"), before="09:00", after="kubelet")
    killed(cluster, clock, "b", stopped, TRAIL.entry())  # waited for for longer than a Lease
    ages = list[float]()

    def look() -> None:
        renewed = {each.id: kube.time_of(each.renewed) for each in accounts(cluster)}["a"]
        assert renewed is not None
        ages.append((clock.now() - renewed).total_seconds())

    for at in range(35, 90, 5):
        clock.call_at(at, look)
    rescue(cluster, clock)
    assert len(ages) == 11
    assert max(ages) < 30 / 2


def test_what_another_takes_over_meanwhile_is_left_to_it_and_the_others_are_undone() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    for each in ("a", "b"):
        killed(cluster, clock, each, Entry("field", CART, REPLICAS, 3, 0))

    def take() -> None:
        (found,) = (each for each in accounts(cluster) if each.id == "a")
        Ledger.take_over(cluster, clock, found)

    clock.call_at(50, take)
    heard: list[Event] = []
    assert [each.account.id for each in rescue(cluster, clock, listen=heard.append)] == ["b"]
    assert [each.id for each in accounts(cluster)] == ["a"]
    assert [each.run for each in heard if isinstance(each, Warned)] == ["a"]


def test_what_another_took_before_it_could_be_taken_over_is_told() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    owing(cluster, clock)
    (found,) = accounts(cluster)
    Ledger.take_over(cluster, clock, found)
    heard: list[Event] = []
    assert finish(cluster, clock, [found], heard.append) == (None,)
    assert [each.message for each in heard if isinstance(each, Warned)] == [
        "chaos dead is not undone here: it was renewed, or is in other hands by now"
    ]


def test_a_run_that_another_rescuer_takes_in_the_middle_is_left_to_it() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    lease = owing(cluster, clock).account.ref
    raced = iter([True])

    def race(verb: str, ref: ObjectRef) -> None:
        if ref == CART and next(raced, False):
            Ledger.take_over(cluster, clock, account_of(cluster.get(lease)))

    cluster.before_write = race
    assert rescue(cluster, clock) == ()
    assert [each.state for each in accounts(cluster)] == ["active"]


class Away(FakeCluster):
    """A server whose lists take `silent` seconds from the 20th second on, once: they were tried again."""

    def __init__(self, clock: ManualClock, silent: float, *objects: Object) -> None:
        super().__init__(*objects)
        self.clock = clock
        self.silent = silent

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        if self.silent and self.clock.monotonic() >= 20:
            self.clock.turn(self.silent)
            self.silent = 0
        return super().list(kind, namespace, labels=labels, fields=fields)


def test_a_run_is_not_dead_because_the_server_was_away() -> None:
    clock = ManualClock()
    cluster = Away(clock, 25, deployment(replicas=5))
    ledger = owing(cluster, clock)
    clock.call_at(48, ledger.renew)  # its own process comes back a little later than this one
    assert rescue(cluster, clock) == ()
    assert cluster.get(CART)["spec"]["replicas"] == 5


class Slow(FakeCluster):
    """A server that takes so long for each list of Leases."""

    def __init__(self, clock: ManualClock, seconds: float, *objects: Object) -> None:
        super().__init__(*objects)
        self.clock, self.seconds = clock, seconds

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        if kind == kube.LEASE:
            self.clock.turn(self.seconds)
        return super().list(kind, namespace, labels=labels, fields=fields)


def test_a_dead_run_is_seen_where_every_look_is_late() -> None:
    clock = ManualClock()
    cluster = Slow(clock, 10, deployment(replicas=5))
    owing(cluster, clock)
    assert [each.undo.state for each in rescue(cluster, clock)] == ["confirmed"]
    assert clock.monotonic() < 120


def test_a_run_that_renews_is_left_alone_where_every_look_is_late() -> None:
    clock = ManualClock()
    cluster = Slow(clock, 10, deployment(replicas=5))
    ledger = owing(cluster, clock)
    for at in range(20, 200, 20):
        clock.call_at(at, ledger.renew)
    assert rescue(cluster, clock) == ()


def test_a_secret_that_was_stored_after_its_act_had_ended_is_told_and_left_to_a_person() -> None:
    """One of an act that begins, has a Lease, never ran, or is somebody else's is not."""
    cluster, clock = FakeCluster(), ManualClock()
    killed(cluster, clock, "b")
    old, young = (kube.timestamp(clock.now() - timedelta(minutes=each)) for each in (11, 9))
    for name, run, made, key in (
        ("chaoskit-a", "a", old, "entry-1"), ("chaoskit-b", "b", old, "entry-1"),
        ("chaoskit-c", "c", young, "entry-1"), ("theirs", "d", old, "entry-1"),
        ("chaoskit-e", "e", old, "document"),
    ):  # fmt: skip
        labels = {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: run}
        meta = {"name": name, "namespace": "shop", "creationTimestamp": made, "labels": labels}
        cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {key: ""}})
    stop, heard = threading.Event(), list[Event]()
    stop.set()
    rescue(cluster, clock, stop=stop, listen=heard.append)
    assert [each.message.split()[0] for each in heard if isinstance(each, Warned)] == ["secret/chaoskit-a"]
    assert len(cluster.list(kube.SECRET).items) == 5
    cluster.hidden.add(("secrets", ""))
    assert rescue(cluster, clock) != ()


def test_a_lease_that_may_not_be_looked_at_hides_no_secret_of_another_act() -> None:
    cluster, clock, heard = FakeCluster(), ManualClock(), list[Event]()
    for place in ("closed", "shop"):
        labels = {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: "a"}
        made = kube.timestamp(clock.now() - timedelta(minutes=11))
        meta = {"name": "chaoskit-a", "namespace": place, "creationTimestamp": made, "labels": labels}
        cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"entry-1": ""}})
    cluster.hidden.add(("leases", "closed"))
    rescue(cluster, clock, listen=heard.append)
    assert [each.message.split()[0] for each in heard if isinstance(each, Warned)] == ["secret/chaoskit-a"]
