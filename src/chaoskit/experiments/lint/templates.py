"""Values that are filled in before anybody reads them: what they will be is not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaoskit.documents import TEMPLATE, Document, Location, Place
from chaoskit.experiments.lint.rules import Finding, Look


def excused(document: Document, found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without those at values that somebody fills in."""
    filled = _templates(document)
    return (one for one in found if _place(one) not in filled)


def doubted(document: Document, found: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, where an error of a value that may still be filled in is a warning that it must be."""
    filled, look = _templates(document), Look(document)
    for one in found:
        location = filled.get(_place(one)) if one.level == "error" else None
        yield one if location is None else look.say("template", location, one.problem.expected)


def _place(one: Finding) -> Place:
    return Place(one.problem.line, one.problem.column)


def _templates(document: Document) -> dict[Place, Location]:
    """Where such values stand."""
    found = ((location, document.at(location)) for location in document.places)
    texts = ((location, value) for location, value in found if isinstance(value, str))
    return {document.places[location]: location for location, value in texts if TEMPLATE.search(value)}
