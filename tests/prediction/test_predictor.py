from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.prediction.conftest import tiny
from tests.prediction.test_live import RECIPES, same, spec
from tests.prediction.test_live import history as past

from chaoskit import errors
from chaoskit.ports.cluster import Identity
from chaoskit.prediction import features
from chaoskit.prediction.answers.predictor import history, predict
from chaoskit.prediction.answers.reasons import Look, amount, duration
from chaoskit.prediction.answers.risks import Seen
from chaoskit.prediction.answers.rules import by_rules, findings
from chaoskit.prediction.answers.silence import heard, silent, young
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.features import Recipe
from chaoskit.prediction.judging.evaluation import Trained, build
from chaoskit.prediction.judging.scoring import target_of
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import plain
from chaoskit.prediction.learning.alarms import confirmed
from chaoskit.prediction.learning.incidents import nearest
from chaoskit.prediction.learning.joined import BEYOND, FOREST, Join
from chaoskit.prediction.learning.plain import LINEAR, STATIC, SYMPTOM
from chaoskit.prediction.learning.table import tabulate
from chaoskit.prediction.learning.tree_paths import by_tree, contributions, leaves
from chaoskit.records import PredictionRecord
from chaoskit.signals import BY_NAME

World = Callable[..., Dataset]
KIND = Identity("kind", "u1", "https://kind")
MiB = 2.0**20


def before_a_leak_ends(leaks: Labelled, minutes: int) -> Dataset:
    """The last two hours and a half, `minutes` before the last leak is killed."""
    event = leaks.events[-1]
    block = leaks.dataset.blocks[0]
    return replace(leaks.dataset, blocks=(block.cut(event.first - minutes - 150, event.first - minutes + 1),))


def leak(world: World, level: float) -> Dataset:
    share = np.full((1, 90), level - 0.36)
    share[0, -61:] = np.linspace(level - 0.36, level, 61)
    return world({"memory_usage": share, "memory_bytes": share * 512 * MiB})


def test_a_leaking_workload_comes_first_with_its_reason_and_its_time(
    trained: Trained, leaks: Labelled
) -> None:
    window = before_a_leak_ends(leaks, 10)
    records = predict(trained.model, window, now=window.blocks[0].end, name="shop-1", cluster=KIND)
    first = records[0]
    assert first.target == leaks.events[-1].workload
    assert first.probability is not None
    assert first.probability > 0.5
    assert all(other.probability is not None and other.probability < 0.3 for other in records[1:])
    assert first.issue == "memory-leak"
    assert any("full in" in reason and "of 512 MiB" in reason for reason in first.reasons)
    assert (first.model, first.horizon_minutes) == ("shop-1", 30)
    assert (first.cluster, first.cluster_uid, first.cluster_address) == ("kind", "u1", "https://kind")


def test_the_interval_holds_the_probability_and_the_trend_rises_to_it(
    trained: Trained, leaks: Labelled
) -> None:
    window = before_a_leak_ends(leaks, 10)
    for record in predict(trained.model, window, now=window.blocks[0].end):
        assert record.low is not None
        assert record.high is not None
        assert record.probability is not None
        assert 0 < record.low <= record.probability <= record.high < 1
    first = predict(trained.model, window, now=window.blocks[0].end)[0]
    assert len(first.trend) == 8
    assert first.trend[-1] > first.trend[0]


def test_every_workload_has_one_record_and_its_worst_pod_speaks(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 10)
    block = window.blocks[0]
    merged = tuple(row._replace(workload="deployment/all") for row in block.rows)
    alone = predict(trained.model, window, now=block.end)
    (one,) = predict(trained.model, replace(window, blocks=(replace(block, rows=merged),)), now=block.end)
    assert len(alone) == 8
    assert one.score > 0.5


def test_a_rule_that_alarms_alarms_the_record_comes_first_and_is_named(
    trained: Trained, leaks: Labelled
) -> None:
    window = before_a_leak_ends(leaks, 10)
    block = window.blocks[0]
    values = block.values.copy()
    values[0, window.column("ready"), -1] = 0
    unready = replace(window, blocks=(replace(block, values=values),))
    alone = replace(trained.model, join=Join({FOREST: 2.0}))
    both = replace(trained.model, join=Join({FOREST: 2.0, STATIC: 0.995}))
    assert not any(record.alarmed for record in predict(alone, unready, now=block.end))
    first, *others = predict(both, unready, now=block.end)
    assert (first.target, first.alarmed) == (block.rows[0].workload, True)
    assert first.score == pytest.approx(1 / 0.995)
    assert first.reasons[0] == "static rule: is not ready"
    assert (first.rule, {record.rule for record in others}) == ("static rule", {""})
    assert not any(record.alarmed for record in others)
    eager = replace(trained.model, join=Join({FOREST: 0.01, STATIC: 0.995}))
    assert {(each.alarmed, each.rule) for each in predict(eager, window, now=block.end)[:1]} == {(True, "")}


def test_no_rule_is_named_where_the_forest_alarms_too_though_the_rule_is_further_beyond(
    trained: Trained, leaks: Labelled
) -> None:
    window = before_a_leak_ends(leaks, 10)
    (block,) = window.blocks
    row = leaks.events[-1].rows[0]
    values = block.values.copy()
    values[row, window.column("ready"), -1] = 0
    unready = replace(window, blocks=(replace(block, values=values),))

    def first(forest: float) -> PredictionRecord:
        join = Join({FOREST: forest, STATIC: 0.2})
        return predict(replace(trained.model, join=join), unready, now=block.end)[0]

    assert first(2.0).target == block.rows[row].workload
    assert first(2.0).score == pytest.approx(5)
    assert (first(2.0).rule, first(0.3).rule) == ("static rule", "")
    assert first(0.3).score == pytest.approx(5)
    assert first(0.3).reasons[0] == "static rule: is not ready"


def test_an_alarm_that_members_hand_over_holds_as_it_was_judged(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 90)
    (block,) = window.blocks
    values = block.values.copy()
    values[:, window.column("memory_usage"), -2:] = 0.5
    values[0, window.column("memory_usage"), -2] = 0.95  # the static rule speaks, then the symptom
    values[0, window.column("restarts"), -1] += 1
    changed = replace(window, blocks=(replace(block, values=values),))
    join = Join({FOREST: 2.0, STATIC: 0.9, SYMPTOM: 1.0})
    model = replace(trained.model, join=join, target=replace(trained.model.target, confirm=2))
    newest = np.arange(block.length - 2, block.length)
    forest = model.scores(
        features.compute(changed.blocks[0], model.spec, newest).reshape(-1, len(model.spec.names))
    )
    rules = {name: [each[0][:, -2:]] for name, each in plain.rules(changed).items()}
    (judged,) = join.scores({FOREST: [forest.reshape(-1, 2)], **rules}, model.spec.recipe)
    held = dict(zip((row.workload for row in block.rows), confirmed(judged, 2)[:, -1].tolist(), strict=True))
    records = predict(model, changed, now=block.end)
    assert {each.target: each.score for each in records} == pytest.approx(held, rel=1e-5)
    assert [each.target for each in records if each.alarmed] == [block.rows[0].workload]
    assert records[0].reasons[0].startswith("symptom rule: ")


def test_trace_ids_are_used_up_in_order_and_then_new_ones_made(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 10)
    records = predict(trained.model, window, now=window.blocks[0].end, trace_ids=["t1", "t2"])
    assert [record.trace_id for record in records[:2]] == ["t1", "t2"]
    assert len({record.trace_id for record in records}) == len(records)


def test_stale_metrics_say_nothing_about_now(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 10)
    with pytest.raises(errors.CannotStart, match="20 min old"):
        predict(trained.model, window, now=window.blocks[0].end + timedelta(minutes=20))


@pytest.mark.parametrize("step", [60, 120])
@pytest.mark.parametrize("pods", [1, 8])
def test_a_workload_is_foreseen_until_it_is_silent(leaks: Labelled, step: int, pods: int) -> None:
    """Each is one or the other, by model and rules, whenever its samples stop, or those of all."""
    data = leaks.dataset.thin(step)
    model = build(label(data, Target()), tiny(), thorough=False).model
    block = data.blocks[0].cut(0, 18000 // step)
    for moments in range(1, 480 // step):
        values = block.values.copy()
        values[:pods, :, -moments:] = np.nan
        window = replace(data, blocks=(replace(block, values=values),))
        quiet = {each.target for each in silent(heard(window), block.end)}
        assert len(quiet) == (pods if moments * step >= 300 else 0)
        rest = {row.workload for row in block.rows} - quiet
        assert {each.target for each in by_rules(window, block.end)} == rest
        with nullcontext() if rest else pytest.raises(errors.NoSamples):
            assert {each.target for each in predict(model, window, now=block.end)} == rest


def test_a_window_without_the_models_signals_cannot_be_judged(trained: Trained, world: World) -> None:
    other = world({"latency_p95": np.ones((2, 100))})
    with pytest.raises(errors.CannotStart, match="no pod"):
        predict(trained.model, other, now=other.blocks[0].end)


@pytest.mark.parametrize("samples", [1, 2, 5, 9, 14])
def test_of_minutes_nothing_is_said_but_that_they_are_too_few(
    trained: Trained, leaks: Labelled, samples: int
) -> None:
    window = replace(leaks.dataset, blocks=(leaks.dataset.blocks[0].cut(200, 200 + samples),))
    now = window.blocks[0].end
    assert predict(trained.model, window, now=now) == ()
    found = young(window, now, ())
    assert {each.target for each in found} == {row.workload for row in window.blocks[0].rows}
    assert {each.minutes for each in found} == {samples}
    assert f"samples of {samples} min, 15 min are needed" in found[0].words


def test_a_rule_that_alarms_is_heard_of_a_new_pod(trained: Trained, leaks: Labelled) -> None:
    model = replace(trained.model, join=Join({FOREST: BEYOND, STATIC: 0.9}))
    block = leaks.dataset.blocks[0].cut(100, 220)
    values = block.values.copy()
    values[:2, :, :-5] = np.nan
    values[0, :, -5:], values[1, :, -5:] = 0.99, 0.4
    window = replace(leaks.dataset, blocks=(replace(block, values=values),))
    found = {each.target: each for each in predict(model, window, now=block.end)}
    assert len(found) == len(block.rows) - 1
    full = found[block.rows[0].workload]
    assert (full.alarmed, full.rule, full.low, full.high) == (True, STATIC, 0.0, 1.0)
    (new,) = young(window, block.end, {row[:2] for row in block.rows if row.workload in found})
    assert (new.target, new.minutes) == (block.rows[1].workload, 5)


def test_a_finer_grid_is_thinned_to_the_models(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 10)
    block = window.blocks[0]
    fine = replace(
        window,
        step=30,
        blocks=(
            replace(
                block,
                step=30,
                start=block.start - timedelta(seconds=30),
                values=np.repeat(block.values, 2, axis=2),
            ),
        ),
    )
    one = predict(trained.model, window, now=block.end)
    two = predict(trained.model, fine, now=block.end)
    assert [r.probability for r in one] == [r.probability for r in two]


def test_contributions_and_the_average_add_up_to_the_score(trained: Trained, leaks: Labelled) -> None:
    model, block = trained.model, leaks.dataset.blocks[0]
    rows = features.compute(block, model.spec, np.array([200, 500]))[:, 0]
    average = np.mean([tree.tree_.value[0, 0, 1] for tree in model.failure.estimators_])
    total = contributions(model.failure, rows).sum(axis=1) + average
    np.testing.assert_allclose(total, model.scores(rows), atol=1e-5)
    np.testing.assert_allclose(by_tree(model.failure, rows).mean(axis=1), model.scores(rows), atol=1e-6)
    np.testing.assert_array_equal(leaves(model.failure, rows), model.failure.apply(rows))


def test_the_classes_have_the_shares_that_their_forest_gives_them(trained: Trained) -> None:
    model, random = trained.model, np.random.default_rng(1)
    rows = random.random((9, features.told_by_width(model.spec)), dtype=np.float32)
    np.testing.assert_allclose(model.classes(rows)[1], model.issues.predict_proba(rows), atol=1e-12)


@pytest.mark.parametrize("step", [15, 60])
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_wanted_history_is_enough_for_features_evidence_and_trend(
    trained: Trained, recipe: Recipe, step: int
) -> None:
    target = replace(trained.model.target, confirm=2)
    model = replace(trained.model, spec=spec(recipe, step), target=target)
    count = history(model) // timedelta(seconds=step) + 1
    block, newest = past(11, step=step, length=85 + count), np.array([count - 2, count - 1])
    first = np.array([count - 1 - 3600 // step])
    for before in range(80, 85):  # what is asked may lie anywhere in a block of a baseline
        seen = block.cut(before, before + count)
        for wanted, asked in ((model.spec, newest), (model.sign_spec, newest), (model.spec, first)):
            there = features.compute(block, wanted, asked + before)
            same(features.compute(seen, wanted, asked), there)


def test_what_tells_the_class_is_the_same_in_a_history_and_now(trained: Trained, leaks: Labelled) -> None:
    table = tabulate(leaks, trained.model.spec)
    (block,) = leaks.dataset.blocks
    count, row = leaks.events[-1].last + 1, leaks.events[-1].rows[0]
    samples = table.everything((np.arange(block.length) == count - 1,))
    (there,) = table.told_by(samples.pick(samples.row == row))
    now = Seen(trained.model, leaks.dataset, block.cut(0, count), features.compute)
    np.testing.assert_allclose(now.told_by([row])[0], there, atol=1e-5)
    assert len(there) == features.told_by_width(trained.model.spec)
    names = [signal.name for signal in trained.model.spec.signals if signal.kind == "ratio"]
    values = block.values[row, :, count - 1]
    levels = [values[leaks.dataset.names.index(name)] for name in names]
    np.testing.assert_array_equal(there[-len(names) :], levels)


def test_of_the_signals_themselves_only_shares_of_a_limit_tell_the_class(world: World) -> None:
    noise = np.full((1, 90), 0.5)
    wanted = features.spec(world({"cpu_usage": noise, "memory_usage": noise, "memory_bytes": noise}))
    signs = np.zeros((2, features.told_by_width(wanted) - 4), dtype=np.float32)
    values = np.array([[7.0, 0.8, 9e9], [7.0, np.nan, 9e9]], dtype=np.float32)
    told = features.told_by(wanted, signs, np.zeros((2, 3), dtype=np.float32), values)
    assert told.shape == (2, features.told_by_width(wanted))
    np.testing.assert_array_equal(told[:, -1], np.array([0.8, 0], dtype=np.float32))
    assert told.max() < 1


def test_rules_name_the_leak_without_a_percentage(world: World) -> None:
    window = leak(world, level=0.9)
    (record,) = by_rules(window, window.blocks[0].end, cluster=KIND)
    assert (record.probability, record.low, record.model) == (None, None, "rules")
    assert record.alarmed
    assert record.issue == "memory-leak"
    assert record.reasons == ("working set 461 of 512 MiB, +3.1 MiB/min: full in 17 min",)


def test_a_leak_that_has_an_hour_left_is_a_hint_and_no_alarm(world: World) -> None:
    window = leak(world, level=0.6)
    (record,) = by_rules(window, window.blocks[0].end)
    assert 0 < record.score < 0.5
    assert not record.alarmed


@pytest.mark.parametrize(
    ("signals", "issue"),
    [
        ({"waiting_bad": 1.0}, "pod-crash"),
        ({"waiting_bad": 1.0, "last_oom": 1.0}, "memory-leak"),
        ({"ready": 0.0}, "pod-crash"),
        ({"db_pool_errors": 2.0}, "database-connection"),
        ({"db_pool_usage": 0.97}, "database-connection"),
        ({"cpu_limit_ratio": 0.97}, "cpu-saturation"),
        ({"memory_usage": 0.97}, "memory-leak"),
        ({"error_ratio": 0.4}, "network"),
    ],
)
def test_each_symptom_points_to_its_class(world: World, signals: dict[str, float], issue: str) -> None:
    window = world({name: np.full((1, 90), value) for name, value in signals.items()})
    (record,) = by_rules(window, window.blocks[0].end)
    assert record.alarmed
    assert record.issue == issue
    assert record.reasons


def test_a_record_says_what_its_model_says(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 10)
    half = timedelta(minutes=30)
    for target in (Target("forecast", half), Target("forecast", timedelta(0)), Target("detect", half)):
        record = predict(replace(trained.model, target=target), window, now=window.blocks[0].end)[0]
        assert record.words == target.words
        assert target_of([record]).mode == target.mode


def test_a_healthy_pod_is_no_rules_business(world: World) -> None:
    window = world({"memory_usage": np.full((1, 90), 0.4), "ready": np.ones((1, 90))})
    (record,) = by_rules(window, window.blocks[0].end)
    assert (record.score, record.alarmed, record.issue, record.reasons) == (0.0, False, "", ())


def test_a_pod_that_falls_silent_is_an_alarm_unless_another_took_its_place(world: World) -> None:
    there = np.ones((2, 90))
    there[0, -4:] = np.nan
    cut_off = world({"ready": there}, workloads=["deployment/cart"] * 2)
    (record,) = by_rules(cut_off, cut_off.blocks[0].end)
    assert (record.alarmed, record.reasons) == (True, ("no sample for 4 min",))
    there[1, :-5] = np.nan
    handed_over = world({"ready": there}, workloads=["deployment/cart"] * 2)
    (record,) = by_rules(handed_over, handed_over.blocks[0].end)
    assert not record.alarmed


def test_a_workload_that_was_scaled_down_is_no_alarm(world: World) -> None:
    there, wanted = np.ones((3, 90)), np.zeros((3, 90))
    there[2, -4:] = wanted[2, -4:] = np.nan
    smaller = world({"ready": there, "replicas_unavailable": wanted}, workloads=["deployment/cart"] * 3)
    (record,) = by_rules(smaller, smaller.blocks[0].end)
    assert (record.score, record.alarmed) == (0.0, False)
    wanted[:2, -4:] = 1 / 3
    missed = world({"ready": there, "replicas_unavailable": wanted}, workloads=["deployment/cart"] * 3)
    (record,) = by_rules(missed, missed.blocks[0].end)
    assert (record.alarmed, record.reasons) == (True, ("no sample for 4 min",))


def test_an_alarm_of_extrapolation_names_the_signal_that_reaches_its_limit(
    trained: Trained, world: World
) -> None:
    memory = np.full((1, 90), 0.3)
    memory[0, -20:] = np.linspace(0.3, 0.55, 20)
    data = world({"memory_usage": memory, "cpu_limit_ratio": np.full((1, 90), 0.6)})
    assert plain.loudest(data, data.blocks[0], 0, STATIC) == "cpu_limit_ratio"
    assert plain.loudest(data, data.blocks[0], 0, LINEAR) == "memory_usage"


def test_the_newest_point_of_the_trend_is_what_is_told(trained: Trained, leaks: Labelled) -> None:
    window = before_a_leak_ends(leaks, 10)
    for record in predict(trained.model, window, now=window.blocks[0].end):
        assert record.trend[-1] == pytest.approx(record.probability, abs=1e-4)


def test_latency_lost_on_the_way_is_the_network(world: World) -> None:
    gap = np.full((1, 90), 0.002)
    gap[0, -3:] = 0.4
    (record,) = by_rules(world({"edge_gap": gap}), world({"edge_gap": gap}).blocks[0].end)
    assert record.issue == "network"
    assert "400 ms (usually 2 ms)" in record.reasons[0]


def look_at(world: World, **values: np.ndarray) -> Look:
    data = world(values)
    return Look.at(data, data.blocks[0], 0)


def test_restarts_are_counted_over_a_reset(world: World) -> None:
    counter = np.array([[4.0] * 80 + [1.0] * 5 + [2.0] * 5])
    look = look_at(world, restarts=counter)
    assert look.more("restarts", 15) == 2
    assert look.words("restarts") == "2 restarts in 15 min"
    assert findings(look)[0].issue == "pod-crash"


def test_one_restart_is_one(world: World) -> None:
    look = look_at(world, restarts=np.array([[4.0] * 85 + [5.0] * 5]))
    assert look.words("restarts") == "1 restart in 15 min"


def test_silence_is_a_finding(world: World) -> None:
    cpu = np.ones((1, 90))
    cpu[0, -4:] = np.nan
    (finding,) = findings(look_at(world, cpu_usage=cpu))
    assert (finding.issue, finding.words) == ("network", "no sample for 4 min")


def test_a_signal_that_went_missing_fills_nothing_up_and_is_said_to_be_missing(world: World) -> None:
    share = np.full((1, 90), 0.30)
    share[0, -20:] = np.linspace(0.30, 0.32, 20)
    share[0, -6:] = np.nan
    window = world({"ready": np.ones((1, 90)), "memory_usage": share, "memory_bytes": share * 512 * MiB})
    look = Look.at(window, window.blocks[0], 0)
    assert look.full_in("memory_usage") == float("inf")
    assert look.words("memory_usage") == "memory: no sample for 5 min"
    (record,) = by_rules(window, window.blocks[0].end)
    assert (record.score, record.alarmed, record.issue) == (0.0, False, "")


@pytest.mark.parametrize("name", ["memory_usage", "memory_bytes", "fs_usage", "db_pool_usage", "edge_gap"])
@given(level=st.floats(0, 0.5), pace=st.floats(0.0005, 0.005), silent=st.integers(3, 10))
@settings(max_examples=20, deadline=None)
def test_no_rule_alarms_without_a_reason(name: str, level: float, pace: float, silent: int) -> None:
    values = np.clip(level + pace * np.arange(90), 0, 1)[None]
    values[0, 90 - silent :] = np.nan
    ready = Row("shop", "deployment/a", "a-0")
    chosen = (BY_NAME[name], BY_NAME["ready"])
    stacked = np.stack([values, np.ones((1, 90))], axis=1).astype(np.float32)
    window = Dataset(chosen, 60, (Block("run", (ready,), datetime(2026, 3, 2, tzinfo=UTC), 60, stacked),))
    (record,) = by_rules(window, window.blocks[0].end)
    assert bool(record.reasons) or not record.alarmed


def test_what_jumps_about_is_not_on_its_way_to_a_limit(world: World) -> None:
    noise = 0.5 + 0.2 * np.random.default_rng(1).standard_normal((1, 90))
    assert look_at(world, memory_usage=noise).full_in("memory_usage") == float("inf")


@pytest.mark.parametrize(
    ("name", "usual", "now", "notable"),
    [
        ("request_rate", 2e-10, 9e-5, False),
        ("request_rate", 0.0, 0.6, True),
        ("error_ratio", 0.0, 0.0004, False),
        ("error_ratio", 0.0, 0.02, True),
        ("latency_p95", 0.002, 0.004, False),
        ("latency_p95", 0.2, 0.21, False),
        ("latency_p95", 0.2, 0.23, True),
        ("fs_usage", 0.95, 0.95, True),
    ],
)
def test_a_difference_that_is_noise_is_no_reason(
    world: World, *, name: str, usual: float, now: float, notable: bool
) -> None:
    values = np.full((1, 90), usual)
    values[0, -5:] = now
    assert look_at(world, **{name: values}).notable(name) is notable


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.18, "ratio", "18 %"),
        (0.004, "ratio", "0.4 %"),
        (412 * MiB, "bytes", "412 MiB"),
        (2048.0, "bytes/s", "2 KiB/s"),
        (0.04, "seconds", "40 ms"),
        (2.0, "seconds", "2 s"),
        (1.25, "cores", "1.25 cores"),
        (7.0, "count", "7"),
        (0.00126, "count", "0.00126"),
        (1.88e-10, "count", "0"),
        (1.88e-10, "ratio", "0 %"),
        (1.88e-10, "bytes/s", "0 bytes/s"),
        (1020.0, "bytes", "1020 bytes"),
        (1234.5, "req/s", "1234 req/s"),
        (123.0, "seconds", "123 s"),
    ],
)
def test_amounts_read_as_people_write_them(value: float, unit: str, words: str) -> None:
    assert amount(value, unit) == words


def test_durations_read_as_people_write_them() -> None:
    assert [duration(m) for m in (0.4, 32, 300)] == ["less than a minute", "32 min", "5 h"]


def test_importing_the_facade_loads_no_heavy_library() -> None:
    code = (
        "import sys, chaoskit.prediction as p; p.__all__;"
        "print(sorted({'numpy','sklearn','scipy','pandas','joblib','yaml','pydantic'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_name_of_the_facade_is_there() -> None:
    import chaoskit.prediction as facade

    assert all(getattr(facade, name) is not None for name in facade.__all__)
    with pytest.raises(AttributeError):
        _ = facade.nothing_of_this_name


def test_a_leak_is_like_the_leaks_that_were_learned_and_says_when_they_were(
    trained: Trained, leaks: Labelled
) -> None:
    window = before_a_leak_ends(leaks, 10)
    first, *_, last = predict(trained.model, window, now=window.blocks[0].end)
    starts = {event.start.isoformat()[:16] for event in leaks.events}
    assert [each["issue"] for each in first.similar] == ["memory-leak"] * 3
    likeness = [each["likeness"] for each in first.similar]
    assert 1 >= likeness[0] >= likeness[2] >= 0.2
    assert {each["at"][:16] for each in first.similar} <= starts
    assert last.similar == ()


def test_an_incident_is_most_like_itself(trained: Trained) -> None:
    model = trained.model
    rows = np.random.default_rng(1).random((4, len(model.spec.names))).astype(np.float32)
    known = tuple(
        replace(model.incidents[0], target=f"deployment/{at}", leaves=model.failure.apply(rows[at : at + 1]))
        for at in range(4)
    )
    found = nearest(known, model.failure, rows, most=1)
    assert [(each[0]["target"], each[0]["likeness"]) for each in found] == [
        (f"deployment/{at}", 1.0) for at in range(4)
    ]
    assert nearest((), model.failure, rows) == [(), (), (), ()]
