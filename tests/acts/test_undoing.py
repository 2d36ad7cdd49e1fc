from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node
from tests.acts.test_engine import TRAIL, chaos_engine, pod
from tests.acts.test_ledger import LEASE, WEB, opened, written

from chaoskit import kube
from chaoskit.acts.accounts import STATE_LABEL, account_of
from chaoskit.acts.engine import PATIENCE
from chaoskit.acts.entries import Entry
from chaoskit.acts.halt import HOME
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.undoing import LONGEST, OUTAGE, SOON
from chaoskit.clock import ManualClock
from chaoskit.errors import ChaoskitError, Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from chaoskit.events import Step
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Listing, ObjectRef


def silent(cluster: FakeCluster, clock: ManualClock, since: float, until: float) -> None:
    """The server answers nothing in this time."""

    def while_away(act: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **options: Any) -> Any:
            if since <= clock.monotonic() < until:
                raise Unavailable("no answer", service="kubernetes")
            return act(*args, **options)

        return asked

    for act in ("get", "list", "patch", "delete"):
        setattr(cluster, act, while_away(getattr(cluster, act)))


def stops(cluster: FakeCluster) -> None:
    """The operator ends the engine of `TRAIL`."""
    engine = cluster.objects[(kube.CHAOS_ENGINE, "shop", TRAIL.engine.name)]
    engine["status"] = {"engineStatus": "stopped"}
    engine["metadata"]["finalizers"] = []


def steps_of(ledger: Ledger) -> list[str]:
    """What its undo tells."""
    steps = list[str]()
    ledger.undo(lambda event: steps.extend([event.detail] if isinstance(event, Step) else []))
    return steps


AWAY = {**node(), "status": {"conditions": [{"type": "Ready", "status": "False"}]}}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (TRAIL.entry(), f"{TRAIL.engine}: its end is waited for"),
        (Entry("ready", kube.ref_of(AWAY, kube.NODE), before="", after="k"), "node/node-1: waited for until"),
        (Entry("field", CART, ("spec", "replicas"), 3, 5), "no answer: asked again for 60 s"),
        (Entry("field", CART, ("spec", "replicas"), 3, 9, doubted=True), f"{CART}: the server may do yet"),
    ],
)
def test_why_an_undo_waits_is_told_once_and_soon(entry: Entry, why: str) -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), AWAY, chaos_engine("initialized")), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(entry)
    if why.startswith("no answer"):
        silent(cluster, clock, 0, 55)
    clock.call_at(100, partial(stops, cluster))
    first, *others = steps_of(ledger)
    assert first.startswith(why)
    assert len(others) == 1
    assert clock.monotonic() > SOON


def test_what_does_not_wait_longer_than_a_moment_tells_nothing_of_that() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    silent(cluster, clock, 0, SOON - 1)
    assert steps_of(ledger) == ["deployment/cart spec.replicas is as before"]


@pytest.mark.parametrize("since", [40.0, 70.0, 150.0])
def test_an_undo_outlasts_an_outage_whenever_it_comes(since: float) -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), chaos_engine("initialized")), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5), TRAIL.entry())
    silent(cluster, clock, since, since + OUTAGE / 2)
    clock.call_at(since + OUTAGE, partial(stops, cluster))
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_of_two_outages_each_is_outlasted() -> None:
    cluster, clock = FakeCluster(chaos_engine("initialized")), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(TRAIL.entry())
    silent(cluster, clock, 10, 50)
    silent(cluster, clock, 60, 110)
    clock.call_at(120, partial(stops, cluster))
    assert ledger.undo().state == "confirmed"


def test_an_engine_has_no_more_time_where_the_server_fails_now_and_then() -> None:
    """Its operator hangs: what its faults are in is not left there the longer."""
    cluster, clock = FakeCluster(chaos_engine("initialized")), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(TRAIL.entry())
    for since in range(50, 600, 50):
        silent(cluster, clock, since, since + 1)
    (left,) = ledger.undo().left
    assert left.startswith(f"engine {TRAIL.engine.name} has not ended")
    assert clock.monotonic() == pytest.approx(PATIENCE, abs=5)


def test_what_is_waited_for_anew_after_each_outage_is_left_in_the_end() -> None:
    away = {**node(), "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    cluster, clock = FakeCluster(away), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("ready", kube.ref_of(away, kube.NODE), before="", after="kubelet"))
    for since in range(50, 1200, 50):
        silent(cluster, clock, since, since + 1)
    (left,) = ledger.undo().left
    assert left == "node/node-1: no answer"
    assert clock.monotonic() == pytest.approx(LONGEST, abs=5)


def test_an_engine_that_is_never_let_go_is_left_in_the_end() -> None:
    """The server answers how it stands, and never lets anybody take its policy away."""
    labels = {"chaosUID": TRAIL.engine.uid}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    meta = {"name": "loss", "namespace": "shop", "labels": labels}
    cluster, clock = FakeCluster({**policy, "metadata": meta}), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(TRAIL.entry())

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.NETWORK_POLICY:
            raise Unavailable("its webhook does not answer", service="kubernetes")

    cluster.before_write = fail
    assert ledger.undo().left == ("network policy loss is still there",)
    assert clock.monotonic() == pytest.approx(PATIENCE, abs=10)


def test_a_ledger_that_cannot_be_told_for_a_while_is_told_then() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == LEASE.kind and clock.monotonic() < OUTAGE / 2:
            raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = fail
    assert ledger.undo().state == "confirmed"
    assert account_of(cluster.get(LEASE)).entries == ()


def test_what_is_undone_is_told_to_be_so_where_the_ledger_cannot_be_told() -> None:
    """It is undone once, however often its Lease is asked for."""
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == LEASE.kind:
            raise Unavailable("no answer", service="kubernetes")

    def again() -> None:
        cluster.store("theirs", CART, deployment(replicas=5))

    cluster.before_write = fail
    clock.call_at(OUTAGE / 2, again)
    assert ledger.undo().left == (f"deployment/cart: undone, but {LEASE} could not be told: no answer",)
    assert cluster.get(CART)["spec"]["replicas"] == 5


def test_a_write_that_gets_no_answer_holds_up_no_other() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5), deployment("web", replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(*(Entry("field", each, ("spec", "replicas"), 3, 5) for each in (CART, WEB)))
    times = dict[str, float]()

    def fail(_verb: str, ref: ObjectRef) -> None:
        times.setdefault(ref.name, clock.monotonic())
        if ref == WEB:
            raise Unavailable("its webhook does not answer", service="kubernetes")

    cluster.before_write = fail
    assert ledger.undo().left == ("deployment/web: its webhook does not answer",)
    assert times["cart"] == 0
    assert clock.monotonic() == OUTAGE


def test_what_takes_its_time_to_go_holds_up_no_other() -> None:
    made = kube.managed(pod("stress"), "run1")
    cluster, clock = FakeCluster(deployment(replicas=5), made), ManualClock()
    ledger = opened(cluster, clock)
    target = kube.ref_of(made, kube.POD)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5), Entry("created", target, after="run1"))
    removed = cluster.delete
    cluster.delete = lambda _ref, **_options: clock.call_at(55, partial(removed, target))  # type: ignore[method-assign]
    times = written(cluster, clock)
    assert ledger.undo().state == "confirmed"
    assert times[CART] == 0
    assert clock.monotonic() == pytest.approx(55, abs=1)


def refusing(cluster: FakeCluster, refused: ObjectRef) -> None:
    """An admission webhook lets nobody change this object."""

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref == refused:
            raise Forbidden("admission webhook denied the request")

    cluster.before_write = fail


def answering(cluster: FakeCluster) -> None:
    cluster.before_write = lambda _verb, _ref: None


def test_an_original_waits_for_the_newer_one_of_its_field() -> None:
    """One that is not put back now is no other hand's."""
    cluster, clock = FakeCluster(deployment(replicas=3), deployment("web", replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    entries = (Entry("field", CART, ("spec", "replicas"), *each) for each in ((1, 2), (2, 3)))
    ledger.write(Entry("field", WEB, ("spec", "replicas"), 3, 5), *entries)
    refusing(cluster, CART)
    assert ledger.undo().left == (
        "deployment/cart: admission webhook denied the request",
        "deployment/cart: its later change is undone first",
    )
    assert cluster.get(WEB)["spec"]["replicas"] == 3
    answering(cluster)
    assert ledger.undo().state == "confirmed"
    assert cluster.get(CART)["spec"]["replicas"] == 1


def test_an_original_does_not_wait_for_another_field_of_its_object() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    template = Entry("rollout", CART, ("spec", "template"), before="cart-1", after="no more")
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5), replace(template, kind="sorcery"))
    assert len(ledger.undo().left) == 1
    assert cluster.get(CART)["spec"]["replicas"] == 3


SETTINGS = ObjectRef(kube.CONFIG_MAP, "shop", "settings")


def settings_with_restart() -> FakeCluster:
    """A deployment whose pods were made anew with a setting that is not theirs."""
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "shop"},
    }
    cart = deployment()
    cart["spec"]["template"] = {"spec": {"dnsPolicy": "Default"}}
    return FakeCluster(cart, {**settings, "data": {"DB": "nowhere"}})


def restarted_with_a_setting(cluster: FakeCluster, clock: ManualClock) -> Ledger:
    """Both are owed, the rollout is the older one; others have changed the template since."""
    ledger = opened(cluster, clock)
    ledger.write(
        Entry("rollout", CART, ("spec", "template"), before="cart-1", after="no more"),
        Entry("field", SETTINGS, ("data", "DB"), "db", "nowhere"),
    )
    return ledger


def test_pods_are_made_anew_when_their_setting_is_back() -> None:
    """However long the server does not answer for that."""
    cluster, clock = settings_with_restart(), ManualClock()
    ledger = restarted_with_a_setting(cluster, clock)

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref == SETTINGS and clock.monotonic() < OUTAGE / 2:
            raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = fail
    assert [each.split()[0] for each in steps_of(ledger)] == ["no", "configmap/settings", "deployment/cart"]


def test_pods_stay_as_they_are_while_their_setting_cannot_be_put_back() -> None:
    cluster, clock = settings_with_restart(), ManualClock()
    ledger = restarted_with_a_setting(cluster, clock)
    refusing(cluster, SETTINGS)
    assert ledger.undo().left == (
        "configmap/settings: admission webhook denied the request",
        "deployment/cart: the change of configmap/settings is undone first",
    )


def test_a_drill_waits_for_the_undo_of_its_recovery() -> None:
    cluster, clock = FakeCluster(deployment(replicas=2)), ManualClock()
    drill, recovery = opened(cluster, clock, "1"), opened(cluster, clock, "2")
    drill.write(Entry("field", CART, ("spec", "replicas"), 3, 0))
    recovery.write(Entry("field", CART, ("spec", "replicas"), 0, 2))
    refusing(cluster, CART)
    assert recovery.undo().state == "not confirmed"
    answering(cluster)
    assert drill.undo().left == ("deployment/cart: its later change by chaos 2 is undone first",)
    assert [each.undo().state for each in (recovery, drill)] == ["confirmed"] * 2
    assert cluster.get(CART)["spec"]["replicas"] == 3


NODE = ObjectRef(kube.NODE, "", "node-1")
UNSCHEDULABLE = ("spec", "unschedulable")


@pytest.mark.parametrize("hidden", [{("leases", "")}, set[tuple[str, str]]()])
def test_an_act_waits_for_a_later_one_of_another_namespace(hidden: set[tuple[str, str]]) -> None:
    """Recoveries of nodes are written down in the cluster's own."""
    cluster, clock = FakeCluster(node(unschedulable=False)), ManualClock()
    chaos, recovery = (
        Ledger.open(cluster, clock, id=each, act="chaos", namespace=place, targets=(NODE,), trace_id="t")
        for each, place in (("1", "shop"), ("2", HOME))
    )
    chaos.write(Entry("field", NODE, UNSCHEDULABLE, False, True))
    recovery.write(Entry("field", NODE, UNSCHEDULABLE, True, False))
    cluster.hidden = hidden
    assert chaos.undo().left == ("node/node-1: its later change by chaos 2 is undone first",)
    assert [each.undo().state for each in (recovery, chaos)] == ["confirmed"] * 2


def asked_for_leases(cluster: FakeCluster, answer: Callable[[str], object]) -> None:
    """It is called with the labels of each list of Leases, before that is answered."""
    listed = cluster.list

    def watched(kind: Kind, *args: Any, labels: str = "", **options: Any) -> Listing:
        if kind == kube.LEASE:
            answer(labels)
        return listed(kind, *args, labels=labels, **options)

    cluster.list = watched  # type: ignore[method-assign]


@pytest.mark.parametrize(("now", "looks"), [(5, 0), (4, 1), (3, 1)])
def test_other_acts_are_looked_at_once_where_what_is_owed_is_not_as_it_was_left(now: int, looks: int) -> None:
    cluster, clock = FakeCluster(deployment(replicas=now), deployment("web", replicas=now)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(*(Entry("field", each, ("spec", "replicas"), 3, 5) for each in (CART, WEB)))
    asked = list[str]()
    asked_for_leases(cluster, asked.append)
    assert ledger.undo().state == "confirmed"
    assert [each.rpartition(",")[2] for each in asked] == [f"{STATE_LABEL}!=done"] * looks


@pytest.mark.parametrize(
    "error",
    [InvalidInput("HTTP 400"), NotFound("no"), Conflict("no"), Unavailable("away", service="kubernetes")],
)
def test_while_other_acts_cannot_be_looked_at_what_may_be_theirs_is_left(error: ChaoskitError) -> None:
    cluster, clock = FakeCluster(deployment(replicas=4)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))

    def fail(_labels: str) -> None:
        raise error

    asked_for_leases(cluster, fail)
    (left,) = ledger.undo().left
    assert left.startswith("deployment/cart: ")
    assert left.endswith(str(error))


def test_who_may_not_see_other_acts_undoes_its_own() -> None:
    cluster, clock = FakeCluster(deployment(replicas=4)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))

    def hide(_labels: str) -> None:
        raise Forbidden("may not list leases")

    asked_for_leases(cluster, hide)
    assert ledger.undo().state == "confirmed"


def test_a_ledger_is_held_however_slowly_each_entry_is_answered() -> None:
    names = [f"web{number}" for number in range(4)]
    cluster, clock = FakeCluster(*(deployment(each, replicas=5) for each in names)), ManualClock()
    ledger = opened(cluster, clock)
    targets = [replace(CART, name=each) for each in names]
    ledger.write(*(Entry("field", each, ("spec", "replicas"), 3, 5) for each in targets))
    ages = list[float]()

    def slowly(_verb: str, ref: ObjectRef) -> None:
        if ref.name in names:
            clock.turn(20)
            renewed = kube.time_of(account_of(cluster.get(LEASE)).renewed)
            assert renewed is not None
            ages.append((clock.now() - renewed).total_seconds())
            raise Unavailable("its webhook does not answer", service="kubernetes")

    cluster.before_write = slowly
    assert len(ledger.undo().left) == len(names)
    assert max(ages) < 30


def test_a_server_that_answers_nothing_is_asked_each_two_seconds() -> None:
    cluster, clock = FakeCluster(deployment(replicas=5)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5))
    asked = list[float]()

    def fail(_verb: str, ref: ObjectRef) -> None:
        if ref == CART:
            asked.append(clock.monotonic())
            raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = fail
    assert ledger.undo().state == "not confirmed"
    assert asked == [2.0 * number for number in range(int(OUTAGE / 2) + 1)]


def test_whether_a_later_act_goes_first_is_looked_at_anew_in_each_round() -> None:
    """One that had to be waited for at first has ended by the time the older one can be undone."""
    cluster, clock = FakeCluster(deployment(replicas=5), deployment("web", replicas=7)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(
        Entry("field", CART, ("spec", "replicas"), 3, 9, doubted=True),
        Entry("field", WEB, ("spec", "replicas"), 3, 0),  # others changed it: later acts are looked for
    )
    later = Ledger.open(
        cluster, clock, id="run2", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    later.write(Entry("field", CART, ("spec", "replicas"), 3, 5))

    def end() -> None:
        later.undo()
        later.close(Outcome.DONE)

    clock.call_at(30, end)
    assert ledger.undo().state == "confirmed"


def test_what_may_come_yet_outlasts_two_outages() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()
    ledger = opened(cluster, clock)
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5, doubted=True))
    silent(cluster, clock, 5, 35)
    silent(cluster, clock, 50, 90)
    assert ledger.undo().state == "confirmed"
    assert clock.monotonic() >= 90
