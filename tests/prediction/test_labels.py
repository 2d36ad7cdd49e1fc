from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from chaoskit.outcome import Outcome
from chaoskit.prediction.answers.rules import by_rules
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.labelling.failures import Objectives
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.labelling.outside import from_recoveries, from_runs, issue_of_fault
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.records import LabelRecord, RecoveryRecord, RunRecord

World = Callable[..., Dataset]
START = datetime(2026, 3, 2, 7, 13, tzinfo=UTC)
DETECT = Target("detect", timedelta(0))
FORECAST = Target("forecast", timedelta(minutes=30))


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def told(
    start: float, end: float, meaning: str = "failure", issue: str = "memory-leak", pod: str = "app-0"
) -> LabelRecord:
    return LabelRecord(
        id="1", at=minute(start), trace_id="", target=pod, namespace="", meaning=meaning, issue=issue,
        start=minute(start), end=minute(end),
    )  # fmt: skip


def steps(length: int, **at: int) -> np.ndarray:
    values = np.zeros((1, length))
    for name, moment in at.items():
        values[0, moment:] = 1 if name == "up" else values[0, moment:]
    return values


def quiet(world: World, length: int = 120, **more: np.ndarray) -> Dataset:
    return world({"cpu_usage": np.ones((1, length)), **more})


def where(labelled: Labelled, meaning: int) -> list[int]:
    found: list[int] = np.flatnonzero(labelled.truths[0].y[0] == meaning).tolist()
    return found


def test_an_injected_step_is_a_failure_while_it_lasts_and_not_before(world: World) -> None:
    labelled = label(quiet(world), DETECT, extra=[told(40.5, 45.5)])
    assert where(labelled, 1) == [41, 42, 43, 44, 45, 46]
    assert where(labelled, -1) == []


def test_a_failure_that_announces_itself_counts_from_the_horizon_on_and_settles_unknown(world: World) -> None:
    labelled = label(quiet(world), FORECAST, extra=[told(60, 62)])
    assert where(labelled, 1) == list(range(31, 64))
    assert where(labelled, -1) == [*range(1, 31), *range(64, 74), *range(90, 120)]


def test_what_is_healthy_at_the_end_of_the_data_or_of_the_pod_is_unknown(world: World) -> None:
    cpu = np.ones((2, 120))
    cpu[1, 60:] = np.nan
    y = label(world({"cpu_usage": cpu}), FORECAST).truths[0].y
    assert np.flatnonzero(y[0] == 0).tolist() == list(range(90))
    assert np.flatnonzero(y[1] == 0).tolist() == list(range(30))


@pytest.mark.parametrize("length", [1, 2, 14, 15, 16, 20, 29, 30, 31])
def test_a_run_that_is_hardly_longer_than_the_horizon_or_shorter_is_unknown(
    world: World, length: int
) -> None:
    """Of 20 minutes nobody knows what came in the 30 after them; the long run beside it is labelled."""
    long = quiet(world)
    (first,) = long.blocks
    second = replace(first.cut(0, length), start=first.at(300))
    y, short = (truth.y[0] for truth in label(replace(long, blocks=(first, second)), FORECAST).truths)
    assert np.flatnonzero(y == 0).tolist() == list(range(90))
    assert np.flatnonzero(short == 0).tolist() == list(range(length - 30))
    assert set(short[max(0, length - 30) :]) == {-1}


def test_replicas_of_what_fails_are_unknown_and_other_workloads_healthy(world: World) -> None:
    data = world({"cpu_usage": np.ones((3, 120))}, workloads=["deployment/a", "deployment/a", "deployment/b"])
    y = label(data, FORECAST, extra=[told(60, 62, pod="app-0-7d9f8-x0")]).truths[0].y
    assert (y[1, 1:74] == -1).all()
    assert (y[2, :90] == 0).all()


def test_around_a_failure_of_all_nobody_is_known_to_be_healthy(world: World) -> None:
    data = world({"cpu_usage": np.ones((2, 120))})
    every, first = (
        label(data, FORECAST, extra=[told(60, 62, pod=pod)]).truths[0].y for pod in ("*", "app-0")
    )
    assert (every[1] == every[0]).all()
    assert (every[0] == first[0]).all()
    assert (first[1, :90] == 0).all()


def test_before_a_failure_without_warning_nothing_is_known(world: World) -> None:
    labelled = label(quiet(world), FORECAST, extra=[told(60, 62, issue="pod-crash")])
    assert where(labelled, 1) == [61, 62, 63]
    assert where(labelled, -1) == [*range(31, 61), *range(64, 74), *range(90, 120)]


def test_a_restart_after_a_full_memory_is_a_leak(world: World) -> None:
    memory = np.full((1, 120), 0.5)
    memory[0, 50:60] = np.linspace(0.6, 0.98, 10)
    labelled = label(quiet(world, restarts=steps(120, up=60), memory_usage=memory), DETECT)
    assert [(event.issue, event.first) for event in labelled.events] == [("memory-leak", 60)]


def test_an_oom_kill_is_a_leak_and_any_other_restart_a_crash(world: World) -> None:
    killed = label(quiet(world, restarts=steps(120, up=60), last_oom=steps(120, up=60)), DETECT)
    crashed = label(quiet(world, restarts=steps(120, up=60), last_oom=steps(120)), DETECT)
    assert [event.issue for event in killed.events] == ["memory-leak"]
    assert [event.issue for event in crashed.events] == ["pod-crash"]


@pytest.mark.parametrize("ready", [0.0, 1.0])
def test_a_crash_loop_that_no_sample_sees_wait_is_one_failure_from_its_restarts(
    world: World, ready: float
) -> None:
    """The kubelet says so for a moment of each back-off; the pod may be ready at every sample."""
    restarts = np.sum([steps(120, up=at) for at in (60, 61, 62, 64, 68, 73, 78)], axis=0)
    data = quiet(world, restarts=restarts, waiting_bad=np.zeros((1, 120)), ready=np.full((1, 120), ready))
    labelled = label(data, DETECT)
    assert [(event.issue, event.first) for event in labelled.events] == [("pod-crash", 60)]
    assert set(range(60, 79)) <= set(where(labelled, 1))
    (record,) = by_rules(data.until(minute(80)), minute(80))
    assert record.alarmed
    assert record.issue == "pod-crash"


def test_restarts_close_to_one_another_are_one_failure(world: World) -> None:
    restarts = steps(120, up=60) + steps(120, up=64) + steps(120, up=100)
    labelled = label(quiet(world, restarts=restarts), DETECT)
    assert [(event.first, event.last >= 64) for event in labelled.events] == [(60, True), (100, True)]


def test_a_starting_pod_is_not_ready_without_having_failed(world: World) -> None:
    ready = np.ones((1, 120))
    ready[0, :4] = 0
    assert label(quiet(world, ready=ready), DETECT).events == ()
    ready[0, 50:55] = 0
    assert [event.first for event in label(quiet(world, ready=ready), DETECT).events] == [50]


def missed(values: np.ndarray, first: int, last: int) -> np.ndarray:
    """The same without the samples from `first` up to `last`."""
    values[:, first:last] = np.nan
    return values


def test_a_missed_sample_makes_no_failure_of_an_old_oom_kill(world: World) -> None:
    data = quiet(world, last_oom=missed(np.ones((1, 120)), 60, 61))
    assert label(data, DETECT).events == ()


def test_a_restart_during_a_gap_is_a_failure_and_the_gap_unknown(world: World) -> None:
    labelled = label(quiet(world, restarts=missed(steps(120, up=62), 60, 64)), DETECT)
    assert [(event.issue, event.first) for event in labelled.events] == [("pod-crash", 64)]
    assert where(labelled, -1) == [60, 61, 62, 63]
    assert 64 in where(labelled, 1)


@pytest.mark.parametrize("flag", ["last_oom", "restarts"])
def test_after_a_gap_that_is_too_long_nobody_knows_when_it_failed(world: World, flag: str) -> None:
    values = {"cpu_usage": np.ones((1, 120)), flag: missed(steps(120, up=70), 60, 90)}
    labelled = label(world(values), FORECAST)
    assert labelled.events == ()
    assert set(range(30, 100)) <= set(where(labelled, -1))


def test_a_missed_sample_does_not_end_what_lasts(world: World) -> None:
    ready = np.ones((1, 120))
    ready[0, 60:63] = 0
    labelled = label(quiet(world, ready=missed(ready, 61, 62)), DETECT)
    assert [(event.issue, event.first) for event in labelled.events] == [("pod-crash", 60)]


def test_a_failure_in_one_run_is_none_of_the_same_pod_in_another(world: World) -> None:
    one, other = quiet(world, restarts=steps(120, up=60)), quiet(world, restarts=steps(120))
    both = replace(one, blocks=(*one.blocks, replace(other.blocks[0], run="another")))
    assert [(event.block, event.first) for event in label(both, DETECT).events] == [(0, 60)]


def test_errors_of_one_sample_are_no_failure(world: World) -> None:
    ratio = np.zeros((1, 120))
    ratio[0, 50] = 0.5
    assert label(quiet(world, error_ratio=ratio), DETECT).events == ()
    ratio[0, 51] = 0.5
    assert len(label(quiet(world, error_ratio=ratio), DETECT).events) == 1


def test_slow_answers_are_a_failure_where_there_is_an_objective(world: World) -> None:
    latency = np.full((1, 120), 0.1)
    latency[0, 50:53] = 2.0
    assert label(quiet(world, latency_p95=latency), DETECT).events == ()
    labelled = label(quiet(world, latency_p95=latency), DETECT, objectives=Objectives(latency_p95=1.0))
    assert [(event.issue, event.first) for event in labelled.events] == [("network", 50)]


def test_errors_that_follow_from_another_pods_failure_are_nobodys_label(world: World) -> None:
    errors = np.zeros((2, 120))
    errors[1, 60:66] = 0.4
    pool = np.zeros((2, 120))
    pool[0, 60:66] = 1.0
    data = world({"error_ratio": errors, "db_pool_errors": pool})
    labelled = label(data, FORECAST)
    assert [(event.issue, event.rows) for event in labelled.events] == [("database-connection", (0,))]
    assert (labelled.truths[0].y[1, 31:70] == -1).all()


def test_errors_of_another_namespace_are_a_failure_of_their_own(world: World) -> None:
    errors, pool = np.zeros((2, 120)), np.zeros((2, 120))
    errors[1, 60:66], pool[0, 60:66] = 0.4, 1.0
    one = world({"error_ratio": errors, "db_pool_errors": pool})
    (block,) = one.blocks
    apart = replace(block, rows=(block.rows[0], block.rows[1]._replace(namespace="bank")))
    found = label(replace(one, blocks=(apart,)), DETECT)
    assert [(event.namespace, event.issue) for event in found.events] == [
        ("shop", "database-connection"), ("bank", "network"),
    ]  # fmt: skip
    assert (found.truths[0].y[1, 60:66] == 1).all()


def test_replicas_that_fail_together_are_one_event(world: World) -> None:
    restarts = np.zeros((3, 120))
    restarts[0, 60:] = restarts[1, 62:] = restarts[2, 60:] = 1
    data = world({"restarts": restarts}, workloads=["deployment/a", "deployment/a", "deployment/b"])
    labelled = label(data, DETECT)
    assert sorted(event.rows for event in labelled.events) == [(0, 1), (2,)]


@pytest.mark.parametrize(("chaos", "expected"), [("mask", -1), ("label", 1)])
def test_a_chaos_window_is_masked_or_labelled_but_never_negative(
    world: World, chaos: Any, expected: int
) -> None:
    record = told(40, 45, "chaos", "pod-crash")
    labelled = label(quiet(world, restarts=steps(120, up=42)), DETECT, extra=[record], chaos=chaos)
    assert set(labelled.truths[0].y[0, 41:47].tolist()) == {expected}


@pytest.mark.parametrize("chaos", ["mask", "label"])
@pytest.mark.parametrize("signal", ["error_ratio", "db_pool_errors"])
def test_what_chaos_does_to_callers_is_nobodys_label(world: World, chaos: Any, signal: str) -> None:
    failed = np.zeros((2, 120))
    failed[1, 60:66] = 0.4
    data = world({"cpu_usage": np.ones((2, 120)), signal: failed})
    labelled = label(data, DETECT, extra=[told(59, 66, "chaos", "network", pod="app-0")], chaos=chaos)
    assert {event.workload for event in labelled.events} <= {"deployment/app-0"}
    assert (labelled.truths[0].y[1, 60:66] == -1).all()


def test_chaos_elsewhere_explains_no_crash_and_nothing_that_began_before_it(world: World) -> None:
    failed, restarts = np.zeros((2, 120)), np.zeros((2, 120))
    failed[1, 50:66], restarts[1, 80:] = 0.4, 1
    data = world({"restarts": restarts, "error_ratio": failed})
    labelled = label(data, DETECT, extra=[told(59, 85, "chaos", "network", pod="app-0")])
    assert [(event.issue, event.first) for event in labelled.events] == [("network", 50), ("pod-crash", 80)]


@pytest.mark.parametrize(
    ("namespace", "target", "explained"),
    [("bank", "app-0", False), ("shop", "app-0", True), ("", "app-0", True), ("bank", "node/worker-1", True)],
)
def test_chaos_of_another_namespace_explains_nothing_unless_it_hit_a_node(
    world: World, namespace: str, target: str, explained: bool
) -> None:
    failed = np.zeros((2, 120))
    failed[1, 60:66] = 0.4
    chaos = replace(told(59, 66, "chaos", "network", pod=target), namespace=namespace)
    labelled = label(world({"error_ratio": failed}), DETECT, extra=[chaos])
    assert [event.workload for event in labelled.events] == ([] if explained else ["deployment/app-1"])


def test_chaos_of_another_run_explains_nothing(world: World) -> None:
    failed = np.zeros((2, 120))
    failed[1, 60:66] = 0.4
    other = replace(told(59, 66, "chaos", "network", pod="app-0"), run="another")
    labelled = label(world({"error_ratio": failed}), DETECT, extra=[other])
    assert [event.workload for event in labelled.events] == ["deployment/app-1"]


def test_labelled_chaos_is_a_failure_of_its_class_exactly_while_it_lasts(world: World) -> None:
    leak = told(60, 65, "chaos", "memory-leak")
    labelled = label(quiet(world, restarts=steps(120, up=68)), FORECAST, extra=[leak], chaos="label")
    assert [(event.issue, event.injected) for event in labelled.events] == [("memory-leak", True)]
    assert where(labelled, 1) == list(range(61, 67))
    assert set(range(31, 61)) | set(range(67, 77)) <= set(where(labelled, -1))


def test_an_alarm_in_an_injected_leak_is_not_too_late(world: World) -> None:
    labelled = label(quiet(world), FORECAST, extra=[told(60, 65, "chaos")], chaos="label")
    scores = np.zeros((1, 120), dtype=np.float32)
    scores[0, 63] = 1
    judged = Judge(labelled, (np.ones(120, dtype=bool),)).judge([scores], 0.5)
    assert (judged.caught, judged.false) == (1, 0)


def test_after_a_mitigation_nobody_knows_what_would_have_been(world: World) -> None:
    labelled = label(quiet(world), FORECAST, extra=[told(60, 62, "censored")])
    assert where(labelled, -1) == [*range(31, 74), *range(90, 120)]
    assert where(labelled, 1) == []


def test_a_failure_told_and_shown_counts_once(world: World) -> None:
    labelled = label(quiet(world, restarts=steps(120, up=60)), DETECT, extra=[told(58, 63)])
    assert [event.issue for event in labelled.events] == ["memory-leak"]


def test_a_pod_that_another_has_replaced_is_neither_healthy_nor_cut_off(world: World) -> None:
    cpu = np.ones((3, 120))
    cpu[0, 60:], cpu[1, :58], cpu[2, 80:] = np.nan, np.nan, np.nan
    seen = world({"cpu_usage": cpu})
    block = seen.blocks[0]
    rows = (*(row._replace(workload="deployment/web") for row in block.rows[:2]), block.rows[2])
    y = label(replace(seen, blocks=(replace(block, rows=rows),)), DETECT).truths[0].y
    assert (y[0, :60] == 0).all()
    assert (y[0, 60:] == -1).all()
    assert (y[1, 58:] == 0).all()
    assert (y[2, :84] == 0).all()


def test_a_pod_that_is_gone_is_scored_for_five_minutes_more(world: World) -> None:
    cpu = np.ones((1, 120))
    cpu[0, 50:] = np.nan
    assert where(label(world({"cpu_usage": cpu}), DETECT), 0) == list(range(55))


def test_targets_are_found_by_pod_workload_or_bare_name(world: World) -> None:
    for name in ("app-0-7d9f8-x0", "deployment/app-0", "app-0"):
        assert len(label(quiet(world), DETECT, extra=[told(10, 12, pod=name)]).events) == 1
    assert label(quiet(world), DETECT, extra=[told(10, 12, pod="app")]).events == ()


def in_turn(world: World, *spans: tuple[int, int]) -> Dataset:
    """Pods of one workload in four hours, each there from its first minute until before its last."""
    cpu = np.full((len(spans), 240), np.nan)
    for row, (first, last) in enumerate(spans):
        cpu[row, first:last] = 1
    return world({"cpu_usage": cpu}, workloads=["deployment/web"] * len(spans))


@pytest.mark.parametrize("target", ["deployment/web", "web", "*"])
@pytest.mark.parametrize(
    ("aim", "failing"),
    [
        (DETECT, [[], [], [], list(range(201, 212))]),
        (FORECAST, [[], [], list(range(171, 185)), list(range(180, 212))]),
    ],
)
def test_of_a_workload_that_fails_only_the_pods_that_are_there_count(
    world: World, target: str, aim: Target, failing: list[list[int]]
) -> None:
    data = in_turn(world, (0, 60), (60, 120), (120, 180), (180, 240))
    (truth,) = label(data, aim, extra=[told(200, 210, pod=target)]).truths
    assert [np.flatnonzero(row == 1).tolist() for row in truth.y] == failing
    assert [np.flatnonzero(row == 0).tolist() for row in truth.event] == failing
    assert (truth.y[0, 65:] == -1).all()


def test_a_pod_fails_with_its_workload_from_its_first_sample_and_if_it_died_of_it_to_the_end(
    world: World,
) -> None:
    data = in_turn(world, (0, 96), (0, 97), (0, 105), (110, 240), (125, 240))
    (truth,) = label(data, DETECT, extra=[told(100, 120, pod="web")]).truths
    whole = list(range(101, 122))
    assert [np.flatnonzero(row == 1).tolist() for row in truth.y] == [
        [], whole, whole, list(range(110, 122)), [],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("issue", "silent", "begins", "mine", "twin"),
    [
        ("memory-leak", 120, 119.5, 60, 60),
        ("memory-leak", 120, 123, 64, 64),
        ("memory-leak", 120, 143, 84, 84),
        ("memory-leak", 120, 160, 90, 90),
        ("memory-leak", 100, 124, 65, 65),
        ("memory-leak", 65, 124, 35, 90),
        ("pod-crash", 120, 123, 90, 90),
        ("pod-crash", 100, 124, 70, 90),
    ],
)
def test_what_led_up_to_an_event_that_is_told_when_the_data_had_ended_is_no_health(
    world: World, issue: str, silent: int, begins: float, mine: int, twin: int
) -> None:
    """So many minutes are healthy of the pod and of its replica, and of another the 90 that are known."""
    cpu = np.ones((3, 120))
    cpu[0, silent:] = np.nan
    data = world({"cpu_usage": cpu}, workloads=["deployment/db", "deployment/db", "deployment/web"])
    record = told(begins, begins + 5, issue=issue, pod=data.blocks[0].rows[0].pod)
    labelled = label(data, FORECAST, extra=[record])
    assert (labelled.events, labelled.positives) == ((), 0)
    assert [np.flatnonzero(row == 0).tolist() for row in labelled.truths[0].y] == [
        list(range(count)) for count in (mine, twin, 90)
    ]


def test_what_is_told_of_long_after_the_data_or_before_it_censors_nothing(world: World) -> None:
    others = [told(at, at + 5) for at in (-3000, -20, -7, 181, 3000)]
    for target in (DETECT, FORECAST):
        with_them, without = (label(quiet(world), target, extra=extra) for extra in (others, []))
        assert (with_them.truths[0].y == without.truths[0].y).all()
        assert with_them.late == ()


def test_after_a_ramp_that_no_sample_falls_into_nobody_knows_how_it_settles(world: World) -> None:
    ramps = Target("forecast", timedelta(0))
    labelled = label(quiet(world), ramps, extra=[told(60.2, 60.8, "ramp")])
    assert (labelled.events, where(labelled, -1)) == ((), list(range(61, 71)))


def test_a_run_labels_its_targets_and_who_felt_it_from_injection_to_its_end() -> None:
    run = RunRecord(
        id="r", at=minute(0), trace_id="t", name="x", namespace="shop", cluster="c", fault="pod-network-loss",
        outcome=Outcome.PASSED, reason="", ended_at=minute(9), experiment={}, targets=("a", "b"),
        felt=("c",), injected_at=minute(2), injected_until=minute(5),
    )  # fmt: skip
    labels = from_runs([run])
    assert [(each.target, each.start, each.end) for each in labels] == [
        ("a", minute(2), minute(5)),
        ("b", minute(2), minute(5)),
        ("c", minute(2), minute(5)),
    ]
    assert {(each.meaning, each.issue, each.trace_id) for each in labels} == {("chaos", "network", "t")}


def test_a_refused_recovery_censors_nothing() -> None:
    recovery = RecoveryRecord(
        id="r", at=minute(0), trace_id="t", issue="pod-crash", target="deployment/a", namespace="shop",
        cluster="c", outcome=Outcome.REFUSED, reason="", ended_at=minute(1),
    )  # fmt: skip
    assert from_recoveries([recovery]) == ()


def test_faults_have_the_class_of_what_they_bring_about() -> None:
    faults = ("pod-delete", "pod-memory-hog", "pod-network-latency", "pod-cpu-hog", "disk-fill")
    assert [issue_of_fault(fault) for fault in faults] == [
        "pod-crash", "memory-leak", "network", "cpu-saturation", "other",
    ]  # fmt: skip


def test_each_failure_says_who_tells_of_it(world: World) -> None:
    errors, slow, restarts, killed = np.zeros((4, 4, 300))
    errors[0, 50:55] = 0.3
    slow[1, 90:95] = 9
    restarts[2, 150:], restarts[2, 210:] = 1, 2
    killed[2, 210:] = 1
    signals = {"error_ratio": errors, "latency_p95": slow, "restarts": restarts, "last_oom": killed}
    of_file = replace(told(250, 255, pod="app-3"), source="events.csv")
    of_run = replace(told(280, 285, "chaos", "network", pod="app-3"), trace_id="1m8", source="run 1m8")
    objectives = Objectives(error_ratio=0.125, latency_p95=2)
    labelled = label(world(signals), DETECT, extra=[of_file, of_run], chaos="label", objectives=objectives)
    assert [(event.issue, event.source) for event in labelled.events] == [
        ("network", "errors over 12.5 % without another cause"),
        ("network", "p95 over 2 s without another cause"),
        ("pod-crash", "restarts"),
        ("memory-leak", "OOM kills"),
        ("memory-leak", "events.csv"),
        ("network", "experiments"),
    ]
