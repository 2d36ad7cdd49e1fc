"""Where pods go, and what is said of those that can go nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, World, conditions, pod_spec, workload

from chaoskit.simulator.api import Object
from chaoskit.simulator.apiserver.columns import CLAIM
from chaoskit.simulator.controllers import preemption
from chaoskit.simulator.controllers.placement import Refusal, Used, explain, refusal, requests


def node(labels: dict[str, str] | None = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": "node-1", "labels": labels or {}},
        "spec": spec,
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "3"}},
    }


def asking(cpu: str = "1", memory: str = "1Gi", **spec: Any) -> Object:
    container = {"resources": {"requests": {"cpu": cpu, "memory": memory}}}
    return {"containers": [container], **spec}


TAINT = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "there", "used", "expected"),
    [
        (asking(), node(), Used(), None),
        (asking("4"), node(), Used({"cpu": 0.5}, 1), Refusal(("Insufficient cpu",), final=False)),
        (asking("64"), node(), Used(), Refusal(("Insufficient cpu",))),
        (asking("5", "9Gi"), node(), Used(), Refusal(("Insufficient cpu", "Insufficient memory"))),
        (asking(), node(), Used({}, 3), Refusal(("Too many pods",), final=False)),
        (asking(), node(unschedulable=True), Used(), Refusal(("node(s) were unschedulable",))),
        (
            asking(nodeSelector={"disk": "ssd"}),
            node({"disk": "hdd"}),
            Used(),
            Refusal(("node(s) didn't match Pod's node affinity/selector",)),
        ),
        (asking(nodeSelector={"disk": "ssd"}), node({"disk": "ssd"}), Used(), None),
        (
            asking(),
            node(taints=[TAINT]),
            Used(),
            Refusal(("node(s) had untolerated taint {dedicated: db}",)),
        ),
        (asking(tolerations=[TAINT]), node(taints=[TAINT]), Used(), None),
        (asking(tolerations=[{"operator": "Exists"}]), node(taints=[TAINT]), Used(), None),
        (
            asking(tolerations=[TAINT | {"value": "x"}]),
            node(taints=[TAINT]),
            Used(),
            Refusal(("node(s) had untolerated taint {dedicated: db}",)),
        ),
        (asking(), node(taints=[TAINT | {"effect": "PreferNoSchedule"}]), Used(), None),
    ],
)  # fmt: skip
def test_a_node_takes_a_pod_or_says_why_not(
    spec: Object, there: Object, used: Used, expected: Refusal | None
) -> None:
    assert refusal(spec, there, used) == expected


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        ("In", ["a", "b"], True),
        ("NotIn", ["a"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_required_node_affinity_is_kept(operator: str, values: list[str], fits: bool) -> None:
    term = {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    spec = asking(affinity={"nodeAffinity": required})
    assert (refusal(spec, node({"zone": "a"}), Used()) is None) is fits


def test_a_large_init_container_counts_alone() -> None:
    big = {"resources": {"requests": {"cpu": "3"}}}
    assert requests(asking("500m", "0", initContainers=[big])) == {"cpu": 3.0}


def test_the_message_counts_the_reasons_of_all_nodes() -> None:
    refusals = [
        Refusal(("Insufficient cpu",), final=False),
        Refusal(("Insufficient cpu",), final=False),
        Refusal(("node(s) were unschedulable",)),
    ]
    assert explain(refusals) == (
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. "
        "no new claims to deallocate, preemption: 0/3 nodes are available: "
        "1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
    )


def test_without_nodes_the_message_says_so() -> None:
    assert explain([]) == "no nodes available to schedule pods"


def test_pods_of_one_owner_are_spread() -> None:
    world = World()
    world.deployment("cart", 6)
    world.run(3)
    used = [pod["spec"]["nodeName"] for pod in world.all("Pod")]
    assert sorted(used) == ["node-1", "node-1", "node-2", "node-2", "node-3", "node-3"]


def test_a_waiting_pod_gets_the_room_that_another_leaves() -> None:
    world = World(count=1, cpu="2")
    resources = {"requests": {"cpu": "1500m"}}
    world.make("Pod", "first", pod_spec(resources=resources))
    world.run(2)
    world.make("Pod", "second", pod_spec(resources=resources))
    world.run(2)
    assert "nodeName" not in world.get("Pod", "second")["spec"]
    assert world.reasons("second") == ["FailedScheduling"]
    world.api.delete("Pod", NAMESPACE, "first")
    world.run(8)
    assert world.get("Pod", "second")["status"]["phase"] == "Running"


def test_a_pod_that_ended_leaves_its_room() -> None:
    world = World(count=1, cpu="2")
    resources = {"requests": {"cpu": "2"}}
    once = pod_spec(["sleep", "3"], resources=resources) | {"restartPolicy": "Never"}
    world.make("Pod", "first", once)
    world.make("Pod", "second", once)
    world.run(15)
    assert world.get("Pod", "second")["status"]["phase"] == "Succeeded"


def test_a_pod_that_cannot_be_placed_for_long_has_one_event_that_counts() -> None:
    world = World(count=1)
    world.make("Pod", "big", pod_spec(resources={"requests": {"cpu": "64"}}))
    world.run(1000)
    (event,) = [e for e in world.all("Event") if e["reason"] == "FailedScheduling"]
    assert event["series"]["count"] == 4


def placed(name: str, cpu: str, priority: int, **metadata: Any) -> Object:
    spec = asking(cpu) | {"priority": priority, "nodeName": "node-1"}
    return {"metadata": {"name": name, "creationTimestamp": "", **metadata}, "spec": spec}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([placed("a", "2", 0), placed("b", "2", 5)], ["a"]),
        ([placed("a", "1", 0), placed("b", "1", 0), placed("c", "2", 9)], ["b", "a"]),
        ([placed("a", "3", 9), placed("b", "1", 0)], []),
        ([placed("a", "2", 5, deletionTimestamp="now"), placed("b", "2", 0)], ["a"]),
    ],
)
def test_those_of_the_least_priority_make_room_and_no_more_than_have_to(
    there: list[Object], expected: list[str]
) -> None:
    pod = placed("new", "2", 9)
    wide = node()
    wide["status"]["allocatable"] |= {"pods": "10", "memory": "64Gi"}
    found = [victim["metadata"]["name"] for victim in preemption.victims(pod, wide, there)]
    assert sorted(found) == sorted(expected)


def test_a_critical_pod_takes_the_place_of_another() -> None:
    world = World(cpu="2")
    most = {"requests": {"cpu": "1500m"}}
    world.make("Deployment", "web", workload("web", 3, resources=most))
    world.run(5)
    assert len(world.ready()) == 3
    world.make("Pod", "dns", pod_spec(resources=most) | {"priorityClassName": "system-cluster-critical"})
    world.run(0.5)
    (victim,) = [pod for pod in world.all("Pod") if "deletionTimestamp" in pod["metadata"]]
    assert conditions(victim)["DisruptionTarget"] == ("True", "PreemptionByScheduler")
    assert "Preempted" in world.reasons(victim["metadata"]["name"])
    assert world.messages("dns", "FailedScheduling") == ["0/3 nodes are available: 3 Insufficient cpu."]
    world.run(20)
    assert world.get("Pod", "dns")["spec"]["nodeName"] == victim["spec"]["nodeName"]
    pods = [pod for pod in world.all("Pod") if pod["metadata"]["name"] != "dns"]
    assert sorted(bool(pod["spec"].get("nodeName")) for pod in pods) == [False, True, True]
    (waits,) = [pod for pod in pods if not pod["spec"].get("nodeName")]
    (told,) = world.messages(waits["metadata"]["name"], "FailedScheduling")
    assert told.endswith(
        "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
    )


def critical(world: World, cpu: str) -> None:
    body = pod_spec(resources={"requests": {"cpu": cpu}}) | {"priorityClassName": "system-cluster-critical"}
    world.make("Pod", "dns", body, labels={"app": "dns"})


def crowded() -> World:
    """A node of two cores with three pods of half a core each, and a critical one that asks for a core."""
    world = World(count=1, cpu="2")
    world.make("Deployment", "web", workload("web", 3, resources={"requests": {"cpu": "500m"}}))
    world.run(5)
    critical(world, "1")
    world.run(0.5)
    return world


def test_the_room_that_a_victim_leaves_is_kept_for_whom_it_made_way() -> None:
    world = crowded()
    assert world.get("Pod", "dns")["status"]["nominatedNodeName"] == "node-1"
    world.run(20)
    dns = world.get("Pod", "dns")
    assert dns["spec"]["nodeName"] == "node-1"
    assert "nominatedNodeName" not in dns["status"]
    assert len([event for event in world.all("Event") if event["reason"] == "Preempted"]) == 1
    assert nodes_of(world, "web") == ["", "node-1", "node-1"]


def test_room_kept_for_a_pod_that_is_gone_goes_to_those_that_wait() -> None:
    world = crowded()
    assert "" in nodes_of(world, "web")
    world.api.delete("Pod", NAMESPACE, "dns")
    world.run(20)
    assert nodes_of(world, "web") == ["node-1"] * 3


def test_a_pod_makes_way_that_has_only_just_been_placed() -> None:
    world = World(count=1, cpu="2")
    world.make("Pod", "web", pod_spec(resources={"requests": {"cpu": "1500m"}}))
    critical(world, "1500m")
    world.run(0.5)
    assert conditions(world.get("Pod", "web"))["PodScheduled"] == ("True", "")
    assert world.messages("web", "Preempted") == [
        f"Preempted by pod {world.get('Pod', 'dns')['metadata']['uid']} on node node-1"
    ]
    world.run(20)
    assert world.ready() == ["dns"]


def term(app: str, **more: Any) -> Object:
    selector = {"matchLabels": {"app": app}}
    return {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector, **more}


def required(kind: str, *terms: Object) -> Object:
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}}


def nodes_of(world: World, app: str) -> list[str]:
    """The nodes of the app's pods, the empty string for one that waits."""
    pods = [pod for pod in world.all("Pod") if pod["metadata"]["labels"]["app"] == app]
    return sorted(pod["spec"].get("nodeName", "") for pod in pods)


def deploy(world: World, name: str, replicas: int, **spec: Any) -> None:
    body = workload(name, replicas)
    body["template"]["spec"] |= spec
    world.make("Deployment", name, body)
    world.run(5)


def test_pods_that_want_to_be_apart_are_apart_or_wait() -> None:
    world = World()
    deploy(world, "db", 5, **required("podAntiAffinity", term("db")))
    assert nodes_of(world, "db") == ["", "", "node-1", "node-2", "node-3"]
    waiting = next(pod for pod in world.all("Pod") if not pod["spec"].get("nodeName"))
    (told,) = set(world.messages(waiting["metadata"]["name"], "FailedScheduling"))
    assert "3 node(s) didn't match pod anti-affinity rules" in told


def test_a_pod_goes_nowhere_near_one_that_does_not_want_it() -> None:
    world = World()
    deploy(world, "db", 2, **required("podAntiAffinity", term("web"), term("db")))
    deploy(world, "web", 2)
    assert len(set(nodes_of(world, "web"))) == 1
    assert not set(nodes_of(world, "web")) & set(nodes_of(world, "db"))


def test_a_pod_goes_where_those_are_that_it_wants_near() -> None:
    world = World()
    deploy(world, "web", 2, **required("podAffinity", term("db")))
    assert nodes_of(world, "web") == ["", ""]
    deploy(world, "db", 1)
    world.run(300)
    assert set(nodes_of(world, "web")) == set(nodes_of(world, "db"))


def test_the_first_of_a_group_that_stays_together_goes_anywhere() -> None:
    world = World()
    deploy(world, "web", 3, **required("podAffinity", term("web")))
    assert len(set(nodes_of(world, "web"))) == 1


def test_pods_are_spread_as_evenly_as_they_ask() -> None:
    world = World()
    world.api.patch("Node", None, "node-3", {"spec": {"unschedulable": True}})
    deploy(world, "web", 4, topologySpreadConstraints=[
        term("web", maxSkew=1, whenUnsatisfiable="DoNotSchedule")
    ])  # fmt: skip
    assert nodes_of(world, "web") == ["", "", "node-1", "node-2"]


def test_a_pod_waits_for_its_claim() -> None:
    world = World()
    volume = {"name": "files", "persistentVolumeClaim": {"claimName": "data"}}
    world.make("Pod", "db", pod_spec() | {"volumes": [volume]})
    world.run(5)
    assert world.messages("db", "FailedScheduling") == [
        '0/3 nodes are available: persistentvolumeclaim "data" not found. not found'
    ]
    assert conditions(world.get("Pod", "db"))["PodScheduled"] == ("False", "Unschedulable")
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    made = world.make("PersistentVolumeClaim", "data", spec)
    assert made["status"] == {"phase": "Pending"}
    world.run(5)
    assert world.ready() == ["db"]
    claim = world.get("PersistentVolumeClaim", "data")
    assert claim["status"] == {
        "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}
    }  # fmt: skip
    shown = [column.read(claim, world.engine.now()) for column in CLAIM]
    assert shown == [
        "Bound",
        f"pvc-{claim['metadata']['uid']}",
        "1Gi",
        "RWO",
        "standard",
        "<unset>",
        "5s",
        "Filesystem",
    ]
