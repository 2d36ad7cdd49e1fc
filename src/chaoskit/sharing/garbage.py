"""While crowds of threads run, garbage of cycles is looked for seldom: each look stops all of them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 10_000
"""So many more objects are made than went before Python looks; by its own number it did 400 times in 3 s."""

_lock = threading.Lock()
_crowds: list[tuple[int, int, int]] = []
"""One for each crowd that runs now: how often was looked before the first of them."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Python looks for garbage of cycles seldom within; once no crowd runs any more, as often as before.

    Whoever has it look more seldom yet, or never, keeps that.
    """
    with _lock:
        usual = _crowds[0] if _crowds else gc.get_threshold()
        _crowds.append(usual)
        if 0 < usual[0] < SELDOM:
            gc.set_threshold(SELDOM, *usual[1:])
    try:
        yield
    finally:
        with _lock:
            _crowds.pop()
            if not _crowds:
                gc.set_threshold(*usual)
