"""What the forest sees: numbers that say how a pod differs from its own past, its peers and its limits.

One function makes them for training and for prediction, for all pods and moments at once. None says which
pod it is, what time it is, or what a fault injector leaves behind: see `FORBIDDEN` and the leak probes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chaoskit import errors
from chaoskit.ports.metrics import Signal
from chaoskit.prediction.dataset import Block, Dataset, Row, missing, present

Floats = NDArray[np.float32]
Recipe = Literal["window", "evidence"]

VERSION = 1
"""Counts up with every change of meaning; part of the fingerprint."""

FORBIDDEN = re.compile(
    r"last_seen|start_time|timestamp|uptime|created|processes|threads|file_descriptors|sockets|procs_"
)
"""Signals that are a clock or an injector's footprint (stress-ng runs inside the container)."""

STICKY = frozenset({"last_oom", "last_error"})
"""Flags that stay up long after the event: only their change is news, their level tells pods apart."""

HORIZON_MINUTES = 600.0
"""The longest time to a limit that is told apart from never."""

_FLOOR = {"cores": 0.01, "bytes": 2.0**20, "bytes/s": 1024.0, "1/s": 0.5, "seconds": 0.002, "ratio": 0.01}
"""Differences smaller than this are noise, by unit; 0.5 for any other."""

_FAMILIES: dict[str, str] = {
    "cpu": r"cpu|load",
    "memory": r"mem|oom",
    "network": r"net|packet|tcp|edge",
    "disk": r"fs|disk",
    "database": r"db|pool",
    "service": r"error|latency|request",
}
_CELLS = 6_000_000


@dataclass(frozen=True, slots=True)
class _Shape:
    """Samples in the baseline, in the recent part and in a quarter of an hour; minutes per sample."""

    baseline: int
    recent: int
    quarter: int
    minute: float


@dataclass(frozen=True, slots=True)
class Spec:
    """Which features: recipe, step (seconds) and signals. Equal fingerprints mean equal features."""

    recipe: Recipe
    step: int
    signals: tuple[Signal, ...]

    @property
    def shape(self) -> _Shape:
        """The lengths of its windows in samples."""
        baseline, lag = (60, 5) if self.recipe == "window" else (120, 15)

        def samples(minutes: int) -> int:
            return max(2, round(minutes * 60 / self.step))

        return _Shape(samples(baseline), samples(lag), samples(15), self.step / 60)

    @property
    def window(self) -> int:
        """How many samples it looks back on, the newest included."""
        return self.shape.baseline + self.shape.recent

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, ``<signal>.<feature>``, in the order of the arrays."""
        return tuple(f"{owner}.{name}" for owner, name in _layout(self))

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change whenever the features do."""
        who = [(signal.name, signal.unit, signal.kind) for signal in self.signals]
        text = json.dumps([VERSION, self.recipe, self.step, who, self.names])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def spec(dataset: Dataset, recipe: Recipe = "window") -> Spec:
    """The features for this dataset; `InvalidInput` when a signal is a clock or an injector's footprint."""
    banned = [name for name in dataset.names if FORBIDDEN.search(name)]
    if banned:
        raise errors.InvalidInput(
            f"signals that give the answer away: {', '.join(banned)}",
            hint="a clock or a fault injector's own processes: leave them out of the mapping",
        )
    return Spec(recipe, dataset.step, dataset.signals)


_GAUGE = (
    "z", "z_before", "z_mean", "z_least", "jump", "ratio", "rank", "beyond", "slope", "slope_long", "rising",
    "line", "burst", "peers", "common", "gone",
)  # fmt: skip
_RATIO = ("level", "level_max", "above", "ahead15", "ahead30", "full_in", "full_in_long")
_COUNTER = ("delta5", "delta15", "delta60", "reset")
_FLAG = ("last", "share", "changed")
_POD = (
    "z_max", "z_second", "z_mean", "z_count", "gone", "silent", "young",
    "fullest", "soonest", "climbing", "symptoms",
)  # fmt: skip
_EVIDENCE = ("up", "down", "saturation", "filling")


def _layout(wanted: Spec) -> list[tuple[str, str]]:
    if wanted.recipe == "evidence":
        names = [(family, name) for family in _FAMILIES for name in _EVIDENCE]
        return [*names, *(("pod", name) for name in ("restarts", "flagged", "gone", "silent"))]
    names = []
    for signal in wanted.signals:
        names += [(signal.name, name) for name in _names_of(signal)]
    return [*names, *(("pod", name) for name in _POD)]


def _names_of(signal: Signal) -> tuple[str, ...]:
    if signal.kind == "counter":
        return _COUNTER
    if signal.kind == "flag":
        return ("changed",) if signal.name in STICKY else _FLAG
    return _GAUGE + (_RATIO if signal.kind == "ratio" else ())


def compute(block: Block, wanted: Spec, moments: NDArray[np.intp]) -> Floats:
    """The features [row, moment, feature] at these indices of the block, whose signals are the spec's.

    A moment near the start of the block sees a shorter past. There is no NaN: what cannot be computed is
    neutral (no deviation, nothing gone), so that a signal that a pod never had does not tell it apart.
    A row without any sample in the window is all zero.
    """
    padding = ((0, 0), (0, 0), (wanted.window - 1, 0))
    padded = np.pad(block.values, padding, constant_values=np.nan)
    out = np.zeros((len(block.rows), len(moments), len(wanted.names)), dtype=np.float32)
    size = max(1, _CELLS // max(1, len(block.rows) * len(wanted.signals) * wanted.window))
    recipe = _window_features if wanted.recipe == "window" else _evidence_features
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for first in range(0, len(moments), size):
            now = moments[first : first + size]
            span = padded[:, :, now.min() : now.max() + wanted.window]
            live = np.flatnonzero(~missing(span).all(axis=(1, 2)))
            windows = np.lib.stride_tricks.sliding_window_view(span[live], wanted.window, axis=2)
            rows = [block.rows[row] for row in live]
            made = np.stack(list(recipe(windows[:, :, now - now.min()], wanted, rows)), axis=-1)
            out[live, first : first + size] = np.nan_to_num(made, nan=0.0, posinf=0.0, neginf=0.0)
    return out


# -- statistics of windows [row, signal, moment, sample] ------------------------------------------------


@dataclass(slots=True)
class _Stats:
    """What the features of gauges are made of; all [row, signal, moment] but `recent`."""

    recent: Floats
    last: Floats
    top: Floats
    before: Floats
    middle: Floats
    high: Floats
    scale: Floats
    floor: Floats
    rank: Floats
    gone: Floats
    known: NDArray[np.bool_]

    def z(self, value: Floats) -> Floats:
        """How many usual spreads above its baseline, compressed (asinh), 0 where there is no baseline."""
        found = np.arcsinh((value - self.middle) / self.scale)
        return np.where(self.known & ~np.isnan(found), found, np.float32(0))


def _stats(windows: Floats, wanted: Spec, signals: Sequence[Signal]) -> _Stats:
    shape = wanted.shape
    baseline, recent = windows[..., : -shape.recent], windows[..., -shape.recent :]
    ordered = np.sort(baseline, axis=-1)
    count = (~np.isnan(ordered)).sum(axis=-1)
    low, middle, upper, high = (_quantile(ordered, count, at) for at in (0.25, 0.5, 0.75, 0.95))
    floor = np.array([_FLOOR.get(signal.unit, 0.5) for signal in signals], dtype=np.float32)[None, :, None]
    scale = np.fmax(np.fmax((upper - low) / 1.349, (high - middle) / 3), np.fmax(floor, 0.02 * abs(middle)))
    last = windows[..., -1]
    seen = (~np.isnan(recent)).mean(axis=-1)
    with np.errstate(invalid="ignore"):
        rank = (baseline <= last[..., None]).sum(axis=-1) / np.maximum(count, 1)
    return _Stats(
        recent=recent,
        last=last,
        top=_quantile(ordered, count, 1.0),
        before=windows[..., -2],
        middle=middle,
        high=high,
        scale=scale,
        floor=floor,
        rank=np.where(np.isnan(last), 0.5, rank).astype(np.float32),
        gone=np.clip(count / shape.baseline - seen, 0, 1).astype(np.float32),
        known=count >= max(5, round(10 / shape.minute) // 2),
    )


def _quantile(ordered: Floats, count: NDArray[np.intp], at: float) -> Floats:
    """The quantile of sorted windows whose NaNs, at the end, do not count."""
    index = np.clip(np.rint(at * (count - 1)), 0, ordered.shape[-1] - 1).astype(np.intp)
    return np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0]


def _mean(windows: Floats) -> Floats:
    valid = ~np.isnan(windows)
    total: Floats = np.where(valid, windows, 0).sum(axis=-1) / np.where(valid.any(-1), valid.sum(-1), np.nan)
    return total.astype(np.float32)


def trend(windows: Floats, minute: float) -> tuple[Floats, Floats]:
    """The fitted value at the newest moment and the slope per minute, by least squares over what is there."""
    time = ((np.arange(windows.shape[-1]) - windows.shape[-1] + 1) * minute).astype(np.float32)
    valid = ~np.isnan(windows)
    count = np.where(valid.sum(-1) >= 3, valid.sum(-1), np.nan).astype(np.float32)
    mean_time = (valid * time).sum(-1) / count
    mean = np.where(valid, windows, 0).sum(-1) / count
    centred = np.where(valid, time - mean_time[..., None], 0)
    slope = (centred * np.where(valid, windows - mean[..., None], 0)).sum(-1) / (centred**2).sum(-1)
    return mean - slope * mean_time, slope


def _line(windows: Floats) -> Floats:
    """How much like a line the values climb or fall: their correlation with time, -1 to 1."""
    time = np.arange(windows.shape[-1], dtype=np.float32)
    valid = ~np.isnan(windows)
    count = np.maximum(valid.sum(-1, keepdims=True), 1)
    centred = np.where(valid, time - (valid * time).sum(-1, keepdims=True) / count, 0)
    values = np.where(valid, windows, 0)
    apart = np.where(valid, values - values.sum(-1, keepdims=True) / count, 0)
    size = np.sqrt((centred**2).sum(-1) * (apart**2).sum(-1))
    found: Floats = np.where(size > 0, (centred * apart).sum(-1) / size, 0)
    return found


def _minutes_to_full(fitted: Floats, slope: Floats) -> Floats:
    """Minutes until a ratio reaches 1 at this pace, 0 when it has, the horizon when it never will."""
    ahead = np.where(slope > 1e-5, (1 - fitted) / np.maximum(slope, 1e-5), HORIZON_MINUTES)
    found: Floats = np.clip(np.nan_to_num(ahead, nan=HORIZON_MINUTES), 0, HORIZON_MINUTES)
    return found


def _increase(windows: Floats) -> tuple[Floats, Floats]:
    """Each step's increase of a counter (after a reset the value itself), and where it was reset."""
    filled = windows.copy()
    for index in range(1, filled.shape[-1]):
        np.copyto(filled[..., index], filled[..., index - 1], where=missing(filled[..., index]))
    change = np.diff(filled, axis=-1)
    reset: NDArray[np.bool_] = change < 0
    return np.nan_to_num(np.where(reset, filled[..., 1:], change)), reset.astype(np.float32)


def _against_peers(z: Floats, rows: Sequence[Row], key: Callable[[Row], object]) -> Floats:
    """Each row's value minus the median of its group; 0 for a row alone in its group."""
    groups: dict[object, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(key(row), []).append(index)
    out = np.zeros_like(z)
    for members in groups.values():
        if len(members) == 2:
            out[members] = z[members] - z[members[::-1]]
        elif len(members) > 2:
            out[members] = z[members] - np.median(z[members], axis=0)
    return out


# -- the recipe for use within one cluster -----------------------------------------------------------------


def _window_features(windows: Floats, wanted: Spec, rows: Sequence[Row]) -> Iterator[Floats]:
    by_signal: dict[str, dict[str, Floats]] = {signal.name: {} for signal in wanted.signals}
    gauges = [i for i, signal in enumerate(wanted.signals) if signal.kind in {"gauge", "ratio"}]
    pod: dict[str, Floats] = dict(_presence(windows, wanted))
    if gauges:
        chosen = [wanted.signals[i] for i in gauges]
        stats = _stats(windows[:, gauges], wanted, chosen)
        made = dict(_gauge_features(windows[:, gauges], stats, wanted, rows))
        for position, signal in enumerate(chosen):
            by_signal[signal.name] = {name: values[:, position] for name, values in made.items()}
        pod |= dict(_summary(made["z"], len(gauges)))
    for index, signal in enumerate(wanted.signals):
        one = windows[:, index]
        if signal.kind == "ratio":
            by_signal[signal.name] |= dict(_ratio_features(one, wanted.shape))
        elif signal.kind == "counter":
            by_signal[signal.name] |= dict(_counter_features(one, wanted.shape))
        elif signal.kind == "flag":
            by_signal[signal.name] |= dict(_flag_features(one, wanted.shape))
    pod |= dict(_troubles(wanted.signals, by_signal))
    zero = np.zeros((windows.shape[0], windows.shape[2]), dtype=np.float32)
    for owner, name in _layout(wanted):
        yield (pod if owner == "pod" else by_signal[owner]).get(name, zero)


def _gauge_features(
    windows: Floats, stats: _Stats, wanted: Spec, rows: Sequence[Row]
) -> Iterator[tuple[str, Floats]]:
    shape = wanted.shape
    z = stats.z(stats.last)
    recent = windows[..., -shape.quarter :]
    _, slope = trend(recent, shape.minute)
    _, slope_long = trend(windows, shape.minute)
    steps = np.diff(recent, axis=-1)
    top = np.fmax.reduce(stats.recent, axis=-1)
    least = np.fmin.reduce(stats.recent[..., -max(2, round(3 / shape.minute)) :], axis=-1)
    yield "z", z
    yield "z_before", stats.z(stats.before)
    yield "z_mean", stats.z(_mean(stats.recent))
    yield "z_least", stats.z(least)
    yield "jump", np.arcsinh((stats.last - stats.before) / stats.scale)
    yield "ratio", np.clip(_log_ratio(stats.last, stats.middle, stats.floor), -6, 6)
    yield "rank", stats.rank
    yield "beyond", np.arcsinh((stats.last - stats.top) / stats.scale)
    yield "slope", np.arcsinh(10 * slope / stats.scale)
    yield "slope_long", np.arcsinh(30 * slope_long / stats.scale)
    yield "rising", (steps > 0).mean(axis=-1).astype(np.float32)
    yield "line", _line(windows[..., -2 * shape.quarter :])
    yield "burst", np.clip(_log_ratio(top, stats.high, stats.floor), -6, 6)
    yield "peers", _against_peers(z, rows, lambda row: (row.namespace, row.workload))
    yield "common", _against_peers(z, rows, lambda row: row.namespace)
    yield "gone", stats.gone


def _log_ratio(value: Floats, usual: Floats, floor: Floats) -> Floats:
    found: Floats = np.log((np.maximum(value, 0) + floor) / (np.maximum(usual, 0) + floor))
    return found


def _summary(z: Floats, signals: int) -> Iterator[tuple[str, Floats]]:
    size = np.abs(z)
    ordered = np.sort(size, axis=1)
    yield "z_max", ordered[:, -1]
    yield "z_second", ordered[:, -2] if signals > 1 else ordered[:, -1]
    yield "z_mean", size.mean(axis=1)
    yield "z_count", (size > np.arcsinh(np.float32(4))).sum(axis=1).astype(np.float32)


def _troubles(signals: Sequence[Signal], made: dict[str, dict[str, Floats]]) -> Iterator[tuple[str, Floats]]:
    """What is nearest to its limit, what reaches it first by a steady climb, and plain symptoms."""
    ratios = [made[signal.name] for signal in signals if signal.kind == "ratio"]
    if ratios:
        soon = [np.where(each["line"] > 0.7, each["full_in"], HORIZON_MINUTES) for each in ratios]
        yield "fullest", np.fmax.reduce([each["level_max"] for each in ratios])
        yield "soonest", np.fmin.reduce(soon)
        yield "climbing", np.fmax.reduce([each["line"] * np.nan_to_num(each["level"]) for each in ratios])
    counters = [made[signal.name]["delta5"] for signal in signals if signal.kind == "counter"]
    flags = [
        made[signal.name]["last"] for signal in signals if _is_symptom(signal) and signal.name != "ready"
    ]
    ready = [1 - made[signal.name]["last"] for signal in signals if signal.name == "ready"]
    found = [np.nan_to_num(each) for each in (*counters, *flags, *ready)]
    if found:
        yield "symptoms", np.sum(found, axis=0, dtype=np.float32)


def _is_symptom(signal: Signal) -> bool:
    return signal.kind == "flag" and signal.name not in STICKY


def _presence(windows: Floats, wanted: Spec) -> Iterator[tuple[str, Floats]]:
    """Whether the pod as a whole fell silent, for how many minutes, and how long it has been there."""
    there = present(windows)
    lag, minute = wanted.shape.recent, wanted.shape.minute
    yield "gone", np.clip(there[..., :-lag].mean(-1) - there[..., -lag:].mean(-1), 0, 1).astype(np.float32)
    ever = there.any(axis=-1)
    newest = np.where(ever, there[..., ::-1].argmax(axis=-1), there.shape[-1])
    oldest = np.where(ever, there.shape[-1] - there.argmax(axis=-1), 0)
    yield "silent", (newest * minute).astype(np.float32)
    yield "young", (oldest * minute).astype(np.float32)


def _ratio_features(one: Floats, shape: _Shape) -> Iterator[tuple[str, Floats]]:
    level = one[..., -1]
    fitted, slope = trend(one[..., -shape.quarter :], shape.minute)
    fitted_long, slope_long = trend(one, shape.minute)
    yield "level", level
    yield "level_max", np.fmax.reduce(one[..., -shape.recent :], axis=-1)
    yield "above", np.maximum(level - 0.8, 0)
    yield "ahead15", np.clip(fitted + 15 * slope, 0, 2)
    yield "ahead30", np.clip(fitted_long + 30 * slope_long, 0, 2)
    yield "full_in", _minutes_to_full(fitted, slope)
    yield "full_in_long", _minutes_to_full(fitted_long, slope_long)


def _counter_features(one: Floats, shape: _Shape) -> Iterator[tuple[str, Floats]]:
    step, reset = _increase(one)
    for name, samples in (("delta5", shape.recent), ("delta15", shape.quarter), ("delta60", shape.baseline)):
        yield name, step[..., -samples:].sum(axis=-1)
    yield "reset", reset[..., -shape.quarter :].max(axis=-1)


def _flag_features(one: Floats, shape: _Shape) -> Iterator[tuple[str, Floats]]:
    recent = one[..., -shape.quarter :]
    yield "last", one[..., -1]
    yield "share", _mean(recent)
    yield "changed", np.nan_to_num(np.abs(np.diff(recent, axis=-1))).sum(axis=-1)


# -- the recipe that carries from one cluster to another ---------------------------------------------------


def _evidence_features(windows: Floats, wanted: Spec, rows: Sequence[Row]) -> Iterator[Floats]:
    """Bounded (0 to 1) signs of trouble by family of signals; more of one never speaks for less risk."""
    found: dict[tuple[str, str], list[Floats]] = {}
    gauges = [i for i, signal in enumerate(wanted.signals) if signal.kind in {"gauge", "ratio"}]
    if gauges:
        stats = _stats(windows[:, gauges], wanted, [wanted.signals[i] for i in gauges])
        mean = _mean(stats.recent)
        real = np.where(stats.known, (mean - stats.middle) / stats.scale, 0)
        apart = np.nan_to_num(real) / 10
        for position, index in enumerate(gauges):
            family = _family(wanted.signals[index].name)
            found.setdefault((family, "up"), []).append(np.clip(apart[:, position], 0, 1))
            found.setdefault((family, "down"), []).append(np.clip(-apart[:, position], 0, 1))
    for index, signal in enumerate(wanted.signals):
        one, shape = windows[:, index], wanted.shape
        if signal.kind == "ratio":
            fitted, slope = trend(one[..., -2 * shape.quarter :], shape.minute)
            filling = 1 - _minutes_to_full(fitted, slope) / HORIZON_MINUTES
            found.setdefault((_family(signal.name), "saturation"), []).append(np.clip(one[..., -1], 0, 1))
            found.setdefault((_family(signal.name), "filling"), []).append(filling)
        elif signal.kind == "counter":
            more = np.clip(_increase(one)[0][..., -shape.quarter :].sum(axis=-1) / 3, 0, 1)
            found.setdefault(("pod", "restarts"), []).append(more)
        elif signal.kind == "flag":
            down = _mean(one[..., -shape.recent :])
            bad = 1 - down if signal.name == "ready" else down
            if signal.name not in STICKY:
                found.setdefault(("pod", "flagged"), []).append(bad)
    pod = dict(_presence(windows, wanted))
    found["pod", "gone"] = [pod["gone"]]
    found["pod", "silent"] = [np.clip(pod["silent"] / 10, 0, 1)]
    zero = np.zeros((len(rows), windows.shape[2]), dtype=np.float32)
    for key in _layout(wanted):
        yield np.fmax.reduce([zero, *found.get(key, [])])


def _family(name: str) -> str:
    """The family of a signal, ``service`` for one that fits none."""
    return next((family for family, words in _FAMILIES.items() if re.search(words, name)), "service")
