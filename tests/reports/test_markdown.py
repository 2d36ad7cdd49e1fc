"""Markdown and GitHub: the answer first, nothing of a cluster's words read as markup or as a command."""

from __future__ import annotations

import pytest
from tests.reports.made import INVALID, NO_CLUSTER, PROBLEM, prediction, recovery, run, weak

from chaoskit.reports import github
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported


def _markdown(*records: dict[str, object], **more: object) -> str:
    return render("markdown", Reported(records, **more))  # type: ignore[arg-type]


def test_the_answer_is_the_first_line() -> None:
    assert _markdown(weak()).startswith("# ❌ weakness found (exit 1)\n")
    assert _markdown(run()).startswith("# ✅ passed (exit 0)\n")
    assert _markdown(error=NO_CLUSTER).startswith("# ⚠️ cannot start (exit 4)\n")


def test_several_runs_have_a_line_each_and_a_score_together() -> None:
    text = _markdown(run(), weak(id="r2"), score=50.0)
    assert "| ✅ | cart | passed | deployment/cart | 100 |  |" in text
    assert "| ❌ | cart | weakness found | deployment/cart | 0 | 0 s, back under the fault |" in text
    assert "Resilience score of all: **50** of 100." in text


def test_a_run_has_its_facts_conditions_and_timeline() -> None:
    text = _markdown(weak())
    assert "| broken for | 20 s |" in text
    assert "| recovered in | 0 s, back under the fault |" in text
    assert "| score | 0 of 100 |" in text
    assert "| ❌ | condition error\\_ratio of deployment/cart | broken |" in text
    assert "<details><summary>Timeline</summary>" in text
    assert "> It holds." in text
    assert "Next: `chaoskit explain r1`" in text


def test_problems_of_documents_are_a_table_with_their_places() -> None:
    assert "| a.yaml:3:5 | spec.x | 1 | 2 | did you mean y? |" in _markdown(error=INVALID)
    of_a_line = {**INVALID, "problems": [{**PROBLEM, "column": 0}]}
    assert "| a.yaml:3 | spec.x |" in _markdown(error=of_a_line)


def test_what_a_cluster_says_is_no_markup() -> None:
    text = _markdown(weak(reason="<img src=x> | `rm` [a](b)\n# big"))
    assert "\\<img src=x\\> \\| \\`rm\\` \\[a\\]\\(b\\) \\# big" in text


def test_a_lineage_is_told_in_order() -> None:
    text = _markdown(recovery(), run(), prediction())
    places = [
        text.index(part)
        for part in ("## Prediction: deployment/cart fails within 30 min: 72%", "## cart", "## pod crash")
    ]
    assert places == sorted(places)
    assert "| ✅ | step 2 roll back | helped | revision 7 |" in text


def test_an_annotation_stands_at_the_document_and_says_what_was_seen() -> None:
    (line,) = github.commands(Reported((weak(),)))
    assert line == (
        "::error file=experiments/cart.yaml,line=3,title=weakness found%3A cart::it was weakness-found"
    )


@pytest.mark.parametrize(
    ("outcome", "command"), [("errored", "warning"), ("undo-not-confirmed", "error"), ("refused", "warning")]
)
def test_what_did_not_pass_is_annotated_by_its_gravity(outcome: str, command: str) -> None:
    (line,) = github.commands(Reported((run(outcome),)))
    assert line.startswith(f"::{command} file=experiments/cart.yaml")


def test_a_pass_is_not_annotated() -> None:
    assert github.commands(Reported((run(),))) == ()


def test_problems_of_documents_are_annotated_one_by_one() -> None:
    assert github.commands(Reported((), INVALID)) == (
        "::error file=a.yaml,line=3,col=5,title=invalid input::spec.x is 1, expected 2 (did you mean y?)",
    )


def test_a_message_cannot_begin_a_command_of_its_own() -> None:
    (line,) = github.commands(Reported((weak(reason="a\n::add-mask::b, 5%\r"),)))
    assert line.endswith("::a%0A::add-mask::b, 5%25%0D")
    assert "\n" not in line


def test_a_summary_that_is_too_long_is_cut_at_a_line() -> None:
    timeline = [{"at": weak()["at"], "name": "n", "mark": "note", "detail": "x" * 1000}] * 1200
    text = github.summary(Reported((weak(timeline=timeline),)))
    assert len(text.encode()) < 1024 * 1024
    assert text.endswith("it is in the report files.\n")
