"""What models may be called: names of folders, with room for what is hung on."""

from __future__ import annotations

import re

from chaoskit import errors

LONGEST, HUNG = 200, 30
"""Bytes of what models are called after, and of the numbers that are hung on; a file system has 255 for both
and for what is written beside meanwhile."""


def bare(name: str) -> bool:
    """Whether it is the name of one folder: what is called so lies in the store of models, if anywhere."""
    printed = name.isprintable() and len(name.encode()) < 256 if name else False
    return printed and "/" not in name and not name.startswith((".", "-"))


def usable(name: str, *, longest: int = LONGEST) -> bool:
    """Whether models may be called after it: there is room for what is hung on."""
    return bare(name) and len(name.encode()) <= longest


def check_name(name: str, *, longest: int = LONGEST, hint: str = "choose one with --name") -> None:
    """Models may be called after it; a whole name, on which nothing but a number is hung, may be longer.

    Raises:
        InvalidInput: they may not.
    """
    if not usable(name, longest=longest):
        raise errors.InvalidInput(f"{name!r} is no name of a model", hint=hint)


def calibrated_name(name: str) -> str:
    """``shop-3-calibrated``, also for a copy of it that was calibrated: what copies of it are called after.

    Raises:
        InvalidInput: it is too long for a copy.
    """
    base = re.sub(r"(-calibrated-[0-9]+)+$", "", name) + "-calibrated"
    check_name(base, longest=LONGEST + HUNG, hint="train or import the model under a shorter name")
    return base
