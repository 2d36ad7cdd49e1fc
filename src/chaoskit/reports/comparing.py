"""What differs between two runs: how they ended, what was judged, what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit import clusters
from chaoskit.ports.store import Document
from chaoskit.reports.axes import shown
from chaoskit.reports.cases import cases
from chaoskit.reports.conditions import Course, courses
from chaoskit.reports.reading import injected_for, lasted, outcome_of, place_of, span, undo_words, whom

NONE = "none"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs, in which part of the runs, and how it is in each, in words."""

    part: str
    what: str
    one: str
    other: str


def differences(one: Document, other: Document) -> tuple[Difference, ...]:
    """Everything that differs, the answer first."""
    return (
        *_between("outcome", _ends(one), _ends(other)),
        *_between("times", _times(one), _times(other)),
        *_between("verdicts", _states(one), _states(other)),
        *_between("worst values", _worst(one), _worst(other)),
        *_between("targets", *_clusters(one, other)),
        *_between("targets", _targets(one), _targets(other)),
        *_between("document", _leaves(one.get("experiment")), _leaves(other.get("experiment"))),
        *_between("versions", one.get("versions") or {}, other.get("versions") or {}),
    )


def _between(part: str, one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*one, *other)):
        left, right = one.get(name) or NONE, other.get(name) or NONE
        if left != right:
            yield Difference(part, name, left, right)


def _ends(run: Document) -> dict[str, str]:
    score = run.get("score")
    return {
        "outcome": outcome_of(run).words,
        "reason": run["reason"],
        "resilience score": "" if score is None else f"{score:g}",
        "undo": undo_words(run),
    }


def _times(run: Document) -> dict[str, str]:
    fault, recovery, broken = injected_for(run), run.get("seconds_to_recover"), run.get("seconds_broken")
    return {
        "time to recover": "" if recovery is None else span(recovery),
        "time broken": "" if broken is None else span(broken),
        "fault lasted": "" if fault is None else span(fault),
        "whole run": span(lasted(run)),
    }


def _states(run: Document) -> dict[str, str]:
    """How each fault, probe and condition was judged, by name."""
    found: dict[str, str] = {}
    for case in cases(run):
        found[case.name] = case.state
        found |= {f"{part.what} {part.name}": part.state for part in case.parts}
    return found


def _worst(run: Document) -> dict[str, str]:
    """The worst that was seen of each condition, and for how long it was broken."""
    return {each.title: _seen(each) for each in courses(run) if each.worst is not None}


def _seen(course: Course) -> str:
    worst, seconds = course.worst, course.seconds_broken
    if worst is None:
        return ""
    value = worst.observed if worst.value is None else shown(worst.value, course.unit)
    return value + (f", broken for {span(seconds)}" if seconds else "")


def _clusters(one: Document, other: Document) -> tuple[dict[str, str], dict[str, str]]:
    """The cluster of each, by what tells two of one name apart; nothing where it is one of two names."""
    if clusters.same(one, other):
        return {}, {}
    here, there = clusters.of(one), clusters.of(other)
    told = (lambda each: f"{each.name} ({each.key})") if here.name == there.name else (lambda each: each.name)
    return {"cluster": told(here)}, {"cluster": told(there)}


def _targets(run: Document) -> dict[str, str]:
    plan = (run.get("evidence") or {}).get("plan") or {}
    place = place_of(run)
    return {
        "namespace": run["namespace"],
        "targets": ", ".join(whom(run)),
        "file": place[0] if place else "",
        **{f"pods hit by {fault}": str(hit) for fault, hit in (plan.get("hit") or {}).items()},
    }


def _leaves(value: Any, path: str = "") -> dict[str, str]:
    """Every value of a document by the way to it: ``spec.fault.parameters.percent``."""
    if isinstance(value, Mapping):
        steps = {f"{path}.{key}".lstrip("."): each for key, each in value.items()}
    elif isinstance(value, list):
        steps = {f"{path}[{number}]": each for number, each in enumerate(value)}
    else:
        return {} if value is None else {path: str(value)}
    return {name: text for step, each in steps.items() for name, text in _leaves(each, step).items()}
