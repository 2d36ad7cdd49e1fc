from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from tests.prediction.conftest import leaking, tiny

from chaoskit import errors
from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging import baselines, card, classes, page
from chaoskit.prediction.judging.evaluation import Trained, build, evaluate, evaluate_foreign, recalibrated
from chaoskit.prediction.judging.examining import Examiner, intervals, precision_interval, rate_bound
from chaoskit.prediction.judging.frequencies import expected_calibration_error
from chaoskit.prediction.labelling.labels import Event, Labelled, Target, label
from chaoskit.prediction.learning import folds
from chaoskit.prediction.learning.alarms import Catch, Judge, Judgement
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.table import tabulate
from chaoskit.records import LabelRecord

World = Callable[..., Dataset]
NOW = datetime(2026, 3, 3, tzinfo=UTC)
START = datetime(2026, 3, 2, 7, 13, tzinfo=UTC)


def test_leaks_are_foreseen_with_minutes_to_spare(trained: Trained) -> None:
    line = trained.report.model
    hit, due = line.caught["memory-leak"]
    assert hit / due >= 0.8
    assert line.lead_mean is not None
    assert line.lead_mean >= 10 * 60
    assert line.pr_auc > 5 * trained.report.data["prevalence"]


def test_the_model_beats_every_baseline_where_leaks_announce_themselves(trained: Trained) -> None:
    assert trained.report.beaten_by == ()
    names = {line.name for line in trained.report.lines}
    assert {"static rule", "predict_linear", "z-score", "EWMA", "IsolationForest", "persistence"} <= names


def test_on_real_data_cpu_and_memory_faults_are_caught_and_network_gets_no_credit(detected: Trained) -> None:
    report = detected.report
    visible = [report.model.caught[issue] for issue in ("cpu-saturation", "memory-leak")]
    assert sum(hit for hit, _ in visible) / sum(due for _, due in visible) >= 0.7
    assert report.model.caught["network"][0] == 0
    assert report.model.pr_auc_by_class["network"] < 0.05
    assert report.model.false_per_hour < 0.5
    assert not next(probe for probe in report.probes if probe.name == "blind to network").warning


def test_probabilities_on_real_data_beat_the_base_rate(detected: Trained) -> None:
    rate = detected.report.data["prevalence"]
    assert detected.report.model.brier is not None
    assert detected.report.model.brier < rate * (1 - rate)


def test_labels_without_meaning_do_not_beat_the_baselines(
    world: World, options: Callable[..., Options]
) -> None:
    random = np.random.default_rng(2)
    data = world({"cpu_usage": random.random((6, 900)), "memory_usage": 0.5 + 0.1 * random.random((6, 900))})
    start = data.blocks[0].start
    records = [
        LabelRecord(
            id=str(n), at=start, trace_id="", target=f"app-{random.integers(6)}", namespace="",
            meaning="failure", issue="network", start=start + timedelta(minutes=at),
            end=start + timedelta(minutes=at + 5),
        )
        for n, at in enumerate(range(20, 880, 30))
    ]  # fmt: skip
    labelled = label(data, Target("detect", timedelta(0)), extra=records)
    report = build(labelled, options(), thorough=False, now=NOW).report
    assert report.model.roc_auc < 0.75
    assert not report.beats_baselines
    assert any("does not beat" in note for note in report.notes)


def test_a_schedule_and_a_constant_victim_set_off_the_probes(
    world: World, options: Callable[..., Options]
) -> None:
    random = np.random.default_rng(2)
    cpu = random.random((6, 900))
    for at in range(20, 880, 30):
        cpu[2, at + 1 : at + 6] += 3
    data = world({"cpu_usage": cpu})
    start = data.blocks[0].start
    records = [
        LabelRecord(
            id=str(at), at=start, trace_id="", target="app-2", namespace="", meaning="failure",
            issue="cpu-saturation", start=start + timedelta(minutes=at),
            end=start + timedelta(minutes=at + 4),
        )
        for at in range(20, 880, 30)
    ]  # fmt: skip
    labelled = label(data, Target("detect", timedelta(0)), extra=records)
    probes = {probe.name: probe for probe in build(labelled, options(), now=NOW).report.probes}
    assert probes["identity only"].warning.endswith("nothing here tells of others")  # no such column
    assert probes["clock only"].warning


def test_a_model_can_be_judged_on_other_data_with_its_own_thresholds(trained: Trained) -> None:
    other = label(made_elsewhere(), Target())
    report = evaluate(trained, other)
    assert report.model.threshold == trained.model.threshold
    assert {line.name: line.threshold for line in report.lines} == {
        each.name: each.threshold for each in trained.baselines
    }


def test_so_few_failures_leave_the_ranking_of_samples_open() -> None:
    y = np.array([True] * 4 + [False] * 3)
    event = np.array([0, 0, 1, 1, -1, -1, -1], dtype=np.int32)
    ranked = np.array([0.9, 0.9, 0.2, 0.1, 0.5, 0.2, 0.0], dtype=np.float32)
    found = precision_interval(y, ranked, event)
    assert found is not None
    one, other = (  # each drawn twice, and the other not at all
        average_precision_score(y, ranked, sample_weight=np.where(y, 2.0 * (event == drawn), 1))
        for drawn in (0, 1)
    )
    assert (found.low, found.high) == pytest.approx((other, one))
    assert precision_interval(y, ranked, np.zeros(7, dtype=np.int32)) is None


def test_an_interval_of_many_failing_samples_needs_no_memory_for_each_draw() -> None:
    random = np.random.default_rng(2)
    y = np.arange(40_000) < 20_000
    event = np.where(y, np.arange(40_000) // 400, -1).astype(np.int32)
    ranked = (random.random(40_000) + 0.5 * y).astype(np.float32)
    tracemalloc.start()
    found = precision_interval(y, ranked, event)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert found.low < average_precision_score(y, ranked) < found.high
    assert most < 40e6


def judgement(caught: int, missed: int, false: int) -> Judgement:
    """So many events of one workload were caught and missed in a day, with so many false alarms."""
    delays = [60.0] * caught + [None] * missed
    event = Event(0, (0,), 0, 0, "network", START, START, "deployment/cart", "shop")
    catches = tuple(Catch(event, delay, 0.0) for delay in delays)
    return Judgement(1.0, catches, ((0, 0, 0),) * false, 0, 24.0, 1.0)


@pytest.mark.parametrize(
    ("caught", "missed", "low", "high"),
    [(4, 0, 0.56, 1.0), (15, 0, 0.85, 1.0), (0, 4, 0.0, 0.44), (200, 200, 0.45, 0.55)],
)
@pytest.mark.parametrize("false", [0, 3])
def test_few_events_leave_open_what_none_of_them_showed(
    caught: int, missed: int, low: float, high: float, false: int
) -> None:
    judged = judgement(caught, missed, false)
    recall, f1 = intervals(judged)
    assert recall.low == pytest.approx(low, abs=0.02)
    assert recall.high == pytest.approx(high, abs=0.02)
    assert f1.low <= judged.f1 <= f1.high
    assert f1.high - f1.low > 0.05


def test_a_rate_of_what_never_came_has_a_bound() -> None:
    assert rate_bound(0, 42.0) == pytest.approx(3 / 42, rel=0.01)  # the rule of three
    assert np.isnan(rate_bound(0, 0.0))


def test_the_share_of_the_lead_of_one_failure_has_no_interval(leaks: Labelled) -> None:
    event = next(each for each in leaks.events if each.first > 60)
    judge = Judge(replace(leaks, events=(event,)), folds.everything(leaks))
    table = tabulate(leaks, features.spec(leaks.dataset))
    asked = judge.clear(table.samples(folds.everything(leaks)))
    alarm = np.zeros(leaks.truths[0].y.shape, dtype=np.float32)
    alarm[list(event.rows), event.first - 16] = 1
    line = Examiner(table, judge, asked).line("one", [alarm], judge.judge([alarm], 0.5))
    assert line.lead_share is not None
    assert 0.4 < line.lead_share < 0.6
    assert line.lead_share_interval is None


def test_what_was_never_said_of_three_may_still_be_said_of_the_fourth() -> None:
    found = classes.interval(((3, 0), (3, 0)), 1 / 3)
    assert found is not None
    assert found.low <= 1 / 3
    assert 0.45 < found.high < 0.9
    many = classes.interval(((300, 0), (300, 0)), 1 / 3)
    assert many is not None
    assert many.high - many.low < 0.05
    sure = classes.interval(((1, 0), (0, 1)), 1.0)
    assert sure is not None
    assert sure.high == 1


def test_one_class_that_was_told_rightly_leaves_open_what_the_model_might_have_said() -> None:
    one, many = (classes.interval(((count,),), 1.0, unsaid=2) for count in (1, 300))
    assert one is not None
    assert many is not None
    assert one.low < 0.5 < one.high == 1
    assert many.low > 0.97
    assert classes.interval(((5,),), 1.0) is None


def test_of_one_class_alone_no_more_is_told_than_its_events_say(trained: Trained) -> None:
    found = trained.report.classes
    assert found is not None
    assert (found.names, set(trained.model.issues.classes_)) == (("memory-leak",), {"memory-leak"})
    assert found.macro_f1_interval is None
    words = "one class alone, memory-leak: nothing to tell apart"
    assert card.told("class", found) == f"class {words}"
    plain = card.document(trained.report)
    assert (plain["classes"]["accuracy"], plain["classes"]["names"]) == (None, ["memory-leak"])
    assert [each["name"] for each in plain["probes"] if each["name"] == "class before"] == []
    _, after = page.markdown(trained.report, "A model").split("## Which class\n")
    assert after.strip().startswith(f"Per event that can be seen: {words}.\n\n")


def test_the_share_of_the_lead_is_told_with_what_drawing_the_failures_anew_leaves_open(
    trained: Trained,
) -> None:
    line = trained.report.model
    assert line.lead_share is not None
    assert line.lead_share_interval is not None
    assert line.lead_share_interval.low < line.lead_share < line.lead_share_interval.high
    words = card.intervals(trained.report)
    assert f"share of the lead {line.lead_share:.0%} ({line.lead_share_interval.low:.0%} to" in words
    assert words in page.markdown(trained.report, "A model")


def test_the_order_of_the_signals_changes_nothing(trained: Trained) -> None:
    data = made_elsewhere()
    usual, reverse = (
        evaluate(replace(trained, witnesses=None), label(data.select(order), Target()))
        for order in (data.signals, data.signals[::-1])
    )
    assert usual.beats_baselines
    assert card.rows(reverse) == card.rows(usual)


def test_a_signal_that_the_data_lacks_is_missing_and_named(trained: Trained) -> None:
    data = made_elsewhere()
    data = replace(data, blocks=tuple(block.cut(0, 480) for block in data.blocks))
    fewer = label(data.select([each for each in data.signals if each.name != "cpu_usage"]), Target())
    told = "without cpu_usage, which the model knows and the data lacks"
    for calibrated in (False, True):
        report = evaluate(replace(trained, witnesses=None), fewer, calibrated=calibrated)
        assert told in report.notes
        assert report.data["missing_share"] == pytest.approx(1 / 7)
    assert told in page.notes(recalibrated(trained, fewer).report)[0]
    assert told in evaluate_foreign(trained.model, fewer).notes


def test_data_without_most_signals_of_the_model_cannot_judge_it(trained: Trained, world: World) -> None:
    queue = label(world({"fs_usage": np.ones((2, 200)), "memory_usage": np.full((2, 200), np.nan)}), Target())
    with pytest.raises(
        errors.NoBaseline, match=r"lacks most of the model's signals .*memory_usage, memory_by"
    ):
        evaluate(trained, queue)


def made_elsewhere() -> Dataset:
    """Other leaks, two days later."""
    data = leaking(seed=5)
    return replace(data, blocks=tuple(replace(b, start=b.start + timedelta(days=2)) for b in data.blocks))


def calm(trained: Trained, world: World) -> Dataset:
    """Two pods of which nothing is wrong, with half of the model's signals."""
    there = ("cpu_usage", "memory_usage", "request_rate", "ready")
    healthy = world(
        {name: np.full((2, 200), 0.4 + (name == "ready") * 0.6) for name in there}, pods=["a", "b"]
    )
    return healthy.select(trained.model.spec.signals)


def test_data_without_failures_cannot_judge(trained: Trained, world: World) -> None:
    healthy = calm(trained, world)
    with pytest.raises(errors.NoBaseline, match="no failure"):
        evaluate(trained, label(healthy, Target()))


def test_a_failure_that_begins_when_the_data_ends_is_named_but_shown_by_no_sample(
    trained: Trained, world: World
) -> None:
    healthy = calm(trained, world)
    (block,) = healthy.blocks
    begins = block.end + timedelta(seconds=20)
    record = LabelRecord(
        id="1", at=begins, trace_id="", target="a", namespace="", meaning="failure", issue="network",
        start=begins, end=begins + timedelta(minutes=3),
    )  # fmt: skip
    told = r"the data's failures \(1\) begin when it or their pod ends: no sample shows them"
    with pytest.raises(errors.NoBaseline, match=told):
        evaluate(trained, label(healthy, Target(), extra=[record]))


def test_too_few_failures_for_a_held_out_end_are_judged_out_of_fold_and_said_so(leaks: Labelled) -> None:
    block = leaks.dataset.blocks[0].cut(0, 300)
    short = label(replace(leaks.dataset, blocks=(block,)), Target())
    report = build(short, tiny(), holdout=0.35, thorough=False, now=NOW).report
    assert any("out of fold" in note for note in report.notes)
    assert report.data["hours"] == pytest.approx(4.5)


def test_the_held_out_end_lies_behind_a_gap_of_twice_the_window(trained: Trained) -> None:
    assert "last 45% of every run" in trained.report.split
    assert "132 min before it left out" in trained.report.split
    assert trained.report.data["hours"] == pytest.approx(16 * 0.45 - 132 / 60, abs=0.5)


def test_calibration_error_is_the_distance_between_said_and_seen() -> None:
    said = np.array([0.25] * 4 + [0.85] * 4)
    assert expected_calibration_error(said, np.array([1, 0, 0, 0, 1, 1, 1, 1])) == pytest.approx(0.075)


def test_the_card_is_json_without_holes_and_markdown_with_every_method(trained: Trained) -> None:
    text = json.dumps(card.document(trained.report), allow_nan=False)
    assert json.loads(text)["schema"] == "chaoskit.io/model-card/v8"
    text_ = page.markdown(trained.report, "A model", about=["From a test."])
    for row in card.rows(trained.report):
        assert len(row) == len(card.HEADINGS)
        assert f"| {row[0]} |" in text_
    assert "fails within 30 min" in text_
    assert "- memory-leak: forecast, a leak climbs" in text_
    assert "disk" not in text_  # the model has no such class
    assert "pod-crash" not in text_


def test_the_card_of_a_detector_promises_no_forecast(detected: Trained) -> None:
    text = page.markdown(detected.report, "Sock Shop")
    assert "does not forecast" in text
    assert "min early" not in text


def test_each_baseline_sees_what_it_is_made_for(world: World, options: Callable[..., Options]) -> None:
    memory = np.full((2, 240), 0.3) + 0.002 * np.random.default_rng(1).standard_normal((2, 240))
    memory[0, 180:] = np.linspace(0.3, 0.99, 60)
    cpu = np.ones((2, 240)) + 0.01 * np.random.default_rng(2).standard_normal((2, 240))
    cpu[1, 200:206] = 4
    gone = {"memory_usage": memory, "cpu_usage": cpu}
    for values in gone.values():
        values[1, 226:] = np.nan
    labelled = label(world(gone), Target())
    table = tabulate(labelled, features.spec(labelled.dataset))
    made = {
        each.name: each.scores(table)[0]
        for each in baselines.fit(table, folds.everything(labelled), options())
    }
    assert np.nanargmax(made["static rule"][0]) == 239
    assert made["predict_linear"][0, 215] > 0.95 > made["static rule"][0, 215]
    assert made["absence"][1, 230] == 1
    assert made["EWMA"][1, 200] > 20 * np.nanmedian(made["EWMA"][1, 100:199])
    assert made["z-score"][1, 200] > 20 * np.nanmax(made["z-score"][1, 100:199])
    assert made["IsolationForest"][1, 201] > np.nanmedian(made["IsolationForest"][1])


def test_a_moving_average_begins_with_each_pod(world: World, options: Callable[..., Options]) -> None:
    memory = 0.4 + 0.002 * np.random.default_rng(1).standard_normal((3, 240))
    memory[1, :120], memory[2, 100:110] = np.nan, np.nan  # made later; not measured for ten minutes
    memory[1, 200:206] += 0.3
    labelled = label(world({"memory_usage": memory}), Target())
    table = tabulate(labelled, features.spec(labelled.dataset))
    every = baselines.fit(table, folds.everything(labelled), options())
    scores = next(each.scores(table)[0] for each in every if each.name == "EWMA")
    assert np.isnan(scores[1, :141]).all()
    assert np.nanmax(scores[1, :200]) < 1
    assert scores[1, 200] > 5
    assert np.nanmax(scores[2]) < 1


def test_the_forest_alone_and_every_member_stand_beside_the_joined_alarm(trained: Trained) -> None:
    report = trained.report
    assert card.rows(report)[1][0] == "random forest alone"
    assert [each.name for each in report.members] == list(trained.model.join.thresholds)
    assert report.alone.brier == report.model.brier
    for each in report.members:
        assert all(hit <= report.model.caught[issue][0] for issue, (hit, _) in each.caught.items())
        assert f"| {each.name} |" in page.markdown(report, "A model")


@pytest.mark.parametrize("recipe", ["window", "evidence"])
def test_the_deviation_of_a_fault_is_not_cut_to_that_of_a_healthy_spike(
    world: World, options: Callable[..., Options], recipe: features.Recipe
) -> None:
    cpu = 1 + 0.01 * np.random.default_rng(3).standard_normal((2, 240))
    cpu[0, 120] = 1.5  # a spike
    cpu[1, 200:206] = 4.0  # a fault
    record = LabelRecord(
        id="1", at=START, trace_id="", target="app-1", namespace="", meaning="failure",
        issue="cpu-saturation", start=START + timedelta(minutes=199), end=START + timedelta(minutes=205),
    )  # fmt: skip
    labelled = label(world({"cpu_usage": cpu}), Target("detect", timedelta(0)), extra=[record])
    table = tabulate(labelled, features.spec(labelled.dataset, recipe))
    made = {each.name: each for each in baselines.fit(table, folds.everything(labelled), options())}
    scores = made["z-score"].scores(table)[0]
    spread = np.nanmax(scores[0]) / 0.5
    assert np.nanmax(scores[1]) == pytest.approx(3.0 * spread, rel=0.2)
    judged = Judge(labelled, folds.everything(labelled)).judge([scores], made["z-score"].threshold)
    assert (judged.caught, judged.false) == (1, 0)
