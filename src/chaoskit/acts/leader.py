"""Which of several processes acts: the one that holds a Lease and renews it.

As with ledgers, clocks are never compared: a holder is dead when its Lease was seen to stand still for its
whole duration. Method: client-go's leader election.
"""

from __future__ import annotations

from math import inf

from chaoskit import kube
from chaoskit.acts.ledger import identity
from chaoskit.acts.stillness import Vigil
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, Conflict, NotFound
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.records import new_id

DURATION = 15
"""Seconds after which a holder that does not renew has lost the Lease."""

DEADLINE = 10.0
"""Seconds after which a holder that cannot renew gives up by itself, before anybody else begins."""

RETRY = 2.0
"""Seconds between two looks at the Lease."""


class Leadership:
    """This process's part in the election on one Lease; `seek` it again and again."""

    def __init__(self, cluster: Cluster, clock: Clock, lease: ObjectRef) -> None:
        self.identity = identity(new_id(clock.now()))
        self.trouble = ""
        self._cluster = cluster
        self._clock = clock
        self._lease = lease
        self._asked = -inf
        self._renewed = -inf
        self._vigil = Vigil[ObjectRef](clock)

    @property
    def leads(self) -> bool:
        """Whether this process may act."""
        return self._clock.monotonic() - self._renewed < DEADLINE

    def seek(self) -> bool:
        """Whether this process may act, after a look at the Lease if the last one was long enough ago.

        `trouble` says in words why the Lease could not be read or written, "" when it could.
        """
        if self._clock.monotonic() - self._asked >= RETRY:
            self._asked = self._clock.monotonic()
            try:
                self._attempt()
                self.trouble = ""
            except Conflict:
                self.trouble = ""  # another one was quicker
            except ChaoskitError as error:
                self.trouble = f"{self._lease}: {error.message}"
        return self.leads

    def resign(self) -> None:
        """Somebody else may lead from now on, at once; what fails in that only takes longer."""
        if not self.leads:
            return
        self._renewed = -inf
        try:
            lease = self._cluster.get(self._lease)
            if _holder(lease) == self.identity:
                self._write(lease, {"holderIdentity": ""})
        except ChaoskitError:
            return

    def _attempt(self) -> None:
        try:
            lease = self._cluster.get(self._lease)
        except NotFound:
            self._create()
            return
        if _holder(lease) == self.identity:
            self._hold(lease, {})
        elif not _holder(lease) or self._stands_still(lease):
            transitions = int(lease["spec"].get("leaseTransitions") or 0) + 1
            self._hold(lease, {"acquireTime": self._now(), "leaseTransitions": transitions})

    def _stands_still(self, lease: Object) -> bool:
        self._vigil.looked()
        duration = int(lease["spec"].get("leaseDurationSeconds") or DURATION)
        self._vigil.saw(self._lease, lease["metadata"]["resourceVersion"], duration)
        return self._vigil.stands_still(self._lease)

    def _create(self) -> None:
        began, now = self._clock.monotonic(), self._now()
        meta = {
            "name": self._lease.name,
            "namespace": self._lease.namespace,
            "labels": {kube.MANAGED_BY: "chaoskit"},
        }
        spec = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        self._cluster.create(
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        )
        self._renewed = began

    def _hold(self, lease: Object, more: Object) -> None:
        began = self._clock.monotonic()
        self._write(lease, {"holderIdentity": self.identity, "leaseDurationSeconds": DURATION, **more})
        self._renewed = began

    def _write(self, lease: Object, spec: Object) -> None:
        version = lease["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version}, "spec": {**spec, "renewTime": self._now()}}
        self._cluster.patch(self._lease, patch)

    def _now(self) -> str:
        return kube.timestamp(self._clock.now())


class Unrivalled:
    """The part of a process that leads without an election: nobody else watches what it does."""

    leads = True
    trouble = ""

    def __init__(self, clock: Clock) -> None:
        self.identity = identity(new_id(clock.now()))

    def seek(self) -> bool:
        """It may act."""
        return self.leads

    def resign(self) -> None:
        """There is nobody to lead instead."""


def _holder(lease: Object) -> str:
    return (lease.get("spec") or {}).get("holderIdentity") or ""
