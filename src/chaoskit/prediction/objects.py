"""JSON objects in files: never half there for whoever reads, never lost by two who change them at once."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chaoskit import errors, files

Sound = Callable[[Mapping[str, Any]], bool]
"""Whether what an object holds is of the kinds that belong there."""

LARGEST = 64 * 2**20
"""Bytes; a larger file holds no such object."""

MEND = "put a copy of before in its place, or move it away"


def _any(_: Mapping[str, Any]) -> bool:
    return True


def read(path: Path, *, sound: Sound = _any) -> dict[str, Any]:
    """The JSON object in this file, empty when there is none.

    Raises:
        InvalidInput: it cannot be read, is larger than any, is something else, or is not `sound`.
    """
    try:
        found = json.loads(_text(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise errors.InvalidInput(f"{path} cannot be read: {errors.cause(error)}") from error
    except (ValueError, RecursionError) as error:
        raise errors.InvalidInput(f"{path} cannot be read: {errors.cause(error)}", hint=MEND) from error
    if not isinstance(found, dict):
        raise errors.InvalidInput(f"{path} is not a JSON object", hint=MEND)
    if not sound(found):
        raise errors.InvalidInput(f"{path} is damaged: it holds what is never written there", hint=MEND)
    return found


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes")
    return path.read_text(encoding="utf-8")


def write(path: Path, content: Mapping[str, Any]) -> None:
    """The file has this content; whoever reads meanwhile sees the old or the new, never a half."""
    files.write(path, f"{json.dumps(content, indent=1)}\n".encode())


@contextmanager
def changed(path: Path, *, sound: Sound = _any) -> Iterator[dict[str, Any]]:
    """The object in this file, kept as it is at the block's end; whoever else wants to change it waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = read(path, sound=sound)
        yield content
        write(path, content)
