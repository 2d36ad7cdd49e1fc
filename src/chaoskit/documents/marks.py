"""Where everything in a document of YAML stands, and what in it no Kubernetes object has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import yaml

from chaoskit.documents.mistakes import UNFILLED
from chaoskit.documents.places import Location, Place, Source, spelled
from chaoskit.errors import Problem

MOST_VALUES = 100_000
"""So many values a document may have; what has more is no experiment, or aliases that multiply."""


def place_of(mark: Any) -> Place:
    """The place of a mark, which counts from 0; the text's begin where there is none."""
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


_TEMPLATE = re.compile(r"\{\{[^{}\n]{0,60}\}\}")
_TWICE = "written twice"
_UNPARTED = "not parted from the one before"
_PARTED = "--- in a line of its own before it"


class Marks:
    """Where every value and key of one document stands, and what cannot be a Kubernetes object in it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.places: dict[Location, Place] = {}
        self.keys: dict[Location, Place] = {}
        self.texts: dict[Location, Source] = {}
        self.problems: list[Problem] = []
        self._around: set[int] = set()

    def told(self) -> list[Problem]:
        """What is wrong; of a second document that begins within this one, that it does."""
        twice = [each for each in self.problems if each.found == _TWICE and (each.field,) in self.keys]
        heads = [[each for each in twice if each.field == name] for name in ("apiVersion", "kind")]
        begins = [min(both, key=lambda each: each.line) for both in zip(*heads, strict=False)]
        apart = [replace(each, field="document", found=_UNPARTED, expected=_PARTED) for each in begins]
        return [each for each in self.problems if not (begins and each in twice)] + apart

    def walk(self, node: yaml.Node, location: Location) -> None:
        """The places of the node, which stands there, are known, and those of all that is in it."""
        if not self._walkable(node, location):
            return
        self.places.setdefault(location, place_of(node.start_mark))
        self._around.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self.walk(child, (*location, index))
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                self._pair(key, child, location)
        elif isinstance(node, yaml.ScalarNode) and ("\n" in node.value or node.value.startswith("{")):
            self.texts[location] = _source(node)
        self._around.discard(id(node))

    def _walkable(self, node: yaml.Node, location: Location) -> bool:
        if id(node) in self._around:
            self._say(node, location, "an alias of what it stands in", "a value")
        elif len(self.places) >= MOST_VALUES:
            if not self.problems:
                self._say(node, location, f"more than {MOST_VALUES} values", "a smaller document")
        elif isinstance(node, yaml.ScalarNode) and _halved(node.value):
            self._say(node, location, "half a character", "text")
        else:
            return True
        return False

    def _pair(self, key: yaml.Node, child: yaml.Node, location: Location) -> None:
        if not isinstance(key, yaml.ScalarNode) or not self._walkable(key, location):
            template = _template(key)
            wanted = UNFILLED if template else "text"
            self._say(key, location, template or "a key that is no text", wanted)
            return
        inner = (*location, str(key.value))
        if inner in self.keys and key.value != "<<":
            self._say(key, inner, _TWICE, "one value")
            return  # what is in it would only seem to be there twice
        self.keys[inner] = place_of(key.start_mark)
        self.walk(child, inner)

    def _say(self, node: yaml.Node, location: Location, found: str, expected: str) -> None:
        self.problems.append(
            Problem(self.path, spelled(location), found, expected, *place_of(node.start_mark))
        )


def _template(key: yaml.Node) -> str:
    """What stands where braces within braces make no key, but a template; "" of other keys."""
    start, end = key.start_mark, key.end_mark
    around = str((start.buffer or "")[max(0, start.pointer - 1) : end.pointer + 1])
    return f"a template, {around}" if _TEMPLATE.fullmatch(around) else ""


def _source(node: yaml.ScalarNode) -> Source:
    start, end = node.start_mark, node.end_mark
    written = (start.buffer or "")[start.pointer : end.pointer]
    return Source(str(written), node.style or "", place_of(start))


def _halved(text: str) -> bool:
    """Whether a surrogate stands in it: what cannot be written out again."""
    return not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text)
