"""What a controller does for others, and what it would lend its rights to."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.cli.made import READY, experiment

from chaoskit.documents import Document
from chaoskit.errors import CannotStart
from chaoskit.experiments import Trial, trials
from chaoskit.flows.lending import refuse_foreign

EXEC = {"command": {"run": "cat /etc/shadow", "workload": "deployment/cart"}, "mode": "edges"}


def trial(body: dict[str, Any]) -> Trial:
    (found,) = trials([Document("x.yaml", body, {}, {})])
    return found


def native(**more: Any) -> Trial:
    return trial(yaml.safe_load(experiment("x", **more)))


def plain(env: Any = (), probe: Any = (), components: Any = None, runner: Any = None, **spec: Any) -> Trial:
    own = {"env": [{"name": "TOTAL_CHAOS_DURATION", "value": "10"}, *env], **(components or {})}
    body: dict[str, Any] = {
        "engineState": "active",
        "appinfo": {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"},
        "chaosServiceAccount": "pod-delete-sa",
        "experiments": [{"name": "pod-delete", "spec": {"components": own, "probe": list(probe)}}],
        **({"components": {"runner": runner}} if runner else {}),
        **spec,
    }
    meta = {"name": "x", "namespace": "shop"}
    return trial(
        {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosEngine", "metadata": meta, "spec": body}
    )


def probe(kind: str, **inputs: Any) -> dict[str, Any]:
    run = {"probeTimeout": "5s", "interval": "1s", "attempt": 1}
    return {"name": "p", "type": kind, "mode": "Edge", "runProperties": run, f"{kind}/inputs": inputs}


def prometheus(query: str) -> dict[str, Any]:
    comparator = {"type": "float", "criteria": "<", "value": "1"}
    return probe("promProbe", endpoint="http://prometheus:9090", query=query, comparator=comparator)


COMMAND = probe("cmdProbe", command="id", comparator={"type": "string", "criteria": "equal", "value": "x"})
MAKER = probe("k8sProbe", version="v1", resource="pods", namespace="shop", operation="delete")
LOOKER = probe("k8sProbe", version="v1", resource="pods", namespace="shop", operation="present")


@pytest.mark.parametrize(
    "good",
    [
        native(steadyState=[READY]),
        native(litmus={"serviceAccount": "chaoskit-pod-delete"}),
        native(parameters={"force": True, "CHAOS_INTERVAL": "5"}),
        native(fault="scale-down"),
        plain(),
        plain(
            probe=[LOOKER, prometheus("max(up{job='x'})") | {"name": "q"}],
            runner={"runnerLabels": {"a": "b"}},
        ),
        plain(chaosServiceAccount="litmus-admin"),
    ],
)
def test_faults_on_workloads_of_the_namespace_are_done_for_others(good: Trial) -> None:
    refuse_foreign(good, "shop")


@pytest.mark.parametrize(
    ("foreign", "words"),
    [
        (native(steadyState=[EXEC]), "runs commands on this machine or in pods"),
        (native(litmus={"serviceAccount": "payments"}), "service account payments"),
        (native(litmus={"image": "example.com/mine:1"}), "image example.com/mine:1"),
        (native(parameters={"LIB_IMAGE": "example.com/mine:1"}), "LIB_IMAGE"),
        (native(fault="pod-cpu-hog-exec", parameters={"command": "id"}), "CHAOS_INJECT_COMMAND"),
        (native(parameters={"TARGETS": "deployment:bank:[x]:union"}), "TARGETS"),
        (plain(chaosServiceAccount="payments"), "service account payments"),
        (plain(chaosServiceAccount="default"), "service account default"),
        (plain(runner={"image": "example.com/mine:1"}), "components.runner.image"),
        (plain(runner={"command": ["id"]}), "components.runner.command"),
        (plain(components={"experimentImage": "example.com/mine:1"}), "components.experimentImage"),
        (plain(components={"secrets": [{"name": "keys", "mountPath": "/k"}]}), "components.secrets"),
        (plain(env=[{"name": "LIB_IMAGE", "value": "example.com/mine:1"}]), "LIB_IMAGE"),
        (
            plain(env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "k", "key": "v"}}}]),
            "X from elsewhere",
        ),
        (plain(probe=[COMMAND]), "cmdProbe p"),
        (plain(probe=[MAKER]), "k8sProbe p"),
        (plain(probe=[prometheus("$(id)")]), "promProbe p"),
    ],
)
def test_what_would_borrow_rights_is_refused(foreign: Trial, words: str) -> None:
    with pytest.raises(CannotStart, match="lends its rights to nobody") as caught:
        refuse_foreign(foreign, "shop")
    assert words in caught.value.message
