"""Who else injected something where a run looked: whose fault a weakness is, is not known then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from chaoskit.acts.accounts import Account
from chaoskit.experiments import batch
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import ObjectRef


def at_work(trial: Trial, others: Iterable[Account], since: datetime) -> Iterator[str]:
    """Each other run, in words, that injected a fault since then into what this one may work on or looks at.

    One that is told of twice is as it was told of last.
    """
    claimed = batch.claims(trial)
    for account in {each.id: each for each in others}.values():
        if account.act != "chaos" or not account.actions or (account.ended and account.ended < since):
            continue
        near = [ref for ref in account.targets if not batch.disjoint(claimed, frozenset({_claim(ref)}))]
        if near:
            yield f"run {account.id} ({', '.join(account.actions)}) worked on {_named(near)}"


def _claim(ref: ObjectRef) -> batch.Claim:
    """What runs on a node is hit with it, wherever it belongs."""
    return (ref.namespace, ref.name) if ref.namespace else batch.ANYTHING


def _named(refs: list[ObjectRef]) -> str:
    more = f" and {len(refs) - 1} more" if len(refs) > 1 else ""
    place = f" in {refs[0].namespace}" if refs[0].namespace else ""
    return f"{refs[0]}{place}{more}"
