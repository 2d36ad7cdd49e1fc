"""Runs that a controller does: handed over by one process, taken up by another."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from chaoskit.acts import handover
from chaoskit.acts.accounts import Account, account_of
from chaoskit.acts.heart import Heart
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock, WallClock, refuse_when_stopped
from chaoskit.errors import CannotStart, ChaoskitError, InvalidInput, NotFound
from chaoskit.events import Listener, Warned, ignore
from chaoskit.experiments import Trial, trial_of
from chaoskit.flows.chaos_engine import AIChaosEngine, trace_of
from chaoskit.flows.lending import refuse_foreign
from chaoskit.flows.world import World
from chaoskit.outcome import Outcome, of_error
from chaoskit.ports.cluster import Cluster, Identity
from chaoskit.records import RunRecord, new_id
from chaoskit.redaction import redacted

PATIENCE = 10.0
"""Seconds in which a controller takes up what waits for it, or accepts it; otherwise there is none."""
WALL = WallClock()
"""A controller is a process: it answers in the wall's seconds, however fast those of its cluster pass."""


def hand_over(
    world: World,
    trial: Trial,
    *,
    expected_hash: str = "",
    known: Identity | None = None,
    stop: threading.Event,
    patience: float = PATIENCE,
    wall: Clock = WALL,
) -> Account:
    """A controller has taken the run over, or accepted it until it has a hand for it.

    With `expected_hash` it does it only while that plan holds; `known` is the cluster as that plan knew it.

    Raises:
        CannotStart: nobody did in `patience` seconds of `wall`, or no controller does such a run;
            nothing is left of it.
        Interrupted: `stop` was set before somebody did.
        ChaoskitError: it could not be followed; the hint names it if it may have been taken all the same.
    """
    refuse_foreign(trial, trial.namespace)
    id_ = new_id(world.clock.now())
    account = handover.hand_over(
        world.cluster,
        world.clock,
        id=id_,
        namespace=trial.namespace,
        document=packed(trial, expected_hash, known or world.cluster.identity()),
        trace_id=trace_of(trial.document) or id_,
        name=trial.name,
        what=",".join(trial.faults),
    )
    try:
        answered = _answered(world.cluster, account, wall, wall.monotonic() + patience, stop)
    except ChaoskitError as error:
        error.hint = f"it may have been taken up: chaoskit show {account.id} --follow, or abort it"
        raise
    if answered is not None:
        return answered
    refuse_when_stopped(stop)
    raise CannotStart(
        f"no controller took the run over within {patience:g} s",
        hint=f"start one with chaoskit controller -n {trial.namespace}, or run it here, without --detach",
    )


def _answered(
    cluster: Cluster, account: Account, wall: Clock, deadline: float, stop: threading.Event
) -> Account | None:
    """The run in the hands of whoever has answered; None: nobody has in time, and it is withdrawn."""
    while not _found_hands(account):
        late = wall.monotonic() >= deadline or wall.sleep(0.2, stop)
        if late and handover.withdraw(cluster, account):
            return None
        account = account_of(cluster.get(account.ref))
    return account


def _found_hands(account: Account) -> str:
    """Who does the run, or will; "" as long as nobody has answered."""
    return account.holder or account.accepted


def take_up(
    world: World,
    account: Account,
    *,
    heart: Heart,
    listen: Listener = ignore,
    stop: threading.Event | None = None,
) -> RunRecord | None:
    """The run that was handed over has been done here; None when it could not even be read, or is too late.

    Raises:
        Conflict: somebody else took it.
        Exception: a bug, which quotes no secret of the run's; it has ended with it, and does not come again.
    """
    ledger = Ledger.take_over(world.cluster, world.clock, account)
    with heart.attending(ledger):
        try:
            return _done(world, ledger, heart, listen, stop)
        except ChaoskitError:
            raise
        except Exception:
            if ledger.account.state == "handed":  # later it is the runner that ends it
                with suppress(ChaoskitError):
                    ledger.close(Outcome.BUG, keep=handover.KEEP, reason="a bug of the controller ended it")
            raise


def _done(
    world: World, ledger: Ledger, heart: Heart, listen: Listener, stop: threading.Event | None
) -> RunRecord | None:
    account = ledger.account
    try:
        _refuse_when_late(account, world.clock.now())
        trial, expected, known = unpacked(handover.document_of(world.cluster, account))
        refuse_foreign(trial, account.ref.namespace)
    except ChaoskitError as error:
        _closed(ledger, error, world.clock.now(), listen)
        return None
    try:
        record = AIChaosEngine(replace(world, commands=None)).run(
            trial,
            expected_hash=expected,
            known=known,
            ledger=ledger,
            heart=heart,
            listen=listen,
            stop=stop,
        )
    except Exception as bug:  # a controller tells what it says to whoever reads its log
        bug.args = tuple(redacted(bug.args, trial.secrets | world.secrets))
        raise
    if ledger.account.state == "handed":  # it came to an end before it came to its targets
        with suppress(NotFound):
            ledger.close(record.outcome, keep=handover.KEEP, reason=record.reason)
    return record


def expire(world: World, account: Account, *, listen: Listener = ignore) -> None:
    """The run that waited too long is over: whoever follows it hears so now, and not when a hand is free.

    Raises:
        Conflict: somebody has taken it.
    """
    now = world.clock.now()
    try:
        _refuse_when_late(account, now)
    except CannotStart as error:
        _closed(Ledger.take_over(world.cluster, world.clock, account), error, now, listen)


def _closed(ledger: Ledger, error: ChaoskitError, now: datetime, listen: Listener) -> None:
    id_ = ledger.account.id
    listen(Warned(now, f"run {id_}: {error.message}", run=id_))
    ledger.close(of_error(error), keep=handover.KEEP, reason=error.message)


def _refuse_when_late(account: Account, now: datetime) -> None:
    until = handover.waits_until(account)
    if until is not None and now > until:
        raise CannotStart(f"it waited too long: until {until:%Y-%m-%d %H:%M} UTC no controller took it up")


def packed(trial: Trial, expected_hash: str, known: Identity) -> str:
    """The trial as text, with its secrets: it goes into a Secret.

    The cluster is in it as its plan knew it: a controller has another address for that.
    """
    whole = {"path": trial.path, "document": dict(trial.document), "hash": expected_hash}
    return json.dumps({**whole, "cluster": known.document(), "secrets": sorted(trial.hidden)})


def unpacked(text: str) -> tuple[Trial, str, Identity | None]:
    """The trial of a text, the hash that its plan must have, and the cluster as that knew it.

    Raises:
        InvalidInput: it is none.
    """
    try:
        whole = json.loads(text)
        document, hash_ = dict(whole["document"]), str(whole["hash"])
        known = Identity(**whole["cluster"]) if "cluster" in whole else None
        hidden = map(str, whole.get("secrets", ()))
        return trial_of(document, str(whole["path"]), hidden), hash_, known
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"what was handed over is no run: {error!r}") from error
