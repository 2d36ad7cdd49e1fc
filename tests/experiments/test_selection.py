"""Whose fate is a run's doing: the pods that it pins, or all that somebody else may choose from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.experiments.made import pod

from chaoskit.experiments.selection import Selection, picked, struck

PODS = tuple(pod(f"web-1-{letter}") for letter in "abcd")
PINNED = Selection(PODS, 2, (), 4, ("lab",), pinned=True)


def names(selection: Selection, seed: str) -> set[str]:
    return {each["metadata"]["name"] for each in struck(selection, seed)}


def test_what_a_run_pins_is_what_it_hits() -> None:
    assert names(PINNED, "r1") == set(picked(PINNED, "r1"))
    assert len(names(PINNED, "r1")) == 2


@pytest.mark.parametrize(
    ("change", "seed"),
    [({"pinned": False}, "r1"), ({"nodes": ("node-1",)}, "r1"), ({}, "")],
    ids=["Litmus chooses", "a node chooses", "somebody's own engine"],
)
def test_where_nobody_here_chooses_any_of_them_may_be_hit(change: dict[str, Any], seed: str) -> None:
    assert len(names(replace(PINNED, **change), seed)) == 4
