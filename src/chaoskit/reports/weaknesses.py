"""Which weaknesses are open: found under a fault, and not passed under it since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
        where = {"cluster_uid": self.which.uid or None, "cluster_address": self.which.address or None}
        plain = {**asdict(self), **where, "targets": list(self.targets)}
        del plain["which"]
        return plain


@dataclass(frozen=True, slots=True)
class _Open:
    """A weakness, and the clusters that it may be of and that have not passed since its last run."""

    weakness: Weakness
    waits_for: frozenset[str]


def open_weaknesses(
    runs: Iterable[Document], among: Iterable[Identity] = (), asked: Collection[Identity] = ()
) -> tuple[Weakness, ...]:
    """Those found in these runs and not passed since, the newest first.

    A run that was refused, went wrong or had no baseline says nothing either way; one of which nobody knows
    on which of several clusters it was says nothing of what was found on any of them, and what it found has
    passed once all of them did. Whose a run is is told by the clusters `among` which these runs were chosen.
    Where they were chosen by cluster, those that are the same as one that was `asked` for are waited for.
    """
    ordered = in_order(runs)
    fits = clusters.fitting({*among, *map(clusters.of, ordered)})
    whose = clusters.told_apart(fits)
    chosen = {whose[each] for each in fits if any(map(each.same, asked))}
    found: dict[What, dict[str, _Open]] = {}
    for run in ordered:
        which = clusters.of(run)
        mine, awaited = whose[which], (fits[which] & chosen) or fits[which]
        for case in cases(run):
            what = (run["namespace"], run["name"], case.name, tuple(sorted(whom(run))))
            before = found.get(what, {})
            if case.state == "pass":
                found[what] = _left(before, mine)
            elif case.state == "failure":
                known = before[mine].weakness if mine in before else None
                found[what] = before | {mine: _Open(_seen(known, what, run, case.words), awaited)}
    still = (each.weakness for those in found.values() for each in those.values())
    return tuple(sorted(still, key=lambda each: (each.last, each.run), reverse=True))


def _left(before: Mapping[str, _Open], passed: str) -> dict[str, _Open]:
    """What is open once it passed there: what may be of others that have not passed since as well."""
    others = {one: each for one, each in before.items() if one != passed and each.waits_for - {passed}}
    return {one: replace(each, waits_for=each.waits_for - {passed}) for one, each in others.items()}


def whereabouts(found: Sequence[Weakness], among: Iterable[Identity] = ()) -> list[str]:
    """How the cluster of each is called, with what tells it from others of that name; [] where it is one.

    Told apart as in `open_weaknesses`, by those `among` which they were found.
    """
    whose = clusters.told_apart({*among, *(each.which for each in found)})
    named = Counter(name for name, _ in {(each.cluster, whose[each.which]) for each in found})
    if len({whose[each.which] for each in found}) < 2:
        return []
    return [
        f"{each.cluster} ({each.which.uid[:8] or each.which.address or 'uid unknown'})"
        if named[each.cluster] > 1
        else each.cluster
        for each in found
    ]


def judged(runs: Iterable[Document]) -> bool:
    """Whether any of these runs says something either way; without one no weakness could be known."""
    return any(case.state in {"pass", "failure"} for run in runs for case in cases(run))


def _seen(before: Weakness | None, what: What, run: Document, reason: str) -> Weakness:
    which, first, times = clusters.of(run), run["at"], 1
    name = which.name
    if before is not None:
        which = max(which, before.which, key=lambda each: (bool(each.uid), bool(each.address)))
        first, times = before.first, before.times + 1
    return Weakness(
        name, which, *what, first=first, last=run["at"], times=times, run=run["id"], reason=reason
    )
