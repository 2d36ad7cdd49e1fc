from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.experiments.made import deployment, pod, replica_set, topology

from chaoskit import kube
from chaoskit.experiments.selection import Selection, percentage, picked, share
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.targets import of_engine, of_experiment
from chaoskit.ports.cluster import Object
from chaoskit.topology import Topology


def engine(**spec: Any) -> Object:
    return {"metadata": {"name": "e", "namespace": "lab"}, "spec": spec}


def selected(spec: dict[str, Any], *pods: Object, **env: str) -> Selection:
    return of_engine(engine(**spec), env, "pod-delete", {"lab": topology(*pods)})


APP = {"appinfo": {"appns": "lab", "applabel": "app=web", "appkind": "deployment"}}


def test_pods_are_found_by_label_and_kind_of_owner() -> None:
    other = pod("db-0", owner="", app="web")
    found = selected(APP, pod("web-1-a"), pod("web-1-b"), other)
    assert found.names == ("web-1-a", "web-1-b")
    assert [str(ref) for ref in found.workloads] == ["deployment/web"]
    assert (found.hit, found.total) == (1, 2)


def test_the_parts_of_a_label_are_alternatives() -> None:
    spec = {"appinfo": {"appns": "lab", "applabel": "app=web,tier=cache", "appkind": "deployment"}}
    found = selected(spec, pod("a"), pod("b", app="x", tier="cache"), pod("c", app="y"))
    assert found.names == ("a", "b")


def test_without_appinfo_any_pod_of_the_namespace_may_be_hit_but_litmus_own() -> None:
    found = selected({}, pod("a"), pod("bare", owner="", app="x"), pod("runner", owner="", chaosUID="u"))
    assert found.names == ("a", "bare")


def test_workloads_are_selected_by_name() -> None:
    spec = {"selectors": {"workloads": [{"kind": "deployment", "namespace": "lab", "names": "web"}]}}
    assert selected(spec).names == ("web-1-a", "web-1-b")
    spec["selectors"]["workloads"][0]["names"] = "other"
    assert "deployment with other in lab" in selected(spec).missing


def test_pods_by_name_are_all_hit() -> None:
    spec = {"selectors": {"pods": [{"namespace": "lab", "names": "web-1-a,web-1-b"}]}}
    found = selected(spec, PODS_AFFECTED_PERC="10")
    assert (found.hit, found.pinned) == (2, True)


def test_target_pods_win_and_must_exist() -> None:
    assert selected(APP, TARGET_PODS="web-1-b").names == ("web-1-b",)
    assert "no such pod: gone" in selected(APP, TARGET_PODS="gone").missing


def test_no_pod_is_told_with_what_was_asked() -> None:
    spec = {"appinfo": {"appns": "lab", "applabel": "app=nope", "appkind": "deployment"}}
    assert "app=nope" in selected(spec).missing


def test_a_node_label_restricts_and_needs_the_nodes() -> None:
    nodes = ({"metadata": {"name": "node-1", "labels": {"zone": "a"}}},)
    known = {"lab": topology(nodes=nodes)}
    hit = of_engine(engine(**APP), {"NODE_LABEL": "zone=a"}, "pod-delete", known)
    missed = of_engine(engine(**APP), {"NODE_LABEL": "zone=b"}, "pod-delete", known)
    assert (len(hit.pods), bool(missed.missing)) == (2, True)


@pytest.mark.parametrize(
    ("total", "percent", "hit"),
    [(3, "", 1), (3, "0", 1), (3, "50", 1), (4, "50", 2), (3, "100", 3), (10, "10-30", 3), (2, "400", 2)],
)
def test_a_share_is_rounded_down_and_at_least_one(total: int, percent: str, hit: int) -> None:
    assert share(total, percent) == hit


@given(some.integers(1, 500), some.integers(0, 100))
def test_a_share_is_never_nothing_and_never_more_than_all(total: int, percent: int) -> None:
    assert 1 <= share(total, str(percent)) <= total


def test_a_partition_takes_everything_with_the_first_label_whatever_else_is_said() -> None:
    spec = {"appinfo": {"appns": "lab", "applabel": "app=web,tier=x", "appkind": "deployment"}}
    pods = (pod("web-1-a"), pod("web-1-b"), pod("lone", owner=""), pod("x", app="x", tier="x"))
    found = of_engine(
        engine(**spec), {"PODS_AFFECTED_PERC": "10", "TARGET_PODS": "web-1-a"}, "pod-network-partition",
        {"lab": topology(*pods)},
    )  # fmt: skip
    assert (found.names, found.hit) == (("web-1-a", "web-1-b", "lone"), 3)
    by_name = {"selectors": {"workloads": [{"kind": "deployment", "namespace": "lab", "names": "web"}]}}
    nothing = of_engine(engine(**by_name), {}, "pod-network-partition", {"lab": topology()})
    assert "reads a label" in nothing.missing


def experiment(duration: str = "15s", interval: int = 5, **wanted: Any) -> Experiment:
    fault = {"kind": "pod-delete", "parameters": {"interval": interval}}
    spec = {"fault": fault, "targets": wanted, "duration": duration}
    return Experiment.model_validate({"metadata": {"name": "x", "namespace": "lab"}, "spec": spec})


def test_a_native_experiment_hits_as_many_as_it_says() -> None:
    known = topology(*(pod(f"web-1-{each}") for each in "abcd"))
    assert of_experiment(experiment(workloads=["web"]), known).hit == 1
    assert of_experiment(experiment(workloads=["deployment/web"], pods=3), known).hit == 3
    assert of_experiment(experiment(selector={"app": "web"}, percent=50), known).hit == 2


def test_an_unknown_workload_is_told() -> None:
    assert "no such workload: carts" in of_experiment(experiment(workloads=["carts"]), topology()).missing


def test_pods_are_pinned_only_where_one_round_fits_into_the_duration() -> None:
    known = topology(*(pod(f"web-1-{each}") for each in "abcd"))
    once = of_experiment(experiment("15s", 15, workloads=["web"]), known)
    again = of_experiment(experiment("16s", 15, workloads=["web"]), known)
    assert (once.pinned, once.percent, len(picked(once, "run"))) == (True, "", 1)
    assert (again.pinned, again.percent, picked(again, "run")) == (False, "0", ())
    assert (again.hit, again.total, len(again.names)) == (1, 4, 4)


@given(some.integers(1, 500), some.integers(1, 500))
def test_litmus_never_takes_more_than_the_pods_asked_for(asked: int, total: int) -> None:
    asked = min(asked, total)
    taken = share(total, percentage(asked, total))
    assert taken <= asked
    assert taken == asked or total > 100


def test_rounds_that_could_not_spare_a_pod_outside_the_selector_are_not_begun() -> None:
    known = topology(pod("web-1-a", track="canary"), pod("web-1-b"))
    wanted = experiment("60s", selector={"track": "canary"})
    assert "could not spare web-1-b" in of_experiment(wanted, known).missing
    assert of_experiment(experiment("5s", selector={"track": "canary"}), known).names == ("web-1-a",)


def test_pinned_pods_are_ready_ones_first_and_the_same_for_the_same_run() -> None:
    pods = [pod("a", ready=False), *(pod(each) for each in "bcd")]
    found = of_experiment(experiment("5s", workloads=["web"], pods=3), topology(*pods))
    assert set(picked(found, "run")) == {"b", "c", "d"}
    assert picked(found, "run") == picked(found, "run")


def test_at_worst_chance_takes_every_pod_that_is_hit_from_one_workload() -> None:
    pods = (
        *(pod(f"web-1-{each}") for each in "abcdefgh"),
        pod("db-1-a", owner="db-1"),
        pod("lone", owner=""),
    )
    found = selected({"appinfo": {"appns": "lab", "applabel": "app=web"}}, *pods, PODS_AFFECTED_PERC="30")
    assert (found.hit, found.total) == (3, 10)
    assert [(each.number, each.total) for each in found.hits] == [(3, 8), (1, 1), (1, 1)]


def of_kind(kind: str, known: Topology, **wanted: Any) -> Selection:
    spec = {"fault": {"kind": kind}, "targets": wanted}
    made = Experiment.model_validate({"metadata": {"name": "x", "namespace": "lab"}, "spec": spec})
    return of_experiment(made, known)


def labelled(name: str, **labels: Any) -> Object:
    body = deployment(name)
    body["metadata"]["labels"] = {"app": name, **labels}
    body["spec"]["template"]["metadata"]["labels"] |= labels
    return body


def two(**labels: Any) -> Topology:
    """web with a label of its own on its pods, and db beside it; a service named store before db."""
    pods = (pod("web-1-a", **labels), pod("web-1-b", **labels), pod("db-1-a", app="db", owner="db-1"))
    store = {"metadata": {"name": "store", "namespace": "lab"}, "spec": {"selector": {"app": "db"}}}
    bodies = (labelled("web", **labels), labelled("db"))
    return topology(
        *pods, workload_bodies=tuple((kube.DEPLOYMENT, body) for body in bodies), services=(store,),
        replica_sets=(replica_set(), replica_set("db-1", "db")),
    )  # fmt: skip


def test_a_component_is_what_its_label_or_a_service_of_its_name_stands_for() -> None:
    known = two(**{"app.kubernetes.io/component": "frontend"})
    assert of_kind("container-kill", known, components=["frontend"]).names == ("web-1-a", "web-1-b")
    assert of_kind("container-kill", known, components=["store"]).names == ("db-1-a",)
    both = of_kind("container-kill", known, components=["store"], workloads=["web"])
    assert len(both.names) == 3
    assert "no such component: nope" in of_kind("container-kill", known, components=["nope"]).missing


def test_a_fault_on_a_label_takes_one_that_only_its_pods_have_and_hits_them_all() -> None:
    found = of_kind("pod-network-partition", two(track="one"), workloads=["web"])
    assert (found.label, found.hit, found.pinned) == ("app=web", 2, False)
    assert picked(found, "run") == ()


def test_where_no_label_is_theirs_alone_the_fault_is_not_begun() -> None:
    known = topology(pod("web-1-a"), pod("other", owner="", app="web"))
    assert "only these" in of_kind("pod-network-partition", known, workloads=["web"]).missing


def test_workloads_that_are_scaled_must_have_the_label_themselves() -> None:
    bare = topology(pod("web-1-a"))
    assert "only these" in of_kind("pod-autoscaler", bare, workloads=["web"]).missing
    assert of_kind("pod-autoscaler", two(), workloads=["web"]).label == "app=web"
