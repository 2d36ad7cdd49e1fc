"""Words from elsewhere, as a terminal may be given them: what it would obey is shown instead."""

from __future__ import annotations

import unicodedata

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Kinds of characters that a terminal obeys instead of showing them."""

_LAYOUT = "\n\t"


def visible(text: str) -> str:
    r"""The text with its control characters written out (``\x1b``); line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(_written(each) if obeyed(each) else each for each in text)


def obeyed(text: str) -> bool:
    """Whether a terminal would do something at it, other than to begin a line."""
    return any(unicodedata.category(each) in _OBEYED and each not in _LAYOUT for each in text)


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode()
