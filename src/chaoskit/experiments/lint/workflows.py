"""Argo's workflows: the manifests that they carry as text, and make when their turn comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chaoskit.documents import Document, Location, within
from chaoskit.errors import Problem

_CARRY = frozenset({("raw", "data"), ("resource", "manifest")})
"""Where a workflow has them: an artifact's content, or what a template creates."""
_LITMUS = re.compile(
    r"""\bapiVersion['"]?\s*:\s*['"]?litmuschaos\.io/|\bkind['"]?\s*:\s*['"]?Chaos(Engine|Experiment|Schedule)\b"""
)


def carried(document: Document) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Litmus' documents in a workflow, with their places in the file, and what of them cannot be read."""
    found: list[Document] = []
    unread: list[Problem] = []
    for location in _texts(document.at(("spec",)), ("spec",)):
        documents, problems = within(document, location)
        found += documents
        unread += problems
    return tuple(found), tuple(unread)


def _texts(value: Any, location: Location) -> Iterator[Location]:
    """Where texts stand that are Litmus' manifests."""
    if isinstance(value, str):
        if location[-2:] in _CARRY and not value.lstrip().startswith("#!") and _LITMUS.search(value):
            yield location
    elif isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, (*location, step))
