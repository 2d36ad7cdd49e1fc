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


def history(rows: int, moments: int, signals: int) -> str:
    """What there is to be memory for, in words."""
    return f"a history of {rows} pods x {moments} moments x {signals} signals"


def check(what: str, needed: int, free: int | None) -> None:
    """So many bytes for this are free; `CannotStart` says what would be needed if not.

    Where nobody knows what is free, it is tried.
    """
    if free is not None and needed > free:
        raise errors.CannotStart(
            f"{what} needs about {needed / GIB:.1f} GiB of memory, {free / GIB:.1f} GiB are free",
            hint=LESS,
        )


class Growing:
    """What grows line by line: each takes `line` bytes when it comes, and `later` when all have come."""

    def __init__(self, line: int, later: int) -> None:
        self._line, self._later = line, later
        self._asked = 0

    def check(self, there: int, lines: int) -> None:
        """So many that are `there` may become so many, and a quarter more; `CannotStart` if not."""
        if lines <= self._asked:
            return
        self._asked = lines * 5 // 4
        needed = (self._asked - there) * self._line + self._asked * self._later
        check(f"a history of {lines} lines and more", needed, free())


@contextmanager
def in_words() -> Iterator[None]:
    """Inside, memory that runs out is told in words: `CannotStart`."""
    try:
        yield
    except MemoryError as error:
        raise errors.CannotStart(f"the memory ran out{_wanted(str(error))}", hint=LESS) from error


def _wanted(said: str) -> str:
    found = re.search(r"allocate ([\d.]+ \w+)", said)
    return f": {found[1]} more were needed" if found else ""


def free(root: Path = Path("/")) -> int | None:
    """How many bytes this process may still take: what the machine has, its groups and its limit allow.

    None where the system, whose files lie in `root`, does not say.
    """
    known = [each for each in (_of_machine(root), _of_groups(root), _of_limit(root)) if each is not None]
    return max(0, min(known)) if known else None


def _of_machine(root: Path) -> int | None:
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text(root / "proc/meminfo"))
    return int(found[1]) * 1024 if found else None


def _of_groups(root: Path) -> int | None:
    """What this process's control group leaves, and every group around it."""
    known = [left for folder in _groups(root) if (left := _left(folder)) is not None]
    return min(known, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of these groups, of version 2 as of version 1.

    A process in a container may be told where its group is on the host: there it is mounted as the outermost.
    """
    mounted = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            outermost = mounted / "memory" if controllers else mounted
            own = outermost / path.lstrip("/")
            yield from (each for each in (own, *own.parents) if each.is_relative_to(outermost))


def _left(folder: Path) -> int | None:
    """What a group may still take; what it holds of files is given back when needed."""
    version2 = (folder / "memory.max").exists()
    most = _text(folder / ("memory.max" if version2 else "memory.limit_in_bytes"))
    taken = _text(folder / ("memory.current" if version2 else "memory.usage_in_bytes"))
    if not most.isdigit() or not taken.isdigit():
        return None
    of_files = r"^(?:in)?active_file (\d+)" if version2 else r"^total_(?:in)?active_file (\d+)"
    files = re.findall(of_files, _text(folder / "memory.stat"), re.MULTILINE)
    return int(most) - int(taken) + sum(map(int, files))


def _of_limit(root: Path) -> int | None:
    """What ``ulimit -v`` leaves."""
    if sys.platform == "win32":
        return None
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = re.search(r"VmSize:\s+(\d+) kB", _text(root / "proc/self/status"))
    return None if most == resource.RLIM_INFINITY or not taken else most - int(taken[1]) * 1024


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip()
    return ""
