"""Documents within a document: a manifest that somebody else will fill in and make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chaoskit.documents.places import Document, Location, Place
from chaoskit.documents.reading import pieces
from chaoskit.documents.texts import Find, finder
from chaoskit.errors import InvalidInput, Problem

TEMPLATE = re.compile(r"\{\{.*?\}\}")
"""What is filled in before anybody reads the manifest."""

_AWAY = 0xE000
_HIDDEN = {code: code + _AWAY for code in range(0x20, 0x7F)}
_SHOWN = {away: code for code, away in _HIDDEN.items()}


def within(document: Document, location: Location) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The documents of the text there with their places in the file, and what of them cannot be read.

    ``{{…}}`` is text in them, wherever it stands: what it will be is not known.
    """
    text = str(document.at(location))
    source = document.texts.get(location)
    find: Find = finder(source, text) if source else (lambda _place: document.place(location))
    found: list[Document] = []
    try:
        inner = pieces(_hidden(text), document.path, filled=True, written=text, secrets=document.secrets)
        for each in inner:
            found.append(_moved(each, find, document))  # noqa: PERF401 - those before what is broken are kept
    except InvalidInput as error:
        return tuple(found), tuple(_told(problem, find) for problem in error.problems)
    return tuple(found), ()


def _hidden(text: str) -> str:
    """The text, as long as it was, in which no template is YAML."""
    return TEMPLATE.sub(lambda match: match[0].translate(_HIDDEN), text)


def _moved(inner: Document, find: Find, outer: Document) -> Document:
    return Document(
        inner.path,
        _restored(inner.value),
        {location: find(place) for location, place in inner.places.items()},
        {location: find(place) for location, place in inner.keys.items()},
        outer.ignored,
        secrets=outer.secrets,
    )


def _restored(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_SHOWN)
    if isinstance(value, list):
        return [_restored(each) for each in value]
    return {key: _restored(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def _told(problem: Problem, find: Find) -> Problem:
    line, column = find(Place(problem.line, problem.column))
    return replace(problem, line=line, column=column)
