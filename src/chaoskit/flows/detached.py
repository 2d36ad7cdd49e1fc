"""Runs that a controller does: handed over by one process, taken up by another."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import replace

from chaoskit.acts import handover
from chaoskit.acts.accounts import Account, account_of
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock, WallClock, refuse_when_stopped
from chaoskit.documents import Document
from chaoskit.errors import CannotStart, ChaoskitError, InvalidInput, NotFound
from chaoskit.events import Listener, Warned, ignore
from chaoskit.experiments import Trial, batch, trials
from chaoskit.experiments.direct.faults import EVERY
from chaoskit.flows.chaos_engine import AIChaosEngine, trace_of
from chaoskit.flows.world import World
from chaoskit.outcome import of_error
from chaoskit.records import RunRecord, new_id

PATIENCE = 10.0
"""Seconds in which a controller takes up what waits for it; otherwise there is none."""
WALL = WallClock()
"""A controller is a process: it answers in the wall's seconds, however fast those of its cluster pass."""


def hand_over(
    world: World,
    trial: Trial,
    *,
    expected_hash: str = "",
    stop: threading.Event,
    patience: float = PATIENCE,
    wall: Clock = WALL,
) -> Account:
    """A controller has taken the run over; with `expected_hash` it does it only while that plan holds.

    Raises:
        CannotStart: nobody took it in `patience` seconds of `wall`, or no controller does such a run;
            nothing is left of it.
        Interrupted: `stop` was set before somebody took it.
    """
    refuse_foreign(trial, trial.namespace)
    id_ = new_id(world.clock.now())
    account = handover.hand_over(
        world.cluster,
        world.clock,
        id=id_,
        namespace=trial.namespace,
        document=packed(trial, expected_hash),
        trace_id=trace_of(trial.document) or id_,
        name=trial.name,
        what=",".join(trial.faults),
    )
    deadline = wall.monotonic() + patience
    while not account.holder and wall.monotonic() < deadline and not wall.sleep(0.2, stop):
        account = account_of(world.cluster.get(account.ref))
    if account.holder or not handover.withdraw(world.cluster, account):
        return account
    refuse_when_stopped(stop)
    raise CannotStart(
        f"no controller took the run over within {patience:g} s",
        hint="start one with chaoskit controller, or run it here, without --detach",
    )


def take_up(
    world: World,
    account: Account,
    *,
    heart: Heart,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> RunRecord | None:
    """The run that was handed over has been done here; None when it could not even be read.

    Raises:
        Conflict: somebody else took it.
    """
    ledger = Ledger.take_over(world.cluster, world.clock, account)
    with heart.attending(ledger):
        try:
            trial, expected = unpacked(handover.document_of(world.cluster, account))
            refuse_foreign(trial, account.ref.namespace)
        except ChaoskitError as error:
            listen(Warned(world.clock.now(), f"run {account.id}: {error.message}", run=account.id))
            ledger.close(of_error(error), keep=handover.KEEP, reason=error.message)
            return None
        record = AIChaosEngine(replace(world, commands=None)).run(
            trial, expected_hash=expected, ledger=ledger, heart=heart, listen=listen, stop=stop
        )
        if ledger.account.state == "handed":  # it came to an end before it came to its targets
            with suppress(NotFound):
                ledger.close(record.outcome, keep=handover.KEEP, reason=record.reason)
        return record


def refuse_foreign(trial: Trial, namespace: str) -> None:
    """The run stays within the namespace in which it was handed over, and needs nothing that is not there.

    Who may write a Lease and a Secret there may hand runs over; a controller may do far more, and must not
    make roles, run commands or touch nodes for somebody else.

    Raises:
        CannotStart: it does not.
    """
    if trial.beside:
        brought = ", ".join(f"{each['kind']} {each['metadata']['name']}" for each in trial.beside)
        raise CannotStart(
            f"what stands beside an engine is not handed over with it: {brought}",
            hint="apply it first, or run it without --detach",
        )
    if any(each.command and not each.command.workload for each in trial.conditions):
        raise CannotStart(
            "a steady state that runs commands on this machine cannot be handed over",
            hint="name a workload in whose pods they run, or run it without --detach",
        )
    places = {place for place, _ in batch.claims(trial)} | {trial.namespace}
    nodes = [f for f in trial.faults if f not in EVERY or EVERY[f].scope == "node"]
    if nodes or places != {namespace}:
        beyond = ", ".join(nodes or sorted(places - {namespace}))
        raise CannotStart(
            f"a controller runs faults on workloads of namespace {namespace} alone, not {beyond}",
            hint="run it without --detach",
        )


def packed(trial: Trial, expected_hash: str) -> str:
    """The trial as text."""
    return json.dumps({"path": trial.path, "document": dict(trial.document), "hash": expected_hash})


def unpacked(text: str) -> tuple[Trial, str]:
    """The trial of a text, and the hash that its plan must have.

    Raises:
        InvalidInput: it is none.
    """
    try:
        whole = json.loads(text)
        document = Document(str(whole["path"]), whole["document"], {}, {})
        expected = str(whole["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"what was handed over is no run: {error!r}") from error
    (trial,) = trials([document])
    return trial, expected
