"""Mistakes of indentation: what the lines before left open, and what a line could belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.documents.broken import Broken, Mistake, place
from chaoskit.documents.places import Place
from chaoskit.documents.quoting import content, is_border

_DASH = re.compile(r"\s*(?:- +)*(-)([^\s:-][^\s:]*:)(?:\s|$)")


def dash(broken: Broken, line: int) -> Mistake | None:
    """A dash in that line without the space that makes it one of a list."""
    found = _DASH.match(broken.line(line))
    if found is None:
        return None
    told = broken.quoted(line, f"-{found[2]}")
    return Mistake(Place(line + 1, found.start(1) + 1), told, "a space after the dash")


def level(broken: Broken, line: int) -> Mistake | None:
    """Indented otherwise than the lines that it belongs to: that one, or one that others disagree with."""
    column = _indented(broken.line(line))
    known = dict(_levels(broken, line))
    below = max((each for each in known if each < column), default=-1)
    above = min((each for each in known if each > column), default=-1)
    if above >= 0 and _pushed(broken, line, above):
        return _moved(broken, known[above], column - above, line)
    if below >= 0 and known[below] == broken.before(line):
        item = _dash_beside(broken, known[below], below)
        if item >= 0 and _columns(broken.line(item))[0] == column:
            wanted = f"- before it, as in line {item + 1}"
            return Mistake(Place(known[below] + 1, below + 1), "a field", wanted)
    if below >= 0 and _fallen(broken, line, known[below], below):
        return _moved(broken, known[below], column - below, line)
    wanted = " or ".join(f"{each}, as line {known[each] + 1}" for each in (below, above) if each >= 0)
    if not wanted:
        return None
    if below >= 0 and known[below] == broken.before(line) and column in dict(_levels(broken, known[below])):
        wanted += f" (or line {known[below] + 1} by {column})"
    return Mistake(Place(line + 1, column + 1), f"indented by {_spaces(column)}", wanted)


def _pushed(broken: Broken, line: int, column: int) -> bool:
    """Whether one line alone stands in the column, and those from that one on beside it."""
    block, number = [], broken.before(line)
    while number >= 0 and _columns(broken.line(number))[0] >= column:
        block.append(number)
        number = broken.before(number)
    alone = sum(column in _columns(broken.line(each)) for each in block) == 1
    return alone and _goes_on(broken, line)


def _fallen(broken: Broken, line: int, other: int, column: int) -> bool:
    """Whether the other line parts that one from those before it, or from what they are in."""
    inner, first = _indented(broken.line(line)), broken.before(other)
    among = inner in dict(_levels(broken, other)) and _goes_on(broken, line)
    begins = content(broken.line(first)).endswith(":") and _columns(broken.line(first))[0] == column
    return among or (begins and first >= 0)


def _goes_on(broken: Broken, line: int) -> bool:
    """Whether a later line stands in the same column, with nothing between that is indented less."""
    column = _indented(broken.line(line))
    later = (each for each in broken.lines[line + 1 :] if content(each))
    return next((_indented(each) for each in later if _indented(each) <= column), -1) == column


def _dash_beside(broken: Broken, line: int, column: int) -> int:
    """A line near that one which begins with a dash in the column; -1 when none does."""
    later = (each for each in range(line + 1, len(broken.lines)) if content(broken.line(each)))
    after = next((each for each in later if _indented(broken.line(each)) <= column), line)
    before = dict(_levels(broken, line)).get(column, line)
    near = (each for each in (before, after) if broken.line(each)[column : column + 2] == "- ")
    return next((each for each in near if _indented(broken.line(each)) == column), -1)


def _moved(broken: Broken, line: int, by: int, beside: int) -> Mistake:
    """That line should be indented by so much more, to stand beside another."""
    column = _indented(broken.line(line))
    found, wanted = f"indented by {_spaces(column)}", f"{column + by}, to go with line {beside + 1}"
    return Mistake(Place(line + 1, column + 1), found, wanted)


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
    unspaced = dash(broken, line) or dash(broken, broken.before(line))
    if unspaced is not None:
        return unspaced
    if "collection" in broken.context and "'?'" in broken.problem:
        return _field(broken)
    if "mapping" in broken.context and "'-'" in broken.problem:
        return _item(broken)
    return level(broken, line)


def first(broken: Broken) -> Mistake | None:
    """The first line of a document is indented, and others are not."""
    if not re.match(
        "expected '<document start>', but found '<block (mapping|sequence) start>'", broken.problem
    ):
        return None
    line = broken.before(broken.at[0])
    while (earlier := broken.before(line)) >= 0 and not is_border(broken.line(earlier)):
        line = earlier
    return _moved(broken, line, broken.at[1] - _indented(broken.line(line)), broken.at[0])


def _field(broken: Broken) -> Mistake | None:
    """A field in the column of the dashes."""
    line, column = broken.at
    item = next((number for each, number in _lists(broken) if each == column), -1)
    if item < 0:
        return level(broken, line)
    inner = _columns(broken.line(item))[0]
    if _dash_beside(broken, item, 2 * column - inner) >= 0:
        return _moved(broken, item, column - inner, line)
    wanted = f"- before it, or {_spaces(inner)}, as what stands in the item of line {item + 1}"
    return Mistake(place(broken.at), f"a field, indented by {_spaces(column)}", wanted)


def _item(broken: Broken) -> Mistake:
    """A dash in the column of fields."""
    line, column = broken.at
    slipped = _slipped(broken, line, column)
    if slipped is not None:
        return slipped
    items = [f"{_spaces(each)}, as the item of line {number + 1}" for each, number in _lists(broken)]
    wanted = items[0] if items else f"a field, as line {broken.before(line) + 1}"
    return Mistake(place(broken.at), f"a list item, indented by {_spaces(column)}", wanted)


def _lists(broken: Broken) -> list[tuple[int, int]]:
    """The column of the dashes of each list that the lines before left open, with its last item."""
    levels = _levels(broken, broken.at[0])
    return [(each, number) for each, number in levels if broken.line(number)[each : each + 2] == "- "]


def _indented(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _slipped(broken: Broken, line: int, column: int) -> Mistake | None:
    """A field that slipped to the column of the dash of its item, or a key further in than its list."""
    before = broken.before(line)
    text = broken.line(before)
    if _indented(text) > column and content(text).endswith(":") and _dashes_on(broken, line, column):
        return _moved(broken, before, column - _indented(text), line)
    field = -1
    while (before >= 0) and _indented(broken.line(before)) >= column:
        if _indented(broken.line(before)) == column:
            if broken.line(before)[column : column + 2] == "- ":
                inner = _columns(broken.line(before))[0]
                return _moved(broken, field, inner - column, before) if field >= 0 else None
            field = before
        before = broken.before(before)
    return None


def _dashes_on(broken: Broken, line: int, column: int) -> bool:
    """Whether the next line in that column, or before it, is of the same list."""
    later = (each for each in broken.lines[line + 1 :] if content(each) and _indented(each) <= column)
    return next(later, "")[column : column + 2] == "- "
