"""Finishes what dead processes left behind, and keeps in the history how it ended: they could not."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from chaoskit.acts import rescue as rescuing
from chaoskit.acts.accounts import Account
from chaoskit.acts.rescue import Rescued
from chaoskit.events import Event, Listener, Step, ignore
from chaoskit.flows.auto_recovery import keep
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome
from chaoskit.records import Moment, RecoveryRecord, RunRecord


def rescue(
    world: World,
    *,
    namespace: str = "",
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> tuple[Rescued, ...]:
    """Every act whose process is dead was undone, as far as it can be, and is in the history as errored."""
    kept = _Heard(listen)
    done = rescuing.rescue(world.cluster, world.clock, namespace=namespace, listen=kept, stop=stop)
    return tuple(_kept(world, each, kept) for each in done)


def finish(world: World, account: Account, listen: Listener = ignore) -> Rescued | None:
    """One act whose process is dead was undone and is in the history; None: it is somebody else's by now."""
    heard = _Heard(listen)
    done = rescuing.finish(world.cluster, world.clock, account, heard)
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
    keep(world, _record(world, rescued, heard.events).document(), heard.listen)
    return rescued


def _record(world: World, rescued: Rescued, heard: Iterable[Event]) -> RunRecord | RecoveryRecord:
    account, now = rescued.account, world.clock.now()
    outcome = Outcome.UNDO_UNCONFIRMED if rescued.undo.left else Outcome.ERRORED
    told = tuple(
        Moment(each.at, each.name, each.mark, each.detail)
        for each in heard
        if isinstance(each, Step) and each.run == account.id
    )
    reason = f"its process ({account.holder}) died before it had a verdict; a rescue undid it"
    if rescued.undo.left:
        reason = f"its process ({account.holder}) died, and the undo is not confirmed"
    return _run(world, rescued, outcome, reason, told) if account.act == "chaos" else RecoveryRecord(
        id=account.id, at=account.began or now, trace_id=account.trace_id, issue=account.what,
        target=_targets(account)[0], namespace=account.ref.namespace, cluster=world.cluster.name,
        outcome=outcome, reason=reason, ended_at=now, timeline=told, undo=rescued.undo,
    )  # fmt: skip


def _run(
    world: World, rescued: Rescued, outcome: Outcome, reason: str, told: tuple[Moment, ...]
) -> RunRecord:
    account, now = rescued.account, world.clock.now()
    return RunRecord(
        id=account.id, at=account.began or now, trace_id=account.trace_id, name=account.name,
        namespace=account.ref.namespace, cluster=world.cluster.name, fault=account.what, outcome=outcome,
        reason=reason, ended_at=now, experiment={}, targets=_targets(account), timeline=told,
        undo=rescued.undo,
    )  # fmt: skip


def _targets(account: Account) -> tuple[str, ...]:
    return tuple(map(str, account.targets)) or ("",)
