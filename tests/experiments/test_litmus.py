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
        own = {p.name: "x=y:NoSchedule" for p in fault.parameters if p.mandatory}
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
    definition, account, role, binding = litmus.manifests(kind, "lab")
    inner = definition["spec"]["definition"]
    assert inner["labels"]["name"] == kind
    assert inner["permissions"] == role["rules"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    assert ("namespace" in role["metadata"]) == (CATALOGUE[kind].scope == "pod")
    assert all(isinstance(each["value"], str) for each in inner["env"])


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
