"""Whether what was read can be meant so: whose its events are, when and how often; what its values reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from chaoskit import errors
from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data.dataset import Block, present
from chaoskit.prediction.labelling.labels import Target, means_anybody, reaches
from chaoskit.records import LabelRecord
from chaoskit.signals import BY_NAME

ALL = "*"

NEAR = timedelta(minutes=15)
"""So far from the data an event may lie, if any is to count; what led up to one may lie farther before it."""

SHOWN = 4
"""So many names are told of many."""

MOST = 2.0
"""So high a ratio may be measured, as of a use beside a limit that was lowered; one in percent is higher."""


SELDOM = 1.5
"""From so many steps between two samples on, there are fewer than the grid has moments for."""


EARLIEST, LATEST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1990, 2100))
"""In Unix seconds: before and after this nobody measured anything."""

COUNTED = timedelta(days=365).total_seconds()
"""Smaller Unix times may count from when something was started."""


def once(labels: Iterable[LabelRecord]) -> tuple[tuple[LabelRecord, ...], list[str]]:
    """Each event once, however often it was written; in words, how many were written again."""
    found: dict[tuple[object, ...], LabelRecord] = {}
    again = 0
    for each in labels:
        key = (each.run, each.target, each.start, each.end, each.issue, each.fault, each.meaning)
        again += key in found and each.meaning != "unknown"  # what a ramp adds is nobody's line
        found.setdefault(key, each)
    words = [f"{_events(again)} written more than once: each counts once"] if again else []
    return tuple(found.values()), words


def zones(clocks: Mapping[Path, bool]) -> list[str]:
    """In words, which files name no zone where others do: their times may be of another one."""
    if len(set(clocks.values())) < 2:
        return []
    names = [path.name for path in clocks]
    twins = len(set(names)) < len(names)
    without, others = (
        _some([str(path) if twins else path.name for path, zoned in clocks.items() if zoned is wanted])
        for wanted in (False, True)
    )
    return [f"times without a zone count as UTC: those in {without}; in {others} they have one"]


def dated(first: float, last: float) -> list[str]:
    """In words, that the data begins or ends when nobody measured it; `first` and `last` in Unix seconds.

    Short of a year after 1970 times may well count from a start of their own.
    """
    if last < COUNTED or (first >= EARLIEST and last < LATEST):
        return []
    start, end = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" for at in (first, last))
    return [f"its times run from {start} to {end} UTC: is that when all of it was measured?"]


def paced(spaced: float | None, step: int, lost: int, last: float) -> list[str]:
    """In words, that samples come much more seldom than every `step` seconds, or that some were `lost`.

    Those of one pod and signal are mostly `spaced` by so many seconds, if there are several; lost are those
    that share a moment with a newer one. The `last` is at that time, in Unix seconds.
    """
    mostly = step if spaced is None else spaced
    counted = "; small numbers count as seconds" if last < COUNTED else ""
    apart = f"samples of a pod are mostly {float(f'{mostly:.3g}'):g} s apart, and step is {step} s{counted}"
    if lost:
        shares = "1 sample shares" if lost == 1 else f"{lost} samples share"
        return [f"{shares} a moment with a newer one, which counts: {apart}"]
    empty = 1 - step / mostly
    return [f"{apart}: {empty:.0%} of the moments have no sample"] if mostly >= SELDOM * step else []


def contradicting(count: int) -> list[str]:
    """In words, how many samples a later line of the same pod, signal and time says otherwise."""
    if not count:
        return []
    say = "sample has" if count == 1 else "samples have"
    return [f"{count} {say} another value in a later line of the same pod, signal and time, which counts"]


def check_events(
    labels: Iterable[LabelRecord], blocks: Sequence[Block], target: Target, *, unlabelled: bool = False
) -> list[str]:
    """In words, how many events lie outside of the data, and which name nobody who is there then.

    Of both no failure is learned. What a ramp that lies outside leaves unknown may reach into the data all
    the same; what led up to an event after its end may, too: such a one lies within it.

    Who fell silent before an event is named by it as long as the target labels or censors what led up to it.

    Of data that may be `unlabelled` it is told in such words, too, that the events say nothing of it at all.

    Raises:
        InvalidInput: most lie outside of the data's time: those within it do so by chance. Or no failure that
            names somebody names one of these.
    """
    every = list(labels)
    told = [each for each in every if each.meaning != "unknown"]
    inside = [each for each in told if any(_counts(each, block, target) for block in blocks)]
    measured = any(present(block.values).any() for block in blocks)  # else it is not for its events
    lost = [each for each in inside if measured and not _means(each, blocks, target)]
    if useless := _useless(told, inside, lost, blocks):
        if not unlabelled:
            raise useless
        return [f"{useless.message}; what the history itself does not tell counts as healthy"]
    known = {id(each) for each in inside}
    outside = [each for each in told if id(each) not in known]
    clouds = {_line(each) for each in every if each.meaning == "unknown" and _overlaps(each, blocks)}
    vain = [each for each in outside if _line(each) not in clouds]
    if 2 * len(vain) > len(told) and not unlabelled:
        raise _elsewhen(told, vain, blocks)
    clouding = [each for each in outside if _line(each) in clouds]
    return [
        *_outsiders(vain, len(told), "counts for nothing", "count for nothing"),
        *_outsiders(clouding, len(told), *[f"make{s} moments within it unknown" for s in ("s", "")]),
        *_nobodys(lost),
    ]


def _outsiders(some: Sequence[LabelRecord], of: int, one: str, many: str) -> list[str]:
    """How many of those that are told lie outside of the data, what these do, and when the first is."""
    if not some:
        return []
    lie = f"lie outside of the data and {many}" if len(some) > 1 else f"lies outside of the data and {one}"
    first = f"{min(each.start for each in some):%Y-%m-%d %H:%M} UTC"
    return [f"{len(some)} of {_events(of)} {lie}: the first is at {first}"]


def _line(each: LabelRecord) -> tuple[object, ...]:
    """What the labels of one line of a file share: its file, run and time."""
    return each.source, each.run, each.at


def _overlaps(each: LabelRecord, blocks: Sequence[Block]) -> bool:
    return any(
        each.run in {"", block.run} and each.start <= block.end and each.end >= block.start
        for block in blocks
    )


def _nobodys(lost: Sequence[LabelRecord]) -> list[str]:
    """How many of those within the data's time name nobody, and whom they do."""
    names = _some([each.target or "(no name)" for each in lost])
    name = "name" if len(lost) > 1 else "names"
    return [f"{_events(len(lost))} {name} nobody in the data then: {names}"] * bool(lost)


def _useless(
    told: Sequence[LabelRecord],
    inside: Sequence[LabelRecord],
    lost: Sequence[LabelRecord],
    blocks: Sequence[Block],
) -> errors.InvalidInput | None:
    """Why nothing can be learned from what is told; None where something can, or nothing is told."""
    if told and not inside:
        return _elsewhen(told, told, blocks)
    named = [each for each in inside if each.meaning in {"failure", "ramp"} and each.target != ALL]
    if not named or any(each not in lost for each in named):
        return None
    names = _some([each.target or "(no name)" for each in named])
    known = _some([row.pod for block in blocks for row in block.rows])
    who = f"none of the {len(named)} events names anybody" if len(named) > 1 else "1 event names nobody"
    return errors.InvalidInput(
        f"{who} in the data then: {names}",
        hint=f"pods there are called {known}, each in its time;"
        f" a target is a pod, a workload, kind/workload or {ALL}",
    )


def _means(each: LabelRecord, blocks: Sequence[Block], target: Target) -> bool:
    """Whether it means a row that is there then, or what led up to it; chaos on a node has none."""
    node = each.meaning == "chaos" and each.target.startswith("node/")
    return node or any(
        _counts(each, block, target) and means_anybody(block, each, target) for block in blocks
    )


def _counts(each: LabelRecord, block: Block, target: Target) -> bool:
    """Whether it lies within the data, or so shortly after it that what led up to it does."""
    late = block.end < each.start <= block.end + target.lead
    return _inside(each, block) or (late and reaches(block, each, target))


def _inside(each: LabelRecord, block: Block) -> bool:
    within = each.end >= block.start - NEAR and each.start <= block.end + NEAR
    return within and each.run in {"", block.run}


def _elsewhen(
    told: Sequence[LabelRecord], vain: Sequence[LabelRecord], blocks: Sequence[Block]
) -> errors.InvalidInput:
    first, start, end = min(each.start for each in vain), blocks[0].start, max(block.end for block in blocks)
    which = f"none of the {len(told)} events lies within the data: the first is at"
    if len(told) == 1:
        which = "the one event does not lie within the data: it is at"
    elif len(vain) < len(told):
        which = f"{len(vain)} of the {len(told)} events do not lie within the data: the first of these is at"
    return errors.InvalidInput(
        f"{which} {first:%Y-%m-%d %H:%M} UTC, the data runs from {start:%Y-%m-%d %H:%M}"
        f" to {end:%Y-%m-%d %H:%M} UTC",
        hint="are the two files' times of one zone? times without a zone count as UTC;"
        " events of other data belong in a file of their own",
    )


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"


def _some(names: Iterable[str]) -> str:
    """The first names, each once, and how many more there are."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def unmeasured(columns: Mapping[str, Sequence[str]], blocks: Sequence[Block]) -> list[str]:
    """In words, which signals have no sample at all; their columns by name, in the order of the arrays."""
    return [
        f"{name} has no sample in the data: nothing is in {_some(of)}, or it is not there"
        for index, (name, of) in enumerate(columns.items())
        if all(np.isnan(block.values[:, index]).all() for block in blocks)
    ]


def unchanging(blocks: Sequence[Block]) -> bool:
    """Whether no signal of any pod ever changes, and nobody falls silent; False without a sample."""
    spans = [np.fmax.reduce(b.values, axis=2) - np.fmin.reduce(b.values, axis=2) for b in blocks]
    known = np.concatenate([span[~np.isnan(span)] for span in spans])
    there = [present(block.values) for block in blocks]
    steady = all((each == each[:, :1]).all() for each in there)
    return bool(len(known)) and steady and not known.any()


def extremes(signals: Sequence[Signal], blocks: Sequence[Block]) -> list[str]:
    """In words, which ratios are far over 1, and which signals are below 0 that never are."""
    found = []
    for index, signal in enumerate(signals):
        high = max(_over(block, index, 1) for block in blocks)
        low = -max(_over(block, index, -1) for block in blocks)
        if signal.kind == "ratio" and high > MOST:
            found.append(f"{signal.name} reaches {high:.4g}: a ratio is 0 to 1 (scale: 0.01?)")
        if low < 0 and signal.name in BY_NAME and signal.scope != "edge":  # what lies between two may be
            found.append(f"{signal.name} falls to {low:.4g}: it is never below 0")
    return found


def _over(block: Block, signal: int, sign: int) -> float:
    """The highest value, with this sign, in a block; minus infinity without any."""
    return float(np.fmax.reduce(block.values[:, signal] * sign, axis=None, initial=-np.inf))
