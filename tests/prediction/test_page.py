from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.prediction.conftest import tiny

from chaoskit.cli import measured
from chaoskit.prediction.judging import card, drawings, page
from chaoskit.prediction.judging.evaluation import Trained, build
from chaoskit.prediction.judging.report import ClassReport
from chaoskit.prediction.judging.verdict import Kind, Verdict
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.prediction.learning import joined

SVG = "{http://www.w3.org/2000/svg}"


def test_pictures_are_whole_and_every_event_is_on_the_timeline(detected: Trained) -> None:
    drawn = drawings.draw(detected.report)
    assert set(drawn) == {"precision-recall.svg", "calibration.svg", "timeline.svg"}
    roots = {name: ET.fromstring(text) for name, text in drawn.items()}
    bars = [bar for bar in roots["timeline.svg"].iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert len(bars) == len(detected.report.occurrences)
    missed = [bar for bar in bars if bar.get("fill") == "none"]
    assert len(missed) == sum(each.delay is None for each in detected.report.occurrences)
    points = roots["calibration.svg"].findall(f"{SVG}circle")
    assert len(points) == len(detected.report.reliability)


def test_a_page_shows_the_pictures_beside_it(detected: Trained) -> None:
    text = page.markdown(detected.report, "Sock Shop", pictures=("timeline.svg",))
    assert "![timeline](timeline.svg)" in text
    assert "budget | 4 false alarms per day" in text
    assert "PR-AUC of what can be seen" in text


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_terminal_the_columns_that_fit_are_shown_and_where_the_others_are(
    detected: Trained, width: int
) -> None:
    text, pipe = io.StringIO(), io.StringIO()
    narrow = Console(file=text, width=width, force_terminal=True, color_system=None, soft_wrap=True)
    measured.show(narrow, detected.report, "in its card")
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert "in its card, or on a wider terminal: " in words
    assert "PR-AUC" in words
    assert "false alarms, per hour (at most), per pod-day" in words
    measured.show(Console(file=pipe, width=width, soft_wrap=True), detected.report, "in its card")
    (heads,) = (line for line in pipe.getvalue().splitlines() if line.startswith("METHOD"))
    assert all(each.upper() in heads for each in card.HEADINGS)
    assert "wider terminal" not in pipe.getvalue()


def test_a_card_says_where_its_failures_come_from(detected: Trained) -> None:
    judged, of_all = (detected.report.data[name] for name in ("events", "of_events"))
    text = page.markdown(detected.report, "Sock Shop")
    for events in (judged, of_all):
        assert (
            f" h, {', '.join(f'{count} {issue} (events.csv)' for issue, count in events.items())} |" in text
        )


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        ({"network": {"errors over 5 %": 4}}, "4 network (errors over 5 %)"),
        ({"network": {"events.csv": 3, "restarts": 1}}, "4 network (3 events.csv, 1 restarts)"),
        ({"network": {"restarts": 3, "": 1}}, "4 network (3 restarts, 1 others)"),
        ({"network": {"": 4}}, "4 network"),
        ({}, "4 network"),
    ],
)
def test_failures_are_counted_by_who_tells_of_them(sources: dict[str, dict[str, int]], words: str) -> None:
    assert card.due({"events": {"network": 4}, "events_from": sources}) == words
    assert card.due({"events": {"network": 4}}) == "4 network"


def test_a_threshold_that_is_none_is_not_printed_as_a_figure(detected: Trained) -> None:
    forest = replace(detected.report.members[0], threshold=None)
    rule = replace(forest, name="evidence", threshold=1e-6)
    report = replace(
        detected.report, members=(forest, rule), trials=(("recipe window", None), ("recipe evidence", 0.5))
    )
    text = page.markdown(report, "A model")
    assert "| random forest | none: no alarm by itself |" in text
    assert "| evidence | any score |" in text
    assert "recipe window: PR-AUC -, recipe evidence: PR-AUC 0.500" in text
    assert joined.Join({"random forest": joined.BEYOND, "evidence": 0.3}).told == {
        "random forest": None,
        "evidence": 0.3,
    }


def test_a_forest_that_alarms_nobody_is_said_in_words_with_why(detected: Trained) -> None:
    report = replace(detected.report, kept=None)
    out = Console(file=io.StringIO(), width=1000)
    measured.show(out, report, "elsewhere")
    assert page.silent_forest(report) == ""
    assert "alarms nobody" not in out.file.getvalue()  # type: ignore[attr-defined]
    members = tuple(replace(each, threshold=None) for each in report.members)
    silent = replace(report, members=members, false_alarms_per_day=4)
    measured.show(out, silent, "elsewhere")
    told = out.file.getvalue()  # type: ignore[attr-defined]
    assert (
        "! the forest alarms nobody by itself, however high its percentage: where it was trained, no" in told
    )
    assert "within 4 false alarms per day" in told


def test_the_thresholds_that_are_told_are_those_that_work(detected: Trained, leaks: Labelled) -> None:
    assert detected.report.thresholds == detected.model.join.told
    out_of_fold = build(leaks, tiny(false_alarms_per_day=6), holdout=0.05, thorough=False, refit=True)
    assert "in turn" in out_of_fold.report.split
    refitted = build(leaks, tiny(false_alarms_per_day=6), holdout=0.45, thorough=False, refit=True)
    for each in (out_of_fold, refitted):
        assert each.report.thresholds == each.model.join.told
        out = Console(file=io.StringIO(), width=1000)
        measured.show(out, each.report, "elsewhere")
        words = ", ".join(f"{name} {card.number(limit)}" for name, limit in each.model.join.told.items())
        assert f"thresholds, for 6 false alarms per day: {words}\n" in out.file.getvalue()  # type: ignore[attr-defined]


def test_a_curve_begins_at_full_recall_and_stays_within_bounds(detected: Trained) -> None:
    curve = detected.report.pr_curve
    assert max(recall for recall, _ in curve) == 1
    assert all(0 <= value <= 1 for point in curve for value in point)


def test_more_false_alarms_than_the_budget_explains_are_no_beating(trained: Trained) -> None:
    report = trained.report
    loud = replace(report, model=replace(report.model, false_alarms=50), beaten_by=())
    assert loud.found == Verdict(Kind.OVER_BUDGET)
    assert not loud.beats_baselines
    assert loud.verdict == "does not keep its budget of false alarms"
    assert json.loads(json.dumps(card.document(loud)))["verdict"] == loud.verdict


def test_one_failure_caught_is_no_beating_however_little_the_baselines_catch(trained: Trained) -> None:
    report = trained.report
    one, two = (
        replace(report, model=replace(report.model, caught={"memory-leak": (hit, 5)})) for hit in (1, 2)
    )
    assert (one.beats_baselines, two.beats_baselines) == (False, True)
    assert one.verdict == "caught 1 of 5 failures: fewer than 2 may be luck"


def test_what_the_signals_cannot_show_is_no_credit(trained: Trained) -> None:
    caught = {"memory-leak": (1, 5), "network": (3, 3)}
    report = replace(
        trained.report, model=replace(trained.report.model, caught=caught), blind={"network": "x"}
    )
    assert not report.beats_baselines


@pytest.mark.parametrize(
    ("mode", "ramps", "words"),
    [
        ("detect", 0, "caught by an alarm while it lasts."),
        ("forecast", 0, "caught by an alarm while there is time to act (if it can be foreseen)."),
        ("forecast", 9, "caught by an alarm from where it begins to go wrong until it fails, however late"),
    ],
)
def test_a_page_says_when_an_alarm_counts(trained: Trained, mode: str, ramps: int, words: str) -> None:
    report = trained.report
    assert "ramps" not in report.data
    assert words in page.markdown(replace(report, mode=mode, data={**report.data, "ramps": ramps}), "A model")


def test_a_page_says_which_classes_macro_f1_is_not_over(trained: Trained) -> None:
    sure = ClassReport(1.0, 1.0, 1.0, 1.0, None, 0.5, ("a", "b", "c"), ((2, 0, 0), (0, 2, 0), (0, 0, 3)))
    words = "Macro-F1 is over what was there, not over what was only said"
    assert words not in page.markdown(replace(trained.report, classes=sure), "A model")
    astray = replace(sure, confusion=((0, 0, 0), (1, 1, 1), (0, 0, 0)))
    assert f"{words}: a, c." in page.markdown(replace(trained.report, classes=astray), "A model")


TOO_SHORT = "dbsherlock-tpcc.yaml"
"""Its runs last two minutes: it is read, and refused as a lesson."""

MAPPINGS = sorted((Path(__file__).parents[2] / "examples/data").glob("*.yaml"))


@pytest.mark.parametrize("mapping", [each for each in MAPPINGS if each.name != TOO_SHORT])
def test_every_report_is_of_a_committed_mapping(mapping: Path) -> None:
    report = Path(__file__).parents[2] / "models" / f"REPORT-{mapping.stem}.md"
    assert f"--mapping examples/data/{mapping.name}" in report.read_text(encoding="utf-8")


MODELS = Path(__file__).parents[2] / "models"
GOALS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (MODELS / "README.md").read_text(encoding="utf-8").partition("\n## ")[0].splitlines()
    if line.startswith("| ") and not line.startswith("| report")
]


def test_every_report_stands_beside_its_goals() -> None:
    assert {f"REPORT-{goal[0]}.md" for goal in GOALS} == {each.name for each in MODELS.glob("REPORT-*.md")}


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal[0]}: {goal[1]}")
def test_a_figure_beside_its_goal_is_that_of_the_report(goal: list[str]) -> None:
    report, _, _, _, measured, reached = goal
    text = (MODELS / f"REPORT-{report}.md").read_text(encoding="utf-8")
    figures = re.findall("`([^`]+)`", measured)
    assert figures or measured == "not measured"
    for figure in figures:
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", text), figure
    assert reached
