"""Leaks are looked for, and features give none: not the pod, not the time, not labels without meaning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
from tests.prediction.conftest import leaking, tiny

from chaoskit.prediction import features, folds, forest, witnesses
from chaoskit.prediction.evaluation import Trained, evaluate
from chaoskit.prediction.labels import Labelled, Target, label
from chaoskit.prediction.table import tabulate


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
    probes = {probe.name: probe for probe in trained.report.probes}
    assert {"identity only", "clock only", "labels moved in time"} <= set(probes)
    assert probes["labels moved in time"].score < 0.7


def test_on_real_data_neither_the_class_nor_the_victim_is_known_before(detected: Trained) -> None:
    probes = {probe.name: probe for probe in detected.report.probes}
    assert probes["healthy part only"].score < 0.75
    assert not probes["blind to network"].warning


def test_labels_moved_in_time_lie_on_healthy_samples_alone(leaks: Labelled) -> None:
    table = tabulate(leaks, features.spec(leaks.dataset))
    moved = witnesses.shifted(table)
    for was, now in zip(leaks.truths, moved.labelled.truths, strict=True):
        assert (was.y[now.y == 1] == 0).all()
