"""The files of a model that came from anywhere: none takes more memory to read than a model can."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaoskit import errors

LARGEST = 512 * 2**20
"""Bytes of a file, and of what is packed in it; a larger one is no model."""

PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""How NumPy packs: what is packed so is never unpacked further than is asked for."""

DAMAGED = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, EOFError, RuntimeError,
    MemoryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading raises of a file that is no model: pieces are missing, of another kind or beyond bounds."""


def content(path: Path, digest: str | None) -> bytes:
    """What is in this file, whose SHA-256 is `digest`.

    Raises:
        InvalidInput: it is another one, or larger than a model.
    """
    _check_size(path)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise errors.InvalidInput(f"{path} was changed since the model was written")
    return data


def plain(folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Those of these files that lie in `folder`: its own, no others of whoever copies them.

    Raises:
        InvalidInput: one is a link or no file, or larger than a model.
    """
    found = tuple(name for name in names if os.path.lexists(folder / name))
    for path in (folder / name for name in found):
        if path.is_symlink():
            raise errors.InvalidInput(f"{path} is a link to another file", hint="put the file in its place")
        _check_size(path)
    return found


def _check_size(path: Path) -> None:
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise errors.InvalidInput(f"{path} is missing or too large for a model")


def arrays(packed: bytes, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """These arrays, which alone are packed there as NumPy does it.

    Raises:
        Exception: one of `DAMAGED`; nothing is unpacked then that is too much.
    """
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        _check(archive.infolist(), names)
    with np.load(io.BytesIO(packed), allow_pickle=False) as found:
        unpacked: dict[str, NDArray[Any]] = {name: found[name] for name in names}
    if not all(each.dtype.itemsize for each in unpacked.values()):
        raise ValueError("an array of nothing")
    return unpacked


def _check(members: Collection[zipfile.ZipInfo], names: Collection[str]) -> None:
    if sorted(each.filename for each in members) != sorted(f"{name}.npy" for name in names):
        raise ValueError("its arrays are not those that it names")
    if sum(each.file_size for each in members) > LARGEST:
        raise ValueError("its arrays are too large for a model")
    if not {each.compress_type for each in members} <= PACKED:
        raise ValueError("its arrays are packed as none of a model are")
