"""Garbage collection, namespaces, service accounts, endpoints, budgets, nodes and events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, World, conditions

from chaoskit.simulator import controllers
from chaoskit.simulator.api import Object
from chaoskit.simulator.apiserver import bootstrap
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.controllers.disruption import Budget, judge
from chaoskit.simulator.engine import Engine

SLICE = "EndpointSlice.discovery.k8s.io"


def config(name: str, *owners: Object, **metadata: Any) -> Object:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        for owner in owners
    ]
    meta = {"name": name, "namespace": NAMESPACE, "ownerReferences": references, **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def names(world: World, kind: str = "ConfigMap") -> set[str]:
    return {item["metadata"]["name"] for item in world.all(kind)} - {"kube-root-ca.crt"}


# ---------------------------------------------------------------- garbage


def test_what_is_owned_goes_with_its_owner_however_deep() -> None:
    world = World()
    owner = world.create(config("owner"))
    child = world.create(config("child", owner))
    world.create(config("grandchild", child))
    world.run(1)
    world.api.delete("ConfigMap", NAMESPACE, "owner")
    world.run(1)
    assert names(world) == set()


def test_in_the_foreground_the_owner_waits_for_what_it_owns() -> None:
    world = World()
    owner = world.create(config("owner"))
    world.create(config("child", owner, finalizers=["example.com/hold"]))
    world.run(1)
    world.api.delete("ConfigMap", NAMESPACE, "owner", propagation="Foreground")
    world.run(2)
    assert names(world) == {"owner", "child"}
    world.patch("ConfigMap", "child", metadata={"finalizers": None})
    world.run(1)
    assert names(world) == set()


def test_orphans_stay_and_lose_their_owner() -> None:
    world = World()
    owner = world.create(config("owner"))
    world.create(config("child", owner))
    world.run(1)
    world.api.delete("ConfigMap", NAMESPACE, "owner", propagation="Orphan")
    world.run(1)
    assert names(world) == {"child"}
    assert "ownerReferences" not in world.get("ConfigMap", "child")["metadata"]


def test_what_has_another_owner_left_stays() -> None:
    world = World()
    one, two = world.create(config("one")), world.create(config("two"))
    world.create(config("child", one, two))
    world.run(1)
    world.api.delete("ConfigMap", NAMESPACE, "one")
    world.run(1)
    assert names(world) == {"two", "child"}
    owners = world.get("ConfigMap", "child")["metadata"]["ownerReferences"]
    assert [owner["name"] for owner in owners] == ["two"]


def test_what_names_an_owner_that_never_was_is_collected() -> None:
    world = World()
    ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-4000-8000-000000000000"}}
    world.create(config("child", ghost))
    world.run(1)
    assert names(world) == set()


# ---------------------------------------------------------------- namespaces


def test_a_deleted_namespace_takes_everything_along() -> None:
    world = World()
    world.deployment("cart", 2)
    world.run(3)
    world.api.delete("Namespace", None, NAMESPACE)
    world.run(10)
    assert world.api.get("Namespace", None, NAMESPACE) is None
    assert world.all("Pod") == ()
    assert world.all("Event") == ()


def test_a_namespace_says_what_holds_it() -> None:
    world = World()
    world.create(config("held", finalizers=["example.com/hold"]))
    world.api.delete("Namespace", None, NAMESPACE)
    world.run(3)
    found = world.api.get("Namespace", None, NAMESPACE)
    assert found is not None
    told = {c["type"]: c["message"] for c in found["status"]["conditions"]}
    assert told["NamespaceContentRemaining"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert told["NamespaceFinalizersRemaining"] == (
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    )
    world.patch("ConfigMap", "held", metadata={"finalizers": None})
    world.run(2)
    assert world.api.get("Namespace", None, NAMESPACE) is None


def test_a_namespace_goes_also_after_a_kind_was_taken_away_and_came_back() -> None:
    world = World()
    definition = widgets()
    for _ in range(2):
        world.create(definition)
        world.run(1)
        world.api.delete("CustomResourceDefinition.apiextensions.k8s.io", None, "widgets.example.com")
        world.run(1)
    world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "after"}})
    world.run(1)
    world.api.delete("Namespace", None, "after")
    world.run(2)
    assert world.api.get("Namespace", None, "after") is None


def test_a_kind_that_came_back_is_emptied_with_its_namespace() -> None:
    world = World()
    for _ in range(2):
        world.create(widgets())
        world.run(1)
        meta = {"name": "one", "namespace": NAMESPACE, "ownerReferences": []}
        world.create({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta})
        world.api.delete("CustomResourceDefinition.apiextensions.k8s.io", None, "widgets.example.com")
        world.run(1)
    world.create(widgets())
    world.run(1)
    world.create({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta})
    world.api.delete("Namespace", None, NAMESPACE)
    world.run(10)
    assert world.api.get("Namespace", None, NAMESPACE) is None
    assert world.api.list("Widget.example.com") == ()


def widgets() -> Object:
    """The definition of a kind that lives in namespaces."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"}
    spec = {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": spec,
    }


def test_the_default_service_account_comes_back() -> None:
    world = World()
    world.api.delete("ServiceAccount", NAMESPACE, "default")
    world.run(1)
    assert not world.gone("ServiceAccount", "default")


# ---------------------------------------------------------------- endpoints


def service(world: World, target: int | str = "http") -> None:
    world.make(
        "Service",
        "cart",
        {"selector": {"app": "cart"}, "ports": [{"name": "http", "port": 80, "targetPort": target}]},
    )


def endpoints(world: World) -> list[Object]:
    (found,) = world.all(SLICE)
    return found.get("endpoints") or []


def test_a_service_knows_its_ready_pods_and_their_named_port() -> None:
    world = World()
    service(world)
    world.pod("cart", ports=[{"name": "http", "containerPort": 8080}])
    world.run(3)
    (found,) = world.all(SLICE)
    assert found["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    (endpoint,) = found["endpoints"]
    assert endpoint["addresses"] == [world.get("Pod", "cart")["status"]["podIP"]]
    assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
    (subset,) = world.get("Endpoints", "cart")["subsets"]
    assert subset["addresses"][0]["targetRef"]["name"] == "cart"


def test_a_pod_that_is_not_ready_gets_no_traffic() -> None:
    world = World()
    service(world, 8080)
    world.pod("cart", ["sh", "-c", "sleep 100"], readinessProbe={"httpGet": {"port": 8080}})
    world.run(3)
    assert endpoints(world)[0]["conditions"]["ready"] is False
    assert "addresses" not in world.get("Endpoints", "cart")["subsets"][0]


def test_a_service_may_tell_of_pods_that_are_not_ready() -> None:
    world = World()
    world.api.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "cart", "namespace": NAMESPACE},
            "spec": {"clusterIP": "None", "selector": {"app": "cart"}, "publishNotReadyAddresses": True},
        }
    )
    world.pod("cart", ["sh", "-c", "sleep 100"], readinessProbe={"httpGet": {"port": 8080}})
    world.run(3)
    assert endpoints(world)[0]["conditions"] == {"ready": True, "serving": False, "terminating": False}
    (subset,) = world.get("Endpoints", "cart")["subsets"]
    assert "notReadyAddresses" not in subset
    assert subset["addresses"][0]["targetRef"]["name"] == "cart"


def test_a_pod_that_is_being_deleted_gets_no_traffic() -> None:
    world = World()
    service(world, 8080)
    world.pod("cart", ["httpd"])
    world.run(3)
    world.api.delete("Pod", NAMESPACE, "cart")
    world.run(0.5)
    conditions = endpoints(world)[0]["conditions"]
    assert conditions == {"ready": False, "serving": True, "terminating": True}
    world.run(8)
    assert endpoints(world) == []


def test_a_relabelled_pod_leaves_its_service() -> None:
    world = World()
    service(world, 8080)
    world.pod("cart")
    world.run(3)
    world.patch("Pod", "cart", metadata={"labels": {"app": "other"}})
    world.run(0.5)
    assert endpoints(world) == []


def test_a_deleted_service_takes_its_slice_along() -> None:
    world = World()
    service(world, 8080)
    world.run(1)
    world.api.delete("Service", NAMESPACE, "cart")
    world.run(1)
    assert world.all(SLICE) == ()
    assert world.gone("Endpoints", "cart")


# ---------------------------------------------------------------- budgets


def covered(ready: int, unready: int = 0, going: int = 0) -> list[Object]:
    def pod(name: str, status: str, **metadata: str) -> Object:
        return {
            "metadata": {"name": name, **metadata},
            "status": {"conditions": [{"type": "Ready", "status": status}]},
        }

    return [
        *(pod(f"r{i}", "True") for i in range(ready)),
        *(pod(f"u{i}", "False") for i in range(unready)),
        *(pod(f"g{i}", "True", deletionTimestamp="now") for i in range(going)),
    ]


@pytest.mark.parametrize(
    ("spec", "pods", "wanted", "expected"),
    [
        ({"minAvailable": 2}, covered(3), 3, Budget(1, 3, 2, 3)),
        ({"minAvailable": 2}, covered(2, 1, 1), 3, Budget(0, 2, 2, 4)),
        ({"minAvailable": "50%"}, covered(4), 5, Budget(1, 4, 3, 5)),
        ({"maxUnavailable": 1}, covered(3), 3, Budget(1, 3, 2, 3)),
        ({"maxUnavailable": 1}, covered(2, 1), 3, Budget(0, 2, 2, 3)),
        ({"maxUnavailable": "30%"}, covered(10), 10, Budget(3, 10, 7, 10)),
        ({"maxUnavailable": 0}, covered(3), 3, Budget(0, 3, 3, 3)),
        ({"minAvailable": 1}, [], 0, Budget(0, 0, 1, 0)),
    ],
)
def test_a_budget_allows_what_it_can_spare(
    spec: Object, pods: list[Object], wanted: int, expected: Budget
) -> None:
    assert judge({"spec": spec}, pods, {}, wanted) == expected


def test_a_pod_just_evicted_is_not_healthy_any_more() -> None:
    assert judge({"spec": {"minAvailable": 2}}, covered(3), {"r0": "now"}, 3).allowed == 0


def test_evictions_stop_where_the_budget_ends_and_go_on_when_pods_are_back() -> None:
    world = World()
    world.deployment("cart", 3)
    world.make(
        "PodDisruptionBudget", "cart", {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "cart"}}}
    )
    world.run(3)
    allowed = world.get("PodDisruptionBudget.policy", "cart")["status"]["disruptionsAllowed"]
    assert allowed == 1
    first, second, _ = world.ready()
    evict(world, first)
    with pytest.raises(Exception, match="Cannot evict pod"):
        evict(world, second)
    world.run(6)
    evict(world, second)


def evict(world: World, pod: str) -> None:
    meta = {"name": pod, "namespace": NAMESPACE}
    world.create({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta})


# ---------------------------------------------------------------- nodes


def node(world: World, name: str = "node-1") -> Object:
    found = world.api.get("Node", None, name)
    assert found is not None
    return found


def test_a_cordoned_node_is_tainted_and_an_uncordoned_one_is_not() -> None:
    world = World()
    world.api.patch("Node", None, "node-1", {"spec": {"unschedulable": True}})
    world.run(1)
    (taint,) = node(world)["spec"]["taints"]
    assert (taint["key"], taint["effect"]) == ("node.kubernetes.io/unschedulable", "NoSchedule")
    world.api.patch("Node", None, "node-1", {"spec": {"unschedulable": None}})
    world.run(1)
    assert "taints" not in node(world)["spec"]


def test_a_lost_node_turns_unknown_and_its_pods_move_after_five_minutes() -> None:
    world = World()
    world.deployment("cart", 3)
    world.run(3)
    (lost,) = [p["metadata"]["name"] for p in world.all("Pod") if p["spec"]["nodeName"] == "node-1"]
    world.kubelet.silence("node-1")
    world.run(70)
    assert "Killing" not in world.reasons(lost)
    assert conditions(node(world))["Ready"] == ("Unknown", "NodeStatusUnknown")
    assert len(world.ready()) == 2
    world.run(310)
    assert len(world.ready()) == 3
    assert all(world.get("Pod", name)["spec"]["nodeName"] != "node-1" for name in world.ready())
    assert "deletionTimestamp" in world.get("Pod", lost)["metadata"]


def test_a_node_that_comes_back_is_ready_and_rid_of_its_dead_pods() -> None:
    world = World()
    world.deployment("cart", 3)
    world.run(3)
    world.kubelet.silence("node-1")
    world.run(400)
    world.kubelet.revive("node-1")
    world.run(20)
    assert conditions(node(world))["Ready"] == ("True", "KubeletReady")
    assert "taints" not in node(world)["spec"]
    assert len(world.all("Pod")) == 3


def test_every_node_renews_its_lease() -> None:
    world = World()
    world.run(100)
    leases = world.api.list("Lease.coordination.k8s.io", "kube-node-lease")
    assert [lease["metadata"]["name"] for lease in leases] == ["node-1", "node-2", "node-3"]
    assert {len(lease["spec"]["renewTime"]) for lease in leases} == {27}
    assert leases[0]["spec"]["renewTime"] > "2026-11-23T05:43:1"


# ---------------------------------------------------------------- events


def test_events_are_forgotten_an_hour_after_they_were_last_seen() -> None:
    world = World()
    world.pod("cart", ["httpd"])
    world.run(1800)
    assert "Started" in world.reasons("cart")
    world.run(2000)
    assert world.reasons("cart") == []


def cluster_role(name: str, resource: str, **more: Any) -> Object:
    labels = {"to": "ops"} if more.pop("gathered", False) else {}
    rules = [{"apiGroups": [""], "resources": [resource], "verbs": ["get"]}] if resource else []
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": labels},
        "rules": rules,
        **more,
    }


def test_a_role_gathers_the_rules_of_those_that_it_selects_while_they_last() -> None:
    world = World(count=1)
    kind = "ClusterRole.rbac.authorization.k8s.io"
    chosen = {"clusterRoleSelectors": [{"matchLabels": {"to": "ops"}}]}

    def held() -> list[str]:
        found = world.api.get(kind, None, "ops")
        assert found is not None
        return [rule["resources"][0] for rule in found["rules"]]

    world.create(cluster_role("b", "pods", gathered=True))
    world.create(cluster_role("other", "nodes"))
    world.create(cluster_role("ops", "", aggregationRule=chosen))
    world.run(1)
    assert held() == ["pods"]
    world.create(cluster_role("a", "services", gathered=True))
    world.create(cluster_role("c", "pods", gathered=True))
    world.run(1)
    assert held() == ["services", "pods"]
    world.api.patch(kind, None, "ops", {"rules": []})
    world.api.delete(kind, None, "a")
    world.run(1)
    assert held() == ["pods"]


def test_what_is_labelled_for_those_who_edit_administrators_have_too() -> None:
    engine = Engine(start=datetime(2026, 1, 1, tzinfo=UTC))
    api, kind = LocalApi(engine), "ClusterRole.rbac.authorization.k8s.io"
    bootstrap.fill(api)
    before = api.list(kind)
    controllers.start_all(api, engine)
    engine.run_for(5)
    assert api.list(kind) == before  # they begin as they are gathered
    label = {"rbac.authorization.k8s.io/aggregate-to-edit": "true"}
    extra = cluster_role("chaos", "chaosengines")
    api.create(extra | {"metadata": {"name": "chaos", "labels": label}})
    engine.run_for(5)
    having = [role["metadata"]["name"] for role in api.list(kind) if extra["rules"][0] in role["rules"]]
    assert sorted(having) == ["admin", "chaos", "edit"]
