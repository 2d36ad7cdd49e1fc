from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.experiments.made import deployment, pod, replica_set, topology

from chaoskit import kube
from chaoskit.documents import parse
from chaoskit.errors import InvalidInput, NotFound
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.generation import Proposal, propose, reproduce
from chaoskit.experiments.generation.repertoire import FAULTS, OF_NODES, PROPOSABLE
from chaoskit.experiments.trials import trials
from chaoskit.records import PredictionRecord
from chaoskit.signals import BY_NAME
from chaoskit.topology import CALLS, Topology

NOW = datetime(2026, 1, 10, tzinfo=UTC)


def shop(*, pods: str = "ab") -> Topology:
    """front calls cart, cart calls db; two pods each."""
    names = {"front": "cart", "cart": "db", "db": ""}
    return topology(
        *(pod(f"{name}-1-{each}", app=name, owner=f"{name}-1") for name in names for each in pods),
        workload_bodies=tuple(
            (kube.DEPLOYMENT, deployment(name, **{CALLS: calls})) for name, calls in names.items()
        ),
        replica_sets=tuple(replica_set(f"{name}-1", name) for name in names),
        services=(
            {
                "metadata": {"name": "db", "namespace": "lab"},
                "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432}]},
            },
        ),
    )


def prediction(
    name: str, probability: float | None, issue: str = "memory-leak", **more: Any
) -> PredictionRecord:
    given: dict[str, Any] = {"signals": {}, **more}
    return PredictionRecord(
        id=f"p-{name}", at=NOW, trace_id=f"t-{name}", target=f"deployment/{name}", namespace="lab",
        cluster="c", model="m", horizon_minutes=30, probability=probability, low=None, high=None,
        score=0.5, alarmed=True, issue=issue, **given,
    )  # fmt: skip


def run(
    fault: str, outcome: str, *, days: float, severity: str = "medium", target: str = "deployment/cart"
) -> dict[str, Any]:
    return {
        "fault": fault,
        "namespace": "lab",
        "targets": (target,),
        "outcome": outcome,
        "at": (NOW - timedelta(days=days)).isoformat(),
        "experiment": {"spec": {"severity": severity}},
    }


def first(*predictions: PredictionRecord, history: tuple[dict[str, Any], ...] = ()) -> Proposal:
    return propose(predictions, shop(), history, now=NOW)[0]


def test_what_will_probably_fail_is_tried_first_with_the_fault_that_proves_it() -> None:
    found = first(prediction("cart", 0.9))
    assert found.target == "deployment/cart"
    assert found.experiment["spec"]["fault"]["kind"] == "pod-memory-hog"
    assert "90% to fail by memory leak within 30 min" in found.reason
    assert found.trace_id == "t-cart"


def test_without_predictions_what_most_depend_on_is_tried_first() -> None:
    found = propose((), shop(), now=NOW)
    assert [each.target for each in found][:3] == ["deployment/db", "deployment/cart", "deployment/front"]
    assert "no prediction" in found[0].reason


def test_memory_is_filled_just_over_what_is_free_of_the_limit() -> None:
    found = first(prediction("cart", 0.9, signals={"memory_usage": 0.75}))
    assert found.experiment["spec"]["fault"]["parameters"] == {"megabytes": 148}


def test_database_trouble_is_proven_between_client_and_database_alone() -> None:
    found = first(prediction("cart", 0.9, "database-connection"))
    assert found.experiment["spec"]["fault"] == {
        "kind": "database-connection-loss",
        "parameters": {"database": "db.lab.svc.cluster.local|5432"},
    }


def test_what_befalls_the_one_who_is_called_is_tried_on_a_caller_and_says_for_whom() -> None:
    found = first(prediction("db", 0.9, "database-connection"))
    assert found.target == "deployment/cart"
    assert found.reason.startswith("deployment/cart with database-connection-loss: for deployment/db: 90%")


def test_what_passed_lately_comes_later_and_its_neighbour_first() -> None:
    found = first(prediction("cart", 0.9), history=(run("pod-memory-hog", "passed", days=1),))
    assert found.experiment["spec"]["fault"]["kind"] == "pod-delete"


def test_severity_rises_only_after_a_pass() -> None:
    passed = tuple(run(fault, "passed", days=20) for fault in ("pod-memory-hog", "pod-delete"))
    weak = tuple(run(fault, "weakness-found", days=20) for fault in ("pod-memory-hog", "pod-delete"))
    assert first(prediction("cart", 0.9), history=passed).experiment["spec"]["severity"] == "high"
    assert first(prediction("cart", 0.9), history=weak).experiment["spec"]["severity"] == "medium"


def kinds(*found: Proposal) -> list[tuple[str, str]]:
    return [(each.target, each.experiment["spec"]["fault"]["kind"]) for each in found]


def test_few_are_proposed_and_what_is_hit_already_waits() -> None:
    found = propose((), shop(), now=NOW, top=3)
    assert [each.rank for each in found] == [1, 2, 3]
    assert len({each.target for each in found}) > 1
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_no_experiment_is_proposed_twice_and_none_for_every_combination() -> None:
    every = propose((), shop(), now=NOW, top=100)
    assert len(set(kinds(*every))) == len(every)
    assert len(every) < 3 * 9


def test_a_weakness_is_tried_again_as_hard_as_before_and_sooner_than_what_passed() -> None:
    weak, passed = run("pod-delete", "weakness-found", days=1), run("container-kill", "passed", days=1)
    found = propose((), shop(), (weak, passed), source="history", now=NOW)
    assert kinds(*found) == [("deployment/cart", "pod-delete")]
    assert found[0].experiment["spec"]["severity"] == "medium"
    assert "weak when tested 1 d ago" in found[0].reason


def test_what_was_tried_in_vain_lately_makes_room_for_others() -> None:
    vain = tuple(run("pod-memory-hog", how, days=0.1) for how in ("errored", "errored"))
    found = propose([prediction("cart", 0.9)], shop(), vain, now=NOW)
    assert kinds(found[0]) == [("deployment/cart", "pod-delete")]
    long_ago = (run("pod-memory-hog", "errored", days=5),)
    assert kinds(propose([prediction("cart", 0.9)], shop(), long_ago, now=NOW)[0]) == [
        ("deployment/cart", "pod-memory-hog")
    ]


def test_from_history_comes_only_what_was_judged() -> None:
    assert propose((), shop(), (), source="history", now=NOW) == ()
    stopped = (run("pod-delete", "interrupted", days=1),)
    assert propose((), shop(), stopped, source="history", now=NOW) == ()


def test_each_severity_follows_a_pass_and_none_comes_after_the_last() -> None:
    for had, then in (("low", "medium"), ("high", "critical"), ("critical", "critical")):
        history = (run("pod-delete", "passed", days=20, severity=had),)
        found = propose((), shop(), history, source="history", now=NOW)[0].experiment
        assert found["spec"]["severity"] == then


def test_more_memory_is_taken_when_it_is_tried_harder() -> None:
    history = (run("pod-memory-hog", "passed", days=20),)
    found = first(prediction("cart", 0.9, signals={"memory_usage": 0.75}), history=history)
    assert found.experiment["spec"]["severity"] == "high"
    assert found.experiment["spec"]["fault"]["parameters"]["megabytes"] > 148


def test_only_workloads_that_were_asked_for_are_proposed() -> None:
    found = propose((), shop(), only={("lab", "deployment/front")}, now=NOW)
    assert {each.target for each in found} == {"deployment/front"}


def test_a_fault_that_cannot_be_run_at_once_makes_room_for_one_that_can() -> None:
    foreseen = [prediction("cart", 0.9)]
    bare = propose(foreseen, shop(), installed=set(), now=NOW)[0]
    assert kinds(bare) == [("deployment/cart", "pod-delete")]
    assert "missing" not in bare.reason
    dns = [prediction("cart", 0.9, "dns")]
    absent = propose(dns, shop(), installed=set(), now=NOW)[0]
    assert "its ChaosExperiment is missing: --format litmus brings it" in absent.reason


def test_a_proposal_says_what_it_costs_and_what_its_score_is_made_of() -> None:
    found = first(prediction("cart", 0.9))
    assert str(found.cost) == "about 1m10s, 1 of 2 pods, with a privileged helper"
    assert found.because["probability"] == 0.9
    assert found.because["gap"] == 1.0
    assert found.text.startswith(f"# 1. {found.reason}\n#    {found.cost}\napiVersion: ")


def node(name: str, **labels: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}}, "spec": {}}


def test_a_node_is_emptied_only_where_another_can_take_its_pods() -> None:
    two = replace(shop(), nodes=(node("node-1"), node("node-2")))
    master = node("node-2", **{"node-role.kubernetes.io/control-plane": ""})
    alone = replace(shop(), nodes=(node("node-1"), master))
    found = [p for p in propose((), two, nodes=True, top=50, now=NOW) if p.target == "node/node-1"]
    spec = found[0].experiment["spec"]
    assert spec["targets"] == {"nodes": ["node-1"]}
    on_it = [pod for pod in two.pods if pod["spec"]["nodeName"] == "node-1"]
    assert spec["blastRadius"] == {"maxPods": len(on_it), "maxPercent": 100}
    assert spec["litmus"] == {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}
    assert "3 workloads run on it alone" in found[0].reason
    for known in (propose((), two, top=50, now=NOW), propose((), alone, nodes=True, top=50, now=NOW)):
        assert not any(each.target.startswith("node/") for each in known)


def recovery(issue: str = "memory-leak", target: str = "deployment/cart") -> dict[str, Any]:
    return {
        "kind": "recovery", "id": "r1", "trace_id": "t1", "issue": issue, "target": target,
        "namespace": "lab", "outcome": "recovered", "at": NOW.isoformat(),
    }  # fmt: skip


def test_an_incident_is_brought_about_again_by_the_nearest_fault_in_its_own_lineage() -> None:
    (found,) = reproduce(recovery(), shop(), now=NOW)
    assert kinds(found) == [("deployment/cart", "pod-memory-hog")]
    assert found.experiment["metadata"]["annotations"] == {
        "chaoskit.io/incident": "r1",
        "chaoskit.io/trace": "t1",
    }
    assert found.trace_id == "t1"
    assert "memory leak of deployment/cart, recovered on 2026-01-10" in found.reason
    assert len(reproduce(recovery(), shop(), top=5, now=NOW)) == 2


def test_an_incident_whose_workload_is_gone_cannot_be_brought_about() -> None:
    with pytest.raises(NotFound, match="not in namespace lab any more"):
        reproduce(recovery(target="deployment/gone"), shop(), now=NOW)


def test_a_weakness_is_brought_about_by_its_own_experiment() -> None:
    body = propose((), shop(), now=NOW)[0].experiment
    known = {
        "kind": "run", "id": "r2", "trace_id": "t2", "name": "x", "fault": "pod-delete", "namespace": "lab",
        "outcome": "weakness-found", "reason": "cart lost requests", "at": NOW.isoformat(),
        "targets": ["deployment/db"], "experiment": body,
    }  # fmt: skip
    (found,) = reproduce(known, shop(), now=NOW)
    assert found.experiment["spec"] == body["spec"]
    assert found.experiment["metadata"]["annotations"]["chaoskit.io/incident"] == "r2"
    assert "weakness found on 2026-01-10: cart lost requests" in found.reason
    with pytest.raises(InvalidInput, match="secret"):
        reproduce({**known, "experiment": {**body, "spec": {"password": "(hidden)"}}}, shop(), now=NOW)


def test_what_is_no_incident_is_told() -> None:
    with pytest.raises(InvalidInput, match="is a prediction"):
        reproduce({"kind": "prediction", "id": "p1"}, shop(), now=NOW)


def test_rules_speak_without_percentages() -> None:
    assert "%" not in first(prediction("cart", None)).reason


def watched(found: Proposal) -> list[tuple[str, str, str]]:
    conditions = found.experiment["spec"]["steadyState"]
    return [
        (each["prometheus"]["signal"], each["prometheus"]["workload"], each["mode"])
        for each in conditions
        if "prometheus" in each
    ]


def test_errors_of_a_workload_and_its_callers_are_watched_where_they_are_measured() -> None:
    names = ("cart", "front", "db")
    measured = {("lab", f"deployment/{name}"): {"error_ratio": 0.0} for name in names}
    found = propose([prediction("cart", 0.9)], shop(), measured=measured, now=NOW)[0]
    assert watched(found) == [
        ("error_ratio", "deployment/cart", "continuous"),
        ("error_ratio", "deployment/front", "continuous"),
    ]
    assert watched(first()) == []


def test_what_the_fault_bears_on_is_watched_where_it_is_measured() -> None:
    values = {"error_ratio": 0.0, "memory_usage": 0.5, "latency_p95": 0.1, "db_pool_usage": 0.2}
    measured = {("lab", f"deployment/{name}"): values for name in ("cart", "front")}

    def of(issue: str) -> list[tuple[str, str, str]]:
        found = propose([prediction("cart", 0.9, issue)], shop(), measured=measured, now=NOW)[0]
        return [each for each in watched(found) if each[0] != "error_ratio"]

    assert of("memory-leak") == [("memory_usage", "deployment/cart", "edges")]
    assert of("database-connection") == [("db_pool_usage", "deployment/cart", "edges")]
    slow = [("latency_p95", f"deployment/{name}", "continuous") for name in ("cart", "front")]
    assert of("cpu-saturation") == slow


def test_of_an_only_pod_the_callers_tell_because_it_measures_nothing_while_it_is_gone() -> None:
    measured = {("lab", f"deployment/{name}"): {"error_ratio": 0.0} for name in ("cart", "front")}
    found = propose([prediction("cart", 0.9)], shop(pods="a"), measured=measured, now=NOW)[0]
    assert watched(found) == [("error_ratio", "deployment/front", "continuous")]


ISSUES = (
    "memory-leak", "pod-crash", "network", "database-connection", "cpu-saturation", "disk-full", "disk",
    "dns", "unschedulable", "node", "unexplained", "capacity", "configuration",
    "failing-upstream", "slow-upstream", "",
)  # fmt: skip


def rich() -> Topology:
    """The shop with ports, volumes and limits of everything."""
    container = {
        "name": "x", "ports": [{"containerPort": 8080}], "volumeMounts": [{"mountPath": "/data"}],
        "resources": {"limits": {"memory": "512Mi", "cpu": "1500m", "ephemeral-storage": "1Gi"}},
    }  # fmt: skip
    bodies = []
    for kind, body in shop().workload_bodies:
        template = body["spec"]["template"]
        spec = {**template["spec"], "containers": [container]}
        bodies.append((kind, {**body, "spec": {**body["spec"], "template": {**template, "spec": spec}}}))
    cart = {
        "metadata": {"name": "cart", "namespace": "lab"},
        "spec": {"selector": {"app": "cart"}, "ports": []},
    }
    return replace(shop(), workload_bodies=tuple(bodies), services=(*shop().services, cart),
                   nodes=(node("node-1"), node("node-2")))  # fmt: skip


def furnished(nodes: str = "v1.33.1", **container: Any) -> Topology:
    """The rich shop on nodes of this version; each container has this as well."""
    known = rich()
    bodies = copy.deepcopy(known.workload_bodies)
    for _, body in bodies:
        body["spec"]["template"]["spec"]["containers"][0].update(container)
    versions = {"status": {"nodeInfo": {"kubeletVersion": nodes}}}
    return replace(known, workload_bodies=bodies, nodes=tuple({**each, **versions} for each in known.nodes))


@pytest.mark.parametrize("issue", ISSUES)
@pytest.mark.parametrize("known", [shop(), rich(), furnished()], ids=["plain", "rich", "furnished"])
def test_every_proposal_is_a_valid_experiment_without_a_trap(known: Topology, issue: str) -> None:
    for severity in ("low", "critical"):
        history = tuple(run(fault, "passed", days=30, severity=severity) for fault in EVERY)
        found = propose([prediction("cart", 0.9, issue)], known, history, nodes=True, top=60, now=NOW)
        assert found
        for proposal in found:
            (trial,) = trials(parse(proposal.text), strict=True)
            assert trial.asked == (proposal.experiment["spec"]["fault"]["kind"],)


def test_faults_are_put_where_the_topology_lets_them_be() -> None:
    found = kinds(*propose((), rich(), nodes=True, top=100, now=NOW))
    assert {kind for _, kind in found} == {
        "pod-delete", "pod-memory-hog", "pod-cpu-hog", "disk-fill", "database-connection-loss",
        "pod-network-loss", "pod-dns-error", "pod-http-status-code", "pod-http-latency", "node-drain",
        "scale-down", "service-blackhole",
    }  # fmt: skip
    assert ("deployment/db", "pod-http-latency") not in found
    assert ("deployment/cart", "scale-down") in found
    assert ("deployment/db", "service-blackhole") in found  # Litmus' own way needs HTTP


def on_cart(issue: str, known: Topology, **more: Any) -> tuple[str, dict[str, Any]]:
    """What is tried on cart without Litmus when this is foreseen: the fault, and the experiment."""
    found = propose([prediction("cart", 0.9, issue)], known, installed=set(), now=NOW, **more)[0]
    return found.experiment["spec"]["fault"]["kind"], found.experiment


def test_without_litmus_what_chaoskit_injects_itself_goes_before_what_is_missing() -> None:
    measured = {("lab", "deployment/cart"): {"error_ratio": 0.0}}
    assert on_cart("network", furnished(), measured=measured)[0] == "network-partition"
    kind, made = on_cart("cpu-saturation", furnished())
    assert (kind, made["spec"]["fault"]["parameters"]) == ("resource-squeeze", {"cpu": 50, "memory": 0})
    kind, made = on_cart("failing-upstream", furnished())
    assert (kind, made["spec"]["blastRadius"]) == ("service-blackhole", {"maxPods": 2, "maxPercent": 100})


def test_a_partition_is_proposed_only_where_it_can_be_seen() -> None:
    assert on_cart("network", furnished())[0] != "network-partition"


@pytest.mark.parametrize("version", ["v1.32.9", "v1.20.15", "", "strange"])
def test_pods_are_squeezed_only_where_they_are_resized_while_they_run(version: str) -> None:
    assert on_cart("cpu-saturation", furnished(version))[0] != "resource-squeeze"


def test_a_setting_is_changed_that_a_container_reads() -> None:
    source = {"configMapKeyRef": {"name": "settings", "key": "LEVEL"}}
    reads = {"containers": [{"name": "x", "env": [{"name": "LEVEL", "valueFrom": source}]}]}
    kind, made = on_cart("configuration", dressed(furnished(), "cart", **reads))
    assert kind == "config-mutation"
    expected = {"configMap": "settings", "key": "LEVEL", "value": "wrong"}
    assert made["spec"]["fault"]["parameters"] == expected
    assert made["spec"]["blastRadius"] == {"maxPods": 2, "maxPercent": 100}


def test_fewer_replicas_stay_when_it_is_tried_harder() -> None:
    many = replace(shop(pods="abcdef"), workload_bodies=tuple(
        (kind, {**body, "spec": {**body["spec"], "replicas": 6}}) for kind, body in shop().workload_bodies
    ))  # fmt: skip

    def after(severity: str) -> tuple[int, int]:
        history = (run("scale-down", "passed", days=20, severity=severity),)
        (found,) = [
            each
            for each in propose([prediction("cart", 0.9, "capacity")], many, history, top=50, now=NOW)
            if kinds(each) == [("deployment/cart", "scale-down")]
        ]
        spec = found.experiment["spec"]
        return spec["fault"]["parameters"]["replicas"], spec["blastRadius"]["maxPods"]

    assert (after("low"), after("medium"), after("high")) == ((5, 1), (3, 3), (1, 5))


def test_a_node_that_was_emptied_lately_is_cordoned_next() -> None:
    drained = tuple(run("node-drain", "passed", days=1, target=f"node/node-{n}") for n in (1, 2))
    found = propose((), rich(), drained, nodes=True, top=100, now=NOW)
    assert [kind for target, kind in kinds(*found) if target.startswith("node/")] == ["node-cordon"]


def test_for_litmus_nothing_is_proposed_that_it_does_not_have() -> None:
    found = kinds(*propose((), furnished(), nodes=True, direct=False, top=100, now=NOW))
    assert not {kind for _, kind in found} - set(CATALOGUE)


def dressed(known: Topology, name: str, **spec: Any) -> Topology:
    """The same, but this workload's pods have this spec as well."""
    bodies = copy.deepcopy(known.workload_bodies)
    for _, body in bodies:
        if body["metadata"]["name"] == name:
            body["spec"]["template"]["spec"].update(spec)
    return replace(known, workload_bodies=bodies)


def told(name: str, known: Topology, **more: Any) -> set[str]:
    """Every fault that is proposed on the workload where Litmus has none."""
    found = propose([prediction(name, 0.9)], known, installed=set(), top=100, now=NOW, **more)
    return {fault for target, fault in kinds(*found) if target == f"deployment/{name}"}


def test_no_other_number_of_replicas_is_proposed_where_an_autoscaler_keeps_it() -> None:
    target = {"kind": "Deployment", "name": "cart"}
    scaler = {"metadata": {"name": "x", "namespace": "lab"}, "spec": {"scaleTargetRef": target}}
    kept = replace(furnished(), autoscalers=(scaler,))
    assert "scale-down" in told("cart", furnished())
    assert "scale-down" not in told("cart", kept)
    assert "scale-down" in told("front", kept)
    (found,) = reproduce(recovery("unschedulable"), kept, now=NOW)
    assert kinds(found) == [("deployment/cart", "pod-delete")]


TRACKED = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:lab/cart"}


def tracked(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "annotations": TRACKED}}


def test_nothing_is_proposed_that_changes_what_argo_cd_keeps() -> None:
    reads = [{"name": "L", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "L"}}}]
    free = furnished(env=reads)
    bodies = tuple((kind, tracked(body)) for kind, body in free.workload_bodies)
    kept = replace(free, workload_bodies=bodies, services=tuple(map(tracked, free.services)))
    changes = {"scale-down", "config-mutation", "service-blackhole"}
    assert told("cart", free) >= changes
    assert not told("cart", kept) & changes
    assert "pod-delete" in told("cart", kept)
    measured = {("lab", "deployment/cart"): {"error_ratio": 0.0}}
    pods = replace(free, pods=tuple(map(tracked, free.pods)))
    assert "network-partition" in told("cart", free, measured=measured)
    assert "network-partition" not in told("cart", pods, measured=measured)


def two_services(known: Topology) -> Topology:
    metrics = {
        "metadata": {"name": "cart-metrics", "namespace": "lab"},
        "spec": {"selector": {"app": "cart"}, "ports": [{"port": 9090}]},
    }
    return replace(known, services=(metrics, *known.services))


def test_of_several_services_the_one_that_callers_call_is_hidden() -> None:
    kind, made = on_cart("failing-upstream", two_services(furnished()))
    assert kind == "service-blackhole"
    assert made["spec"]["fault"]["parameters"] == {"service": "cart"}


def test_on_the_way_to_it_the_service_is_lost_that_the_client_calls() -> None:
    only = dressed(two_services(furnished()), "cart")
    only.workload_bodies[1][1]["spec"]["template"]["metadata"]["annotations"][CALLS] = ""
    found = propose([prediction("cart", 0.9, "network")], only, now=NOW)[0]
    assert kinds(found) == [("deployment/front", "pod-network-loss")]
    hosts = found.experiment["spec"]["fault"]["parameters"]["hosts"]
    assert hosts == "cart.lab.svc.cluster.local"


def config_map(name: str, *keys: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "lab"}, "data": dict.fromkeys(keys, ""), **more}


def whole(name: str) -> dict[str, Any]:
    """Containers that read all of a ConfigMap."""
    return {"containers": [{"name": "x", "envFrom": [{"configMapRef": {"name": name}}]}]}


def mounted(name: str, *keys: str) -> dict[str, Any]:
    items = {"items": [{"key": key, "path": key} for key in keys]} if keys else {}
    return {"volumes": [{"name": "v", "configMap": {"name": name, **items}}]}


def projected(name: str) -> dict[str, Any]:
    return {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": name}}]}}]}


@pytest.mark.parametrize("reading", [whole("own"), mounted("own"), projected("own"), mounted("own", "b")])
def test_a_setting_is_found_however_the_pods_read_it(reading: dict[str, Any]) -> None:
    known = replace(dressed(furnished(), "cart", **reading), config_maps=(config_map("own", "b", "c"),))
    kind, made = on_cart("configuration", known)
    assert kind == "config-mutation"
    expected = {"configMap": "own", "key": "b", "value": "wrong"}
    assert made["spec"]["fault"]["parameters"] == expected


@pytest.mark.parametrize(
    "known",
    [None, (), (config_map("own"),), (config_map("own", "b", immutable=True),)],
    ids=["not known", "not there", "empty", "immutable"],
)
def test_no_setting_is_changed_that_cannot_be(known: tuple[dict[str, Any], ...] | None) -> None:
    seen = replace(dressed(furnished(), "cart", **whole("own")), config_maps=known)
    assert "config-mutation" not in told("cart", seen)


def test_a_setting_is_taken_that_nobody_shares() -> None:
    seen = dressed(dressed(furnished(), "cart", **whole("all"), **mounted("own")), "front", **whole("all"))
    maps = (config_map("all", "a"), config_map("own", "b"))
    kind, made = on_cart("configuration", replace(seen, config_maps=maps))
    assert (kind, made["spec"]["fault"]["parameters"]["configMap"]) == ("config-mutation", "own")


def test_who_else_reads_a_setting_is_counted_and_said() -> None:
    seen = dressed(dressed(furnished(), "cart", **whole("all")), "front", **mounted("all", "a"))
    known = replace(seen, config_maps=(config_map("all", "a"),))
    found = propose([prediction("cart", 0.9, "configuration")], known, installed=set(), now=NOW)[0]
    spec = found.experiment["spec"]
    assert kinds(found) == [("deployment/cart", "config-mutation")]
    assert "reads a from ConfigMap all, as deployment/front does" in found.reason
    assert spec["blastRadius"] == {"maxPods": 4, "maxPercent": 100}
    watched = {each["kubernetes"]["workload"] for each in spec["steadyState"] if "kubernetes" in each}
    assert watched == {"deployment/cart", "deployment/front"}


def test_each_fault_that_is_proposed_has_its_row_and_no_other_has_one() -> None:
    of_workloads = {fault for faults in FAULTS.values() for fault in faults}
    assert set(PROPOSABLE) == of_workloads | set(OF_NODES)
    assert {kind for kind, row in PROPOSABLE.items() if row.fit is not None} == of_workloads
    for kind, row in PROPOSABLE.items():
        assert row.words, kind
        assert row.seconds > 0, kind
        assert row.returns is None or row.returns[0] in BY_NAME, kind
