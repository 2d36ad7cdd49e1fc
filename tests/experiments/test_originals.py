from __future__ import annotations

from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node

from chaoskit import kube
from chaoskit.acts.entries import Entry
from chaoskit.errors import Forbidden
from chaoskit.experiments.originals import owed
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.preparing import Prepared
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.taints import taint_of
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.sharing import Ages, SharedCluster

NODE = ObjectRef(kube.NODE, "", "node-1")


def planned(fault: str, env: dict[str, str], **more: Any) -> Plan:
    selection = Selection((), 1, more.pop("workloads", ()), 1, ("shop",), **more)
    prepared = Prepared("litmus", {fault: selection}, {}, (), 30.0, 60.0, {}, (), env={fault: env})
    return Plan(Trial("t.yaml"), prepared, (), "hash", (), FakeCluster().identity())


def entries(plan: Plan, cluster: FakeCluster) -> list[Entry]:
    return list(owed(plan, cluster))


def test_a_drain_owes_the_cordon_of_each_node_that_was_not_cordoned() -> None:
    cluster = FakeCluster(node(), node("node-2", unschedulable=True), node("node-3"))
    (found,) = entries(planned("node-drain", {}, nodes=("node-1", "node-2")), cluster)
    assert (found.kind, found.target.name, found.before, found.after) == ("field", "node-1", None, True)


@pytest.mark.parametrize(
    ("text", "value", "effect"),
    [
        ("chaos", "node-taint", "NoExecute"),
        ("chaos=yes", "yes", "NoExecute"),
        ("chaos=yes:NoSchedule", "yes", "NoSchedule"),
        ("chaos:NoSchedule", "node-taint", "NoSchedule"),
    ],
)
def test_a_taint_is_read_as_litmus_reads_it(text: str, value: str, effect: str) -> None:
    assert taint_of(text) == {"key": "chaos", "value": value, "effect": effect}


def test_a_taint_that_was_there_before_is_nobodys_to_remove() -> None:
    plan = planned("node-taint", {"TAINTS": "chaos=yes"}, nodes=("node-1",))
    (found,) = entries(plan, FakeCluster(node()))
    assert (found.kind, found.path, found.after) == ("element", ("spec", "taints"), taint_of("chaos=yes"))
    assert entries(plan, FakeCluster(node(taints=[taint_of("chaos=yes")]))) == []


def test_an_autoscaler_fault_owes_the_replicas_that_it_changes() -> None:
    cluster = FakeCluster(deployment(replicas=3))
    (found,) = entries(planned("pod-autoscaler", {"REPLICA_COUNT": "5"}, workloads=(CART,)), cluster)
    assert (found.target, found.before, found.after) == (CART, 3, 5)
    assert entries(planned("pod-autoscaler", {"REPLICA_COUNT": "3"}, workloads=(CART,)), cluster) == []


@pytest.mark.parametrize("service", ["kubelet", "docker"])
def test_a_killed_service_owes_the_nodes_that_are_ready(service: str) -> None:
    def known(name: str, status: str) -> Object:
        return {**node(name), "status": {"conditions": [{"type": "Ready", "status": status}]}}

    cluster = FakeCluster(known("node-1", "True"), known("node-2", "Unknown"), known("node-3", "True"))
    plan = planned(f"{service}-service-kill", {}, nodes=("node-1", "node-2"))
    (found,) = entries(plan, cluster)
    assert (found.kind, found.target.name, found.after) == ("ready", "node-1", service)


def test_what_somebody_did_a_moment_ago_is_not_taken_back_by_runs_side_by_side() -> None:
    beneath = FakeCluster(node())
    shared = SharedCluster(beneath, Ages())
    assert len(shared.list(kube.NODE).items) == 1  # another run looked at them
    beneath.patch(NODE, {"spec": {"unschedulable": True}})
    assert list(owed(planned("node-drain", {}, nodes=("node-1",)), shared)) == []


def test_an_original_that_cannot_be_read_forbids_the_fault() -> None:
    cluster = FakeCluster(node())
    cluster.hidden.add(("nodes", ""))
    with pytest.raises(Forbidden):
        entries(planned("node-drain", {}, nodes=("node-1",)), cluster)


def test_faults_on_pods_owe_nothing_beside_their_engine() -> None:
    assert entries(planned("pod-delete", {}), FakeCluster()) == []
