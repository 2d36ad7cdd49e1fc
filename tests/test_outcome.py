"""The one table: every outcome has a row, codes are as promised, the gravest wins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chaoskit import errors
from chaoskit.outcome import TABLE, Outcome, gravest, of_error

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_every_outcome_has_a_row() -> None:
    assert set(TABLE) == set(Outcome)


@pytest.mark.parametrize("outcome", Outcome)
def test_readme_has_the_same_code_and_words(outcome: Outcome) -> None:
    row = re.search(rf"^\| {outcome.exit_code} \|(.*)\|", README, re.MULTILINE)
    assert row is not None
    assert outcome.words in row[1]


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ([], Outcome.NOTHING_TO_DO),
        ([Outcome.PASSED, Outcome.REFUSED], Outcome.REFUSED),
        ([Outcome.REFUSED, Outcome.CANNOT_START, Outcome.NO_BASELINE], Outcome.NO_BASELINE),
        ([Outcome.NO_BASELINE, Outcome.TIMED_OUT, Outcome.ERRORED], Outcome.ERRORED),
        ([Outcome.ERRORED, Outcome.WEAKNESS_FOUND], Outcome.WEAKNESS_FOUND),
        ([Outcome.WEAKNESS_FOUND, Outcome.TERMINATED], Outcome.TERMINATED),
        ([Outcome.INTERRUPTED, Outcome.BUG], Outcome.BUG),
        ([Outcome.BUG, Outcome.UNDO_UNCONFIRMED, Outcome.PASSED], Outcome.UNDO_UNCONFIRMED),
    ],
)
def test_the_gravest_wins(several: list[Outcome], one: Outcome) -> None:
    assert gravest(several) is one
    assert gravest(reversed(several)) is one


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), 2),
        (errors.NoBaseline("x"), 8),
        (errors.Refused("x", guard="g"), 3),
        (errors.Forbidden("x"), 3),
        (errors.CannotStart("x"), 4),
        (errors.Unavailable("x", service="s"), 4),
        (errors.NotFound("x"), 4),
        (errors.UnknownName("x"), 2),
        (errors.Unjudged("x"), 7),
        (errors.UndoUnconfirmed("x", targets=["a"]), 5),
        (errors.TimedOut("x"), 6),
        (errors.Interrupted(), 130),
        (errors.Interrupted(signal=15), 143),
        (errors.Interrupted(signal=errors.ALARM), 6),
        (KeyboardInterrupt(), 130),
        (ValueError("x"), 70),
    ],
)
def test_an_error_stands_for_an_outcome(error: BaseException, code: int) -> None:
    assert of_error(error).exit_code == code
