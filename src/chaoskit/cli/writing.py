"""What a command writes where it is told to: a file, stdout, a bundle."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chaoskit import files
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from chaoskit.ports.store import Document

STDOUT = Path("-")
_PACKED = (".tar.gz", ".tgz")


def write(path: Path, content: bytes) -> None:
    """The file holds the content, its folder made when missing; ``-`` is stdout.

    Raises:
        InvalidInput: it cannot be written there.
    """
    if path == STDOUT:
        sys.stdout.write(content.decode())
    else:
        files.write(path, content)


def write_bundle(path: Path, records: tuple[Document, ...]) -> str:
    """The records' bundle is there, packed or, where the name does not end so, as a folder; its digest.

    Raises:
        InvalidInput: it cannot be written, or the folder holds something.
    """
    from chaoskit.reports import bundle

    parts = bundle.bundle(records)
    if path.name.endswith(_PACKED):
        write(path, bundle.packed(parts))
        return bundle.digest(parts)
    with files.translated(path):
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InvalidInput(f"{path} is there already", hint="name another folder, or a .tar.gz")
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            for name, content in parts.items():
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).write_bytes(content)
            beside.replace(path)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return bundle.digest(parts)


def read_bundle(path: Path) -> dict[str, bytes]:
    """The files of a bundle, packed or in a folder, by their paths in it.

    Raises:
        InvalidInput: there is none, or it cannot be read.
    """
    from chaoskit.reports.bundle import unpacked

    try:
        if path.is_dir():
            found = (each for each in sorted(path.rglob("*")) if not each.is_dir())
            return {each.relative_to(path).as_posix(): each.read_bytes() for each in found}
        return unpacked(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
