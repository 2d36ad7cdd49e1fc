"""Remediations on a simulated cluster: each does its one thing, is undone, keeps off what others own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from tests.recovery import made
from tests.recovery.simulated import Scene, ref, scene

from chaoskit import kube
from chaoskit.acts.ledger import Ledger
from chaoskit.adapters.kubernetes.transport import Request
from chaoskit.errors import CannotStart, Refused, TakenOver
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.recovery import classify, holding, observe, remedies, runbook
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.remedies import Hands, Rung
from chaoskit.recovery.standing import Answer


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("remedies"), history=1) as found:
        yield found


@pytest.fixture
def shop(stage: Scene) -> Iterator[Scene]:
    """The shop, whose cart and orders stand as they stood before once the test is over."""
    before = {name: stage.deployment(name)["spec"] for name in ("cart", "orders")}
    yield stage
    for name, spec in before.items():
        back = [{"op": "replace", "path": "/spec", "value": spec}]
        stage.cluster.patch(ref(name), back, type="json")
        stage.cluster.patch(ref(name), {"metadata": {"annotations": dict.fromkeys(_MARKS)}})
    for name in (name for name, limit in _pod_limits(stage).items() if limit != _limit(stage)):
        stage.cluster.delete(ObjectRef(kube.POD, "shop", name))  # it was resized, and its test has failed
    stage.cluster.patch(NODE, {"spec": {"unschedulable": None}})
    for kind in (kube.LEASE, kube.NETWORK_POLICY):
        for each in stage.cluster.list(kind, "shop").items:
            stage.cluster.delete(kube.ref_of(each, kind))
    stands = holding.hold(
        stage.cluster, stage.clock, tuple(map(ref, before)),
        seconds=0, deadline=Deadline(stage.clock, 120), stop=threading.Event(),
    )  # fmt: skip
    assert stands.answer is Answer.YES, stands.words


NODE = ObjectRef(kube.NODE, "", "node-1")
_MARKS = ("argocd.argoproj.io/tracking-id", "seen")


@pytest.fixture
def ledger(shop: Scene) -> Ledger:
    return Ledger.open(
        shop.cluster,
        shop.clock,
        id="r1",
        act="recovery",
        namespace="shop",
        targets=(ref("cart"),),
        trace_id="t",
    )


def _rung(
    action: str, *, pods: tuple[str, ...] = (), expects: dict[str, str] | None = None, **more: Any
) -> Rung:
    spec = runbook.Spec.model_validate(
        {"matches": {"issue": "pod-crash"}, "remediations": [{"action": action, **more}]}
    )
    return Rung(spec.remediations[0], (ref("cart"),), "", pods, expects or {})


def _planned(shop: Scene, action: str, **more: Any) -> Rung:
    """The rung as it is planned for the cart as it stands."""
    seen = observe(shop.cluster, None, shop.clock, "shop").topology
    (issue,) = classify([made.symptom("memory-high")], now=shop.clock.now())
    where = remedies.Scene(issue, seen.workloads["shop", "deployment/cart"], seen)
    found = remedies.plan(_rung(action, **more).step, where)
    assert isinstance(found, Rung), found
    return found


def _hands(shop: Scene, cluster: Cluster, symptom: str) -> Hands:
    (issue,) = classify([made.symptom(symptom)], now=shop.clock.now())
    return Hands(cluster, shop.clock, "r1", shop.clock.now(), issue, Deadline(shop.clock, 30))


def _apply(
    rung: Rung,
    shop: Scene,
    ledger: Ledger,
    target: ObjectRef | None = None,
    *,
    cluster: Cluster | None = None,
    symptom: str = "memory-high",
) -> str:
    hands = _hands(shop, cluster or shop.cluster, symptom)
    return remedies.apply(rung, target or ref("cart"), hands, ledger)


def _pods(shop: Scene, name: str = "cart") -> list[Object]:
    return list(shop.cluster.list(kube.POD, "shop", labels=f"app={name}").items)


def test_a_serving_pod_is_evicted_and_one_that_serves_nobody_is_deleted(shop: Scene, ledger: Ledger) -> None:
    name = _pods(shop)[0]["metadata"]["name"]
    assert _apply(_rung("restart-pod", pods=(name,)), shop, ledger) == f"evicted pod/{name}"
    before = {pod["metadata"]["name"] for pod in _pods(shop, "orders")}
    shop.roll_out("orders", FAULT="unready=1")
    while not (new := {pod["metadata"]["name"] for pod in _pods(shop, "orders")} - before):
        shop.clock.sleep(1)
    words = _apply(_rung("restart-pod", pods=tuple(new)), shop, ledger, ref("orders"))
    assert words == f"deleted pod/{new.pop()}"


def test_a_disruption_budget_keeps_serving_pods(shop: Scene, ledger: Ledger) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "all-of-search", "namespace": "shop"},
        "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": "search"}}},
    }
    shop.cluster.create(budget)
    while (
        not shop.cluster.get(ObjectRef(kube.PDB, "shop", "all-of-search"))
        .get("status", {})
        .get("expectedPods")
    ):
        shop.clock.sleep(1)
    name = _pods(shop, "search")[0]["metadata"]["name"]
    with pytest.raises(Refused) as caught:
        _apply(_rung("restart-pod", pods=(name,)), shop, ledger)
    assert caught.value.guard == "disruption budget"


def test_pods_that_are_gone_already_are_not_restarted(shop: Scene, ledger: Ledger) -> None:
    with pytest.raises(CannotStart, match="gone or well"):
        _apply(_rung("restart-pod", pods=("cart-0-0",)), shop, ledger)


def test_more_replicas_are_taken_back_by_the_undo(shop: Scene, ledger: Ledger) -> None:
    before = shop.deployment("cart")["spec"]["replicas"]
    words = _apply(_planned(shop, "scale", by=2), shop, ledger)
    assert words == f"deployment/cart spec.replicas {before} to {before + 2}"
    assert shop.deployment("cart")["spec"]["replicas"] == before + 2
    assert ledger.undo().state == "confirmed"
    assert shop.deployment("cart")["spec"]["replicas"] == before


def test_the_undo_leaves_a_value_that_somebody_else_set_since(shop: Scene, ledger: Ledger) -> None:
    _apply(_planned(shop, "scale", by=1), shop, ledger)
    shop.cluster.patch(ref("cart"), {"spec": {"replicas": 5}})
    ledger.undo()
    assert shop.deployment("cart")["spec"]["replicas"] == 5


def test_done_again_it_is_not_one_more_replica(shop: Scene, ledger: Ledger) -> None:
    before = shop.deployment("cart")["spec"]["replicas"]
    rung = _planned(shop, "scale", by=1)
    _apply(rung, shop, ledger)
    with pytest.raises(CannotStart, match="has 3 replicas already"):
        _apply(rung, shop, ledger)
    assert shop.deployment("cart")["spec"]["replicas"] == before + 1
    assert len(ledger.account.entries) == 1


def _limit(shop: Scene) -> str:
    containers = shop.deployment("cart")["spec"]["template"]["spec"]["containers"]
    return str(containers[0]["resources"]["limits"]["memory"])


def test_a_memory_limit_is_raised_within_its_cap_and_lowered_by_the_undo(shop: Scene, ledger: Ledger) -> None:
    before = _limit(shop)
    words = _apply(_planned(shop, "raise-memory-limit", factor=4, cap="300Mi", inPlace=False), shop, ledger)
    assert words.endswith("to 300Mi")
    assert _limit(shop) == "300Mi"
    assert ledger.account.entries[0].kind == "rollout"
    assert ledger.undo().state == "confirmed"
    assert _limit(shop) == before


def _pod_limits(shop: Scene) -> dict[str, str]:
    """Of those that stay: the pods that a test before has replaced may be on their way out still."""
    pods = filter(kube.is_alive, shop.cluster.list(kube.POD, "shop", labels="app=cart").items)
    return {p["metadata"]["name"]: p["spec"]["containers"][0]["resources"]["limits"]["memory"] for p in pods}


def test_where_the_server_resizes_running_pods_they_alone_get_more_memory(
    shop: Scene, ledger: Ledger
) -> None:
    template, before = _limit(shop), _pod_limits(shop)
    _apply(_planned(shop, "raise-memory-limit", factor=4, cap="300Mi"), shop, ledger)
    assert _pod_limits(shop) == dict.fromkeys(before, "300Mi")
    assert _limit(shop) == template
    assert ledger.undo().state == "confirmed"
    assert _pod_limits(shop) == before


def test_the_undo_leaves_a_template_that_somebody_else_changed_since(shop: Scene, ledger: Ledger) -> None:
    _apply(_planned(shop, "raise-memory-limit", factor=4, cap="300Mi", inPlace=False), shop, ledger)
    shop.roll_out("cart", RELEASE="hotfix")
    assert ledger.undo().state == "confirmed"
    assert _limit(shop) == "300Mi"


def test_an_undo_whose_old_template_is_gone_says_so_and_is_still_owed(shop: Scene, ledger: Ledger) -> None:
    _apply(_planned(shop, "raise-memory-limit", factor=4, cap="300Mi", inPlace=False), shop, ledger)
    old = ObjectRef(kube.REPLICA_SET, "shop", str(ledger.account.entries[0].before))
    shop.cluster.delete(old)
    while [s for s in shop.cluster.list(kube.REPLICA_SET, "shop").items if s["metadata"]["name"] == old.name]:
        shop.clock.sleep(1)
    found = ledger.undo()
    assert found.state == "not confirmed"
    assert "is gone" in found.left[0]
    assert len(ledger.account.entries) == 1


@pytest.mark.parametrize("in_place", [True, False])
def test_done_again_it_is_not_once_more_memory(shop: Scene, ledger: Ledger, in_place: bool) -> None:
    rung = _planned(shop, "raise-memory-limit", factor=2, inPlace=in_place)
    _apply(rung, shop, ledger)
    raised, owed = (_limit(shop), _pod_limits(shop)), ledger.account.entries
    with pytest.raises(CannotStart, match="the planned memory limit already"):
        _apply(rung, shop, ledger)
    assert (_limit(shop), ledger.account.entries) == (raised[0], owed)
    assert not in_place or _pod_limits(shop) == raised[1]


def test_a_memory_limit_that_was_changed_since_the_plan_is_left(shop: Scene, ledger: Ledger) -> None:
    rung = _planned(shop, "raise-memory-limit", inPlace=False)
    limit = [
        {"op": "replace", "path": "/spec/template/spec/containers/0/resources/limits/memory", "value": "99Mi"}
    ]
    shop.cluster.patch(ref("cart"), limit, type="json")
    with pytest.raises(CannotStart, match="is not the planned"):
        _apply(rung, shop, ledger)
    assert _limit(shop) == "99Mi"


def test_pods_that_got_more_memory_in_place_get_more_than_that(shop: Scene, ledger: Ledger) -> None:
    _apply(_planned(shop, "raise-memory-limit", factor=2), shop, ledger)
    once = {kube.quantity(each) for each in _pod_limits(shop).values()}
    _apply(_planned(shop, "raise-memory-limit", factor=2), shop, ledger)
    assert {kube.quantity(each) for each in _pod_limits(shop).values()} == {2 * each for each in once}
    ledger.undo()


def test_a_template_that_git_keeps_is_refused_on_the_live_object(shop: Scene, ledger: Ledger) -> None:
    rung = _planned(shop, "raise-memory-limit")
    mark = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/cart"}
    shop.cluster.patch(ref("cart"), {"metadata": {"annotations": mark}})
    with pytest.raises(Refused) as caught:
        _apply(rung, shop, ledger)
    assert caught.value.guard == "ownership"
    assert ledger.account.entries == ()


def test_a_roll_back_is_not_done_to_another_revision_than_the_one_to_blame(
    shop: Scene, ledger: Ledger
) -> None:
    rung = _rung("roll-back", expects={"from": "cart-bad", "to": "cart-good"})
    with pytest.raises(CannotStart, match="another revision by now"):
        _apply(rung, shop, ledger)


def test_a_rolling_restart_is_what_kubectl_would_do(shop: Scene, ledger: Ledger) -> None:
    assert _apply(_rung("rolling-restart"), shop, ledger) == "restarted deployment/cart"
    notes = shop.deployment("cart")["spec"]["template"]["metadata"]["annotations"]
    assert notes["kubectl.kubernetes.io/restartedAt"].endswith("Z")
    assert ledger.account.entries == ()


def _policy(name: str, labels: dict[str, str], app: str = "cart") -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"]},
    }


def test_only_policies_that_chaos_left_on_these_pods_are_removed(shop: Scene, ledger: Ledger) -> None:
    ours = {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: "over"}
    under_way = {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: "r1"}
    for body in (
        _policy("litmus-left", {"chaosUID": "1234"}),
        _policy("we-left", ours),
        _policy("in-use", under_way),
        _policy("of-orders", ours, "orders"),
        _policy("a-real-one", {}),
    ):
        shop.cluster.create(body)
    assert _apply(_rung("remove-network-policy"), shop, ledger) == "removed litmus-left, removed we-left"
    left = {each["metadata"]["name"] for each in shop.cluster.list(kube.NETWORK_POLICY, "shop").items}
    assert {"in-use", "of-orders", "a-real-one"} <= left
    with pytest.raises(CannotStart, match="no experiment left"):
        _apply(_rung("remove-network-policy"), shop, ledger)


def test_a_node_takes_pods_again_and_the_undo_cordons_it(shop: Scene, ledger: Ledger) -> None:
    shop.cluster.patch(NODE, {"spec": {"unschedulable": True}})
    words = _apply(_rung("uncordon"), shop, ledger, NODE)
    assert words == "node/node-1 spec.unschedulable True to nothing"
    assert not shop.cluster.get(NODE)["spec"].get("unschedulable")
    with pytest.raises(CannotStart, match="not cordoned"):
        _apply(_rung("uncordon"), shop, ledger, NODE)
    ledger.undo()
    assert shop.cluster.get(NODE)["spec"]["unschedulable"] is True


def test_a_ledger_that_another_process_took_over_stops_the_act(shop: Scene, ledger: Ledger) -> None:
    before = shop.deployment("cart")["spec"]["replicas"]
    Ledger.take_over(shop.cluster, shop.clock, ledger.account)
    with pytest.raises(TakenOver):
        _apply(_planned(shop, "scale", by=1), shop, ledger)
    assert shop.deployment("cart")["spec"]["replicas"] == before


class _Busy:
    """The cluster, in which somebody else writes just before the first patch of a deployment."""

    def __init__(self, cluster: Cluster, first: Callable[[], object]) -> None:
        self._cluster = cluster
        self._first = [first]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def patch(self, target: ObjectRef, patch: Any, **more: Any) -> Object:
        if self._first and not more.get("dry_run") and target.kind == kube.DEPLOYMENT:
            self._first.pop()()
        return self._cluster.patch(target, patch, **more)


def _while_busy(rung: Rung, shop: Scene, ledger: Ledger, first: Callable[[], object]) -> str:
    busy = cast("Cluster", _Busy(shop.cluster, first))
    return _apply(rung, shop, ledger, cluster=busy)


def test_a_deployment_whose_status_changed_in_between_is_still_rolled_back(
    shop: Scene, ledger: Ledger
) -> None:
    healthy = shop.deployment("cart")["spec"]["template"]
    shop.roll_out("cart", RELEASE="bad")
    sets: list[Object] = []
    while len(sets) < 2:
        shop.clock.sleep(1)
        found = shop.cluster.list(kube.REPLICA_SET, "shop").items
        sets = [each for each in found if each["metadata"]["name"].startswith("cart-")]
    sets.sort(key=lambda each: int(kube.annotations_of(each)["deployment.kubernetes.io/revision"]))
    old, new = (each["metadata"]["name"] for each in sets[-2:])

    def status() -> None:
        shop.cluster.patch(ref("cart"), {"metadata": {"annotations": {"seen": "now"}}})

    rung = _rung("roll-back", expects={"from": new, "to": old})
    assert _while_busy(rung, shop, ledger, status).startswith("rolled deployment/cart back")
    assert shop.deployment("cart")["spec"]["template"] == healthy
    assert len(ledger.account.entries) == 1


def test_replicas_that_somebody_set_since_the_plan_are_left_and_nothing_is_owed(
    shop: Scene, ledger: Ledger
) -> None:
    before = shop.deployment("cart")["spec"]["replicas"]

    def theirs() -> None:
        shop.cluster.patch(ref("cart"), {"spec": {"replicas": before + 2}})

    with pytest.raises(CannotStart, match="has 4 replicas by now, not the 2 of the plan"):
        _while_busy(_planned(shop, "scale", by=1, max=9), shop, ledger, theirs)
    assert shop.deployment("cart")["spec"]["replicas"] == before + 2
    assert ledger.account.entries == ()


def test_replicas_that_somebody_set_alike_at_this_moment_are_theirs(shop: Scene, ledger: Ledger) -> None:
    wanted = shop.deployment("cart")["spec"]["replicas"] + 1

    def theirs() -> None:
        path, query = "/apis/apps/v1/namespaces/shop/deployments/cart", (("fieldManager", "kubectl"),)
        body = {"spec": {"replicas": wanted}}
        asked = Request("patch", "PATCH", path, query, body, "application/merge-patch+json")
        shop.cluster._transport.json(asked)

    _while_busy(_planned(shop, "scale", by=1, max=9), shop, ledger, theirs)
    assert shop.deployment("cart")["spec"]["replicas"] == wanted
    assert ledger.account.entries == ()


def test_a_policy_whose_engine_works_in_another_namespace_is_in_use(shop: Scene, ledger: Ledger) -> None:
    shop.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "chaos"}})
    body = {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "elsewhere", "namespace": "chaos"},
        "spec": {"engineState": "stop"},
    }
    uid = shop.cluster.create(body)["metadata"]["uid"]
    shop.cluster.create(_policy("in-use", {"chaosUID": uid}))
    theirs = Ledger.open(
        shop.cluster, shop.clock, id="far", act="chaos", namespace="chaos", targets=(), trace_id="t"
    )
    shop.cluster.create(_policy("ours", {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: "far"}))
    with pytest.raises(CannotStart, match="no experiment left"):
        _apply(_rung("remove-network-policy"), shop, ledger)
    theirs.close(Outcome.PASSED)
    assert _apply(_rung("remove-network-policy"), shop, ledger) == "removed ours"
