"""The recipe for use within one cluster: for each signal how far, how fast and how alone it departs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data.arrays import Doubles, missing
from chaoskit.prediction.features.context import Groups
from chaoskit.prediction.features.layout import HORIZON_MINUTES, STICKY, Spec
from chaoskit.prediction.features.statistics import Base, Trailing, noise
from chaoskit.prediction.features.sums import flat, zeroed

FAR = 8.0
"""From so many usual spreads on a deviation is not told apart any more: it is far for any pod."""

WIDE = 30.0
"""The same for differences between deviations and for slopes."""


@dataclass(slots=True)
class _Look:
    """The deviations of gauges [row, signal, moment] in units of their usual spread."""

    trailing: Trailing
    floor: Doubles
    scale: Doubles

    def z(self, value: Doubles, most: float = FAR) -> Doubles:
        """How many usual spreads above its baseline, 0 where there is none."""
        base = self.trailing.base
        return self._known((value - base.middle) / self.scale, most)

    def beyond(self, apart: Doubles) -> Doubles:
        """A difference in usual spreads."""
        return self._known(apart / self.scale, WIDE)

    def times(self, value: Doubles, usual: Doubles) -> Doubles:
        """The logarithm of how many times the usual it is."""
        return self._known(
            np.log((np.maximum(value, 0) + self.floor) / (np.maximum(usual, 0) + self.floor)), 6
        )

    def _known(self, value: Doubles, most: float) -> Doubles:
        found = np.clip(value, -most, most)
        return np.where(self.trailing.base.known & ~missing(found), found, 0.0)


def features(trailing: Trailing, wanted: Spec, groups: Groups) -> Iterator[Doubles]:
    """The features [row, moment] in the order of the spec's layout."""
    gauges = [signal for signal in wanted.signals if signal.kind in {"gauge", "ratio"}]
    by_signal: dict[str, dict[str, Doubles]] = {signal.name: {} for signal in wanted.signals}
    pod = dict(_presence(trailing))
    if gauges:
        made = dict(_gauges(trailing, gauges, groups))
        made_of_ratios = dict(_ratios(trailing))
        for position, signal in enumerate(gauges):
            by_signal[signal.name] = {name: values[:, position] for name, values in made.items()}
            if signal.kind == "ratio":
                by_signal[signal.name] |= {n: values[:, position] for n, values in made_of_ratios.items()}
        pod |= dict(_summary(made["z"], groups))
    for position, index in enumerate(wanted.of_kind("counter")):
        by_signal[wanted.signals[index].name] = dict(_counter(trailing, position))
    for position, index in enumerate(wanted.of_kind("flag")):
        by_signal[wanted.signals[index].name] = dict(_flag(trailing, position))
    pod |= dict(_troubles(wanted.signals, by_signal))
    zero = np.zeros_like(trailing.silent)
    for owner, name in wanted.layout:
        yield (pod if owner == "pod" else by_signal[owner]).get(name, zero)


def floors(signals: list[Signal]) -> Doubles:
    """The smallest differences that matter [1, signal, 1]."""
    return np.array([noise(signal) for signal in signals])[None, :, None]


def scales(base: Base, floor: Doubles) -> Doubles:
    """What a deviation from the baseline is measured in: the usual spread, or what matters at all."""
    return np.fmax(base.spread, np.fmax(floor, 0.02 * np.abs(base.middle)))


def _gauges(trailing: Trailing, signals: list[Signal], groups: Groups) -> Iterator[tuple[str, Doubles]]:
    base, floor, shape = trailing.base, floors(signals), trailing.shape
    look = _Look(trailing, floor, scales(base, floor))
    z, times = look.z(trailing.last), look.times(trailing.last, base.middle)
    noise = flat(floor)
    yield "z", z
    yield "z_before", look.z(trailing.before)
    yield "z_mean", look.z(trailing.brief.mean)
    yield "z_least", look.z(trailing.least)
    yield "jump", look.beyond(trailing.last - trailing.before)
    yield "ratio", times
    yield "beyond", look.beyond(trailing.last - base.top)
    yield "below", look.beyond(base.low - trailing.last)
    yield "slope", look.beyond(10 * trailing.quarter.line(noise)[1] / shape.minute)
    yield "slope_long", look.beyond(30 * trailing.hour.line(noise)[1] / shape.minute)
    yield "line", trailing.half.line(noise)[2]
    yield "burst", look.times(trailing.most, base.high)
    there = trailing.silent[:, None] == 0
    yield "peers", groups.peers(np.where(there, z, np.nan))
    yield "common", groups.common(np.where(there, z, np.nan))
    yield "excess", groups.excess(z)
    yield "excess_ratio", groups.excess(times)
    yield "gone", np.clip(trailing.hour.count / shape.hour - trailing.brief.count / shape.brief, 0, 1)


def _summary(z: Doubles, groups: Groups) -> Iterator[tuple[str, Doubles]]:
    size = np.abs(z)
    most, mean = size.max(axis=1), size.mean(axis=1)
    yield "z_max", most
    yield "z_second", np.sort(size, axis=1)[:, -min(2, size.shape[1])]
    yield "z_mean", mean
    yield "z_count", (size > 4).sum(axis=1).astype(np.float64)
    yield "z_max_excess", groups.excess(most)
    yield "z_mean_excess", groups.excess(mean)


def _presence(trailing: Trailing) -> Iterator[tuple[str, Doubles]]:
    """Whether the pod as a whole fell silent, for how many minutes, and how long it has been there."""
    shape = trailing.shape
    earlier = (trailing.there_hour - trailing.there_brief) / (shape.lookback - shape.brief)
    yield "gone", np.clip(earlier - trailing.there_brief / shape.brief, 0, 1)
    yield "silent", trailing.silent * shape.minute
    yield "young", trailing.young * shape.minute


def _ratios(trailing: Trailing) -> Iterator[tuple[str, Doubles]]:
    """What only means something for shares of a limit; made for all gauges at once."""
    minute = trailing.shape.minute
    fitted, slope, _ = trailing.quarter.line(np.zeros(1))
    fitted_long, slope_long, _ = trailing.hour.line(np.zeros(1))
    yield "level", trailing.last
    yield "level_max", trailing.most
    yield "ahead15", np.clip(fitted + 15 * slope / minute, 0, 2)
    yield "ahead30", np.clip(fitted_long + 30 * slope_long / minute, 0, 2)
    yield "full_in", minutes_to_full(fitted, slope / minute)
    yield "full_in_long", minutes_to_full(fitted_long, slope_long / minute)


def minutes_to_full(fitted: Doubles, slope: Doubles) -> Doubles:
    """Minutes until a ratio reaches 1 at this pace per minute: 0 when it has, the horizon for never."""
    steep = slope > 1e-5
    need = np.where(steep, (1 - fitted) / np.where(steep, slope, 1), HORIZON_MINUTES)
    return np.asarray(np.clip(np.nan_to_num(need, nan=HORIZON_MINUTES), 0, HORIZON_MINUTES))


def _counter(trailing: Trailing, position: int) -> Iterator[tuple[str, Doubles]]:
    for name, each in zip(("delta5", "delta15", "delta60"), trailing.increments, strict=True):
        yield name, each[:, position]
    yield "reset", np.minimum(trailing.resets[:, position], 1)


def _flag(trailing: Trailing, position: int) -> Iterator[tuple[str, Doubles]]:
    yield "last", trailing.flag[:, position]
    yield "share", trailing.flag_share[:, position]
    yield "changed", trailing.flag_changes[:, position]


def _troubles(
    signals: tuple[Signal, ...], made: dict[str, dict[str, Doubles]]
) -> Iterator[tuple[str, Doubles]]:
    """What is nearest to its limit, what reaches it first by a steady climb, and plain symptoms."""
    ratios = [made[signal.name] for signal in signals if signal.kind == "ratio"]
    if ratios:
        soon = [np.where(each["line"] > 0.7, each["full_in"], HORIZON_MINUTES) for each in ratios]
        yield "fullest", np.fmax.reduce([each["level_max"] for each in ratios])
        yield "soonest", np.fmin.reduce(soon)
        yield "climbing", np.fmax.reduce([each["line"] * zeroed(each["level"]) for each in ratios])
    counters = [made[signal.name]["delta5"] for signal in signals if signal.kind == "counter"]
    flags = [symptom(signal, made[signal.name]["last"]) for signal in signals if is_symptom(signal)]
    found = [zeroed(each) for each in (*counters, *flags)]
    if found:
        yield "symptoms", np.sum(found, axis=0)


def is_symptom(signal: Signal) -> bool:
    """Whether a flag says something about now."""
    return signal.kind == "flag" and signal.name not in STICKY


def symptom(signal: Signal, value: Doubles) -> Doubles:
    """A flag's value so that 1 is bad."""
    return 1 - value if signal.name == "ready" else value
