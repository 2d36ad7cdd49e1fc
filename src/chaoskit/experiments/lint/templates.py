"""Values that are filled in before anybody reads them: what they will be is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoskit.documents import Document
from chaoskit.experiments.lint.rules import Finding, Look


def excused(found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without those at values that somebody fills in."""
    return (one for one in found if one.filled is None)


def doubted(document: Document, found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, where an error of a value that may still be filled in is a warning that it must be."""
    look = Look(document)
    for one in found:
        place = one.filled if one.level == "error" else None
        yield one if place is None else look.say("template", place, one.problem.expected)
