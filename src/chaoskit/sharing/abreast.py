"""Questions that do not depend on one another: all of them take as long as the slowest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MOST = 8
"""Questions that are asked at a time."""

A = TypeVar("A")
T = TypeVar("T")


def abreast(ask: Callable[[A], T], about: Iterable[A]) -> tuple[T, ...]:
    """What is answered about each, in their order; they are asked side by side.

    Raises:
        Exception: what the first in their order raised.
    """
    with ThreadPoolExecutor(MOST, thread_name_prefix="abreast") as pool:
        return tuple(pool.map(ask, about))
