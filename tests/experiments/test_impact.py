from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from tests.acts.fake import FakeCluster
from tests.experiments.made import deployment, pod, replica_set, topology

from chaoskit.cli.plan import show
from chaoskit.clock import ManualClock
from chaoskit.events import ignore
from chaoskit.experiments import Plan, plan
from chaoskit.experiments.course import Course, recorded
from chaoskit.experiments.impact import After, afterwards, checks
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.targets import of_experiment
from chaoskit.experiments.trials import Trial
from chaoskit.experiments.verdict import Judged
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Identity, Object

SELECTS = {"matchLabels": {"app": "web"}}


def service(name: str = "web") -> Object:
    return {"metadata": {"name": name, "namespace": "lab"}, "spec": {"selector": {"app": "web"}}}


def budget(allowed: int) -> Object:
    meta = {"name": "web", "namespace": "lab"}
    return {"metadata": meta, "spec": {"selector": SELECTS}, "status": {"disruptionsAllowed": allowed}}


def trial(kind: str = "pod-delete", **targets: Any) -> Trial:
    spec = {"fault": {"kind": kind}, "targets": {"workloads": ["web"], **targets}}
    made = {"metadata": {"name": "x", "namespace": "lab"}, "spec": spec}
    return Trial("t.yaml", experiment=Experiment.model_validate(made))


def left(tried: Trial, allowed: int = 1) -> tuple[After, ...]:
    pods = [pod(f"web-1-{each}") for each in "abc"]
    known = topology(*pods, services=(service(),), budgets=(budget(allowed),))
    assert tried.experiment is not None
    return afterwards({tried.faults[0]: of_experiment(tried.experiment, known)}, {"lab": known}, "lab")


def test_what_stays_is_told_with_budgets_and_endpoints() -> None:
    (found,) = left(trial())
    assert str(found) == (
        "deployment/web 2 of 3 ready · budget web allows 1 disruption · service web keeps 2 endpoints"
    )


def test_a_fault_that_leaves_its_pods_ready_takes_no_endpoint() -> None:
    (found,) = left(trial("pod-cpu-hog"), allowed=0)
    assert (found.ready, found.endpoints, list(checks(trial("pod-cpu-hog"), (found,)))) == (3, {"web": 3}, [])


@pytest.mark.parametrize(("allowed", "names"), [(0, ["disruption budget"]), (1, [])])
def test_a_budget_without_room_is_a_finding(allowed: int, names: list[str]) -> None:
    assert [check.name for check in checks(trial(), left(trial(), allowed))] == names


def test_a_service_that_loses_all_its_endpoints_is_a_warning() -> None:
    found = list(checks(trial(pods=3), left(trial(pods=3), allowed=3)))
    assert [(check.name, check.state) for check in found] == [("endpoints", "warning")]


def reading(name: str, pods: str, **container: Any) -> tuple[Object, ...]:
    body = {"apiVersion": "apps/v1", **deployment(name)}
    body["spec"]["template"]["spec"]["containers"][0].update(container)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", **replica_set(f"{name}-1", name)}
    return (body, owner, *(pod(f"{name}-1-{each}", app=name, owner=f"{name}-1") for each in pods))


def mutation(*more: Object, restart: bool, **spec: Any) -> Plan:
    """Of one pod of web; two of api, which is no target, read the setting."""
    cluster = FakeCluster(
        *reading("web", "a"),
        *reading("api", "ab", envFrom=[{"configMapRef": {"name": "settings"}}]),
        *more,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "lab"},
            "data": {"LEVEL": "info"},
        },
    )
    parameters = {"configMap": "settings", "key": "LEVEL", "value": "x", "restart": restart}
    spec = {
        "fault": {"kind": "config-mutation", "parameters": parameters},
        "targets": {"workloads": ["web"]},
        **spec,
    }
    made = {"metadata": {"name": "x", "namespace": "lab"}, "spec": spec}
    return plan(Trial("t.yaml", experiment=Experiment.model_validate(made)), cluster, clock=ManualClock())


@pytest.mark.parametrize(("restart", "hit"), [(True, 3), (False, 2)])
def test_whoever_reads_a_setting_counts_beside_the_targets(hit: int, *, restart: bool) -> None:
    found = mutation(restart=restart, blastRadius={"maxPods": hit - 1})
    assert (found.selection.hit, found.selection.total) == (hit, 3)
    assert [check.name for check in found.checks if check.state == "refused"] == ["blast radius"]
    assert "deployment/api is no target and feels config-mutation too: its 2 pods are counted" in [
        check.words for check in found.checks if check.state == "warning"
    ]


def test_whoever_reads_a_setting_is_worked_on_by_nobody_else_meanwhile() -> None:
    assert {"deployment/web", "deployment/api", "configmap/settings"} <= set(
        map(str, mutation(restart=False).touched)
    )


def test_targets_are_what_was_aimed_at_and_who_felt_it_is_told_beside_them() -> None:
    plan = mutation(restart=False)
    journal = Journal(ManualClock(), ignore)
    judged = Judged(Outcome.PASSED, "it held")
    record = recorded(journal, plan.trial, Course(plan), [], judged, Identity("fake", "u1", "https://fake"))
    assert (record.cluster, record.cluster_uid, record.cluster_address) == ("fake", "u1", "https://fake")
    assert (record.targets, record.felt) == (("deployment/web",), ("deployment/api",))


def test_pods_at_their_end_are_not_counted_as_hit() -> None:
    evicted = [pod(f"api-1-{each}", app="api", owner="api-1") for each in "xyz"]
    for each in evicted:
        each["status"] = {"phase": "Failed", "reason": "Evicted"}
    found = mutation(*evicted, restart=True)
    assert (found.selection.hit, found.selection.total) == (3, 3)
    assert any(
        "api is no target" in check.words and "its 2 pods are counted" in check.words
        for check in found.checks
    )


@pytest.mark.parametrize(("restart", "own"), [(True, 1), (False, 0)])
def test_a_plan_names_whom_a_setting_hits_by_workload(own: int, *, restart: bool) -> None:
    shown = io.StringIO()
    show(Console(file=shown, width=120), [mutation(restart=restart)], "")
    lines = [line.split() for line in shown.getvalue().splitlines() if " pods of " in line]
    hits = [" ".join(words) for words in lines if words[0] == "config-mutation"]
    assert hits == [
        f"config-mutation {own} of 1 pods of deployment/web",
        "config-mutation 2 of 2 pods of deployment/api",
    ]
