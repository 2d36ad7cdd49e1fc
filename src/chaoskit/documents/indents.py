"""Mistakes of indentation: what the lines before left open, and what a line could belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.documents.broken import Broken, Mistake, content, place
from chaoskit.documents.places import Place

_DASH = re.compile(r"\s*(?:- +)*(-)([^\s-]\S*)")


def dash(broken: Broken, line: int) -> Mistake | None:
    """A dash in that line without the space that makes it one of a list."""
    found = _DASH.match(broken.line(line))
    if found is None or found[2].startswith("--"):
        return None
    told = broken.quoted(line, f"-{found[2]}")
    return Mistake(Place(line + 1, found.start(1) + 1), told, "a space after the dash")


def level(broken: Broken, line: int) -> Mistake | None:
    """Indented otherwise than any of the lines that it may belong to."""
    column = _indented(broken.line(line))
    known = dict(_levels(broken, line))
    near = [
        max((c for c in known if c < column), default=-1),
        min((c for c in known if c > column), default=-1),
    ]
    wanted = " or ".join(f"{each}, as line {known[each] + 1}" for each in near if each >= 0)
    if not wanted:
        return None
    return Mistake(Place(line + 1, column + 1), f"indented by {_spaces(column)}", wanted)


def fallen(broken: Broken, line: int) -> Mistake | None:
    """The line before that one is indented too little: it stands among those that go on, or begins them."""
    before = broken.before(line)
    first = broken.before(before)
    column, inner = _indented(broken.line(before)), _indented(broken.line(line))
    if first < 0:
        return None
    above = _columns(broken.line(first))[0]
    among = above == inner > column
    begins = above == column and content(broken.line(first)).endswith(":")
    if not (among or begins):
        return None
    return Mistake(
        Place(before + 1, column + 1), f"indented by {_spaces(column)}", f"{inner}, as line {line + 1}"
    )


def _spaces(number: int) -> str:
    return f"{number} space{'' if number == 1 else 's'}"


def _levels(broken: Broken, line: int) -> Iterator[tuple[int, int]]:
    """The columns of the blocks that the lines before left open, each with the last line that is in it."""
    least = len(broken.text)
    while least and (line := broken.before(line)) >= 0:
        for column in _columns(broken.line(line)):
            if column < least:
                yield column, line
                least = column


def _columns(line: str) -> list[int]:
    """The column of what stands in a line, after those of the dashes before it: the innermost first."""
    dashes = re.match(r"( *)((?:- +)*)", line)
    starts = [match.start() for match in re.finditer("-", line[: dashes.end()])] if dashes else []
    return [dashes.end() if dashes else 0, *reversed(starts)]


def block(broken: Broken) -> Mistake | None:
    """A field among list items, an item among fields, or a line indented otherwise than the others."""
    if not broken.problem.startswith("expected <block end>"):
        return None
    line, _ = broken.at
    if (unspaced := dash(broken, line)) is not None:
        return unspaced
    if "collection" in broken.context and "'?'" in broken.problem:
        return _field(broken)
    if "mapping" in broken.context and "'-'" in broken.problem:
        return _item(broken)
    return level(broken, line)


def _field(broken: Broken) -> Mistake | None:
    """A field in the column of the dashes."""
    line, column = broken.at
    item = next((number for each, number in _lists(broken) if each == column), -1)
    if item < 0:
        return level(broken, line)
    inner = _spaces(_columns(broken.line(item))[0])
    wanted = f"- before it, or {inner}, as what stands in the item of line {item + 1}"
    return Mistake(place(broken.at), f"a field, indented by {_spaces(column)}", wanted)


def _item(broken: Broken) -> Mistake:
    """A dash in the column of fields."""
    line, column = broken.at
    items = [f"{_spaces(each)}, as the item of line {number + 1}" for each, number in _lists(broken)]
    wanted = items[0] if items else f"a field, as line {broken.before(line) + 1}"
    return Mistake(place(broken.at), f"a list item, indented by {_spaces(column)}", wanted)


def _lists(broken: Broken) -> list[tuple[int, int]]:
    """The column of the dashes of each list that the lines before left open, with its last item."""
    levels = _levels(broken, broken.at[0])
    return [(each, number) for each, number in levels if broken.line(number)[each : each + 2] == "- "]


def _indented(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
