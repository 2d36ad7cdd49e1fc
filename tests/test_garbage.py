"""How often Python looks for garbage is as it was before the crowds, whichever of them ends first."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from chaoskit.sharing import seldom_collected
from chaoskit.sharing.garbage import SELDOM


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_it_looks_seldom_while_any_crowd_runs() -> None:
    gc.set_threshold(700, 10, 11)
    first, second = ExitStack(), ExitStack()
    first.enter_context(seldom_collected())
    second.enter_context(seldom_collected())
    first.close()
    assert gc.get_threshold() == (SELDOM, 10, 11)
    second.close()
    assert gc.get_threshold() == (700, 10, 11)


def test_a_crowd_that_breaks_off_changes_nothing_for_good() -> None:
    gc.set_threshold(700, 10, 11)
    with pytest.raises(KeyError), seldom_collected():
        raise KeyError
    assert gc.get_threshold() == (700, 10, 11)


@pytest.mark.parametrize("often", [0, SELDOM + 1])
def test_who_has_it_look_more_seldom_keeps_that(often: int) -> None:
    gc.set_threshold(often, 10, 11)
    with seldom_collected():
        assert gc.get_threshold() == (often, 10, 11)
