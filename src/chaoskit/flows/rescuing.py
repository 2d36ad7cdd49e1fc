"""Finishes what dead processes left behind, and keeps in the history how it ended: they could not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chaoskit.acts import rescue as rescuing
from chaoskit.acts.accounts import Account
from chaoskit.acts.rescue import Rescued
from chaoskit.amending import UNDONE
from chaoskit.events import Event, Listener, Step, ignore
from chaoskit.flows.world import World
from chaoskit.ports.store import Document
from chaoskit.records import Moment, RecoveryRecord, RunRecord
from chaoskit.recovery import plain


def rescue(
    world: World,
    *,
    namespace: str = "",
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> tuple[Rescued, ...]:
    """Every act whose process is dead was undone, as far as it can be, and is in the history."""
    kept = _Heard(listen)
    done = rescuing.rescue(world.cluster, world.clock, namespace=namespace, listen=kept, stop=stop)
    return tuple(_kept(world, each, kept) for each in done)


def finish(world: World, account: Account, listen: Listener = ignore) -> Rescued | None:
    """One act whose process is dead was undone and is in the history; None: it is somebody else's by now.

    Raises:
        ChaoskitError: it could not be taken over, and stands as it did: try again.
    """
    heard = _Heard(listen)
    done = rescuing.undo(world.cluster, world.clock, account, heard)
    return None if done is None else _kept(world, done, heard)


class _Heard:
    """A listener that remembers what it passes on."""

    def __init__(self, listen: Listener) -> None:
        self.events: list[Event] = []
        self.listen = listen

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.listen(event)


def _kept(world: World, rescued: Rescued, heard: _Heard) -> Rescued:
    """What its own process put into the history stays (`amending.joined`): only how it ended is new."""
    world.keep(_record(world, rescued, heard.events).document(), heard.listen)
    return rescued


def _record(world: World, rescued: Rescued, heard: Iterable[Event]) -> RunRecord | RecoveryRecord:
    account, now = rescued.account, world.clock.now()
    told = tuple(
        Moment(each.at, each.name, each.mark, each.detail)
        for each in heard
        if isinstance(each, Step) and each.run == account.id
    )
    reason = _reason(rescued)
    if account.act == "chaos":
        return _run(world, rescued, reason, told)
    plan = _evidence(account)
    return RecoveryRecord(
        id=account.id, at=account.began or now, trace_id=account.trace_id, issue=account.what,
        target=_targets(account)[0], namespace=account.ref.namespace, cluster=world.cluster.name,
        outcome=rescued.outcome, reason=reason, ended_at=now, timeline=told, undo=rescued.undo,
        symptoms=tuple(plan["issue"]["symptoms"]) if plan else (), plan=plan,
        steps=tuple(_steps(rescued, plan, now)), rescued=True,
    )  # fmt: skip


def _evidence(account: Account) -> Document:
    """What the recovery was decided on and planned, as its Lease has it; empty where that is not readable."""
    try:
        found = json.loads(account.evidence or "{}")
        plain.issue_of(found["issue"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {**found, "rungs": found.get("rungs") or []}


def _steps(rescued: Rescued, plan: Document, now: datetime) -> Iterator[Mapping[str, Any]]:
    """What the dead process did, as far as it had come: whether it helped, it did not live to see."""
    account = rescued.account
    begun = {"at": account.began or now, "ended_at": now, "detail": "its process died"}
    ended = {"done": True, "helped": False, "undone": rescued.undo.state == "confirmed"}
    planned = {rung["action"]: rung for rung in plan.get("rungs", ())}
    for action in account.actions:
        yield {"action": action, "targets": [], **planned.get(action, {}), **begun, **ended}


def _reason(rescued: Rescued) -> str:
    """What its process told of its end, or that it told nothing, and what the rescue came to."""
    account, left = rescued.account, rescued.undo.left
    if account.outcome:
        told = account.reason or account.outcome.replace("-", " ")
        return told if left else f"{told}; {UNDONE}"
    if left:
        return f"its process ({account.holder}) died, and the undo is not confirmed"
    return f"its process ({account.holder}) died before it had a verdict; a rescue undid it"


def _run(world: World, rescued: Rescued, reason: str, told: tuple[Moment, ...]) -> RunRecord:
    account, now = rescued.account, world.clock.now()
    return RunRecord(
        id=account.id, at=account.began or now, trace_id=account.trace_id, name=account.name,
        namespace=account.ref.namespace, cluster=world.cluster.name, fault=account.what,
        outcome=rescued.outcome, reason=reason, ended_at=now, experiment=_experiment(account),
        targets=_targets(account), timeline=told, undo=rescued.undo, rescued=True,
    )  # fmt: skip


def _experiment(account: Account) -> Document:
    """The run's document, as its Lease has it; empty where that is too long for it, or not readable."""
    try:
        found = json.loads(account.evidence)["experiment"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) and found.get("metadata") else {}


def _targets(account: Account) -> tuple[str, ...]:
    return tuple(map(str, account.targets)) or ("",)
