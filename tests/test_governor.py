from __future__ import annotations

from datetime import timedelta

import pytest
from tests.acts.fake import CART, FakeCluster

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.acts.halt import Act
from chaoskit.acts.ledger import Ledger, accounts
from chaoskit.clock import ManualClock
from chaoskit.errors import Refused
from chaoskit.governor import FREEZE, Governor, Limits, within_radius
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef


class Desk:
    def __init__(self, limits: Limits | None = None) -> None:
        self.cluster = FakeCluster()
        self.clock = ManualClock()
        self.governor = Governor(self.cluster, self.clock, limits or Limits())

    def admit(self, act: Act = "chaos", namespace: str = "shop", **more: object) -> None:
        options = {"pods_hit": 1, "pods_total": 3, **more}
        self.governor.admit(act, (CART,), namespace, **options)  # type: ignore[arg-type]

    def refused(self, act: Act = "chaos", namespace: str = "shop", **more: object) -> Refused:
        with pytest.raises(Refused) as caught:
            self.admit(act, namespace, **more)
        return caught.value

    def begun(self, act: Act = "chaos", id_: str = "other") -> Ledger:
        return Ledger.open(
            self.cluster, self.clock, id=id_, act=act, namespace="shop", targets=(CART,), trace_id="t"
        )


def test_with_nothing_in_the_way_an_act_is_admitted() -> None:
    Desk().admit()


def test_a_halt_refuses_until_it_is_lifted() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident")
    assert desk.refused().guard == "halt"
    desk.admit("recovery")
    assert halt.resume(desk.cluster, ["chaos", "recovery"]) == ("chaos",)
    desk.admit()


def test_a_halt_is_found_in_whatever_namespace_it_was_put() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["recovery"], "incident", namespace="ops")
    assert desk.refused("recovery").guard == "halt"


def test_lifting_one_act_leaves_the_other_halted() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos", "recovery"], "incident")
    halt.resume(desk.cluster, ["chaos"])
    desk.admit("chaos")
    assert desk.refused("recovery").guard == "halt"


@pytest.mark.parametrize("namespace", ["kube-system", "litmus", "monitoring"])
def test_protected_namespaces_get_no_chaos_but_recovery(namespace: str) -> None:
    assert Desk().refused(namespace=namespace).guard == "protected namespace"
    Desk().admit("recovery", namespace)


def test_a_frozen_namespace_gets_no_chaos_until_its_time() -> None:
    desk = Desk()
    until = desk.clock.now() + timedelta(hours=1)
    meta = {"name": "shop", "annotations": {FREEZE: until.isoformat()}}
    desk.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    assert desk.refused().until == until.isoformat()
    desk.clock.turn(3601)
    desk.admit()


def test_one_workload_has_one_act_at_a_time() -> None:
    desk = Desk()
    desk.begun("chaos")
    assert desk.refused("chaos").guard == "busy"
    assert desk.refused("recovery").guard == "interlock"
    desk.admit("recovery", drill=True)


def test_who_began_at_the_same_time_gives_way() -> None:
    desk = Desk()
    first, second = desk.begun(id_="a"), desk.begun(id_="b")
    for ledger in (first, second):
        with pytest.raises(Refused):
            desk.governor.confirm(ledger)


def test_a_workload_rests_for_its_cool_down() -> None:
    desk = Desk(Limits(chaos_cooldown=600))
    desk.begun().close(Outcome.PASSED)
    refusal = desk.refused()
    assert (refusal.guard, refusal.limit) == ("cool-down", "10m")
    desk.admit("recovery")
    desk.clock.turn(601)
    desk.admit()


def test_a_budget_counts_ended_acts_of_its_kind_in_the_window() -> None:
    desk = Desk(Limits(recovery_budget=2, budget_window=600))
    for id_ in ("a", "b"):
        desk.begun("recovery", id_).close(Outcome.RECOVERED)
        desk.clock.turn(60)
    assert desk.refused("recovery").guard == "budget"
    desk.admit("chaos")
    desk.clock.turn(500)
    desk.admit("recovery")


@pytest.mark.parametrize(
    ("hit", "total", "pods", "percent", "allowed"),
    [
        (1, 3, 1, 34, True),
        (2, 3, 1, 0, False),
        (3, 3, 0, 34, False),
        (1, 3, 0, 33, False),
        (1, 1, 0, 100, True),
        (9, 9, 0, 0, True),
    ],
)
def test_the_radius_counts_pods_and_their_share(
    hit: int, total: int, pods: int, percent: float, *, allowed: bool
) -> None:
    if allowed:
        within_radius(hit, total, max_pods=pods, max_percent=percent)
    else:
        with pytest.raises(Refused, match="limit is"):
            within_radius(hit, total, max_pods=pods, max_percent=percent)


def test_the_clusters_limits_bind_beside_the_documents_own() -> None:
    assert Desk(Limits(max_percent=20)).refused(max_percent=50).limit == "maxPercent 20"


def test_ended_ledgers_are_pruned_when_no_guard_needs_them() -> None:
    desk = Desk(Limits(chaos_cooldown=600))
    desk.begun().close(Outcome.PASSED)
    assert desk.governor.prune() == 0
    desk.clock.turn(4000)
    assert desk.governor.prune() == 1
    assert accounts(desk.cluster) == ()


def test_only_guards_that_look_back_keep_ended_ledgers() -> None:
    assert not Desk().governor.remembers("chaos")
    assert Desk(Limits(chaos_budget=1)).governor.remembers("chaos")


def test_a_halt_names_its_config_map() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident")
    found = halt.halted(desk.cluster, "chaos")
    assert found is not None
    assert found.ref == ObjectRef(kube.CONFIG_MAP, "default", "chaoskit-halt", found.ref.uid)
