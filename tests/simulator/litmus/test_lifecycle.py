"""The life of engines on the simulated cluster, told without any recording."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.litmus.lab import ENGINE, RESULT, Lab

from chaoskit.simulator.litmus import Knobs, install
from chaoskit.simulator.litmus.manifests import ACCOUNT, FAULTS, ON_NODES

NAMESPACE = "town"
POLICY = "NetworkPolicy.networking.k8s.io"
FIRST = {"kubernetes.io/hostname": "node-1"}
UNTOLD = {"pod-autoscaler", "pod-network-partition"}
"""Faults that Litmus injects without an event that says so."""
NEEDED = {
    "pod-dns-spoof": {"SPOOF_MAP": '{"a.com": "b.com"}'},
    "disk-fill": {"EPHEMERAL_STORAGE_MEBIBYTES": "50"},
}
"""Tunables without which a fault cannot be."""


def web() -> dict[str, Any]:
    container = {
        "name": "web",
        "image": "busybox:1.35",
        "command": ["httpd", "-f", "-p", "8080"],
        "resources": {"limits": {"memory": "64Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE, "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
        },
    }


def service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def town(knobs: Knobs | None = None, *, count: int = 1) -> Lab:
    """A cluster with Litmus, and two web pods to disturb."""
    lab = Lab(knobs, count=count)
    for name in ("litmus", NAMESPACE):
        lab.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    install(lab.api, [NAMESPACE])
    lab.put(web(), service())
    lab.engine.run_for(20)
    return lab


def chaos(fault: str, env: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An engine for one fault on the web deployment; `more` goes into spec, `probe` to the fault."""
    components = {"env": [{"name": k, "value": v} for k, v in (env or {}).items()]}
    inner: dict[str, Any] = {"components": components}
    if "probe" in more:
        inner["probe"] = more.pop("probe")
    spec = {
        "engineState": "active",
        "appinfo": {"appns": NAMESPACE, "applabel": "app=web", "appkind": "deployment"},
        "chaosServiceAccount": ACCOUNT,
        "experiments": [{"name": fault, "spec": inner}],
    }
    return {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "e", "namespace": NAMESPACE},
        "spec": spec | more,
    }


def status(lab: Lab) -> dict[str, Any]:
    told: dict[str, Any] = lab.read(ENGINE, NAMESPACE, "e").get("status", {})
    return told


def result(lab: Lab, fault: str) -> dict[str, Any]:
    return lab.read(RESULT, NAMESPACE, f"e-{fault}")


def verdict(lab: Lab, fault: str) -> tuple[str, str, str]:
    told = result(lab, fault)["status"]["experimentStatus"]
    return told["phase"], told["verdict"], told["probeSuccessPercentage"]


def reasons(lab: Lab) -> list[str]:
    return [e["reason"] for e in lab.api.list("Event", NAMESPACE)]


def disturbed(lab: Lab) -> list[Any]:
    pods = lab.api.list("Pod", NAMESPACE, "app=web")
    return [effect for pod in pods for effect in lab.effects.on(NAMESPACE, pod["metadata"]["name"])]


def probe(kind: str, mode: str, inputs: dict[str, Any], **run: Any) -> dict[str, Any]:
    timing = {"probeTimeout": "2s", "interval": "1s", "attempt": 1} | run
    return {
        "name": "p",
        "type": kind,
        "mode": mode,
        f"{kind}/inputs": inputs,
        "runProperties": timing,
    }


WEB_ANSWERS = {
    "url": f"http://web.{NAMESPACE}.svc.cluster.local",
    "method": {"get": {"criteria": "==", "responseCode": "200"}},
}


def test_an_installed_litmus_tells_its_version_by_the_operators_image() -> None:
    lab = town()
    operator = lab.read("Deployment.apps", "litmus", "chaos-operator-ce")
    (container,) = operator["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith("/chaos-operator:3.31.0")
    assert operator["status"]["readyReplicas"] == 1


def test_installing_twice_leaves_what_is_there() -> None:
    lab = town()
    changed = {"metadata": {"labels": {"mine": "yes"}}}
    lab.api.patch("ChaosExperiment.litmuschaos.io", NAMESPACE, "pod-delete", changed)
    install(lab.api, [NAMESPACE])
    kept = lab.read("ChaosExperiment.litmuschaos.io", NAMESPACE, "pod-delete")
    assert kept["metadata"]["labels"]["mine"] == "yes"


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - ON_NODES))
def test_every_fault_passes_and_leaves_no_disturbance(fault: str) -> None:
    lab = town()
    env = {"TOTAL_CHAOS_DURATION": "10", "MEMORY_CONSUMPTION": "10"}
    lab.api.create(chaos(fault, env | NEEDED.get(fault, {})))
    lab.engine.run_for(120)
    assert status(lab)["engineStatus"] == "completed"
    assert verdict(lab, fault) == ("Completed", "Pass", "100")
    assert ("ChaosInject" in reasons(lab)) is (fault not in UNTOLD)
    assert disturbed(lab) == []


@pytest.mark.parametrize(
    ("fault", "env", "kind", "amount"),
    [
        ("pod-cpu-hog", {"CPU_CORES": "2", "CPU_LOAD": "50"}, "cpu", 1.0),
        ("pod-memory-hog", {"MEMORY_CONSUMPTION": "20"}, "memory", 20_000_000),
        ("pod-network-loss", {"NETWORK_PACKET_LOSS_PERCENTAGE": "40"}, "network-loss", 40),
        ("pod-network-corruption", {"NETWORK_PACKET_CORRUPTION_PERCENTAGE": "30"}, "network-loss", 30),
        ("pod-network-duplication", {}, "network-duplication", 100),
        ("pod-network-latency", {"NETWORK_LATENCY": "300"}, "network-latency", 0.3),
        ("pod-network-rate-limit", {"NETWORK_BANDWIDTH": "2mbit"}, "network-rate", 250_000),
        ("pod-dns-error", {}, "dns", 100),
        ("pod-dns-spoof", {"SPOOF_MAP": '{"a.com": "b.com"}'}, "dns", 100),
        ("pod-http-latency", {"LATENCY": "500"}, "http-latency", 0.5),
        ("pod-http-status-code", {"STATUS_CODE": "503"}, "http-status", 503),
        ("pod-http-reset-peer", {"RESET_TIMEOUT": "100"}, "http-reset", 0.1),
        ("pod-http-modify-body", {}, "http-content", 0),
        ("pod-http-modify-header", {}, "http-content", 0),
        ("disk-fill", {"EPHEMERAL_STORAGE_MEBIBYTES": "200"}, "disk-used", 200 * 2**20),
        ("pod-cpu-hog-exec", {"CPU_CORES": "2"}, "cpu", 2),
        ("pod-memory-hog-exec", {"MEMORY_CONSUMPTION": "20"}, "memory", 20_000_000),
        ("pod-fio-stress", {"NUMBER_OF_JOBS": "2"}, "disk-writes", 50 * 2**20),
    ],
)
def test_a_fault_is_felt_in_its_target_while_it_lasts(
    fault: str, env: dict[str, str], kind: str, amount: float
) -> None:
    lab = town()
    lab.api.create(chaos(fault, env | {"TOTAL_CHAOS_DURATION": "30"}))
    lab.engine.run_for(37)
    (effect,) = disturbed(lab)
    assert (effect.kind, effect.amount) == (kind, amount)
    lab.engine.run_for(60)
    (target,) = result(lab, fault)["status"]["history"]["targets"]
    assert target == {"name": effect.pod, "kind": "pod", "chaosStatus": "reverted"}


def test_a_busy_disk_is_written_to_and_filled() -> None:
    lab = town()
    lab.api.create(chaos("pod-io-stress", {"NUMBER_OF_WORKERS": "2", "TOTAL_CHAOS_DURATION": "30"}))
    lab.engine.run_for(30)
    assert {effect.kind: effect.amount for effect in disturbed(lab)} == {
        "disk-used": 160 * 2**20,
        "disk-writes": 50 * 2**20,
    }


@pytest.mark.parametrize(
    ("fault", "env", "said"),
    [
        ("pod-dns-spoof", {}, "spoof map is required"),
        ("pod-dns-error", {"TARGET_HOSTNAMES": "db"}, "is no JSON list"),
        ("pod-http-status-code", {"STATUS_CODE": "299"}, "is not supported"),
        ("pod-network-rate-limit", {"NETWORK_BANDWIDTH": "much"}, 'Illegal \\"rate\\"'),
        ("disk-fill", {}, "either provide ephemeral storage limit"),
        ("node-taint", {}, "no taint is provided"),
        ("node-restart", {}, "secret id-rsa not found"),
        ("node-cpu-hog", {"NODE_LABEL": "disk=ssd"}, "no node found"),
        ("node-drain", {"TARGET_NODE": "ghost"}, "not found"),
    ],
)
def test_tunables_that_make_no_sense_are_an_error(fault: str, env: dict[str, str], said: str) -> None:
    lab = town()
    lab.api.create(chaos(fault, env))
    lab.engine.run_for(60)
    told = result(lab, fault)["status"]["experimentStatus"]
    assert told["verdict"] == "Error"
    assert said in told["errorOutput"]["reason"]
    assert disturbed(lab) == []


def test_a_proxy_at_a_port_where_nobody_listens_disturbs_nothing() -> None:
    lab = town()
    ports = {"spec": {"template": {"spec": {"containers": [
        web()["spec"]["template"]["spec"]["containers"][0] | {"ports": [{"containerPort": 8080}]}
    ]}}}}  # fmt: skip
    lab.api.patch("Deployment.apps", NAMESPACE, "web", ports)
    lab.engine.run_for(30)
    lab.api.create(chaos("pod-http-latency", {"TARGET_SERVICE_PORT": "80"}))
    lab.engine.run_for(40)
    assert disturbed(lab) == []
    assert "ChaosInject" in reasons(lab)


def test_a_partition_is_a_network_policy_with_the_engines_uid_until_it_ends() -> None:
    lab = town()
    env = {"POLICY_TYPES": "ingress", "POD_SELECTOR": "app=friend", "PORTS": "tcp: [8080]"}
    lab.api.create(chaos("pod-network-partition", env | {"TOTAL_CHAOS_DURATION": "30"}))
    lab.engine.run_for(25)
    uid = lab.read(ENGINE, NAMESPACE, "e")["metadata"]["uid"]
    (policy,) = lab.api.list(POLICY, NAMESPACE, f"chaosUID={uid}")
    assert policy["spec"] == {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "ports": [{"protocol": "TCP", "port": 8080}],
                "from": [{"podSelector": {"matchLabels": {"app": "friend"}}}],
            }
        ],
    }
    lab.engine.run_for(60)
    assert lab.api.list(POLICY, NAMESPACE) == ()
    targets = result(lab, "pod-network-partition")["status"]["history"]["targets"]
    assert [t["chaosStatus"] for t in targets] == ["reverted", "reverted"]


@pytest.mark.parametrize(
    ("env", "code", "said"),
    [
        ({"DESTINATION_IPS": "cart"}, "CHAOS_INJECT_ERROR", "cart/32"),
        ({"DESTINATION_IPS": "10.0.0.1|5432"}, "CHAOS_INJECT_ERROR", "10.0.0.1|5432/32"),
        ({"DESTINATION_IPS": "fd00::1"}, "CHAOS_INJECT_ERROR", "strict subset"),
        ({"PORTS": "tcp: 5432"}, "GENERIC_ERROR", "tcp has no list of numbers but 5432"),
        ({"PORTS": "tcp: [http]"}, "GENERIC_ERROR", "tcp has no list of numbers"),
    ],
)
def test_a_partition_from_what_is_no_address_is_an_error(env: dict[str, str], code: str, said: str) -> None:
    lab = town()
    lab.api.create(chaos("pod-network-partition", env))
    lab.engine.run_for(60)
    assert verdict(lab, "pod-network-partition")[1] == "Error"
    told = result(lab, "pod-network-partition")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == code
    assert said in told["reason"]
    assert lab.api.list(POLICY, NAMESPACE) == ()


def test_a_probe_whose_expression_is_none_is_an_error_and_no_endless_run() -> None:
    lab = town()
    comparator = {"type": "string", "criteria": "matches", "value": "["}
    wanted = probe("cmdProbe", "SOT", {"command": "echo well", "comparator": comparator})
    lab.api.create(chaos("pod-delete", probe=[wanted]))
    lab.engine.run_for(60)
    assert verdict(lab, "pod-delete")[1] == "Error"
    assert status(lab)["engineStatus"] == "completed"


@pytest.mark.parametrize(("sloppy", "left"), [(False, 0), (True, 1)])
def test_an_aborted_partition_goes_unless_the_abort_is_sloppy(sloppy: bool, left: int) -> None:
    lab = town(Knobs(sloppy_abort=sloppy))
    lab.api.create(chaos("pod-network-partition"))
    lab.engine.run_for(30)
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    lab.engine.run_for(40)
    assert status(lab)["engineStatus"] == "stopped"
    assert len(lab.api.list(POLICY, NAMESPACE)) == left


def test_an_autoscaler_scales_up_and_back() -> None:
    lab = town()
    lab.api.create(chaos("pod-autoscaler", {"REPLICA_COUNT": "4", "TOTAL_CHAOS_DURATION": "30"}))
    lab.engine.run_for(30)
    assert lab.read("Deployment.apps", NAMESPACE, "web")["status"]["readyReplicas"] == 4
    lab.engine.run_for(60)
    assert lab.read("Deployment.apps", NAMESPACE, "web")["spec"]["replicas"] == 2
    assert verdict(lab, "pod-autoscaler")[1] == "Pass"


def test_an_autoscaler_that_does_not_get_there_scales_back_and_is_an_error() -> None:
    lab = town()
    container = web()["spec"]["template"]["spec"]["containers"][0]
    large = container | {"resources": {"requests": {"cpu": "1"}}}
    template = {"spec": {"containers": [large]}}
    lab.api.patch("Deployment.apps", NAMESPACE, "web", {"spec": {"template": template}})
    lab.engine.run_for(60)
    lab.api.create(chaos("pod-autoscaler", {"REPLICA_COUNT": "6", "TOTAL_CHAOS_DURATION": "10"}))
    lab.engine.run_for(60)
    assert lab.read("Deployment.apps", NAMESPACE, "web")["spec"]["replicas"] == 2
    told = result(lab, "pod-autoscaler")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == "CHAOS_INJECT_ERROR"


def on_node(fault: str, env: dict[str, str], **more: Any) -> Lab:
    """Three nodes, with the chaos pods on the first and the fault meant for the second."""
    lab = town(count=3)
    key = {"stringData": {"ssh-privatekey": "none"}}
    lab.put(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "id-rsa", "namespace": NAMESPACE}} | key
    )
    node = {"TARGET_NODE": "node-2", "TARGET_NODES": "node-2", "TOTAL_CHAOS_DURATION": "90"}
    engine = chaos(fault, node | env, components={"runner": {"nodeSelector": FIRST}}, **more)
    engine["spec"]["experiments"][0]["spec"]["components"]["nodeSelector"] = FIRST
    del engine["spec"]["appinfo"]
    lab.api.create(engine)
    return lab


def node_two(lab: Lab) -> dict[str, Any]:
    found = lab.api.get("Node", None, "node-2")
    assert found is not None
    return found


def is_ready(node: dict[str, Any]) -> str:
    return next(str(c["status"]) for c in node["status"]["conditions"] if c["type"] == "Ready")


def on_second(lab: Lab) -> list[str]:
    pods = lab.api.list("Pod", NAMESPACE, "app=web")
    staying = [p["metadata"] for p in pods if p["spec"].get("nodeName") == "node-2"]
    return [meta["name"] for meta in staying if "deletionTimestamp" not in meta]


def test_a_drained_node_is_empty_and_cordoned_until_the_end() -> None:
    lab = on_node("node-drain", {"TOTAL_CHAOS_DURATION": "40"})
    assert on_second(lab) != []
    lab.engine.run_for(35)
    assert node_two(lab)["spec"]["unschedulable"] is True
    assert on_second(lab) == []
    lab.engine.run_for(100)
    assert "unschedulable" not in node_two(lab)["spec"]
    assert verdict(lab, "node-drain")[1] == "Pass"
    assert result(lab, "node-drain")["status"]["history"]["targets"] == [
        {"name": "node-2", "kind": "node", "chaosStatus": "reverted"}
    ]


def test_a_drain_that_a_budget_forbids_is_an_error() -> None:
    lab = on_node("node-drain", {"TOTAL_CHAOS_DURATION": "10"})
    budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    meta = {"name": "all", "namespace": NAMESPACE}
    lab.put({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": budget})
    lab.engine.run_for(60)
    told = result(lab, "node-drain")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == "CHAOS_INJECT_ERROR"


def test_an_aborted_drain_lets_the_node_take_pods_again() -> None:
    lab = on_node("node-drain", {})
    lab.engine.run_for(30)
    assert node_two(lab)["spec"]["unschedulable"] is True
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    lab.engine.run_for(40)
    assert "unschedulable" not in node_two(lab)["spec"]


def test_a_taint_puts_out_what_does_not_tolerate_it() -> None:
    lab = on_node("node-taint", {"TAINTS": "chaos=yes:NoExecute", "TOTAL_CHAOS_DURATION": "20"})
    lab.engine.run_for(25)
    taints = node_two(lab)["spec"]["taints"]
    assert [(t["key"], t["value"], t["effect"]) for t in taints] == [("chaos", "yes", "NoExecute")]
    assert on_second(lab) == []
    lab.engine.run_for(60)
    assert "taints" not in node_two(lab)["spec"]
    assert verdict(lab, "node-taint")[1] == "Pass"


@pytest.mark.parametrize(
    ("fault", "env", "kinds"),
    [
        ("node-cpu-hog", {"CPU_LOAD": "50"}, {"cpu": 2.0}),
        ("node-memory-hog", {"MEMORY_CONSUMPTION_PERCENTAGE": "50"}, {"memory": 4 * 2**30}),
        (
            "node-io-stress",
            {"NUMBER_OF_WORKERS": "2"},
            {"cpu": 1, "disk-used": 6 * 2**30, "disk-writes": 50 * 2**20},
        ),
    ],
)
def test_a_busy_node_has_a_pod_that_is_busy(fault: str, env: dict[str, str], kinds: dict[str, float]) -> None:
    lab = on_node(fault, env | {"TOTAL_CHAOS_DURATION": "30"})
    lab.engine.run_for(35)
    (helper,) = [p for p in lab.api.list("Pod", NAMESPACE) if "-helper-" in p["metadata"]["name"]]
    assert helper["spec"]["nodeName"] == "node-2"
    there = lab.effects.on(NAMESPACE, helper["metadata"]["name"])
    assert {effect.kind: effect.amount for effect in there} == pytest.approx(kinds, rel=0.01)
    lab.engine.run_for(60)
    assert verdict(lab, fault)[1] == "Pass"
    assert lab.effects.on(NAMESPACE, helper["metadata"]["name"]) == ()


@pytest.mark.parametrize("fault", ["kubelet-service-kill", "docker-service-kill"])
def test_a_node_without_its_kubelet_is_not_ready_but_runs_on(fault: str) -> None:
    lab = on_node(fault, {})
    (name, *_) = on_second(lab)
    lab.engine.run_for(110)
    assert is_ready(node_two(lab)) == "Unknown"
    assert lab.kubelet.running(NAMESPACE, name, "web")
    lab.engine.run_for(60)
    assert is_ready(node_two(lab)) == "True"
    assert verdict(lab, fault)[1] == "Pass"
    (pod,) = [p for p in lab.api.list("Pod", NAMESPACE, "app=web") if p["metadata"]["name"] == name]
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


@pytest.mark.parametrize(("fault", "back"), [("node-restart", "True"), ("node-poweroff", "Unknown")])
def test_a_node_that_is_told_so_goes_down(fault: str, back: str) -> None:
    lab = on_node(fault, {})
    (name, *_) = on_second(lab)
    lab.engine.run_for(40)
    assert not lab.kubelet.running(NAMESPACE, name, "web")
    lab.engine.run_for(150)
    assert is_ready(node_two(lab)) == back
    assert verdict(lab, fault)[1] == "Pass"


def test_tunables_come_from_the_installed_experiment_where_the_engine_is_silent() -> None:
    lab = town()
    env = [{"name": "TOTAL_CHAOS_DURATION", "value": "30"}, {"name": "CPU_CORES", "value": "3"}]
    patch = {"spec": {"definition": {"env": env}}}
    lab.api.patch("ChaosExperiment.litmuschaos.io", NAMESPACE, "pod-cpu-hog", patch)
    lab.api.create(chaos("pod-cpu-hog"))
    lab.engine.run_for(30)
    assert [effect.amount for effect in disturbed(lab)] == [3.0]


def test_network_loss_is_limited_to_the_hosts_that_it_is_given() -> None:
    lab = town()
    host = f"web.{NAMESPACE}.svc.cluster.local"
    env = {"DESTINATION_HOSTS": f"{host}|80", "TOTAL_CHAOS_DURATION": "30"}
    lab.api.create(chaos("pod-network-loss", env))
    lab.engine.run_for(30)
    assert [effect.peers for effect in disturbed(lab)] == [(f"{host}|80",)]


def test_network_loss_towards_unknown_services_is_an_error_and_disturbs_nothing() -> None:
    lab = town()
    env = {"DESTINATION_HOSTS": "ghost.town.svc.cluster.local"}
    lab.api.create(chaos("pod-network-loss", env))
    lab.engine.run_for(40)
    told = result(lab, "pod-network-loss")["status"]["experimentStatus"]
    assert told["verdict"] == "Error"
    assert "provided hosts are invalid" in told["errorOutput"]["reason"]


def test_a_memory_hog_that_kills_its_target_counts_as_success() -> None:
    lab = town()
    lab.api.create(chaos("pod-memory-hog", {"TOTAL_CHAOS_DURATION": "60"}))
    lab.engine.run_for(25)
    (effect,) = disturbed(lab)
    lab.kubelet.kill_container(NAMESPACE, effect.pod, "web", reason="OOMKilled")
    lab.engine.run_for(4)
    assert disturbed(lab) == []
    lab.engine.run_for(60)
    assert verdict(lab, "pod-memory-hog")[1] == "Pass"


def test_an_abort_undoes_the_fault_and_folds_its_targets_into_the_history() -> None:
    lab = town()
    lab.api.create(chaos("pod-network-loss", {"TOTAL_CHAOS_DURATION": "60"}))
    lab.engine.run_for(30)
    assert disturbed(lab) != []
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    lab.engine.run_for(30)
    assert disturbed(lab) == []
    assert status(lab)["engineStatus"] == "stopped"
    assert lab.api.list("Pod", NAMESPACE, "chaosUID") == ()
    told = result(lab, "pod-network-loss")
    assert "annotations" not in told["metadata"]
    assert [t["chaosStatus"] for t in told["status"]["history"]["targets"]] == ["reverted"]


def test_a_sloppy_abort_leaves_the_disturbance_and_says_injected() -> None:
    lab = town(Knobs(sloppy_abort=True))
    lab.api.create(chaos("pod-network-loss", {"TOTAL_CHAOS_DURATION": "60"}))
    lab.engine.run_for(30)
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    lab.engine.run_for(30)
    assert [effect.kind for effect in disturbed(lab)] == ["network-loss"]
    targets = result(lab, "pod-network-loss")["status"]["history"]["targets"]
    assert [t["chaosStatus"] for t in targets] == ["injected"]


def test_an_engine_that_was_aborted_can_be_started_again() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "60"}))
    lab.engine.run_for(20)
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    lab.engine.run_for(20)
    assert status(lab)["engineStatus"] == "stopped"
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "active"}})
    lab.engine.run_for(120)
    assert "RestartInProgress" in reasons(lab)
    assert status(lab)["engineStatus"] == "completed"
    history = result(lab, "pod-delete")["status"]["history"]
    assert (history["stoppedRuns"], history["passedRuns"]) == (1, 1)


def test_a_helper_that_fails_makes_the_run_an_error_with_the_helpers_own_words() -> None:
    lab = town(Knobs(helper_failure=True))
    lab.api.create(chaos("pod-cpu-hog"))
    lab.engine.run_for(60)
    told = result(lab, "pod-cpu-hog")["status"]["experimentStatus"]
    assert (told["verdict"], told["errorOutput"]["errorCode"]) == (
        "Error",
        "CONTAINER_RUNTIME_ERROR",
    )
    assert "ChaosInject" not in reasons(lab)


def test_without_an_operator_nothing_happens_to_an_engine() -> None:
    lab = town(Knobs(operator_down=True))
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(30)
    assert status(lab) == {}
    assert "finalizers" not in lab.read(ENGINE, NAMESPACE, "e")["metadata"]


def test_an_operator_that_comes_back_takes_up_what_was_left() -> None:
    knobs = Knobs(operator_down=True)
    lab = town(knobs)
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(30)
    assert status(lab) == {}
    knobs.turn({})
    lab.engine.run_for(60)
    assert status(lab)["engineStatus"] == "completed"


def test_an_operator_that_was_scaled_away_takes_up_nothing_until_it_is_back() -> None:
    lab, ref = town(), ("Deployment.apps", "litmus", "chaos-operator-ce")
    lab.api.patch(*ref, {"spec": {"replicas": 0}})
    lab.engine.run_for(5)
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(30)
    assert status(lab) == {}
    lab.api.patch(*ref, {"spec": {"replicas": 1}})
    lab.engine.run_for(60)
    assert status(lab)["engineStatus"] == "completed"


def test_a_runner_that_crashes_leaves_the_engine_initialized() -> None:
    lab = town(Knobs(runner_crash=True))
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(120)
    assert status(lab) == {"engineStatus": "initialized", "experiments": None}
    (runner,) = lab.api.list("Pod", NAMESPACE, "app.kubernetes.io/component=chaos-runner")
    assert runner["status"]["containerStatuses"][0]["restartCount"] > 1


def test_a_probe_without_a_unit_of_time_ends_without_a_result() -> None:
    lab = town()
    wanted = probe("httpProbe", "SOT", WEB_ANSWERS, probeTimeout="2")
    lab.api.create(chaos("pod-delete", probe=[wanted]))
    lab.engine.run_for(60)
    assert status(lab)["engineStatus"] == "completed"
    (experiment,) = status(lab)["experiments"]
    assert (experiment["status"], experiment["verdict"]) == ("Running", "Awaited")
    assert lab.get(RESULT, NAMESPACE, "e-pod-delete") is None


def test_an_account_that_may_not_make_results_ends_without_one() -> None:
    lab = town()
    role = lab.read("Role.rbac.authorization.k8s.io", NAMESPACE, ACCOUNT)
    litmus = {"apiGroups": ["litmuschaos.io"], "verbs": ["get", "list", "update"]}
    rules = [r for r in role["rules"] if r["apiGroups"] != ["litmuschaos.io"]]
    role["rules"] = [*rules, litmus | {"resources": ["chaosengines", "chaosexperiments"]}]
    lab.api.update(role)
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(60)
    assert status(lab)["engineStatus"] == "completed"
    assert lab.get(RESULT, NAMESPACE, "e-pod-delete") is None


def test_a_role_for_the_engines_name_alone_is_enough_for_that_engine() -> None:
    lab = town()
    role = lab.read("Role.rbac.authorization.k8s.io", NAMESPACE, ACCOUNT)
    named = [
        {
            "apiGroups": ["litmuschaos.io"],
            "resources": ["chaosengines"],
            "verbs": ["*"],
            "resourceNames": [name],
        }
        for name in ("e", "other")
    ]
    others = [rule for rule in role["rules"] if "chaosengines" not in rule["resources"]]
    shared = [
        rule | {"resources": [each for each in rule["resources"] if each != "chaosengines"]}
        for rule in role["rules"]
        if "chaosengines" in rule["resources"]
    ]
    lab.api.update(role | {"rules": [*others, *shared, *named]})
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(60)
    assert verdict(lab, "pod-delete")[:2] == ("Completed", "Pass")


def test_targets_in_a_namespace_where_the_account_has_no_rights_are_an_error() -> None:
    lab = town()
    info = {"appns": "litmus", "applabel": "name=chaos-operator", "appkind": "deployment"}
    lab.api.create(chaos("pod-delete", appinfo=info))
    lab.engine.run_for(60)
    told = result(lab, "pod-delete")["status"]["experimentStatus"]
    assert told["verdict"] == "Error"
    assert "is forbidden" in told["errorOutput"]["reason"]


def test_half_an_appinfo_stops_the_engine() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", appinfo={"appns": NAMESPACE, "appkind": "deployment"}))
    lab.engine.run_for(10)
    assert status(lab)["engineStatus"] == "stopped"
    assert lab.api.list("Pod", NAMESPACE, "chaosUID") == ()


def test_a_second_experiment_that_is_missing_is_told_and_the_first_one_stands() -> None:
    lab = town()
    engine = chaos("pod-delete")
    engine["spec"]["experiments"].append({"name": "pod-vanish"})
    lab.api.create(engine)
    lab.engine.run_for(90)
    first, second = status(lab)["experiments"]
    assert (first["status"], first["verdict"]) == ("Completed", "Pass")
    assert (second["status"], second["verdict"]) == ("ChaosExperiment Not Found", "Fail")
    assert status(lab)["engineStatus"] == "completed"


def test_an_experiment_pod_that_is_killed_leaves_its_result_awaited() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", {"TOTAL_CHAOS_DURATION": "60"}))
    lab.engine.run_for(15)
    (pod,) = lab.api.list("Pod", NAMESPACE, "job-name")
    name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
    lab.kubelet.kill_container(NAMESPACE, name, container, reason="OOMKilled")
    lab.engine.run_for(30)
    assert verdict(lab, "pod-delete") == ("Running", "Awaited", "Awaited")
    (experiment,) = status(lab)["experiments"]
    assert (experiment["status"], experiment["verdict"]) == ("Skipped", "Fail")
    assert status(lab)["engineStatus"] == "completed"


def test_a_continuous_probe_that_breaks_stops_the_whole_engine() -> None:
    lab = town()
    wanted = probe("httpProbe", "Continuous", WEB_ANSWERS, stopOnFailure=True)
    env = {"TOTAL_CHAOS_DURATION": "60", "PODS_AFFECTED_PERC": "100"}
    lab.api.create(chaos("pod-network-loss", env, probe=[wanted]))
    lab.engine.run_for(60)
    assert status(lab)["engineStatus"] == "stopped"
    assert verdict(lab, "pod-network-loss")[:2] == ("Stopped", "Stopped")
    assert disturbed(lab) == []


def test_a_probe_during_chaos_that_breaks_fails_the_run_in_the_end() -> None:
    lab = town()
    wanted = probe("httpProbe", "OnChaos", WEB_ANSWERS)
    env = {"TOTAL_CHAOS_DURATION": "20", "PODS_AFFECTED_PERC": "100"}
    lab.api.create(chaos("pod-network-loss", env, probe=[wanted]))
    lab.engine.run_for(120)
    told = ("Completed_With_Probe_Failure", "Fail", "0")
    assert verdict(lab, "pod-network-loss") == told


def test_a_delayed_probe_during_chaos_has_no_time_left_and_passes() -> None:
    lab = town()
    nothing = {"version": "v1", "resource": "pods", "namespace": NAMESPACE, "labelSelector": "app=nobody"}
    wanted = probe("k8sProbe", "OnChaos", nothing | {"operation": "present"}, initialDelay="1s")
    lab.api.create(chaos("pod-delete", probe=[wanted]))
    lab.engine.run_for(120)
    assert verdict(lab, "pod-delete") == ("Completed", "Pass", "100")


def test_a_probe_that_cannot_reach_its_prometheus_makes_the_run_an_error() -> None:
    lab = town()
    inputs = {
        "endpoint": "http://prometheus.monitoring:9090",
        "query": "up",
        "comparator": {"criteria": "==", "value": "1"},
    }
    lab.api.create(chaos("pod-delete", probe=[probe("promProbe", "SOT", inputs)]))
    lab.engine.run_for(60)
    told = result(lab, "pod-delete")["status"]
    assert told["experimentStatus"]["errorOutput"]["errorCode"] == "PROM_PROBE_ERROR"
    assert [p["status"]["verdict"] for p in told["probeStatuses"]] == ["N/A"]


def test_named_target_pods_are_the_ones_that_are_hit() -> None:
    lab = town()
    pods = [p["metadata"]["name"] for p in lab.api.list("Pod", NAMESPACE, "app=web")]
    env = {"TARGET_PODS": pods[1], "TOTAL_CHAOS_DURATION": "30"}
    lab.api.create(chaos("pod-cpu-hog", env))
    lab.engine.run_for(30)
    assert [effect.pod for effect in disturbed(lab)] == [pods[1]]


def on_node_three(lab: Lab) -> set[str]:
    """The web pods there, of three, one on each node."""
    lab.api.patch("Node", None, "node-3", {"metadata": {"labels": {"disk": "ssd"}}})
    lab.api.patch("Deployment.apps", NAMESPACE, "web", {"spec": {"replicas": 3}})
    lab.engine.run_for(20)
    pods = lab.api.list("Pod", NAMESPACE, "app=web")
    return {p["metadata"]["name"] for p in pods if p["spec"]["nodeName"] == "node-3"}


def test_only_pods_on_nodes_with_the_label_are_hit() -> None:
    lab = town(count=3)
    there = on_node_three(lab)
    env = {"NODE_LABEL": "disk=ssd", "PODS_AFFECTED_PERC": "100", "TOTAL_CHAOS_DURATION": "30"}
    lab.api.create(chaos("pod-network-latency", env))
    lab.engine.run_for(30)
    assert {effect.pod for effect in disturbed(lab)} == there
    assert len(there) == 1


def test_a_node_label_that_no_node_has_is_an_error() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", {"NODE_LABEL": "disk=ssd"}))
    lab.engine.run_for(40)
    told = result(lab, "pod-delete")["status"]["experimentStatus"]
    assert told["errorOutput"]["errorCode"] == "TARGET_SELECTION_ERROR"


@pytest.mark.parametrize(
    ("ports", "peers"), [("5432,6379", ("|5432", "|6379")), ("!80,443", ("|!80,443",)), ("", ())]
)
def test_a_network_fault_is_limited_to_the_ports_that_it_is_given(ports: str, peers: tuple[str, ...]) -> None:
    lab = town()
    lab.api.create(chaos("pod-network-loss", {"DESTINATION_PORTS": ports, "TOTAL_CHAOS_DURATION": "30"}))
    lab.engine.run_for(30)
    assert [effect.peers for effect in disturbed(lab)] == [peers]
    ready = [p["status"]["conditions"] for p in lab.api.list("Pod", NAMESPACE, "app=web")]
    lost = sum(c["type"] == "Ready" and c["status"] == "False" for conditions in ready for c in conditions)
    assert lost == (0 if peers else 1)


def test_a_tunable_that_is_not_simulated_is_an_error_that_says_so() -> None:
    lab = town()
    lab.api.create(chaos("pod-network-latency", {"JITTER": "50"}))
    lab.engine.run_for(40)
    told = result(lab, "pod-network-latency")["status"]["experimentStatus"]
    assert told["verdict"] == "Error"
    assert "JITTER=50 is not simulated" in told["errorOutput"]["reason"]
    assert disturbed(lab) == []


def test_stress_takes_all_containers_of_its_target() -> None:
    lab = town()
    second = {"name": "side", "image": "busybox:1.35", "command": ["sleep", "infinity"]}
    containers = [*web()["spec"]["template"]["spec"]["containers"], second]
    change = {"spec": {"template": {"spec": {"containers": containers}}}}
    lab.api.patch("Deployment.apps", NAMESPACE, "web", change)
    lab.engine.run_for(60)
    lab.api.create(chaos("pod-cpu-hog", {"TARGET_CONTAINER": "all", "TOTAL_CHAOS_DURATION": "30"}))
    lab.engine.run_for(30)
    assert {effect.container for effect in disturbed(lab)} == {"web", "side"}


def test_a_container_that_is_not_there_is_an_error() -> None:
    lab = town()
    lab.api.create(chaos("pod-network-loss", {"TARGET_CONTAINER": "ghost"}))
    lab.engine.run_for(60)
    assert verdict(lab, "pod-network-loss")[1] == "Error"


@pytest.mark.parametrize(("random", "deleted"), [("true", 2), ("false", 5)])
def test_a_range_of_intervals_needs_randomness(random: str, deleted: int) -> None:
    lab = town()
    env = {"CHAOS_INTERVAL": "20-25", "RANDOMNESS": random, "TOTAL_CHAOS_DURATION": "60"}
    lab.api.create(chaos("pod-delete", env))
    lab.engine.run_for(150)
    events = [e for e in lab.api.list("Event", NAMESPACE) if e["reason"] == "ChaosInject"]
    assert sum(e["count"] for e in events) == deleted


def test_helpers_in_series_disturb_one_pod_after_the_other() -> None:
    lab = town()
    env = {"SEQUENCE": "serial", "PODS_AFFECTED_PERC": "100", "TOTAL_CHAOS_DURATION": "15"}
    lab.api.create(chaos("pod-cpu-hog", env))
    seen = set()
    for _ in range(70):
        lab.engine.run_for(1)
        assert len(disturbed(lab)) <= 1
        seen |= {effect.pod for effect in disturbed(lab)}
    assert len(seen) == 2


def test_two_clusters_from_one_seed_do_the_same() -> None:
    def story() -> list[tuple[str, str]]:
        lab = town()
        lab.api.create(chaos("pod-delete"))
        lab.engine.run_for(60)
        events = lab.api.list("Event", NAMESPACE)
        return [(e["metadata"]["name"], e["lastTimestamp"] or "") for e in events]

    assert story() == story()


def test_a_pod_that_is_named_and_deleted_cannot_be_deleted_a_second_time() -> None:
    lab = town()
    (pod, *_) = lab.api.list("Pod", NAMESPACE, "app=web")
    env = {"TARGET_PODS": pod["metadata"]["name"], "TOTAL_CHAOS_DURATION": "60"}
    lab.api.create(chaos("pod-delete", env))
    lab.engine.run_for(60)
    assert verdict(lab, "pod-delete")[1] == "Awaited"
    lab.engine.run_for(200)
    told = result(lab, "pod-delete")["status"]["experimentStatus"]
    assert told["errorOutput"]["errorCode"] == "TARGET_SELECTION_ERROR"
    assert "set by TARGET_PODS ENV" in told["errorOutput"]["reason"]


def test_results_of_instances_are_kept_apart() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", {"INSTANCE_ID": "two"}))
    lab.engine.run_for(60)
    (experiment,) = status(lab)["experiments"]
    assert experiment["verdict"] == "Pass"
    assert lab.read(RESULT, NAMESPACE, "e-pod-delete-two")["spec"]["instance"] == "two"


def test_a_health_check_that_is_asked_for_is_told() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", {"DEFAULT_HEALTH_CHECK": "true"}))
    lab.engine.run_for(90)
    told = {e["message"] for e in lab.api.list("Event", NAMESPACE) if "ChaosCheck" in e["reason"]}
    assert told == {"AUT: Running"}


def test_containers_are_killed_on_every_pod_that_is_asked_for() -> None:
    lab = town()
    env = {"PODS_AFFECTED_PERC": "100", "TOTAL_CHAOS_DURATION": "5"}
    lab.api.create(chaos("container-kill", env))
    lab.engine.run_for(90)
    pods = lab.api.list("Pod", NAMESPACE, "app=web")
    assert [p["status"]["containerStatuses"][0]["restartCount"] for p in pods] == [1, 1]
    assert verdict(lab, "container-kill")[1] == "Pass"


@pytest.mark.parametrize(
    "selectors",
    [
        {"workloads": [{"kind": "deployment", "namespace": NAMESPACE, "names": "web"}]},
        {"workloads": [{"kind": "deployment", "namespace": NAMESPACE, "labels": "app=web"}]},
    ],
)
def test_selectors_find_the_same_pods_as_an_appinfo(selectors: dict[str, Any]) -> None:
    lab = town()
    env = {"PODS_AFFECTED_PERC": "100", "TOTAL_CHAOS_DURATION": "30"}
    lab.api.create(chaos("pod-cpu-hog", env, selectors=selectors))
    lab.engine.run_for(30)
    assert len(disturbed(lab)) == 2


def test_an_engine_without_label_and_kind_takes_one_pod_that_is_not_of_litmus() -> None:
    lab = town()
    info = {"appns": NAMESPACE}
    lab.api.create(chaos("pod-cpu-hog", {"TOTAL_CHAOS_DURATION": "30"}, appinfo=info))
    lab.engine.run_for(30)
    assert len(disturbed(lab)) == 1


def test_a_workload_without_pods_is_an_error_of_target_selection() -> None:
    lab = town()
    workloads = [{"kind": "deployment", "namespace": NAMESPACE, "names": "ghost"}]
    lab.api.create(chaos("pod-delete", selectors={"workloads": workloads}))
    lab.engine.run_for(60)
    told = result(lab, "pod-delete")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == "TARGET_SELECTION_ERROR"
    assert "no pod found for specified target" in told["reason"]


def test_a_workload_that_does_not_come_back_is_an_error_of_status_checks() -> None:
    lab = town()
    env = [{"name": "TOTAL_CHAOS_DURATION", "value": "5"}]
    engine = chaos("pod-delete")
    timeouts = {"statusCheckTimeouts": {"delay": 2, "timeout": 10}}
    engine["spec"]["experiments"][0]["spec"]["components"] = {"env": env} | timeouts
    lab.api.create(engine)
    lab.engine.run_for(5)
    image = {"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": "registry.invalid/web:none"}
    ]}}}}  # fmt: skip
    lab.api.patch("Deployment.apps", NAMESPACE, "web", image)
    lab.engine.run_for(60)
    told = result(lab, "pod-delete")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == "STATUS_CHECKS_ERROR"


def test_an_experiment_whose_config_map_is_missing_is_skipped() -> None:
    lab = town()
    engine = chaos("pod-delete")
    volumes = [{"name": "ghost", "mountPath": "/tmp"}]
    engine["spec"]["experiments"][0]["spec"]["components"]["configMaps"] = volumes
    lab.api.create(engine)
    lab.engine.run_for(30)
    (experiment,) = status(lab)["experiments"]
    assert (experiment["status"], experiment["verdict"]) == ("Skipped", "Fail")
    assert lab.api.list("Job.batch", NAMESPACE) == ()


def test_an_abort_before_the_experiment_listens_leaves_its_result_awaited() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete"))
    lab.engine.run_for(9)
    lab.api.patch(ENGINE, NAMESPACE, "e", {"spec": {"engineState": "stop"}})
    lab.engine.run_for(30)
    assert status(lab)["engineStatus"] == "stopped"
    assert verdict(lab, "pod-delete") == ("Running", "Awaited", "Awaited")


def test_a_sequence_that_litmus_does_not_know_is_an_error() -> None:
    lab = town()
    lab.api.create(chaos("pod-delete", {"SEQUENCE": "sideways"}))
    lab.engine.run_for(60)
    told = result(lab, "pod-delete")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == "GENERIC_ERROR"


def test_a_helper_that_is_told_of_another_runtime_is_an_error() -> None:
    lab = town()
    lab.api.create(chaos("container-kill", {"CONTAINER_RUNTIME": "docker"}))
    lab.engine.run_for(60)
    told = result(lab, "container-kill")["status"]["experimentStatus"]["errorOutput"]
    assert told["errorCode"] == "CONTAINER_RUNTIME_ERROR"


def test_no_number_of_cores_means_all_of_the_node() -> None:
    lab = town()
    env = {"CPU_CORES": "0", "TOTAL_CHAOS_DURATION": "30"}
    lab.api.create(chaos("pod-cpu-hog", env))
    lab.engine.run_for(30)
    assert [effect.amount for effect in disturbed(lab)] == [4.0]
