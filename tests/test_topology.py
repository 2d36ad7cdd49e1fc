"""Topology: pods find their workload, services their backends, callers those they call."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.acts.fake import FakeCluster

from chaoskit import kube, topology
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Kind, Listing, ObjectRef
from chaoskit.topology import Topology


def _object(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **more}


def _owned(body: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": True}
    return {**body, "metadata": {**body["metadata"], "ownerReferences": [reference]}}


def _deployment(name: str, calls: str = "") -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}, "annotations": {topology.CALLS: calls}}, "spec": {}}
    return _object("Deployment", name, spec={"template": template, "replicas": 1})


def _shop() -> Topology:
    return Topology(
        pods=(_owned(_object("Pod", "cart-6bd9-x2k9p"), "ReplicaSet", "cart-6bd9"), _object("Pod", "bare")),
        workload_bodies=(
            (kube.DEPLOYMENT, _deployment("cart", "payments, db")),
            (kube.DEPLOYMENT, _deployment("payments")),
        ),
        replica_sets=(_owned(_object("ReplicaSet", "cart-6bd9"), "Deployment", "cart"),),
        services=(
            _object("Service", "cart", spec={"selector": {"app": "cart"}}),
            _object("Service", "headless", spec={}),
        ),
        budgets=(
            _object("PodDisruptionBudget", "cart", spec={"selector": {"matchLabels": {"app": "cart"}}}),
        ),
    )


def test_a_pod_of_a_replica_set_belongs_to_the_deployment() -> None:
    shop = _shop()
    found = shop.workload_of(shop.pods[0])
    assert found is not None
    assert str(found.ref) == "deployment/cart"
    assert found.pods == (shop.pods[0],)


def test_a_bare_pod_belongs_to_nobody() -> None:
    shop = _shop()
    assert shop.workload_of(shop.pods[1]) is None


def test_the_pods_of_workloads_are_theirs_alone() -> None:
    shop = _shop()
    names = [[p["metadata"]["name"] for p in shop.pods_of("shop", of)] for of in (["deployment/cart"], [])]
    assert names == [["cart-6bd9-x2k9p"], []]
    assert shop.pods_of("lab", ["deployment/cart"]) == shop.pods_of("shop", ["deployment/payments"]) == ()


def test_services_and_budgets_are_those_that_select_the_pods() -> None:
    cart = _shop().workloads["shop", "deployment/cart"]
    assert [each["metadata"]["name"] for each in cart.services] == ["cart"]
    assert [each["metadata"]["name"] for each in cart.budgets] == ["cart"]


def test_callers_are_those_that_say_they_call() -> None:
    shop = _shop()
    payments = shop.workloads["shop", "deployment/payments"]
    assert [str(each.ref) for each in shop.callers_of(payments)] == ["deployment/cart"]


def test_who_is_called_is_known_by_the_names_of_its_services_at_any_distance_and_in_its_namespace_alone() -> (
    None
):
    def named(name: str, calls: str = "", namespace: str = "shop") -> dict[str, Any]:
        body = _deployment(name, calls)
        return {**body, "metadata": {"name": name, "namespace": namespace}}

    bodies = (
        named("a", "front"), named("b", "c-internal"), named("c", "d"), named("d", "a"),
        named("e"), named("c", "e", "other"), named("e", "", "other"),
    )  # fmt: skip
    services = (
        _object("Service", "front", spec={"selector": {"app": "b"}}),
        _object("Service", "c-internal", spec={"selector": {"app": "c", "tier": "none"}}),
        _object("Service", "c-internal", spec={"selector": {"app": "c"}}),
    )
    seen = Topology((), tuple((kube.DEPLOYMENT, body) for body in bodies), (), services, ())

    def reached(namespace: str, name: str) -> set[str]:
        found = seen.dependencies(seen.workloads[namespace, f"deployment/{name}"])
        assert {each.namespace for each in found} <= {namespace}
        return {each.name for each in found}

    assert reached("shop", "a") == {"a", "b", "c", "d"}
    assert reached("shop", "e") == set()
    assert reached("other", "c") == {"e"}
    for one in seen.workloads.values():
        for other in seen.workloads.values():
            called = one.ref in {each.ref for each in seen.callers_of(other)}
            assert not called or other.ref in seen.dependencies(one)


def test_callers_come_in_the_order_of_workloads_each_once() -> None:
    bodies = [_deployment("z", "cart,cart-too"), _deployment("a", "cart-too"), _deployment("cart", "a")]
    services = tuple(
        _object("Service", name, spec={"selector": {"app": "cart"}}) for name in ("cart", "cart-too")
    )
    seen = Topology((), tuple((kube.DEPLOYMENT, body) for body in bodies), (), services, ())
    cart = seen.workloads["shop", "deployment/cart"]
    assert [each.ref.name for each in seen.callers_of(cart)] == ["z", "a"]
    assert cart.names == ("cart", "cart-too")


def test_a_deployment_knows_its_replica_sets() -> None:
    shop = _shop()
    cart, payments = shop.workloads.values()
    assert [each["metadata"]["name"] for each in shop.replica_sets_of(cart)] == ["cart-6bd9"]
    assert shop.replica_sets_of(payments) == ()


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"workload": "cart", "workload_kind": "statefulset"}, "statefulset/cart"),
        ({"workload": "cart"}, "deployment/cart"),
        ({"pod": "cart-6bd9f7c5d4-x2k9p"}, "deployment/cart"),
        ({"pod": "db-0"}, "statefulset/db"),
        ({"pod": "cart-6bd9f7c5d4-24567"}, "deployment/cart"),
        ({"pod": "alone"}, "pod/alone"),
    ],
)
def test_a_series_belongs_to_a_workload_by_its_labels(labels: dict[str, str], name: str) -> None:
    assert topology.workload_name(labels) == name


_KEY = {"env": [{"name": "L", "valueFrom": {"secretKeyRef": {"name": "login", "key": "KEY"}}}]}
_PROJECTED = {"projected": {"sources": [{"secret": {"name": "login", "items": [{"key": "KEY"}]}}]}}


@pytest.mark.parametrize(
    ("spec", "reads"),
    [
        ({"containers": [{"envFrom": [{"secretRef": {"name": "login"}}]}]}, ["KEY", "OTHER"]),
        ({"containers": [], "initContainers": [_KEY]}, ["KEY"]),
        ({"containers": [], "volumes": [{"secret": {"secretName": "login"}}]}, ["KEY", "OTHER"]),
        ({"containers": [], "volumes": [_PROJECTED]}, ["KEY"]),
        ({"containers": [{"envFrom": [{"configMapRef": {"name": "login"}}]}]}, []),
    ],
)
def test_who_reads_a_setting_is_known_however_it_is_read(spec: dict[str, Any], reads: list[str]) -> None:
    cart = _object("Deployment", "cart", spec={"template": {"metadata": {}, "spec": spec}})
    seen = Topology((), ((kube.DEPLOYMENT, cart),), (), (), ())
    login = ObjectRef(kube.SECRET, "shop", "login")
    assert [key for key in ("KEY", "OTHER") if list(seen.readers(login, key))] == reads


def test_settings_are_known_by_their_keys_alone_where_they_may_be_read() -> None:
    scaler = _object("HorizontalPodAutoscaler", "cart", apiVersion="autoscaling/v2", spec={})
    settings = _object("ConfigMap", "settings", data={"PASSWORD": "canary"})
    settings["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "canary"}
    cluster = FakeCluster(scaler, settings)
    assert topology.snapshot(cluster, "shop").config_maps is None
    seen = topology.snapshot(cluster, "shop", settings=True)
    assert [each["metadata"]["name"] for each in seen.autoscalers] == ["cart"]
    assert [each["data"] for each in seen.config_maps or ()] == [{"PASSWORD": ""}]
    assert "canary" not in str(seen.config_maps)
    assert (seen.without({"shop"}).autoscalers, seen.without({"shop"}).config_maps) == ((), ())
    cluster.hidden |= {("configmaps", "shop"), ("horizontalpodautoscalers", "shop")}
    hidden = topology.snapshot(cluster, "shop", settings=True)
    assert (hidden.autoscalers, hidden.config_maps) == ((), None)


class Together(FakeCluster):
    """It answers when everything that a snapshot is made of has been asked for."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        super().__init__(*objects)
        self.asked = threading.Barrier(8, timeout=20)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self.asked.wait()
        return super().list(kind, namespace, labels=labels, fields=fields)


def test_what_a_snapshot_is_made_of_is_asked_for_side_by_side() -> None:
    cluster = Together(_object("Pod", "cart-a"), _deployment("cart") | {"apiVersion": "apps/v1"})
    found = topology.snapshot(cluster, "shop")
    assert [pod["metadata"]["name"] for pod in found.pods] == ["cart-a"]
    assert [kind for kind, _ in found.workload_bodies] == [kube.DEPLOYMENT]


def test_what_may_not_be_read_of_what_is_needed_is_told() -> None:
    cluster = FakeCluster()
    cluster.hidden = {("services", "shop"), ("nodes", "")}
    with pytest.raises(Forbidden, match="services in shop"):
        topology.snapshot(cluster, "shop")
