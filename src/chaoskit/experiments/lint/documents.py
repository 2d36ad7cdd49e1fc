"""Everything that is wrong, or a trap, in the documents of one call: each by its kind, then all together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from chaoskit.documents import Document
from chaoskit.errors import InvalidInput
from chaoskit.experiments.lint import kinds, templates
from chaoskit.experiments.lint.access import SHAPES, beside
from chaoskit.experiments.lint.definitions import definition
from chaoskit.experiments.lint.engines import engine
from chaoskit.experiments.lint.native import native
from chaoskit.experiments.lint.rules import Finding, Look, filled_field
from chaoskit.experiments.lint.schedules import schedule
from chaoskit.experiments.lint.together import together
from chaoskit.experiments.lint.workflows import carried
from chaoskit.experiments.spec import API_VERSION, KIND, experiment_of

_LOOK: Mapping[str, Callable[[Document], tuple[Finding, ...]]] = {
    "ChaosEngine": engine,
    "ChaosExperiment": definition,
    "ChaosSchedule": schedule,
    **dict.fromkeys(SHAPES, beside),
}

_OF_RUN = frozenset({"generate-name", "twice", "other-namespace"})
"""What matters to whoever runs the documents at once, and not to Argo."""


def findings(documents: Sequence[Document]) -> tuple[Finding, ...]:
    """Everything that `validate` has to say: errors and warnings of all documents, in their order."""
    found: list[Finding] = []
    valid: list[Document] = []
    broken: list[Document] = []
    company = any(map(kinds.known, documents))
    for document in documents:
        said = of_document(document, company=company)
        found += heeded(said)
        if kinds.known(document):
            (broken if _grave(said) else valid).append(document)
    return (*found, *heeded(together(valid, broken=broken)))


def _grave(found: Iterable[Finding]) -> bool:
    return any(one.level == "error" for one in found)


def of_document(document: Document, *, company: bool) -> tuple[Finding, ...]:
    """What is wrong, or a trap, in one document, by line; in `company` it need not be one of ours."""
    found = tuple(_found(document, company=company))
    return tuple(sorted(found, key=lambda one: (one.problem.line, one.problem.column)))


def heeded(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that their documents do not call unimportant."""
    return tuple(one for one in found if not one.ignored)


def idle(documents: Sequence[Document]) -> tuple[Finding, ...]:
    """A warning when there is nothing among these documents that anybody could run, or run others with."""
    useful = {*kinds.RUN, *kinds.LEFT, "ChaosExperiment"}
    of_use = any(each.kind in useful for each in documents)
    return () if of_use else heeded(nothing_to_run(documents))[:1]


def nothing_to_run(documents: Iterable[Document]) -> tuple[Finding, ...]:
    """Where the first document of each file stands: none of them is anything that `run` can run."""
    first = {each.path: each for each in reversed(list(documents))}
    return tuple(map(_not_run, reversed(first.values())))


def unmade(documents: Iterable[Document]) -> tuple[Finding, ...]:
    """A warning for each document that `run` neither runs nor makes."""
    aside = (each for each in documents if not kinds.taken(each))
    return tuple(_not_run(each) if kinds.known(each) else kinds.passed(each) for each in aside)


def _not_run(document: Document) -> Finding:
    look = Look(document)
    if document.kind in kinds.LEFT:
        wanted = f"{KIND} or ChaosEngine: each engine in it can be run as a document of its own"
        return look.say("not-run", ("kind",), wanted)
    return look.say("nothing-to-run", ("kind",), f"{KIND} or ChaosEngine beside it")


def _found(document: Document, *, company: bool) -> Iterator[Finding]:
    if not kinds.known(document) or (document.kind == KIND and document.api_version != API_VERSION):
        alien = kinds.foreign(document) and (company or kinds.of_litmus(document))
        yield kinds.passed(document) if alien else kinds.stranger(document)
    elif document.kind == KIND:
        yield from _native(document)
    elif document.kind in _LOOK:
        yield from templates.doubted(document, _LOOK[document.kind](document))
    else:
        yield from _workflow(document)


def _native(document: Document) -> Iterator[Finding]:
    try:
        yield from native(document, experiment_of(document))
    except InvalidInput as error:
        for problem in error.problems:
            yield Finding("error", problem, filled=filled_field(document, problem.field))


def _workflow(document: Document) -> Iterator[Finding]:
    """What is wrong, or a trap, in what a workflow makes, which is filled in before."""
    documents, unread = carried(document)
    yield from (Finding("error", problem) for problem in unread)
    if not documents and not unread:
        found = f"{document.kind} without a ChaosEngine in it"
        yield Look(document).say("foreign", ("kind",), "one in an artifact's raw.data", found=found)
    valid: list[Document] = []
    broken: list[Document] = []
    for each in documents:
        said = tuple(templates.excused(_found(each, company=True)))
        yield from (one for one in said if one.problem.rule not in _OF_RUN | {"foreign"})
        (broken if _grave(said) else valid).append(each)
    between = templates.excused(together(valid, broken=broken))
    yield from (one for one in between if one.problem.rule not in _OF_RUN)
