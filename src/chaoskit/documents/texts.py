"""Texts of several lines within a document: where in the file each of their characters stands."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator

from chaoskit.documents.places import Place, Source

Find = Callable[[Place], Place]
"""From a place in a text to the place in the file."""

_BEFORE = re.compile(r"(?:[&!]\S*\s+)*")
"""Anchor and tag."""
_ESCAPE = re.compile(r"\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)|.", re.DOTALL)
_DOUBLED = re.compile(r"''|.", re.DOTALL)
_ANY = re.compile(r".", re.DOTALL)
_UNITS = {'"': _ESCAPE, "'": _DOUBLED}
_BLANKS = frozenset("nrtvf \n\r_NLP")
"""What stands for a blank, or for nothing, after a backslash."""


def finder(source: Source, value: str) -> Find:
    """Tells where in the file what stands at a place of `value` was written; both count from 1.

    Styles fold, indent and escape in their own ways, but none changes the order of what is not blank: the
    n-th such character of the value is the n-th of what was written.
    """
    written = list(_solid(source))
    solid = [index for index, each in enumerate(value) if not each.isspace()]
    if len(written) != len(solid):
        return lambda _place: source.start
    lines = [0, *(match.end() for match in re.finditer("\n", value))]
    breaks = [match.end() for match in re.finditer("\n", source.written)]

    def find(place: Place) -> Place:
        index = lines[min(place.line, len(lines)) - 1] + place.column - 1
        nth = bisect.bisect_left(solid, index)
        offset = written[nth] if nth < len(written) else len(source.written)
        line = bisect.bisect_right(breaks, offset)
        column = offset - breaks[line - 1] + 1 if line else source.start.column + offset
        return Place(source.start.line + line, column)

    return find


def _solid(source: Source) -> Iterator[int]:
    """Where in what was written each character stands that is not blank."""
    begin = _BEFORE.match(source.written).end()  # type: ignore[union-attr] # it matches nothing, too
    end = len(source.written)
    if source.style in {"|", ">"}:
        begin = source.written.find("\n", begin) + 1 or end
    elif source.style:
        begin, end = begin + 1, end - 1
    for match in _UNITS.get(source.style, _ANY).finditer(source.written, begin, end):
        if not (
            match[0].isspace() or (match[0][0] == "\\" and match[0][1:2] in _BLANKS and len(match[0]) == 2)
        ):
            yield match.start()
