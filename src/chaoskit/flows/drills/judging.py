"""What was done in a drill, judged by what is really wrong: its target, its place, and the remedy itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit import kube, rollouts
from chaoskit.flows.drills.injections import Truth
from chaoskit.ports.cluster import Cluster
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import runbook
from chaoskit.recovery.networksymptoms import DNS_NAMESPACE


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows what is really wrong, where, and which replica sets ran before it was (`ran`). Pure."""

    truth: Truth
    namespace: str
    ran: frozenset[str] = frozenset()

    def is_about_it(self, record: RecoveryRecord) -> bool:
        """Whether the recovery was about what is at fault; not about another one of that name."""
        return self._is_here(record) and self.truth.concerns(record.target)

    def is_false(self, record: RecoveryRecord, step: Mapping[str, Any]) -> bool:
        """Whether it was done to what is not at fault, or where nothing may be touched, or mends nothing."""
        targets = (record.target, *step["targets"])
        at_fault = self._is_here(record) and any(map(self.truth.concerns, targets))
        return self.truth.storm or not self.truth.issue or not at_fault or not self._mends(step)

    def _is_here(self, record: RecoveryRecord) -> bool:
        return record.namespace in {"", self.namespace, DNS_NAMESPACE}

    def _mends(self, step: Mapping[str, Any]) -> bool:
        """Whether it is for this class of fault; a revision that ran well before is not to blame."""
        blamed = step["expects"].get("from")
        return step["action"] in runbook.remedies_of(self.truth.issue) and blamed not in self.ran


def running(cluster: Cluster, namespace: str) -> Iterator[str]:
    """The replica sets of the revisions that the namespace's deployments want now."""
    sets = cluster.list(kube.REPLICA_SET, namespace).items
    for body in cluster.list(kube.DEPLOYMENT, namespace).items:
        found = rollouts.current(body, rollouts.revisions(body, sets))
        if found is not None:
            yield found.name
