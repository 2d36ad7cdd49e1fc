"""Recoveries of the past: as the cluster's ledgers remember them for guards, as the history for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaoskit.acts.accounts import Account
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.store import Document

JUDGED = {Outcome.RECOVERED, Outcome.HEALED, Outcome.NOT_RECOVERED}
"""The ends that say of the last action, too, whether it helped."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recovery of the past: `actions` were done in this order, `helped` is the one that did ("": none).

    Of those that were `tried` it is known whether they helped: of one that was cut short it is not.

    `issue` is its class; "" where an older ledger does not say. `began` is when what was wrong began, None
    where that is not known; `seconds` is how long it took to recover, a wait for a person's yes included,
    and `helped_in` how long the action that helped took to its proof.
    """

    namespace: str
    target: str
    issue: str
    outcome: Outcome
    at: datetime
    ended_at: datetime
    actions: tuple[str, ...] = ()
    helped: str = ""
    seconds: float | None = None
    began: datetime | None = None
    helped_in: float | None = None
    tried: tuple[str, ...] = ()

    @property
    def acted(self) -> bool:
        """Whether something in the cluster was changed."""
        return any(action != "notify" for action in self.actions) or not self.issue

    def on(self, target: ObjectRef, issue: str) -> bool:
        """Whether it was this target's, with this issue as far as is known."""
        same = (self.namespace, self.target) == (target.namespace, str(target))
        return same and self.issue in {"", issue}


def ledgered(ledgers: Iterable[Account]) -> tuple[Attempt, ...]:
    """The recoveries that ended ledgers in the cluster tell of, oldest first: what guards look back at."""
    made = (
        _of_account(each, each.targets[0], each.ended)
        for each in ledgers
        if each.act == "recovery" and each.ended is not None and each.targets
    )
    return tuple(sorted(made, key=lambda attempt: attempt.at))


def under_way(ledgers: Iterable[Account]) -> tuple[ObjectRef, ...]:
    """What is being recovered now, as ledgers in the cluster tell."""
    return tuple(
        each.targets[0]
        for each in ledgers
        if each.act == "recovery" and each.state == "active" and each.targets
    )


def _of_account(account: Account, target: ObjectRef, ended: datetime) -> Attempt:
    return Attempt(
        namespace=target.namespace,
        target=str(target),
        issue=account.what,
        outcome=_outcome(account.outcome),
        at=min(account.began or ended, ended),
        ended_at=ended,
        actions=account.actions,
    )


def _outcome(word: str) -> Outcome:
    try:
        return Outcome(word or "done")
    except ValueError:
        return Outcome.DONE  # written by a newer version: that it ended is what counts


FIELDS = (
    "kind", "namespace", "target", "issue", "outcome", "at", "ended_at", "steps", "seconds_to_recover",
    "symptoms", "replay_of", "cluster",
)  # fmt: skip
"""What of a kept recovery tells of an attempt: not its snapshot, which is most of it."""

SIMULATED = "simulator"
"""What a simulated cluster is called in records."""


def attempts(recoveries: Iterable[Document]) -> tuple[Attempt, ...]:
    """The attempts that kept recovery records tell of, oldest first.

    Replays on a simulated cluster are left out: what helps there proves nothing of the cluster itself.
    """
    made = (_attempt(each) for each in recoveries if each.get("kind") == "recovery" and not _rehearsed(each))
    return tuple(sorted(made, key=lambda attempt: attempt.at))


def _rehearsed(record: Mapping[str, Any]) -> bool:
    return bool(record.get("replay_of")) and record.get("cluster") == SIMULATED


def _attempt(record: Mapping[str, Any]) -> Attempt:
    steps = record.get("steps") or ()
    done = [step for step in steps if step.get("done")]
    helped = next((step for step in steps if step.get("helped")), None)
    return Attempt(
        namespace=record["namespace"],
        target=record["target"],
        issue=record["issue"],
        outcome=Outcome(record["outcome"]),
        at=datetime.fromisoformat(record["at"]),
        ended_at=datetime.fromisoformat(record["ended_at"]),
        actions=tuple(step["action"] for step in done),
        tried=tuple(_tried(done, Outcome(record["outcome"]))),
        helped=helped["action"] if helped else "",
        seconds=record.get("seconds_to_recover"),
        began=min((datetime.fromisoformat(s["since"]) for s in record.get("symptoms") or ()), default=None),
        helped_in=_lasted(helped) if helped and record.get("seconds_to_recover") is not None else None,
    )


def _tried(done: Sequence[Mapping[str, Any]], outcome: Outcome) -> Iterator[str]:
    """The actions of which it is known whether they helped; in older records only the end can say so."""
    for number, step in enumerate(done, 1):
        if step.get("judged", number < len(done) or outcome in JUDGED):
            yield step["action"]


def _lasted(step: Mapping[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(step[key]) for key in ("at", "ended_at"))
    return (ended - began).total_seconds()
