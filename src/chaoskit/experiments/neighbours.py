"""Who else injected something where a run looked: whose fault a weakness is, is not known then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from chaoskit.acts.accounts import Account
from chaoskit.experiments import batch
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import ObjectRef

CLOCKS = timedelta(seconds=10)
"""How much the server's clock and that of who looked may differ."""


def at_work(trial: Trial, others: Iterable[Account], since: datetime, until: datetime) -> Iterator[str]:
    """Each other run, in words, that had a fault in that time in what this one may work on or looks at.

    One that is told of twice is as it was told of last.
    """
    claimed = batch.claims(trial)
    for account in {each.id: each for each in others}.values():
        if account.act != "chaos" or not account.actions or not _meanwhile(account, since, until):
            continue
        near = [ref for ref in account.targets if not batch.disjoint(claimed, frozenset({_claim(ref)}))]
        if near:
            yield f"run {account.id} ({', '.join(account.actions)}) worked on {_named(near)}"


def _meanwhile(account: Account, since: datetime, until: datetime) -> bool:
    begun = account.began is None or account.began <= until + CLOCKS
    return begun and (account.ended is None or account.ended >= since - CLOCKS)


def _claim(ref: ObjectRef) -> batch.Claim:
    """What runs on a node is hit with it, wherever it belongs."""
    return (ref.namespace, ref.name) if ref.namespace else batch.ANYTHING


def _named(refs: list[ObjectRef]) -> str:
    more = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    place = f" in {refs[0].namespace}" if refs[0].namespace else ""
    return f"{refs[0]}{place}{more}"
