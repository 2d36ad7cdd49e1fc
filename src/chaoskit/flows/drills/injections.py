"""What a drill injects: on any cluster a change with its undo in the ledger, on a simulated one a story."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from chaoskit import kube
from chaoskit.acts import changes, fields, rollout
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import REPLICAS
from chaoskit.acts.heart import Heart, Pulse
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Clock
from chaoskit.errors import CannotStart, ChaoskitError, NotFound, Refused, UndoUnconfirmed, Unjudged
from chaoskit.events import Listener, ignore
from chaoskit.governor import Governor, Hit
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.records import new_id

STORIES = ObjectRef(kube.CONFIG_MAP, "kube-system", "simulator-stories")
"""Where a simulated cluster is told which story to begin."""

StillWanted = Callable[[], None]
"""Asked again and again while a fault is there: it raises what ends the drill."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is really wrong: its class, the targets that may be acted on, and what is to be expected.

    A target that ends with a slash means all of its kind (``node/``). `pod_level` issues have the strictest
    target for time; `by_a_person` ones cannot be mended by the tool; of a `storm` nothing may be touched.
    """

    issue: str
    targets: frozenset[str]
    pod_level: bool = False
    by_a_person: bool = False
    storm: bool = False

    def concerns(self, target: str) -> bool:
        """Whether acting on the target is right."""
        return any(
            target == each or (each.endswith("/") and target.startswith(each)) for each in self.targets
        )


class Injection(Protocol):
    """One fault on one workload."""

    @property
    def name(self) -> str:
        """The fault's name."""
        ...

    @property
    def workload(self) -> str:
        """``deployment/cart``."""
        ...

    @property
    def truth(self) -> Truth:
        """What is really wrong while it is in force."""
        ...

    def injected(self, listen: Listener = ignore) -> AbstractContextManager[StillWanted]:
        """Inside, the fault is there; afterwards nothing of it is left, as far as it can be taken back.

        Whoever is inside asks what it gives, often.

        Raises:
            UndoUnconfirmed: something is left of it that can be, whatever else came to an end.
        """
        ...


# ---------------------------------------------------------------- on any cluster


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that any cluster can be given through its API: how it changes the workload, and what it is."""

    name: str
    meaning: str
    issue: str
    change: Callable[[Cluster, Clock, Object, ObjectRef], Change]
    pod_level: bool = True
    by_a_person: bool = False


def _revision(change: Callable[[Object], None]) -> Callable[[Cluster, Clock, Object, ObjectRef], Change]:
    """A revision whose pod spec was changed so is rolled out."""

    def made(cluster: Cluster, _clock: Clock, body: Object, ref: ObjectRef) -> Change:
        if ref.kind != kube.DEPLOYMENT:
            raise CannotStart(f"{ref} has no revisions to go back to: drill a deployment")
        fields.refuse_when_kept(cluster, body, ("spec", "template"))
        template = copy.deepcopy(body["spec"]["template"])
        change(template["spec"])
        entry = rollout.prepare(cluster, body, template)
        return Change(
            ref, f"{ref} has a bad revision", partial(rollout.change, cluster, body, template), (entry,)
        )

    return made


def _crash(spec: Object) -> None:
    spec["containers"][0].update(command=["/chaoskit-drill-no-such-program"], args=[])


def _no_image(spec: Object) -> None:
    spec["containers"][0]["image"] = "registry.invalid/chaoskit-drill:none"


def _no_config(spec: Object) -> None:
    missing = {"configMapRef": {"name": "chaoskit-drill-missing"}}
    container = spec["containers"][0]
    container["envFrom"] = [*(container.get("envFrom") or ()), missing]


def _nowhere(spec: Object) -> None:
    spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), "chaoskit.io/drill": "nowhere"}


def _to_zero(cluster: Cluster, clock: Clock, body: Object, ref: ObjectRef) -> Change:
    fields.refuse_when_kept(cluster, body, REPLICAS)
    return changes.field(cluster, clock, body, ref, REPLICAS, 0)


FAULTS: Mapping[str, Fault] = {
    each.name: each
    for each in (
        Fault("bad-release", "a revision whose program does not exist", "pod-crash", _revision(_crash)),
        Fault("bad-image", "a revision whose image does not exist", "pod-crash", _revision(_no_image)),
        Fault("missing-config", "a revision without its ConfigMap", "pod-crash", _revision(_no_config)),
        Fault(
            "no-node", "a revision that no node accepts", "unschedulable", _revision(_nowhere),
            pod_level=False, by_a_person=True,
        ),
        Fault("gone", "a database scaled to nothing", "database-connection", _to_zero, pod_level=False),
    )
}  # fmt: skip
"""By name, what `chaoskit drill` can inject anywhere."""


@dataclass(frozen=True, slots=True)
class Native:
    """A fault of `FAULTS` on one workload; its undo is in the ledger before, as of any chaos."""

    fault: Fault
    ref: ObjectRef
    cluster: Cluster
    clock: Clock
    governor: Governor
    trace_id: str = field(default_factory=new_id)

    @property
    def name(self) -> str:
        """The fault's name."""
        return self.fault.name

    @property
    def workload(self) -> str:
        """``deployment/cart``."""
        return str(self.ref)

    @property
    def truth(self) -> Truth:
        """What is really wrong while it is in force."""
        fault = self.fault
        return Truth(fault.issue, frozenset({self.workload}), fault.pod_level, fault.by_a_person)

    @contextmanager
    def injected(self, listen: Listener = ignore) -> Iterator[StillWanted]:
        """Inside, the fault is there; afterwards it is taken back, if a recovery has not done so.

        Raises:
            CannotStart: there is nothing to inject: so it is already.
            Refused: a guard forbids chaos here.
            Unjudged: chaos was halted meanwhile.
            Interrupted: somebody asked for its end (``chaoskit abort``).
            UndoUnconfirmed: it could not be taken back, and stays owed, for a rescue.
        """
        body = {"kind": self.ref.kind.name, **self.cluster.get(self.ref)}
        pods = kube.desired_replicas(body)
        hits = (Hit(f"pods of {self.ref}", pods, pods),)
        self.governor.admit("chaos", (self.ref,), self.ref.namespace, at_once=pods, hits=hits)
        change = self.fault.change(self.cluster, self.clock, body, self.ref)
        ledger = Ledger.open(
            self.cluster, self.clock, id=self.trace_id, act="chaos", namespace=self.ref.namespace,
            targets=(self.ref,), trace_id=self.trace_id, name=f"drill {self.name}", what=self.name,
            keep_for=self.governor.remembers("chaos"),
        )  # fmt: skip
        disturbed = False
        with Heart(self.cluster, self.clock) as heart, heart.attending(ledger) as pulse:
            try:
                self.governor.confirm(ledger)
                ledger.write(*change.entries, action=self.name)
                pulse.ask(begun=False)
                disturbed = True  # as far as is known, until it is answered
                disturbed = ledger.carry_out(change)
                if not disturbed:
                    raise CannotStart(f"{change.words}: so it is already, nothing was injected")
                yield partial(_refuse_when_unwanted, pulse)
            finally:
                self._end(ledger, listen, keep=ledger.account.memorable if disturbed else 0)

    def _end(self, ledger: Ledger, listen: Listener, *, keep: float) -> None:
        try:
            left = ledger.undo(listen).left
        except ChaoskitError as error:
            left = (error.message,)
        with suppress(ChaoskitError):
            ledger.close(Outcome.UNDO_UNCONFIRMED if left else Outcome.DONE, keep=keep)
        if left:
            message = f"the undo is not confirmed: {'; '.join(left)}"
            raise UndoUnconfirmed(message, targets=(self.workload,), hint="chaoskit rescue")


def _refuse_when_unwanted(pulse: Pulse) -> None:
    """The drill may go on; a halt does not refuse what was injected, it cuts it short."""
    try:
        pulse.check()
    except Refused as error:
        raise Unjudged(error.message, hint=error.hint) from error


# ---------------------------------------------------------------- on a simulated one


@dataclass(frozen=True, slots=True)
class Story:
    """A story that a simulated cluster knows: its order, what it is, and on whom it can be played.

    At fault is the workload, or `target`; `also` is what the story itself takes away besides.
    """

    name: str
    order: str
    issue: str
    workloads: tuple[str, ...]
    target: str = ""
    also: str = ""
    pod_level: bool = False
    by_a_person: bool = False
    storm: bool = False

    def truth(self, workload: str) -> Truth:
        """What is really wrong when it is played on the workload."""
        target = self.target or f"deployment/{workload}"
        targets = frozenset(filter(None, (target, self.also)))
        return Truth(self.issue, targets, self.pod_level, self.by_a_person, self.storm)


_ANY = ("cart", "orders", "search")
_CLIENTS = ("orders", "catalog", "shipping")
_CALLED = ("payments", "catalog", "search")

PLAYED: Mapping[str, Story] = {
    each.name: each
    for each in (
        Story("crash-loop", "crash-loop", "pod-crash", _ANY, pod_level=True),
        Story("killed", "killed", "pod-crash", _ANY, pod_level=True),
        Story("image-missing", "image-missing", "pod-crash", _ANY, pod_level=True),
        Story("probe-fails", "probe-fails", "pod-crash", _ANY, pod_level=True),
        Story(
            "config-deleted",
            "config-deleted",
            "pod-crash",
            _ANY,
            also="configmap/shop-settings",
            by_a_person=True,
        ),
        Story("memory-leak", "memory-leak@300", "memory-leak", _ANY),
        Story("out-of-memory", "memory-leak@45", "memory-leak", _ANY),
        Story("pool-exhausted", "db-connections@120", "database-connection", _CLIENTS),
        Story("login-refused", "login-refused", "database-connection", _CLIENTS),
        Story("database-down", "database-down", "database-connection", ("db",)),
        Story("database-gone", "database-gone", "database-connection", ("db",)),
        Story("packets-lost", "packets-lost", "network", _CALLED),
        Story("network-cut", "network-cut", "network", _CALLED),
        Story("dns-down", "dns-down", "network", ("cart",), target="deployment/coredns"),
        Story("cpu-burn", "cpu-burn", "cpu-saturation", _ANY),
        Story("disk-fills", "disk-fills", "disk-full", _ANY),
        Story("unschedulable", "unschedulable", "unschedulable", _ANY, by_a_person=True),
        Story("node-lost", "node-lost", "node", ("cart",), target="node/"),
        Story("mass-failure", "mass-failure", "storm", ("cart",), storm=True),
    )
}
"""By name, what a drill can play on a simulated cluster."""


@dataclass(frozen=True, slots=True)
class Played:
    """A story on one workload of a simulated cluster; nobody but a recovery ends it."""

    story: Story
    app: str
    cluster: Cluster
    namespace: str = "shop"

    @property
    def name(self) -> str:
        """The fault's name."""
        return self.story.name

    @property
    def workload(self) -> str:
        """``deployment/cart``."""
        return f"deployment/{self.app}"

    @property
    def truth(self) -> Truth:
        """What is really wrong while it is in force."""
        return self.story.truth(self.app)

    @contextmanager
    def injected(self, listen: Listener = ignore) -> Iterator[StillWanted]:  # noqa: ARG002 - who plays takes back nothing
        """Inside, the story goes on.

        Raises:
            CannotStart: the cluster is no simulated one.
        """
        kind, _, seconds = self.story.order.partition("@")
        order = f"{kind}:{self.namespace}/{self.app}" + (f"@{seconds}" if seconds else "")
        data: dict[str, Any] = {"data": {f"drill-{uuid.uuid4().hex[:8]}": order}}
        try:
            self.cluster.patch(STORIES, data)
        except NotFound as error:
            raise CannotStart(f"{self.name} can be played on a simulated cluster only") from error
        yield lambda: None


NOTHING = Truth("", frozenset())


@dataclass(frozen=True, slots=True)
class Nothing:
    """No fault at all: what is done then is done wrongly."""

    name: str = "healthy"
    workload: str = ""
    truth: Truth = NOTHING

    @contextmanager
    def injected(self, listen: Listener = ignore) -> Iterator[StillWanted]:  # noqa: ARG002 - who plays takes back nothing
        """Inside, all is as before."""
        yield lambda: None
