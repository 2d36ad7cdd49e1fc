"""Questions that do not depend on one another: all of them take as long as the slowest."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

MOST = 8
"""Questions that are asked at a time."""

A = TypeVar("A")
T = TypeVar("T")


def abreast(ask: Callable[[A], T], about: Iterable[A]) -> tuple[T, ...]:
    """What is answered about each, in their order; they are asked side by side.

    Whoever is interrupted meanwhile waits for no answer: no pool, whose threads are waited for at the end.

    Raises:
        Exception: what the first in their order raised.
    """
    asked = [(each, Future[T]()) for each in about]
    left = deque(asked)
    for _ in asked[:MOST]:
        threading.Thread(target=_answer, args=(ask, left), name="abreast", daemon=True).start()
    try:
        return tuple(answer.result() for _, answer in asked)
    finally:
        left.clear()


def _answer(ask: Callable[[A], T], left: deque[tuple[A, Future[T]]]) -> None:
    while True:
        try:
            about, answer = left.popleft()
        except IndexError:
            return
        try:
            answer.set_result(ask(about))
        except BaseException as error:  # noqa: BLE001 - raised by whoever asked
            answer.set_exception(error)
