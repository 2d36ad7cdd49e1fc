"""Fields of pods and workloads that are acted on in one place only."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, SERVE, World, pod_spec, workload

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.objects import Object


def test_nobody_places_a_pod_of_another_scheduler_or_one_that_is_held_back() -> None:
    world = World(count=1)
    world.make("Pod", "theirs", pod_spec() | {"schedulerName": "theirs"})
    world.make("Pod", "held", pod_spec() | {"schedulingGates": [{"name": "quota"}]})
    world.make("Pod", "ours", pod_spec())
    world.run(20)
    assert world.ready() == ["ours"]
    assert not any("nodeName" in world.get("Pod", name)["spec"] for name in ("theirs", "held"))


@pytest.mark.parametrize(
    ("name", "priority"),
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000), ("", 0)],
)
def test_a_pod_has_the_number_of_its_priority_class_and_may_say_that_number(name: str, priority: int) -> None:
    world = World(count=1)
    for pod, given in (("p", {}), ("q", {"priority": priority})):
        made = world.make("Pod", pod, pod_spec() | {"priorityClassName": name, **given})
        assert made["spec"]["priority"] == priority


@pytest.mark.parametrize(("name", "computed"), [("system-cluster-critical", 2_000_000_000), ("", 0)])
def test_a_priority_that_contradicts_its_class_is_forbidden(name: str, computed: int) -> None:
    world = World(count=1)
    why = (
        rf"value of priority \(100\) must not be provided in pod spec; .* computed {computed} from the given"
    )
    with pytest.raises(ApiError, match=why) as refused:
        world.make("Pod", "p", pod_spec() | {"priorityClassName": name, "priority": 100})
    assert refused.value.code == 403


def test_a_pod_that_would_not_have_others_give_way_contradicts_the_classes_there_are() -> None:
    world = World(count=1)
    why = r"value of PreemptionPolicy \(Never\) must not be .* computed PreemptLowerPriority from the given"
    with pytest.raises(ApiError, match=why) as refused:
        world.make("Pod", "p", pod_spec() | {"preemptionPolicy": "Never"})
    assert refused.value.code == 403
    world.make("Pod", "p", pod_spec() | {"preemptionPolicy": "PreemptLowerPriority"})


def test_a_pod_of_a_priority_class_that_is_not_there_is_forbidden_and_its_template_is_not() -> None:
    world = World(count=1)
    why = "is forbidden: no PriorityClass with name urgent was found"
    with pytest.raises(ApiError, match=f'pods "p" {why}') as refused:
        world.make("Pod", "p", pod_spec() | {"priorityClassName": "urgent"})
    assert refused.value.code == 403
    spec = workload("web", 1)
    spec["template"]["spec"]["priorityClassName"] = "urgent"
    world.make("ReplicaSet", "web", spec)
    world.run(5)
    assert world.all("Pod") == ()
    assert why in world.messages("web", "FailedCreate")[0]


def test_a_pod_on_the_network_of_its_node_has_the_nodes_address() -> None:
    world = World(count=1)
    world.make("Pod", "agent", pod_spec() | {"hostNetwork": True})
    world.pod("cart")
    world.run(3)
    status = world.get("Pod", "agent")["status"]
    assert status["podIP"] == status["hostIP"] != world.get("Pod", "cart")["status"]["podIP"]


def test_arguments_follow_the_command() -> None:
    world = World(count=1)
    world.pod("cart", ["sh", "-c"], args=["echo so; sleep 100"])
    world.run(3)
    assert [line.text for line in world.kubelet.logs(NAMESPACE, "cart", "main")] == ["so"]


def test_the_host_is_called_by_the_pods_name_or_as_it_says() -> None:
    world = World(count=1)
    world.make("Pod", "cart", pod_spec(["sh", "-c", "hostname; sleep 100"]))
    world.make("Pod", "named", pod_spec(["sh", "-c", "hostname; sleep 100"]) | {"hostname": "db-0"})
    world.run(3)
    told = [world.kubelet.logs(NAMESPACE, pod, "main")[0].text for pod in ("cart", "named")]
    assert told == ["cart", "db-0"]


def test_the_environment_has_all_of_a_config_map_under_a_prefix() -> None:
    world = World(count=1)
    meta = {"name": "rates", "namespace": NAMESPACE}
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"EUR": "1.1"}})
    world.pod("cart", envFrom=[{"configMapRef": {"name": "rates"}, "prefix": "RATE_"}])
    world.run(3)
    assert world.kubelet.execute(NAMESPACE, "cart", "main", ["env", "RATE_EUR"]).stdout == "1.1\n"


@pytest.mark.parametrize(("policy", "pulls"), [("Always", True), ("IfNotPresent", False)])
def test_a_registry_is_asked_at_each_start_if_the_pod_says_so(policy: str, pulls: bool) -> None:
    world = World(count=1)
    world.pod("cart", imagePullPolicy=policy)
    world.run(3)
    assert ("Pulling" in world.reasons("cart")) is pulls


@pytest.mark.parametrize("wanted", [True, False])
def test_a_pod_mounts_the_token_of_its_account_unless_it_does_not_want_it(wanted: bool) -> None:
    world = World(count=1)
    account = {"name": "shop", "namespace": NAMESPACE}
    world.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    spec = pod_spec() | {"serviceAccountName": "shop", "automountServiceAccountToken": wanted}
    made = world.make("Pod", "cart", spec)["spec"]
    assert made["serviceAccount"] == "shop"
    assert ("volumeMounts" in made["containers"][0]) is wanted
    world.run(3)
    assert ("volumeMounts" in world.container("cart")) is wanted


@pytest.mark.parametrize(
    ("probe", "ready_by"),
    [({"initialDelaySeconds": 7}, 8.5), ({"successThreshold": 4, "periodSeconds": 2}, 7.5)],
)
def test_a_readiness_probe_asks_when_and_as_often_as_it_says(probe: Object, ready_by: float) -> None:
    world = World(count=1)
    world.pod("cart", SERVE, readinessProbe={"httpGet": {"port": 80}, **probe})
    assert world.until(lambda: world.ready() == ["cart"]) == pytest.approx(ready_by, abs=1)


def test_a_liveness_probe_may_give_less_time_than_its_pod() -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
    world = World(count=1)
    main = {"livenessProbe": probe | {"terminationGracePeriodSeconds": 2}}
    world.make("Pod", "deaf", pod_spec(SERVE, **main) | {"terminationGracePeriodSeconds": 600})
    world.run(2)
    world.until(lambda: world.container("deaf")["restartCount"] == 1, 10)


def test_pods_of_a_stateful_set_have_its_service_as_subdomain_and_own_claims() -> None:
    world = World(count=1)
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    spec = workload("db", 1) | {"serviceName": "databases", "volumeClaimTemplates": [claim]}
    world.make("StatefulSet", "db", spec)
    world.run(5)
    assert world.get("PersistentVolumeClaim", "data-db-0")
    pod = world.get("Pod", "db-0")["spec"]
    assert (pod["hostname"], pod["subdomain"]) == ("db-0", "databases")
    assert pod["volumes"][0] == {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}


def job(**spec: Any) -> Object:
    template = {"metadata": {"labels": {"run": "mine"}}, "spec": pod_spec() | {"restartPolicy": "Never"}}
    return {"template": template, **spec}


def test_a_job_whose_selector_is_given_by_hand_keeps_it() -> None:
    world = World(count=1)
    by_hand = {"manualSelector": True, "selector": {"matchLabels": {"run": "mine"}}}
    labels = world.make("Job", "own", job(**by_hand))["spec"]["selector"]["matchLabels"]
    made = world.make("Job", "usual", job())["spec"]["selector"]["matchLabels"]
    assert (labels, list(made)) == ({"run": "mine"}, ["batch.kubernetes.io/controller-uid"])


def test_a_service_has_an_address_unless_it_has_one_or_is_a_name_elsewhere() -> None:
    world = World(count=1)
    port = {"ports": [{"port": 80}], "selector": {"app": "cart"}}
    given = world.make("Service", "given", {**port, "clusterIP": "10.96.9.9"})["spec"]
    usual = world.make("Service", "usual", port)["spec"]
    named = world.make("Service", "named", {"type": "ExternalName", "externalName": "db.example.org"})["spec"]
    assert given["clusterIPs"] == ["10.96.9.9"]
    assert usual["clusterIPs"] == [usual["clusterIP"]] != given["clusterIPs"]
    assert "clusterIP" not in named
