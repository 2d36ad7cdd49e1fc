"""A text that is no YAML, where its reader stopped, and how a mistake in it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chaoskit.documents.places import Place, shown
from chaoskit.secretforms import looks_secret


class Mistake(NamedTuple):
    """Where it was made, what stands there, and what should."""

    place: Place
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A text and where the reader stopped; it counts from 0, `begun` is where what it read there began."""

    text: str
    lines: Sequence[str]
    problem: str
    context: str
    at: tuple[int, int]
    begun: tuple[int, int]
    index: int

    def line(self, number: int) -> str:
        """That line; "" beyond the text."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def before(self, number: int) -> int:
        """The last line before that one in which something stands; -1 when there is none."""
        full = (n for n in range(number - 1, -1, -1) if content(self.line(n)))
        return next(full, -1)

    def quoted(self, line: int, text: str) -> str:
        """The text of that line in quotes; "a value" where it may be a secret."""
        return "a value" if self.hidden(line) else shown(text)

    def hidden(self, line: int) -> bool:
        """Whether the line, or the one before, speaks of a secret."""
        return any(map(looks_secret, self.lines[max(0, line - 1) : line + 1]))


def place(at: tuple[int, int]) -> Place:
    """The place, as a person counts."""
    return Place(at[0] + 1, at[1] + 1)


def content(line: str) -> str:
    """What stands in a line, without a comment."""
    return re.sub(r"(^|\s)#.*", "", line).strip()
