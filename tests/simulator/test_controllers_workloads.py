"""Deployments, replica sets, stateful sets and daemon sets, on a cluster in simulated time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, RUN, SERVE, World, conditions, pod_spec, workload

from chaoskit.simulator.api import Object

REVISION = "deployment.kubernetes.io/revision"


def sets(world: World) -> dict[str, Object]:
    """The replica sets, by revision."""
    return {item["metadata"]["annotations"][REVISION]: item for item in world.all("ReplicaSet.apps")}


def template(**annotations: str) -> dict[str, Any]:
    """A change of the pod template, as ``kubectl rollout restart`` makes."""
    return {"template": {"metadata": {"annotations": annotations}}}


def rolled_out(world: World, name: str) -> bool:
    found = world.get("Deployment.apps", name)
    status, wanted = found["status"], found["spec"]["replicas"]
    return (
        status.get("observedGeneration") == found["metadata"]["generation"]
        and [status.get(k, 0) for k in ("replicas", "updatedReplicas", "availableReplicas")] == [wanted] * 3
    )


def test_a_rollout_never_has_fewer_available_nor_more_pods_than_allowed() -> None:
    world = World()
    world.deployment("cart", 4)
    world.run(3)
    world.patch("Deployment.apps", "cart", spec=template(x="1"))
    for _ in range(300):
        world.run(0.1)
        status = world.get("Deployment.apps", "cart")["status"]
        assert status["availableReplicas"] >= 3
        assert status["replicas"] <= 5
    assert rolled_out(world, "cart")


def test_undo_takes_the_old_replica_set_up_again_under_a_new_revision() -> None:
    world = World()
    world.deployment("cart", 2)
    world.run(3)
    first = sets(world)["1"]["metadata"]["name"]
    before = world.get("Deployment.apps", "cart")["spec"]["template"]
    world.patch("Deployment.apps", "cart", spec=template(x="1"))
    world.until(lambda: rolled_out(world, "cart"))
    deployment = world.get("Deployment.apps", "cart")
    deployment["spec"]["template"] = before
    world.api.update(deployment)
    world.run(0.1)
    world.until(lambda: rolled_out(world, "cart"))
    found = sets(world)
    assert sorted(found) == ["2", "3"]
    assert found["3"]["metadata"]["name"] == first
    assert found["3"]["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    assert found["2"]["spec"]["replicas"] == 0
    assert world.get("Deployment.apps", "cart")["metadata"]["annotations"][REVISION] == "3"


def test_only_as_many_old_revisions_are_kept_as_asked() -> None:
    world = World()
    world.deployment("cart", 1, revisionHistoryLimit=2)
    for number in range(5):
        world.patch("Deployment.apps", "cart", spec=template(x=str(number)))
        world.run(8)
    assert sorted(sets(world)) == ["3", "4", "5"]


def test_a_paused_deployment_is_scaled_but_not_rolled() -> None:
    world = World()
    world.deployment("cart", 1)
    world.run(3)
    world.patch("Deployment.apps", "cart", spec={"paused": True, "replicas": 3, **template(x="1")})
    world.run(5)
    assert list(sets(world)) == ["1"]
    assert len(world.ready()) == 3
    world.patch("Deployment.apps", "cart", spec={"paused": None})
    world.until(lambda: rolled_out(world, "cart"))
    assert sets(world)["2"]["spec"]["replicas"] == 3


def test_a_paused_deployment_is_scaled_up_from_nothing() -> None:
    world = World()
    world.deployment("cart", 0)
    world.run(2)
    world.patch("Deployment.apps", "cart", spec={"paused": True, "replicas": 2, **template(x="1")})
    world.run(3)
    assert list(sets(world)) == ["1"]
    assert len(world.ready()) == 2


def test_recreate_lets_the_old_pods_end_before_new_ones_start() -> None:
    world = World()
    world.deployment("cart", 2, strategy={"type": "Recreate"})
    world.run(3)
    old = set(world.ready())
    world.patch("Deployment.apps", "cart", spec=template(x="1"))
    for _ in range(100):
        world.run(0.1)
        names = {pod["metadata"]["name"] for pod in world.all("Pod")}
        running = {pod["metadata"]["name"] for pod in world.all("Pod") if pod["status"]["phase"] == "Running"}
        assert names <= old or not running & old
    assert len(set(world.ready()) - old) == 2


def test_a_scale_in_mid_rollout_ends_with_all_pods_new() -> None:
    world = World()
    world.deployment("cart", 4)
    world.run(3)
    world.patch("Deployment.apps", "cart", spec=template(x="1"))
    world.run(1)
    world.patch("Deployment.apps", "cart", spec={"replicas": 8})
    world.until(lambda: rolled_out(world, "cart"))
    assert sets(world)["2"]["spec"]["replicas"] == 8


def test_a_rollout_stopped_by_its_deadline_goes_on_when_it_can() -> None:
    world = World()
    world.deployment("cart", 1, progressDeadlineSeconds=20)
    world.run(3)
    bad = workload("cart", 1, image="registry.invalid/cart:2")["template"]
    world.patch("Deployment.apps", "cart", spec={"template": bad})
    world.run(25)
    found = conditions(world.get("Deployment.apps", "cart"))
    assert found["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert found["Available"] == ("True", "MinimumReplicasAvailable")
    world.patch("Deployment.apps", "cart", spec={"template": workload("cart", 1)["template"]})
    world.until(lambda: rolled_out(world, "cart"))
    found = conditions(world.get("Deployment.apps", "cart"))
    assert found["Progressing"] == ("True", "NewReplicaSetAvailable")


def test_pods_count_as_available_only_after_the_seconds_asked_for() -> None:
    world = World()
    world.deployment("cart", 1, minReadySeconds=10)
    world.run(5)
    status = world.get("Deployment.apps", "cart")["status"]
    assert (status["readyReplicas"], status.get("availableReplicas", 0)) == (1, 0)
    world.run(10)
    assert world.get("Deployment.apps", "cart")["status"]["availableReplicas"] == 1


def test_a_relabelled_pod_is_released_and_replaced() -> None:
    world = World()
    world.deployment("cart", 1)
    world.run(3)
    (name,) = world.ready()
    world.patch("Pod", name, metadata={"labels": {"app": "quarantined"}})
    world.run(3)
    assert "ownerReferences" not in world.get("Pod", name)["metadata"]
    assert len(world.ready()) == 2


def test_a_pod_that_fits_is_adopted_instead_of_a_new_one() -> None:
    world = World()
    world.pod("lone")
    world.run(2)
    world.make("ReplicaSet", "lone", workload("lone", 1))
    world.run(3)
    assert [pod["metadata"]["name"] for pod in world.all("Pod")] == ["lone"]
    assert world.get("Pod", "lone")["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"


def uids(world: World, kind: str = "Pod") -> set[str]:
    return {body["metadata"]["uid"] for body in world.all(kind)}


@pytest.mark.parametrize(
    ("kind", "more", "count"),
    [("Deployment", {"replicas": 2}, 2), ("StatefulSet", {"replicas": 2, "serviceName": "web"}, 2),
     ("DaemonSet", {}, 3)],
)  # fmt: skip
def test_what_was_orphaned_belongs_to_the_next_of_the_same_selector(
    kind: str, more: dict[str, Any], count: int
) -> None:
    world, spec = World(), workload("web", 2)
    del spec["replicas"]
    world.make(kind, "web", spec | more)
    world.until(lambda: len(world.ready()) == count)
    world.run(1)
    dependent = "ReplicaSet.apps" if kind == "Deployment" else "Pod"
    before, owned = uids(world), uids(world, dependent)
    world.api.delete(f"{kind}.apps", NAMESPACE, "web", propagation="Orphan")
    world.run(1)
    assert world.gone(f"{kind}.apps", "web")
    uid = world.make(kind, "web", spec | more)["metadata"]["uid"]
    world.run(10)
    assert (uids(world), uids(world, dependent)) == (before, owned)
    owners = [body["metadata"]["ownerReferences"] for body in world.all(dependent)]
    assert [reference["uid"] for (reference,) in owners] == [uid] * len(owned)
    status = world.get(f"{kind}.apps", "web")["status"]
    assert status.get("readyReplicas", status.get("numberReady")) == count
    assert status.get("updatedReplicas", status.get("updatedNumberScheduled")) == count


def test_a_replica_set_of_that_name_that_is_not_selected_is_left_alone() -> None:
    world = World()
    world.deployment("web", 1)
    world.run(3)
    (first,) = world.all("ReplicaSet.apps")
    world.api.delete("Deployment.apps", NAMESPACE, "web", propagation="Orphan")
    world.run(1)
    world.patch("ReplicaSet.apps", first["metadata"]["name"], metadata={"labels": {"app": "other"}})
    world.deployment("web", 1)
    world.until(lambda: rolled_out(world, "web"))
    assert world.get("Deployment.apps", "web")["status"]["collisionCount"] == 1
    assert "ownerReferences" not in world.get("ReplicaSet.apps", first["metadata"]["name"])["metadata"]
    assert len(world.ready()) == 2


def test_a_scale_down_takes_the_pods_that_do_not_work_first() -> None:
    world = World()
    world.deployment("cart", 3)
    world.run(3)
    broken = world.ready()[0]
    world.kubelet.programs.register(lambda _: True, lambda process: process.exit(1))
    world.kubelet.kill_container(NAMESPACE, broken, "main")
    world.run(5)
    world.patch("Deployment.apps", "cart", spec={"replicas": 2})
    world.run(6)
    assert world.gone("Pod", broken)
    assert len(world.ready()) == 2


def test_pods_that_may_not_be_made_are_told_of() -> None:
    world = World()
    spec = workload("cart", 1)
    spec["template"]["spec"]["serviceAccountName"] = "nobody"
    world.make("Deployment", "cart", spec)
    world.run(3)
    found = conditions(world.get("Deployment.apps", "cart"))
    assert found["ReplicaFailure"] == ("True", "FailedCreate")
    (replica_set,) = world.all("ReplicaSet.apps")
    (told,) = world.messages(replica_set["metadata"]["name"], "FailedCreate")
    assert 'serviceaccount "nobody" not found' in told


def test_a_stateful_set_starts_its_pods_in_order_and_removes_them_backwards() -> None:
    world = World()
    world.make("StatefulSet", "db", workload("db", 3) | {"serviceName": "db"})
    world.until(lambda: world.ready() == ["db-0"])
    world.run(0.2)
    assert [pod["metadata"]["name"] for pod in world.all("Pod")] == ["db-0", "db-1"]
    world.until(lambda: world.ready() == ["db-0", "db-1", "db-2"])
    world.patch("StatefulSet.apps", "db", spec={"replicas": 1})
    world.run(1)
    assert world.ready() == ["db-0", "db-1"]
    world.until(lambda: len(world.all("Pod")) == 1)


def test_a_stateful_set_rolls_from_the_last_pod_to_the_first() -> None:
    world = World()
    world.make("StatefulSet", "db", workload("db", 2) | {"serviceName": "db"})
    world.until(lambda: len(world.ready()) == 2)
    world.patch("StatefulSet.apps", "db", spec=template(x="1"))
    world.run(1)
    assert world.ready() == ["db-0"]
    world.run(30)
    status = world.get("StatefulSet.apps", "db")["status"]
    assert status["updatedReplicas"] == 2
    assert status["currentRevision"] == status["updateRevision"]


def test_a_pod_below_the_partition_comes_back_as_it_was() -> None:
    world = World()
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    spec = {"serviceName": "db", "updateStrategy": strategy}
    world.make("StatefulSet", "db", workload("db", 2) | spec)
    world.until(lambda: len(world.ready()) == 2)
    world.patch("StatefulSet.apps", "db", spec=template(x="1"))
    world.run(20)
    world.api.delete("Pod", NAMESPACE, "db-0")
    world.run(10)
    assert world.ready() == ["db-0", "db-1"]
    status = world.get("StatefulSet.apps", "db")["status"]
    before, after = (world.get("Pod", name)["metadata"] for name in ("db-0", "db-1"))
    assert before["labels"]["controller-revision-hash"] == status["currentRevision"]
    assert after["labels"]["controller-revision-hash"] == status["updateRevision"]
    assert [(meta.get("annotations") or {}).get("x") for meta in (before, after)] == [None, "1"]


@pytest.mark.parametrize(
    ("strategy", "ready"), [({"type": "RollingUpdate"}, ["db-0", "db-1"]), ({}, ["db-1"])]
)
def test_a_pod_that_an_update_did_not_reach_comes_back_as_it_was_if_no_partition_says_otherwise(
    strategy: dict[str, Any], ready: list[str]
) -> None:
    world = World()
    spec = {"serviceName": "db", "updateStrategy": strategy}
    world.make("StatefulSet", "db", workload("db", 3) | spec)
    world.until(lambda: len(world.ready()) == 3)
    absent = {"name": "settings", "configMap": {"name": "absent"}}
    world.patch("StatefulSet.apps", "db", spec={"template": {"spec": {"volumes": [absent]}}})
    world.run(10)
    assert world.ready() == ["db-0", "db-1"]
    world.api.delete("Pod", NAMESPACE, "db-0")
    world.run(10)
    assert world.ready() == ready


def test_a_pod_of_a_stateful_set_comes_back_under_its_name() -> None:
    world = World()
    world.make("StatefulSet", "db", workload("db", 2) | {"serviceName": "db"})
    world.until(lambda: len(world.ready()) == 2)
    before = world.get("Pod", "db-0")["metadata"]["uid"]
    world.api.delete("Pod", NAMESPACE, "db-0")
    world.run(8)
    assert world.ready() == ["db-0", "db-1"]
    assert world.get("Pod", "db-0")["metadata"]["uid"] != before


def test_a_daemon_set_has_one_pod_on_every_node_that_takes_it() -> None:
    world = World()
    spec = workload("agent", 0)
    del spec["replicas"]
    spec["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    world.make("DaemonSet", "agent", spec)
    world.api.patch("Node", None, "node-2", {"metadata": {"labels": {"disk": "ssd"}}})
    world.run(3)
    assert [pod["spec"]["nodeName"] for pod in world.all("Pod")] == ["node-2"]
    world.api.patch("Node", None, "node-3", {"metadata": {"labels": {"disk": "ssd"}}})
    world.run(3)
    assert len(world.ready()) == 2
    status = world.get("DaemonSet.apps", "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"]) == (2, 2)


def test_a_daemon_set_replaces_its_pods_one_by_one() -> None:
    world = World()
    spec = workload("agent", 0)
    del spec["replicas"]
    world.make("DaemonSet", "agent", spec)
    world.run(3)
    world.patch("DaemonSet.apps", "agent", spec=template(x="1"))
    for _ in range(200):
        world.run(0.1)
        assert len(world.ready()) >= 2
    assert world.get("DaemonSet.apps", "agent")["status"]["updatedNumberScheduled"] == 3


def daemons(command: list[str] | None = None, **spec: Any) -> Object:
    made = workload("agent", 0, command) | spec
    del made["replicas"]
    return made


def test_a_daemon_set_that_surges_is_whole_all_the_time() -> None:
    world = World()
    rolling = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    world.make("DaemonSet", "agent", daemons(updateStrategy=rolling))
    world.run(5)
    world.patch("DaemonSet.apps", "agent", spec=template(x="1"))
    most = 0
    for _ in range(200):
        world.run(0.1)
        assert {world.get("Pod", name)["spec"]["nodeName"] for name in world.ready()} == {
            "node-1", "node-2", "node-3",
        }  # fmt: skip
        most = max(most, sum("deletionTimestamp" not in pod["metadata"] for pod in world.all("Pod")))
    assert (most, len(world.all("Pod"))) == (4, 3)
    status = world.get("DaemonSet.apps", "agent")["status"]
    assert (status["updatedNumberScheduled"], status["numberAvailable"]) == (3, 3)


def test_a_surge_that_does_not_get_ready_stays_on_as_many_nodes_as_allowed() -> None:
    world = World()
    rolling = {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}
    world.make("DaemonSet", "agent", daemons(updateStrategy=rolling))
    world.run(5)
    before = world.ready()
    world.patch("DaemonSet.apps", "agent", spec={"template": daemons(RUN)["template"]})
    world.run(60)
    assert world.ready() == before
    assert len(world.all("Pod")) == 5
    status = world.get("DaemonSet.apps", "agent")["status"]
    assert (status["numberAvailable"], status.get("updatedNumberScheduled")) == (3, None)


def test_an_old_pod_that_is_no_good_does_not_count_against_the_surge() -> None:
    world = World()
    rolling = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    world.make("DaemonSet", "agent", daemons(RUN, updateStrategy=rolling))
    world.run(5)
    world.patch("DaemonSet.apps", "agent", spec={"template": daemons()["template"]})
    world.run(10)
    assert len(world.ready()) == len(world.all("Pod")) == 3


def test_daemons_stay_where_no_new_one_would_be_put() -> None:
    world = World()
    world.make("DaemonSet", "agent", daemons())
    world.run(5)
    taint = {"key": "reserved", "effect": "NoSchedule"}
    world.api.patch("Node", None, "node-2", {"spec": {"taints": [taint]}})
    world.run(10)
    status = world.get("DaemonSet.apps", "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberMisscheduled"]) == (2, 1)
    assert len(world.ready()) == 3
    world.api.patch("Node", None, "node-2", {"spec": {"taints": [taint | {"effect": "NoExecute"}]}})
    world.run(10)
    assert len(world.ready()) == 2


def test_daemons_that_a_node_rejects_are_made_again_later_and_later() -> None:
    world = World(count=1)
    world.kubelet.node_usage("node-1", "ephemeral-storage", 0.0, {})
    world.make("DaemonSet", "agent", daemons())
    world.run(60)
    killed = world.messages("agent", "FailedDaemonPod")
    assert all(told.endswith("on node node-1, will try to kill it") for told in killed)
    assert 5 <= len(killed) <= 7


@pytest.mark.parametrize(
    ("kind", "available"), [("DaemonSet", "numberAvailable"), ("StatefulSet", "availableReplicas")]
)
def test_pods_of_every_set_are_available_after_the_seconds_asked_for(kind: str, available: str) -> None:
    world = World()
    spec = workload("agent", 3) | {"minReadySeconds": 5}
    if kind == "DaemonSet":
        del spec["replicas"]
    else:
        spec["podManagementPolicy"] = "Parallel"
    world.make(kind, "agent", spec)
    world.until(lambda: len(world.ready()) == 3)
    assert not world.get(f"{kind}.apps", "agent")["status"].get(available)
    world.run(7)
    assert world.get(f"{kind}.apps", "agent")["status"][available] == 3


def test_a_stateful_set_waits_for_the_seconds_asked_for_before_the_next_pod() -> None:
    world = World()
    world.make("StatefulSet", "db", workload("db", 2) | {"minReadySeconds": 5})
    world.until(lambda: world.ready() == ["db-0"])
    world.run(3)
    assert [pod["metadata"]["name"] for pod in world.all("Pod")] == ["db-0"]
    world.until(lambda: world.ready() == ["db-0", "db-1"])


def test_a_daemon_set_waits_for_the_seconds_asked_for_before_the_next_replacement() -> None:
    world = World()
    spec = workload("agent", 0) | {"minReadySeconds": 5}
    del spec["replicas"]
    world.make("DaemonSet", "agent", spec)
    world.run(10)
    world.patch("DaemonSet.apps", "agent", spec=template(x="1"))
    world.run(1)
    took = world.until(
        lambda: world.get("DaemonSet.apps", "agent")["status"].get("updatedNumberScheduled") == 3
    )
    assert took > 10


def history(world: World) -> dict[int, Object]:
    """The revisions of sets that are kept, by number."""
    return {item["revision"]: item for item in world.all("ControllerRevision.apps")}


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_a_set_keeps_its_templates_and_counts_one_that_comes_back_anew(kind: str) -> None:
    world = World()
    spec = workload("agent", 1) | {"revisionHistoryLimit": 1}
    if kind == "DaemonSet":
        del spec["replicas"]
    world.make(kind, "agent", spec)
    world.run(5)
    first = history(world)[1]
    assert first["metadata"]["ownerReferences"][0]["name"] == "agent"
    for letter in "ab":
        world.patch(f"{kind}.apps", "agent", spec=template(x=letter))
        world.run(40)
    assert list(history(world)) == [2, 3]
    world.patch(f"{kind}.apps", "agent", spec=template(x="a"))
    world.run(40)
    assert sorted(history(world)) == [3, 4]
    kept = history(world)[4]["data"]["spec"]["template"]
    assert kept["metadata"]["annotations"] == {"x": "a"}
    world.api.delete(f"{kind}.apps", NAMESPACE, "agent")
    world.run(10)
    assert history(world) == {}


def test_a_bare_pod_that_is_deleted_stays_away() -> None:
    world = World()
    world.make("Pod", "lone", pod_spec(SERVE))
    world.run(2)
    world.api.delete("Pod", NAMESPACE, "lone", grace=0)
    world.run(5)
    assert world.all("Pod") == ()
