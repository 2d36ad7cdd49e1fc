from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node
from tests.acts.test_engine import TRAIL, chaos_engine, pod
from tests.acts.test_undo import storing

from chaoskit import kube
from chaoskit.acts.accounts import KEEP_UNTIL, LEDGER, Account, account_of, accounts, prune
from chaoskit.acts.doubts import LATE
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.trail import Trail
from chaoskit.acts.undoing import OUTAGE, SOON
from chaoskit.clock import ManualClock
from chaoskit.errors import ChaoskitError, Conflict, Forbidden, TakenOver, Unavailable
from chaoskit.events import Event, Step
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.sharing import Ages, SharedCluster

LEASE = ObjectRef(kube.LEASE, "shop", "chaoskit-run1")


def opened(cluster: FakeCluster, clock: ManualClock, id_: str = "run1") -> Ledger:
    return Ledger.open(
        cluster, clock, id=id_, act="chaos", namespace="shop", targets=(CART,), trace_id="trace"
    )


def test_an_open_ledger_says_who_acts_on_what() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock)
    account = account_of(cluster.get(LEASE))
    assert (account.id, account.act, account.state) == ("run1", "chaos", "active")
    assert account.targets == (CART,)
    assert ":" in account.holder
    assert account.renewed.endswith(".000000Z")


def test_an_entry_is_in_the_cluster_before_the_caller_acts() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    entry = Entry("field", CART, ("spec", "replicas"), 3, 5)
    opened(cluster, clock).write(entry)
    assert account_of(cluster.get(LEASE)).entries == (entry,)


def test_what_is_owed_and_what_is_about_to_be_done_are_written_at_once() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    entry = Entry("field", CART, ("spec", "replicas"), 3, 5)
    ledger = opened(cluster, clock)
    cluster.wrote.clear()
    ledger.write(entry, action="scale-down")
    account = account_of(cluster.get(LEASE))
    assert (account.entries, account.actions, len(cluster.wrote)) == ((entry,), ("scale-down",), 1)


def test_a_lease_is_renewed_only_when_a_third_of_it_has_passed() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    first = cluster.get(LEASE)["spec"]["renewTime"]
    clock.turn(9)
    ledger.renew()
    assert cluster.get(LEASE)["spec"]["renewTime"] == first
    clock.turn(2)
    ledger.renew()
    assert cluster.get(LEASE)["spec"]["renewTime"] > first


def test_who_was_taken_over_cannot_renew() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    clock.turn(20)
    with pytest.raises(Conflict):
        ledger.renew()


def test_of_two_rescuers_one_gets_the_account() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock)
    account = account_of(cluster.get(LEASE))
    Ledger.take_over(cluster, clock, account)
    with pytest.raises(Conflict):
        Ledger.take_over(cluster, clock, account)


def test_entries_are_undone_newest_first_and_settled() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), node(unschedulable=True)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    node_1 = ObjectRef(kube.NODE, "", "node-1")
    ledger.write(Entry("field", node_1, ("spec", "unschedulable"), None, True))
    cluster.wrote.clear()
    assert ledger.undo().state == "confirmed"
    acts = [each for each in cluster.wrote if "lease" not in each]
    assert acts == ["patch node/node-1", "patch deployment/cart"]
    assert cluster.get(CART)["spec"]["replicas"] == 3
    assert account_of(cluster.get(LEASE)).entries == ()


def test_an_undo_that_fails_is_left_owed_and_told() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("sorcery", CART))
    undone = ledger.undo()
    assert undone.state == "not confirmed"
    assert "sorcery" in undone.left[0]
    ledger.close(Outcome.UNDO_UNCONFIRMED)
    assert account_of(cluster.get(LEASE)).state == "active"


def test_a_closed_ledger_is_kept_for_cool_downs_or_gone() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock).close(Outcome.PASSED, keep=60)
    account = accounts(cluster, "shop")[0]
    assert (account.state, account.outcome, account.ended) == ("done", "passed", clock.now())
    opened(cluster, clock, "run2").close(Outcome.PASSED)
    assert [each.id for each in accounts(cluster)] == ["run1"]


class Counted(FakeCluster):
    """Counts what is read; each patch looks at what it changes, which is no request."""

    looks = 0

    def get(self, ref: ObjectRef) -> Object:
        self.looks += 1
        return super().get(ref)

    def patch(self, ref: ObjectRef, patch: Any, **options: Any) -> Object:
        self.looks -= 1
        return super().patch(ref, patch, **options)


@pytest.mark.parametrize("keep", [0, 60])
def test_a_lease_tells_how_its_act_ended_before_anybody_else_hears_of_it(keep: float) -> None:
    """In two requests: each is also the look whether the Lease is ours still."""
    cluster, clock = Counted(), ManualClock()
    ledger, seen = opened(cluster, clock), list[Account]()
    cluster.wrote.clear()
    ledger.close(
        Outcome.WEAKNESS_FOUND,
        keep=keep,
        reason="cart was gone",
        ending=lambda: seen.extend(accounts(cluster)),
    )
    assert [(each.state, each.outcome, each.reason) for each in seen] == [
        ("active", "weakness-found", "cart was gone")
    ]
    last = "patch" if keep else "delete"
    assert (cluster.wrote, cluster.looks) == ([f"patch {LEASE}", f"{last} {LEASE}"], 0)


@pytest.mark.parametrize("keep", [0, 60])
def test_a_lease_that_another_took_while_the_end_was_handed_on_is_for_that_one_to_close(keep: float) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger, taken = opened(cluster, clock), list[Ledger]()

    def take_over() -> None:
        taken.append(Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE))))

    with pytest.raises(TakenOver, match="taken over by"):
        ledger.close(Outcome.PASSED, keep=keep, ending=take_over)
    (account,) = accounts(cluster, "shop")
    assert (account.state, account.holder) == ("active", taken[0].account.holder)


@pytest.mark.parametrize("keep", [0, 60])
def test_a_lease_that_was_labelled_while_the_end_was_handed_on_is_let_go_all_the_same(keep: float) -> None:
    cluster, clock = FakeCluster(), ManualClock()

    def label() -> None:
        cluster.patch(LEASE, {"metadata": {"labels": {"seen": "yes"}}})

    opened(cluster, clock).close(Outcome.PASSED, keep=keep, ending=label)
    assert [each.state for each in accounts(cluster, "shop")] == (["done"] if keep else [])


@pytest.mark.parametrize("keep", [0, 60])
def test_a_lease_that_is_removed_while_the_end_is_handed_on_is_closed_when_nothing_is_owed(
    keep: float,
) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock).close(Outcome.PASSED, keep=keep, ending=lambda: cluster.delete(LEASE))
    assert accounts(cluster) == ()


@pytest.mark.parametrize("gone", [True, False])
def test_who_hears_of_an_end_hears_of_it_though_the_lease_cannot_be_told(*, gone: bool) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger, heard = opened(cluster, clock), list[str]()

    def fail(_verb: str, _ref: ObjectRef) -> None:
        raise Unavailable("no answer", service="kubernetes")

    if gone:
        cluster.delete(LEASE)
        ledger.close(Outcome.PASSED, ending=lambda: heard.append("ended"))
    else:
        cluster.before_write = fail
        with pytest.raises(Unavailable):
            ledger.close(Outcome.PASSED, ending=lambda: heard.append("ended"))
    assert heard == ["ended"]


def test_a_secret_original_is_kept_in_a_secret_and_never_in_the_lease() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    cluster.patch(CART, {"spec": {"replicas": "new canary"}})
    ledger.write(Entry("field", CART, ("spec", "replicas"), "canary", "new canary", secret=True))
    assert "canary" not in json.dumps(cluster.get(LEASE))
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == "canary"
    ledger.close(Outcome.PASSED)
    assert cluster.list(kube.SECRET).items == ()


def test_an_undo_tells_what_was_put_back_and_notes_what_is_not_ours_any_more() -> None:
    cluster, clock = FakeCluster(deployment(replicas=7)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    ledger.write(Entry("field", CART, ("spec", "paused"), None, True))
    cluster.patch(CART, {"spec": {"paused": True}})
    heard: list[Event] = []
    undone = ledger.undo(heard.append)
    changed = "deployment/cart spec.replicas was changed by others since: it stays as it is"
    told = [(each.mark, each.detail) for each in heard if isinstance(each, Step)]
    assert told == [("done", "deployment/cart spec.paused is as before"), ("note", changed)]
    assert (undone.state, undone.notes) == ("confirmed", (changed,))


def test_a_lost_secret_keeps_no_other_entry_from_its_undo() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 2, 5))
    ledger.write(Entry("field", CART, ("spec", "paused"), "canary", True, secret=True))
    cluster.delete(ObjectRef(kube.SECRET, LEASE.namespace, LEASE.name))
    undone = ledger.undo()
    assert (undone.state, len(undone.left)) == ("not confirmed", 1)
    assert cluster.get(CART)["spec"]["replicas"] == 2


CUT = Unavailable("the connection was cut", service="kubernetes")


def lose_the_answer(cluster: FakeCluster, instead: ChaoskitError = CUT) -> None:
    """The next patch is stored, and whoever sent it hears something else, or never of it."""
    store = cluster.store

    def lost(verb: str, ref: ObjectRef, body: Object) -> Object:
        store(verb, ref, body)
        cluster.store = store  # type: ignore[method-assign]
        raise instead

    cluster.store = lost  # type: ignore[method-assign]


def test_a_patch_whose_answer_was_lost_does_not_make_the_ledger_conflict_with_itself() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    entry = Entry("field", CART, ("spec", "replicas"), 3, 5)
    ledger.write(entry)
    lose_the_answer(cluster)
    clock.turn(20)
    with pytest.raises(Unavailable):
        ledger.renew()
    assert ledger.undo().state == "confirmed"
    ledger.close(Outcome.PASSED)
    assert accounts(cluster) == ()


def test_an_entry_whose_writing_got_no_answer_is_not_owed_by_a_ledger_that_ended() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    lose_the_answer(cluster)
    with pytest.raises(Unavailable):
        ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    assert len(account_of(cluster.get(LEASE)).entries) == 1
    ledger.close(Outcome.ERRORED, keep=60)
    assert account_of(cluster.get(LEASE)).entries == ()


def test_a_label_that_somebody_put_on_the_lease_is_no_other_holder() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    cluster.patch(LEASE, {"metadata": {"labels": {"team": "shop"}}})
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    assert len(account_of(cluster.get(LEASE)).entries) == 1


def test_who_was_taken_over_undoes_nothing_more() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), node(unschedulable=True)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    ledger.write(Entry("field", ObjectRef(kube.NODE, "", "node-1"), ("spec", "unschedulable"), None, True))
    Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    with pytest.raises(TakenOver):
        ledger.undo()
    assert cluster.get(CART)["spec"]["replicas"] == 5


def test_a_process_with_the_name_and_number_of_a_dead_one_is_another_holder() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    other = Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    assert other.account.holder != ledger.account.holder
    host = ledger.account.holder.rpartition(":")[0]
    assert other.account.holder.startswith(host)
    clock.turn(20)
    other.renew()
    with pytest.raises(TakenOver):
        ledger.close(Outcome.PASSED)


def test_what_was_undone_though_the_ledger_could_not_be_told_stays_owed_and_the_rest_is_undone() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), node(unschedulable=True)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    ledger.write(Entry("field", ObjectRef(kube.NODE, "", "node-1"), ("spec", "unschedulable"), None, True))
    silent = iter([True])

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.LEASE and next(silent, False):
            raise Forbidden("no rights on leases for a moment")

    cluster.before_write = fail
    undone = ledger.undo()
    assert cluster.get(CART)["spec"]["replicas"] == 3
    assert "undone, but lease/chaoskit-run1" in undone.left[0]
    assert [each.target.name for each in account_of(cluster.get(LEASE)).entries] == ["node-1"]
    assert ledger.undo().state == "confirmed"


def test_a_lease_that_may_not_be_renewed_keeps_no_undo_from_its_end() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    replaced = ObjectRef(kube.CONFIG_MAP, "shop", "made")
    meta = {"name": "made", "namespace": "shop", "labels": {kube.RUN_LABEL: "run1"}}
    cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    ledger.write(Entry("created", replaced, after="run1"))
    lingers = iter(range(3))

    def slowly(ref: ObjectRef, _options: object) -> None:
        if ref.kind == kube.CONFIG_MAP:
            clock.turn(20)

    def forbid(verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.LEASE and next(lingers, None) is not None:
            raise Forbidden("no more rights on leases")

    cluster.before_delete, cluster.before_write = slowly, forbid
    undone = ledger.undo()
    assert cluster.list(kube.CONFIG_MAP).items == ()
    (left,) = undone.left
    assert left.startswith("configmap/made: undone, but lease/chaoskit-run1 could not be told")


def test_an_ended_ledger_is_removed_when_its_closer_needs_it_no_more() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock).close(Outcome.PASSED, keep=600)
    clock.turn(599)
    opened(cluster, clock, "run2").close(Outcome.PASSED)
    assert [each.id for each in accounts(cluster)] == ["run1"]
    clock.turn(2)
    opened(cluster, clock, "run3")
    assert [each.id for each in accounts(cluster)] == ["run3"]


def test_of_runs_that_share_a_cluster_one_removes_for_all_what_nobody_needs_any_more() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    for number in range(3):
        opened(cluster, clock, f"old{number}").close(Outcome.PASSED, keep=60)
    clock.turn(61)
    shared = SharedCluster(cluster, Ages())
    assert [prune(shared, clock, "shop") for _ in range(4)] == [3] * 4
    assert len([each for each in cluster.wrote if each.startswith("delete lease")]) == 3


def test_a_secret_that_a_dead_process_left_is_removed_though_no_entry_tells_of_it() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    dead = opened(cluster, clock)
    secret = ObjectRef(kube.SECRET, "shop", LEASE.name)
    cluster.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": LEASE.name, "namespace": "shop"}}
    )
    Ledger.take_over(cluster, clock, dead.account).close(Outcome.PASSED)
    assert kube.found(cluster, secret) is None


def test_who_opened_a_ledger_and_kept_no_secret_looks_for_none() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock).close(Outcome.PASSED)
    assert not [each for each in cluster.wrote if "secret" in each]


def test_an_act_under_way_is_never_pruned() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock)
    cluster.patch(LEASE, {"metadata": {"annotations": {KEEP_UNTIL: "2020-01-01T00:00:00Z"}}})
    assert prune(cluster, clock, "shop") == 0


@pytest.mark.parametrize("text", ["{", "[{}]", '[{"kind": 1}]', "7"])
def test_of_a_spoilt_ledger_the_rest_can_be_read(text: str) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    opened(cluster, clock)
    cluster.patch(LEASE, {"metadata": {"annotations": {LEDGER: text}}})
    (account,) = accounts(cluster)
    assert (account.entries, account.targets) == ((), (CART,))
    assert account.unreadable.startswith("chaoskit.io/ledger cannot be read")


def test_a_listener_and_the_record_tell_what_an_undo_had_to_do_besides() -> None:
    heard: list[Event] = []
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-1", "controller": True}
    meta = {"name": "cart-1", "namespace": "shop", "ownerReferences": [owner]}
    labels = {"chaosUID": "u"}
    result = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosResult",
        "metadata": {
            "name": "r",
            "namespace": "shop",
            "labels": labels,
            "annotations": {"pod/cart-1": "injected"},
        },
    }
    pod: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}, "status": {}}
    cluster, clock = FakeCluster(result, pod), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Trail(ObjectRef(kube.CHAOS_ENGINE, "shop", "e", "u"), "run1", ("shop",), ours=True).entry())
    undone = ledger.undo(heard.append)
    assert undone.state == "confirmed"
    notes = [each.detail for each in heard if isinstance(each, Step) and each.mark == "note"]
    assert notes == ["pod/cart-1 still carried the fault: deleted, it served nobody"]
    assert undone.notes == tuple(notes)


def test_a_ledger_that_somebody_removed_is_closed_when_nothing_is_owed() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    cluster.delete(LEASE)
    ledger.close(Outcome.PASSED, keep=60)
    assert accounts(cluster) == ()


def test_a_lease_that_is_gone_is_lost_and_what_is_owed_is_undone_all_the_same() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    cluster.delete(LEASE)
    clock.turn(20)
    with pytest.raises(TakenOver, match="is gone"):
        ledger.renew()
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 3
    ledger.close(Outcome.PASSED)


def test_what_a_rescuer_has_put_back_is_not_put_back_again() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    rescuer = Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    rescuer.undo()
    cluster.patch(CART, {"spec": {"replicas": 5}})  # another run, the same fault
    with pytest.raises(TakenOver):
        ledger.undo()
    assert cluster.get(CART)["spec"]["replicas"] == 5


def test_what_a_later_act_has_done_since_a_rescue_is_not_taken_back_by_whoever_slept() -> None:
    """The rescue has removed the Lease, and another run has the same fault."""
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    slept = opened(cluster, clock)
    slept.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    rescuer = Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))
    rescuer.undo()
    rescuer.close(Outcome.ERRORED)
    other = opened(cluster, clock, "run2")
    other.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    cluster.patch(CART, {"spec": {"replicas": 5}})
    assert slept.undo().left == ("deployment/cart: its later change by chaos run2 is undone first",)
    assert cluster.get(CART)["spec"]["replicas"] == 5
    assert other.undo().state == "confirmed"
    assert slept.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_an_undo_outlasts_a_server_that_does_not_answer_for_a_while() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    back = clock.monotonic() + OUTAGE / 2

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref == CART and clock.monotonic() < back:
            raise Unavailable("etcd leader changed", service="kubernetes")

    cluster.before_write = fail
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 3


def after_a_lost_answer(error: ChaoskitError) -> ChaoskitError:
    error.harmless = False
    return error


@pytest.mark.parametrize(
    ("error", "doubted"),
    [
        (Unavailable("etcdserver: request timed out", service="kubernetes"), True),
        (Unavailable("does not accept connections", service="kubernetes", harmless=True), False),
        (Forbidden("may not create"), False),
        (after_a_lost_answer(Forbidden("may not create")), True),
        (KeyboardInterrupt(), True),
        (ValueError("a bug in reading the answer"), True),
    ],
)
def test_an_act_whose_answer_was_lost_is_in_doubt_and_the_cluster_says_so(
    error: BaseException, *, doubted: bool
) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)
    entry, other = Entry("created", CART, after="run1"), Entry("field", CART, ("spec", "replicas"), 3, 5)
    ledger.write(other, entry)
    with pytest.raises(type(error)), ledger.doubting(entry):
        raise error
    assert ledger.account.entries == (other, replace(entry, doubted=doubted))
    assert account_of(cluster.get(LEASE)).entries == ledger.account.entries


def test_who_cannot_tell_the_cluster_of_a_doubt_looks_for_the_late_engine_all_the_same() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger, told = opened(cluster, clock), list[Event]()
    trail = replace(TRAIL, engine=replace(TRAIL.engine, uid=""))
    ledger.write(trail.entry())

    def fail(verb: str, ref: ObjectRef) -> None:
        raise Unavailable("etcd has no leader", service="kubernetes")

    cluster.before_write = fail
    with pytest.raises(Unavailable), ledger.doubting(trail.entry()):
        cluster.create(chaos_engine(""))
    cluster.before_write = lambda _verb, _ref: None
    clock.call_at(SOON + 1.5, partial(storing, cluster, chaos_engine("", finalizers=())))
    assert ledger.undo(told.append).state == "confirmed"
    assert cluster.list(kube.CHAOS_ENGINE).items == ()
    assert "the server may do yet" in next(each.detail for each in told if isinstance(each, Step))
    assert SOON + 1.5 <= clock.monotonic() < SOON + 3


WEB = replace(CART, name="web")
SCALED = Entry("field", CART, ("spec", "replicas"), 3, 0)
PERHAPS = Entry("field", WEB, ("spec", "replicas"), 3, 0, doubted=True)


def scaling(cluster: FakeCluster, ref: ObjectRef, replicas: int) -> None:
    cluster.patch(ref, {"spec": {"replicas": replicas}})


def written(cluster: FakeCluster, clock: ManualClock) -> dict[ObjectRef, float]:
    """When each object is written first, in this order."""
    times = dict[ObjectRef, float]()

    def note(_verb: str, ref: ObjectRef) -> None:
        times.setdefault(ref, clock.monotonic())

    cluster.before_write = note
    return times


@pytest.mark.parametrize("comes", [5.0, 2 * LATE])
def test_what_stands_is_put_back_at_once_whatever_is_waited_for(comes: float) -> None:
    cluster, clock = FakeCluster(deployment(replicas=0), deployment("web")), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(SCALED, PERHAPS)
    clock.call_at(comes, partial(scaling, cluster, WEB, 0))
    times = written(cluster, clock)
    assert ledger.undo().state == "confirmed"
    assert times[CART] < 1
    assert clock.monotonic() == pytest.approx(min(comes, LATE), abs=1)
    assert [cluster.get(each)["spec"]["replicas"] for each in (CART, WEB)] == [3, 3]


def test_what_is_in_doubt_and_stands_is_put_back_in_its_turn() -> None:
    cluster, clock = FakeCluster(deployment(replicas=0), deployment("web", replicas=0)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(SCALED, PERHAPS)
    times = written(cluster, clock)
    assert ledger.undo().state == "confirmed"
    assert [each for each in times if each.kind == kube.DEPLOYMENT] == [WEB, CART]
    assert clock.monotonic() == 0


def test_an_older_value_of_an_object_is_put_back_after_the_one_that_may_come() -> None:
    cluster, clock = FakeCluster(deployment(replicas=0)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(SCALED, replace(SCALED, before=0, after=9, doubted=True))
    clock.call_at(5.0, partial(scaling, cluster, CART, 9))
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_what_is_older_than_an_engine_in_doubt_is_put_back_after_its_end() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    ledger = opened(cluster, clock)
    trail = replace(TRAIL, engine=replace(TRAIL.engine, uid=""))
    ledger.write(SCALED, replace(trail.entry(), doubted=True))

    def comes() -> None:
        cluster.create(chaos_engine("", finalizers=()))
        scaling(cluster, CART, 0)

    clock.call_at(5.0, comes)
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 3


def died(cluster: FakeCluster, clock: ManualClock, *entries: Entry) -> Ledger:
    """What whoever takes over has of a run that died a moment after it wrote this."""
    opened(cluster, clock).write(*entries)
    return Ledger.take_over(cluster, clock, account_of(cluster.get(LEASE)))


def test_an_engine_whose_maker_died_before_it_was_stored_does_not_run_unattended() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    found = died(cluster, clock, replace(TRAIL, engine=replace(TRAIL.engine, uid="")).entry())
    clock.call_at(45.0, partial(storing, cluster, chaos_engine("", finalizers=())))
    assert found.undo().state == "confirmed"
    assert 45 <= clock.monotonic() < 50
    assert cluster.list(kube.CHAOS_ENGINE).items == ()


def test_a_change_whose_maker_died_before_it_was_stored_is_taken_back_and_not_what_stands_beside() -> None:
    cluster, clock = FakeCluster(deployment(replicas=0), deployment("web")), ManualClock()
    found = died(cluster, clock, SCALED, replace(PERHAPS, doubted=False))
    clock.call_at(45.0, partial(scaling, cluster, WEB, 0))
    times = written(cluster, clock)
    assert found.undo().state == "confirmed"
    assert times[CART] == 0
    assert 45 <= times[WEB] < 46
    assert [cluster.get(each)["spec"]["replicas"] for each in (CART, WEB)] == [3, 3]


def test_what_a_dead_run_had_an_answer_to_is_not_waited_for() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    assert died(cluster, clock, SCALED, TRAIL.entry()).undo().state == "confirmed"
    assert clock.monotonic() == 0


@pytest.mark.parametrize("secret", [False, True])
def test_what_several_changes_share_is_written_once_and_undone_first(*, secret: bool) -> None:
    cluster, clock = FakeCluster(deployment(replicas=0), deployment("web", replicas=0)), ManualClock()
    shared = Entry("field", CART, ("spec", "paused"), None, {"of": "both"}, secret=secret)
    ledger = opened(cluster, clock)
    ledger.write(SCALED, shared, replace(PERHAPS, doubted=False), shared)
    assert [each.path[-1] for each in ledger.account.entries] == ["replicas", "replicas", "paused"]
    assert [len(each["data"]) for each in cluster.list(kube.SECRET).items] == [1] * secret


def test_a_server_that_stays_away_is_told_in_what_is_left() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    began = clock.monotonic()

    def fail(verb: str, ref: ObjectRef) -> None:
        raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = fail
    assert "no answer" in ledger.undo().left[0]
    assert clock.monotonic() - began == pytest.approx(OUTAGE, abs=5)


def test_who_never_wrote_a_secret_needs_no_right_to_remove_one() -> None:
    cluster, clock = FakeCluster(), ManualClock()
    ledger = opened(cluster, clock)

    def forbid(verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.SECRET and verb == "delete":
            raise Forbidden("may not delete secrets")

    cluster.before_write = forbid
    ledger.close(Outcome.PASSED)
    dead = opened(cluster, clock)
    Ledger.take_over(cluster, clock, dead.account).close(Outcome.PASSED)
    assert accounts(cluster) == ()
    other = opened(cluster, clock, "run2")
    other.write(Entry("field", CART, ("spec", "replicas"), "canary", 5, secret=True))
    other.settle(other.account.entries[0])
    with pytest.raises(Forbidden):
        other.close(Outcome.PASSED)


NODE = ObjectRef(kube.NODE, "", "node-1")


def _known(name: str, since: str, status: str = "True") -> Object:
    conditions = [{"type": "Ready", "status": status, "lastTransitionTime": since}]
    return {**node(name), "status": {"conditions": conditions}}


def _stopped(*names: str) -> list[Entry]:
    return [Entry("ready", ObjectRef(kube.NODE, "", each), before="09:00", after="kubelet") for each in names]


def test_nodes_that_may_have_been_hit_are_waited_for_together() -> None:
    hit, spared = _known("hit", "09:05", "Unknown"), [_known(f"node-{n}", "09:00") for n in range(3)]
    cluster, clock = FakeCluster(hit, *spared), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(*_stopped(*(each["metadata"]["name"] for each in (*spared, hit))))
    back = _known("hit", "09:06")["status"]

    def returns() -> None:
        cluster.patch(kube.ref_of(hit, kube.NODE), {"status": back})

    clock.call_at(40, returns)
    assert ledger.undo().state == "confirmed"
    assert clock.monotonic() == 60


def test_nodes_that_stay_away_are_waited_for_together() -> None:
    names = ("node-1", "node-2", "node-3")
    cluster, clock = FakeCluster(*(_known(each, "09:05", "Unknown") for each in names)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(*_stopped(*names))
    assert len(ledger.undo().left) == 3
    assert clock.monotonic() == 75


@pytest.mark.parametrize(
    ("uid", "newer"),
    [(TRAIL.engine.uid, ()), ("", ()), (TRAIL.engine.uid, ("node-2",))],
    ids=["known", "in doubt", "after another node"],
)
@pytest.mark.parametrize(
    ("ends", "missed", "back", "state", "at"),
    [(65, 90, None, "not confirmed", 140), (80, 50, 100, "confirmed", 100)],
)
def test_a_node_is_waited_for_from_the_end_of_its_engine_on(
    uid: str, newer: Sequence[str], ends: float, missed: float, back: float | None, state: str, at: float
) -> None:
    """Its kubelet is silent for 50 s before anybody knows, and may be started at the engine's end."""
    nodes = [_known(each, "09:00") for each in ("node-1", *newer)]
    cluster, clock = FakeCluster(*nodes, chaos_engine("initialized")), ManualClock()
    trail = replace(TRAIL, engine=replace(TRAIL.engine, uid=uid))
    ledger = opened(cluster, clock)
    entries = (*_stopped("node-1"), trail.entry(), *_stopped(*newer))
    ledger.write(*(replace(each, doubted=not uid) for each in entries))

    def turns(body: Object, ref: ObjectRef = NODE) -> None:
        cluster.patch(ref, {"status": body["status"]})

    over = {"status": {"engineStatus": "stopped"}}
    clock.call_at(ends, partial(turns, over, replace(TRAIL.engine, uid="")))
    clock.call_at(missed, partial(turns, _known("node-1", "09:10", "False")))
    if back is not None:
        clock.call_at(back, partial(turns, _known("node-1", "09:12")))
    assert ledger.undo().state == state
    assert clock.monotonic() == pytest.approx(at, abs=1)


def test_after_an_outage_a_node_has_the_whole_time_again_in_which_it_would_be_missed() -> None:
    cluster, clock = FakeCluster(_known("node-1", "09:00")), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(*_stopped("node-1"))
    answers, down = cluster.get, iter([False, True])

    def get(ref: ObjectRef) -> Object:
        if ref.kind == kube.NODE and clock.monotonic() >= 30 and next(down, False):
            raise Unavailable("refused", service="kubernetes")
        return answers(ref)

    cluster.get = get  # type: ignore[method-assign]
    assert ledger.undo().state == "confirmed"
    assert clock.monotonic() > 30 + 60


def test_an_undo_is_confirmed_by_no_list_from_before() -> None:
    cluster, clock = FakeCluster(chaos_engine("completed")), ManualClock()
    shared = SharedCluster(cluster, Ages(lists=inf))
    ledger = Ledger.open(
        shared, clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="trace"
    )
    ledger.write(TRAIL.entry())
    assert shared.list(kube.POD, "shop", labels=TRAIL.selector).items == ()
    cluster.create(pod("helper"))
    assert ledger.undo().state == "confirmed"
    assert cluster.list(kube.POD, "shop").items == ()
