"""What an engine of Litmus is found by: its name and uid, what it may have struck, how it stands."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from chaoskit import kube
from chaoskit.acts.aims import spec_of
from chaoskit.acts.entries import Entry
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

ENGINE = "litmus-engine"
"""Kind of the entry that owes an engine's end."""

UID_LABEL = "chaosUID"
"""Label of everything that an engine made: the engine's uid."""

ENDED = frozenset({"completed", "stopped"})
"""Engine statuses of an engine that has ended."""

BY_COMMAND = frozenset({"pod-cpu-hog-exec", "pod-memory-hog-exec", "pod-fio-stress"})
"""Litmus' faults that are commands in their targets: it notes no pod before it has killed them all."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A pod in which a fault by command may run, as it was known before there was an engine."""

    fault: str
    namespace: str
    pod: str


@dataclass(frozen=True, slots=True)
class Trail:
    """How to find what an engine made: its name and uid, our run's label, where its targets are.

    An engine that is `ours` is removed once it has ended; somebody's own YAML stays as Litmus leaves it.
    `struck` has every pod that its faults by command may run in; none of a fault whose pods are not known.
    """

    engine: ObjectRef
    run: str
    namespaces: tuple[str, ...]
    ours: bool
    struck: tuple[Struck, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> Trail:
        """The trail that a ``litmus-engine`` entry remembers."""
        kept = entry.before
        struck = tuple(Struck(*each) for each in kept.get("struck") or ())
        return cls(entry.target, kept["run"], tuple(kept["namespaces"]), bool(kept["ours"]), struck)

    def entry(self) -> Entry:
        """The trail as a ledger's entry."""
        struck = [list(dataclasses.astuple(each)) for each in self.struck]
        before = {"run": self.run, "namespaces": list(self.namespaces), "ours": self.ours, "struck": struck}
        return Entry(ENGINE, self.engine, before=before)

    @property
    def selector(self) -> str:
        """What takes its pods and jobs; engine labels are copied to them, so the run's will do."""
        uid = self.engine.uid
        return f"{UID_LABEL}={uid}" if uid else f"{kube.RUN_LABEL}={self.run}"


def status(engine: Object) -> str:
    """``initialized``, ``completed``, ``stopped``, or "" before the operator has seen it."""
    return str((engine.get("status") or {}).get("engineStatus") or "")


def works(engine: Object) -> bool:
    """Whether the engine has not ended."""
    return status(engine) not in ENDED


def runs(engine: Object) -> bool:
    """Whether an engine is under way; one that ended, or was made stopped and never begun, is not."""
    if status(engine) in ENDED:
        return False
    return bool(status(engine)) or spec_of(engine).get("engineState") != "stop"


def find(cluster: Cluster, trail: Trail) -> Object | None:
    """The run's engine; None when it is gone, or when another has taken its name."""
    ref = trail.engine
    body = kube.found(cluster, ObjectRef(ref.kind, ref.namespace, ref.name))
    if body is None:
        return None
    mine = kube.labels_of(body).get(kube.RUN_LABEL) == trail.run
    return body if mine or (ref.uid and body["metadata"].get("uid") == ref.uid) else None
