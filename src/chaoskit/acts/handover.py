"""Acts that one process hands over to another: written into the cluster, waiting for a controller.

The ledger's Lease is there from the beginning, in the state ``handed`` and held by nobody; what is to be
done stands in the Secret of the same name. Whoever takes the Lease over does it; a controller that has no
hand for it yet says at once that it will.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from chaoskit import kube
from chaoskit.acts.accounts import (
    ACCEPTED,
    KEEP_UNTIL,
    OUTCOME,
    REASON,
    REASONS,
    STATE_LABEL,
    Account,
    account_of,
    accounts,
    lease_of,
)
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, ChaoskitError, Conflict, InvalidInput, NotFound
from chaoskit.events import Listener, Warned, ignore
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.redaction import scrubbed

DOCUMENT = "document"
"""The Secret's key."""

KEEP = 3600.0
"""Seconds for which the Lease of an ended act is kept, so that who handed it over hears how it went."""

WAITS = timedelta(hours=4)
"""A run waits so long for a hand at most: later nobody expects its fault any more."""

LARGEST = 512 * 1024
"""Bytes of a document that is handed over; a Secret takes a mebibyte, with what the ledger keeps there."""


def hand_over(
    cluster: Cluster,
    clock: Clock,
    *,
    id: str,  # noqa: A002 - the record's own word
    namespace: str,
    document: str,
    trace_id: str,
    name: str = "",
    what: str = "",
) -> Account:
    """The run waits in the cluster for whoever takes it.

    Raises:
        CannotStart: its document is too large for a Secret.
        ChaoskitError: the cluster takes it not; then nothing is left of it.
    """
    if len(document.encode()) > LARGEST:
        raise CannotStart(f"a document of more than {LARGEST // 1024} KiB cannot be handed over")
    ref = ObjectRef(kube.LEASE, namespace, f"chaoskit-{id}")
    labels = {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: id}
    meta = {"name": ref.name, "namespace": namespace, "labels": labels}
    data = {DOCUMENT: base64.b64encode(document.encode()).decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}
    account = Account(
        ref=ref,
        id=id,
        act="chaos",
        state="handed",
        targets=(),
        entries=(),
        holder="",
        renewed=kube.timestamp(clock.now()),
        duration=30,
        trace_id=trace_id,
        version="",
        name=name,
        what=what,
    )
    _made(cluster, secret)
    try:
        return account_of(_made(cluster, lease_of(account)))
    except ChaoskitError:
        _remove(cluster, secret)
        raise


def accept(cluster: Cluster, account: Account, by: str) -> None:
    """The act is on the list of the controller `by`, which takes it when it has a hand for it.

    Another that has one sooner may take it all the same.

    Raises:
        Conflict: it has changed: somebody took or accepted it, or nobody wants it any more.
    """
    meta = {"resourceVersion": account.version, "annotations": {ACCEPTED: by}}
    cluster.patch(account.ref, {"metadata": meta})


def waits_until(account: Account) -> datetime | None:
    """Until when what was handed over is taken up; None where its Lease does not say since when it waits."""
    since = account.began or kube.time_of(account.renewed)
    return None if since is None else since + WAITS


def whereabouts(account: Account) -> str:
    """Who has what was handed over, or on whose list it waits and until when, in words."""
    if account.holder:
        return f"in the hands of {account.holder}"
    until = waits_until(account)
    by = f", until {until:%H:%M} UTC at most" if until is not None else ""
    return f"on the list of {account.accepted}{by}" if account.accepted else f"on nobody's list yet{by}"


def withdraw(cluster: Cluster, account: Account) -> bool:
    """Nobody takes the act any more; False when somebody has taken or accepted it already."""
    return _ended(cluster, account, {}) and _gone(cluster, account.ref, _secret(account))


def call_off(
    cluster: Cluster, clock: Clock, account: Account, reason: str, listen: Listener = ignore
) -> bool:
    """Nobody takes the act any more, and its Lease tells why for an hour; False when it has changed since.

    What nobody has accepted is withdrawn: its owner has not heard of it yet, and is told by `hand_over`. The
    listener is told what of it could not be removed: that keeps nobody from calling off the next.
    """
    told = {
        OUTCOME: Outcome.INTERRUPTED.value,
        REASON: scrubbed(f"called off before it began: {reason}")[:REASONS],
        KEEP_UNTIL: kube.timestamp(clock.now() + timedelta(seconds=KEEP)),
    }
    if not _ended(cluster, account, told):
        return False
    for ref in (_secret(account),) if account.accepted else (account.ref, _secret(account)):
        try:
            _gone(cluster, ref)
        except ChaoskitError as error:
            words = f"{account.act} {account.id} is called off, but {ref} stays: {error.message}"
            listen(Warned(clock.now(), words, run=account.id))
    return True


def _ended(cluster: Cluster, account: Account, told: Mapping[str, str]) -> bool:
    """Whether nobody can take the act any more; its Lease, if it is there still, tells this of its end."""
    meta = {"resourceVersion": account.version, "labels": {STATE_LABEL: "done"}, "annotations": dict(told)}
    with suppress(NotFound):
        try:
            cluster.patch(account.ref, {"metadata": meta})
        except Conflict:
            return False
    return True


def _gone(cluster: Cluster, *refs: ObjectRef) -> bool:
    for ref in refs:
        with suppress(NotFound):
            cluster.delete(ref)
    return True


def _made(cluster: Cluster, body: Object) -> Object:
    """The object as stored; where that fails nothing is left of it, though the answer alone was lost."""
    try:
        return cluster.create(body)
    except Conflict:
        raise  # what stands there is another's
    except ChaoskitError:
        _remove(cluster, body)
        raise


def _remove(cluster: Cluster, body: Object) -> None:
    """The object is gone, as far as the cluster can be told."""
    with suppress(ChaoskitError):
        cluster.delete(kube.ref_of(body))


def handed(cluster: Cluster, namespace: str = "") -> tuple[Account, ...]:
    """Acts that wait for somebody, or are being prepared."""
    return tuple(each for each in accounts(cluster, namespace) if each.state == "handed")


def document_of(cluster: Cluster, account: Account) -> str:
    """What was handed over.

    Raises:
        NotFound: its Secret, or the document in it, is gone.
        InvalidInput: what stands there is no text.
    """
    data = cluster.get(_secret(account)).get("data") or {}
    if DOCUMENT not in data:
        raise NotFound(f"{_secret(account)} holds no document of run {account.id}")
    try:
        return base64.b64decode(data[DOCUMENT]).decode()
    except ValueError as error:
        raise InvalidInput(f"{_secret(account)} holds no text: {error}") from error


def _secret(account: Account) -> ObjectRef:
    return ObjectRef(kube.SECRET, account.ref.namespace, account.ref.name)
