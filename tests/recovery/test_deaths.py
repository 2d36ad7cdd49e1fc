"""A recovery that dies before any of its writes: another process undoes what it owes, nothing is done twice.

What the cluster is like changes only by writes: to die before each of them, and after the last, is to die
anywhere. Their number is found by living on until there is no other.
"""

from __future__ import annotations

import copy
import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.staged import Watched

from chaoskit import kube
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.halt import HOME
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import InvalidInput
from chaoskit.events import Event, Step
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Options, Plan, Reach, classify, planner, recover, runbook
from chaoskit.recovery.detection import detect_in, observe
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.rollouts import RESTARTED_AT

CART, NODE = made.ref("cart"), ObjectRef(kube.NODE, "", "node-1")
LEAST = 5
"""Writes of the least recovery: its Lease, what it owes or does, the act, its end, the event."""

OWN = (kube.LEASE, kube.SECRET, kube.EVENT)
"""What guards and people know of a recovery: no part of what it changes."""


class Killed(BaseException):
    """As good as a SIGKILL: the process has no word in anything after it."""


class Town(Watched):
    """Whoever writes to it dies before the write with the number `fuse`; renewed Leases do not count.

    Pods that go have successors after a moment; `mends` says which write makes the ailing ones well.
    """

    def __init__(self, *objects: Object, mends: str = "") -> None:
        self.fuse = math.inf
        self.asked: list[str] = []
        self.dead = False
        self.mends = mends
        super().__init__(*objects)
        self.asked.clear()

    def reborn(self, fuse: float = math.inf) -> None:
        """Another process writes."""
        self.dead, self.fuse = False, fuse
        self.asked.clear()

    def get(self, ref: ObjectRef) -> Object:
        self._refuse_the_dead()
        return super().get(ref)

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        self._dies(f"create {kube.ref_of(body)}", at_all=not dry_run)
        return super().create(body, dry_run=dry_run)

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        beats = isinstance(patch, dict) and set(patch.get("spec") or ()) == {"renewTime"}
        self._dies(f"patch {ref}", at_all=not dry_run and not beats)
        stored = super().patch(ref, patch, dry_run=dry_run, **options)
        if not dry_run:
            self._mended_by(f"patch {ref}")
        return stored

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        self._dies(f"delete {ref}")
        super().delete(ref, **options)
        self._mended_by(f"delete {ref}")

    def evict(self, ref: ObjectRef, **options: Any) -> None:
        self._dies(f"evict {ref}")
        super().evict(ref, **options)

    def gone(self, ref: ObjectRef) -> None:
        body = self.objects.get((ref.kind, ref.namespace, ref.name))
        super().gone(ref)
        if body is not None and ref.kind == kube.POD:
            app, well = kube.labels_of(body)["app"], self.mends == "new pods"
            name, of = f"{ref.name}-next", f"{app}-h1"
            new = made.pod(name, of=of, node="node-2") if well else made.crashing(name, of=of)
            self.clock.call_at(1, lambda: self.puts(new))

    def _mended_by(self, write: str) -> None:
        if write != self.mends:
            return
        body = self.objects[CART.kind, "shop", "cart"]
        wants = body["spec"]["replicas"]
        body["status"].update(replicas=wants, updatedReplicas=wants, readyReplicas=wants)
        self.puts(body)
        for number in range(wants):
            self.puts(made.pod(f"cart-{number}", of="cart-h1"))

    def _dies(self, write: str, *, at_all: bool = True) -> None:
        self._refuse_the_dead()
        if at_all:
            self.asked.append(write)
            self.dead = len(self.asked) >= self.fuse
        self._refuse_the_dead()

    def _refuse_the_dead(self) -> None:
        if self.dead and threading.current_thread() is threading.main_thread():
            raise Killed


class Givers(Town):
    """It gives running pods more memory, and takes nothing back, as Kubernetes 1.33."""

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        if options.get("subresource") == "resize":
            for now, new in zip(
                self.get(ref)["spec"]["containers"], patch["spec"]["containers"], strict=True
            ):
                more, less = (kube.quantity(each["resources"]["limits"]["memory"]) for each in (new, now))
                if more < less:
                    raise InvalidInput("memory limits cannot be decreased")
        return super().patch(ref, patch, dry_run=dry_run, **options)


# ---------------------------------------------------------------- what goes wrong, and what is done


@dataclass(frozen=True)
class Story:
    """A town, an issue in it, and the one remediation that is tried; what it does `stays`, or is undone."""

    town: Callable[[], Town]
    action: str
    kind: str = "crash-loop"
    target: ObjectRef = CART
    pods: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    step: Mapping[str, Any] = field(default_factory=dict)
    stays: bool = False

    def plan(self, town: Town) -> Plan:
        now, seen = town.clock.now(), observe(town, None, town.clock, self.target.namespace)
        alike = (each.target for each in detect_in(seen) if str(each.target) == str(self.target))
        target = next(alike, self.target)
        symptom = Symptom(self.kind, target, now, Severity.HIGH, "ill", self.pods, self.facts)
        (issue,) = classify([symptom], now=now)
        spec = {"matches": {"issue": issue.kind}, "remediations": [{"action": self.action, **self.step}]}
        own = {"apiVersion": "chaoskit.io/v1", "kind": "Runbook", "metadata": {"name": "own"}, "spec": spec}
        found = planner.plan(issue, (runbook.Runbook.model_validate(own),), seen.topology, now=now)
        assert isinstance(found, Plan), found
        return found


def _cart(replicas: int, *, memory: str = "", revision: int = 2) -> tuple[Object, ...]:
    body = made.deployment("cart", revision=revision, replicas=replicas)
    old, new = made.replica_set("cart", 1, ready=1), made.replica_set("cart", 2, age=240)
    for each in (body, new) if memory else ():
        main = each["spec"]["template"]["spec"]["containers"][0]
        main["resources"] = {"limits": {"memory": memory}}
    return body, old, new


def _ill(mends: str = "", town: Callable[..., Town] = Town, **more: Any) -> Town:
    """One of two pods of cart crashes."""
    return town(*_cart(2, **more), made.crashing("cart-0"), made.pod("cart-1"), mends=mends)


def _little(town: Callable[..., Town] = Town) -> Town:
    """Both pods of cart may take little memory, and one crashes; the server gives more to running ones."""
    little = _ill(memory="256Mi", town=town)
    for pod in ("cart-0", "cart-1"):
        body = little.objects[kube.POD, "shop", pod]
        body["spec"]["containers"][0]["resources"] = {"limits": {"memory": "256Mi"}}
    return little


def _three(*pods: Object) -> Town:
    return Town(*_cart(3, revision=1), *pods, mends="new pods")


def _left_over(mends: str = "") -> Town:
    """What an ended experiment left keeps everybody from cart, and one of its pods crashes for it."""
    town = _ill(mends)
    meta = {"name": "cut", "namespace": "shop", "labels": {"chaosUID": "gone"}}
    cuts = {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Ingress"]}
    astray = {"selector": {"app": "cart", "chaoskit.io/away": "r0"}}
    for version, kind, name, spec in (
        ("networking.k8s.io/v1", "NetworkPolicy", "cut", cuts), ("v1", "Service", "cart", astray)
    ):  # fmt: skip
        town.create({"apiVersion": version, "kind": kind, "metadata": {**meta, "name": name}, "spec": spec})
    return town


def _node(*, cordoned: bool = False, well: bool = True, ready: str = "True") -> Town:
    """Two pods of cart and one of orders on a node that has too little memory, is lost, or chaos cordoned."""
    body = {"apiVersion": "v1", "kind": "Node", **made.node("node-1", cordoned=cordoned, ready=ready)}
    if cordoned:
        body["metadata"]["labels"] = {kube.RUN_LABEL: "r0"}
    else:
        body["status"]["conditions"].append({"type": "MemoryPressure", "status": "True"})
    names = ("cart-0", "cart-1", "orders-0")
    pods = (made.pod(name, of=f"{name[:-2]}-h1") for name in names)
    orders = (made.deployment("orders", replicas=1), made.replica_set("orders", 1, ready=1))
    return Town(*_cart(2, revision=1), *orders, *pods, body, mends="new pods" if well else "")


RAISED: Mapping[str, Any] = {"factor": 2, "inPlace": False}

STORIES: Mapping[str, Story] = {
    "roll-back": Story(lambda: _ill("patch deployment/cart"), "roll-back"),
    "roll-back in vain": Story(_ill, "roll-back"),
    "scale": Story(lambda: _ill("patch deployment/cart"), "scale"),
    "scale in vain": Story(_ill, "scale"),
    "memory": Story(lambda: _ill("patch deployment/cart", memory="256Mi"), "raise-memory-limit", step=RAISED),
    "memory in vain": Story(lambda: _ill(memory="256Mi"), "raise-memory-limit", step=RAISED),
    "memory of pods in vain": Story(_little, "raise-memory-limit", step={"factor": 2}),
    "memory that pods would keep in vain": Story(
        lambda: _little(Givers), "raise-memory-limit", step={"factor": 2}
    ),
    "restart": Story(lambda: _ill("patch deployment/cart"), "rolling-restart"),
    "ailing pods": Story(
        lambda: _three(*map(made.crashing, ("cart-0", "cart-1", "cart-2"))),
        "restart-pod", pods=("cart-0", "cart-1", "cart-2"),
    ),
    "serving pods": Story(
        lambda: _three(*map(made.pod, ("cart-0", "cart-1", "cart-2"))),
        "restart-pod", "disk-full", pods=("cart-0", "cart-1", "cart-2"),
    ),
    "policy": Story(lambda: _left_over("patch service/cart"), "remove-network-policy", stays=True),
    "policy in vain": Story(_left_over, "remove-network-policy", stays=True),
    "drain": Story(_node, "drain", "node-pressure", NODE),
    "drain in vain": Story(lambda: _node(well=False), "drain", "node-pressure", NODE),
    "evacuate": Story(lambda: _node(ready="Unknown"), "evacuate", "node-lost", NODE),
    "uncordon": Story(lambda: _node(cordoned=True), "uncordon", "node-cordoned", NODE, facts={"ours": True}),
}  # fmt: skip
"""What is tried, by a name; in vain it is undone."""


# ---------------------------------------------------------------- what is left


@dataclass
class Life:
    """One recovery of a story until it ends or dies."""

    story: Story
    town: Town
    plan: Plan
    proven: bool = False
    record: RecoveryRecord | None = None

    def live(self) -> None:
        try:
            self.record = recover(self.plan, self.reach, Options(listen=self._hear))
        except Killed:
            return

    @property
    def reach(self) -> Reach:
        return Reach(self.town, None, self.town.clock, Governor(self.town, self.town.clock, Limits()))

    def _hear(self, event: Event) -> None:
        if isinstance(event, Step) and event.name == self.story.action:
            self.proven = self.proven or event.mark in {"held", "note"}


def _life(story: Story, fuse: float) -> Life:
    town = story.town()
    plan = story.plan(town)
    town.reborn(fuse)
    return Life(story, town, plan)


def _deaths(story: Story) -> Iterator[Life]:
    """A recovery that died before its first write, one before its second, and so on; then one that lived."""
    fuse = 1
    while True:
        life = _life(story, fuse)
        life.live()
        yield life
        if life.record is not None:
            return
        fuse += 1


def _rescue(town: Town, home: Path, fuse: float = math.inf) -> Sequence[Mapping[str, Any]]:
    """The history of another process, which knows nothing but the cluster, after it rescued what it found."""
    town.reborn(fuse)
    home.mkdir(exist_ok=True)
    nothing: Any = None
    with closing(SqliteStore(home / "elsewhere.db")) as store:
        world = World(town, None, store, nothing, town.clock, Limits(), home)
        for place in ("shop", HOME):
            rescue(world, namespace=place)
        return store.find("recovery")


def _on_targets(wrote: Iterable[str]) -> list[str]:
    """What was done to the town itself, and not only noted."""
    notes = ("lease/", "event/", "secret/", "configmap/", "put ", "create ")
    return [each for each in wrote if not any(note in each for note in notes)]


def wanted(town: Town) -> dict[str, Any]:
    """What is wanted of every object, but when it was restarted; of pods what memory they may take."""
    found: dict[str, Any] = {}
    for (kind, place, name), body in town.objects.items():
        if kind in OWN or kube.labels_of(body).get(kube.MANAGED_BY) == "chaoskit":
            continue
        if kind == kube.POD:
            limits = [each["resources"] for each in body["spec"]["containers"] if "resources" in each]
            found |= {f"{kind} {place}/{name}": limits} if limits else {}
            continue
        spec = copy.deepcopy(body.get("spec"))
        notes = (((spec or {}).get("template") or {}).get("metadata") or {}).get("annotations") or {}
        notes.pop(RESTARTED_AT, None)
        found[f"{kind} {place}/{name}"] = spec
    return found


def _twice(town: Town) -> list[str]:
    """What was taken away more than once, or changed more often than to and fro."""
    mine = _on_targets(town.wrote)
    return [each for each in sorted({*mine}) if mine.count(each) > (2 if each.startswith("patch") else 1)]


def _active(town: Town) -> list[Account]:
    return [each for place in ("shop", HOME) for each in accounts(town, place) if each.state == "active"]


@pytest.mark.parametrize("name", STORIES)
def test_whenever_it_dies_another_process_leaves_what_was_or_what_was_proven(
    name: str, tmp_path: Path
) -> None:
    story, lives = STORIES[name], list(_deaths(STORIES[name]))
    before, goal = wanted(story.town()), wanted(lives[-1].town)
    assert len(lives) > LEAST
    for number, life in enumerate(lives, 1):
        where = f"death {number}, after {life.town.asked}"
        acted = any(each.actions for each in _active(life.town))
        kept = _rescue(life.town, tmp_path / f"{number}")
        found = wanted(life.town)
        if story.stays:
            assert all(spec in (before.get(key), goal.get(key)) for key, spec in found.items()), where
        else:
            assert found == before or (life.proven and found == goal), where
        assert (_active(life.town), _twice(life.town)) == ([], []), where
        assert [step["action"] for each in kept for step in each["steps"]] == [story.action] * acted, where
        _refuses_to_do_it_again(life, acted=acted)


def _refuses_to_do_it_again(life: Life, *, acted: bool) -> None:
    """What was done once is not done by the next process for the same reason."""
    wrote = len(life.town.wrote)
    again = recover(life.plan, life.reach)
    if acted or life.record is not None:
        assert again.outcome in {Outcome.REFUSED, Outcome.HEALED}, again.reason
        assert _on_targets(life.town.wrote[wrote:]) == []


@pytest.mark.parametrize("name", [each for each in STORIES if each.endswith("in vain")])
def test_a_rescue_that_dies_is_finished_by_the_next(name: str, tmp_path: Path) -> None:
    story = STORIES[name]
    before = wanted(story.town())
    first = next(life for life in _deaths(story) if _on_targets(life.town.wrote))
    for fuse in itertools.count(1):
        life = _life(story, len(first.town.asked))
        life.live()
        with suppress(Killed):
            _rescue(life.town, tmp_path / f"{fuse}", fuse)
        died = life.town.dead
        _rescue(life.town, tmp_path / f"{fuse}")
        where = f"death {fuse} of the rescue"
        assert story.stays or wanted(life.town) == before, where
        assert (_active(life.town), _twice(life.town)) == ([], []), where
        if not died:
            return
