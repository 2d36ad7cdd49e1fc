"""A model that beats its baselines must beat alarms at random as well."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from tests.prediction.conftest import START, made, tiny

from chaoskit.prediction.judging.evaluation import build
from chaoskit.prediction.judging.luck import AT_RANDOM, by_luck
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds
from chaoskit.prediction.learning.alarms import Judge
from chaoskit.records import LabelRecord

DETECT = Target("detect", timedelta(0))


def faults(values: dict[str, np.ndarray], at: list[tuple[int, int]], minutes: int = 6) -> Labelled:
    """A fault on each of these pods at each of these minutes."""
    found = []
    for pod, minute in at:
        start = START + timedelta(minutes=minute)
        found.append(
            LabelRecord(
                id=f"{minute}", at=start, trace_id="", target=f"app-{pod}", namespace="", meaning="failure",
                issue="cpu-saturation", start=start, end=start + timedelta(minutes=minutes - 1),
            )
        )  # fmt: skip
    return label(made(values, pods=[f"app-{n}" for n in range(4)]), DETECT, extra=found)


def alarms(shape: tuple[int, int], at: list[tuple[int, int]], minutes: int) -> list[np.ndarray]:
    scores = np.zeros(shape, dtype=np.float32)
    for pod, minute in at:
        scores[pod, minute : minute + minutes] = 1
    return [scores]


AT = [(number % 4, 30 + 100 * number) for number in range(6)]


def test_the_same_alarms_at_random_times_catch_next_to_nothing() -> None:
    labelled = faults({"cpu_usage": np.full((4, 620), 0.5)}, AT)
    every = folds.everything(labelled)
    luck = by_luck(labelled, every, alarms((4, 620), AT, 6), 1.0)
    assert 0 < luck < 0.2
    assert by_luck(labelled, every, alarms((4, 620), AT, 60), 1.0) > luck
    assert by_luck(labelled, every, alarms((4, 620), [], 6), 1.0) == 0


def test_luck_is_the_same_each_time() -> None:
    labelled = faults({"cpu_usage": np.full((4, 620), 0.5)}, AT)
    every = folds.everything(labelled)
    one, other = (by_luck(labelled, every, alarms((4, 620), AT, 20), 1.0) for _ in range(2))
    assert one == other


def test_an_alarm_without_an_end_is_as_good_at_random() -> None:
    labelled = faults({"cpu_usage": np.full((4, 620), 0.5)}, AT)
    always = [np.ones((4, 620), dtype=np.float32)]
    every = folds.everything(labelled)
    assert by_luck(labelled, every, always, 1.0) == pytest.approx(
        Judge(labelled, every).judge(always, 1.0).f1
    )


@pytest.mark.no_cover  # it looks for limits ten thousand times, which others do once
def test_a_model_that_alarms_whenever_it_may_beats_nobody_who_alarms_at_random() -> None:
    noise = np.random.default_rng(1).random((4, 620))
    report = build(faults({"cpu_usage": noise}, AT), tiny(false_alarms_per_day=5000), thorough=False).report
    assert AT_RANDOM in report.beaten_by
    assert not report.beats_baselines
    assert any(note.startswith(f"{AT_RANDOM} have an event F1 of ") for note in report.notes)
