"""Reads metrics files, long, wide or tidy, by a mapping file: whose, when, in what unit."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from chaoskit import errors
from chaoskit.prediction.data import memory
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.labelling.alignment import shifted
from chaoskit.prediction.labelling.labels import Target
from chaoskit.prediction.labelling.plausible import (
    check_events,
    contradicting,
    dated,
    extremes,
    once,
    paced,
    unmeasured,
    zones,
)
from chaoskit.prediction.reading import mapping as mappings
from chaoskit.prediction.reading.forms import gather
from chaoskit.prediction.reading.labelfiles import read_labels
from chaoskit.prediction.reading.lines import Lines
from chaoskit.prediction.reading.values import Clocks


@memory.in_words()
def read(paths: Sequence[Path], mapping: mappings.Mapping, *, unlabelled: bool = False) -> Dataset:
    """The files as a dataset, with the labels of the events file where the mapping names one, and its own.

    `paths` are files, or folders in which the mapping's own files lie. Lines may come in any order, blocks
    are in that of time; a sample stands at the moment of the grid that is nearest to it, or next to that,
    where another of its pod is nearer. Of two values for the same pod, time and signal the later line counts,
    of two for one moment the newer; where they are others, that is told. Raises
    `InvalidInput` naming file, line and column. Events that say nothing of the data are refused, too; where
    nothing is learned from them, as the data may be `unlabelled`, a note tells of it. Raises `CannotStart`
    where there is not memory enough.
    """
    clocks: Clocks = {}
    lines = Lines(mapping)
    for path in files(paths, mapping.files):
        gather(path, mapping, clocks, lines)
    made = lines.made()
    if made is None:
        raise errors.InvalidInput(f"no line of data in {', '.join(str(path) for path in paths)}")
    blocks = made.blocks
    written = files(paths, [mapping.events.file], required=False) if mapping.events else []
    labels, doubled = once(read_labels(written, mapping, clocks))
    target = Target(mapping.target.mode, timedelta(minutes=mapping.target.horizon_minutes))
    signals = mapping.catalogue()
    columns = {name: [f"column {each}" for each in of.columns] for name, of in mapping.signals.items()}
    notes = (
        *zones(clocks),
        *dated(made.first, made.last),
        *paced(made.apart, mapping.step, made.lost, made.last),
        *contradicting(made.untrue),
        *doubled,
        *check_events(labels, blocks, target, unlabelled=unlabelled),
        *shifted(blocks, labels),
        *extremes(signals, blocks),
        *unmeasured(columns, blocks),
    )
    return Dataset(signals, mapping.step, blocks, labels, mapping.blind, notes)


def lacking_events(paths: Sequence[Path], mapping: mappings.Mapping) -> str:
    """``no events.csv in later``: where the events file of the mapping is missing; "" when nowhere."""
    if not mapping.events:
        return ""
    name = mapping.events.file
    bare = [path for path in paths if path.is_dir() and not files([path], [name], required=False)]
    if not bare and not files(paths, [name], required=False):
        bare = list(paths)
    return f"no {name} in {', '.join(map(str, bare))}" if bare else ""


def files(paths: Sequence[Path], names: Sequence[str], *, required: bool = True) -> list[Path]:
    """Of folders the files named so, each once; of files those with such a name, or all when none has one.

    A name may be a pattern (``*Z.csv.gz``), which stands for what fits it in the folder, in order of names.
    """
    found = [each for path in paths if path.is_dir() for name in names for each in _fitting(path, name)]
    found = [path for path in dict.fromkeys(found) if required or path.exists()]
    plain = [path for path in paths if not path.is_dir()]
    named = [
        path for path in plain if any(path.name == name or fnmatchcase(path.name, name) for name in names)
    ]
    return found + (named or (plain if required and not found else []))


def _fitting(folder: Path, name: str) -> list[Path]:
    """What is named so there, or else fits; the name itself where nothing does."""
    if (folder / name).exists():
        return [folder / name]
    fitting = glob.glob(name, root_dir=folder)  # noqa: PTH207 - `Path.glob` refuses an absolute pattern
    return [folder / each for each in sorted(fitting) or [name]]
