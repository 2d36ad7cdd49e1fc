"""Which weaknesses are open: found under a fault, and not passed under it since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from chaoskit.ports.store import Document
from chaoskit.reports.cases import cases
from chaoskit.reports.reading import in_order, whom

Identity = tuple[str, str, str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Weakness:
    """An experiment's fault under which its targets broke: first and last when, how often, what was seen."""

    cluster: str
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
        """The weakness as JSON; `run` is the last that found it."""
        return {**asdict(self), "targets": list(self.targets)}


def open_weaknesses(runs: Iterable[Document]) -> tuple[Weakness, ...]:
    """Those found in these runs and not passed since, the newest first.

    A run that was refused, went wrong or had no baseline says nothing either way.
    """
    found: dict[Identity, Weakness] = {}
    for run in in_order(runs):
        for case in cases(run):
            key = (run.get("cluster", ""), run["namespace"], run["name"], case.name, tuple(sorted(whom(run))))
            if case.state == "pass":
                found.pop(key, None)
            elif case.state == "failure":
                found[key] = _seen(found.get(key), key, run, case.words)
    return tuple(sorted(found.values(), key=lambda each: (each.last, each.run), reverse=True))


def judged(runs: Iterable[Document]) -> bool:
    """Whether any of these runs says something either way; without one no weakness could be known."""
    return any(case.state in {"pass", "failure"} for run in runs for case in cases(run))


def _seen(before: Weakness | None, key: Identity, run: Document, reason: str) -> Weakness:
    first, times = (before.first, before.times) if before is not None else (run["at"], 0)
    return Weakness(*key, first=first, last=run["at"], times=times + 1, run=run["id"], reason=reason)
