from __future__ import annotations

from typing import Any

import pytest

from chaoskit import kube
from chaoskit.experiments import litmus
from chaoskit.experiments.faults import CATALOGUE, SEVERITIES
from chaoskit.experiments.spec import Experiment
from chaoskit.ports.cluster import ObjectRef

WEB = ObjectRef(kube.DEPLOYMENT, "lab", "web")


def experiment(kind: str = "pod-delete", name: str = "web", **spec: Any) -> Experiment:
    body = {"fault": {"kind": kind}, "targets": {"workloads": ["web"]}, **spec}
    return Experiment.model_validate({"metadata": {"name": name, "namespace": "lab"}, "spec": body})


def rendered(made: Experiment) -> dict[str, Any]:
    return litmus.rendered(made, "run123456", account="sa", workloads=(WEB,), pods=("web-1-a",))


def test_a_native_engine_pins_its_pods_and_writes_every_tunable() -> None:
    body = rendered(experiment(duration="20s"))
    env = litmus.engine_env(body["spec"]["experiments"][0])
    assert env["TARGET_PODS"] == "web-1-a"
    assert env["TOTAL_CHAOS_DURATION"] == "20"
    assert {"CHAOS_INTERVAL", "FORCE", "SEQUENCE", "RAMP_TIME"} <= set(env)
    assert body["spec"]["terminationGracePeriodSeconds"] == 60
    assert body["spec"]["selectors"]["workloads"] == [
        {"kind": "deployment", "namespace": "lab", "names": "web"}
    ]
    assert body["metadata"]["labels"] == {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: "run123456"}


def test_where_the_runtime_listens_is_left_to_the_installed_definition_unless_it_is_written() -> None:
    assert not {"SOCKET_PATH", "CONTAINER_RUNTIME"} & set(litmus.chosen(experiment("container-kill")))
    k3s = {"kind": "container-kill", "parameters": {"socket": "/run/k3s/containerd/containerd.sock"}}
    assert litmus.chosen(experiment(fault=k3s))["SOCKET_PATH"] == "/run/k3s/containerd/containerd.sock"
    env = litmus.chaos_experiment(CATALOGUE["container-kill"], "lab")["spec"]["definition"]["env"]
    assert {"name": "SOCKET_PATH", "value": "/run/containerd/containerd.sock"} in env


def test_an_engine_without_pins_says_how_many_and_pins_none_of_the_definition() -> None:
    body = litmus.rendered(experiment(), "run123456", account="sa", workloads=(WEB,), pods=(), percent="50")
    env = litmus.engine_env(body["spec"]["experiments"][0])
    assert (env["TARGET_PODS"], env["PODS_AFFECTED_PERC"]) == ("", "50")


@pytest.mark.parametrize(
    ("duration", "interval", "again"), [("15", "15", False), ("15", "5-20", True), ("4", "5-20", False)]
)
def test_a_round_takes_its_shortest_interval(duration: str, interval: str, *, again: bool) -> None:
    env = {"TOTAL_CHAOS_DURATION": duration, "CHAOS_INTERVAL": interval}
    assert litmus.chooses_again("pod-delete", env) is again
    assert not litmus.chooses_again("container-kill", env)


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_value_that_is_rendered_is_one_that_litmus_understands(kind: str) -> None:
    fault = CATALOGUE[kind]
    for severity in SEVERITIES:
        own = {p.name: p.example for p in fault.parameters if p.mandatory}
        made = experiment(kind, severity=severity, fault={"kind": kind, "parameters": own})
        for name, value in litmus.chosen(made).items():
            parameter = fault.parameter(name)
            assert isinstance(value, str)
            assert parameter is None or parameter.accepts(value), (severity, name, value)


def test_what_is_written_wins_over_severity_and_severity_over_defaults() -> None:
    assert litmus.chosen(experiment("pod-cpu-hog", severity="low"))["CPU_LOAD"] == "40"
    own = {"kind": "pod-cpu-hog", "parameters": {"load": 55}}
    assert litmus.chosen(experiment("pod-cpu-hog", severity="low", fault=own))["CPU_LOAD"] == "55"


def test_engine_names_are_unique_for_the_run_and_at_most_forty_characters() -> None:
    assert litmus.engine_name("cart", "run123456") == "cart-123456"
    assert len(litmus.engine_name("c" * 63, "run123456")) == 40


def test_somebodys_engine_is_only_labelled() -> None:
    spec = {"engineState": "active", "unknown": 1}
    meta = {"name": "e", "namespace": "lab", "labels": {"own": "1"}, "resourceVersion": "5", "uid": "u"}
    body = litmus.unchanged({"metadata": meta, "spec": spec, "status": {"engineStatus": "x"}}, "r1")
    assert body["spec"] == spec
    assert "status" not in body
    assert body["metadata"]["labels"] == {"own": "1", kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: "r1"}
    assert not {"uid", "resourceVersion"} & set(body["metadata"])


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_each_fault_comes_with_a_definition_an_account_and_rights_bound_to_it(kind: str) -> None:
    definition, account, *rights = litmus.manifests(kind, "lab")
    fault, inner = CATALOGUE[kind], definition["spec"]["definition"]
    assert definition["metadata"]["name"] == inner["labels"]["name"] == fault.litmus
    assert inner["permissions"] == [rule for role in rights[::2] for rule in role["rules"]]
    for role, binding in zip(rights[::2], rights[1::2], strict=True):
        assert binding["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"],
        }  # fmt: skip
        assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    assert [each["kind"] for each in rights[2:]] == (
        ["ClusterRole", "ClusterRoleBinding"] if fault.scope == "node" else []
    )
    assert all(isinstance(each["value"], str) for each in inner["env"])


def test_cluster_wide_rights_of_two_namespaces_do_not_overwrite_each_other() -> None:
    names = {litmus.manifests("node-drain", place)[-1]["metadata"]["name"] for place in ("a", "b")}
    assert names == {"chaoskit-node-drain-a", "chaoskit-node-drain-b"}


def test_a_parameter_that_needs_more_rights_brings_them() -> None:
    plain = litmus.manifests("pod-delete", "lab")
    using = litmus.manifests("pod-delete", "lab", using=("nodeLabel",))
    assert using[: len(plain)] == plain
    assert using[-2]["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]


def test_a_key_for_nodes_is_mounted_where_litmus_looks_for_it() -> None:
    inner = litmus.manifests("node-restart", "lab")[0]["spec"]["definition"]
    assert inner["secrets"] == [{"name": "id-rsa", "mountPath": "/mnt/"}]


def test_helpers_run_the_image_that_the_fault_needs() -> None:
    def image(kind: str) -> str:
        inner = litmus.manifests(kind, "lab", image="x/go-runner:3.1")[0]["spec"]["definition"]
        return litmus.env_of(inner["env"]).get("LIB_IMAGE", "")

    assert image("pod-cpu-hog") == "x/go-runner:3.1"
    assert image("kubelet-service-kill") == "ubuntu:16.04"
    assert image("pod-delete") == ""


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("litmuschaos/go-runner:3.31.0", "3.31.0"),
        ("kept.at:5000/go-runner:3.31.0@sha256:" + 64 * "a", "3.31.0"),
        ("kept.at:5000/go-runner@sha256:" + 64 * "a", None),
        ("kept.at:5000/go-runner", None),
    ],
)
def test_a_definition_is_labelled_with_the_version_of_its_image(image: str, version: str | None) -> None:
    body = litmus.manifests("pod-delete", "lab", image=image)[0]
    for labels in (body["metadata"]["labels"], body["spec"]["definition"]["labels"]):
        assert labels.get("app.kubernetes.io/version") == version


def test_a_database_is_lost_by_litmus_network_loss_on_one_host_and_port() -> None:
    own = {"kind": "database-connection-loss", "parameters": {"database": "db.lab.svc|5432"}}
    entry = rendered(experiment(fault=own))["spec"]["experiments"][0]
    env = litmus.engine_env(entry)
    assert entry["name"] == "pod-network-loss"
    assert env["DESTINATION_HOSTS"] == "db.lab.svc|5432"
    assert env["NETWORK_PACKET_LOSS_PERCENTAGE"] == "100"


def test_what_is_said_of_the_duration_wins_over_the_severity() -> None:
    made = experiment("node-drain", severity="critical", targets={"nodes": ["n1"]})
    assert litmus.chosen(made)["TOTAL_CHAOS_DURATION"] == "300"
    made = experiment("node-drain", severity="critical", targets={"nodes": ["n1"]}, duration="90s")
    assert litmus.chosen(made)["TOTAL_CHAOS_DURATION"] == "90"


def test_a_fault_that_knows_labels_only_is_told_one_and_pins_nothing() -> None:
    made = experiment("pod-network-partition")
    spec = litmus.rendered(made, "run123456", account="sa", workloads=(WEB,), pods=(), label="app=web")[
        "spec"
    ]
    assert spec["appinfo"] == {"appns": "lab", "applabel": "app=web", "appkind": "deployment"}
    assert "TARGET_PODS" not in litmus.engine_env(spec["experiments"][0])


def test_the_pods_of_a_node_fault_run_where_they_are_told() -> None:
    home = {"nodeSelector": {"kubernetes.io/hostname": "n2"}}
    made = experiment("node-drain", targets={"nodes": ["n1"]}, litmus=home)
    spec = litmus.rendered(made, "run123456", account="sa", workloads=(), pods=())["spec"]
    assert spec["components"]["runner"]["nodeSelector"] == {"kubernetes.io/hostname": "n2"}
    assert spec["experiments"][0]["spec"]["components"]["nodeSelector"] == {"kubernetes.io/hostname": "n2"}
    assert litmus.engine_env(spec["experiments"][0])["TARGET_NODE"] == "n1"
    assert not {"appinfo", "selectors"} & set(spec)


def test_the_engines_env_wins_and_empty_values_are_left_out() -> None:
    entry = {"name": "x", "spec": {"components": {"env": [{"name": "A", "value": "2"}]}}}
    own = [{"name": "A", "value": "1"}, {"name": "B", "value": ""}, {"name": "C", "value": "3"}]
    definition = {"spec": {"definition": {"env": own}}}
    assert litmus.effective_env(entry, definition) == {"A": "2", "C": "3"}


def test_a_number_is_read_as_litmus_reads_it() -> None:
    assert litmus.whole({"T": "60s"}, "T", 5) == 0
    assert litmus.whole({}, "T", 5) == 5
    assert litmus.whole({"T": "7"}, "T", 5) == 7


def test_the_names_of_results_carry_the_instance() -> None:
    assert litmus.result_name("e", "pod-delete", {}) == "e-pod-delete"
    assert litmus.result_name("e", "pod-delete", {"INSTANCE_ID": "a"}) == "e-pod-delete-a"


def test_probes_take_their_attempts_in_both_spellings() -> None:
    assert (
        litmus.probe_seconds({"runProperties": {"probeTimeout": "5s", "interval": "1s", "attempt": 3}}) == 18
    )
    assert litmus.probe_seconds({"runProperties": {"probeTimeout": 5, "interval": 1, "retry": 2}}) == 12
