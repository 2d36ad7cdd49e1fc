"""Which order of a runbook's remediations the history speaks for. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.documents import dump
from chaoskit.recovery.attempts import Attempt
from chaoskit.recovery.patterns import Strategy, strategies
from chaoskit.recovery.remedies import AnyStep
from chaoskit.recovery.runbook import Runbook

AT_LEAST = 5
"""How often a remediation must have been tried before it says anything about the order."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A runbook as it is and as the history proposes it, and why, a line for each exchange."""

    before: Runbook
    after: Runbook
    reasons: tuple[str, ...]

    @property
    def diff(self) -> str:
        """The two as a unified diff of their YAML."""
        old, new = (_text(each).splitlines(keepends=True) for each in (self.before, self.after))
        name = f"{self.before.name}.yaml"
        return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))


def suggest(history: Sequence[Attempt], runbooks: Sequence[Runbook]) -> tuple[Suggestion, ...]:
    """Better orders, of those runbooks for which the history proves one.

    A remediation goes before another when both are for the same symptoms, both were tried at least five
    times, and it works more often beyond doubt: later rungs meet the harder cases, so the proof is fair.
    """
    known = {(each.issue, each.action): each for each in strategies(history)}
    found = (_suggestion(book, known) for book in runbooks)
    return tuple(each for each in found if each.reasons)


def _suggestion(book: Runbook, known: dict[tuple[str, str], Strategy]) -> Suggestion:
    steps, reasons = list(book.spec.remediations), list[str]()
    for end in range(len(steps) - 1, 0, -1):
        for at in range(end):
            first, second = (known.get((book.spec.matches.issue, each.action)) for each in steps[at : at + 2])
            if first and second and steps[at].when == steps[at + 1].when and _beats(second, first):
                steps[at], steps[at + 1] = steps[at + 1], steps[at]
                reasons.append(f"{_said(second)}, {_said(first)}")
    return Suggestion(book, _reordered(book, steps), tuple(reasons))


def _beats(one: Strategy, other: Strategy) -> bool:
    enough = min(one.tried, other.tried) >= AT_LEAST
    return enough and one.bounds[0] > other.bounds[1]


def _said(strategy: Strategy) -> str:
    return f"{strategy.action} worked {strategy.worked} of {strategy.tried} times"


def _reordered(book: Runbook, steps: Sequence[AnyStep]) -> Runbook:
    return book.model_copy(update={"spec": book.spec.model_copy(update={"remediations": tuple(steps)})})


def _text(book: Runbook) -> str:
    return dump(book.model_dump(mode="json", by_alias=True, exclude_unset=True))
