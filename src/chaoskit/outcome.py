"""The one table of outcomes: word, exit code, HTTP status, JUnit and SARIF kind; and which is gravest.

The same outcome has the same word on screen, in JSON, JUnit, SARIF, the store and the API.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chaoskit import errors


class Outcome(StrEnum):
    """How a command, run, recovery or check ended."""

    PASSED = "passed"
    RECOVERED = "recovered"
    HEALED = "healed-by-itself"
    BELOW_THRESHOLD = "below-threshold"
    SCORE_REACHED = "score-reached"
    NOTHING_TO_DO = "nothing-to-do"
    DONE = "done"
    WEAKNESS_FOUND = "weakness-found"
    NOT_RECOVERED = "not-recovered"
    AT_OR_OVER_THRESHOLD = "at-or-over-threshold"
    SCORE_TOO_LOW = "score-too-low"
    REGRESSED = "regressed"
    DOES_NOT_MATCH = "does-not-match"
    INVALID_INPUT = "invalid-input"
    REFUSED = "refused"
    NOT_BEGUN = "not-begun"
    CANNOT_START = "cannot-start"
    UNDO_UNCONFIRMED = "undo-not-confirmed"
    TIMED_OUT = "timed-out"
    ERRORED = "errored"
    NO_BASELINE = "no-baseline"
    BUG = "bug"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"

    @property
    def words(self) -> str:
        """The outcome as a person reads it: ``weakness found``."""
        return self.value.replace("-", " ")

    @property
    def row(self) -> Row:
        """What this outcome means to every consumer."""
        return TABLE[self]

    @property
    def exit_code(self) -> int:
        """The process exit code."""
        return TABLE[self].exit_code


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `junit` is pass, failure, error or skipped; `sarif` a result level."""

    exit_code: int
    http_status: int
    junit: str
    sarif: str
    meaning: str


TABLE: dict[Outcome, Row] = {
    Outcome.PASSED: Row(0, 200, "pass", "none", "whatever had to hold held while the fault was there"),
    Outcome.RECOVERED: Row(0, 200, "pass", "none", "the symptom is gone and it stayed so"),
    Outcome.HEALED: Row(
        0, 200, "pass", "none", "the symptom went away, and nothing that was done is known to have helped"
    ),
    Outcome.BELOW_THRESHOLD: Row(0, 200, "pass", "none", "nothing reached the threshold"),
    Outcome.SCORE_REACHED: Row(
        0, 200, "pass", "none", "weaknesses were found, and the resilience score is high enough all the same"
    ),
    Outcome.NOTHING_TO_DO: Row(0, 200, "pass", "none", "there was nothing to act on"),
    Outcome.DONE: Row(0, 200, "pass", "none", "it was done"),
    Outcome.WEAKNESS_FOUND: Row(1, 200, "failure", "error", "the steady state broke under the fault"),
    Outcome.NOT_RECOVERED: Row(1, 200, "failure", "error", "no strategy helped; undone"),
    Outcome.AT_OR_OVER_THRESHOLD: Row(1, 200, "failure", "warning", "something is at or over the threshold"),
    Outcome.SCORE_TOO_LOW: Row(1, 200, "failure", "error", "the resilience score is below the one asked for"),
    Outcome.REGRESSED: Row(1, 200, "failure", "error", "it took longer to recover than in its own history"),
    Outcome.DOES_NOT_MATCH: Row(1, 200, "failure", "error", "what is there is not what was kept"),
    Outcome.INVALID_INPUT: Row(2, 422, "error", "error", "a document, flag or name is wrong"),
    Outcome.REFUSED: Row(3, 409, "skipped", "warning", "a guard said no; it names limit and time"),
    Outcome.NOT_BEGUN: Row(3, 409, "skipped", "none", "an end was wanted before its turn came"),
    Outcome.CANNOT_START: Row(
        4, 503, "error", "warning", "something is missing or busy; nothing was injected"
    ),
    Outcome.UNDO_UNCONFIRMED: Row(
        5, 500, "error", "error", "the target may still be disturbed: run chaoskit rescue"
    ),
    Outcome.TIMED_OUT: Row(6, 504, "error", "warning", "the time allowed ran out; undone"),
    Outcome.ERRORED: Row(
        7, 502, "error", "warning", "it cannot be judged: a fault is undone, what a recovery did stays"
    ),
    Outcome.NO_BASELINE: Row(
        8, 409, "error", "warning", "the steady state did not hold, or the data cannot support a judgement"
    ),
    Outcome.BUG: Row(70, 500, "error", "error", "a bug in chaoskit; the traceback is in a file"),
    Outcome.INTERRUPTED: Row(130, 499, "error", "warning", "stopped by the user (SIGINT); undone"),
    Outcome.TERMINATED: Row(143, 499, "error", "warning", "stopped by the user (SIGTERM); undone"),
}

_GRAVITY = (5, 70, 130, 143, 1, 7, 6, 8, 4, 3, 2, 0)
"""Exit codes from gravest to mildest: what several results end with."""


def gravest(outcomes: Iterable[Outcome]) -> Outcome:
    """The one outcome that several results end with; nothing to do when there is none."""
    ranked = sorted(outcomes, key=lambda outcome: _GRAVITY.index(outcome.exit_code))
    return ranked[0] if ranked else Outcome.NOTHING_TO_DO


def outcome_named(word: str) -> Outcome:
    """The outcome of that word, which a process of another version may have written.

    Raises:
        CannotStart: this chaoskit does not know it.
    """
    try:
        return Outcome(word)
    except ValueError as error:
        told = f"it has ended: {word.replace('-', ' ')}, which is an outcome of a newer version"
        raise errors.CannotStart(told, hint="install the version that wrote it") from error


_OF_ERROR: tuple[tuple[type[errors.ChaoskitError], Outcome], ...] = (
    (errors.InvalidInput, Outcome.INVALID_INPUT),
    (errors.NoBaseline, Outcome.NO_BASELINE),
    (errors.Refused, Outcome.REFUSED),
    (errors.Forbidden, Outcome.REFUSED),
    (errors.CannotStart, Outcome.CANNOT_START),
    (errors.TimedOut, Outcome.TIMED_OUT),
    (errors.Unjudged, Outcome.ERRORED),
    (errors.UndoUnconfirmed, Outcome.UNDO_UNCONFIRMED),
)


_OF_SIGNAL = {errors.ALARM: Outcome.TIMED_OUT, 15: Outcome.TERMINATED}


def of_error(error: BaseException) -> Outcome:
    """The outcome that an uncaught error stands for; anything unknown is a bug."""
    if isinstance(error, errors.Interrupted):
        return _OF_SIGNAL.get(error.signal, Outcome.INTERRUPTED)
    if isinstance(error, KeyboardInterrupt):
        return Outcome.INTERRUPTED
    return next((found for kind, found in _OF_ERROR if isinstance(error, kind)), Outcome.BUG)
