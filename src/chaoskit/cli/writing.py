"""What a command writes where it is told to: a file, stdout, a bundle."""

from __future__ import annotations

import hashlib
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
_MADE = "# as generated "
"""How the last line of a file begins that `write_made` wrote; then comes what the rest was."""
_PACKED = (".tar.gz", ".tgz")
_OTHERWISE = (".zip", ".tar", ".gz", ".bz2", ".xz", ".7z", ".zst")
"""How archives are called that a bundle is none of."""


def write(path: Path, content: bytes) -> None:
    """The file holds the content, its folder made when missing; ``-`` is stdout.

    Raises:
        InvalidInput: it cannot be written there.
    """
    if path == STDOUT:
        sys.stdout.write(content.decode())
    else:
        files.write(path, content)


def marked(text: str) -> str:
    """The text with a last line by which it is known whether somebody edited it since."""
    return f"{text}{_MADE}{_digest(text)}\n"


def edited(text: str) -> bool:
    """Whether the text is any other than `marked` made it: somebody's own work, who wants to keep it."""
    before, mark, digest = text.rpartition(_MADE)
    return not mark or digest.strip() != _digest(before)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_made(path: Path, text: str, *, force: bool) -> bool:
    """The file holds the text, marked as made here; False: somebody has edited it, and it was left.

    With `force` it is written all the same.

    Raises:
        InvalidInput: it cannot be written there.
    """
    if not force and path.is_file():
        with files.translated(path):
            if edited(path.read_text(encoding="utf-8", errors="replace")):
                return False
    write(path, marked(text).encode())
    return True


def write_bundle(path: Path, records: tuple[Document, ...]) -> str:
    """The records' bundle is there, packed or, where the name does not end so, as a folder; its digest.

    Raises:
        InvalidInput: it cannot be written, the folder holds something, or another archive is named.
    """
    from chaoskit.reports import bundle

    if path == STDOUT or (not path.name.endswith(_PACKED) and path.suffix.lower() in _OTHERWISE):
        raise InvalidInput(f"{path} is no place for a bundle", hint="name a .tar.gz, or a new folder")
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
