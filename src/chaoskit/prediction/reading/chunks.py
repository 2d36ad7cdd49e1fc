"""A collection in a folder: stretches of time as files, what was collected so far, a mapping that reads it.

A stretch is a file of one line per pod and moment. Which are there is written down after each, so that a
collection that was stopped goes on where it was, and one that is asked for again goes on to the present.
"""

from __future__ import annotations

import fcntl
import hashlib
import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from chaoskit import documents, errors, files
from chaoskit.ports.metrics import Signal
from chaoskit.prediction import objects
from chaoskit.prediction.data.arrays import missing
from chaoskit.prediction.data.dataset import Dataset, present
from chaoskit.prediction.reading import sheets
from chaoskit.prediction.reading.sheets import Cells
from chaoskit.signals import BY_NAME

INDEX, MAPPING, LOCK = "collection.json", "mapping.yaml", ".collection.lock"
SCHEMA = "chaoskit.io/collection/v1"
COLUMNS = ("timestamp", "namespace", "workload", "pod")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is collected: whose signals, how often (seconds), in stretches of how long, in which form."""

    namespace: str
    signals: tuple[Signal, ...]
    step: int
    length: int
    form: sheets.Form

    def __post_init__(self) -> None:
        if self.length % self.step:
            raise errors.InvalidInput(
                f"a stretch of {self.length} s is no multiple of the step of {self.step} s"
            )

    @property
    def document(self) -> dict[str, Any]:
        """What has to be the same for a folder to be gone on with."""
        names = [signal.name for signal in self.signals]
        return {
            "namespace": self.namespace,
            "step": self.step,
            "chunk": self.length,
            "format": self.form,
            "signals": names,
        }


@dataclass(frozen=True, slots=True)
class Chunk:
    """One stretch of time, its end excluded; `rows` lines lie in `file` ("" where nothing was measured)."""

    start: datetime
    end: datetime
    file: str = ""
    rows: int = 0
    sha256: str = ""
    sampled: tuple[str, ...] = ()


def chunks(asked: Asked, start: datetime, end: datetime) -> tuple[Chunk, ...]:
    """The stretches from `start` to `end` on a grid that begins with the epoch: the first one is whole."""
    first = math.floor(start.timestamp() / asked.length) * asked.length
    last = math.floor(end.timestamp() / asked.step) * asked.step
    return tuple(
        Chunk(_moment(at), _moment(min(at + asked.length, last))) for at in range(first, last, asked.length)
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Inside, nobody else collects into the folder, which was made when missing.

    Raises:
        CannotStart: another process collects there.
        InvalidInput: nothing can be written there.
    """
    with files.translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.CannotStart(
                f"another collect is at work in {folder}", hint="wait for its end, or choose another --out"
            ) from error
        yield


class Folder:
    """A folder of stretches of one collection.

    Raises:
        InvalidInput: another collection lies there, or a mapping of something else, or one that was edited.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        self.path = path
        self.asked = asked
        found = objects.read(path / INDEX)
        if found and found.get("asked") != asked.document:
            differs = [name for name, value in asked.document.items() if _was(found, name) != value]
            raise errors.InvalidInput(
                f"{path} holds another collection: {', '.join(differs) or 'of another version'} differ",
                hint="collect the same again, or choose another --out",
            )
        if not found and (path / MAPPING).exists():
            raise errors.InvalidInput(
                f"{path} holds a {MAPPING} and no collection: it would be overwritten",
                hint="choose another --out",
            )
        self._known = {each.start: each for each in map(_chunk, found.get("chunks", []))}
        self._mapping = _digest(path / MAPPING)
        # One that was written just before the index, or before the index told of it, is what its chunks say.
        ours = {"", str(found.get("mapping", "")), hashlib.sha256(self._read_by()).hexdigest()}
        self._refuse_edited(ours)

    def _refuse_edited(self, ours: Container[str]) -> None:
        if _digest(self.path / MAPPING) not in ours:
            raise errors.InvalidInput(
                f"{self.path / MAPPING} was edited since: it would be overwritten",
                hint=f'keep it under another name, with files: ["*Z.{sheets.SUFFIXES[self.asked.form]}"],'
                " and read the files by that, those that are collected later, too",
            )

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """What is there, oldest first."""
        return tuple(self._known[start] for start in sorted(self._known))

    def missing(self, wanted: Iterable[Chunk]) -> tuple[Chunk, ...]:
        """Those of `wanted` that are not there whole and as they were written."""
        return tuple(each for each in wanted if not self._has(each))

    def _has(self, wanted: Chunk) -> bool:
        kept = self._known.get(wanted.start)
        if kept is None or kept.end < wanted.end:
            return False
        if kept.file:
            return _digest(self.path / kept.file) == kept.sha256
        return kept.start < self._begin

    @property
    def _begin(self) -> datetime:
        """Where the first samples are: what is empty before stays so, a later hole may yet be filled."""
        return min((each.start for each in self._known.values() if each.file), default=_moment(0))

    def put(self, chunk: Chunk, measured: Dataset | None) -> Chunk:
        """The stretch lies there, and the folder says so; None: nothing was measured in it."""
        written = chunk if measured is None else self._write(chunk, measured)
        self._known[chunk.start] = written
        self._keep()
        return written

    def _keep(self) -> None:
        """The index says what is there, and what the mapping was when it was written."""
        content = {
            "schema": SCHEMA,
            "asked": self.asked.document,
            "mapping": self._mapping,
            "chunks": [_plain(each) for each in self.chunks],
        }
        objects.write(self.path / INDEX, content)

    def _read_by(self) -> bytes:
        """The mapping file that reads what is there."""
        there = [each for each in self.chunks if each.file]
        return documents.dump(_mapping(self.asked, there)).encode()

    def _write(self, chunk: Chunk, measured: Dataset) -> Chunk:
        self.path.mkdir(parents=True, exist_ok=True)
        name = f"{chunk.start:%Y%m%dT%H%M%SZ}.{sheets.SUFFIXES[self.asked.form]}"
        data = measured.select(self.asked.signals)
        header = (*COLUMNS, *data.names)
        draft = self.path / f"{name}.new"
        rows = sheets.write(draft, self.asked.form, header, _lines(data))
        draft.replace(self.path / name)
        sampled = tuple(s for i, s in enumerate(data.names) if _any(data, i))
        return replace(chunk, file=name, rows=rows, sha256=_digest(self.path / name), sampled=sampled)

    def finish(self) -> Path:
        """The mapping file that reads the folder lies in it; its path.

        Raises:
            CannotStart: nothing was measured in any stretch.
            InvalidInput: the one that lies there was edited meanwhile.
        """
        self._refuse_edited({"", self._mapping})
        if not any(each.file for each in self.chunks):
            raise errors.CannotStart(
                f"no signal has a sample in namespace {self.asked.namespace} in all that time",
                hint=f"chaoskit monitor lint --namespace {self.asked.namespace}",
            )
        path, content = self.path / MAPPING, self._read_by()
        files.write(path, content)
        self._mapping = hashlib.sha256(content).hexdigest()
        self._keep()
        return path


def _was(found: Mapping[str, Any], name: str) -> Any:
    return (found.get("asked") or {}).get(name)


def _any(data: Dataset, column: int) -> bool:
    return not all(missing(block.values[:, column]).all() for block in data.blocks)


def _lines(data: Dataset) -> Iterator[Cells]:
    """One line for each pod and moment with any value, in order of time."""
    for block in data.blocks:
        there, measured = present(block.values), block.exact
        for index in range(block.length):
            at = int(block.at(index).timestamp())
            for row in np.flatnonzero(there[:, index]).tolist():
                who = block.rows[row]
                values = measured[row, :, index].tolist()
                yield at, who.namespace, who.workload, who.pod, *values


def _mapping(asked: Asked, there: Sequence[Chunk]) -> dict[str, Any]:
    sampled = {name for each in there for name in each.sampled}
    return {
        "apiVersion": "chaoskit.io/v1",
        "kind": "DataMapping",
        "metadata": {"name": asked.namespace},
        "source": "Prometheus, by chaoskit collect",
        "files": [each.file for each in there],
        "step": asked.step,
        "timestamp": "timestamp",
        "identity": {"namespace": "namespace", "workload": "workload", "pod": "pod"},
        "signals": {signal.name: _column(signal) for signal in asked.signals if signal.name in sampled},
        "target": {"mode": "forecast", "horizonMinutes": 30},
    }


def _column(signal: Signal) -> dict[str, Any]:
    """As a mapping file says it; what the catalogue knows is not said again."""
    if BY_NAME.get(signal.name) == signal:
        return {"column": signal.name}
    return {"column": signal.name, "unit": signal.unit, "kind": signal.kind, "meaning": signal.meaning}


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _plain(chunk: Chunk) -> dict[str, Any]:
    return {
        "start": chunk.start.isoformat(),
        "end": chunk.end.isoformat(),
        "file": chunk.file,
        "rows": chunk.rows,
        "sha256": chunk.sha256,
        "sampled": list(chunk.sampled),
    }


def _chunk(found: dict[str, Any]) -> Chunk:
    try:
        return Chunk(
            datetime.fromisoformat(found["start"]),
            datetime.fromisoformat(found["end"]),
            found["file"],
            found["rows"],
            found["sha256"],
            tuple(found["sampled"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.InvalidInput(
            f"{INDEX} cannot be read: {error!r}", hint="choose another --out"
        ) from error
