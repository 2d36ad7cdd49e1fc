"""Values of an account that may be secret, in a Secret of the same name as its Lease."""

from __future__ import annotations

import base64
import dataclasses
import json
import uuid
from collections.abc import Iterator

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.acts.doubts import LONG_AGO
from chaoskit.acts.entries import Entry
from chaoskit.clock import Clock
from chaoskit.errors import Conflict, Forbidden, NotFound
from chaoskit.ports.cluster import Cluster, ObjectRef

_ENTRY = "entry-"
"""How the keys of values begin; the document of a run that is handed over lies there as well."""


class Sealed:
    """What was there before and after of entries that are secret; `opened` says that the account is new.

    An account that was another's before may have a Secret that no entry tells of.
    """

    def __init__(self, cluster: Cluster, account: Account, *, opened: bool) -> None:
        self._cluster = cluster
        self._ref = ObjectRef(kube.SECRET, account.ref.namespace, account.ref.name)
        self._run = account.id
        self._opened = opened
        self._used = any(entry.secret for entry in account.entries)

    def kept(self, entry: Entry) -> Entry:
        """The entry as a Lease may hold it: its values, where they are secret, are in the Secret now."""
        if not entry.secret:
            return entry
        self._used = True
        key = f"{_ENTRY}{uuid.uuid4().hex[:8]}"
        values = {"before": entry.before, "after": entry.after}
        data = {key: base64.b64encode(json.dumps(values).encode()).decode()}
        labels = {kube.MANAGED_BY: "chaoskit", kube.RUN_LABEL: self._run}
        meta = {"name": self._ref.name, "namespace": self._ref.namespace, "labels": labels}
        try:
            self._cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})
        except Conflict:
            self._cluster.patch(self._ref, {"data": data})
        return dataclasses.replace(entry, before={"secretKey": key}, after=None)

    def whole(self, entry: Entry) -> Entry:
        """The entry with its values.

        Raises:
            ChaoskitError: the Secret cannot be read.
            KeyError, TypeError, ValueError: it does not hold them.
        """
        if not entry.secret:
            return entry
        data = self._cluster.get(self._ref).get("data") or {}
        values = json.loads(base64.b64decode(data[entry.before["secretKey"]]))
        return dataclasses.replace(entry, before=values["before"], after=values["after"])

    def drop(self) -> None:
        """No Secret is left; who made none may do without the right to remove one."""
        if self._opened and not self._used:
            return
        try:
            self._cluster.delete(self._ref)
        except NotFound:
            return
        except Forbidden:
            if self._used:
                raise


def orphans(cluster: Cluster, clock: Clock, namespace: str) -> Iterator[ObjectRef]:
    """Old Secrets with values of acts without a Lease: stored after these ended, or somebody removed it.

    Raises:
        Forbidden: the caller may not list them.
    """
    labels = f"{kube.MANAGED_BY}=chaoskit,{kube.RUN_LABEL}"
    for each in cluster.list(kube.SECRET, namespace, labels=labels).items:
        ref, began = kube.ref_of(each, kube.SECRET), kube.time_of(each["metadata"].get("creationTimestamp"))
        if ref.name != f"chaoskit-{kube.labels_of(each)[kube.RUN_LABEL]}":
            continue
        long_ago = began is not None and clock.now() - began > LONG_AGO
        values = any(key.startswith(_ENTRY) for key in each.get("data") or ())
        if long_ago and values and _is_gone(cluster, ObjectRef(kube.LEASE, ref.namespace, ref.name)):
            yield ref


def _is_gone(cluster: Cluster, lease: ObjectRef) -> bool:
    """Whether there is no such Lease; one that may not be looked at may be there."""
    try:
        return kube.found(cluster, lease) is None
    except Forbidden:
        return False
