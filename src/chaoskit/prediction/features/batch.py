"""Features of all pods at chosen moments, from a whole block at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from chaoskit.prediction.data.arrays import Bools, Doubles, Floats, Indices, missing
from chaoskit.prediction.data.dataset import Block, present
from chaoskit.prediction.data.packed import Packed, Piece
from chaoskit.prediction.features import evidence, window
from chaoskit.prediction.features import statistics as st
from chaoskit.prediction.features.context import Groups
from chaoskit.prediction.features.layout import Shape, Spec
from chaoskit.prediction.features.statistics import Base, Trailing
from chaoskit.prediction.features.sums import LINE, MEAN, Totals

CELLS = 1_600_000
"""Values that are worked on at once: bounds the memory for large clusters and long histories."""

OVERLAP = 5
"""Baselines that a value is part of at once, before they count as more to work on than the values."""

OF_GAUGE, OF_BASELINE, OF_OTHER, OF_FEATURE = 400, 60, 100, 8
"""Bytes, as measured, that one value of a piece takes while its features are made: one of a gauge, each
baseline that it is part of, one of a counter or a flag; and each feature that is made of a moment."""


def compute(block: Block, wanted: Spec, moments: Indices) -> Floats:
    """The features [row, moment, feature] at these indices of the block, whose signals are the spec's."""
    out = np.zeros((len(block.rows), len(moments), len(wanted.names)), dtype=np.float32)
    for rows, chosen, found in _parts(block, wanted, moments):
        out[rows[:, None], chosen] = found
    return out


def packed(block: Block, wanted: Spec) -> Packed:
    """The same at all moments, of which only what is there is kept."""
    shape = (len(block.rows), block.length, len(wanted.names))
    return Packed.of(shape, lines(block, wanted), _parts(block, wanted, np.arange(block.length)), 0.0)


def work(block: Block, wanted: Spec) -> int:
    """About how many bytes are needed, beside the features, while those of all moments are made."""
    gauges = len(wanted.of_kind("gauge", "ratio"))
    of_gauge = OF_GAUGE + OF_BASELINE * wanted.shape.count / wanted.shape.block
    each = gauges * of_gauge + (len(wanted.signals) - gauges) * OF_OTHER + len(wanted.names) * OF_FEATURE
    pieces = _pieces(block, wanted, np.arange(block.length))
    return round(each * max((len(rows) * (end - begin) for rows, _, begin, end in pieces), default=0))


def lines(block: Block, wanted: Spec) -> int:
    """How many rows and moments have features: those with a sample in the time that these look back on."""
    return sum(_reached(there, wanted.window) for there in present(block.values))


def _reached(there: Bools, lookback: int) -> int:
    """How many moments have one that is there among the last so many."""
    known = np.flatnonzero(there)
    return int(np.minimum(np.diff(known, append=len(there)), lookback).sum())


def _parts(block: Block, wanted: Spec, moments: Indices) -> Iterator[Piece]:
    """The features piece by piece in order of time; rows and moments that are left out have none."""
    for rows, chosen, begin, end in _pieces(block, wanted, moments):
        piece = block.cut(begin, end).of(rows.tolist())
        groups = Groups.of(piece.rows)
        yield rows, chosen, from_trailing(trail(piece, wanted, moments[chosen] - begin), wanted, groups)


def _pieces(block: Block, wanted: Spec, moments: Indices) -> Iterator[_Piece]:
    """What is worked on at once, in order of time; rows without a sample in a piece count for nobody."""
    if not len(moments) or not len(block.rows):
        return
    there = present(block.values)
    overlap = max(1, wanted.shape.count // (OVERLAP * wanted.shape.block))
    reach = max(wanted.window, CELLS // (len(block.rows) * max(1, len(wanted.signals)) * overlap))
    order = np.argsort(moments, kind="stable")
    place = 0
    while place < len(order):
        first = int(moments[order[place]])
        chosen = order[place : place + int(np.searchsorted(moments[order[place:]], first + reach))]
        begin, end = max(0, first - wanted.shape.reach + 1), int(moments[chosen[-1]]) + 1
        rows = np.flatnonzero(there[:, begin:end].any(axis=1))
        if len(rows):
            yield rows, chosen, begin, end
        place += len(chosen)


_Piece: TypeAlias = tuple[Indices, Indices, int, int]
"""Its rows, the places of the moments whose features are made, and its first moment and its end."""


def unusual(block: Block, wanted: Spec, moments: Indices) -> Floats:
    """How far every signal is from usual at these moments [row, signal, moment], with no bound.

    NaN where that is not known.
    Of a gauge the deviation from its baseline in usual spreads, of a counter its growth over five minutes,
    of a flag its change.
    """
    out = np.full((*block.values.shape[:2], len(moments)), np.nan, dtype=np.float32)
    for rows, found in _unusual(block, wanted, moments):
        out[rows] = found
    return out


def packed_unusual(block: Block, wanted: Spec) -> Packed:
    """The same at all moments [row, moment, signal], of which only what is known is kept."""
    shape = (len(block.rows), block.length, len(wanted.signals))
    there = present(block.values)
    return Packed.of(shape, int(there.sum()), _unusual_parts(block, wanted, there), np.nan)


def _unusual_parts(block: Block, wanted: Spec, there: Bools) -> Iterator[Piece]:
    """What is unusual of those who came and went together, from their first sample to their last."""
    together: dict[tuple[int, int], list[int]] = {}
    for row in np.flatnonzero(there.any(axis=1)).tolist():
        first, gone = int(there[row].argmax()), block.length - int(there[row, ::-1].argmax())
        together.setdefault((first, gone), []).append(row)
    for (first, gone), rows in together.items():
        piece = block.cut(first, gone).of(rows)
        for some, found in _unusual(piece, wanted, np.arange(piece.length)):
            yield np.array(rows)[some], np.arange(first, gone), np.moveaxis(found, 1, -1)


def _unusual(block: Block, wanted: Spec, moments: Indices) -> Iterator[tuple[Indices, Floats]]:
    """Some rows after others, and how far their signals are from usual."""
    gauges, counters, flags = (wanted.of_kind(*k) for k in (("gauge", "ratio"), ("counter",), ("flag",)))
    many = max(1, CELLS // 4 // max(1, len(wanted.signals) * block.length))
    for first in range(0, len(block.rows), many):
        rows = range(first, min(first + many, len(block.rows)))
        values = block.of(rows).exact.astype(np.float64)
        out = np.full((*values.shape[:2], len(moments)), np.nan, dtype=np.float32)
        out[:, gauges] = _deviations(values[:, gauges], block, wanted, moments)
        grown = st.rolled(st.increase(values[:, counters], wanted.shape.quarter)[0], wanted.shape.brief)
        out[:, counters] = np.where(missing(values[:, counters]), np.nan, grown)[..., moments]
        changed = st.change(values[:, flags], wanted.shape.quarter)
        out[:, flags] = np.where(missing(values[:, flags]), np.nan, changed)[..., moments]
        yield np.array(rows), out


def told_by(wanted: Spec, signs: Floats, apart: Floats, values: Floats) -> Floats:
    """What tells the class of a failure [..., feature]: signs, what is unusual, how full limits are.

    How far each signal is from usual as `unusual` gives it, [..., signal], but bounded: -1 far below, 1 far
    above. Of the values themselves, [..., signal], only ratios: what is far from usual may be far from full.
    """
    signed = evidence.bounded(apart.astype(np.float64)) - evidence.bounded(-apart.astype(np.float64))
    levels = np.nan_to_num(values[..., wanted.of_kind("ratio")], nan=0.0, posinf=0.0, neginf=0.0)
    return np.concatenate([signs, signed.astype(np.float32), levels.astype(np.float32)], axis=-1)


def told_by_width(wanted: Spec) -> int:
    """How many features tell the class."""
    signs = Spec("evidence", wanted.step, wanted.signals)
    return len(signs.names) + len(wanted.signals) + len(wanted.of_kind("ratio"))


def _deviations(gauges: Doubles, block: Block, wanted: Spec, moments: Indices) -> Doubles:
    base = _baselines(gauges, block, wanted.shape, moments)
    floor = window.floors([wanted.signals[index] for index in wanted.of_kind("gauge", "ratio")])
    with np.errstate(invalid="ignore"):
        return np.where(base.known, (gauges[..., moments] - base.middle) / window.scales(base, floor), np.nan)


def from_trailing(trailing: Trailing, wanted: Spec, groups: Groups) -> Floats:
    """The features [row, moment, feature] of these statistics."""
    recipe = evidence.features if wanted.recipe == "evidence" else window.features
    there = trailing.there_hour > 0
    found = np.empty((*there.shape, len(wanted.names)), dtype=np.float32)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for place, made in enumerate(recipe(trailing, wanted, groups.among(there))):
            found[..., place] = made
    found[~np.isfinite(found)] = 0.0
    found[~there] = 0.0
    return found


def trail(block: Block, wanted: Spec, moments: Indices) -> Trailing:
    """The statistics of a block at these moments of it, in this order."""
    shape = wanted.shape
    values = block.exact.astype(np.float64)
    gauges, counters = values[:, wanted.of_kind("gauge", "ratio")], values[:, wanted.of_kind("counter")]
    flags = values[:, wanted.of_kind("flag")]
    sums, lit = Totals.of(gauges), Totals.of(flags)
    floor = window.floors([wanted.signals[index] for index in wanted.of_kind("gauge", "ratio")])
    step, reset = st.increase(counters, shape.quarter)
    changes = np.abs(st.change(flags, shape.quarter))
    there = np.asarray(~missing(values).all(axis=1))
    silent, young = _presence(there, shape.lookback)
    grown = [st.rolled(step, samples)[..., moments] for samples in (shape.brief, shape.quarter, shape.hour)]
    return Trailing(
        shape=shape,
        last=gauges[..., moments],
        before=st.shifted(gauges)[..., moments],
        least=st.extreme(gauges, shape.short, most=False)[..., moments],
        most=st.extreme(gauges, shape.brief, most=True)[..., moments],
        mean3=sums.last(shape.short, moments, floor, MEAN),
        brief=sums.last(shape.brief, moments, floor, MEAN),
        quarter=sums.last(shape.quarter, moments, floor, LINE),
        half=sums.last(shape.half, moments, floor, LINE),
        hour=sums.last(shape.hour, moments, floor, LINE),
        base=_baselines(gauges, block, shape, moments),
        increments=(grown[0], grown[1], grown[2]),
        resets=st.rolled(reset, shape.quarter)[..., moments],
        flag=flags[..., moments],
        flag_share=lit.last(shape.quarter, moments, np.ones(1), MEAN).mean,
        flag_changes=st.rolled(changes, shape.quarter)[..., moments],
        there_brief=st.rolled(there.astype(np.float64), shape.brief)[..., moments],
        there_hour=st.rolled(there.astype(np.float64), shape.lookback)[..., moments],
        silent=silent[..., moments],
        young=young[..., moments],
    )


def _presence(there: Bools, lookback: int) -> tuple[Doubles, Doubles]:
    """Samples since the newest one (the lookback when there is none), and since its oldest one."""
    index = np.arange(there.shape[-1])
    newest = np.maximum.accumulate(np.where(there, index, -lookback), axis=-1)
    silent = np.minimum(index - newest, lookback)
    following = np.where(there, index, 2 * there.shape[-1])[:, ::-1]
    following = np.minimum.accumulate(following, axis=-1)[:, ::-1]
    oldest = following[:, np.maximum(index - lookback + 1, 0)]
    young = np.maximum(index - oldest + 1, 0)
    return silent.astype(np.float64), young.astype(np.float64)


def _baselines(gauges: Doubles, block: Block, shape: Shape, moments: Indices) -> Base:
    """For each of these moments the baseline that was known when its block of five minutes began."""
    offset = first_in_block(block.start.timestamp(), block.step, shape.block)
    length = gauges.shape[-1]
    total = -(-(offset + length) // shape.block)
    padded = np.full((*gauges.shape[:2], total * shape.block), np.nan)
    padded[..., offset : offset + length] = gauges
    made = st.block_summary(padded.reshape(*gauges.shape[:2], total, shape.block))
    before = shape.count + shape.lag - 1
    asked, place = np.unique((moments + offset) // shape.block, return_inverse=True)
    windows = tuple(
        _windows(part, before, shape.count, total, 0.0 if n == 0 else np.nan)[..., asked, :]
        for n, part in enumerate(made)
    )
    return st.baseline(windows, shape.minute).picked(place)


def _windows(part: Doubles, before: int, count: int, total: int, nothing: float) -> Doubles:
    """For each block the `count` summaries of which the oldest lies `before` blocks back."""
    lead = np.full((*part.shape[:2], before), nothing)
    whole = np.concatenate([lead, part], axis=-1)
    return np.lib.stride_tricks.sliding_window_view(whole, count, axis=-1)[..., :total, :]


def first_in_block(start: float, step: int, block: int) -> int:
    """How many samples of its block of five minutes lie before a sample at `start` (Unix seconds)."""
    return int(start // step) % block
