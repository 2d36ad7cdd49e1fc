"""What a remediation is: what a runbook may say, where it fits, what it changes, which rights it needs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import field_validator

from chaoskit import kube, ownership
from chaoskit.acts import draining
from chaoskit.acts.changes import Change
from chaoskit.clock import Clock, interruption
from chaoskit.documents import Duration, Written, closest
from chaoskit.errors import NotFound
from chaoskit.governor import Hit
from chaoskit.ports.cluster import Access, Cluster, Object, ObjectRef
from chaoskit.ports.http import Hooks
from chaoskit.recovery.issues import CLASS_OF, Issue
from chaoskit.recovery.patience import Deadline
from chaoskit.topology import Topology, Workload

LOOK = 0.5
"""Seconds between two looks at what is waited for."""


class Step(Written):
    """What every remediation has: how long it may take, and the symptoms it is for (empty: all).

    The time is for all of it, on all its targets, from the first act until readiness has held.
    """

    timeout: Duration = 30.0
    when: tuple[str, ...] = ()

    @field_validator("when")
    @classmethod
    def _known_symptoms(cls, when: tuple[str, ...]) -> tuple[str, ...]:
        return known_symptoms(when)


def known_symptoms(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The same; ValueError names one that does not exist."""
    unknown = next((each for each in kinds if each not in CLASS_OF), None)
    if unknown is not None:
        hint = closest(unknown, CLASS_OF) or f"they are {', '.join(sorted(CLASS_OF))}"
        raise ValueError(f"symptoms that exist; {unknown} is none: {hint}")
    return kinds


@dataclass(frozen=True, slots=True)
class Radius:
    """How many serving pods go at a time at worst, and how many of each workload."""

    at_once: int = 0
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: a remediation on targets (and which of their pods), and why.

    `uids` are those of the pods: another one of the same name is a successor, and left alone; empty: any.
    `serving` is how many pods of the target served when it was planned. `expects` is what it was planned for
    and comes to (names of replica sets, numbers, limits): where that has changed, it is not done. `proof` is
    what must stand well afterwards; empty: what the issue is about. `leaving` are the very pods that leave a
    node, of whichever namespaces: no other one is touched. `radius` is what it takes at a time.
    """

    step: Any
    targets: tuple[ObjectRef, ...]
    why: str
    pods: tuple[str, ...] = ()
    expects: Mapping[str, str] = field(default_factory=dict)
    proof: tuple[ObjectRef, ...] = ()
    uids: frozenset[str] = frozenset()
    serving: int = 0
    leaving: tuple[ObjectRef, ...] = ()
    radius: Radius = Radius()

    @property
    def action(self) -> str:
        """``restart-pod``."""
        return str(self.step.action)

    def means(self, pod: Object) -> bool:
        """Whether it was planned for this very pod."""
        meta = pod["metadata"]
        return meta["name"] in self.pods and (not self.uids or meta.get("uid", "") in self.uids)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a remediation looks at to say whether it fits: an issue, its workload if it is one, the rest."""

    issue: Issue
    workload: Workload | None
    topology: Topology


@dataclass(frozen=True, slots=True)
class Hands:
    """What a remediation works with: the cluster, time, the recovery's id, when its rung began.

    The `deadline` is that of the whole rung, however often something is waited for. `keep` is called
    meanwhile, and raises what ends the recovery; `stop` ends it too. `hooks` reaches addresses of the user's.
    In a `rehearsal` nothing is waited for or told outside.
    """

    cluster: Cluster
    clock: Clock
    run: str
    began: datetime
    issue: Issue
    deadline: Deadline
    hooks: Hooks | None = None
    keep: Callable[[], None] = lambda: None
    stop: threading.Event = field(default_factory=threading.Event)
    rehearsal: bool = False

    def whole(self, ref: ObjectRef) -> Object:
        """The object as it is now, with its kind in it, which items of lists lack."""
        return {"kind": ref.kind.name, **self.cluster.get(ref)}

    def pods(self, names: Iterable[str], namespace: str) -> Iterator[Object]:
        """Those of the pods that are there and alive."""
        for name in names:
            try:
                pod = self.cluster.get(ObjectRef(kube.POD, namespace, name))
            except NotFound:
                continue
            if kube.is_alive(pod):
                yield pod

    def until(self, done: Callable[[], bool]) -> bool:
        """Whether it was done in the time that is left; in a rehearsal it is asked once.

        Raises:
            Interrupted: `stop` was set.
        """
        while not done():
            if self.rehearsal or not self.deadline.left:
                return False
            self.keep()
            if self.clock.sleep(LOOK, self.stop):
                raise interruption(self.stop)
        return True

    def evict(self, pod: ObjectRef) -> None:
        """The pod is on its way out, within its disruption budget.

        Raises:
            Refused: the budget did not let it go in time.
        """
        draining.evict(self.cluster, pod, self.until)


S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class Remedy(Generic[S]):
    """A remediation. `plan` is pure and answers with a rung, or why it does not fit.

    `changes` reads its target again and says what to do to it, each with its undo; it raises `CannotStart`
    where that is nothing any more, and `Refused` where whoever keeps a field forbids it. Done twice it is as
    good as once. `needs` is what its caller must be allowed to do, and no more. `takes` is pure as well: how
    many serving pods it takes away at a time.
    """

    step: type[S]
    plan: Callable[[S, Scene], Rung | str]
    changes: Callable[[S, Rung, ObjectRef, Hands], Iterable[Change]]
    needs: Callable[[S, ObjectRef], Iterable[Access]]
    takes: Callable[[S, Rung, Scene], Radius] = lambda _step, _rung, _scene: Radius()

    @property
    def action(self) -> str:
        """``restart-pod``: what a runbook calls it."""
        return str(self.step.model_fields["action"].annotation.__args__[0])  # type: ignore[union-attr]


def access(verbs: str, group: str, resource: str, namespace: str, subresource: str = "") -> Iterator[Access]:
    """One question for each of the verbs, which spaces separate."""
    return (Access(verb, group, resource, namespace, subresource) for verb in verbs.split())


def on(ref: ObjectRef, verbs: str) -> Iterator[Access]:
    """What verbs on this kind of object in its namespace."""
    return access(verbs, ref.kind.group, ref.kind.plural, ref.namespace)


def kept(workload: Workload, *path: str) -> str:
    """Who else keeps the field as it is, in words; "" when nobody does."""
    body = {"kind": workload.ref.kind.name, **workload.body}
    found = ownership.keeper(body, path)
    return f"{found} keeps {'.'.join(path)} of {workload.ref} as it is" if found else ""
