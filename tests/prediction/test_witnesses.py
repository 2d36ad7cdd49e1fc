"""Leaks are looked for, and features give none: not the pod, not the time, not labels without meaning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.prediction.conftest import START, leaking, made, tiny

from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Block
from chaoskit.prediction.judging import probes, witnesses
from chaoskit.prediction.judging.evaluation import Trained, evaluate
from chaoskit.prediction.judging.report import ClassReport
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds, forest
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.prediction.learning.table import tabulate
from chaoskit.records import LabelRecord


def test_a_stranger_never_saw_the_workload_that_it_scores(leaks: Labelled) -> None:
    table = tabulate(leaks, features.spec(leaks.dataset))
    every = folds.everything(leaks)
    found = witnesses.strangers(table, every, tiny())
    assert found is not None
    held = [name for names, _ in found.forests for name in names]
    assert sorted(held) == table.workloads
    asked = table.samples(every)
    (names, grown), *_ = found.forests
    mine = asked.pick(table.of_workloads(asked, sorted(names)))
    expected = table.spread(mine, forest.score(grown, table.features(mine)))[0]
    scores = found.scores(table, asked)[0]
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(scores[known], expected[known])


def test_a_model_is_judged_by_its_strangers_on_other_data_too(trained: Trained) -> None:
    data = leaking(seed=5)
    days_later = tuple(replace(each, start=each.start + timedelta(days=2)) for each in data.blocks)
    report = evaluate(trained, label(replace(data, blocks=days_later), Target()))
    assert report.workload_held_out is not None
    assert report.workload_held_out.recall > 0.5


def test_nothing_but_the_names_of_pods_foretells_no_leak(trained: Trained) -> None:
    found = {probe.name: probe for probe in trained.report.probes}
    assert {"identity only", "clock only", "labels moved in time"} <= set(found)
    assert found["labels moved in time"].score < 0.7


def test_on_real_data_neither_the_class_nor_the_victim_is_known_before(detected: Trained) -> None:
    found = {probe.name: probe for probe in detected.report.probes}
    assert found["healthy part only"].score < 0.75
    assert not found["blind to network"].warning


def ramps() -> Labelled:
    """Two runs, in each of which the first pod begins to go wrong after 80 minutes, and fails after 110."""
    blocks: list[Block] = []
    records = []
    for run in ("monday", "tuesday"):
        begins = START + timedelta(days=len(blocks))
        blocks.append(replace(made({"cpu_usage": np.ones((4, 120))}, start=begins).blocks[0], run=run))
        first, last = begins + timedelta(minutes=80), begins + timedelta(minutes=110)
        for target, meaning, end in (("app-0", "ramp", last), ("*", "unknown", last + timedelta(days=1))):
            records.append(
                LabelRecord(
                    id="", at=first, trace_id="", target=target, namespace="", meaning=meaning,
                    issue="cpu-saturation", start=first, end=end, run=run,
                )
            )  # fmt: skip
    data = replace(made({"cpu_usage": np.ones((4, 120))}), blocks=tuple(blocks))
    return label(data, Target("forecast", timedelta(0)), extra=records)


@pytest.mark.parametrize(("known", "told"), [(0.0, False), (1.0, True)])
def test_who_is_known_before_a_ramp_begins_is_told(trained: Trained, known: float, *, told: bool) -> None:
    """Of all ramps that are judged, although the other probes see half of the time."""
    labelled = ramps()
    table, every = tabulate(labelled, features.spec(labelled.dataset)), folds.everything(labelled)
    random = np.random.default_rng(4)
    scores = [random.random((4, 120)).astype(np.float32) for _ in labelled.truths]
    scores[0][0, 65:80] += known
    half = (np.zeros(120, dtype=bool), every[1])
    line, judge = trained.report.alone, Judge(labelled, every)
    (found,) = probes.probe(table, judge, half, scores, line, None, None, None)
    assert (found.name, bool(found.warning)) == ("healthy part only", told)
    assert (probes.EARLIER in found.warning) == told


def test_a_class_that_is_known_early_may_have_begun_before_its_label(
    trained: Trained, leaks: Labelled
) -> None:
    table, every = tabulate(leaks, features.spec(leaks.dataset)), folds.everything(leaks)
    early = ClassReport(
        1, 1, 1, 1, before_accuracy=0.9, chance=0.5, names=("a", "b"), confusion=((1, 0), (0, 1))
    )
    scores = [np.zeros(truth.y.shape, dtype=np.float32) for truth in leaks.truths]
    found = probes.probe(table, Judge(leaks, every), every, scores, trained.report.alone, None, early, None)
    (warning,) = [each.warning for each in found if each.name == "class before"]
    assert (
        "the sessions differ, or the failures show before their labels begin: label them from there"
        in warning
    )


def test_what_is_to_be_foreseen_may_be_known_before(trained: Trained) -> None:
    assert "healthy part only" not in {probe.name for probe in trained.report.probes}


def test_labels_moved_in_time_lie_on_healthy_samples_alone(leaks: Labelled) -> None:
    table = tabulate(leaks, features.spec(leaks.dataset))
    moved = witnesses.shifted(table)
    for was, now in zip(leaks.truths, moved.labelled.truths, strict=True):
        assert (was.y[now.y == 1] == 0).all()
