"""Files as rows of cells: CSV (plain or gzipped) and Parquet; each row that is read with its place."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np

from chaoskit import errors
from chaoskit.prediction.reading.values import Cell

Cells = Sequence[Cell]
"""One row."""

Form = Literal["csv", "parquet"]

ENCODING = "utf-8-sig"
"""UTF-8; a mark at its beginning, as spreadsheets write one, is no part of the first column's name."""

SUFFIXES: dict[Form, str] = {"csv": "csv.gz", "parquet": "parquet"}

AT_ONCE = 2**16
"""About so many cells are read at once."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open file: header, places of the columns by name, rows with their numbers (the header is 1)."""

    path: Path
    header: Sequence[str]
    place: dict[str, int]
    rows: Iterator[tuple[int, Cells]]

    def uneven(self, line: int, cells: Cells) -> errors.Problem | None:
        """What is wrong with a line of fewer or more cells than the header: nobody knows whose they are."""
        if len(cells) == len(self.header):
            return None
        expected = f"{len(self.header)} as in the header"
        return errors.Problem(str(self.path), "the number of cells", str(len(cells)), expected, line)

    def require(self, wanted: Iterable[str]) -> None:
        """Every wanted column is there, and once; `InvalidInput` names those that are not."""
        names = list(dict.fromkeys(wanted))
        absent = [name for name in names if name not in self.place]
        only = next(iter(self.place), "")
        if absent and len(self.header) == 1 and (mark := next((m for m in ";\t|" if m in only), "")):
            raise errors.InvalidInput(
                f"{self.path} has one column, called {only!r}",
                hint=f"cells are separated by commas; is the separator here {mark!r}?",
            )
        if absent:
            path = str(self.path)
            problems = [errors.Problem(path, name, "missing", "a column of this name", 1) for name in absent]
            message = f"{path} lacks {len(absent)} columns of the mapping"
            raise errors.InvalidInput(message, problems=problems)
        written = Counter(self.header)
        if doubled := [self._doubled(name) for name in names if written[name] > 1]:
            message = f"{self.path} has {len(doubled)} columns of the mapping more than once"
            raise errors.InvalidInput(message, problems=doubled)

    def _doubled(self, name: str) -> errors.Problem:
        places = [number for number, other in enumerate(self.header, 1) if other == name]
        found = f"in columns {', '.join(map(str, places[:-1]))} and {places[-1]}"
        return errors.Problem(str(self.path), name, found, "one column of this name", 1, places[-1])


def at_once(header: Sequence[str]) -> int:
    """How many rows are read at once: of few cells many, of many cells still some."""
    return max(64, AT_ONCE // max(1, len(header)))


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """The file as a sheet.

    Raises:
        InvalidInput: it cannot be read, is empty, or has no form that is known.
    """
    if path.suffix == ".parquet":
        with _parquet(path) as sheet:
            yield sheet
        return
    with _text(path) as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            raise errors.InvalidInput(f"{path} is empty")
        rows = ((reader.line_num, cells) for cells in reader if cells)
        yield _sheet(path, header, rows)


def _sheet(path: Path, header: Sequence[str], rows: Iterator[tuple[int, Cells]]) -> Sheet:
    return Sheet(path, header, {name: index for index, name in enumerate(header)}, rows)


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    try:
        with (
            gzip.open(path, "rt", encoding=ENCODING, newline="")
            if path.suffix == ".gz"
            else path.open(encoding=ENCODING, newline="")
        ) as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        raise errors.InvalidInput(f"{path} cannot be read: {errors.cause(error)}") from error
    except UnicodeDecodeError as error:
        raise errors.InvalidInput(f"{path} is not text in UTF-8: {error}") from error
    except csv.Error as error:
        raise errors.InvalidInput(f"{path} is not CSV: {error}") from error


def write(path: Path, form: Form, header: Sequence[str], rows: Iterable[Cells]) -> int:
    """The rows lie in the file, NaN as nothing; how many they are. The same rows make the same bytes.

    Raises:
        InvalidInput: Parquet is asked for, and pyarrow is not installed.
    """
    if form == "parquet":
        return _write_parquet(path, header, rows)
    count = 0
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as zipped,
        io.TextIOWrapper(zipped, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        for cells in rows:
            writer.writerow([_text_of(cell) for cell in cells])
            count += 1
    return count


def _text_of(cell: object) -> str:
    """Nine digits tell every number of 32 bits from every other; one that has more is told in full."""
    if not isinstance(cell, float):
        return str(cell)
    if math.isnan(cell):
        return ""
    return f"{cell:.9g}" if float(np.float32(cell)) == cell else repr(cell)


def _write_parquet(path: Path, header: Sequence[str], rows: Iterable[Cells]) -> int:
    pa, parquet = _arrow(path)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in header]
    arrays = [pa.array(column, from_pandas=True) for column in columns]
    parquet.write_table(pa.table(arrays, names=list(header)), path, compression="zstd")
    return len(columns[0])


def _arrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise errors.InvalidInput(
            f"{path} is a Parquet file, and pyarrow is not installed",
            hint="in the folder of chaoskit's source: pip install '.[parquet]'",
        ) from error
    return pa, parquet


@contextmanager
def _parquet(path: Path) -> Iterator[Sheet]:
    pa, parquet = _arrow(path)
    with _as_parquet(path, pa):
        file = parquet.ParquetFile(path)
    with file:
        yield _sheet(path, file.schema_arrow.names, enumerate(_rows(path, pa, file), 2))


def _rows(path: Path, pa: Any, file: Any) -> Iterator[Cells]:
    """The rows' cells, which become Python's own for some rows at a time."""
    with _as_parquet(path, pa):
        for part in file.iter_batches(at_once(file.schema_arrow.names)):
            yield from zip(*(_listed(pa, column) for column in part.columns), strict=True)


@contextmanager
def _as_parquet(path: Path, pa: Any) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, LookupError, OverflowError, pa.ArrowException) as error:
        raise errors.InvalidInput(f"{path} cannot be read as Parquet: {errors.cause(error)}") from error


def _listed(pa: Any, column: Any) -> list[Cell]:
    """The column's cells; of times the microseconds, finer ones Python's have no room for; bytes as text."""
    kind = column.type
    if not column.null_count and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        numbers: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return numbers
    coarser: dict[Any, Callable[[], Any]] = {
        pa.types.is_timestamp: lambda: pa.timestamp("us", kind.tz),
        pa.types.is_duration: lambda: pa.duration("us"),
        pa.types.is_time64: lambda: pa.time64("us"),
    }
    made = next((make for fits, make in coarser.items() if fits(kind) and kind.unit == "ns"), None)
    cells: list[Cell] = (column.cast(made(), safe=False) if made else column).to_pylist()
    return [_decoded(cell) if isinstance(cell, bytes) else cell for cell in cells]


def _decoded(cell: bytes) -> str:
    """The text in UTF-8; what is none as escapes, so that no two are taken for one."""
    return cell.decode("utf-8", "backslashreplace")
