"""Faults times workloads times seeds, each on a simulated cluster of its own; and healthy hours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
) -> tuple[Drilled, ...]:
    """Every cell was drilled on a fresh cluster, `speed` times faster than the wall.

    Raises:
        Interrupted: `stop` was set; no cluster is left.
    """
    stop = stop or Stop()
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        running = [pool.submit(_one, cell, connect, speed, listen, stop) for cell in wanted]
        return tuple(_told(done, (each.result() for each in running)))


def _told(done: Callable[[Drilled], None], results: Iterator[Drilled]) -> Iterator[Drilled]:
    for each in results:
        done(each)
        yield each


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
