"""The kubelet's back-off: what fails again and again is tried less and less often."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_BACK_OFF = 10.0
LONGEST_BACK_OFF = 300.0
"""Seconds; a back-off doubles from the first to the longest, and is forgotten after twice the longest."""


@dataclass(slots=True)
class BackOff:
    """How long to wait before the next try, by the kubelet's rule: 0 s, then 10 s doubling to 300 s."""

    seconds: float = 0.0
    since: float = 0.0

    def next(self, now: float) -> float:
        """Seconds to wait after what failed at `now`; 0 the first time, and after a long quiet time."""
        if now - self.since > 2 * LONGEST_BACK_OFF:
            self.seconds = 0.0
        wait = self.seconds
        self.seconds = min(wait * 2, LONGEST_BACK_OFF) if wait else FIRST_BACK_OFF
        self.since = now
        return wait
