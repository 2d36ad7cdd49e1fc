"""The remediations: each is planned purely, read again before it acts, and undone by the ledger.

Whatever changes a field is in the ledger before it is in the cluster. Restarts and replaced pods leave the
wanted state as it was: there is nothing to undo.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from chaoskit.acts import undo
from chaoskit.acts.changes import Change
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.errors import CannotStart, Conflict, Forbidden, Refused, TakenOver, Unavailable
from chaoskit.ports.cluster import Access, Cluster, ObjectRef
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.remedies.jobs import CLEAR_JOB, RUN_JOB, ClearJob, RunJob
from chaoskit.recovery.remedies.leftovers import REMOVE_NETWORK_POLICY, RemoveNetworkPolicy
from chaoskit.recovery.remedies.nodes import (
    DRAIN,
    EVACUATE,
    REMOVE_TAINT,
    UNCORDON,
    Drain,
    Evacuate,
    RemoveTaint,
    Uncordon,
)
from chaoskit.recovery.remedies.outside import CALL_WEBHOOK, NOTIFY, CallWebhook, Notify
from chaoskit.recovery.remedies.pods import FAIL_OVER, RESTART_POD, FailOver, RestartPod
from chaoskit.recovery.remedies.remedy import Hands, Radius, Remedy, Rung, Scene, Step
from chaoskit.recovery.remedies.resources import RAISE_MEMORY, SCALE, RaiseMemoryLimit, Scale
from chaoskit.recovery.remedies.templates import (
    RECYCLE_CONNECTIONS,
    RESTART_DEPENDENCY,
    RESTART_DNS,
    ROLL_BACK,
    ROLLING_RESTART,
    RecycleConnections,
    RestartDependency,
    RestartDns,
    RollBack,
    RollingRestart,
)
from chaoskit.recovery.sending import Sending
from chaoskit.recovery.standing import Answer

__all__ = [
    "EVERY",
    "AnyStep",
    "Deadline",
    "Hands",
    "Radius",
    "Remedy",
    "Rung",
    "Scene",
    "Step",
    "apply",
    "needs",
    "plan",
    "rehearse",
    "shown",
]

EVERY: Mapping[str, Remedy[Any]] = {
    each.action: each
    for each in (
        RESTART_POD, ROLLING_RESTART, ROLL_BACK, SCALE, RAISE_MEMORY, RECYCLE_CONNECTIONS, RESTART_DEPENDENCY,
        FAIL_OVER, RESTART_DNS, REMOVE_NETWORK_POLICY, UNCORDON, REMOVE_TAINT, EVACUATE, DRAIN, CLEAR_JOB,
        RUN_JOB, CALL_WEBHOOK, NOTIFY,
    )
}  # fmt: skip
"""Every remediation by what a runbook calls it."""

AnyStep = (
    RestartPod | RollingRestart | RollBack | Scale | RaiseMemoryLimit | RecycleConnections | RestartDependency
    | FailOver | RestartDns | RemoveNetworkPolicy | Uncordon | RemoveTaint | Evacuate | Drain | ClearJob
    | RunJob | CallWebhook | Notify
)  # fmt: skip

_TRIES = 5
"""How often a remediation is begun anew because its target changed under its hands."""


def plan(step: Step, scene: Scene) -> Rung | str:
    """The rung that the step is in this scene, or why it does not fit. Pure."""
    remedy = EVERY[step.action]  # type: ignore[attr-defined]
    found = remedy.plan(step, scene)
    return found if isinstance(found, str) else replace(found, radius=remedy.takes(step, found, scene))


def needs(rung: Rung) -> tuple[Access, ...]:
    """All that the rung's caller must be allowed to do, and no more."""
    found = (each for target in rung.targets for each in EVERY[rung.action].needs(rung.step, target))
    return tuple(dict.fromkeys(found))


def changes(rung: Rung, target: ObjectRef, hands: Hands) -> Iterable[Change]:
    """What the rung does to the target as it is now."""
    return EVERY[rung.action].changes(rung.step, rung, target, hands)


def apply(
    rung: Rung,
    target: ObjectRef,
    hands: Hands,
    ledger: Ledger,
    sending: Sending | None = None,
) -> str:
    """The remediation was done to the target; says what was done, in words.

    `sending` is asked before each change, and told what becomes of it.

    Raises:
        Refused: a disruption budget or whoever keeps the field forbids it.
        CannotStart: it does not apply to the target as it is now, or the server said no.
        TakenOver: another process holds the ledger: this one must not act any more.
    """
    sending = sending or Sending()
    done: list[str] = []
    for left in reversed(range(_TRIES)):
        try:
            for change in changes(rung, target, hands):
                sending.ask()
                _do(change, hands.cluster, ledger, sending)
                done.append(change.words)
        except TakenOver:
            raise
        except Conflict:  # a controller wrote its status in between: read the target again, decide again
            if not left:
                raise
        else:
            break
    return ", ".join(done)


def shown(rung: Rung, target: ObjectRef, hands: Hands, owed: Iterable[Entry]) -> Answer:
    """Whether the server shows that the rung was done to the target: all that is `owed` for it stands.

    Unknown is it where nothing is left to be done and nothing there is the rung's own: pods that are gone or
    well may be so without it.

    Raises:
        Refused: somebody forbids it by now.
        Unavailable: the server does not say.
    """
    own = [undo.stands(hands.cluster, each) for each in owed]
    try:
        for change in changes(rung, target, hands):
            own.append(change.idle)
            if not change.idle:
                break
    except (Conflict, Forbidden):
        return Answer.NO
    except Unavailable:
        raise
    except CannotStart:
        pass  # nothing is left to be done
    return Answer.of(all(own)) if own else Answer.UNKNOWN


def rehearse(rung: Rung, target: ObjectRef, hands: Hands) -> str:
    """What the server or the target's state says against the rung now, in words; "" for nothing.

    `hands` work on a `Rehearsing` cluster: each change is tried as a dry run.
    """
    try:
        for change in changes(rung, target, hands):
            change.do()
    except (Refused, CannotStart) as error:
        return error.message
    return ""


def _do(change: Change, cluster: Cluster, ledger: Ledger, sending: Sending) -> None:
    """The change is done and owed; owed no more when the server said that it was not done.

    A conflict alone does not say so: it may be with ourselves, when the first answer was lost. What is tried
    once more is owed already, be it in doubt by now or not.
    """
    owed = [_sure(each) for each in ledger.account.entries]
    written = tuple(each for each in change.entries if each not in owed)
    ledger.write(*written)
    sending.sends()
    try:
        ledger.carry_out(change)
    except TakenOver:
        raise
    except Conflict:
        if not change.entries or not all(undo.stands(cluster, entry) for entry in change.entries):
            sending.denied()
            _disown(ledger, written)
            raise
    except (Refused, CannotStart) as error:
        if error.harmless:
            sending.denied()
        raise
    sending.answered()


def _disown(ledger: Ledger, written: tuple[Entry, ...]) -> None:
    for entry in ledger.account.entries:
        if _sure(entry) in written:
            ledger.settle(entry)


def _sure(entry: Entry) -> Entry:
    return replace(entry, doubted=False)
