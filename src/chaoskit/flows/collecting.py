"""Collects a range from Prometheus into a folder: stretch by stretch, several at once, as often as needed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chaoskit import prediction
from chaoskit.clock import refuse_when_stopped
from chaoskit.errors import NoSamples
from chaoskit.events import Event, Listener, Progress, Warned, ignore
from chaoskit.ports.metrics import MetricsSource

if TYPE_CHECKING:
    from chaoskit.prediction import Dataset
    from chaoskit.prediction.reading.chunks import Asked, Chunk

PATIENCE = 0.2
"""Seconds of the wall between two looks at whether an end is wanted."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What lies in the folder now; `new` of its stretches were fetched this time."""

    folder: Path
    mapping: Path
    chunks: tuple[Chunk, ...]
    new: int

    @property
    def rows(self) -> int:
        """How many lines there are: pods times moments."""
        return sum(each.rows for each in self.chunks)

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that have a sample anywhere."""
        return tuple(sorted({name for each in self.chunks for name in each.sampled}))


def collect(
    metrics: MetricsSource,
    asked: Asked,
    start: datetime,
    end: datetime,
    folder: Path,
    *,
    jobs: int = 4,
    stop: threading.Event | None = None,
    listen: Listener = ignore,
) -> Collected:
    """All stretches from `start` to `end` lie in `folder`, with a mapping that reads them.

    Those that lie there already are not fetched again. A stop ends it after the stretches under way; what was
    fetched stays, and the next call goes on. Raises `InvalidInput` when another collection, or somebody's
    mapping, lies there, `CannotStart` when another process collects there, nothing was measured or Prometheus
    refuses to answer.
    """
    from chaoskit.prediction.reading.chunks import Folder, alone, chunks

    with alone(folder):
        place, wanted = Folder(folder, asked), chunks(asked, start, end)
        lacking = place.missing(wanted)
        done = len(wanted) - len(lacking)
        stop = stop or threading.Event()
        fetch = functools.partial(_measured, metrics, asked, _warnings(listen))
        for number, (chunk, measured) in enumerate(_fetched(fetch, lacking, jobs, stop), done + 1):
            place.put(chunk, measured)
            listen(Progress(end, "collect", number, len(wanted), "chunks"))
        return Collected(folder, place.finish(), place.chunks, len(lacking))


def _fetched(
    fetch: Callable[[Chunk], Dataset | None], lacking: Sequence[Chunk], jobs: int, stop: threading.Event
) -> Iterator[tuple[Chunk, Dataset | None]]:
    """Each stretch as it comes, `jobs` at a time: never more than that in memory."""
    waiting = iter(lacking)
    with ThreadPoolExecutor(jobs) as pool:
        running: dict[Future[Dataset | None], Chunk] = {}
        try:
            while True:
                refuse_when_stopped(stop)
                for chunk in _some(waiting, jobs - len(running)):
                    running[pool.submit(fetch, chunk)] = chunk
                if not running:
                    return
                for future in wait(running, PATIENCE, FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _some(chunks: Iterator[Chunk], most: int) -> Iterator[Chunk]:
    for _ in range(most):
        chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _warnings(listen: Listener) -> Listener:
    """Hears warnings alone, each once: every stretch has the same."""
    told: set[str] = set()

    def hear(event: Event) -> None:
        if isinstance(event, Warned) and event.message not in told:
            told.add(event.message)
            listen(event)

    return hear


def _measured(metrics: MetricsSource, asked: Asked, listen: Listener, chunk: Chunk) -> Dataset | None:
    last = chunk.end - timedelta(seconds=asked.step)
    try:
        found = prediction.collect(
            metrics,
            chunk.start,
            last,
            asked.namespace,
            wanted=asked.signals,
            step=asked.step,
            listen=listen,
        )
    except NoSamples:
        return None  # before Prometheus' memory begins, or before the namespace was there
    return found if found.samples else None
