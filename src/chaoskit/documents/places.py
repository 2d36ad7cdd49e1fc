"""Where things stand in a document, and how they are shown to a person."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from chaoskit.errors import Problem
from chaoskit.redaction import scrubbed
from chaoskit.secretforms import HIDDEN
from chaoskit.secretnames import looks_secret
from chaoskit.secretvalues import without

Step = str | int
Location = tuple[Step, ...]
"""The way from a document's root to a value: keys and list positions."""


class Place(NamedTuple):
    """Where something stands in its file; both count from 1."""

    line: int
    column: int


class Source(NamedTuple):
    """A text as it was written, the sign of its style (``|``, ``>``, ``"``, ``'`` or none), its beginning."""

    written: str
    style: str
    start: Place


What = TypeVar("What", Place, Source)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, and where in which file each part of it stands.

    `ignored` are the rules that a comment in the file switches off, by line; `texts` are those of its texts
    that may be documents themselves, as they were written; `variables` the names of those that its file
    speaks of; `secrets` the values that were put there and whose names call them secret.
    """

    path: str
    value: Any
    places: Mapping[Location, Place] = field(repr=False)
    keys: Mapping[Location, Place] = field(repr=False)
    ignored: Mapping[int, frozenset[str]] = field(default_factory=dict, repr=False)
    texts: Mapping[Location, Source] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    variables: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """What stands under ``kind``; "" when nothing does."""
        return str(self.value.get("kind", "")) if isinstance(self.value, Mapping) else ""

    @property
    def api_version(self) -> str:
        """What stands under ``apiVersion``; "" when nothing does."""
        return str(self.value.get("apiVersion", "")) if isinstance(self.value, Mapping) else ""

    def at(self, location: Location) -> Any:
        """The value there; None when there is nothing."""
        found = self.value
        for step in location:
            if isinstance(found, str):
                return None
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def place(self, location: Location, *, key: bool = False) -> Place:
        """Where the value (or its key) stands, or the nearest thing around it that exists."""
        if key and location in self.keys:
            return self.keys[location]
        while location and location not in self.places:
            location = location[:-1]
        return self.places.get(location, Place(1, 1))

    def problem(
        self,
        location: Location,
        found: str,
        expected: str,
        *,
        hint: str = "",
        rule: str = "",
        key: bool = False,
    ) -> Problem:
        """A problem with the value at `location`, or with its key; a value that is secret is not told."""
        line, column = self.place(location, key=key)
        if not key and self._is_secret(location):
            told = _TELLS_NOTHING | _SHAPES if self.kind == "Secret" else _TELLS_NOTHING
            found = found if found in told else HIDDEN
            expected = scrubbed(expected, _leaves(self.at(location)))
        found, expected, hint = (printable(without(text, self.secrets)) for text in (found, expected, hint))
        field_ = without(spelled(location), self.secrets)
        return Problem(self.path, field_, found, expected, line, column, hint, rule)

    def _is_secret(self, location: Location) -> bool:
        """Whether its key calls it secret, or name or key beside it: ``{name: DB_PASSWORD, value: x}``.

        So is all that a Secret holds.
        """
        if self.kind == "Secret" and location[:1] in {("data",), ("stringData",)}:
            return True
        words = ("name", "key") if location and location[-1] == "value" else ()
        beside = (self.at((*location[:-1], word)) for word in words)
        return any(
            map(looks_secret, (*map(str, location), *(each for each in beside if isinstance(each, str))))
        )

    def items(self) -> tuple[Document, ...]:
        """The documents that it holds when it is a list of Kubernetes objects; otherwise itself."""
        inner = self.at(("items",))
        if not self.kind.endswith("List") or not isinstance(inner, list):
            return (self,)
        places, keys, texts = _by_item(self.places), _by_item(self.keys), _by_item(self.texts)
        return tuple(
            Document(
                self.path,
                value,
                places.get(index, {}),
                keys.get(index, {}),
                self.ignored,
                texts.get(index, {}),
                self.secrets,
                self.variables,
            )
            for index, value in enumerate(inner)
            if value is not None
        )


_TELLS_NOTHING = frozenset({"missing", "unknown", "empty"})
"""What may be said of a secret value: that it is not there."""
_SHAPES = frozenset({"a mapping", "a list"})
"""And of what a Secret holds, no line of which is ever quoted."""


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(each)
    elif value not in {None, ""}:
        yield str(value)


def _by_item(places: Mapping[Location, What]) -> dict[Step, dict[Location, What]]:
    """What is known of places below ``items``, apart for each item and as seen from it."""
    found: dict[Step, dict[Location, What]] = {}
    for location, place in places.items():
        if len(location) > 1 and location[0] == "items":
            found.setdefault(location[1], {})[location[2:]] = place
    return found


def spelled(location: Location) -> str:
    """``spec.steadyState[0].below``; "document" for the root."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in location)
    return text.lstrip(".") or "document"


def shown(value: object) -> str:
    """A value as it looks in YAML: text in quotes, long things cut."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = f'"{value[:200]}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def printable(text: str) -> str:
    """The text with whatever a terminal would obey written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def closest(word: str, options: Iterable[str], *, likeness: float = 0.6) -> str:
    """``did you mean X?`` for the option most like `word`; "" when none is like it."""
    found = nearest(word, options, likeness=likeness)
    return f"did you mean {found}?" if found else ""


def nearest(word: str, options: Iterable[str], *, likeness: float = 0.6) -> str:
    """The option most like `word`, whatever the case or order of its letters; "" when none is like it."""
    known: dict[str, str] = {}
    for option in options:
        known.setdefault(option.lower(), option)
    given = word[:100].lower()
    swapped = [option for option in known if sorted(option) == sorted(given)]
    found = swapped or difflib.get_close_matches(given, known, n=1, cutoff=likeness)
    return known[found[0]] if found else ""
