from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.acts.accounts import TARGETS, accounts
from chaoskit.acts.halt import Act
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import Refused
from chaoskit.governor import FREEZE, Governor, Hit, Limits, within_radius
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef

OTHER = ObjectRef(kube.DEPLOYMENT, "shop", "orders")


class Desk:
    def __init__(self, limits: Limits | None = None) -> None:
        self.cluster = FakeCluster()
        self.clock = ManualClock()
        self.governor = Governor(self.cluster, self.clock, limits or Limits())

    def admit(self, act: Act = "chaos", namespace: str = "shop", **more: object) -> None:
        options = {"at_once": 1, "hits": (Hit("pods of cart", 1, 3),), **more}
        self.governor.admit(act, (CART,), namespace, **options)  # type: ignore[arg-type]

    def refused(self, act: Act = "chaos", namespace: str = "shop", **more: object) -> Refused:
        with pytest.raises(Refused) as caught:
            self.admit(act, namespace, **more)
        return caught.value

    def begun(self, act: Act = "chaos", id_: str = "other", target: ObjectRef = CART) -> Ledger:
        return Ledger.open(
            self.cluster, self.clock, id=id_, act=act, namespace="shop", targets=(target,), trace_id="t"
        )


def test_with_nothing_in_the_way_an_act_is_admitted() -> None:
    Desk().admit()


class Counted(FakeCluster):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, ref: ObjectRef) -> Object:
        self.read.append(f"get {ref} in {ref.namespace}")
        return super().get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self.read.append(f"list {kind} in {namespace}")
        return super().list(kind, namespace, labels=labels, fields=fields)


def test_guards_that_are_asked_for_one_decision_look_once_and_for_the_next_again() -> None:
    desk = Desk()
    desk.cluster = cluster = Counted()
    governor = Governor(cluster, desk.clock)
    for _ in range(2):
        desk.governor = governor.glance()
        desk.admit()
        assert desk.governor.blind("chaos", (CART,), "shop") == ()
    once = [
        "get configmap/chaoskit-halt in default", "get configmap/chaoskit-halt in shop",
        "get namespace/shop in ", "list lease in ", "list chaosengine.litmuschaos.io in ",
    ]  # fmt: skip
    assert cluster.read == [*once, *once]
    halt.halt(cluster, desk.clock, ["chaos"], "incident")
    desk.governor = governor.glance()
    assert desk.refused().guard == "halt"


def test_a_halt_refuses_until_it_is_lifted() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident")
    assert desk.refused().guard == "halt"
    desk.admit("recovery")
    assert halt.resume(desk.cluster, ["chaos", "recovery"]) == ("chaos",)
    desk.admit()


def test_a_halt_tells_since_when_to_the_second() -> None:
    desk = Desk()
    desk.clock.turn(3.5)
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident 42")
    assert desk.refused().message == "chaos is halted in this cluster since 2026-01-01T00:00:03Z: incident 42"


def test_a_second_halt_leaves_the_first_ones_time_and_its_reason_unless_it_has_one() -> None:
    desk = Desk()
    assert halt.halt(desk.cluster, desk.clock, ["chaos"], "incident 42") == ()
    desk.clock.turn(60)
    (stood,) = halt.halt(desk.cluster, desk.clock, ["chaos", "recovery"], "")
    assert str(stood) == "chaos is halted in this cluster since 2026-01-01T00:00:00Z: incident 42"
    assert halt.halted(desk.cluster, "chaos") == stood
    assert str(halt.halted(desk.cluster, "recovery")).endswith("since 2026-01-01T00:01:00Z: no reason given")
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident 43")
    assert str(halt.halted(desk.cluster, "chaos")).endswith("since 2026-01-01T00:00:00Z: incident 43")


def test_who_halts_again_what_was_resumed_begins_anew() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos", "recovery"], "incident 42")
    halt.resume(desk.cluster, ["chaos"])
    desk.clock.turn(60)
    assert halt.halt(desk.cluster, desk.clock, ["chaos"], "") == ()
    assert str(halt.halted(desk.cluster, "chaos")).endswith("since 2026-01-01T00:01:00Z: no reason given")


def test_every_halt_that_stands_is_told_and_where_not_all_may_be_seen_those_of_a_few_places() -> None:
    desk = Desk()
    for place in (halt.CLUSTER, halt.HOME, "bank", "shop"):
        halt.halt(desk.cluster, desk.clock, ["chaos"], "", namespace=place)

    def places() -> set[str]:
        return {each.namespace for each in halt.standing(desk.cluster, "shop")}

    assert places() == {halt.CLUSTER, halt.HOME, "bank", "shop"}
    desk.cluster.hidden.add(("configmaps", ""))
    assert places() == {halt.CLUSTER, halt.HOME, "shop"}


def test_a_halt_of_a_namespace_is_for_that_namespace_alone() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["recovery"], "incident", namespace="shop")
    refused = desk.refused("recovery")
    assert "halted in namespace shop" in refused.message
    assert refused.hint == "chaoskit resume -n shop lifts it"
    desk.governor.admit("recovery", (), "ops", at_once=1, hits=())
    assert halt.resume(desk.cluster, ["recovery"]) == ()
    assert halt.resume(desk.cluster, ["recovery"], namespace="shop") == ("recovery",)
    desk.admit("recovery")


def test_a_halt_of_the_namespace_of_halts_is_for_that_namespace_alone_too() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident", namespace=halt.HOME)
    desk.admit()
    refused = desk.refused(namespace=halt.HOME)
    assert "halted in namespace default" in refused.message
    assert refused.hint == "chaoskit resume -n default lifts it"
    halt.halt(desk.cluster, desk.clock, ["chaos"], "flood")
    assert "halted in this cluster" in desk.refused(namespace=halt.HOME).message
    assert halt.resume(desk.cluster, ["chaos", "recovery"], namespace=halt.HOME) == ("chaos",)
    assert "halted in this cluster" in desk.refused().message
    assert halt.resume(desk.cluster, ["chaos"], namespace=halt.HOME) == ()
    assert halt.resume(desk.cluster, ["chaos", "recovery"]) == ("chaos",)
    desk.admit(namespace=halt.HOME)
    assert (kube.CONFIG_MAP, halt.HOME, halt.NAME) not in desk.cluster.objects


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
    desk.begun().close(Outcome.PASSED, keep=desk.governor.remembers("chaos"))
    refusal = desk.refused()
    assert (refusal.guard, refusal.limit) == ("cool-down", "10m")
    desk.admit("recovery")
    desk.clock.turn(601)
    desk.admit()


def test_a_budget_counts_ended_acts_of_its_kind_in_the_window() -> None:
    desk = Desk(Limits(recovery_budget=2, budget_window=600))
    for id_ in ("a", "b"):
        desk.begun("recovery", id_).close(Outcome.RECOVERED, keep=desk.governor.remembers("recovery"))
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
        within_radius(hit, [Hit("pods of cart", hit, total)], max_pods=pods, max_percent=percent)
    else:
        with pytest.raises(Refused, match="limit is"):
            within_radius(hit, [Hit("pods of cart", hit, total)], max_pods=pods, max_percent=percent)


def test_the_clusters_limits_bind_beside_the_documents_own() -> None:
    assert Desk(Limits(max_percent=20)).refused(max_percent=50).limit == "maxPercent 20"


def test_whose_limit_it_is_that_more_would_need_is_named() -> None:
    told = "choose fewer targets, or raise the limit of "
    assert Desk(Limits(max_percent=20)).refused().hint == f"{told}the settings"
    assert Desk().refused(max_percent=20).hint == f"{told}the experiment's blastRadius"


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (Limits(), 0),
        (Limits(recovery_budget=1), 0),
        (Limits(chaos_budget=1), 3600),
        (Limits(chaos_cooldown=600), 600),
        (Limits(chaos_cooldown=7200, chaos_budget=1), 7200),
    ],
)
def test_an_ended_ledger_is_needed_as_long_as_a_guard_of_its_kind_looks_back(
    limits: Limits, seconds: float
) -> None:
    assert Desk(limits).governor.remembers("chaos") == seconds


def test_who_has_no_limits_removes_no_ledger_that_another_needs() -> None:
    desk = Desk(Limits(chaos_cooldown=7200))
    desk.begun().close(Outcome.PASSED, keep=desk.governor.remembers("chaos"))
    desk.clock.turn(7000)
    desk.begun("recovery", "careless").close(Outcome.RECOVERED)
    assert desk.refused().guard == "cool-down"
    desk.clock.turn(201)
    desk.begun("recovery", "later")
    assert [each.id for each in accounts(desk.cluster)] == ["later"]


def test_acts_under_way_count_against_the_budget() -> None:
    desk = Desk(Limits(chaos_budget=2, budget_window=600))
    desk.begun(id_="ended", target=OTHER).close(Outcome.PASSED, keep=600)
    under_way = desk.begun(id_="under way", target=OTHER)
    refusal = desk.refused()
    assert refusal.guard == "budget"
    assert refusal.until == (desk.clock.now() + timedelta(seconds=600)).isoformat(timespec="seconds")
    under_way.close(Outcome.PASSED)
    desk.admit()


def test_a_budget_used_up_by_acts_under_way_has_no_end_in_sight() -> None:
    desk = Desk(Limits(chaos_budget=1))
    desk.begun(target=OTHER)
    assert desk.refused().until == ""


def test_the_budget_is_asked_again_when_the_ledger_stands() -> None:
    desk = Desk(Limits(chaos_budget=1))
    desk.admit()
    desk.begun(id_="faster", target=OTHER)
    with pytest.raises(Refused) as caught:
        desk.governor.confirm(desk.begun(id_="mine"))
    assert caught.value.guard == "budget"


def test_a_spoilt_ledger_stops_nobody_and_is_told() -> None:
    desk = Desk()
    spoilt = desk.begun().account.ref
    desk.cluster.patch(spoilt, {"metadata": {"annotations": {TARGETS: "{"}}})
    desk.admit()
    (words,) = desk.governor.blind("chaos", (CART,), "shop")
    assert "chaoskit.io/targets cannot be read" in words


def test_who_sees_everything_is_told_of_nothing() -> None:
    assert Desk(Limits(chaos_budget=1)).governor.blind("chaos", (CART,), "shop") == ()


def test_guards_that_cannot_see_say_so() -> None:
    desk = Desk(Limits(chaos_budget=1))
    desk.cluster.hidden |= {("configmaps", "default"), ("namespaces", ""), ("leases", "")}
    desk.admit()
    told = desk.governor.blind("chaos", (CART,), "shop")
    assert [words.partition(":")[0] for words in told] == [
        "a halt in namespace default would not be seen",
        "whether namespace shop is frozen cannot be seen",
        "the budget counts no act in other namespaces",
    ]
    recovery = desk.governor.blind("recovery", (CART,), "shop")
    assert [words.partition(":")[0] for words in recovery] == [
        "a halt in namespace default would not be seen",
        "whether namespace shop is frozen cannot be seen",
    ]


def test_who_may_read_the_halts_places_alone_is_not_blind() -> None:
    desk = Desk()
    desk.cluster.hidden.add(("configmaps", ""))
    assert desk.governor.blind("recovery", (CART,), "shop") == ()


def test_a_halt_names_its_config_map() -> None:
    desk = Desk()
    halt.halt(desk.cluster, desk.clock, ["chaos"], "incident")
    found = halt.halted(desk.cluster, "chaos")
    assert found is not None
    assert found.ref == ObjectRef(kube.CONFIG_MAP, "default", "chaoskit-halt", found.ref.uid)


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01"])
def test_a_freeze_that_cannot_be_read_is_a_freeze(text: str) -> None:
    desk = Desk()
    meta = {"name": "shop", "annotations": {FREEZE: text}}
    desk.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    refused = desk.refused()
    assert refused.guard == "freeze"
    assert text in refused.message
    assert FREEZE in refused.hint


def test_the_share_counts_for_each_workload_by_itself() -> None:
    hits = (Hit("pods of cart", 1, 10), Hit("pods of orders", 2, 2))
    with pytest.raises(Refused, match="2 of 2 pods of orders"):
        within_radius(2, hits, max_percent=50)
    within_radius(2, hits[:1], max_percent=50)


def engine(status: str = "", *, place: str = "shop", run: str = "", **spec: Any) -> Object:
    return {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "theirs", "namespace": place, "labels": {kube.RUN_LABEL: run} if run else {}},
        "spec": {"engineState": "active", **spec},
        "status": {"engineStatus": status},
    }


AT_CART: dict[str, Any] = {"appinfo": {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"}}


def with_cart(*bodies: Object) -> Desk:
    labels = {"app": "cart"}
    cart = deployment()
    cart["spec"]["selector"] = {"matchLabels": labels}
    meta = {"name": "cart-1", "namespace": "shop", "labels": labels}
    desk = Desk()
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {}}
    desk.cluster = FakeCluster(cart, pod, *bodies)
    desk.governor = Governor(desk.cluster, desk.clock)
    return desk


@pytest.mark.parametrize(
    "body",
    [
        engine(**AT_CART),
        engine("initialized", place="litmus", **AT_CART),
        engine(),
        engine(appinfo={"applabel": "cart", "appkind": "deployment"}),
        engine(selectors={"workloads": [{"kind": "deployment", "namespace": "shop", "names": "db,cart"}]}),
        engine(selectors={"workloads": [{"kind": "deployment", "namespace": "shop", "labels": "app=cart"}]}),
        engine(selectors={"pods": [{"namespace": "shop", "names": "cart-1"}]}),
        {key: value for key, value in engine().items() if key != "spec"},
    ],
)
@pytest.mark.parametrize(("act", "guard"), [("chaos", "busy"), ("recovery", "interlock")])
def test_nobody_acts_on_what_an_engine_of_others_works_on(body: Object, act: Act, guard: str) -> None:
    refused = with_cart(body).refused(act)
    assert refused.guard == guard
    assert "chaos engine theirs" in refused.message
    assert "works on deployment/cart" in refused.message
    assert f"kubectl patch chaosengine theirs -n {body['metadata']['namespace']} " in refused.hint


@pytest.mark.parametrize(
    "body",
    [
        engine("completed", **AT_CART),
        engine("stopped", **AT_CART),
        {**engine(**AT_CART), "spec": {"engineState": "stop", **AT_CART}},
        engine(appinfo={"appns": "lab", "applabel": "app=cart", "appkind": "deployment"}),
        engine(appinfo={"applabel": "app=cart", "appkind": "statefulset"}),
        engine(appinfo={"applabel": "app=db", "appkind": "deployment"}),
        engine(appinfo={"applabel": "db", "appkind": "deployment"}),
        engine(selectors={"workloads": [{"kind": "deployment", "namespace": "shop", "names": "db"}]}),
        engine(selectors={"pods": [{"namespace": "shop", "names": "db-1"}]}),
        engine(place="litmus"),
        {key: value for key, value in engine(place="litmus").items() if key != "spec"},
    ],
)
@pytest.mark.parametrize("act", ["chaos", "recovery"])
def test_an_engine_that_ended_or_works_elsewhere_is_in_nobodys_way(body: Object, act: Act) -> None:
    with_cart(body).admit(act)


@pytest.mark.parametrize(
    ("spec", "hit"),
    [
        ({"selectors": {"pods": [{"namespace": "shop", "names": "cart-1"}]}}, True),
        ({"selectors": {"pods": [{"namespace": "shop", "names": "cart-2"}]}}, False),
        ({"appinfo": {"applabel": "app=cart"}}, True),
        ({"appinfo": {"applabel": "app=db"}}, False),
        ({}, True),
        ({"appinfo": {"applabel": "app=cart", "appkind": "deployment"}}, False),
    ],
)
@pytest.mark.parametrize("owner", ["", "Job", "Replicated"])
def test_pods_without_a_workload_are_asked_about_too(spec: dict[str, Any], hit: bool, owner: str) -> None:
    desk = with_cart(engine(place="shop", **spec))
    pod = ObjectRef(kube.POD, "shop", "cart-1")
    target = ObjectRef(Kind("batch", owner, "x"), "shop", "nightly") if owner else pod
    controlled = {"apiVersion": "batch/v1", "kind": owner, "name": "nightly", "controller": True}
    desk.cluster.patch(pod, {"metadata": {"ownerReferences": [controlled] if owner else []}})
    for act in ("chaos", "recovery"):
        with contextlib.nullcontext() if not hit else pytest.raises(Refused, match=f"works on {target}"):
            desk.governor.admit(act, (target,), "shop", at_once=1, hits=())


def test_what_has_no_pods_is_in_no_engines_way() -> None:
    desk = with_cart(
        engine(), engine(appinfo={"applabel": "cart"}) | {"metadata": {"name": "b", "namespace": "shop"}}
    )
    near = (ObjectRef(kube.SERVICE, "shop", "cart"), ObjectRef(kube.NODE, "", "cart"))
    desk.governor.admit("recovery", near, "shop", at_once=1, hits=())
    assert desk.refused("recovery").guard == "interlock"


def test_a_runs_own_engine_is_known_by_its_ledger_and_one_that_it_makes_anew_by_its_name() -> None:
    desk = with_cart(engine(run="r1", **AT_CART))
    desk.begun(id_="r1", target=OTHER)
    desk.admit("chaos")
    assert "chaoskit abort r1" in desk.refused("recovery").hint
    named = ObjectRef(kube.CHAOS_ENGINE, "shop", "theirs")
    desk = with_cart(engine(**AT_CART))
    desk.admit("chaos", engine=named)
    assert desk.refused("chaos", engine=replace(named, namespace="lab")).guard == "busy"


def test_the_label_of_a_run_alone_hides_no_engine() -> None:
    """A copy of a former run's engine has it as well."""
    desk = with_cart(engine("initialized", place="litmus", run="r1", **AT_CART))
    refused = desk.refused("chaos")
    assert refused.guard == "busy"
    assert "kubectl patch chaosengine theirs -n litmus " in refused.hint
    ledger = desk.begun(id_="r1", target=OTHER)
    desk.admit("chaos")
    ledger.close(Outcome.PASSED, keep=60)
    assert desk.refused("chaos").guard == "busy"


def test_a_run_whose_ledger_may_not_be_read_is_known_by_its_engine() -> None:
    body = engine("initialized", place="litmus", run="r1", **AT_CART)
    desk = with_cart(body)
    Ledger.open(
        desk.cluster, desk.clock, id="r1", act="chaos", namespace="litmus", targets=(OTHER,), trace_id="t"
    )
    desk.admit("chaos")
    desk.cluster.hidden = {("leases", "")}
    assert desk.refused("chaos").guard == "busy"


def test_who_may_not_see_engines_everywhere_sees_those_beside_the_targets() -> None:
    desk = with_cart(engine(**AT_CART))
    desk.cluster.hidden = {("chaosengines", "")}
    assert desk.refused("chaos").guard == "busy"
    assert (
        _told(desk, "chaos")
        == _told(desk, "recovery")
        == ["a chaos engine in other namespaces would not be seen"]
    )
    assert desk.governor.blind("recovery", (CART,), "shop", drill=True) == ()
    desk.cluster.hidden |= {("chaosengines", "shop")}
    desk.admit("chaos")
    assert _told(desk, "chaos")[1:] == ["a chaos engine in namespace shop would not be seen"]


def _told(desk: Desk, act: Act) -> list[str]:
    return [words.partition(":")[0] for words in desk.governor.blind(act, (CART,), "shop")]


def test_others_are_known_of_the_places_that_may_be_seen() -> None:
    desk = Desk()
    mine, theirs = desk.begun(id_="mine"), desk.begun(id_="theirs")
    assert [each.id for each in desk.governor.others(mine)] == [theirs.account.id]
    desk.cluster.hidden.add(("leases", ""))
    elsewhere = Ledger.open(
        desk.cluster, desk.clock, id="far", act="chaos", namespace="pay", targets=(), trace_id="t"
    )
    assert [each.id for each in desk.governor.others(mine)] == ["theirs"]
    found = desk.governor.others(mine, also=["pay", "shop"])
    assert [each.id for each in found] == ["theirs", elsewhere.account.id]
