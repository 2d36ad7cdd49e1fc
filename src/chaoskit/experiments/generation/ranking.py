"""Proposes what to try next: ranked by probability, impact and what was not tested lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from chaoskit.experiments.generation.candidates import Candidate, World
from chaoskit.experiments.generation.past import History
from chaoskit.experiments.generation.proposals import Proposal, proposal
from chaoskit.experiments.generation.steady import Measured
from chaoskit.records import PredictionRecord
from chaoskit.topology import Topology

Source = Literal["predictions", "topology", "history"]

_AGAIN = 0.3
"""What a further experiment on the same target counts beside one on another."""


def propose(
    predictions: Iterable[PredictionRecord],
    topology: Topology,
    history: Sequence[Mapping[str, Any]] = (),
    *,
    measured: Measured | None = None,
    installed: Collection[tuple[str, str]] | None = None,
    only: Collection[tuple[str, str]] | None = None,
    source: Source = "predictions",
    nodes: bool = False,
    direct: bool = True,
    top: int = 5,
    now: datetime,
) -> tuple[Proposal, ...]:
    """The `top` experiments most worth doing, at most one for each workload and kind of failure.

    `history` are run records as documents, newest first. `measured` are values of signals now. `installed`
    are the faults (namespace, name) whose ChaosExperiments are there, None when that is not known. `only`
    leaves other workloads (namespace, ``deployment/cart``) out, `nodes` takes nodes in; without `direct` only
    what Litmus can inject is proposed. From ``history``
    comes only what was judged before. Severity rises only after a pass.
    """
    world = World(topology, History(history, now), installed, only, direct=direct, measured=bool(measured))
    foreseen = {(each.namespace, each.target): each for each in predictions}
    candidates = [
        candidate
        for key, workload in world.workloads
        if workload.ready
        for candidate in world.of_workload(workload, foreseen.get(key))
    ]
    candidates += world.of_nodes() if nodes else ()
    if source == "history":
        candidates = [each for each in candidates if each.past.judged is not None]
    chosen = enumerate(_chosen(candidates, top), 1)
    return tuple(
        proposal(rank, each, topology, measured or {}, score=score) for rank, (each, score) in chosen
    )


def _chosen(candidates: Iterable[Candidate], top: int) -> Iterator[tuple[Candidate, float]]:
    """The best ones with their scores, one after the other; what is hit already counts less each time."""

    def counts(each: Candidate) -> float:
        return each.score * _AGAIN ** hit[each.namespace, each.target]

    left = sorted(candidates, key=lambda each: (each.namespace, each.subject, each.failure))
    hit: Counter[tuple[str, str]] = Counter()
    for _ in range(min(top, len(left))):
        if not left:
            return
        best = max(left, key=counts)
        yield best, counts(best)
        hit[best.namespace, best.target] += 1
        left = [each for each in left if not _same(each, best)]


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether both are the same experiment, whatever it is to prove."""
    return (one.namespace, one.target, one.fault) == (other.namespace, other.target, other.fault)
