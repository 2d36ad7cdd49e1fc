"""Rows and lines in the width that a terminal has: what does not fit goes on below, nothing is cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

ENOUGH = 20
"""The fewest letters in which a column that may wrap can be read."""

_ROOMY, _TIGHT = " " * 3, " " * 2
_BENEATH = " " * 4
_WHOLE = 10
"""So few letters are never broken."""

Row = Sequence[str]


def laid_out(cells: Sequence[Row], width: int, wrap: int) -> list[list[str]]:
    """The rows, heads first, each as lines of at most `width` letters; nothing of a cell is lost.

    Column `wrap` takes several lines; where the others leave it less than 20 letters, it stands beneath its
    row. Where the others do not fit either, the widest of them break: between words, then in names, then
    anywhere but in what has a figure, since half an id is none; where that does not do either, each row is
    a block of its own, a line for each cell.
    """
    widths = _widths(cells)
    wrap %= len(widths)
    free = width - sum(widths) + widths[wrap] - len(_ROOMY) * (len(widths) - 1)
    if free >= min(widths[wrap], ENOUGH):
        widths[wrap] = min(free, widths[wrap])
        return [_row(row, widths, _ROOMY) for row in cells]
    if widths[wrap] > ENOUGH and len(widths) > 1:
        return _beneath(cells, width, wrap)
    return _narrowed(cells, width) or _blocks(cells, width)


def beside(cells: Sequence[Row], width: int, wrap: int) -> int:
    """How many of the first columns stand whole in the width, two at least; `wrap` may stand beneath."""
    found, used = 0, -len(_TIGHT)
    for place, each in enumerate(_widths(cells)):
        used += 0 if place == wrap else each + len(_TIGHT)
        if used > width and found >= 2:
            break
        found += 1
    return found


def hanging(lead: str, words: str, width: int) -> list[str]:
    """The words behind their lead, in lines of at most `width` letters that begin where the words do."""
    room = width - len(lead)
    if room < ENOUGH:
        return [lead + words]
    first, *more = _folded(words, room)
    return [(lead + first).rstrip(), *(" " * len(lead) + each for each in more)]


def _widths(cells: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(*cells, strict=True)]


def _beneath(cells: Sequence[Row], width: int, wrap: int) -> list[list[str]]:
    """Each row without column `wrap`, which follows on lines of its own."""
    others = [[cell for place, cell in enumerate(row) if place != wrap] for row in cells]
    rows = _narrowed(others, width)
    if rows is None:
        return _blocks(cells, width)
    below = (hanging(_BENEATH, row[wrap], width) if row[wrap] else [] for row in cells)
    return [[*lines, *more] for lines, more in zip(rows, below, strict=True)]


def _narrowed(cells: Sequence[Row], width: int) -> list[list[str]] | None:
    """The rows, the widest columns broken as far as it needs; None where that does not do."""
    widths = _widths(cells)
    room = width - len(_TIGHT) * (len(widths) - 1)
    ways: tuple[Callable[[str], list[str]], ...] = (str.split, _names, _figures)
    for pieces in ways:
        longest = [max(map(len, pieces(" ".join(column))), default=0) for column in zip(*cells, strict=True)]
        widths = _squeezed(widths, [max(each, _WHOLE) for each in longest], room)
        if sum(widths) <= room:
            return [_row(row, widths, _TIGHT) for row in cells]
    return None


def _squeezed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The widest first, none below its `least`, until all have room or there is nothing to take."""
    found = list(widths)
    while sum(found) > room:
        wide = [place for place, each in enumerate(found) if each > least[place]]
        if not wide:
            break
        found[max(wide, key=lambda place: found[place])] -= 1
    return found


def _row(row: Row, widths: Sequence[int], gap: str) -> list[str]:
    """The row in as many lines as its longest cell takes."""
    columns = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    lines = []
    for place in range(max(map(len, columns))):
        cells = (column[place] if place < len(column) else "" for column in columns)
        lines.append(gap.join(map(str.ljust, cells, widths)).rstrip())
    return lines


def _blocks(cells: Sequence[Row], width: int) -> list[list[str]]:
    """No heads on top, but one before each cell; the first cell of a row is its title."""
    heads, *rows = cells
    indent = max(map(len, heads))
    return [[], *(list(_block(heads, row, indent, width)) for row in rows)]


def _block(heads: Row, row: Row, indent: int, width: int) -> Iterator[str]:
    yield from hanging("", row[0], width)
    for head, cell in zip(heads[1:], row[1:], strict=True):
        if cell:
            yield from hanging(f"  {head:<{indent}}  ", cell, width)


def _folded(cell: str, width: int) -> list[str]:
    """The cell in lines of at most `width` letters: broken between words, a longer word within its name."""
    if len(cell) <= width and "\n" not in cell:
        return [cell]
    lines = [""]
    for word in cell.split():
        glue = " " if lines[-1] else ""
        for piece in [word] if len(word) <= width else _pieces(word, width):
            if len(lines[-1]) + len(glue) + len(piece) <= width:
                lines[-1] += glue + piece
            else:
                lines.append(piece)
            glue = ""
    return lines if lines[0] else lines[1:] or [""]


def _pieces(word: str, width: int) -> list[str]:
    """A name at its hyphens and slashes, and what is longer yet wherever a line ends."""
    return [piece[at : at + width] for piece in _names(word) for at in range(0, len(piece), width)]


def _names(text: str) -> list[str]:
    return [piece for word in text.split() for piece in re.findall("[^-/]+[-/]*|[-/]+", word)]


def _figures(text: str) -> list[str]:
    return [piece for piece in _names(text) if re.search("[0-9]", piece)]
