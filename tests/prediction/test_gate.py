"""What promotes a model, and what it does not beat, by figures alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from subprocess import run

import pytest

from chaoskit.prediction.judging.gate import beaten_by, standing, verdict
from chaoskit.prediction.judging.luck import AT_RANDOM
from chaoskit.prediction.judging.report import Interval, Line
from chaoskit.prediction.judging.verdict import Figures, Kind, Verdict, words


def line(name: str, f1: float, *, low: float = 0.3, pr_auc: float = 0.5) -> Line:
    return Line(
        name=name, threshold=1.0, pr_auc=pr_auc, pr_auc_visible=pr_auc, roc_auc=0.5, pr_auc_by_class={},
        brier=None, ece=None, caught={}, caught_by_fault={}, recall=0.0, recall_interval=Interval(0, 1),
        precision=0.0, f1=f1, f1_interval=Interval(low, 1), delay_median=None, delay_p90=None,
        lead_mean=None, lead_share=None, false_alarms=0, false_per_hour=0.0, false_per_hour_bound=0.0,
        false_per_pod_day=0.0, collateral=0,
    )  # fmt: skip


OURS = line("ours", 0.8, pr_auc=0.6)


def test_what_is_worse_everywhere_is_beaten_and_nothing_is_said_of_it() -> None:
    others = [line("static rule", 0.7), line("EWMA", 0.1)]
    assert beaten_by(OURS, others, luck=0.2) == ()
    assert standing(OURS, others, luck=0.2) == []


def test_what_is_better_and_what_ties_are_not_beaten() -> None:
    others = [line("tie", 0.8), line("better", 0.9), line("worse", 0.7)]
    assert beaten_by(OURS, others, luck=0.2) == ("tie", "better")
    assert standing(OURS, others, luck=0.2) == [
        "does not beat better in event F1",
        "ties tie in event F1 and beats it in PR-AUC: that does not beat it",
    ]


def test_a_tie_that_ranks_as_well_is_told_without_praise() -> None:
    assert standing(OURS, [line("tie", 0.8, pr_auc=0.6)], luck=0.2) == [
        "ties tie in event F1: that does not beat it"
    ]


def test_luck_is_beaten_only_by_all_that_so_few_events_leave_open() -> None:
    assert beaten_by(OURS, [], luck=0.3) == (AT_RANDOM,)
    assert standing(OURS, [], luck=0.3) == [
        f"{AT_RANDOM} have an event F1 of 0.300; for all that so few events tell, the model's is 0.300"
    ]
    assert beaten_by(OURS, [], luck=0.299) == ()


GOOD = Figures(hours=24.0, failures=5, caught=4, false_alarms=1, budget=6.0)


def test_what_is_judged_keeps_its_budget_and_has_no_equal_is_promoted() -> None:
    found = verdict(GOOD)
    assert found == Verdict(Kind.BEATS)
    assert (found.decides, found.promotes) == (True, True)
    assert words(found, GOOD) == "beats every baseline"


AGAINST = [
    (
        {"judged": False},
        Verdict(Kind.UNJUDGED),
        "has not been judged with its thresholds",
    ),
    (
        {"hours": 0.96},
        Verdict(Kind.FEW_HOURS),
        "was judged on nearly 1 h of healthy time: less than 1 decides nothing",
    ),
    (
        {"failures": 3},
        Verdict(Kind.FEW_FAILURES),
        "was judged on 3 failures that can be seen: fewer than 4 decide nothing",
    ),
    ({"false_alarms": 50}, Verdict(Kind.OVER_BUDGET), "does not keep its budget of false alarms"),
    ({"beaten_by": ("tie", "better")}, Verdict(Kind.BEATEN, ("tie", "better")), "does not beat tie, better"),
    ({"caught": 1}, Verdict(Kind.FEW_CAUGHT), "caught 1 of 5 failures: fewer than 2 may be luck"),
]
"""What speaks against a model, gravest first: the figures, the verdict, its words."""


@pytest.mark.parametrize("place", range(len(AGAINST)))
def test_the_gravest_of_what_speaks_against_a_model_is_its_verdict(place: int) -> None:
    figures = GOOD
    for changed, _, _ in reversed(AGAINST[place:]):
        figures = replace(figures, **changed)  # type: ignore[arg-type]
    _, expected, said = AGAINST[place]
    found = verdict(figures)
    assert found == expected
    assert (found.decides, found.promotes) == (place > 2, False)
    assert said.replace("of 5", f"of {figures.failures}") == words(found, figures)


def test_a_kept_verdict_is_read_without_the_libraries_that_judge() -> None:
    asked = (
        "import sys, chaoskit.prediction.artifacts.promotion as _; print({'numpy', 'scipy'} & {*sys.modules})"
    )
    assert run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "set()\n"
