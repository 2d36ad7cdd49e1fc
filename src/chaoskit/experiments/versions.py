"""Versions of Litmus, as the images tell them that it runs."""

from __future__ import annotations

import re

RUNNER = "go-runner"
"""The name of the image that has Litmus' faults in it."""


def named(image: str) -> tuple[str, str]:
    """(name, tag) of an image, without its registry, that one's port, or a digest; "" where it has none."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return name, tag


def before(version: str, other: str) -> bool:
    """Whether a version is older than another (``3.20``); what is no version, as ``latest``, never is."""
    found, wanted = numbers(version), numbers(other)
    return bool(found and wanted) and found[: len(wanted)] < wanted


def numbers(version: str) -> tuple[int, ...]:
    """``v3.18.0`` as 3, 18, 0; none where fewer than two are told."""
    known = re.match(r"v?(\d+(?:\.\d+)+)", version)
    return tuple(map(int, known[1].split("."))) if known else ()
