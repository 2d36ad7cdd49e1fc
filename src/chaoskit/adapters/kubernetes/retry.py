"""When a request is made again, and after how long: decided from values, acted out by a clock."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, NotFound, after

T = TypeVar("T")

Repeat = Literal["always", "unsent"]
"""``always``: twice is as good as once (reads, dry runs, applies, deletes of one uid).

``unsent``: only when the server cannot have acted (it was never reached, or said 429).
"""

BUSY = 429
TRANSIENT = frozenset({BUSY, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an attempt failed: the answer's code (0 when none came) and what that allows."""

    code: int = 0
    unsent: bool = False
    hopeless: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `attempts` in all, within `patience` seconds; waits double from `first` up to `longest`."""

    attempts: int = 5
    first: float = 0.2
    longest: float = 5.0
    patience: float = 30.0

    def wait(self, failures: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait after so many failures; jitter takes up to half of it, so that clients spread."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 16)) * (0.5 + draw() / 2)


def may_repeat(trouble: Trouble, repeat: Repeat) -> bool:
    """Whether another attempt is safe and has a chance."""
    if trouble.hopeless:
        return False
    if trouble.unsent or trouble.code == BUSY:
        return True
    return repeat == "always" and (trouble.code == 0 or trouble.code in TRANSIENT)


class Failed(Exception):
    """An attempt failed: with what, and the error to raise when there is no further one."""

    def __init__(self, trouble: Trouble, error: ChaoskitError) -> None:
        super().__init__(str(error))
        self.trouble = trouble
        self.error = error


def attempt(
    act: Callable[[], T],
    *,
    repeat: Repeat,
    policy: Policy,
    clock: Clock,
    stop: threading.Event | None = None,
) -> T:
    """The result of the first attempt that does not fail.

    Raises:
        ChaoskitError: that of the last attempt, when it may not or need not be made again, attempts or
            patience ran out, or `stop` was set while waiting; harmless is it only if all of them were.
    """
    deadline = clock.monotonic() + policy.patience
    failures, harmless = 0, True
    while True:
        try:
            with after(harmless=harmless):  # who logs in anew may fail in between
                return act()
        except Failed as failed:
            failures += 1
            wait = max(policy.wait(failures), failed.trouble.retry_after or 0.0)
            last = failures == policy.attempts or clock.monotonic() + wait > deadline
            if last or not may_repeat(failed.trouble, repeat) or clock.sleep(wait, stop):
                # Where the object is gone it will not be done any more. A conflict may be with itself.
                with after(harmless=harmless or isinstance(failed.error, NotFound)):
                    raise failed.error from failed.error.__cause__
            harmless = harmless and failed.error.harmless
