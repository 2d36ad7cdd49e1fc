"""The geometry of a run's charts, in the units of their viewBox: pure numbers, drawn by a template.

All charts of a run share one time axis, so that what happened at the same moment stands above each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from chaoskit.ports.store import Document
from chaoskit.reports.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Scale, Tick, shown
from chaoskit.reports.conditions import Course, Look, courses
from chaoskit.reports.reading import moment, since, time

ROW = 26.0
LETTER = 6.2
"""About how wide a letter of a label is."""

_HELD = {True: "held", False: "broken", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a line of its own: where that is, and where its label begins or ends (`anchor`)."""

    at: float
    label: str
    text: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Dot:
    """One look or sample: where, how it is drawn, and what it says when pointed at."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One signal: its line and the area under it as SVG paths, the bound it had to keep, the looks at it."""

    title: str
    of: str
    line: str
    area: str
    ticks: tuple[Tick, ...]
    bound: Tick | None
    dots: tuple[Dot, ...]
    peak: Peak | None


@dataclass(frozen=True, slots=True)
class Peak:
    """The worst sample, and its label above it."""

    x: float
    y: float
    label: str
    text: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time from one look to the next, as it stood at the first."""

    x: float
    width: float
    kind: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One condition over time, as a row of looks; `y` is its middle."""

    title: str
    y: float
    stretches: tuple[Stretch, ...]
    looks: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything drawn of one run; `fault` is the band of the injection as (x, width)."""

    axis: Axis
    fault: tuple[float, float] | None
    marks: tuple[Mark, ...]
    strips: tuple[Strip, ...]
    charts: tuple[Chart, ...]

    @property
    def strips_height(self) -> float:
        """The height of the chart of all conditions."""
        return TOP + ROW * len(self.strips) + BOTTOM


def picture(run: Document) -> Picture | None:
    """The charts of a run; None where there is nothing to draw."""
    signals = [each for each in (run.get("evidence") or {}).get("signals") or () if len(each["points"]) > 1]
    looked = [each for each in courses(run) if len(each.looks) > 1]
    if not signals and not looked:
        return None
    axis = _axis(run, signals, looked)
    return Picture(
        axis=axis,
        fault=_fault(run, axis),
        marks=tuple(_marks(run, axis)),
        strips=tuple(_strip(each, TOP + ROW * (n + 0.5), axis) for n, each in enumerate(looked)),
        charts=tuple(_chart(each, looked, axis, injected=bool(run.get("injected_at"))) for each in signals),
    )


def _axis(run: Document, signals: Sequence[Mapping[str, Any]], looked: Sequence[Course]) -> Axis:
    moments = [time(each["points"][end][0]) for each in signals for end in (0, -1)]
    moments += [look.at for each in looked for look in each.looks]
    return Axis(min(moments), max(moments), moment(run, "injected_at") or time(run["at"]))


def _fault(run: Document, axis: Axis) -> tuple[float, float] | None:
    start, end = moment(run, "injected_at"), moment(run, "injected_until")
    if start is None:
        return None
    left = axis.x(start)
    return left, max(2.0, round(axis.x(end or time(run["ended_at"])) - left, 1))


def _marks(run: Document, axis: Axis) -> Iterable[Mark]:
    """The injection, the abort and the undo; their labels stand beside each other, however close they are."""
    timeline = run.get("timeline") or ()
    told = {"fault": [run["injected_at"]] if run.get("injected_at") else []}
    for name, label in (("aborting", "aborted"), ("undo", "undone")):
        told[label] = [each["at"] for each in timeline if each["name"] == name]
    free = LEFT
    for label, moments in told.items():
        if moments:
            at, width = axis.x(time(moments[-1])), LETTER * len(label)
            before = at - 4 - width >= free and (label == "fault" or at + 4 + width > WIDTH)
            start = at - 4 - width if before else max(at + 4, free)
            yield Mark(at, label, round(at - 4 if before else start, 1), "end" if before else "start")
            free = start + width + 6


def _strip(course: Course, y: float, axis: Axis) -> Strip:
    looks = tuple(Dot(axis.x(each.at), y, _HELD[each.held], _title(each, axis)) for each in course.looks)
    stretches = (Stretch(one.x, round(after.x - one.x, 1), one.kind) for one, after in pairwise(looks))
    return Strip(course.title, y, tuple(stretches), looks)


def _title(look: Look, axis: Axis) -> str:
    stage = f"{look.stage}, shown late" if look.late else look.stage
    return f"{since(look.at, axis.zero)}  {stage}: {look.observed} ({_HELD[look.held]})"


def _chart(signal: Mapping[str, Any], looked: Sequence[Course], axis: Axis, *, injected: bool) -> Chart:
    unit, points = signal["unit"], [(time(at), float(value)) for at, value in signal["points"]]
    looks = [look for course in looked if _is_of(course, signal) for look in course.looks]
    least, most = signal.get("least"), signal.get("most")
    bound = least if least is not None else most
    values = [value for _, value in points] + [each.value for each in looks if each.value is not None]
    scale = Scale.of([*values, *([bound] if bound is not None else [])])
    segments = _segments(points)
    return Chart(
        title=signal["name"],
        of=signal.get("of", ""),
        line=" ".join(_line(each, scale, axis) for each in segments),
        area=" ".join(_area(each, scale, axis) for each in segments if len(each) > 1),
        ticks=tuple(Tick(scale.y(value), shown(value, unit)) for value in scale.ticks),
        bound=None if bound is None else Tick(scale.y(bound), _bound(bound, unit, above=least is not None)),
        dots=tuple(_dot(each, scale, axis) for each in looks if each.value is not None),
        peak=_peak(points, scale, axis, unit, lowest=least is not None) if injected else None,
    )


def _is_of(course: Course, signal: Mapping[str, Any]) -> bool:
    """Whether a condition looks at this very signal: by what it is called when nobody gave it a name."""
    return course.title in {f"{signal.get('signal')} of {signal.get('of')}", signal.get("signal")}


def _dot(look: Look, scale: Scale, axis: Axis) -> Dot:
    return Dot(axis.x(look.at), scale.y(look.value or 0.0), _HELD[look.held], _title(look, axis))


def _bound(value: float, unit: str, *, above: bool) -> str:
    return f"must stay {'above' if above else 'below'} {shown(value, unit)}"


Points = list[tuple[datetime, float]]


def _segments(points: Points) -> list[Points]:
    """The points, parted where samples are missing: a line over a gap would be invented."""
    steps = sorted((after - one).total_seconds() for (one, _), (after, _) in pairwise(points))
    usual = steps[len(steps) // 2] if steps else 0.0
    parts: list[Points] = [[]]
    for point in points:
        if parts[-1] and (point[0] - parts[-1][-1][0]).total_seconds() > 2.5 * usual:
            parts.append([])
        parts[-1].append(point)
    return parts


def _line(points: Points, scale: Scale, axis: Axis) -> str:
    return "M" + " L".join(f"{axis.x(at)},{scale.y(value)}" for at, value in points)


def _area(points: Points, scale: Scale, axis: Axis) -> str:
    floor = HEIGHT - BOTTOM
    return f"{_line(points, scale, axis)} L{axis.x(points[-1][0])},{floor} L{axis.x(points[0][0])},{floor} Z"


def _peak(points: Points, scale: Scale, axis: Axis, unit: str, *, lowest: bool) -> Peak | None:
    """The worst sample since the injection, where it is clearly worse than all before it."""
    pick = min if lowest else max
    after = [each for each in points if each[0] >= axis.zero]
    if not after:
        return None
    at, value = pick(after, key=lambda each: each[1])
    usual = pick((value for at, value in points if at < axis.zero), default=value)
    worse = usual - value if lowest else value - usual
    if worse <= 0.1 * max(abs(usual), scale.high - scale.low):
        return None
    x, y, label = axis.x(at), scale.y(value), f"{shown(value, unit)} at {since(at, axis.zero)}"
    near_edge = x + LETTER * len(label) / 2 > WIDTH - RIGHT
    return Peak(x, y, label, round(y - 8, 1), "end" if near_edge else "middle")
