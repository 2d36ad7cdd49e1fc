"""Files that a command writes: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from chaoskit.ports.store import Document

STDOUT = Path("-")
_PACKED = (".tar.gz", ".tgz")


def write(path: Path, content: bytes) -> None:
    """The file holds the content, its folder made when missing; ``-`` is stdout.

    Who reads it meanwhile reads what was there before. A device or pipe is written to as it is.

    Raises:
        InvalidInput: it cannot be written there.
    """
    if path == STDOUT:
        sys.stdout.write(content.decode())
        return
    with _translated(path):
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            path.write_bytes(content)
            return
        real = Path(os.path.realpath(path))
        real.parent.mkdir(parents=True, exist_ok=True)
        beside = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
        try:
            with beside.open("xb") as file:
                file.write(content)
            beside.replace(real)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def check_writable(path: Path) -> None:
    """A file can be written there; its folder was made when missing.

    Raises:
        InvalidInput: it cannot.
    """
    with _translated(path):
        if path.is_dir():
            raise InvalidInput(f"{path} cannot be written: it is a folder", hint="name a file")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass


def write_bundle(path: Path, records: tuple[Document, ...]) -> str:
    """The records' bundle is there, packed or, where the name does not end so, as a folder; its digest.

    Raises:
        InvalidInput: it cannot be written, or the folder holds something.
    """
    from chaoskit.reports import bundle

    files = bundle.bundle(records)
    if path.name.endswith(_PACKED):
        write(path, bundle.packed(files))
        return bundle.digest(files)
    with _translated(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InvalidInput(f"{path} is there already", hint="name another folder, or a .tar.gz")
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            for name, content in files.items():
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).write_bytes(content)
            beside.replace(path)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return bundle.digest(files)


def read_bundle(path: Path) -> dict[str, bytes]:
    """The files of a bundle, packed or in a folder, by their paths in it.

    Raises:
        InvalidInput: there is none, or it cannot be read.
    """
    from chaoskit.reports.bundle import unpacked

    try:
        if path.is_dir():
            files = (each for each in sorted(path.rglob("*")) if not each.is_dir())
            return {each.relative_to(path).as_posix(): each.read_bytes() for each in files}
        return unpacked(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
