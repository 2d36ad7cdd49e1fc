"""What the forest sees: numbers that say how a pod differs from its own past, its neighbours and its limits.

`compute` makes them for all pods and moments at once, `Live` for one moment after the other; both give the
same numbers. None says which pod it is, what time it is, or what nobody but a fault injector leaves
behind: see `FORBIDDEN` and the leak probes. What a load's own process uses is in its pod's memory and CPU.

    layout       which features: recipe, step, signals, names, fingerprint
    sums         trailing sums of every series, and the lines that they fit
    statistics   trailing extremes, increases and baselines of every series
    context      each pod against the other pods of its workload and namespace
    window       the recipe for use within one cluster: many features per signal
    evidence     the recipe that carries to other clusters: bounded, monotone signs per family of signals
    batch        all that for a whole history
    live         the same statistics by running sums, one push per moment
    following    these for a window that moves on, whose newest samples may still change
"""

from __future__ import annotations

from chaoskit.prediction.features.batch import (
    lines,
    packed,
    packed_unusual,
    told_by,
    told_by_width,
    unusual,
    work,
)
from chaoskit.prediction.features.following import Following
from chaoskit.prediction.features.layout import FORBIDDEN, HORIZON_MINUTES, Recipe, Spec, spec
from chaoskit.prediction.features.live import Live
from chaoskit.prediction.features.moments import compute
from chaoskit.prediction.features.statistics import trend

__all__ = [
    "FORBIDDEN",
    "HORIZON_MINUTES",
    "Following",
    "Live",
    "Recipe",
    "Spec",
    "compute",
    "lines",
    "packed",
    "packed_unusual",
    "spec",
    "told_by",
    "told_by_width",
    "trend",
    "unusual",
    "work",
]
