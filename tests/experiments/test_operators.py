"""What is said of Litmus' operator before a run: whether one works where the engine is to be."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acts.fake import FakeCluster

from chaoskit import kube
from chaoskit.experiments import checks
from chaoskit.experiments.checks import Check
from chaoskit.experiments.operators import runner_image
from chaoskit.ports.cluster import Object


def operator(
    *, ready: int = 1, name: str = "chaos-operator-ce", tag: str = ":3.18.0", **watches: Any
) -> Object:
    """Its Deployment in namespace litmus; `watches` is the rest of its WATCH_NAMESPACE."""
    env = [{"name": "WATCH_NAMESPACE", **watches}]
    container = {"name": "operator", "image": f"kept.at:5000/litmuschaos/chaos-operator{tag}", "env": env}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "litmus"},
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": ready} if ready else {},
    }


def checked(*deployments: Object, namespace: str = "shop", selectors: bool = False) -> Check:
    """What is said of these Deployments, where Litmus' definitions are there."""
    kinds = (kube.CHAOS_ENGINE, kube.CHAOS_EXPERIMENT, kube.CHAOS_RESULT)
    definitions = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.plural}.{kind.group}"},
        }
        for kind in kinds
    ]
    cluster = FakeCluster(*definitions, *deployments)
    (found,) = checks.litmus(cluster, namespace, selectors=selectors)
    return found


def test_one_that_is_ready_and_looks_everywhere_is_told_with_its_version() -> None:
    found = checked(operator())
    assert (found.state, found.words) == ("ok", "Litmus' operator 3.18.0 is in namespace litmus")


def test_one_without_a_ready_pod_takes_up_nothing() -> None:
    found = checked(operator(ready=0))
    assert found.state == "blocked"
    assert "has no pod that is ready" in found.words
    assert "deployment chaos-operator-ce -n litmus" in found.mend


@pytest.mark.parametrize(
    ("watches", "state"),
    [
        ({"value": ""}, "ok"),
        ({"value": "shop"}, "ok"),
        ({"value": "litmus, shop"}, "ok"),
        ({"value": "litmus"}, "blocked"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}, "blocked"),
        ({"valueFrom": {"configMapKeyRef": {"name": "litmus", "key": "watch"}}}, "ok"),
        ({"value": "$(POD_NAMESPACE)"}, "ok"),
    ],
)
def test_one_that_looks_at_other_namespaces_alone_takes_up_nothing_here(
    watches: dict[str, Any], state: str
) -> None:
    found = checked(operator(**watches))
    assert found.state == state
    if state == "blocked":
        assert "takes up engines of namespace litmus alone" in found.words
    assert checked(operator(**watches), namespace="").state == "ok"


def test_one_that_works_here_is_enough() -> None:
    others = (operator(ready=0, name="a"), operator(name="b", value="litmus"))
    assert checked(*others).state == "blocked"
    assert checked(*others, operator(name="c")).state == "ok"


@pytest.mark.parametrize(
    ("tag", "state", "version"),
    [
        (":3.18.0", "ok", "3.18.0"),
        (":v3.0.0", "ok", "v3.0.0"),
        (":3.0.0-beta8", "ok", "3.0.0-beta8"),
        (":2.14.0", "blocked", "2.14.0"),
        (":3.18.0@sha256:aa", "ok", "3.18.0"),
        ("@sha256:2.aa", "ok", "of an unknown version"),
        ("", "ok", "of an unknown version"),
        (":latest", "ok", "latest"),
    ],
)
def test_one_that_knows_no_selectors_gets_no_engine_of_ours(tag: str, state: str, version: str) -> None:
    found = checked(operator(tag=tag), selectors=True)
    assert found.state == state
    assert f"Litmus' operator {version} is in namespace litmus" in found.words
    assert checked(operator(tag=tag)).state == "ok"


@pytest.mark.parametrize(
    ("tag", "namespace", "image"),
    [
        (":3.21.0", "shop", "kept.at:5000/litmuschaos/go-runner:3.21.0"),
        (":3.21.0@sha256:aa", "shop", "kept.at:5000/litmuschaos/go-runner:3.21.0"),
        (":3.18.0", "shop", ""),
        (":latest", "shop", ""),
        ("", "shop", ""),
        (":3.21.0", "bank", ""),
    ],
)
def test_faults_come_from_where_the_operator_comes_in_its_version(
    tag: str, namespace: str, image: str
) -> None:
    cluster = FakeCluster(operator(tag=tag, value="shop"))
    assert runner_image(cluster, namespace, "3.20") == image
    cluster.hidden.add(("deployments", ""))
    assert runner_image(cluster, namespace, "3.20") == ""


def test_faults_come_in_the_version_of_an_operator_that_is_not_ready_just_now() -> None:
    waits, runs = operator(name="a", ready=0, tag=":3.21.0"), operator(name="b", tag=":3.22.0")
    assert runner_image(FakeCluster(waits), "shop", "3.20").endswith(":3.21.0")
    assert runner_image(FakeCluster(waits, runs), "shop", "3.20").endswith(":3.22.0")
