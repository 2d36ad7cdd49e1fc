"""The recipe that carries from one cluster to another: bounded signs of trouble by family of signals.

Each is 0 to 1, and more of it never speaks for less risk. Deviations are taken against a slow baseline that
ends ten minutes ago, and what most of the namespace shows too is taken off: no level of a pod or a cluster
is left in them but its distance to a limit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chaoskit.prediction.data.arrays import Doubles
from chaoskit.prediction.features.context import Groups
from chaoskit.prediction.features.layout import Spec, family
from chaoskit.prediction.features.statistics import Trailing
from chaoskit.prediction.features.sums import flat, zeroed
from chaoskit.prediction.features.window import floors, is_symptom, minutes_to_full, symptom

MOST = 1000.0
"""A deviation of so many usual spreads is full evidence."""

HALF_FULL = 0.5
"""Below this share of a limit nothing is saturated."""

SOON_MINUTES = 60.0
"""What takes longer to fill up is no evidence yet."""


def features(trailing: Trailing, wanted: Spec, groups: Groups) -> Iterator[Doubles]:
    """The features [row, moment] in the order of the spec's layout."""
    found: dict[tuple[str, str], list[Doubles]] = {}
    for owner, name, values in (*_gauges(trailing, wanted, groups), *_pods(trailing, wanted, groups)):
        found.setdefault((owner, name), []).append(values)
    zero = np.zeros_like(trailing.silent)
    for key in wanted.layout:
        yield np.fmax.reduce([zero, *found.get(key, [])])


def _gauges(trailing: Trailing, wanted: Spec, groups: Groups) -> Iterator[tuple[str, str, Doubles]]:
    signals = [wanted.signals[index] for index in wanted.of_kind("gauge", "ratio")]
    if not signals:
        return
    base, floor = trailing.base, floors(signals)
    scale = np.fmax(base.spread, np.fmax(floor, 0.05 * np.abs(base.middle)))
    there = trailing.silent[:, None] == 0

    def alone(apart: Doubles) -> Doubles:
        """In usual spreads, without what the namespace has in common; nothing where nothing is usual."""
        inside = np.clip(np.where(base.known & there, apart / scale, np.nan), -MOST, MOST)
        return np.where(there, groups.common(inside), 0.0)

    z = alone(trailing.mean3.mean - base.middle)
    _, slope, straight = trailing.quarter.line(flat(floor))
    drift = alone(np.abs(straight) * slope * trailing.shape.quarter)
    filling = _filling(trailing, groups)
    yield "pod", "breadth", bounded(np.abs(z).mean(axis=1))
    for position, signal in enumerate(signals):
        which = family(signal.name)
        yield which, "up", bounded(z[:, position])
        yield which, "down", bounded(-z[:, position])
        if signal.kind == "ratio":
            level = trailing.last[:, position]
            yield which, "drift", bounded(drift[:, position])
            yield which, "saturation", np.clip((level - HALF_FULL) / (1 - HALF_FULL), 0, 1)
            yield which, "filling", filling[:, position]


def _filling(trailing: Trailing, groups: Groups) -> Doubles:
    """How soon a steady climb reaches the limit, beyond what the namespace has in common."""
    fitted, pace, straight = trailing.half.line(np.zeros(1))
    time = minutes_to_full(fitted, pace / trailing.shape.minute)
    found = np.where(straight > 0.8, np.clip(1 - time / SOON_MINUTES, 0, 1), 0.0)
    return np.clip(groups.common(np.where(trailing.silent[:, None] == 0, found, np.nan)), 0, 1)


def _pods(trailing: Trailing, wanted: Spec, groups: Groups) -> Iterator[tuple[str, str, Doubles]]:
    for position, _ in enumerate(wanted.of_kind("counter")):
        yield "pod", "restarts", np.clip(trailing.increments[1][:, position] / 3, 0, 1)
    for position, index in enumerate(wanted.of_kind("flag")):
        if is_symptom(wanted.signals[index]):
            yield (
                "pod",
                "flagged",
                zeroed(symptom(wanted.signals[index], trailing.flag_share[:, position])),
            )
    ever = trailing.young > 0
    gone = 1 - trailing.there_brief / np.clip(trailing.young, 1, trailing.shape.brief)
    # Where everybody is silent at once it is the measuring that failed.
    yield "pod", "gone", np.clip(groups.common(np.where(ever, gone, np.nan)), 0, 1)


def bounded(deviation: Doubles) -> Doubles:
    """0 for none, 1 for `MOST` usual spreads, rising as the logarithm does."""
    found: Doubles = np.log1p(np.clip(zeroed(deviation), 0, MOST)) / np.log1p(MOST)
    return found
