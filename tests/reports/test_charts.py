"""The geometry of charts: one time axis for all, round ticks, gaps left open, labels that do not overlap."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.reports.made import at, look, run, weak

from chaoskit.reports.axes import HEIGHT, LEFT, RIGHT, TOP, WIDTH, shown
from chaoskit.reports.charts import LETTER, Picture, picture


def _signal(points: list[list[Any]], **more: Any) -> dict[str, Any]:
    return {
        "signal": "error_ratio",
        "of": "deployment/cart",
        "name": "errors",
        "unit": "ratio",
        "points": points,
        **more,
    }


def _drawn(*signals: dict[str, Any], **more: Any) -> Picture:
    made = weak(**more)
    made["evidence"] = {**made["evidence"], "signals": list(signals)}
    found = picture(made)
    assert found is not None
    return found


LINE = _signal([[at(s), 0.01] for s in range(-160, 101, 20)])


def test_where_there_is_nothing_to_draw_there_is_no_picture() -> None:
    assert picture(run()) is None
    assert picture(run("no-baseline", steady_state=[look(1, False, 0.2, stage="before")])) is None


def test_the_fault_stands_at_the_same_place_in_every_chart() -> None:
    found = _drawn(LINE)
    assert found.fault is not None
    left, width = found.fault
    whole = WIDTH - LEFT - RIGHT
    assert left == pytest.approx(LEFT + whole * 180 / 260, abs=0.1)
    assert width == pytest.approx(whole * 30 / 260, abs=0.1)
    assert found.axis.x(found.axis.zero) == left


def test_ticks_are_round_moments_counted_from_the_injection() -> None:
    labels = [tick.label for tick in _drawn(LINE).axis.ticks]
    assert labels[:2] == ["-3:00", "-2:30"]
    assert "0:00" in labels
    assert len(labels) <= 12


def test_a_gap_in_the_samples_is_a_gap_in_the_line() -> None:
    gap = _signal([[at(s), 0.01] for s in (0, 10, 20, 30, 80, 90)])
    assert _drawn(gap).charts[0].line.count("M") == 2


def test_everything_is_inside_its_chart() -> None:
    wild = _signal([[at(s), value] for s, value in ((0, -3.0), (10, 1e9), (20, 0.0), (30, 7.0))], most=5.0)
    (chart,) = _drawn(wild).charts
    numbers = [
        float(n) for pair in chart.line.replace("M", "").replace("L", "").split() for n in pair.split(",")
    ]
    assert all(LEFT <= x <= WIDTH for x in numbers[::2])
    assert all(TOP <= y <= HEIGHT for y in numbers[1::2])
    assert chart.bound is not None
    assert TOP <= chart.bound.at <= HEIGHT


def test_a_line_that_never_moves_has_a_scale_too() -> None:
    flat = _signal([[at(s), 0.0] for s in (0, 10, 20)])
    assert next(tick.label for tick in _drawn(flat, steady_state=[]).charts[0].ticks) == "0 %"


def test_looks_at_a_signal_stand_in_its_chart_and_no_other() -> None:
    mine, other = _drawn(LINE, _signal(LINE["points"], of="deployment/orders")).charts
    assert [dot.kind for dot in mine.dots].count("broken") == 2
    assert other.dots == ()


@pytest.mark.parametrize(
    ("most", "least", "after", "label"),
    [
        (0.05, None, 0.2, "20 %"),
        (None, 0.5, 0.001, None),
        (None, 0.02, 0.001, "0.1 %"),
        (None, None, 0.2, "20 %"),
        (None, None, 0.01, None),
    ],
)
def test_the_peak_is_the_worst_since_the_injection_if_it_stands_out(
    most: float | None, least: float | None, after: float, label: str | None
) -> None:
    points = [[at(s), 0.01 if s < 30 else after] for s in range(-60, 90, 10)]
    (chart,) = _drawn(_signal(points, most=most, least=least), steady_state=[]).charts
    assert (None if chart.peak is None else chart.peak.label.partition(" at ")[0]) == label


def test_labels_of_moments_that_are_close_do_not_overlap() -> None:
    timeline = [
        {"at": at(s), "name": name, "mark": "done", "detail": ""}
        for s, name in ((21, "aborting"), (22, "undo"))
    ]
    marks = _drawn(LINE, timeline=timeline).marks
    assert [mark.label for mark in marks] == ["fault", "aborted", "undone"]
    spans = []
    for mark in marks:
        width = LETTER * len(mark.label)
        start = mark.text - width if mark.anchor == "end" else mark.text
        spans.append((start, start + width))
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0512, "ratio", "5.12 %"), (0.042, "seconds", "42 ms"), (2.5, "seconds", "2.5 s"),
        (512 * 1024**2, "bytes", "512 MiB"), (3 * 1024**3, "bytes/s", "3 GiB/s"),
        (0.25, "cores", "0.25 cores"),
        (3, "pods", "3 pods"), (7, "", "7"),
    ],
)  # fmt: skip
def test_values_are_told_in_units_that_people_read(value: float, unit: str, words: str) -> None:
    assert shown(value, unit) == words
