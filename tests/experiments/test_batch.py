from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chaoskit import kube
from chaoskit.experiments import Trial
from chaoskit.experiments.batch import claims, disjoint, run_all
from chaoskit.experiments.spec import Experiment
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.records import RunRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def trial(*workloads: str, namespace: str = "shop", selector: dict[str, str] | None = None) -> Trial:
    targets: dict[str, Any] = {"workloads": list(workloads)} | ({"selector": selector} if selector else {})
    spec = {"fault": {"kind": "pod-delete"}, "targets": targets}
    name = "-".join(workloads) or "any"
    meta = {"name": name.replace("/", "-"), "namespace": namespace}
    return Trial("t.yaml", experiment=Experiment.model_validate({"metadata": meta, "spec": spec}))


def engine(**spec: Any) -> Trial:
    meta = {"name": "e", "namespace": "lab"}
    return Trial("t.yaml", engine={"metadata": meta, "spec": {"experiments": [], **spec}})


def record(name: str, outcome: Outcome = Outcome.PASSED) -> RunRecord:
    return RunRecord(
        id=name, at=NOW, trace_id=name, name=name, namespace="shop", cluster="c", fault="pod-delete",
        outcome=outcome, reason="", ended_at=NOW, experiment={},
    )  # fmt: skip


class Course:
    """Runs of which so many meet before any of them ends; and who ran beside whom."""

    def __init__(self, outcomes: Sequence[Outcome] = (), *, meeting: int = 1) -> None:
        self.outcomes = outcomes
        self.begun: list[int] = []
        self.most = 0
        self.together: set[frozenset[int]] = set()
        self._under_way: set[int] = set()
        self._lock = threading.Lock()
        self._meeting = threading.Barrier(meeting)

    def run(self, place: int, trial: Trial) -> RunRecord:
        with self._lock:
            self.begun.append(place)
            self._under_way.add(place)
            self.most = max(self.most, len(self._under_way))
            self.together |= {frozenset({place, other}) for other in self._under_way if other != place}
        with suppress(threading.BrokenBarrierError):
            self._meeting.wait(timeout=10)
        with self._lock:
            self._under_way.discard(place)
        return record(trial.name, self.outcomes[place] if self.outcomes else Outcome.PASSED)


CART = {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"}


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (trial("cart"), trial("orders"), True),
        (trial("cart"), trial("deployment/cart"), False),
        (trial("cart"), trial("cart", namespace="lab"), True),
        (trial("cart", "db"), trial("db"), False),
        (trial(selector={"app": "x"}), trial("cart"), False),
        (
            engine(appinfo={"appns": "shop", "applabel": "app=cart", "appkind": "deployment"}),
            trial("db"),
            False,
        ),
        (
            engine(appinfo={"appns": "other", "applabel": "app=cart", "appkind": "deployment"}),
            trial("db"),
            True,
        ),
        (
            engine(selectors={"workloads": [{"kind": "deployment", "namespace": "shop", "names": "cart"}]}),
            trial("db"),
            True,
        ),
    ],
)
def test_trials_claim_what_their_documents_name(one: Trial, other: Trial, *, apart: bool) -> None:
    assert disjoint(claims(one), claims(other)) is apart
    assert disjoint(claims(other), claims(one)) is apart


ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa", "namespace": "lab"}}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "sa"}}


def beside(workload: str, *bodies: Object) -> Trial:
    targets = {"workloads": [{"kind": "deployment", "namespace": workload, "names": workload}]}
    return replace(engine(selectors=targets), beside=bodies)


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        ((ACCOUNT,), (ACCOUNT,), False),
        ((ACCOUNT, ROLE), (ROLE,), False),
        ((ACCOUNT,), (ROLE,), True),
        ((ACCOUNT,), ({**ACCOUNT, "metadata": {"name": "sa", "namespace": "shop"}},), True),
        ((), (), True),
    ],
)
def test_what_one_run_makes_and_removes_is_not_for_another_beside_it(
    ours: tuple[Object, ...], theirs: tuple[Object, ...], *, apart: bool
) -> None:
    assert disjoint(claims(beside("a", *ours)), claims(beside("b", *theirs))) is apart


def judged_by(condition: dict[str, Any], *workloads: str) -> Trial:
    spec = {"fault": {"kind": "pod-delete"}, "targets": {"workloads": list(workloads or ("db",))}}
    spec["steadyState"] = [condition]
    meta = {"name": "judged", "namespace": "shop"}
    return Trial("t.yaml", experiment=Experiment.model_validate({"metadata": meta, "spec": spec}))


ERRORS = {"signal": "error_ratio", "below": 0.05}


@pytest.mark.parametrize(
    "condition",
    [
        {"prometheus": {**ERRORS, "workload": "deployment/cart"}},
        {"kubernetes": {"workload": "cart"}, "mode": "edges"},
        {"command": {"run": "true", "workload": "cart"}},
        {"prometheus": ERRORS},
        {"prometheus": {"query": "up", "above": 0}},
        {"http": {"url": "https://shop.example"}},
        {"alert": {"name": "CartIsSlow"}},
        {"command": {"run": "curl shop"}},
    ],
)
def test_nobody_disturbs_meanwhile_what_a_steady_state_looks_at(condition: dict[str, Any]) -> None:
    judged, cart = claims(judged_by(condition)), claims(trial("cart"))
    assert not disjoint(judged, cart)
    assert not disjoint(cart, judged)
    assert disjoint(judged, claims(trial("cart", namespace="lab")))
    assert not disjoint(judged, claims(judged_by(condition, "orders")))


def test_a_steady_state_that_names_workloads_and_places_keeps_no_others_waiting() -> None:
    for condition in (
        {"prometheus": {**ERRORS, "workload": "deployment/cart"}},
        {"prometheus": {**ERRORS, "labels": {"namespace": "lab"}}},
        {"alert": {"name": "LabIsSlow", "labels": {"namespace": "lab"}}},
    ):
        assert disjoint(claims(judged_by(condition)), claims(trial("orders")))
    assert not disjoint(claims(judged_by(condition)), claims(trial("orders", namespace="lab")))


def test_an_engines_probes_may_look_at_whatever_there_is_beside_its_targets() -> None:
    workloads = {"workloads": [{"kind": "deployment", "namespace": "shop", "names": "cart"}]}
    probes = [{"name": "p", "type": "httpProbe"}]
    experiments = [{"name": "pod-delete", "spec": {"probe": probes}}]
    assert disjoint(claims(engine(selectors=workloads)), claims(trial("db")))
    assert not disjoint(claims(engine(selectors=workloads, experiments=experiments)), claims(trial("db")))


def mutation(workload: str, **parameters: str) -> Trial:
    fault = {"kind": "config-mutation", "parameters": {"key": "HOST", "value": "none", **parameters}}
    meta = {"name": workload, "namespace": "shop"}
    spec = {"fault": fault, "targets": {"workloads": [workload]}}
    return Trial("t.yaml", experiment=Experiment.model_validate({"metadata": meta, "spec": spec}))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"configMap": "app"}, {"CONFIG_MAP": "app"}),
        ({"secret": "app"}, {"configMap": "app"}),
        ({"configMap": "app"}, {"configMap": "other"}),
    ],
)
def test_a_setting_is_changed_beside_nobody_who_may_feel_it(
    ours: dict[str, str], theirs: dict[str, str]
) -> None:
    mine = claims(mutation("cart", **ours))
    for other in (mutation("orders", **theirs), trial("db")):
        assert not disjoint(mine, claims(other))
        assert not disjoint(claims(other), mine)
    assert disjoint(mine, claims(trial("db", namespace="lab")))


def test_where_it_is_known_who_feels_a_setting_everybody_else_is_left_in_peace() -> None:
    def felt(_trial: Trial) -> tuple[ObjectRef, ...]:
        return (ObjectRef(kube.DEPLOYMENT, "shop", "search"),)

    mine = claims(mutation("cart", configMap="app"), felt)
    assert not disjoint(mine, claims(trial("search")))
    assert not disjoint(mine, claims(mutation("orders", configMap="app"), felt))
    assert not disjoint(mine, claims(mutation("orders", configMap="app")))
    assert disjoint(mine, claims(trial("db")))
    assert disjoint(mine, claims(mutation("orders", configMap="other"), lambda _trial: ()))


def test_a_fault_on_nodes_runs_beside_nobody() -> None:
    spec = {"fault": {"kind": "node-drain"}, "targets": {"nodes": ["node-1"]}}
    meta = {"name": "drain", "namespace": "lab"}
    drain = Trial("t.yaml", experiment=Experiment.model_validate({"metadata": meta, "spec": spec}))
    assert not disjoint(claims(drain), claims(trial("cart")))
    assert not disjoint(claims(trial("cart")), claims(drain))


@pytest.mark.parametrize("parallel", [1, 4])
def test_the_records_come_in_the_order_of_the_documents(parallel: int) -> None:
    trials = [trial(name) for name in ("a", "b", "c", "d", "e")]
    records = run_all(trials, Course().run, skip, parallel=parallel, stop=threading.Event())
    assert [each.name for each in records] == ["a", "b", "c", "d", "e"]


def test_so_many_at_a_time_and_no_more() -> None:
    course = Course(meeting=3)
    run_all([trial(str(n)) for n in range(9)], course.run, skip, parallel=3, stop=threading.Event())
    assert course.most == 3


def test_two_on_one_workload_run_after_each_other_while_others_go_on() -> None:
    course = Course(meeting=2)
    trials = [trial("cart"), trial("cart"), trial("db"), trial("orders")]
    waited: list[tuple[str, str]] = []

    def waits(mine: Trial, other: Trial) -> None:
        waited.append((mine.name, other.name))

    run_all(trials, course.run, skip, parallel=3, stop=threading.Event(), waits=waits)
    assert waited == [("cart", "cart")]
    assert frozenset({0, 1}) not in course.together
    assert frozenset({0, 2}) in course.together
    assert sorted(course.begun) == [0, 1, 2, 3]


def skip(trial: Trial, reason: str) -> RunRecord:
    return replace(record(trial.name, Outcome.NOT_BEGUN), reason=reason)


@pytest.mark.parametrize("parallel", [1, 2])
def test_fail_fast_begins_no_other_and_says_so_of_each(parallel: int) -> None:
    course = Course([Outcome.WEAKNESS_FOUND, Outcome.PASSED, Outcome.PASSED, Outcome.PASSED])
    trials = [trial(name) for name in ("a", "b", "c", "d")]
    records = run_all(trials, course.run, skip, parallel=parallel, fail_fast=True, stop=threading.Event())
    assert [each.name for each in records] == ["a", "b", "c", "d"]
    left = [each for each in records if each.outcome is Outcome.NOT_BEGUN]
    assert len(left) == 4 - parallel
    assert {each.reason for each in left} == {
        "not begun: a ended with weakness found, and the rest was not wanted then"
    }


def test_once_stopped_none_is_begun_and_each_says_so() -> None:
    stop = threading.Event()

    def run(place: int, trial: Trial) -> RunRecord:
        stop.set()
        return record(trial.name)

    found = run_all([trial("a"), trial("b")], run, skip, stop=stop)
    assert [each.outcome for each in found] == [Outcome.PASSED, Outcome.NOT_BEGUN]
    found = run_all([trial("a"), trial("b")], run, skip, parallel=2, stop=stop)
    assert [each.outcome for each in found] == [Outcome.NOT_BEGUN, Outcome.NOT_BEGUN]
    assert {each.reason for each in found} == {"not begun: stopped by the user"}


def test_a_bug_is_raised_when_the_others_have_come_to_their_end() -> None:
    course, ended = Course(), list[int]()

    def run(place: int, trial: Trial) -> RunRecord:
        if place == 0:
            raise ZeroDivisionError
        found = course.run(place, trial)
        ended.append(place)
        return found

    trials = [trial("a"), trial("b"), trial("c")]
    with pytest.raises(ZeroDivisionError):
        run_all(trials, run, skip, parallel=2, stop=threading.Event())
    assert ended == [1]
