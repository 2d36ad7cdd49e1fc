"""What is wrong, or a trap, in a ChaosSchedule: when, and the engine that Litmus' scheduler makes then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chaoskit.documents import Document, Location
from chaoskit.experiments.lint.engines import VERSIONS, traps
from chaoskit.experiments.lint.objects import document_of, head, strays
from chaoskit.experiments.lint.rules import Finding, Look, once
from chaoskit.experiments.lint.shapes import (
    ANYTHING,
    ENGINE,
    FLAG,
    NUMBER,
    TEXT,
    Shape,
    check,
    one_of,
    struct,
)

_TEMPLATE: Location = ("spec", "engineTemplateSpec")
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


_WHOLE = document_of(spec=SCHEDULE, status=ANYTHING)


def schedule(document: Document) -> tuple[Finding, ...]:
    """Everything that is wrong or a trap in a ChaosSchedule document."""
    look = Look(document)
    return once((
        *head(look, VERSIONS, longest=63),
        *strays(look, _WHOLE),
        *check(look, ("spec",), SCHEDULE),
        *_when(look),
        *_made(look),
    ))  # fmt: skip


def _when(look: Look) -> Iterator[Finding]:
    if not look.mapping(("spec",)):
        yield look.say("schedule", ("spec",), "a mapping", wants=("spec",))
    ways = [way for way in _WAYS if look.at((*_WHEN, way)) is not None]
    if len(ways) > 1 or (not ways and look.mapping(_WHEN)):
        found = " and ".join(ways) or f"without {', '.join(_WAYS)}"
        yield look.say("schedule", _WHEN, f"one of {', '.join(_WAYS)}", found=found)


def _made(look: Look) -> Iterator[Finding]:
    """What is wrong in the engine that is made: it has the schedule's name, and may have its account."""
    if look.mapping(_TEMPLATE):
        named = look.text(("spec", "chaosServiceAccount"))
        said = traps(Look(look.document, spec=_TEMPLATE))
        yield from (one for one in said if not (named and one.problem.rule == "service-account"))
