"""Files that are written: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaoskit.errors import Conflict, InvalidInput


def write(path: Path, content: bytes, *, private: bool = False) -> None:
    """The file holds the content, its folder made when missing; a `private` one only its owner can read.

    Who reads it meanwhile reads what was there before. A device or pipe is written to as it is.

    Raises:
        InvalidInput: it cannot be written there.
    """
    with translated(path):
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            path.write_bytes(content)
            return
        real = Path(os.path.realpath(path))
        real.parent.mkdir(parents=True, exist_ok=True)
        beside = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
        try:
            made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
            with os.fdopen(made, "wb") as file:
                file.write(content)
            beside.replace(real)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """What is written into the folder that it gives lies in `folder` at the block's end, or nothing does.

    An empty folder that is there already is filled, not replaced: it may be a mount, or have somebody in it.
    What breaks off meanwhile is taken back, unless the process is killed outright.

    Raises:
        Conflict: something lies there already.
        InvalidInput: nothing can be written there.
    """
    place = Path(os.path.realpath(folder))
    there = place.is_dir()
    beside = (place if there else place.parent) / f".{place.name}.{secrets.token_hex(4)}"
    draft = beside / place.name  # so deep that whoever lists what lies beside `folder` does not see it
    with translated(folder):
        draft.mkdir(parents=True)
        try:
            yield draft
            _fill(draft, place) if there else _rename(draft, place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _fill(draft: Path, folder: Path) -> None:
    if any(each != draft.parent for each in folder.iterdir()):
        raise _taken(folder)
    names = [each.name for each in draft.iterdir()]
    try:
        for name in names:
            (draft / name).rename(folder / name)
    except BaseException:
        for name in names:
            if not (draft / name).exists():
                (folder / name).rename(draft / name)
        raise


def _rename(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        raise _taken(folder) from error


def _taken(folder: Path) -> Conflict:
    return Conflict(f"{folder} is there already", hint="choose another name")


def check_writable(path: Path) -> None:
    """A file can be written there; its folder was made when missing.

    Raises:
        InvalidInput: it cannot.
    """
    with translated(path):
        if path.is_dir():
            raise InvalidInput(f"{path} cannot be written: it is a folder", hint="name a file")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Inside, what the system says against writing there is `InvalidInput`."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error
