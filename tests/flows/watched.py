"""A cluster in a dictionary whose watches tell, a town of failing workloads, and a controller over it."""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from tests.acts.fake import FakeCluster
from tests.recovery import made

from chaoskit import kube
from chaoskit.acts.leader import Leadership
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock
from chaoskit.events import Ended, Event, Step, Warned
from chaoskit.flows.controller import DUTIES, Controller, Duty
from chaoskit.flows.hands import Job
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.ports.cluster import Change, Kind, Object, ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.ports.store import Document

LEADER = ObjectRef(kube.LEASE, "shop", "leader")
LONG = 3600.0
"""Seconds of a clock that is turned by hand, after which a controller that found no end is stopped."""

WORK = frozenset(get_args(get_type_hints(Job)["kind"]))
"""What a controller's workers are called."""

MOMENT = 0.02
"""Seconds of the wall for which a worker is let work before the clock is turned."""


class Told(FakeCluster):
    """Its watches tell of what is written; `say` has them say more."""

    def __init__(self, *objects: Object) -> None:
        self.watches: list[tuple[Kind, Callable[[Object], bool], queue.Queue[Change]]] = []
        super().__init__(*objects)

    def watch(
        self, kind: Kind, namespace: str = "", *, stop: threading.Event, labels: str = "", fields: str = ""
    ) -> Iterator[Change]:
        mine: queue.Queue[Change] = queue.Queue()
        name = fields.removeprefix("metadata.name=")
        wanted = dict(pair.split("=") for pair in labels.split(",") if "=" in pair)

        def concerns(body: Object) -> bool:
            meta = body["metadata"]
            here = namespace in {"", meta.get("namespace")} and name in {"", meta["name"]}
            return here and wanted.items() <= kube.labels_of(body).items()

        self.watches.append((kind, concerns, mine))
        found = self.list(kind, namespace, labels=labels, fields=fields).items
        yield from (Change("ADDED", body) for body in found)
        yield Change("SYNCED", {})
        while not stop.is_set():
            try:
                yield mine.get(timeout=0.01)
            except queue.Empty:
                continue

    def say(self, kind: Kind, change: Change) -> None:
        known = change.object.get("metadata", {}).get("name")
        for watched, concerns, heard in list(self.watches):
            if watched == kind and (not known or concerns(change.object)):
                heard.put(change)

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        body = self.objects.get((ref.kind, ref.namespace, ref.name))
        super().delete(ref, **options)
        if body is not None:
            self.say(ref.kind, Change("DELETED", body))

    def store(self, verb: str, ref: ObjectRef, body: Object) -> Object:
        stored = super().store(verb, ref, body)
        if ref.name != LEADER.name:
            self.say(ref.kind, Change("MODIFIED", stored))
        return stored


class FairClock(ManualClock):
    """A loop turns it only when its workers have had a moment: no machine is too busy for them."""

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        for each in threading.enumerate():
            if each.name in WORK and threading.current_thread().name not in WORK:
                each.join(MOMENT)
        return super().sleep(seconds, stop)


class Kept:
    """A controller, what it has told, and when it is to end; all of them share the cluster and its time."""

    def __init__(
        self,
        cluster: FakeCluster,
        folder: Path,
        metrics: Any = None,
        *,
        clock: ManualClock | None = None,
        limits: Limits | None = None,
        notifier: Any = None,
        alerts: Any = None,
    ) -> None:
        self.cluster = cluster
        self.clock = clock or FairClock()
        self.stop = threading.Event()
        self.alerts = alerts
        self.heard: list[Event] = []
        self.until: Callable[[Event], bool] = lambda _event: False
        self._ends = -1.0
        self.store = SqliteStore(folder / "store.db")
        nothing: Any = None
        self.world = World(
            cluster, metrics, self.store, nothing, self.clock, limits or Limits(), folder, notifier=notifier
        )

    def listen(self, event: Event) -> None:
        self.heard.append(event)
        if self.until(event):
            self.stop.set()

    def run(
        self,
        duties: Sequence[Duty] = DUTIES,
        *,
        at_most: float = LONG,
        until: Callable[[Event], bool] | None = None,
        namespace: str = "shop",
    ) -> None:
        """It kept watch for `at_most` seconds, or until it had told what `until` waits for."""
        self.stop.clear()
        ends, before = self.clock.monotonic() + at_most, self.until
        self.until, self._ends = until or before, ends
        self.clock.call_at(at_most, lambda: self._end(ends))
        leadership = Leadership(self.cluster, self.clock, LEADER)
        self.controller = Controller(
            self.world, leadership, namespace=namespace, duties=duties, listen=self.listen, stop=self.stop,
            alerts=self.alerts,
        )  # fmt: skip
        self.controller.run()
        self.until, self._ends = before, -1.0

    def _end(self, at: float) -> None:
        if at == self._ends:
            self.stop.set()

    def told(self, words: str) -> list[str]:
        return [e.message for e in self.heard if isinstance(e, Warned) and words in e.message]

    def steps(self, name: str) -> list[str]:
        """What was told of steps of this name, in order."""
        return [e.detail for e in self.heard if isinstance(e, Step) and e.name == name]

    @property
    def rescued(self) -> list[str]:
        return [e.outcome for e in self.heard if isinstance(e, Ended) and e.work == "rescue"]

    @property
    def records(self) -> Sequence[Document]:
        """The recoveries in the history."""
        return self.store.find("recovery")


class Pager:
    """Takes notices."""

    heard = True

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def send(self, notice: Notice) -> None:
        self.notices.append(notice)

    @property
    def pages(self) -> list[str]:
        """The titles of those that want somebody."""
        return [each.title for each in self.notices if not each.resolved]

    @property
    def cleared(self) -> list[str]:
        """The keys of what was said to be over."""
        return [each.key for each in self.notices if each.resolved]


# ---------------------------------------------------------------- a town


def of(kind: Kind, body: Object, namespace: str = "shop") -> Object:
    """The object as a server gives it alone: with its kind, in this namespace, of this cluster's time."""
    version = f"{kind.group}/v1".lstrip("/")
    moved = {"apiVersion": version, "kind": kind.name, **copy.deepcopy(body)}
    if kind.namespaced:
        uid = f"{namespace}-{body['metadata'].get('uid', body['metadata']['name'])}"
        moved["metadata"] = {**moved["metadata"], "namespace": namespace, "uid": uid}
    return moved


def app(name: str, *pods: Object, namespace: str = "shop", **more: Any) -> tuple[Object, ...]:
    """A deployment with its replica set and these pods; without any two that serve."""
    own = f"{name}-h1"
    members = pods or (made.pod(f"{own}-a", of=own), made.pod(f"{own}-b", of=own))
    body = made.deployment(name, replicas=len(members), **more)
    return (
        of(kube.DEPLOYMENT, body, namespace),
        of(kube.REPLICA_SET, made.replica_set(name, 1, ready=len(members)), namespace),
        *(of(kube.POD, pod, namespace) for pod in members),
    )


def crashing(name: str, *, namespace: str = "shop") -> tuple[Object, ...]:
    """A deployment one of whose pods crashes, without an earlier revision."""
    own = f"{name}-h1"
    pods = (made.crashing(f"{own}-a", of=own), made.pod(f"{own}-b", of=own))
    return app(name, *pods, namespace=namespace)


def imageless(name: str, *, namespace: str = "shop", since: float = 240.0) -> tuple[Object, ...]:
    """A deployment one of whose pods finds no image: for a person."""
    own = f"{name}-h1"
    ill = made.pod(
        f"{own}-a", of=own, ready=False, phase="Pending", age=since, unready_for=since,
        state=made.waiting("ImagePullBackOff", "no such image"),
    )  # fmt: skip
    return app(name, ill, made.pod(f"{own}-b", of=own), namespace=namespace)


def stuck(name: str, *, namespace: str = "shop") -> tuple[Object, ...]:
    """A deployment one of whose pods no node takes."""
    own = f"{name}-h1"
    pod = made.pod(f"{own}-a", of=own, ready=False, phase="Pending", node="")
    unplaced = {
        "type": "PodScheduled",
        "status": "False",
        "lastTransitionTime": made.ago(60),
        "message": "none fits",
    }
    pod["status"] = {"phase": "Pending", "conditions": [unplaced]}
    return app(name, pod, made.pod(f"{own}-b", of=own), namespace=namespace)


def node(name: str, **more: Any) -> Object:
    return of(kube.NODE, made.node(name, **more))


class Town(Told):
    """Its pods are made anew, and serve, when they are deleted or evicted; as a controller would."""

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        body = self.objects.get((ref.kind, ref.namespace, ref.name))
        super().delete(ref, **options)
        owner = kube.owner(body) if body is not None and ref.kind == kube.POD else None
        if body is not None and owner is not None:
            pod = made.pod(f"{ref.name}x", of=owner.name, node="node-2")
            self.create(of(kube.POD, pod, ref.namespace))

    def touched(self, namespace: str) -> list[str]:
        """What was deleted or evicted in the namespace."""
        pods = [name for kind, place, name in self.objects if (kind, place) == (kube.POD, namespace)]
        return sorted(name.removesuffix("x") for name in pods if name.endswith("x"))


def night(folder: Path, *objects: Object, **more: Any) -> Kept:
    """A controller over a town in which these are, at the time that they tell of."""
    return Kept(Town(*objects), folder, clock=ManualClock(made.NOW), **more)
