"""Whether Pod Security would deny what Litmus makes: by the namespace's level, fault and ChaosExperiment."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.experiments.made import deployment, pod, replica_set

from chaoskit.experiments import plan, rights
from chaoskit.experiments.litmus import manifests
from chaoskit.experiments.podsecurity import ENFORCED, pod_security
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.trials import Trial

RESTRAINED = {
    "podSecurityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containerSecurityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
"""All that the level `restricted` asks for."""


def checked(fault: str, level: str, *, context: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    """State and words for a fault in a namespace of this level."""
    labels = {ENFORCED: level} if level else {}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    engine = {
        "metadata": {"name": "e", "namespace": "shop"},
        "spec": {"experiments": [{"name": fault, "spec": {}}]},
    }
    definition = {"spec": {"definition": {"image": "go-runner", "securityContext": context}}}
    trial = Trial("t.yaml", engine=engine)
    found = pod_security(FakeCluster(namespace), trial, {fault: definition})
    return [(each.state, each.words) for each in found]


@pytest.mark.parametrize(
    ("fault", "level", "state"),
    [
        ("pod-delete", "", ""),
        ("pod-delete", "baseline", ""),
        ("pod-delete", "restricted", "blocked"),
        ("pod-network-loss", "", "ok"),
        ("pod-network-loss", "privileged", "ok"),
        ("pod-network-loss", "baseline", "blocked"),
        ("pod-network-loss", "restricted", "blocked"),
    ],
)
def test_a_level_that_denies_pods_of_the_fault_keeps_it_from_starting(
    fault: str, level: str, state: str
) -> None:
    """As recorded, neither runner nor experiment has a securityContext of its own."""
    found = checked(fault, level)
    assert [each for each, _ in found] == ([state] if state else [])
    if state == "blocked":
        assert f"enforces Pod Security level {level}" in found[0][1]


def test_restricted_lets_in_what_its_chaos_experiment_restrains_but_no_privileged_helper() -> None:
    assert checked("pod-delete", "restricted", context=RESTRAINED) == []
    assert checked("pod-network-loss", "restricted", context=RESTRAINED)[0][0] == "blocked"


@pytest.mark.parametrize("lacking", ["podSecurityContext", "containerSecurityContext"])
def test_half_of_it_is_not_enough(lacking: str) -> None:
    half = {key: each for key, each in RESTRAINED.items() if key != lacking}
    assert checked("pod-delete", "restricted", context=half)[0][0] == "blocked"


def test_a_namespace_that_denies_litmus_pods_gets_the_direct_fault_where_there_is_one() -> None:
    """Directly, `pod-delete` makes no pod; what keeps Litmus out is told, and no command of ours mends it."""
    cart = {"apiVersion": "apps/v1", **deployment(), "metadata": {"name": "web", "namespace": "lab"}}
    litmus = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
        }
        for name in (f"chaos{each}.litmuschaos.io" for each in ("engines", "experiments", "results"))
    ]
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "lab", "labels": {ENFORCED: "restricted"}},
    }
    there = [namespace, cart, pod("web-1-a"), pod("web-1-b"), *litmus, *manifests("pod-delete", "lab")]
    cluster = FakeCluster(*there)
    owner = {**replica_set(), "apiVersion": "apps/v1", "kind": "ReplicaSet"}
    cluster.create(owner)
    found = {way: plan(Trial("t.yaml", experiment=asked(way)), cluster) for way in ("litmus", "auto")}
    assert (found["litmus"].way, found["auto"].way) == ("litmus", "direct")
    assert [each.name for each in found["litmus"].checks if each.state == "blocked"] == ["pod security"]
    why = next(each for each in found["auto"].checks if each.name == "engine")
    assert "enforces Pod Security level restricted" in why.words
    assert rights.manifests([found["auto"]]) != rights.manifests([found["litmus"]])


def asked(way: str) -> Experiment:
    spec = {"fault": {"kind": "pod-delete"}, "targets": {"workloads": ["deployment/web"]}, "engine": way}
    return Experiment.model_validate({"metadata": {"name": "x", "namespace": "lab"}, "spec": spec})
