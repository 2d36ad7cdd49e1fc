from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.acts.fake import FakeCluster
from tests.acts.test_engine import chaos_engine, pod, result

from chaoskit import kube
from chaoskit.acts.accounts import account_of
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.orphans import Orphan, adopt, orphans
from chaoskit.acts.trail import Trail
from chaoskit.clock import ManualClock, Stop
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef

ENGINE = ObjectRef(kube.CHAOS_ENGINE, "shop", "web-chaos", "uid-engine")


def policy() -> Object:
    meta = {"name": "np", "namespace": "shop", "labels": {"chaosUID": "uid-engine"}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": {}}


def target(name: str = "cart-1") -> Object:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart", "controller": True}
    return pod(name, labels={}, ownerReferences=[owner])


def hanging(clock: ManualClock, ago: timedelta, *finalizers: str) -> Object:
    body = chaos_engine("initialized")
    body["metadata"]["deletionTimestamp"] = kube.timestamp(clock.now() - ago)
    body["metadata"]["finalizers"] += finalizers
    return body


def found(cluster: FakeCluster, clock: ManualClock | None = None, **more: Any) -> list[tuple[str, ...]]:
    return [each.left for each in orphans(cluster, clock or ManualClock(), (), **more)]


def test_what_carries_the_uid_of_an_engine_that_is_gone_is_an_orphan() -> None:
    cluster = FakeCluster(pod("helper"), policy(), result(**{"pod__cart-1": "injected"}), target())
    (left,) = found(cluster)
    assert left == (
        "pod helper still runs",
        "network policy np is still there",
        "fault still on pod cart-1",
    )


def test_a_working_engine_and_one_that_a_ledger_owes_have_no_orphans() -> None:
    assert found(FakeCluster(chaos_engine("initialized"), pod("helper"))) == []
    cluster, clock = FakeCluster(pod("helper")), ManualClock()
    ledger = Ledger.open(cluster, clock, id="r", act="chaos", namespace="shop", targets=(), trace_id="t")
    ledger.write(Trail(ENGINE, "r", ("shop",), ours=True).entry())
    owed = account_of(cluster.get(ledger.account.ref))
    assert orphans(cluster, clock, (owed,)) == ()


def test_an_engine_without_a_spec_which_a_server_takes_is_looked_at_as_any_other() -> None:
    body = chaos_engine("completed")
    del body["spec"]
    assert found(FakeCluster(body, pod("helper"))) == [("pod helper still runs",)]


def test_finished_pods_of_an_engine_that_is_over_are_none() -> None:
    assert found(FakeCluster(chaos_engine("completed"), pod("runner", "Succeeded"))) == []


def test_an_orphan_is_taken_back() -> None:
    cluster, clock = (
        FakeCluster(pod("helper"), policy(), result(**{"pod__cart-1": "injected"}), target()),
        ManualClock(),
    )
    (orphan,) = orphans(cluster, clock, ())
    assert adopt(cluster, clock, orphan) == ()
    assert cluster.list(kube.NETWORK_POLICY).items == ()
    assert cluster.list(kube.POD).items == ()
    assert found(cluster) == []


def test_an_engine_that_hangs_in_its_deletion_is_let_go_only_by_force() -> None:
    clock = ManualClock()
    assert found(FakeCluster(hanging(clock, timedelta(minutes=1))), clock) == []
    cluster = FakeCluster(hanging(clock, timedelta(minutes=6)))
    (orphan,) = orphans(cluster, clock, ())
    assert "about to be deleted since" in orphan.left[0]
    assert adopt(cluster, clock, orphan) == (f"{orphan.left[0]}: --force lets it go",)
    assert adopt(cluster, clock, orphan, force=True) == ()
    assert "finalizers" not in cluster.get(ENGINE)["metadata"]


def test_a_finalizer_of_somebody_else_stays_even_by_force() -> None:
    clock = ManualClock()
    cluster = FakeCluster(hanging(clock, timedelta(minutes=6), "example.com/hold"))
    (orphan,) = orphans(cluster, clock, ())
    assert adopt(cluster, clock, orphan, force=True) == (
        "chaosengine.litmuschaos.io/web-chaos is held by example.com/hold",
    )
    assert cluster.get(ENGINE)["metadata"]["finalizers"] == ["example.com/hold"]


def test_what_may_not_be_read_is_not_looked_for() -> None:
    cluster = FakeCluster(pod("helper"), policy())
    cluster.hidden.add(("networkpolicies", ""))
    (left,) = found(cluster)
    assert left[0] == "pod helper still runs"


def test_an_engine_whose_pods_may_not_be_read_is_one_that_cannot_be_seen() -> None:
    cluster, clock = FakeCluster(policy(), pod("helper")), ManualClock()
    cluster.hidden.add(("pods", "shop"))
    (orphan,) = orphans(cluster, clock, ())
    assert "cannot be seen: may not read pods" in orphan.left[0]
    assert adopt(cluster, clock, orphan)[1:] == ("may not read pods in shop",)


def test_once_stopped_nothing_is_taken_back_and_what_is_under_way_is_left() -> None:
    body = chaos_engine("initialized")
    clock, stop = ManualClock(), Stop()
    orphan = Orphan(Trail(ENGINE, "run1", ("shop",), ours=False), ("pod helper still runs",))
    cluster = FakeCluster(body, pod("helper"))
    clock.call_at(3, stop.set)
    assert adopt(cluster, clock, orphan, stop=stop) == ("pod helper still runs", "stopped by the user")
    assert clock.monotonic() < 5
    cluster.wrote.clear()
    assert adopt(cluster, clock, orphan, stop=stop) == ("pod helper still runs", "stopped by the user")
    assert cluster.wrote == []


def test_an_engine_that_is_made_while_it_is_looked_keeps_its_things() -> None:
    class Busy(FakeCluster):
        """An engine and its helper come right after the first look at engines."""

        made = False

        def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
            seen = super().list(kind, namespace, labels=labels, fields=fields)
            if kind == kube.CHAOS_ENGINE and not self.made:
                self.made = True
                self.create(chaos_engine("initialized"))
                self.create(pod("helper"))
            return seen

    assert found(Busy()) == []
