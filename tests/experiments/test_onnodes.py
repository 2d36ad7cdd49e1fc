from __future__ import annotations

from typing import Any

import pytest
from tests.experiments.made import deployment, pod, replica_set, topology

from chaoskit import kube
from chaoskit.experiments.impact import afterwards, checks
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.targets import of_engine, of_experiment
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import Object
from chaoskit.topology import Topology

ANY = {"operator": "Exists"}


def at(node: str, body: Object, *, namespace: str = "lab", tolerations: Any = ()) -> Object:
    body["spec"] |= {"nodeName": node, "tolerations": list(tolerations)}
    body["metadata"]["namespace"] = namespace
    return body


def of_daemon_set(name: str) -> Object:
    body = pod(name, owner="")
    body["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "proxy", "controller": True}
    ]
    return body


def of_kubelet(name: str) -> Object:
    body = pod(name, owner="")
    body["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    return body


def known(**more: Any) -> Topology:
    """Two nodes: on the first are pods of two namespaces, and such as belong to the node itself."""
    return topology(
        at("node-1", pod("web-1-a")),
        at("node-1", pod("web-1-b")),
        at("node-2", pod("web-1-c")),
        at("node-1", pod("dns-1-a", owner="dns-1"), namespace="kube-system"),
        at("node-1", of_daemon_set("proxy-a"), namespace="kube-system", tolerations=[ANY]),
        at("node-1", of_daemon_set("agent-a"), namespace="tools"),
        at("node-1", of_kubelet("etcd-a"), namespace="kube-system"),
        nodes=tuple({"metadata": {"name": f"node-{n}", "labels": {"pool": "a"}}} for n in (1, 2)),
        **more,
    )


def native(kind: str, **parameters: Any) -> Trial:
    spec = {"fault": {"kind": kind, "parameters": parameters}, "targets": {"nodes": ["node-1"]}}
    made = {"metadata": {"name": "x", "namespace": "lab"}, "spec": spec}
    return Trial("t.yaml", experiment=Experiment.model_validate(made))


def selected(kind: str, **parameters: Any) -> Selection:
    tried = native(kind, **parameters).experiment
    assert tried is not None
    return of_experiment(tried, known())


def leaving(found: Selection) -> list[str]:
    return sorted(body["metadata"]["name"] for body in found.pods)


@pytest.mark.parametrize(
    ("kind", "parameters", "pods"),
    [
        ("node-drain", {}, ["dns-1-a", "web-1-a", "web-1-b"]),
        ("node-restart", {}, ["dns-1-a", "web-1-a", "web-1-b"]),
        ("node-taint", {"taints": "a=b:NoExecute"}, ["agent-a", "dns-1-a", "web-1-a", "web-1-b"]),
        ("node-taint", {"taints": "a=b:NoSchedule"}, []),
        ("node-cpu-hog", {}, []),
    ],
)
def test_a_fault_on_a_node_hits_the_pods_that_leave_it(
    kind: str, parameters: dict[str, Any], pods: list[str]
) -> None:
    found = selected(kind, **parameters)
    assert leaving(found) == pods
    assert (found.nodes, found.hit, found.total) == (("node-1",), 1, 2)
    assert found.at_once == max(1, len(pods))


def test_whom_it_hits_is_told_with_namespace_and_number() -> None:
    found = selected("node-drain")
    assert found.places == ("lab", "kube-system")
    assert [(hit.whose, hit.number, hit.total) for hit in found.hits] == [
        ("nodes", 1, 2),
        ("pods of deployment/web in lab", 2, 3),
        ("pods of replicaset/dns-1 in kube-system", 1, 1),
    ]


@pytest.mark.parametrize(
    ("tolerations", "stays"),
    [
        ([ANY], True),
        ([{"key": "a", "operator": "Exists"}], True),
        ([{"key": "a", "value": "b", "effect": "NoExecute"}], True),
        ([{"key": "a", "value": "c"}], False),
        ([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}], False),
        ([{"key": "a", "operator": "Exists", "tolerationSeconds": 60}], False),
    ],
)
def test_who_tolerates_the_taint_for_good_stays(tolerations: list[Object], *, stays: bool) -> None:
    tried = native("node-taint", taints="a=b:NoExecute").experiment
    assert tried is not None
    seen = topology(
        at("node-1", pod("web-1-a"), tolerations=tolerations), nodes=({"metadata": {"name": "node-1"}},)
    )
    assert (leaving(of_experiment(tried, seen)) == []) is stays


def test_where_litmus_chooses_the_node_the_worst_of_them_counts() -> None:
    engine = {"metadata": {"name": "e", "namespace": "lab"}, "spec": {}}
    found = of_engine(engine, {"NODE_LABEL": "pool=a"}, "node-drain", {"lab": known(), "": known()})
    assert (found.hit, found.leaving, len(found.pods), found.pinned) == (1, 3, 4, False)


def budget(allowed: int) -> Object:
    meta, select = {"name": "web", "namespace": "lab"}, {"selector": {"matchLabels": {"app": "web"}}}
    return {"metadata": meta, "spec": select, "status": {"disruptionsAllowed": allowed}}


@pytest.mark.parametrize(
    ("kind", "allowed", "state"),
    [
        ("node-drain", 0, "refused"),
        ("node-drain", 1, "warning"),
        ("node-drain", 2, None),
        ("node-taint", 1, "refused"),
    ],
)
def test_a_budget_is_asked_by_evictions_and_passed_over_by_taints(
    kind: str, allowed: int, state: str | None
) -> None:
    tried = native(kind, **({"taints": "a=b:NoExecute"} if kind == "node-taint" else {}))
    service = {"metadata": {"name": "web", "namespace": "lab"}, "spec": {"selector": {"app": "web"}}}
    seen = known(budgets=(budget(allowed),), services=(service,))
    assert tried.experiment is not None
    after = afterwards({kind: of_experiment(tried.experiment, seen)}, {"lab": seen}, "lab")
    assert [(each.workload, each.hit, each.ready, each.endpoints) for each in after] == [
        ("deployment/web", 2, 1, {"web": 1})
    ]
    found = [check.state for check in checks(tried, after) if check.name == "disruption budget"]
    assert found == ([] if state is None else [state])


def test_a_workload_elsewhere_says_where_it_is() -> None:
    dns = deployment("dns")
    dns["metadata"]["namespace"] = "kube-system"
    sets = (replica_set(), replica_set("dns-1", "dns"))
    sets[1]["metadata"]["namespace"] = "kube-system"
    seen = known(workload_bodies=((kube.DEPLOYMENT, deployment()), (kube.DEPLOYMENT, dns)), replica_sets=sets)
    tried = native("node-drain").experiment
    assert tried is not None
    found = of_experiment(tried, seen)
    after = afterwards({"node-drain": found}, dict.fromkeys(found.places, seen), "lab")
    assert str(after[1]) == "deployment/dns in kube-system 0 of 1 ready"
