"""Pods that serve are replaced one after another: none goes before the successor of the last one serves."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import ref
from tests.recovery.staged import Watched, cart

from chaoskit import kube
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Stop
from chaoskit.errors import CannotStart, Interrupted, Refused
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery import classify, remedies, runbook
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.remedies import Hands, Rung, Scene
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology


def _hands(cluster: Watched, rung_of: str = "disk-full", patience: float = 30, **more: Any) -> Hands:
    (issue,) = classify([made.symptom(rung_of)], now=cluster.clock.now())
    deadline = Deadline(cluster.clock, patience)
    return Hands(cluster, cluster.clock, "r1", cluster.clock.now(), issue, deadline, **more)


def _rung(cluster: Watched, action: str, *pods: str, **more: Any) -> Rung:
    """What the remediation plans for these pods of cart, as the cluster is now."""
    remediations = [{"action": action, **more}]
    spec = runbook.Spec.model_validate({"matches": {"issue": "disk-full"}, "remediations": remediations})
    now = cluster.clock.now()
    (target,) = (each for each in cluster.objects if each[2] == "cart")
    issues = [Symptom("disk-full", ObjectRef(*target), now, Severity.HIGH, "full", pods)]
    (issue,) = classify(issues, now=now)
    topology = Topology(
        pods=cluster.list(kube.POD).items,
        workload_bodies=((target[0], cluster.objects[target]),),
        replica_sets=cluster.list(kube.REPLICA_SET).items,
        services=(),
        budgets=(),
    )
    scene = Scene(issue, topology.workloads["shop", str(issue.target)], topology)
    rung = remedies.plan(spec.remediations[0], scene)
    assert isinstance(rung, Rung), rung
    return rung


def _apply(cluster: Watched, rung: Rung, **more: Any) -> str:
    ledger = Ledger.open(
        cluster, cluster.clock, id="r1", act="recovery", namespace="shop", targets=rung.targets, trace_id="t"
    )
    return remedies.apply(rung, rung.targets[0], _hands(cluster, **more), ledger)


def _went(cluster: Watched) -> list[str]:
    return [each for each in cluster.wrote if "pod/" in each and not each.startswith(("put", "create"))]


def _with_sets(*pods: str) -> Watched:
    found = cart(*pods)
    found.create({"apiVersion": "apps/v1", "kind": "ReplicaSet", **made.replica_set("cart", 1, ready=3)})
    return found


@pytest.fixture
def three() -> Watched:
    return _with_sets("a", "b", "c")


def test_a_successor_that_never_serves_keeps_the_others_where_they_are(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a", "b", "c")
    three.at(2, lambda: three.puts(made.pod("d", ready=False)))
    with pytest.raises(CannotStart, match="only 2 of 3 pods of deployment/cart serve: none"):
        _apply(three, rung)
    assert _went(three) == ["evict pod/a"]


def test_the_next_pod_goes_when_the_successor_serves_whatever_an_old_status_says(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a", "b")
    left: list[float] = []

    def evicting(pod: ObjectRef) -> None:
        three.gone(pod)
        left.append(three.clock.monotonic())

    three.evicting = evicting
    three.at(12, lambda: three.puts(made.pod("d")))
    assert three.get(ref("cart"))["status"]["readyReplicas"] == 3
    assert _apply(three, rung) == "evicted pod/a, evicted pod/b"
    assert left[0] == 0
    assert left[1] >= 12


def test_all_pods_together_have_the_time_of_the_rung(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a", "b", "c")
    for second, name in ((12, "d"), (24, "e"), (36, "f")):
        three.at(second, partial(three.puts, made.pod(name)))
    with pytest.raises(CannotStart, match="only 2 of 3"):
        _apply(three, rung, patience=20)
    assert _went(three) == ["evict pod/a", "evict pod/b"]
    assert three.clock.monotonic() == 20


def test_a_pod_that_serves_again_meanwhile_is_evicted_and_not_deleted(three: Watched) -> None:
    three.puts(made.pod("c", ready=False))
    rung = _rung(three, "restart-pod", "a", "b", "c")
    for name in ("c", "d"):
        three.at(3, partial(three.puts, made.pod(name)))
    assert _apply(three, rung) == "evicted pod/a, evicted pod/b, evicted pod/c"


def test_pods_that_serve_nobody_wait_for_nothing(three: Watched) -> None:
    for name in ("a", "b"):
        three.puts(made.pod(name, ready=False))
    rung = _rung(three, "restart-pod", "a", "b")
    assert _apply(three, rung) == "deleted pod/a, deleted pod/b"
    assert three.clock.monotonic() == 0


def _crashed(name: str, *, runs: bool) -> Object:
    """A pod that has crashed again and again: it runs for a moment, or waits for the next time."""
    state = {"running": {"startedAt": made.ago(1)}} if runs else {"waiting": {"reason": "CrashLoopBackOff"}}
    last = made.ended(139, seconds_ago=12)
    return made.pod(name, ready=runs, restarts=2, state=state, last=last)


def test_pods_between_two_crashes_wait_for_no_successor_beyond_the_next_crash(three: Watched) -> None:
    three.puts(_crashed("a", runs=True))
    rung = _rung(three, "restart-pod", "a")
    three.puts(made.pod("b", ready=False))
    three.at(2, lambda: three.puts(_crashed("a", runs=False)))
    assert _apply(three, rung) == "deleted pod/a"
    assert three.clock.monotonic() == 2


def test_pods_between_two_crashes_wait_for_no_budget_beyond_the_next_crash(three: Watched) -> None:
    for name in ("a", "b"):
        three.puts(_crashed(name, runs=True))
    rung = _rung(three, "restart-pod", "a", "b")

    def evicting(_pod: ObjectRef) -> None:
        raise Refused("no", guard="disruption budget")

    three.evicting = evicting
    for name in ("a", "b"):
        three.at(2, partial(three.puts, _crashed(name, runs=False)))
    assert _apply(three, rung) == "deleted pod/a, deleted pod/b"
    assert three.clock.monotonic() == 2


def test_a_probe_that_fails_while_a_budget_is_waited_for_costs_no_pod(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a")

    def evicting(pod: ObjectRef) -> None:
        if three.clock.monotonic() < 6:
            raise Refused("no", guard="disruption budget")
        three.gone(pod)

    three.evicting = evicting
    three.at(2, lambda: three.puts(made.pod("a", ready=False)))
    three.at(4, lambda: three.puts(made.pod("a")))
    assert _apply(three, rung) == "evicted pod/a"
    assert three.clock.monotonic() == 6


def test_a_successor_of_the_same_name_is_left_alone(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a", "b")
    successor = made.pod("a")
    successor["metadata"]["uid"] = "another"
    three.puts(successor)
    assert _apply(three, rung) == "evicted pod/b"


def test_where_fewer_are_wanted_by_now_fewer_are_waited_for(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a", "b")
    three.patch(ref("cart"), {"spec": {"replicas": 2}})
    assert _apply(three, rung) == "evicted pod/a, evicted pod/b"


def test_a_rehearsal_waits_for_nothing_and_for_no_budget(three: Watched) -> None:
    rung = _rung(three, "restart-pod", "a", "b")

    def evicting(_pod: ObjectRef) -> None:
        raise Refused("no", guard="disruption budget")

    three.evicting = evicting
    words = remedies.rehearse(rung, rung.targets[0], _hands(three, rehearsal=True))
    assert (words, three.clock.monotonic()) == ("no", 0)


def test_a_stop_is_heard_while_a_budget_is_waited_for(three: Watched) -> None:
    stop = Stop()
    stop.signal = 15
    rung = _rung(three, "restart-pod", "a")

    def evicting(_pod: ObjectRef) -> None:
        raise Refused("no", guard="disruption budget")

    three.evicting = evicting
    three.at(3, stop.set)
    with pytest.raises(Interrupted) as caught:
        _apply(three, rung, stop=stop, patience=300)
    assert caught.value.signal == 15
    assert three.clock.monotonic() == 3


# ---------------------------------------------------------------- stateful pods


def _stateful(*pods: Object) -> Watched:
    body = made.deployment("cart", replicas=len(pods))
    owned = [
        {**each["metadata"]["ownerReferences"][0], "kind": "StatefulSet", "name": "cart"} for each in pods
    ]
    for each, by in zip(pods, owned, strict=True):
        each["metadata"]["ownerReferences"] = [by]
    nodes = (
        {"apiVersion": "v1", "kind": "Node", **made.node("node-1")},
        {"apiVersion": "v1", "kind": "Node", **made.node("node-2", ready="Unknown")},
    )
    return Watched({**body, "kind": "StatefulSet"}, *pods, *nodes)


def test_an_ailing_pod_of_a_set_is_replaced_while_another_one_serves() -> None:
    cluster = _stateful(made.pod("cart-0", ready=False), made.pod("cart-1"))
    rung = _rung(cluster, "fail-over", "cart-0")
    assert rung.why == "cart-1 takes over from cart-0"
    assert _apply(cluster, rung) == "deleted pod/cart-0"


def test_without_anybody_to_take_over_any_more_nothing_fails_over() -> None:
    cluster = _stateful(made.pod("cart-0", ready=False), made.pod("cart-1"))
    rung = _rung(cluster, "fail-over", "cart-0")
    cluster.puts(made.pod("cart-1", ready=False))
    with pytest.raises(CannotStart, match="no other pod of statefulset/cart is ready"):
        _apply(cluster, rung)
    assert _went(cluster) == []


def test_a_pod_on_a_node_that_does_not_answer_is_not_made_twice() -> None:
    cluster = _stateful(made.pod("cart-0", ready=False, node="node-2"), made.pod("cart-1"))
    with pytest.raises(Refused) as caught:
        _apply(cluster, _rung(cluster, "fail-over", "cart-0"))
    assert caught.value.guard == "fencing"
    assert _went(cluster) == []


@pytest.mark.parametrize("how", ["gone", "out of service"])
def test_a_pod_whose_node_can_run_it_no_more_is_removed_at_once(how: str) -> None:
    cluster = _stateful(made.pod("cart-0", ready=False, node="node-2"), made.pod("cart-1"))
    node = ObjectRef(kube.NODE, "", "node-2")
    if how == "gone":
        cluster.delete(node)
    else:
        taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
        cluster.patch(node, {"spec": {"taints": [taint]}})
    grace: list[Any] = []
    cluster.before_delete = lambda _ref, options: grace.append(options.get("grace"))
    words = _apply(cluster, _rung(cluster, "fail-over", "cart-0"))
    assert words == "removed pod/cart-0, whose node is gone"
    assert grace == [0]


def test_of_two_ailing_pods_that_serve_the_second_waits_for_the_successor_of_the_first() -> None:
    cluster = _stateful(made.pod("cart-0"), made.pod("cart-1"), made.pod("cart-2"))
    rung = _rung(cluster, "fail-over", "cart-0", "cart-1")
    with pytest.raises(CannotStart, match="only 2 of 3"):
        _apply(cluster, rung)
    assert _went(cluster) == ["evict pod/cart-0"]


# ---------------------------------------------------------------- the user's own


def test_a_termination_is_heard_while_a_job_runs(three: Watched) -> None:
    stop = Stop()
    stop.signal = 15
    three.at(9, stop.set)
    rung = _rung(three, "run-job", template={"template": {"spec": {"containers": [{"name": "x"}]}}})
    with pytest.raises(Interrupted) as caught:
        _apply(three, rung, stop=stop, patience=120)
    assert (caught.value.signal, three.clock.monotonic()) == (15, 9)
