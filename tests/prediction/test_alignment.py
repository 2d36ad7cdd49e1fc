"""Labels that are of another zone than the metrics are told, with how far they are off."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.prediction.conftest import START, made

from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.labelling.alignment import shifted
from chaoskit.records import LabelRecord

AT = [95 + 61 * number for number in range(12)]


def stepping(off: timedelta = timedelta(0), height: float = 0.5, meaning: str = "failure") -> Dataset:
    """Twelve faults in fourteen hours on four pods, which labels tell that much later."""
    cpu = 0.2 + 0.03 * np.random.default_rng(4).random((4, 840))
    labels = []
    for number, minute in enumerate(AT):
        cpu[number % 4, minute : minute + 6] += height
        start = START + timedelta(minutes=minute) + off
        labels.append(
            LabelRecord(
                id=str(number), at=start, trace_id="", target=f"app-{number % 4}", namespace="",
                meaning=meaning, issue="cpu-saturation", start=start, end=start + timedelta(minutes=6),
            )
        )  # fmt: skip
    return made({"cpu_usage": cpu}, pods=[f"app-{n}" for n in range(4)], labels=labels)


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (timedelta(hours=8), "signals move 8 h before failures are told"),
        (timedelta(hours=-5, minutes=-30), "signals move 5 h 30 min after failures are told"),
        (timedelta(minutes=25), "signals move 25 min before"),
    ],
)
def test_labels_of_another_zone_are_told_with_how_far_they_are_off(off: timedelta, words: str) -> None:
    (note,) = shifted(stepping(off).blocks, stepping(off).labels)
    assert words in note


@pytest.mark.parametrize("off", [0, 4, -4])
def test_labels_that_begin_about_when_signals_move_are_well(off: int) -> None:
    data = stepping(timedelta(minutes=off))
    assert shifted(data.blocks, data.labels) == []


def test_signals_that_show_nothing_anywhere_tell_nothing() -> None:
    data = stepping(timedelta(hours=8), height=0.0)
    assert shifted(data.blocks, data.labels) == []


def test_few_failures_and_ramps_tell_nothing() -> None:
    data = stepping(timedelta(hours=8))
    assert shifted(data.blocks, data.labels[:3]) == []
    ramps = stepping(timedelta(hours=8), meaning="ramp")
    assert shifted(ramps.blocks, ramps.labels) == []


def test_missing_samples_and_breaks_are_no_movement() -> None:
    data = stepping(timedelta(hours=8))
    (block,) = data.blocks
    values = block.values.copy()
    values[:, :, ::7] = np.nan
    values[3] = np.nan
    whole = replace(block, values=values)
    parts = whole.cut(0, 400), whole.cut(400, 840)
    (note,) = shifted(parts, data.labels)
    assert "8 h before" in note


def test_a_real_slice_is_labelled_when_its_signals_move(slice_: Dataset) -> None:
    assert shifted(slice_.blocks, slice_.labels) == []
    moved = [replace(each, start=each.start + timedelta(hours=2)) for each in slice_.labels]
    (note,) = shifted(slice_.blocks, moved)
    assert re.search(r"signals move (2 h|1 h 5[5-9] min|2 h [1-5] min) before", note)
