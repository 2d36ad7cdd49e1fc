"""What is kept beside the models: who answered when, and what is known of each file by its digest.

Both are looked over when they are read: whoever reads them finds what is written there, or an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaoskit.prediction import objects

PROMOTED, KNOWN = "promoted.json", "models.json"


def known(root: Path) -> dict[str, Any]:
    """By the digest of a file who made it, its verdict and the digests of its cards, as far as known.

    Of a copy in another form, the digest of what it was made of: see `verdicts.verdict_digest`.

    Raises `InvalidInput` when that cannot be read.
    """
    return objects.read(root / KNOWN, sound=_knows)


def history(root: Path) -> list[dict[str, Any]]:
    """Who was promoted when, by name and digest (none in entries of before), the one that answers last.

    Raises `InvalidInput` when that cannot be read.
    """
    found: list[dict[str, Any]] = objects.read(root / PROMOTED, sound=_tells).get("history", [])
    return found


@contextmanager
def known_changed(root: Path) -> Iterator[dict[str, Any]]:
    """What is known, kept as it is at the block's end."""
    with objects.changed(root / KNOWN, sound=_knows) as content:
        yield content


@contextmanager
def history_changed(root: Path) -> Iterator[list[dict[str, Any]]]:
    """The history, kept as it is at the block's end."""
    with objects.changed(root / PROMOTED, sound=_tells) as content:
        yield content.setdefault("history", [])


def _knows(content: Mapping[str, Any]) -> bool:
    return all(
        isinstance(entry, dict)
        and _is_verdict(entry.get("verdict"))
        and _are_words(entry.get("cards", []))
        and _are_words([entry.get("of", "")])
        for entry in content.values()
    )


def _is_verdict(found: Any) -> bool:
    if found is None:
        return True
    if not isinstance(found, dict) or not isinstance(found.get("promotable"), bool):
        return False
    return _are_words([found.get("words"), found.get("split"), found.get("kind", "")])


def _tells(content: Mapping[str, Any]) -> bool:
    found = content.get("history", [])
    return isinstance(found, list) and all(
        isinstance(entry, dict) and _are_words([entry.get("name"), entry.get("digest", "")])
        for entry in found
    )


def _are_words(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)
