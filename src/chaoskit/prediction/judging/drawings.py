"""Pictures of a report as SVG: precision over recall, said against seen, and what was alarmed when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from chaoskit.prediction.judging.report import Occurrence, Report

WIDTH, HEIGHT, MARGIN = 480, 320, 48
LINE, CAUGHT, MISSED, GREY = "#2563eb", "#15803d", "#b91c1c", "#9ca3af"
ROW = 18

NAMES = ("precision-recall.svg", "calibration.svg", "timeline.svg")


def draw(report: Report) -> dict[str, str]:
    """Each picture by its file's name."""
    return dict(zip(NAMES, (_curve(report), _calibration(report), _timeline(report)), strict=True))


def _curve(report: Report) -> str:
    base = report.data["prevalence"]
    points = sorted(report.pr_curve)
    parts = [_line([(0, base), (1, base)], GREY, dashed=True), _line(points, LINE)]
    return _plot("Precision over recall", "recall", "precision", parts)


def _calibration(report: Report) -> str:
    parts = [_line([(0, 0), (1, 1)], GREY, dashed=True)]
    parts.append(_line([(said, seen) for said, seen, _ in report.reliability], LINE))
    for said, seen, count in report.reliability:
        x, y = _place(said, seen)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{LINE}"><title>{count} samples</title></circle>'
        )
    return _plot("What was said and what was seen", "probability said", "share that failed", parts)


def _timeline(report: Report) -> str:
    """Each event as a bar in its run, hollow when it was missed; each false alarm as a mark."""
    runs = sorted({each.run for each in report.occurrences} | {each.run for each in report.false_alarms})
    height = 2 * MARGIN + ROW * max(1, len(runs))
    parts = [_text(MARGIN, 20, "Events (filled: caught, hollow: missed) and false alarms (|)", "start", 13)]
    for place, run in enumerate(runs):
        y = MARGIN + place * ROW
        mine = [each for each in report.occurrences if each.run == run]
        false = [each.at for each in report.false_alarms if each.run == run]
        times = [*(each.start for each in mine), *(each.end for each in mine), *false]
        first, last = min(times).timestamp(), max(times).timestamp()
        parts.append(_text(4, y + 11, run[:16], "start"))
        parts += [_bar(each, y, first, last) for each in mine]
        for at in false:
            x = _along(at.timestamp(), first, last)
            parts.append(f'<path d="M{x:.1f} {y} v{ROW - 4}" stroke="{MISSED}" stroke-width="2"/>')
    return _picture(2 * WIDTH, height, parts)


def _bar(each: Occurrence, y: int, first: float, last: float) -> str:
    start = _along(each.start.timestamp(), first, last)
    width = max(3.0, _along(each.end.timestamp(), first, last) - start)
    fill = CAUGHT if each.delay is not None else "none"
    told = "missed" if each.delay is None else f"alarm after {each.delay:.0f} s"
    words = escape(f"{each.issue} of {each.target} at {each.start:%Y-%m-%d %H:%M}: {told}")
    return (
        f'<rect x="{start:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 6}" fill="{fill}"'
        f' stroke="{CAUGHT if each.delay is not None else MISSED}"><title>{words}</title></rect>'
    )


def _along(at: float, first: float, last: float) -> float:
    left, right = 120, 2 * WIDTH - 12
    return left + (right - left) * (at - first) / max(last - first, 1)


# -- plain drawing -------------------------------------------------------------------------------------


def _plot(title: str, across: str, up: str, parts: Iterable[str]) -> str:
    """A picture with both axes from 0 to 1."""
    frame = [_text(WIDTH / 2, 20, title, "middle", 13)]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        (x, bottom), (left, y) = _place(tick, 0), _place(0, tick)
        frame.append(_text(x, bottom + 16, f"{tick:g}", "middle"))
        frame.append(_text(left - 6, y + 4, f"{tick:g}", "end"))
        frame.append(f'<path d="M{left:.1f} {y:.1f} H{WIDTH - MARGIN}" stroke="{GREY}" stroke-width="0.3"/>')
    frame.append(_text(WIDTH / 2, HEIGHT - 8, across, "middle"))
    frame.append(_text(MARGIN, 36, up, "start"))
    return _picture(WIDTH, HEIGHT, [*frame, *parts])


def _place(x: float, y: float) -> tuple[float, float]:
    return MARGIN + x * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - y * (HEIGHT - 2 * MARGIN)


def _line(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(*point) for point in points))
    style = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{style}/>'


def _text(x: float, y: float, words: str, anchor: str, size: int = 11) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}">{escape(words)}</text>'


def _picture(width: float, height: float, parts: Iterable[str]) -> str:
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
        f' font-family="sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>\n{inside}\n</svg>\n'
    )
