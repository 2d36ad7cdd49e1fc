"""Faults times workloads times seeds, each on a simulated cluster of its own; and healthy hours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from chaoskit.clock import Stop, refuse_when_stopped
from chaoskit.errors import ChaoskitError, Interrupted, InvalidInput
from chaoskit.events import Listener, ignore
from chaoskit.flows import simulation
from chaoskit.flows.drills.course import drill
from chaoskit.flows.drills.injections import PLAYED, Injection, Nothing, Played, Story
from chaoskit.flows.drills.scoring import NONE, Drilled
from chaoskit.flows.world import World

NAMESPACE = "shop"
SPEED = 5.0
HISTORY = 0.25
"""Hours that each cluster has lived before: slopes and usual values need some past."""
HEALTHY_SPEED = 30.0
BUSY = "busy"
"""The story in which much happens that looks like trouble and is none."""
HOUR = 3600.0

Connect = Callable[[Path, Path], AbstractContextManager[World]]
"""(kubeconfig, home folder) to the connected world: what only the command line or a test can choose."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One drill to be done: a story (None: nothing is wrong) on a workload of the cluster with this seed."""

    story: Story | None
    app: str
    seed: int

    @property
    def name(self) -> str:
        """The fault's name."""
        return "healthy" if self.story is None else self.story.name


@dataclass(frozen=True, slots=True)
class Ran:
    """The drills that have ended, of so many that were `wanted`; `stopped` is what cut the series short."""

    drills: tuple[Drilled, ...]
    wanted: int
    stopped: Interrupted | None = None


def cells(
    faults: Sequence[str], workloads: Sequence[str], seeds: Iterable[int], *, healthy: int = 0
) -> tuple[Cell, ...]:
    """Every fault on each workload that it can befall, for every seed; then so many healthy hours a seed.

    Without faults it is all of them, without workloads each fault's own.

    Raises:
        InvalidInput: there is no such fault, or it can befall none of the workloads.
    """
    unknown = sorted(set(faults) - set(PLAYED))
    if unknown:
        raise InvalidInput(f"there is no fault {unknown[0]}", hint=f"faults: {', '.join(PLAYED)}")
    numbers = tuple(seeds)
    chosen = [PLAYED[name] for name in faults or PLAYED]
    found = [
        Cell(story, app, seed)
        for seed in numbers
        for story in chosen
        for app in story.workloads
        if not workloads or app in workloads
    ]
    if not found:
        raise InvalidInput(f"{', '.join(faults)} can befall none of {', '.join(workloads)}")
    quiet = [Cell(None, "", seed * 1000 + number) for seed in numbers for number in range(healthy)]
    return (*found, *quiet)


def run(
    wanted: Sequence[Cell],
    *,
    connect: Connect,
    speed: float = SPEED,
    parallel: int = 1,
    done: Callable[[Drilled], None] = lambda _drilled: None,
    listen: Listener = ignore,
    stop: Stop | None = None,
) -> Ran:
    """Every cell was drilled on a fresh cluster, `speed` times faster than the wall, or `stop` was set.

    `done` is told of each as soon as it has ended. No cluster is left.
    """
    stop = stop or Stop()
    return series(wanted, lambda cell: _one(cell, connect, speed, listen, stop), parallel, done)


def series(
    wanted: Sequence[Cell],
    play: Callable[[Cell], Drilled],
    parallel: int = 1,
    done: Callable[[Drilled], None] = lambda _drilled: None,
) -> Ran:
    """All that ended of what was wanted, in its order; what a stop kept from that is missing."""
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        begun = [pool.submit(play, cell) for cell in wanted]
        stops = [stop for each in as_completed(begun) if (stop := _stop_of(each, done)) is not None]
    ended = tuple(each.result() for each in begun if each.exception() is None)
    return Ran(ended, len(wanted), stops[0] if stops else None)


def _stop_of(drill: Future[Drilled], done: Callable[[Drilled], None]) -> Interrupted | None:
    """What stopped the drill; None: it has ended, and that was told."""
    try:
        done(drill.result())
    except Interrupted as stopped:
        return stopped
    return None


def _one(cell: Cell, connect: Connect, speed: float, listen: Listener, stop: Stop) -> Drilled:
    refuse_when_stopped(stop)
    story = BUSY if cell.story is None else "quiet"
    pace = HEALTHY_SPEED if cell.story is None else speed
    try:
        with (
            simulation.lent(speed=pace, seed=cell.seed, story=story, history=HISTORY, stop=stop) as running,
            connect(running.kubeconfig, running.kubeconfig.parent) as world,
        ):
            return _drilled(cell, world, listen, stop)
    except Interrupted:
        raise
    except ChaoskitError as error:
        return Drilled(cell.name, cell.app, cell.seed, _truth(cell), error=error.message)


def _drilled(cell: Cell, world: World, listen: Listener, stop: Stop) -> Drilled:
    if cell.story is None:
        nothing: Injection = Nothing()
        return drill(
            world, nothing, namespace=NAMESPACE, seed=cell.seed, patience=HOUR, listen=listen, stop=stop
        )
    played = Played(cell.story, cell.app, world.cluster, NAMESPACE)
    return drill(world, played, namespace=NAMESPACE, seed=cell.seed, listen=listen, stop=stop)


def _truth(cell: Cell) -> str:
    return NONE if cell.story is None else cell.story.issue
