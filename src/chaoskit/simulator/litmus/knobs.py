"""What may be made to go wrong in the simulated Litmus, to test whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Knobs:
    """Failures to act out; by default none."""

    operator_down: bool = False
    """Engines are not reconciled: no finalizer is added, and none is removed."""
    helper_failure: bool = False
    """Helper pods end with exit code 1 and CONTAINER_RUNTIME_ERROR before they inject anything."""
    sloppy_abort: bool = False
    """Helpers that are aborted neither undo their effect nor say ``reverted``."""
    runner_crash: bool = False
    """Runner containers end with exit code 1 as soon as they run."""
