"""What the kubelet does with a pod beyond what the recordings show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.simulator.world import NAMESPACE, RUN, SERVE, World, conditions, pod_spec, workload

from chaoskit.simulator.api import Object
from chaoskit.simulator.effects import Effect, Kind
from chaoskit.simulator.node import eviction
from chaoskit.simulator.node.backoff import BackOff
from chaoskit.simulator.node.programs import Process

MIB = 2**20


def test_back_off_is_nothing_then_ten_seconds_doubling_to_five_minutes() -> None:
    back_off = BackOff()
    assert [back_off.next(at) for at in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_back_off_is_forgotten_after_ten_quiet_minutes() -> None:
    back_off = BackOff()
    for at in (0, 5, 20):
        back_off.next(at)
    assert back_off.next(20 + 601) == 0


def test_a_container_above_its_memory_limit_is_killed() -> None:
    world = World()
    world.pod("cart", resources={"limits": {"memory": "64Mi"}})
    world.run(2)
    world.kubelet.usage(NAMESPACE, "cart", "main", memory_bytes=65 * MIB)
    world.run(3)
    status = world.container("cart")
    assert (status["restartCount"], status["ready"]) == (1, True)
    ended = status["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_memory_within_the_limit_kills_nothing() -> None:
    world = World()
    world.pod("cart", resources={"limits": {"memory": "64Mi"}})
    world.run(2)
    world.kubelet.usage(NAMESPACE, "cart", "main", memory_bytes=64 * MIB)
    world.run(3)
    assert world.container("cart")["restartCount"] == 0


def test_a_container_is_resized_while_it_runs_and_its_new_limit_counts() -> None:
    world = World()
    world.pod("cart", resources={"limits": {"memory": "64Mi", "cpu": "1"}})
    world.run(2)
    (main,) = world.get("Pod", "cart")["spec"]["containers"]
    wanted = {"spec": {"containers": [{**main, "resources": sized("32Mi")}]}}
    world.api.patch("Pod", NAMESPACE, "cart", wanted, "resize")
    assert world.container("cart")["resources"]["limits"]["memory"] == "64Mi"
    world.run(2)
    status = world.container("cart")
    assert (status["resources"], status["restartCount"]) == (sized("32Mi"), 0)
    world.kubelet.usage(NAMESPACE, "cart", "main", memory_bytes=40 * MIB)
    world.run(3)
    assert world.container("cart")["lastState"]["terminated"]["reason"] == "OOMKilled"


def sized(memory: str) -> dict[str, dict[str, str]]:
    amounts = {"memory": memory, "cpu": "1"}
    return {"limits": amounts, "requests": amounts}


def test_usage_of_a_pod_that_is_gone_is_no_error() -> None:
    World().kubelet.usage(NAMESPACE, "gone", "main", memory_bytes=1)


def test_a_killed_container_is_restarted_by_its_policy() -> None:
    world = World()
    world.make("Pod", "once", pod_spec(RUN) | {"restartPolicy": "Never"})
    world.pod("again")
    world.run(2)
    for pod in ("once", "again"):
        assert world.kubelet.kill_container(NAMESPACE, pod, "main")
    world.run(3)
    assert world.get("Pod", "once")["status"]["phase"] == "Failed"
    assert world.container("again")["restartCount"] == 1


def test_killing_what_does_not_run_says_so() -> None:
    world = World()
    world.pod("cart", ["sh", "-c", "exit 1"])
    world.run(4)
    assert not world.kubelet.kill_container(NAMESPACE, "cart", "main")
    with pytest.raises(LookupError):
        world.kubelet.kill_container(NAMESPACE, "cart", "other")


def test_a_pod_that_ends_well_succeeds() -> None:
    world = World()
    world.make("Pod", "once", pod_spec(["echo", "done"]) | {"restartPolicy": "Never"})
    world.run(5)
    status = world.get("Pod", "once")["status"]
    assert status["phase"] == "Succeeded"
    assert conditions(world.get("Pod", "once"))["Ready"] == ("False", "PodCompleted")


def test_a_failing_liveness_probe_restarts_the_container() -> None:
    world = World()
    probe = {"exec": {"command": ["test", "-f", "/alive"]}, "periodSeconds": 2, "failureThreshold": 2}
    command = ["sh", "-c", "touch /alive; sleep 5; rm /alive; sleep 100"]
    world.pod("cart", command, livenessProbe=probe)
    world.run(25)
    assert world.container("cart")["restartCount"] == 1
    assert "Container main failed liveness probe, will be restarted" in world.messages("cart", "Killing")
    assert world.messages("cart", "Unhealthy") == ["Liveness probe failed: "]


def test_readiness_waits_for_the_startup_probe() -> None:
    world = World()
    startup = {"exec": {"command": ["test", "-f", "/up"]}, "periodSeconds": 3, "failureThreshold": 9}
    command = ["sh", "-c", "sleep 7; touch /up; sleep 100"]
    world.pod("cart", command, startupProbe=startup)
    world.run(5)
    assert (world.container("cart")["started"], world.container("cart")["ready"]) == (False, False)
    world.run(8)
    assert (world.container("cart")["started"], world.container("cart")["ready"]) == (True, True)


def test_init_containers_run_one_after_the_other_before_the_rest() -> None:
    world = World()
    init = [{"name": name, "image": "busybox", "command": ["sh", "-c", "sleep 3"]} for name in ("a", "b")]
    world.make("Pod", "cart", pod_spec() | {"initContainers": init})
    world.run(3)
    assert conditions(world.get("Pod", "cart"))["Initialized"] == ("False", "ContainersNotInitialized")
    assert world.get("Pod", "cart")["status"]["phase"] == "Pending"
    world.run(9)
    assert world.get("Pod", "cart")["status"]["phase"] == "Running"
    assert conditions(world.get("Pod", "cart"))["Initialized"] == ("True", "")


def test_a_missing_secret_keeps_the_container_from_being_created_until_it_is_there() -> None:
    world = World()
    reference = {"secretKeyRef": {"name": "database", "key": "password"}}
    world.pod("cart", env=[{"name": "PASSWORD", "valueFrom": reference}])
    world.run(3)
    waiting = world.container("cart")["state"]["waiting"]
    assert waiting == {
        "reason": "CreateContainerConfigError",
        "message": 'secret "database" not found',
    }
    world.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "database", "namespace": NAMESPACE},
            "stringData": {"password": "x"},
        }
    )
    world.run(16)
    assert world.container("cart")["ready"]


def test_an_image_that_is_put_right_is_pulled() -> None:
    world = World()
    world.deployment("cart", 1)
    world.make("Pod", "one", pod_spec(image="team/cart:none"))
    world.run(3)
    assert "docker.io/team/cart:none: not found" in world.container("one")["state"]["waiting"]["message"]
    containers = world.get("Pod", "one")["spec"]["containers"]
    world.patch("Pod", "one", spec={"containers": [{**containers[0], "image": "team/cart:1"}]})
    world.run(40)
    assert world.container("one")["ready"]


def test_a_changed_image_restarts_the_container() -> None:
    world = World()
    world.pod("cart")
    world.run(2)
    containers = world.get("Pod", "cart")["spec"]["containers"]
    world.patch("Pod", "cart", spec={"containers": [{**containers[0], "image": "busybox:1.36"}]})
    world.run(5)
    assert (world.container("cart")["image"], world.container("cart")["restartCount"]) == ("busybox:1.36", 1)
    assert "Container main definition changed, will be restarted" in world.messages("cart", "Killing")


def test_the_environment_has_the_pods_own_fields() -> None:
    world = World()
    fields = [("NAME", "metadata.name"), ("APP", "metadata.labels['app']"), ("NODE", "spec.nodeName")]
    env = [{"name": n, "valueFrom": {"fieldRef": {"fieldPath": path}}} for n, path in fields]
    world.pod("cart", env=[*env, {"name": "URL", "value": "http://$(NAME)"}])
    world.run(2)
    done = world.kubelet.execute(NAMESPACE, "cart", "main", ["sh", "-c", "echo $NAME $APP $NODE $URL"])
    assert done.stdout == "cart cart node-1 http://cart\n"


def test_logs_are_kept_for_this_run_and_the_one_before() -> None:
    world = World()
    world.pod("cart", ["sh", "-c", "echo boom; sleep 1; exit 3"])
    world.run(1.5)
    with pytest.raises(LookupError):
        world.kubelet.logs(NAMESPACE, "cart", "main", previous=True)
    world.until(lambda: world.container("cart")["restartCount"] == 1)
    world.kubelet.log(NAMESPACE, "cart", "main", "again")
    assert [line.text for line in world.kubelet.logs(NAMESPACE, "cart", "main")] == ["boom", "again"]
    before = world.kubelet.logs(NAMESPACE, "cart", "main", previous=True)
    assert [line.text for line in before] == ["boom"]


def test_a_process_that_hears_sigterm_ends_before_the_grace_period() -> None:
    world = World()
    world.pod("polite")
    world.pod("deaf", SERVE)
    world.run(2)
    for pod in ("polite", "deaf"):
        world.api.delete("Pod", NAMESPACE, pod)
    world.run(3)
    assert world.gone("Pod", "polite")
    assert not world.gone("Pod", "deaf")
    world.run(4)
    assert world.gone("Pod", "deaf")


def test_a_second_delete_with_less_grace_is_obeyed() -> None:
    world = World()
    world.make("Pod", "deaf", pod_spec(SERVE) | {"terminationGracePeriodSeconds": 600})
    world.run(2)
    world.api.delete("Pod", NAMESPACE, "deaf")
    world.run(5)
    world.api.delete("Pod", NAMESPACE, "deaf", grace=1)
    world.run(4)
    assert world.gone("Pod", "deaf")


def test_a_pod_deleted_before_it_started_is_gone_soon() -> None:
    world = World()
    world.make("Pod", "none", pod_spec(image="registry.invalid/none:1"))
    world.run(3)
    world.api.delete("Pod", NAMESPACE, "none")
    world.run(2)
    assert world.gone("Pod", "none")


def test_a_pod_of_the_same_name_starts_anew_after_a_forced_delete() -> None:
    world = World()
    world.pod("cart")
    world.run(2)
    first = world.container("cart")["containerID"]
    world.api.delete("Pod", NAMESPACE, "cart", grace=0)
    world.pod("cart")
    world.run(2)
    assert world.container("cart")["ready"]
    assert world.container("cart")["containerID"] != first


def test_addresses_of_pods_on_one_node_are_all_different() -> None:
    world = World(count=1)
    world.deployment("cart", 50)
    world.run(5)
    addresses = {pod["status"]["podIP"] for pod in world.all("Pod")}
    assert len(addresses) == 50
    assert all(address.startswith("10.244.0.") for address in addresses)


def test_a_registered_program_decides_readiness_and_end() -> None:
    world = World()
    processes: list[Process] = []
    world.kubelet.programs.register(lambda invocation: invocation.labels["app"] == "cart", processes.append)
    probe = {"httpGet": {"port": 80, "path": "/readyz"}, "periodSeconds": 1, "failureThreshold": 1}
    world.pod("cart", readinessProbe=probe)
    world.run(3)
    assert not world.container("cart")["ready"]
    processes[0].answer(200)
    world.run(2)
    assert world.container("cart")["ready"]
    processes[0].answer(503, "/readyz")
    world.run(2)
    assert not world.container("cart")["ready"]
    assert "Readiness probe failed: HTTP probe failed with statuscode: 503" in world.messages(
        "cart", "Unhealthy"
    )
    processes[0].exit(9)
    world.run(3)
    assert world.container("cart")["lastState"]["terminated"]["exitCode"] == 9


def test_a_pod_cut_off_from_the_network_turns_unready_and_back() -> None:
    world = World()
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 2}
    world.pod("cart", SERVE, readinessProbe=probe)
    world.run(3)
    loss = Effect("network-loss", NAMESPACE, "cart", 100)
    world.effects.start(loss)
    world.run(4)
    assert not world.container("cart")["ready"]
    world.effects.end(loss)
    world.run(3)
    assert world.container("cart")["ready"]


@pytest.mark.parametrize(
    ("action", "seconds", "patience", "ready"),
    [
        ({"httpGet": {"port": 80}}, 2.0, {}, False),
        ({"httpGet": {"port": 80}}, 2.0, {"timeoutSeconds": 5}, True),
        ({"httpGet": {"port": 80}}, 0.5, {}, False),  # once to connect, once for the answer
        ({"tcpSocket": {"port": 80}}, 0.6, {}, True),
        ({"tcpSocket": {"port": 80}}, 2.0, {}, False),
        ({"grpc": {"port": 80}}, 0.4, {}, False),
        ({"exec": {"command": ["true"]}}, 2.0, {}, True),
    ],
)
def test_a_probe_waits_for_a_slow_network_as_long_as_it_may(
    action: Object, seconds: float, patience: Object, ready: bool
) -> None:
    world = World()
    probe = {"periodSeconds": 1, "failureThreshold": 2, **action, **patience}
    world.pod("cart", SERVE, readinessProbe=probe)
    world.run(3)
    late = Effect("network-latency", NAMESPACE, "cart", seconds)
    elsewhere = Effect("network-latency", NAMESPACE, "cart", 60.0, ("db",))
    world.effects.start(elsewhere)
    world.effects.start(late)
    world.run(4)
    assert world.container("cart")["ready"] is ready
    world.effects.end(late)
    world.run(3)
    assert world.container("cart")["ready"]


@pytest.mark.parametrize(
    ("kind", "amount", "why"),
    [
        ("http-status", 503, "HTTP probe failed with statuscode: 503"),
        ("http-latency", 1.0, "context deadline exceeded"),
        ("http-reset", 0.0, "connection reset by peer"),
    ],
)
def test_a_proxy_before_the_port_of_a_probe_answers_it(kind: Kind, amount: float, why: str) -> None:
    world = World()
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 2}
    world.pod("cart", SERVE, readinessProbe=probe)
    world.run(3)
    world.effects.start(Effect(kind, NAMESPACE, "cart", amount, port=8080))
    world.run(4)
    assert world.container("cart")["ready"]
    proxy = Effect(kind, NAMESPACE, "cart", amount, port=80)
    world.effects.start(proxy)
    world.run(4)
    assert not world.container("cart")["ready"]
    assert why in world.messages("cart", "Unhealthy")[-1]
    world.effects.end(proxy)
    world.run(3)
    assert world.container("cart")["ready"]


def test_a_probe_meets_a_proxy_that_hits_a_part_of_the_requests_as_often_as_that_says() -> None:
    world = World(count=1)
    probe = {"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 1}
    world.pod("cart", SERVE, readinessProbe=probe)
    world.run(3)
    proxy = Effect("http-status", NAMESPACE, "cart", 503, share=0.3, port=80)
    world.effects.start(proxy)
    ready = []
    for _ in range(200):
        world.run(1)
        ready.append(world.container("cart")["ready"])
    assert ready.count(False) == pytest.approx(60, abs=20)
    world.effects.end(proxy)
    world.run(2)
    assert world.container("cart")["ready"]


def test_a_steady_pod_costs_no_work() -> None:
    world = World()
    world.pod("cart", SERVE, readinessProbe={"httpGet": {"port": 80}, "periodSeconds": 1})
    world.run(5)
    version = world.get("Pod", "cart")["metadata"]["resourceVersion"]
    begun = world.engine.call_later(0, _nothing).order
    world.run(600)
    done = world.engine.call_later(0, _nothing).order - begun
    assert done < 1000  # heartbeats of three nodes; a probe each second would add 600
    assert world.get("Pod", "cart")["metadata"]["resourceVersion"] == version


def _nothing() -> None:
    pass


def history(seed: int) -> list[tuple[float, str, str]]:
    """What happens to some pods in a minute."""
    world = World(seed=seed)
    told: list[tuple[float, str, str]] = []

    def seen(kind: str) -> Callable[..., None]:
        return lambda change, body: told.append((world.engine.now(), change, str(body)))

    for kind in ("Pod", "Event", "ReplicaSet.apps"):
        world.api.watch(kind, seen(kind))
    world.deployment("cart", 3)
    world.pod("crash", ["sh", "-c", "exit 3"])
    world.run(60)
    return told


def test_two_runs_from_one_seed_are_the_same() -> None:
    assert history(3) == history(3)


GIB = 2.0**30
SHORT = [
    ("memory", 50 * 2.0**20, "MemoryPressure", "HasInsufficientMemory", "100Mi, available: 50Mi"),
    ("ephemeral-storage", 9 * GIB, "DiskPressure", "HasDiskPressure", "10Gi, available: 9Gi"),
    ("pids", 3000.0, "PIDPressure", "HasInsufficientPID", "3276, available: 3000"),
]


@pytest.mark.parametrize(("resource", "available", "condition", "reason", "told"), SHORT)
def test_a_node_that_runs_short_says_so_takes_no_more_and_evicts_who_uses_too_much(
    resource: str, available: float, condition: str, reason: str, told: str
) -> None:
    world = World(count=1)
    world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    for name, asked in (("modest", "4Gi"), ("greedy", "10Mi")):
        world.pod(name, SERVE, resources={} if resource == "pids" else {"requests": {resource: asked}})
    world.run(5)
    used = {(NAMESPACE, "modest"): 2 * GIB, (NAMESPACE, "greedy"): GIB}
    if resource == "pids":
        used = {(NAMESPACE, "modest"): 20.0, (NAMESPACE, "greedy"): 29000.0}
    world.kubelet.node_usage("node-1", resource, available, used)
    world.run(5)
    node = world.api.get("Node", None, "node-1") or {}
    assert {kind for kind, (status, _) in conditions(node).items() if status == "True"} == {
        condition,
        "Ready",
    }
    assert conditions(node)[condition] == ("True", f"Kubelet{reason}")
    status = world.get("Pod", "greedy")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"].startswith(
        f"The node was low on resource: {resource}. Threshold quantity: {told}. "
    )
    using = "Container main was using 1Gi, request is 10Mi, has larger consumption of "
    assert (using + resource in status["message"]) is (resource != "pids")
    assert conditions(world.get("Pod", "greedy"))["DisruptionTarget"] == ("True", "TerminationByKubelet")
    assert world.messages("greedy", "Evicted") == [status["message"]]
    assert world.get("Pod", "modest")["status"]["phase"] == "Running"
    events = {e["reason"]: e["message"] for e in world.api.list("Event", "default")}
    assert events[f"Node{reason}"] == f"Node node-1 status is now: Node{reason}"
    assert events["EvictionThresholdMet"] == f"Attempting to reclaim {resource}"
    taint = {"DiskPressure": "disk", "MemoryPressure": "memory", "PIDPressure": "pid"}[condition]
    world.pod("late")
    world.run(5)
    (why,) = world.messages("late", "FailedScheduling")
    assert f"1 node(s) had untolerated taint {{node.kubernetes.io/{taint}-pressure: }}" in why


def test_the_lowest_priority_goes_first_and_what_is_critical_stays() -> None:
    pods = {
        (NAMESPACE, name): {"spec": pod_spec() | {"priority": priority}}
        for name, priority in (("system", 2_000_000_000), ("shop", 100), ("batch", -5))
    }
    used = {key: (9 - size) * GIB for size, key in enumerate(pods)}
    gone = []
    while (key := eviction.victim("memory", pods, used)) is not None:
        gone.append(key[1])
        del used[key]
    assert gone == ["batch", "shop"]


@pytest.mark.parametrize(
    ("resource", "resources", "phase"),
    [
        ("memory", {}, "Failed"),
        ("memory", {"requests": {"memory": "10Mi"}}, "Running"),
        ("ephemeral-storage", {"requests": {"memory": "10Mi"}}, "Failed"),
    ],
)
def test_a_node_under_pressure_rejects_what_was_put_on_it_all_the_same(
    resource: str, resources: Object, phase: str
) -> None:
    world = World(count=1)
    world.kubelet.node_usage("node-1", resource, 0.0, {})
    world.run(2)
    world.make("Pod", "forced", pod_spec(SERVE, resources=resources) | {"nodeName": "node-1"})
    world.run(5)
    status = world.get("Pod", "forced")["status"]
    assert status["phase"] == phase
    if phase == "Failed":
        condition = "MemoryPressure" if resource == "memory" else "DiskPressure"
        assert status["reason"] == "Evicted"
        assert status["message"] == f"Pod was rejected: The node had condition: [{condition}]. "
        assert "Evicted" in world.reasons("forced")


def test_a_node_that_has_enough_again_says_so_after_five_minutes() -> None:
    world = World(count=1)
    world.kubelet.node_usage("node-1", "memory", 0.0, {})
    world.run(290)
    world.kubelet.node_usage("node-1", "memory", GIB, {})
    assert conditions(world.api.get("Node", None, "node-1") or {})["MemoryPressure"][0] == "True"
    world.run(20)
    world.kubelet.node_usage("node-1", "memory", GIB, {})
    world.run(1)
    found = world.api.get("Node", None, "node-1") or {}
    assert conditions(found)["MemoryPressure"] == ("False", "KubeletHasSufficientMemory")
    assert "taints" not in found["spec"]


def test_a_node_that_was_lost_says_again_what_it_is_short_of() -> None:
    world = World(count=2)
    world.kubelet.node_usage("node-1", "ephemeral-storage", 0.0, {})
    world.kubelet.pause("node-1")
    world.run(60)
    assert conditions(world.api.get("Node", None, "node-1") or {})["DiskPressure"][0] == "Unknown"
    world.kubelet.revive("node-1")
    world.run(30)
    assert conditions(world.api.get("Node", None, "node-1") or {})["DiskPressure"][0] == "True"


def test_a_container_that_writes_more_than_it_may_has_its_pod_evicted_and_replaced() -> None:
    world = World()
    limited = workload("web", 1, resources={"limits": {"ephemeral-storage": "100Mi"}})
    world.make("Deployment", "web", limited)
    world.run(10)
    (name,) = world.ready()
    world.effects.start(Effect("disk-used", NAMESPACE, name, 90 * 2**20, container="main"))
    world.run(20)
    assert world.ready() == [name]
    world.effects.start(Effect("disk-used", NAMESPACE, name, 20 * 2**20, container="main"))
    world.run(30)
    assert world.get("Pod", name)["status"]["reason"] == "Evicted"
    (other,) = world.ready()
    assert other != name


def config_map(world: World, name: str, **data: str) -> None:
    metadata = {"name": name, "namespace": NAMESPACE}
    world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


@pytest.mark.parametrize(
    ("volume", "why"),
    [
        ({"configMap": {"name": "rates"}}, 'configmap "rates" not found'),
        ({"secret": {"secretName": "login"}}, 'secret "login" not found'),
        (
            {"configMap": {"name": "there", "items": [{"key": "b", "path": "b"}]}},
            "configmap references non-existent config key: b",
        ),
        ({"projected": {"sources": [{"secret": {"name": "login"}}]}}, 'secret "login" not found'),
        (
            {"projected": {"sources": [{"secret": {"name": "login"}}, {"configMap": {"name": "rates"}}]}},
            '[secret "login" not found, configmap "rates" not found]',
        ),
    ],
)
def test_a_pod_does_not_start_without_what_its_volumes_are_made_of(volume: Object, why: str) -> None:
    world = World()
    config_map(world, "there", a="1")
    world.make("Pod", "cart", pod_spec() | {"volumes": [{"name": "files", **volume}]})
    world.run(30)
    assert world.get("Pod", "cart")["status"]["phase"] == "Pending"
    assert world.container("cart")["state"] == {"waiting": {"reason": "ContainerCreating"}}
    (told,) = world.messages("cart", "FailedMount")
    assert told == f'MountVolume.SetUp failed for volume "files" : {why}'


def test_a_pod_starts_when_its_volumes_can_be_mounted_or_need_not_be() -> None:
    world = World()
    optional = {"name": "more", "secret": {"secretName": "login", "optional": True}}
    rates = {"name": "files", "configMap": {"name": "rates"}}
    world.make("Pod", "cart", pod_spec() | {"volumes": [rates, optional]})
    world.run(10)
    assert world.ready() == []
    config_map(world, "rates")
    world.run(20)
    assert world.ready() == ["cart"]


def test_a_pod_that_waits_for_a_volume_can_be_deleted() -> None:
    world = World()
    world.make("Pod", "cart", pod_spec() | {"volumes": [{"name": "files", "configMap": {"name": "rates"}}]})
    world.run(10)
    world.api.delete("Pod", NAMESPACE, "cart")
    world.run(10)
    assert world.gone("Pod", "cart")


def test_a_pod_fails_when_it_has_been_active_for_as_long_as_it_may() -> None:
    world = World()
    world.make("Pod", "cart", pod_spec() | {"activeDeadlineSeconds": 10})
    world.run(8)
    assert world.get("Pod", "cart")["status"]["phase"] == "Running"
    world.run(10)
    status = world.get("Pod", "cart")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["message"] == "Pod was active on the node longer than the specified deadline"
    assert "terminated" in world.container("cart")["state"]
    assert world.messages("cart", "DeadlineExceeded") == [status["message"]]


def test_the_deadline_of_a_pod_that_runs_may_come_nearer() -> None:
    world = World()
    world.make("Pod", "cart", pod_spec() | {"activeDeadlineSeconds": 600})
    world.run(5)
    world.patch("Pod", "cart", spec={"activeDeadlineSeconds": 6})
    world.run(6)
    assert world.get("Pod", "cart")["status"]["reason"] == "DeadlineExceeded"


def test_a_pod_that_ended_in_time_is_not_failed_by_its_deadline() -> None:
    world = World()
    once = pod_spec(["sleep", "3"]) | {"restartPolicy": "Never", "activeDeadlineSeconds": 10}
    world.make("Pod", "cart", once)
    world.run(20)
    assert world.get("Pod", "cart")["status"]["phase"] == "Succeeded"


def test_what_is_wrong_with_a_pod_ends_with_it() -> None:
    world = World()
    world.make("StatefulSet", "db", workload("db", 1) | {"serviceName": "db"})
    world.until(lambda: world.ready() == ["db-0"])
    loss = Effect("network-loss", NAMESPACE, "db-0", 100)
    world.effects.start(loss)
    world.run(5)
    assert world.ready() == []
    world.api.delete("Pod", NAMESPACE, "db-0")
    world.until(lambda: world.ready() == ["db-0"])
    again = Effect("network-loss", NAMESPACE, "db-0", 100)
    world.effects.start(again)
    world.effects.end(loss)  # whoever began the first knows nothing of the other
    assert [one is again for one in world.effects.on(NAMESPACE, "db-0")] == [True]


def test_a_pod_deleted_by_force_from_a_lost_node_is_up_again_on_another() -> None:
    world = World()
    world.make("StatefulSet", "db", workload("db", 1) | {"serviceName": "db"})
    world.until(lambda: world.ready() == ["db-0"])
    node = world.get("Pod", "db-0")["spec"]["nodeName"]
    world.api.patch("Node", None, node, {"spec": {"unschedulable": True}})
    world.kubelet.silence(node)
    world.run(5)
    world.api.delete("Pod", NAMESPACE, "db-0", grace=0)
    world.until(lambda: world.ready() == ["db-0"])
    assert world.get("Pod", "db-0")["spec"]["nodeName"] != node
