"""What a run or recovery has judged, as cases: its faults, their probes and conditions; or its steps.

A *failure* is a weakness and nothing else. What went wrong otherwise is an *error*; what was refused, or
never looked at, is *skipped*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.reports.conditions import Course, courses
from chaoskit.reports.reading import disturbed, lasted, outcome_of, since

State = Literal["pass", "failure", "error", "skipped"]
What = Literal["probe", "condition", "step"]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was looked at under a fault, or done in a recovery."""

    what: What
    name: str
    state: State
    words: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault of a run, or the issue of a recovery: how it ended, and what that was judged by.

    `verdict` is Litmus' own word; `seconds` is None where several faults shared the time.
    """

    name: str
    state: State
    words: str
    parts: tuple[Part, ...]
    verdict: str = ""
    seconds: float | None = None


def cases(document: Document) -> tuple[Case, ...]:
    """The cases of a run or recovery; one at least."""
    if document["kind"] == "recovery":
        return (_recovery(document),)
    names = [name for name in str(document["fault"]).split(",") if name] or [document["name"]]
    states = _states(document, names)
    verdicts = (document.get("litmus") or {}).get("verdicts") or {}
    alone = len(names) == 1
    return tuple(
        Case(
            name=name,
            state=states[name],
            words=document["reason"] if states[name] == _state(document) else verdicts.get(name, ""),
            parts=(*_probes(document, name), *(_conditions(document) if name == names[0] else ())),
            verdict=verdicts.get(name, ""),
            seconds=lasted(document) if alone else None,
        )
        for name in names
    )


def _state(document: Document) -> State:
    return cast("State", outcome_of(document).row.junit)


def _states(document: Document, names: list[str]) -> dict[str, State]:
    """The run's own state for each fault, but a pass for those of several that Litmus passed.

    At least one has the run's state: with its undo unconfirmed no word of Litmus' is good news.
    """
    whole = _state(document)
    verdicts = (document.get("litmus") or {}).get("verdicts") or {}
    excused: set[str] = {name for name in names if verdicts.get(name) == "Pass"} if len(names) > 1 else set()
    if whole != "failure" or len(excused) == len(names):
        excused = set()
    return {name: "pass" if name in excused else whole for name in names}


def _breaks_as(document: Document) -> State:
    """What something that does not hold under this run's fault is: a weakness, if the run can tell."""
    untold = outcome_of(document) in {Outcome.NO_BASELINE, Outcome.ERRORED, Outcome.CANNOT_START}
    return "error" if untold or not disturbed(document) else "failure"


def _probes(document: Document, fault: str) -> Iterator[Part]:
    for each in (document.get("litmus") or {}).get("probes") or ():
        if each["experiment"] == fault:
            failed = _breaks_as(document) if each["verdict"] == "Failed" else "skipped"
            state: State = "pass" if each["verdict"] == "Passed" else failed
            words = each.get("description") or ("" if state == "pass" else f"verdict {each['verdict']}")
            yield Part("probe", f"{each['name']} ({each['mode']})", state, words)


def _conditions(document: Document) -> Iterator[Part]:
    for each in courses(document):
        state, words = _held(each, document)
        yield Part("condition", each.title, state, words)


def _held(course: Course, document: Document) -> tuple[State, str]:
    """How a condition stands at the end, and why, in words."""
    if not course.looks:
        return "skipped", "not looked at"
    if course.unsteady is not None:
        return "error", f"{course.unsteady.observed} before the fault, expected {course.expected}"
    if not course.under_fault:
        held: State = "pass" if outcome_of(document).exit_code == 0 else "skipped"
        return held, f"{course.looks[-1].observed} before the fault; not looked at under it"
    if course.lost:
        return _breaks_as(document), f"{_worst(course)}, expected {course.expected}{_regained(course)}"
    if course.dark is not None:
        return "error", f"could not be evaluated: {course.dark.observed}"
    return "pass", f"{_worst(course)}, expected {course.expected}{_regained(course)}"


def _worst(course: Course) -> str:
    found = course.worst
    return found.observed if found is not None else "nothing seen"


def _regained(course: Course) -> str:
    """When it broke and for how long, as a half-sentence; "" where it never did."""
    start, lasted_for = course.broken_at, course.seconds_broken
    if course.at_most is not None:
        return f"; back within {course.at_most:.0f} s of the injection, how long it was broken is not known"
    if start is None:
        return ""
    when = f" {since(start, course.injected_at)} after the injection" if course.injected_at else ""
    return f"; broken{when}, " + (
        f"back after {lasted_for:.0f} s" if lasted_for is not None else "not back so far"
    )


def _recovery(document: Document) -> Case:
    name = f"{document['issue']} of {document['target']}"
    parts = tuple(_steps(document))
    return Case(name, _state(document), document["reason"], parts, seconds=lasted(document))


def _steps(document: Document) -> Iterator[Part]:
    """A step that did not help is a failure only where nothing else did either."""
    for number, step in enumerate(document.get("steps") or (), 1):
        tried: State = "failure" if step.get("done") and _state(document) == "failure" else "skipped"
        state: State = "pass" if step.get("helped") else tried
        name = f"{number} {step['action'].replace('-', ' ')}"
        yield Part("step", name, state, str(step.get("detail") or ""))
