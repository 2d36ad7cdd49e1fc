"""Output whose reader may leave (``chaoskit history | head``), or whose disk is full: the outcome stands."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast


class _Tolerant:
    """A stream that is written to as before, and into nowhere once nobody reads it any more."""

    def __init__(self, stream: TextIO, lost: list[OSError]) -> None:
        self._stream = stream
        self._lost = lost

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._drop(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _drop(self, error: OSError) -> None:
        """What is still to come, and what the interpreter flushes at its end, goes nowhere.

        Nothing is lost where the reader left (a pipe) or hung up (a terminal); on a full disk it is.
        """
        if error.errno not in {errno.EPIPE, errno.EIO}:
            self._lost.append(error)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


@contextmanager
def reader_may_leave() -> Iterator[list[OSError]]:
    """Inside, a broken pipe is no error: the exit code tells the outcome, not who read of it.

    Of progress neither: a run whose stderr nobody reads any more has its fault to undo all the same. Why a
    part of stdout could not be written stands in what is given, when it is left. A stream that was closed
    before (``>&-``) is one that nobody reads.
    """
    out, err = sys.stdout, sys.stderr
    lost: list[OSError] = []
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stdout = cast("TextIO", _Tolerant(out or nowhere, lost))
        sys.stderr = cast("TextIO", _Tolerant(err or nowhere, []))
        try:
            yield lost
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = out, err
