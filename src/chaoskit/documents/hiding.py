"""Secrets that are put into a text as variables: what YAML makes of them there, and the text without them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import yaml

from chaoskit.secretvalues import SHORTEST

_SIGNS = "!<>&*"
"""What makes a tag, an anchor or an alias of a word: the reader speaks of the word without it."""


def as_read(secrets: Iterable[str], bare: Callable[[str], object]) -> frozenset[str]:
    """The secrets, and what YAML reads where they stand, bare or in quotes, if it is long enough to be known.

    In quotes, a quote or backslash has to be written twice; a value from a file often ends its line, and
    of several lines any may be told alone. `bare` makes a value of a word without quotes, or raises
    `YAMLError`: 0x1234abcd is told as 305441741.
    """
    found = {form for secret in secrets for form in _readings(secret, bare)}
    return frozenset(each for each in found if len(each) >= SHORTEST)


def _readings(secret: str, bare: Callable[[str], object]) -> Iterator[str]:
    yield from (secret, secret.strip(), secret.strip().strip(_SIGNS))
    yield from map(str.strip, secret.splitlines())
    for written in (secret, f"'{secret}'", f'"{secret}"'):
        # ValueError and OverflowError: of a number that is no character, or too long
        with suppress(yaml.YAMLError, ValueError, OverflowError):
            texts = [each for each in yaml.scan(written) if isinstance(each, yaml.ScalarToken)]
            if len(texts) == 1:  # of a whole document, what is not secret in it would be hidden everywhere
                yield texts[0].value.strip()
                if texts[0].plain:
                    yield str(bare(texts[0].value))


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text, as long as it was and with as many lines, but with stars for what is secret."""
    for each in sorted(secrets, key=len, reverse=True):
        text = text.replace(each, re.sub(r".", "*", each))
    return text
