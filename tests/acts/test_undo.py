from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node

from chaoskit import kube
from chaoskit.acts.courses import alone
from chaoskit.acts.doubts import LATE
from chaoskit.acts.entries import Entry, Undone
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.means import Means
from chaoskit.acts.undo import undo as course
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.events import Event, Step
from chaoskit.ports.cluster import Object, ObjectRef

REPLICAS = Entry("field", CART, ("spec", "replicas"), 3, 5)

MADE = Entry("created", CART, after="run1")


def undo(means: Means, entry: Entry) -> Undone:
    return alone(course(means, entry), means.clock)


def test_a_field_that_still_holds_our_value_is_restored() -> None:
    cluster = FakeCluster(deployment(replicas=5))
    assert undo(Means(cluster, ManualClock()), REPLICAS).fate == "restored"
    assert cluster.get(CART)["spec"]["replicas"] == 3


def test_a_field_that_somebody_changed_since_is_left_alone() -> None:
    cluster = FakeCluster(deployment(replicas=7))
    found = undo(Means(cluster, ManualClock()), REPLICAS)
    assert found == Undone(
        "not ours", "deployment/cart spec.replicas was changed by others since: it stays as it is"
    )
    assert cluster.get(CART)["spec"]["replicas"] == 7
    assert cluster.wrote == []


def test_undoing_twice_changes_nothing_more() -> None:
    cluster = FakeCluster(deployment(replicas=5))
    undo(Means(cluster, ManualClock()), REPLICAS)
    cluster.wrote.clear()
    assert undo(Means(cluster, ManualClock()), REPLICAS).fate == "as before"
    assert cluster.wrote == []


def test_a_field_that_was_absent_is_absent_again() -> None:
    cluster = FakeCluster(node(unschedulable=True))
    ref = ObjectRef(kube.NODE, "", "node-1")
    entry = Entry("field", ref, ("spec", "unschedulable"), None, True)
    assert undo(Means(cluster, ManualClock()), entry).fate == "restored"
    assert "unschedulable" not in cluster.get(ref)["spec"]


def test_a_mapping_is_restored_whole_and_not_merged() -> None:
    body = deployment()
    body["spec"]["selector"] = {"app": "cart", "ours": "1"}
    cluster = FakeCluster(body)
    entry = Entry("field", CART, ("spec", "selector"), {"app": "cart"}, {"app": "cart", "ours": "1"})
    assert undo(Means(cluster, ManualClock()), entry).fate == "restored"
    assert cluster.get(CART)["spec"]["selector"] == {"app": "cart"}


def test_a_change_between_reading_and_writing_is_seen() -> None:
    cluster = FakeCluster(deployment(replicas=5))
    raced = iter([True])

    def race(verb: str, ref: ObjectRef) -> None:
        if verb == "patch" and next(raced, False):
            cluster.patch(ref, {"spec": {"replicas": 9}})

    cluster.before_write = race
    assert undo(Means(cluster, ManualClock()), REPLICAS).fate == "not ours"
    assert cluster.get(CART)["spec"]["replicas"] == 9


def test_what_was_made_is_removed_and_a_missing_object_is_no_error() -> None:
    cluster = FakeCluster(kube.managed(deployment(), "run1"))
    assert undo(Means(cluster, ManualClock()), MADE) == Undone("restored", "deployment/cart removed")
    assert undo(Means(cluster, ManualClock()), MADE) == Undone("gone", "deployment/cart is not there")
    assert cluster.list(kube.DEPLOYMENT).items == ()


def told(cluster: FakeCluster, clock: ManualClock, *entries: Entry) -> tuple[str, ...]:
    """What became of each, in words, in the order in which it did; nothing is left."""
    ledger = Ledger.open(cluster, clock, id="a", act="chaos", namespace="shop", targets=(), trace_id="t")
    ledger.write(*entries)
    heard = list[Event]()
    assert ledger.undo(heard.append).state == "confirmed"
    return tuple(each.detail for each in heard if isinstance(each, Step) and each.mark == "done")


@pytest.mark.parametrize("doubted", [False, True])
def test_only_what_is_in_doubt_is_waited_for_as_long_as_a_server_may_take(*, doubted: bool) -> None:
    clock = ManualClock()
    assert told(FakeCluster(), clock, replace(MADE, doubted=doubted)) == ("deployment/cart is not there",)
    assert clock.monotonic() == (LATE if doubted else 0)


def storing(cluster: FakeCluster, body: Object) -> None:
    cluster.create(body)


@pytest.mark.parametrize("after", [0.0, 1.5, LATE - 1])
def test_what_was_in_doubt_is_undone_when_it_comes(after: float) -> None:
    cluster, clock = FakeCluster(), ManualClock()
    clock.call_at(after, partial(storing, cluster, kube.managed(deployment(), "run1")))
    assert told(cluster, clock, replace(MADE, doubted=True)) == ("deployment/cart removed",)
    assert clock.monotonic() <= after + 1


@pytest.mark.parametrize(("uid", "waits"), [("the one", 0), ("", LATE)])
def test_nothing_is_waited_for_that_was_asked_of_an_object_that_is_gone(uid: str, waits: float) -> None:
    """That very object: who did not know it may have asked for what is made anew."""
    clock = ManualClock()
    entry = replace(REPLICAS, target=replace(CART, uid=uid), doubted=True)
    assert told(FakeCluster(), clock, entry) == ("deployment/cart is not there",)
    assert clock.monotonic() == waits


def test_a_value_that_is_set_late_is_put_back() -> None:
    cluster, clock = FakeCluster(deployment(replicas=3)), ManualClock()

    def scale() -> None:
        cluster.patch(CART, {"spec": {"replicas": 5}})

    clock.call_at(1.5, scale)
    told(cluster, clock, replace(REPLICAS, doubted=True))
    assert cluster.get(CART)["spec"]["replicas"] == 3


@pytest.mark.parametrize(("web", "at"), [(0, 10), (30, 30)])
def test_an_outage_holds_up_what_stands_or_comes_no_longer_than_it_lasts(web: float, at: float) -> None:
    """One entry may come yet, the other stands, or comes; nobody is told of either for ten seconds."""
    cluster, clock, times = FakeCluster(), ManualClock(), list[float]()
    removed, get = cluster.delete, cluster.get

    def asked(ref: ObjectRef) -> Object:
        if ref.kind == kube.DEPLOYMENT and clock.monotonic() < 10:
            raise Unavailable("no answer", service="kubernetes")
        return get(ref)

    def noted(ref: ObjectRef, **options: Any) -> None:
        if ref.kind == kube.DEPLOYMENT:
            times.append(clock.monotonic())
        removed(ref, **options)

    cluster.get, cluster.delete = asked, noted  # type: ignore[method-assign]
    clock.call_at(web, partial(storing, cluster, kube.managed(deployment("web"), "run1")))
    entries = (replace(MADE, target=replace(CART, name="web"), doubted=True), replace(MADE, doubted=True))
    assert sorted(told(cluster, clock, *entries)) == [
        "deployment/cart is not there",
        "deployment/web removed",
    ]
    assert times == [pytest.approx(at, abs=1)]
    assert clock.monotonic() == pytest.approx(LATE, abs=1)


def test_what_somebody_else_made_under_the_name_is_left() -> None:
    for body in (deployment(), kube.managed(deployment(), "run2")):
        cluster = FakeCluster(body)
        found = undo(Means(cluster, ManualClock()), MADE)
        assert found == Undone("not ours", "deployment/cart is another one, made by others: it stays")
        assert len(cluster.list(kube.DEPLOYMENT).items) == 1


def test_an_object_that_does_not_go_away_is_left_in_words() -> None:
    cluster = FakeCluster(kube.managed(deployment(), "run1"))
    cluster.delete = lambda *_, **__: None  # type: ignore[method-assign]
    found = undo(Means(cluster, ManualClock()), MADE)
    assert found == Undone("left", "deployment/cart is still there, marked for deletion")


TAINT = {"key": "chaos", "value": "yes", "effect": "NoExecute"}
NODE = ObjectRef(kube.NODE, "", "node-1")
TAINTED = Entry("element", NODE, ("spec", "taints"), after=TAINT)


def test_an_element_is_taken_out_of_its_list_and_the_others_stay() -> None:
    other = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    cluster = FakeCluster(node(taints=[{**TAINT, "timeAdded": "2026-01-01T00:00:00Z"}, other]))
    assert undo(Means(cluster, ManualClock()), TAINTED).fate == "restored"
    assert cluster.get(NODE)["spec"]["taints"] == [other]
    cluster.wrote.clear()
    assert undo(Means(cluster, ManualClock()), TAINTED).fate == "restored"
    assert cluster.wrote == []


def test_a_list_without_its_last_element_is_absent() -> None:
    cluster = FakeCluster(node(taints=[TAINT]))
    assert undo(Means(cluster, ManualClock()), TAINTED).fate == "restored"
    assert "taints" not in cluster.get(NODE)["spec"]
    assert undo(Means(FakeCluster(node()), ManualClock()), TAINTED).fate == "restored"


def test_a_field_of_an_object_that_is_gone_was_not_put_back() -> None:
    assert undo(Means(FakeCluster(), ManualClock()), REPLICAS) == Undone(
        "gone", "deployment/cart is not there"
    )
    assert undo(Means(FakeCluster(), ManualClock()), TAINTED).fate == "gone"


NODE = ObjectRef(kube.NODE, "", "node-1")
STOPPED = Entry("ready", NODE, before="09:00", after="kubelet")


def ready(status: str, since: str) -> FakeCluster:
    conditions = [{"type": "Ready", "status": status, "lastTransitionTime": since}]
    return FakeCluster({**node(), "status": {"conditions": conditions}})


def test_a_node_that_was_away_and_is_ready_again_is_owed_no_more() -> None:
    clock = ManualClock()
    assert undo(Means(ready("True", "09:05"), clock), STOPPED).fate == "restored"
    assert clock.monotonic() == 0


def test_a_node_that_is_not_ready_is_owed_and_how_to_start_it_is_said() -> None:
    found = undo(Means(ready("Unknown", "09:05"), ManualClock()), STOPPED)
    words = "node/node-1 is not Ready: log in and run systemctl start kubelet"
    assert found == Undone("left", words)


def test_a_node_that_is_still_called_ready_is_believed_when_it_would_have_been_missed() -> None:
    """For 50 s after its kubelet fell silent nobody knows it."""
    cluster, clock = ready("True", "09:00"), ManualClock()
    assert undo(Means(cluster, clock), STOPPED).fate == "restored"
    assert clock.monotonic() >= 50

    clock = ManualClock()
    missed = {"type": "Ready", "status": "Unknown", "lastTransitionTime": "09:06"}

    def miss() -> None:
        cluster.patch(NODE, {"status": {"conditions": [missed]}})

    clock.call_at(40, miss)
    assert undo(Means(cluster, clock), STOPPED).fate == "left"


def test_a_node_that_is_no_more_is_owed_no_more() -> None:
    assert undo(Means(FakeCluster(), ManualClock()), STOPPED).fate == "gone"
