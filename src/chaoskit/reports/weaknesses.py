"""Which weaknesses are open: found under a fault, and not passed under it since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chaoskit import clusters
from chaoskit.ports.cluster import Identity
from chaoskit.ports.store import Document
from chaoskit.reports.cases import cases
from chaoskit.reports.reading import in_order, whom

What = tuple[str, str, str, tuple[str, ...]]
"""Namespace, experiment, fault and targets."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """An experiment's fault under which its targets broke: first and last when, how often, what was seen.

    `cluster` is called as in the `run`, the last that found it; `which` is it as the run knew it that knew
    most of it.
    """

    cluster: str
    which: Identity
    namespace: str
    experiment: str
    fault: str
    targets: tuple[str, ...]
    first: str
    last: str
    times: int
    run: str
    reason: str

    def document(self) -> dict[str, Any]:
        """The weakness as JSON."""
        plain = {**asdict(self), "cluster_uid": self.which.uid or None, "targets": list(self.targets)}
        del plain["which"]
        return plain


def open_weaknesses(runs: Iterable[Document]) -> tuple[Weakness, ...]:
    """Those found in these runs and not passed since, the newest first.

    A run that was refused, went wrong or had no baseline says nothing either way.
    """
    found: dict[What, list[Weakness]] = {}
    for run in in_order(runs):
        here = clusters.of(run)
        for case in cases(run):
            what = (run["namespace"], run["name"], case.name, tuple(sorted(whom(run))))
            known = found.get(what, [])
            mine = [each for each in known if each.which.same(here)]
            if case.state in {"pass", "failure"}:
                found[what] = [each for each in known if each not in mine]
            if case.state == "failure":
                found[what].append(_seen(mine, what, run, case.words))
    every = (each for several in found.values() for each in several)
    return tuple(sorted(every, key=lambda each: (each.last, each.run), reverse=True))


def judged(runs: Iterable[Document]) -> bool:
    """Whether any of these runs says something either way; without one no weakness could be known."""
    return any(case.state in {"pass", "failure"} for run in runs for case in cases(run))


def _seen(before: Sequence[Weakness], what: What, run: Document, reason: str) -> Weakness:
    here = clusters.of(run)
    known = (here, *(each.which for each in before))
    first = min((each.first for each in before), default=run["at"])
    times = sum(each.times for each in before) + 1
    which = max(known, key=lambda each: (bool(each.uid), bool(each.address)))
    return Weakness(
        here.name, which, *what, first=first, last=run["at"], times=times, run=run["id"], reason=reason
    )
