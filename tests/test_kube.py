"""Reading Kubernetes objects: quantities, selectors, readiness, owners."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.acts.fake import FakeCluster, deployment

from chaoskit import kube
from chaoskit.errors import Forbidden


def test_an_object_is_found_or_is_not_there_and_every_other_answer_is_an_error() -> None:
    ref = kube.ref_of(deployment(), kube.DEPLOYMENT)
    cluster = FakeCluster(deployment())
    there = kube.found(cluster, ref)
    assert there is not None
    assert there["metadata"]["name"] == ref.name
    assert kube.found(cluster, replace(ref, name="other")) is None

    cluster.hidden.add((ref.kind.plural, ref.namespace))
    with pytest.raises(Forbidden):
        kube.found(cluster, ref)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("64Mi", 64 * 2**20),
        ("2", 2.0),
        ("1e3", 1000.0),
        ("1.5Gi", 1.5 * 2**30),
        ("5k", 5000.0),
        ("2Ei", 2 * 2.0**60),
        ("2E", 2e18),
        ("1E3", 1000.0),
        (3, 3.0),
    ],
)
def test_a_quantity_is_a_number_in_base_units(text: str | int, value: float) -> None:
    assert kube.quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x", "5 Mi", "5mi", "1,5"])
def test_what_is_no_quantity_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no Kubernetes quantity"):
        kube.quantity(text)


EXPRESSIONS: list[tuple[dict[str, Any] | None, bool]] = [
    (None, False),
    ({}, True),
    ({"matchLabels": {"app": "cart"}}, True),
    ({"matchLabels": {"app": "cart", "tier": "x"}}, False),
    ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["cart", "db"]}]}, True),
    ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["cart"]}]}, False),
    ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
    ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
]


@pytest.mark.parametrize(("selector", "takes"), EXPRESSIONS)
def test_a_selector_takes_labels_or_not(selector: dict[str, Any] | None, takes: bool) -> None:
    assert kube.selects(selector, {"app": "cart"}) is takes


def test_a_selector_as_text_for_a_list_call() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "env", "operator": "NotIn", "values": ["dev"]},
        {"key": "team", "operator": "Exists"},
    ]
    body = {"spec": {"selector": {"matchLabels": {"app": "cart"}, "matchExpressions": expressions}}}
    assert kube.selector_of(body) == "app=cart,tier in (a,b),!old,env notin (dev),team"
    assert kube.selector_of({"spec": {"selector": {"app": "cart"}}}) == "app=cart"


def _pod(**status: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "status": status}


def test_a_pod_being_deleted_is_not_ready() -> None:
    ready = _pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    assert kube.is_ready(ready)
    ready["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not kube.is_ready(ready)


def test_the_newest_end_of_a_container_counts() -> None:
    status = {
        "name": "main",
        "restartCount": 2,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
    }
    pod = _pod(containerStatuses=[status])
    assert [ended["reason"] for _, ended in kube.last_terminations(pod)] == ["OOMKilled"]
    assert list(kube.waiting(pod)) == [("main", "CrashLoopBackOff", "")]
    assert kube.restarts(pod) == 2


def test_a_sidecar_among_the_init_containers_counts_as_what_it_is_and_its_neighbours_do_not() -> None:
    killed = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    pod = _pod(
        containerStatuses=[{"name": "main", "restartCount": 0, "state": {"running": {}}}],
        initContainerStatuses=[
            {"name": "migrates", "restartCount": 3, "state": {"terminated": {"exitCode": 0}}},
            {"name": "proxy", "restartCount": 5, "state": {"running": {}}, "lastState": killed},
        ],
    )
    pod["spec"] = {
        "containers": [{"name": "main"}],
        "initContainers": [{"name": "migrates"}, {"name": "proxy", "restartPolicy": "Always"}],
    }
    assert kube.lasting(pod) == ("main", "proxy")
    assert kube.restarts(pod) == 5
    assert [(name, end["reason"]) for name, end in kube.last_terminations(pod)] == [("proxy", "OOMKilled")]


def test_the_controller_owns_and_others_do_not() -> None:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-1", "uid": "2", "controller": True},
    ]
    body = {"metadata": {"name": "p", "namespace": "shop", "ownerReferences": references}}
    owner = kube.owner(body)
    assert owner is not None
    assert (str(owner), owner.namespace, owner.uid) == ("replicaset/cart-1", "shop", "2")
    assert kube.owner({"metadata": {"name": "p"}}) is None


def test_a_kind_is_written_as_kubectl_writes_it() -> None:
    assert str(kube.DEPLOYMENT) == "deployment"
    assert str(kube.LEASE) == "lease"
    assert str(kube.CHAOS_ENGINE) == "chaosengine.litmuschaos.io"


def test_a_lease_time_always_has_six_decimals() -> None:
    found = kube.time_of("2026-01-01T00:00:00Z")
    assert found is not None
    assert kube.timestamp(found) == "2026-01-01T00:00:00.000000Z"
