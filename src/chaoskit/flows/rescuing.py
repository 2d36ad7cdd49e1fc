"""Finishes what dead processes left behind, and keeps in the history how it ended: they could not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit import clusters, kube
from chaoskit.acts import rescue as rescuing
from chaoskit.acts.accounts import Account
from chaoskit.acts.rescue import Keep, Rescued
from chaoskit.acts.telling import told
from chaoskit.amending import undone
from chaoskit.errors import ChaoskitError
from chaoskit.events import Listener, ignore
from chaoskit.experiments import trial_of
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document, Store
from chaoskit.records import Moment, RecoveryRecord, RunRecord


def rescue(
    world: World,
    *,
    namespace: str = "",
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> tuple[Rescued, ...]:
    """Every act whose process is dead was undone, as far as it can be, and is in the history."""
    keep = keeper(world, listen)
    return rescuing.rescue(
        world.cluster, world.clock, namespace=namespace, listen=listen, stop=stop, keep=keep
    )


def finish(world: World, account: Account, listen: Listener = ignore) -> Rescued | None:
    """One act whose process is dead was undone and is in the history; None: it is somebody else's by now.

    Raises:
        ChaoskitError: it could not be taken over, and stands as it did: try again.
    """
    return rescuing.undo(world.cluster, world.clock, account, listen, keeper(world, listen))


def keeper(world: World, listen: Listener = ignore) -> Keep:
    """Keeps how acts ended that are rescued, on whatever occasion; the listener is told where that fails."""

    def keep(rescued: Rescued) -> Rescued:
        """What its own process put into the history stays (`amending.joined`): only how it ended is new.

        Its answer has the reason in words, for the Lease to tell whoever follows, and the next rescue.
        """
        known = _as_known(world.store, rescued)
        ended = replace(known, account=replace(known.account, reason=_reason(known)))
        world.keep(listen, _record(world, ended).document())
        return ended

    return keep


def _as_known(store: Store, rescued: Rescued) -> Rescued:
    """With the end that its own process put into the history, where its Lease could not be told any more."""
    account = rescued.account
    if account.outcome:
        return rescued
    try:
        own = store.get("run" if account.act == "chaos" else "recovery", account.id)
    except ChaoskitError:
        return rescued  # it put none there, or nobody knows now
    if own.get("rescued"):
        return rescued
    return replace(rescued, account=replace(account, outcome=own["outcome"], reason=own["reason"]))


def _record(world: World, rescued: Rescued) -> RunRecord | RecoveryRecord:
    account, now = rescued.account, world.clock.now()
    steps = (*told(account.told)[1], *rescued.steps)
    timeline = tuple(
        Moment(each.at, each.name, each.mark, each.detail) for each in steps if each.run == account.id
    )
    if account.act == "chaos":
        return _run(world, rescued, timeline)
    plan = _evidence(account)
    return RecoveryRecord(
        id=account.id, at=account.began or now, trace_id=account.trace_id, issue=account.what,
        target=_targets(account)[0], namespace=account.ref.namespace,
        **clusters.fields(clusters.known(world.cluster)),
        outcome=rescued.outcome, reason=account.reason, ended_at=now, timeline=timeline, undo=rescued.undo,
        symptoms=tuple(plan["issue"]["symptoms"]) if plan else (), plan=plan,
        steps=tuple(_steps(rescued, plan, now)), rescued=True,
    )  # fmt: skip


def _evidence(account: Account) -> Document:
    """What the recovery was decided on and planned, as its Lease has it; empty where that is not readable."""
    from chaoskit.recovery import plain  # who rescues a run does not wait for it to load

    try:
        found = json.loads(account.evidence or "{}")
        plain.issue_of(found["issue"])
        rungs = found.get("rungs") or []
        for rung in rungs:
            rung["action"] + ", ".join(rung["targets"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {**found, "rungs": rungs}


def _steps(rescued: Rescued, plan: Document, now: datetime) -> Iterator[Mapping[str, Any]]:
    """What the dead process did, as far as it had come: the last helped if it lived to tell of recovery."""
    account = rescued.account
    begun = {"at": account.began or now, "ended_at": now, "detail": "its process died"}
    ended = {"done": True, "helped": False, "undone": rescued.undo.state == "confirmed"}
    planned = {rung["action"]: rung for rung in plan.get("rungs", ())}
    helping = len(account.actions) if account.outcome == Outcome.RECOVERED.value else 0
    for number, action in enumerate(account.actions, 1):
        helped = {"helped": True, "detail": account.reason} if number == helping else {}
        judged = {"judged": number < len(account.actions) or number == helping}
        rung = {"action": action, "targets": [], **planned.get(action, {})}
        yield {**rung, **begun, **ended, **judged, **helped}


def _reason(rescued: Rescued) -> str:
    """What its process told of its end, or that it told nothing, and what the rescue came to."""
    account = rescued.account
    if account.outcome:
        told = account.reason or account.outcome.replace("-", " ")
    else:
        ended = ", and the undo is not confirmed" if rescued.undo.left else " before it had a verdict"
        told = f"its process ({account.holder}) died{ended}"
    return undone(told) if rescued.undo.state == "confirmed" else told


def _run(world: World, rescued: Rescued, timeline: tuple[Moment, ...]) -> RunRecord:
    account, now = rescued.account, world.clock.now()
    injected = _injected(account, timeline)
    return RunRecord(
        id=account.id, at=account.began or now, trace_id=account.trace_id, name=account.name,
        namespace=account.ref.namespace, fault=account.what,
        **clusters.fields(clusters.known(world.cluster)),
        outcome=rescued.outcome, reason=account.reason, ended_at=now, experiment=_experiment(account),
        targets=_targets(account), felt=_felt(account), timeline=timeline, undo=rescued.undo, rescued=True,
        injected_at=None if injected is None else injected.at,
        injected_until=None if injected is None or rescued.undo.left else _over(account, injected, now),
        evidence={"injection": injected.detail} if injected is not None and injected.mark == "note" else {},
    )  # fmt: skip


def _injected(account: Account, timeline: Sequence[Moment]) -> Moment | None:
    """When its process injected the fault, or, as a note, from when on it may have; None: it had not."""
    first = {each.name: each for each in reversed(timeline)}
    if "injected" in first or not account.actions:
        return first.get("injected")
    written = first.get("undo written")
    since = written.at if written is not None else account.began or kube.time_of(account.renewed)
    return None if since is None else Moment(since, "injected", "note", UNSEEN)


UNSEEN = "perhaps: its process died before it told of an injection"


def _over(account: Account, injected: Moment, now: datetime) -> datetime:
    """When the fault was over: with the undo; where none is owed, with its process (renewing each third)."""
    renewed = None if account.entries else kube.time_of(account.renewed)
    return now if renewed is None else max(renewed + timedelta(seconds=account.duration / 3), injected.at)


def _experiment(account: Account) -> Document:
    """The run's document, as its Lease has it; empty where that is too long for it, or none that is read."""
    try:
        return dict(trial_of(json.loads(account.evidence)["experiment"]).document)
    except (ChaoskitError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _targets(account: Account) -> tuple[str, ...]:
    return tuple(map(str, account.aimed)) or ("",)


def _felt(account: Account) -> tuple[str, ...]:
    beside = account.targets[len(account.aimed) :]
    return tuple(str(ref) for ref in beside if ref.kind in kube.WORKLOADS)
