"""How many customers come: a day, a week, slow drift, and swings that stories add. Seeded."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime

_DRIFT_SECONDS = 900.0
_DRIFT_SIZE = 0.06


class Swing:
    """More customers than usual, or fewer, for a reason of its own; who asked for it ends it."""

    def __init__(self, under_way: list[Swing]) -> None:
        self._under_way = under_way
        self.factor = 1.0

    def set(self, factor: float) -> None:
        """So many times the usual number come, beside what other swings do."""
        self.factor = factor
        if self not in self._under_way:
            self._under_way.append(self)

    def end(self) -> None:
        """The usual number comes again, as far as this swing goes."""
        if self in self._under_way:
            self._under_way.remove(self)


class Rhythm:
    """The factor on the load generators' nominal rate."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"rhythm {seed}")
        self._peak_hour = self._random.uniform(13, 17)
        self._drift = 0.0
        self._swings: list[Swing] = []

    def swing(self) -> Swing:
        """A swing that does nothing until it is set."""
        return Swing(self._swings)

    @property
    def swings(self) -> float:
        """The product of all swings under way."""
        return math.prod(swing.factor for swing in self._swings)

    def factor(self, at: float, passed: float) -> float:
        """The factor at Unix time `at`, `passed` seconds after the last call."""
        keep = math.exp(-passed / _DRIFT_SECONDS)
        self._drift = keep * self._drift + math.sqrt(1 - keep * keep) * self._random.gauss(0, _DRIFT_SIZE)
        return max(0.05, (daily(at, self._peak_hour) * weekly(at) + self._drift) * self.swings)


def daily(at: float, peak_hour: float) -> float:
    """The part of the day in the load: about 0.55 by night, 1.35 at the peak hour."""
    phase = 2 * math.pi * (at / 3600 % 24 - peak_hour) / 24
    return 0.95 + 0.36 * math.cos(phase) + 0.06 * math.cos(2 * phase)


def weekly(at: float) -> float:
    """The part of the week in the load: weekends are quieter."""
    return 0.85 if datetime.fromtimestamp(at, UTC).weekday() >= 5 else 1.0
