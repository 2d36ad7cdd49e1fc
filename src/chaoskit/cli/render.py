"""Results on stdout: a table for people, JSON or YAML with a ``schema`` field for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import TYPE_CHECKING, Any, cast

from chaoskit.cli.fitting import hanging, laid_out
from chaoskit.cli.pasting import pasted
from chaoskit.cli.secrecy import unsaid
from chaoskit.visible import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderHook

    from chaoskit.cli.session import Session

_STYLES = {0: "green", 1: "bold red", 3: "yellow", 4: "yellow", 5: "bold red", 7: "yellow", 8: "yellow"}

_GAP = " " * 3
_AHEAD = timedelta(minutes=1)
"""By so much clocks may differ that go alike."""


def emit(
    session: Session, schema: str, document: Mapping[str, Any], table: Callable[[Console], None]
) -> None:
    """The result is on stdout in the format asked for; `schema` is its name, as in ``run``."""
    if session.output == "table":
        table(console(session))
    else:
        write(session.output, schema, document)


def write(form: str, schema: str, document: Mapping[str, Any]) -> None:
    """The document is on stdout as ``yaml`` or ``json``; `schema` is its name, as in ``run``."""
    whole = {"schema": f"chaoskit.io/{schema}/v1", **unsaid(document)}
    sys.stdout.write(_as_yaml(whole) if form == "yaml" else json.dumps(whole, indent=2) + "\n")


def _as_yaml(document: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


def console(session: Session, *, stderr: bool = False) -> Console:
    """A console on stdout or stderr; without colours where asked, in a pipe and with ``NO_COLOR``.

    Lines are never cut: what does not break its own to fit (`columns`, `told`), a terminal breaks.
    ``FORCE_COLOR`` brings colours into a pipe and nothing else: no window is there that lines had to fit.
    """
    from rich.console import Console

    forced = Console(stderr=stderr)  # a terminal in a pipe too, where colours are forced
    colours: Any = forced.color_system
    out = Console(
        stderr=stderr,
        force_terminal=None if forced.file.isatty() else False,
        color_system=colours,
        no_color=session.no_color or None,
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
    )
    if not out.width:
        out.width = (
            80  # COLUMNS=0, as stty and tput tell where there is no terminal: nothing would be printed
        )
    out.push_render_hook(cast("RenderHook", _Discreet()))
    return out


class _Discreet:
    """What a console does last before it prints: nobody reads what is known as secret."""

    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        """The texts among them without it; a table in rich's own words would have to hide its cells."""
        for each in renderables:
            if hasattr(each, "plain"):
                each.plain = unsaid(each.plain)
        return renderables


def columns(out: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: int = -1) -> None:
    """A table without lines: capitals on top, as kubectl writes it; nothing is cut.

    On a terminal it fits: column `wrap` takes several lines first, then stands beneath its row, then others
    break; elsewhere each row is one line. Control characters in a cell are written out.
    """
    cells = [[visible(unsaid(cell)) for cell in row] for row in ([head.upper() for head in heads], *rows)]
    if not out.is_terminal:
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            out.print(_GAP.join(map(str.ljust, row, widths)).rstrip())
        return
    for place, lines in enumerate(laid_out(cells, out.width, wrap)):
        for line in lines:
            out.print(line, style=None if place else "bold")


def told(out: Console, lead: str, words: str, *, style: str | None = None) -> None:
    """The words behind their lead; on a terminal in lines that fit and begin where the words do."""
    lead, words = unsaid(lead), unsaid(words)
    for line in hanging(lead, words, out.width) if out.is_terminal else [f"{lead}{words}".rstrip()]:
        out.print(line, style=style)


def outcome_line(out: Console, words: str, exit_code: int, what: str) -> None:
    """The answer first: ``weakness found  cart lost requests ...  exit 1``."""
    from rich.text import Text

    line = Text(words, style=_STYLES.get(exit_code, "bold"))
    line.append(f"  {what}", style="default")
    line.append(f"  exit {exit_code}", style="dim")
    out.print(line)


def next_step(out: Console, command: str, *, but: Collection[str] = ()) -> None:
    """The last line: what one would do next, as a command to paste that leads where this one did.

    `but` are places of this call that are left out: what it looked for is not there.
    """
    out.print(f"next  {pasted(command, but=but)}", style="dim")


def ago(at: datetime, now: datetime) -> str:
    """``4m ago``: the span in its largest unit; ``4m ahead`` by a clock that runs faster than ours."""
    return f"{span(at - now)} ahead" if at - now >= _AHEAD else f"{span(now - at)} ago"


def span(length: timedelta) -> str:
    """``4m``, ``2d``: whole units of the largest that fits."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def clock_time(seconds: float) -> str:
    """``1:04`` of 64 seconds."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def percent(share: float) -> str:
    """``91 %`` of 0.91; no decimals, but never 0 or 100 for what is neither."""
    rounded = round(share * 100)
    if rounded == 0 and share > 0:
        return "under 1 %"
    if rounded == 100 and share < 1:
        return "over 99 %"
    return f"{rounded} %"


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, width: int = 8) -> str:
    """The course of `values` (NaN is a gap) in `width` bars."""
    step = max(1, -(-len(values) // width))
    groups = [[v for v in values[i : i + step] if not isnan(v)] for i in range(0, len(values), step)]
    means = [sum(g) / len(g) if g else None for g in groups]
    known = [m for m in means if m is not None]
    if not known:
        return ""
    low, reach = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if m is None else _BARS[min(7, int((m - low) / reach * 7.999))] for m in means)
