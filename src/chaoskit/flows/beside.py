"""Questions whose answers are good to have, for which nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from chaoskit.errors import ChaoskitError

PATIENCE = 1.0
"""Seconds, on the wall, in which an answer is of use: a server that is down takes five to say so."""

T = TypeVar("T")


def soon(ask: Callable[[], T], patience: float = PATIENCE) -> T | None:
    """The answer, or None when there is none in so many seconds; the question then goes on by itself."""
    answer: Future[T] = Future()
    threading.Thread(target=_answer, args=(ask, answer), name="beside", daemon=True).start()
    try:
        return answer.result(patience)
    except (TimeoutError, ChaoskitError):
        return None


def _answer(ask: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(ask())
    except Exception as error:  # noqa: BLE001 - raised where the answer is wanted, if it still is
        answer.set_exception(error)
