"""What is wrong, or a trap, in a ChaosSchedule: when, and the engine that Litmus' scheduler makes then."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chaoskit.documents import Document, Location, Place, spelled
from chaoskit.errors import Problem
from chaoskit.experiments.lint.engines import engine
from chaoskit.experiments.lint.objects import head
from chaoskit.experiments.lint.rules import Finding, Look, once
from chaoskit.experiments.lint.shapes import ENGINE, FLAG, NUMBER, TEXT, Shape, check, one_of, struct

_TEMPLATE: Location = ("spec", "engineTemplateSpec")
_NAME = spelled(_TEMPLATE)
_WHEN: Location = ("spec", "schedule")
_WAYS = ("now", "once", "repeat")

_INTERVAL = replace(
    struct(
        hour=struct(everyNthHour=NUMBER, minuteOfTheHour=NUMBER),
        minute=struct(everyNthMinute=NUMBER),
    ),
    kind=(dict, str),
)  # fmt: skip
"""A mapping; older schedulers read a text such as 2m."""
_REPEAT = struct(
    "properties", "schedule",
    timeRange=struct(startTime=TEXT, endTime=TEXT),
    properties=struct(
        "minChaosInterval", "schedule", minChaosInterval=_INTERVAL, random=replace(FLAG, kind=(bool, str))
    ),
    workHours=struct("includedHours", "schedule", includedHours=TEXT),
    workDays=struct("includedDays", "schedule", includedDays=TEXT),
)  # fmt: skip
SCHEDULE: Shape = struct(
    "schedule engineTemplateSpec", "schedule",
    schedule=struct(now=FLAG, once=struct("executionTime", "schedule", executionTime=TEXT), repeat=_REPEAT),
    engineTemplateSpec=ENGINE,
    chaosServiceAccount=TEXT,
    scheduleState=one_of("type", "active", "halt", "stop", "complete"),
    concurrencyPolicy=one_of("type", "Allow", "Forbid", "Replace"),
)  # fmt: skip
"""``spec`` of a ChaosSchedule."""


def schedule(document: Document) -> tuple[Finding, ...]:
    """Everything that is wrong or a trap in a ChaosSchedule document."""
    look = Look(document)
    return once((*_shape(look), *_made(look)))


def _shape(look: Look) -> Iterator[Finding]:
    if not look.mapping(("spec",)):
        yield look.say("schedule", ("spec",), "a mapping")
    else:
        said = check(look, ("spec",), SCHEDULE)
        yield from (one for one in said if not one.problem.field.startswith(f"{_NAME}."))
    ways = [way for way in _WAYS if look.at((*_WHEN, way)) is not None]
    if len(ways) > 1 or (not ways and look.mapping(_WHEN)):
        found = " and ".join(ways) or f"without {', '.join(_WAYS)}"
        yield look.say("schedule", _WHEN, f"one of {', '.join(_WAYS)}", found=found)


def _made(look: Look) -> Iterator[Finding]:
    """What is wrong in the engine that is made: it has the schedule's name and place."""
    if not look.mapping(_TEMPLATE):
        yield from head(look, ("litmuschaos.io/v1alpha1",), longest=63)
        return
    named = look.text(("spec", "chaosServiceAccount"))
    for one in engine(_engine(look.document)):
        if not (named and one.problem.rule == "service-account"):
            yield replace(one, problem=_renamed(one.problem))


def _renamed(problem: Problem) -> Problem:
    """The problem, whose field and place to go to are called as in the schedule."""
    field = re.sub(r"^spec\b", _NAME, problem.field)
    return replace(
        problem, field=field, expected=re.sub(r"^it under spec\b", f"it under {_NAME}", problem.expected)
    )


def _engine(document: Document) -> Document:
    """The engine as Litmus' scheduler makes it, each part where it stands in the schedule."""
    value = {**document.value, "kind": "ChaosEngine", "spec": document.at(_TEMPLATE)}
    return replace(document, value=value, places=_raised(document.places), keys=_raised(document.keys))


def _raised(places: Mapping[Location, Place]) -> dict[Location, Place]:
    """The places as the engine has them: its spec is the template."""
    deep = len(_TEMPLATE)
    return {
        (location if location[:1] != ("spec",) else ("spec", *location[deep:])): place
        for location, place in places.items()
        if location[:1] != ("spec",) or location[:deep] == _TEMPLATE
    }
