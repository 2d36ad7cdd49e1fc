"""Ledgers as they stand in the cluster: Leases of acts under way and ended, who holds them, what is owed.

One Lease per run or recovery, in the namespace of its targets: its annotations carry the entries, its
renewal proves that somebody still works on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from chaoskit import kube
from chaoskit.acts.entries import Entry, entry_from, plain_entry, plain_ref, ref_from
from chaoskit.acts.halt import Act
from chaoskit.clock import Clock
from chaoskit.errors import InvalidInput, UnknownName
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.sharing import made

ACT_LABEL = "chaoskit.io/act"
STATE_LABEL = "chaoskit.io/state"
TARGETS = "chaoskit.io/targets"
AIMED = "chaoskit.io/aimed"
"""How many of the targets, the first of them, are what was aimed at; the others are disturbed beside them."""
LEDGER = "chaoskit.io/ledger"
TRACE = "chaoskit.io/trace"
ENDED = "chaoskit.io/ended"
OUTCOME = "chaoskit.io/outcome"
REASON = "chaoskit.io/reason"
"""Why the act ended so, in words."""
REASONS = 1000
"""Characters of an ended act's reason that its Lease keeps."""
TOLD = "chaoskit.io/told"
"""The last steps of the act, for whoever follows it from elsewhere: see `following`."""
NAME = "chaoskit.io/name"
WHAT = "chaoskit.io/what"
"""The fault or issue that the act is about."""
ACCEPTED = "chaoskit.io/accepted-by"
"""Which controller has a run that waits on its list; until that one takes it, any other may."""
ABORT = "chaoskit.io/abort"
"""Why somebody wants the act to end now; its own process looks at it each second."""
ACTIONS = "chaoskit.io/actions"
"""What the act did or was about to do, in order; written before each, so that a loop guard counts it."""
EVIDENCE = "chaoskit.io/evidence"
"""What the act was decided on and what it wants to do, as JSON without secrets, while it is under way."""
LONGEST = 64_000
"""Characters of evidence that a Lease takes: all annotations of an object may have 256 KiB together."""
KEEP_FOR = "chaoskit.io/keep-for"
"""For how many seconds after its end guards look back at an act that did something, whoever ends it."""
KEEP_UNTIL = "chaoskit.io/keep-until"
"""Until when guards look back at an ended ledger (ISO 8601), as its closer knew; then anybody removes it."""
SELECTOR = f"{kube.MANAGED_BY}=chaoskit,{ACT_LABEL}"

State = Literal["handed", "active", "done"]
"""Waiting for a controller or being prepared by it, under way, ended. Guards see the last two."""

_STATES: Mapping[str, State] = {"handed": "handed", "done": "done"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger's Lease as it was read: who acts on what, since when, whether it has ended, what is owed.

    `targets` are all that nobody else may work on meanwhile, `aimed` those of them that are its own.

    `unreadable` says in words what of it cannot be read, "" when all can; that part is empty then.
    """

    ref: ObjectRef
    id: str
    act: Act
    state: State
    targets: tuple[ObjectRef, ...]
    entries: tuple[Entry, ...]
    holder: str
    renewed: str
    duration: int
    trace_id: str
    version: str
    ended: datetime | None = None
    outcome: str = ""
    keep_until: datetime | None = None
    abort: str = ""
    name: str = ""
    what: str = ""
    began: datetime | None = None
    actions: tuple[str, ...] = ()
    keep_for: float = 0
    unreadable: str = ""
    reason: str = ""
    told: str = ""
    evidence: str = ""
    accepted: str = ""
    aimed: tuple[ObjectRef, ...] = ()

    @property
    def obscure(self) -> bool:
        """Whether nobody can tell what it owes."""
        return bool(self.unreadable) and not self.entries

    @property
    def memorable(self) -> float:
        """Seconds for which its Lease is kept after its end; 0 when it did nothing."""
        return self.keep_for if self.actions else 0


def accounts(cluster: Cluster, namespace: str = "") -> tuple[Account, ...]:
    """Every ledger in a namespace ("" is all), ended ones included, and those that cannot be read whole."""
    return _shared(cluster, "accounts", namespace, SELECTOR)


def active(cluster: Cluster, namespace: str = "") -> tuple[Account, ...]:
    """Those of acts that are under way, or were left by a dead process; ended ones are not even sent."""
    found = _shared(cluster, "unended accounts", namespace, f"{SELECTOR},{STATE_LABEL}!=done")
    return tuple(each for each in found if each.state == "active")


def _shared(cluster: Cluster, what: str, namespace: str, labels: str) -> tuple[Account, ...]:
    """What is listed so; whoever asks at the same time is told the same."""
    return made(cluster, (what, namespace), lambda beneath: _listed(beneath, namespace, labels), fresh=True)


def _listed(cluster: Cluster, namespace: str, labels: str) -> tuple[Account, ...]:
    return tuple(map(account_of, cluster.list(kube.LEASE, namespace, labels=labels).items))


def unended(cluster: Cluster, namespace: str = "") -> tuple[Account, ...]:
    """Those of acts that are under way, wait to be taken up, or were left by a dead process."""
    return tuple(each for each in accounts(cluster, namespace) if each.state != "done")


def named(known: Iterable[Account], wanted: str) -> Account:
    """The one whose id begins so.

    Raises:
        UnknownName: there is none.
        InvalidInput: there are several.
    """
    found = [each for each in known if each.id.startswith(wanted)]
    if not wanted or len(found) > 1:
        raise InvalidInput(f"more than one act begins with {wanted}" if wanted else "an empty id names none")
    if not found:
        raise UnknownName(
            f"nothing with the id {wanted} is under way", hint="chaoskit history lists what was"
        )
    return found[0]


def account_of(lease: Object) -> Account:
    """What a ledger's Lease says; secret values are not in it. What somebody spoilt is in `unreadable`."""
    meta, spec = lease["metadata"], lease.get("spec") or {}
    have, notes = kube.labels_of(lease), kube.annotations_of(lease)
    spoilt: list[str] = []

    def read(name: str, way: Callable[[str], T], otherwise: T) -> T:
        try:
            return way(notes[name]) if notes.get(name) else otherwise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            spoilt.append(f"{name} cannot be read: {error!r}")
            return otherwise

    none: tuple[ObjectRef, ...] = ()
    targets = read(TARGETS, lambda text: tuple(ref_from(each) for each in json.loads(text)), none)
    many = notes.get(AIMED, "")  # no undo waits for who reads it
    return Account(
        ref=kube.ref_of(lease, kube.LEASE),
        id=have.get(kube.RUN_LABEL, meta["name"]),
        act="recovery" if have.get(ACT_LABEL) == "recovery" else "chaos",
        state=_STATES.get(have.get(STATE_LABEL, ""), "active"),
        targets=targets,
        entries=read(LEDGER, lambda text: tuple(entry_from(each) for each in json.loads(text)), ()),
        holder=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        duration=int(spec.get("leaseDurationSeconds") or 30),
        trace_id=notes.get(TRACE, ""),
        version=meta.get("resourceVersion", ""),
        ended=read(ENDED, kube.time_of, None),
        outcome=notes.get(OUTCOME, ""),
        keep_until=read(KEEP_UNTIL, kube.time_of, None),
        abort=notes.get(ABORT, ""),
        name=notes.get(NAME, ""),
        what=notes.get(WHAT, ""),
        began=kube.time_of(meta.get("creationTimestamp")),
        actions=tuple(each for each in notes.get(ACTIONS, "").split(",") if each),
        keep_for=read(KEEP_FOR, float, 0.0),
        unreadable="; ".join(spoilt),
        reason=notes.get(REASON, ""),
        told=notes.get(TOLD, ""),
        evidence=notes.get(EVIDENCE, ""),
        accepted=notes.get(ACCEPTED, ""),
        aimed=targets[: int(many)] if many.isdecimal() and len(many) < 6 else targets,
    )


def lease_of(account: Account) -> Object:
    """The Lease of an act that begins or is handed over, to be made: `account_of` reads the same from it.

    What only comes later is not written (how it ended), nor evidence that is too long.
    """
    labels = {
        kube.MANAGED_BY: "chaoskit",
        kube.RUN_LABEL: account.id,
        ACT_LABEL: account.act,
        STATE_LABEL: account.state,
    }
    notes = {
        **aims_of(account),
        LEDGER: ledger_of(account.entries),
        TRACE: account.trace_id,
        NAME: account.name,
        WHAT: account.what,
    }
    held = {"holderIdentity": account.holder, "acquireTime": account.renewed, "leaseTransitions": 0}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": account.ref.name,
            "namespace": account.ref.namespace,
            "labels": labels,
            "annotations": notes,
        },
        "spec": {
            **(held if account.holder else {}),
            "leaseDurationSeconds": account.duration,
            "renewTime": account.renewed,
        },
    }


def aims_of(account: Account) -> dict[str, str]:
    """What a Lease tells from when it is known what the act works on."""
    notes = {TARGETS: json.dumps([plain_ref(each) for each in account.targets])}
    if account.aimed != account.targets:
        notes[AIMED] = str(len(account.aimed))
    if 0 < len(account.evidence) <= LONGEST:
        notes[EVIDENCE] = account.evidence
    if account.keep_for:
        notes[KEEP_FOR] = f"{account.keep_for:g}"
    return notes


def ledger_of(entries: Iterable[Entry]) -> str:
    """What is owed, as its annotation."""
    return json.dumps([plain_entry(each) for each in entries])


def prune(cluster: Cluster, clock: Clock, namespace: str) -> int:
    """So many ended ledgers of the namespace are gone: those that their own closers need no more.

    A ledger says itself how long it is needed, so nobody with other limits removes it too early. Of runs
    that share a cluster one does it for all who begin within a moment.
    """
    return made(cluster, ("pruned", namespace), lambda beneath: _pruned(beneath, clock.now(), namespace))


def _pruned(cluster: Cluster, now: datetime, namespace: str) -> int:
    found = _listed(cluster, namespace, f"{SELECTOR},{STATE_LABEL}=done")
    old = [each for each in found if each.keep_until is not None and each.keep_until < now]
    for account in old:
        cluster.delete(account.ref)
    return len(old)
