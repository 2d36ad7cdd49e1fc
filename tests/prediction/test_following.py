"""Look after look over a window that moves on gives what is made anew for each look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.prediction.test_live import RECIPES, history, same, spec

from chaoskit.prediction.data.dataset import Block
from chaoskit.prediction.features import Following, Recipe, batch

OPEN = 4


def window(block: Block, end: int, length: int = 200) -> Block:
    return block.cut(max(0, end - length), end)


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_settles_is_taken_in_once_and_late_samples_still_count(recipe: Recipe) -> None:
    block, wanted, following = history(3, length=260), spec(recipe), Following(OPEN)
    for end in (210, 211, 211, 214, 230, 231):
        seen = window(block, end)
        late = seen.values.copy()
        late[1, :, -2:] = np.nan  # comes with a later look
        late[4, 0, -4:] = 7.0  # is corrected by a later look
        told = late.copy()
        told[:, :, : 176 if end > 210 else 0] = 0.0  # is not looked at again
        newest = np.array([seen.length - 2, seen.length - 1])
        found = following.compute(replace(seen, values=told), wanted, newest)
        same(found, batch.compute(replace(seen, values=late), wanted, newest))


def test_one_that_looks_back_further_follows_for_both_recipes() -> None:
    block, following = history(9, length=260), Following(OPEN)
    newest = np.array([199])
    for end in (220, 221, 226, 240):
        seen = window(block, end)
        told = seen.values.copy()
        told[:, :, : 176 if end > 220 else 0] = 0.0  # neither looks at it again
        for recipe in RECIPES:
            found = following.compute(replace(seen, values=told), spec(recipe), newest)
            same(found, batch.compute(seen, spec(recipe), newest))


def test_pods_may_come_and_go_between_two_looks() -> None:
    block, wanted, following = history(5, length=260, missing=0), spec("window"), Following(OPEN)
    following.compute(window(block, 220), wanted, np.array([199]))
    later = window(block, 221)
    kept = [0, 2, 3, 4, 5, 6]
    fewer = replace(later, rows=tuple(later.rows[i] for i in kept), values=later.values[kept])
    same(following.compute(fewer, wanted, np.array([199])), batch.compute(fewer, wanted, np.array([199])))


def test_a_window_that_does_not_follow_on_begins_anew() -> None:
    block, wanted, following = history(6), spec("window"), Following(OPEN)
    newest = np.array([149])
    following.compute(window(block, 150, 150), wanted, newest)
    other = replace(window(block, 200, 150), start=block.start + timedelta(days=1))
    same(following.compute(other, wanted, newest), batch.compute(other, wanted, newest))


def test_what_is_past_is_made_as_ever() -> None:
    block, wanted = history(7), spec("window")
    asked = np.array([120, 229])
    same(Following(OPEN).compute(block, wanted, asked), batch.compute(block, wanted, asked))
