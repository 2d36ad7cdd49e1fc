"""Files as rows of cells: CSV (plain or gzipped) and Parquet, each row with its place in the file."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from chaoskit import errors

Cells = Sequence[Any]
"""One row: text in CSV; numbers, times, text or None in Parquet."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open file: its columns' places by name, and its rows with their numbers (the header is 1)."""

    path: Path
    place: dict[str, int]
    rows: Iterator[tuple[int, Cells]]

    def require(self, wanted: Iterable[str]) -> None:
        """Every wanted column is there; `InvalidInput` names those that are not."""
        absent = [name for name in wanted if name not in self.place]
        if absent:
            path = str(self.path)
            problems = [errors.Problem(path, name, "missing", "a column of this name", 1) for name in absent]
            message = f"{path} lacks {len(absent)} columns of the mapping"
            raise errors.InvalidInput(message, problems=problems)


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """The file as a sheet.

    Raises:
        InvalidInput: it cannot be read, is empty, or has no form that is known.
    """
    if path.suffix == ".parquet":
        yield _parquet(path)
        return
    with _text(path) as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            raise errors.InvalidInput(f"{path} is empty")
        rows = ((reader.line_num, cells) for cells in reader if cells)
        yield Sheet(path, {name: index for index, name in enumerate(header)}, rows)


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8", newline="")
        ) as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        raise errors.InvalidInput(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise errors.InvalidInput(f"{path} is not text in UTF-8: {error}") from error
    except csv.Error as error:
        raise errors.InvalidInput(f"{path} is not CSV: {error}") from error


def _parquet(path: Path) -> Sheet:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise errors.InvalidInput(
            f"{path} is a Parquet file, and pyarrow is not installed", hint="pip install 'chaoskit[parquet]'"
        ) from error
    try:
        table = parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise errors.InvalidInput(f"{path} cannot be read as Parquet: {error}") from error
    columns = [column.to_pylist() for column in table.columns]
    rows = ((number, cells) for number, cells in enumerate(zip(*columns, strict=True), 2))
    return Sheet(path, {name: index for index, name in enumerate(table.column_names)}, rows)
