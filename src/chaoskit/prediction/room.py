"""Whether there is memory enough for a history, and words for when there is not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chaoskit import errors

GIB = 2**30

LESS = "take fewer hours, a coarser step or fewer signals; or a machine with more memory"


def check(rows: int, moments: int, signals: int, needed: int, free: int | None) -> None:
    """So many bytes for so long a history are free; `CannotStart` says what would be needed if not.

    Where nobody knows what is free, it is tried.
    """
    if free is not None and needed > free:
        raise errors.CannotStart(
            f"a history of {rows} pods x {moments} moments x {signals} signals needs about"
            f" {needed / GIB:.1f} GiB of memory, {free / GIB:.1f} GiB are free",
            hint=LESS,
        )


@contextmanager
def told() -> Iterator[None]:
    """Inside, memory that runs out is told in words: `CannotStart`."""
    try:
        yield
    except MemoryError as error:
        raise errors.CannotStart(f"the memory ran out{_wanted(str(error))}", hint=LESS) from error


def _wanted(said: str) -> str:
    found = re.search(r"allocate ([\d.]+ \w+)", said)
    return f": {found[1]} more were needed" if found else ""


def free() -> int | None:
    """How many bytes this process may still take: what the machine has, its group and its limit allow.

    None where the system does not say.
    """
    known = [each for each in (_of_machine(), _of_group(), _of_limit()) if each is not None]
    return max(0, min(known)) if known else None


def _of_machine() -> int | None:
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"))
    return int(found[1]) * 1024 if found else None


def _of_group() -> int | None:
    """What a container may still take; what it holds of files is given back when needed."""
    most, taken = _text("/sys/fs/cgroup/memory.max"), _text("/sys/fs/cgroup/memory.current")
    files = re.search(r"^file (\d+)", _text("/sys/fs/cgroup/memory.stat"), re.MULTILINE)
    if not most.isdigit() or not taken.isdigit():
        return None
    return int(most) - int(taken) + (int(files[1]) if files else 0)


def _of_limit() -> int | None:
    """What ``ulimit -v`` leaves."""
    if sys.platform == "win32":
        return None
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = re.search(r"VmSize:\s+(\d+) kB", _text("/proc/self/status"))
    return None if most == resource.RLIM_INFINITY or not taken else most - int(taken[1]) * 1024


def _text(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8").strip()
    return ""
