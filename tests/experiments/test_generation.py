from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.experiments.made import deployment, pod, replica_set, topology

from chaoskit import kube
from chaoskit.documents import parse
from chaoskit.experiments.generation import Proposal, propose
from chaoskit.experiments.trials import trials
from chaoskit.records import PredictionRecord
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


def run(fault: str, outcome: str, *, days: float, severity: str = "medium") -> dict[str, Any]:
    return {
        "fault": fault,
        "namespace": "lab",
        "targets": ("deployment/cart",),
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
    assert [each.target for each in found] == ["deployment/db", "deployment/cart", "deployment/front"]
    assert "no prediction" in found[0].reason


def test_memory_is_filled_just_over_what_is_free_of_the_limit() -> None:
    found = first(prediction("cart", 0.9, signals={"memory_usage": 0.75}))
    assert found.experiment["spec"]["fault"]["parameters"] == {"megabytes": 148}


def test_database_trouble_is_proven_between_client_and_database_alone() -> None:
    found = first(prediction("cart", 0.9, "database-connection"))
    assert found.experiment["spec"]["fault"]["parameters"] == {
        "percent": 100,
        "hosts": "db.lab.svc.cluster.local|5432",
    }


def test_what_passed_lately_comes_later_and_its_neighbour_first() -> None:
    found = first(prediction("cart", 0.9), history=(run("pod-memory-hog", "passed", days=1),))
    assert found.experiment["spec"]["fault"]["kind"] == "pod-delete"


def test_severity_rises_only_after_a_pass() -> None:
    passed = tuple(run(fault, "passed", days=20) for fault in ("pod-memory-hog", "pod-delete"))
    weak = tuple(run(fault, "weakness-found", days=20) for fault in ("pod-memory-hog", "pod-delete"))
    assert first(prediction("cart", 0.9), history=passed).experiment["spec"]["severity"] == "high"
    assert first(prediction("cart", 0.9), history=weak).experiment["spec"]["severity"] == "medium"


def test_few_are_proposed_one_for_each_workload() -> None:
    found = propose((), shop(), now=NOW, top=2)
    assert [each.rank for each in found] == [1, 2]
    assert len({each.target for each in propose((), shop(), now=NOW)}) == 3


def test_rules_speak_without_percentages() -> None:
    assert "%" not in first(prediction("cart", None)).reason


def test_errors_of_a_workload_and_its_callers_are_watched_where_they_are_measured() -> None:
    measured = {("lab", "deployment/cart"), ("lab", "deployment/front"), ("lab", "deployment/db")}
    found = propose([prediction("cart", 0.9)], shop(), measured=measured, now=NOW)[0].experiment["spec"]
    watched = [each["prometheus"]["workload"] for each in found["steadyState"] if "prometheus" in each]
    assert watched == ["deployment/cart", "deployment/front"]
    assert not any("prometheus" in each for each in first().experiment["spec"]["steadyState"])


def test_of_an_only_pod_the_callers_tell_because_it_measures_nothing_while_it_is_gone() -> None:
    measured = {("lab", "deployment/cart"), ("lab", "deployment/front")}
    found = propose([prediction("cart", 0.9)], shop(pods="a"), measured=measured, now=NOW)[0].experiment
    watched = [e["prometheus"]["workload"] for e in found["spec"]["steadyState"] if "prometheus" in e]
    assert watched == ["deployment/front"]


def test_every_proposal_is_a_valid_experiment() -> None:
    issues = (
        "memory-leak",
        "pod-crash",
        "network",
        "database-connection",
        "cpu-saturation",
        "disk-full",
        "x",
    )
    for issue in issues:
        for proposal in propose([prediction("cart", 0.9, issue)], shop(), now=NOW):
            assert trials(parse(proposal.text))[0].faults
