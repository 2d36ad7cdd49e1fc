"""Nights with a controller: it keeps to its namespaces, pages once, asks when it must, rests in a storm."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.flows.watched import (
    LEADER,
    FairClock,
    Kept,
    Pager,
    Town,
    app,
    crashing,
    imageless,
    night,
    node,
    of,
    stuck,
)
from tests.recovery import made

from chaoskit import kube
from chaoskit.acts import approvals, breaker, halt
from chaoskit.acts.accounts import STATE_LABEL
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.errors import Forbidden, Unavailable
from chaoskit.events import Ended, Event, Step
from chaoskit.flows.hands import WORKERS
from chaoskit.governor import Limits
from chaoskit.governor.rules import FREEZE_RECOVERY
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Change, Kind, Listing, Object, ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.recovery.told import LABEL
from chaoskit.runtime import connected
from chaoskit.settings import Settings

CORDONED = {"chaoskit.io/run": "r1"}
CART = ObjectRef(kube.DEPLOYMENT, "shop", "cart")
OWED = ObjectRef(kube.LEASE, "shop", "chaoskit-r1")


def test_after_a_node_was_mended_nothing_else_is_watched_than_before(tmp_path: Path) -> None:
    kept = night(
        tmp_path,
        node("node-1", cordoned=True, labels=CORDONED), node("node-2"),
        *stuck("cart"), *crashing("victim", namespace="monitoring"), *crashing("orders", namespace="other"),
        *(each for name in ("a", "b", "c", "d") for each in app(name, namespace="other")),
    )  # fmt: skip
    kept.run(["recover"], at_most=600)
    assert isinstance(kept.cluster, Town)
    assert "uncordon" in [step["action"] for each in kept.records for step in each["steps"]]
    assert {each["namespace"] for each in kept.records} <= {"", "shop"}
    assert kept.cluster.touched("monitoring") == kept.cluster.touched("other") == []


def _worker(name: str, ended: float) -> Object:
    """One with a liveness probe that ended well so many seconds ago, as each quarter of an hour."""
    last = made.ended(0, seconds_ago=ended, ran=900, reason="Completed")
    runs = {"running": {"startedAt": made.ago(ended - 1)}}
    pod = made.pod(name, of="cart-h1", state=runs, last=last, restarts=9)
    pod["spec"]["containers"][0]["livenessProbe"] = {"tcpSocket": {"port": 80}}
    return pod


def test_a_recovery_beside_workers_that_end_well_is_recovered_as_fast_as_any(tmp_path: Path) -> None:
    workers = [_worker(f"cart-h1-w{n}", ended=6 + 10 * n) for n in range(5)]
    pager = Pager()
    ill = made.crashing("cart-h1-a", of="cart-h1")
    town = Town(node("node-1"), node("node-2"), *app("cart", ill, *workers))
    kept = Kept(town, tmp_path, clock=FairClock(made.NOW), notifier=pager)
    kept.run(["recover"], until=lambda event: isinstance(event, Ended))
    (record,) = kept.records
    assert record["outcome"] == "recovered"
    assert record["seconds_to_recover"] < 15
    assert (town.touched("shop"), pager.pages) == (["cart-h1-a"], [])


class Asked(Town):
    """Counts how often somebody looked around before the first pod was deleted."""

    looks, before = 0, 0

    def list(self, kind: Kind, *args: Any, **options: Any) -> Listing:
        self.looks += kind == kube.SERVICE
        return super().list(kind, *args, **options)

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        self.before = self.before or self.looks
        super().delete(ref, **options)


def test_a_recovery_that_begins_at_once_is_decided_on_once_and_what_is_wrong_seen_again(
    tmp_path: Path,
) -> None:
    kept = Kept(Asked(*crashing("cart")), tmp_path, clock=FairClock(made.NOW))
    kept.run(["recover"], until=lambda event: isinstance(event, Ended))
    assert isinstance(kept.cluster, Asked)
    assert kept.cluster.before == 2


def test_the_history_has_a_recovery_before_the_cluster_says_that_it_is_over(tmp_path: Path) -> None:
    known: list[list[str]] = []

    class Closing(Town):
        def store(self, verb: str, ref: ObjectRef, body: Object) -> Object:
            if kube.labels_of(body).get(STATE_LABEL) == "done":
                known.append([each["outcome"] for each in kept.records])
            return super().store(verb, ref, body)

    kept = Kept(Closing(*crashing("cart")), tmp_path, clock=FairClock(made.NOW))
    kept.run(["recover"], until=lambda event: isinstance(event, Ended))
    assert known == [["recovered"]]


class Crossed(Town):
    """A look that has seen what fails waits for the end of the recovery, which waits for the look.

    A change when the recovery begins brings the look soon: when the next one is due without, the recovery's
    Lease and its step have hardly a second left of a clock that runs as fast as the loop.
    """

    def __init__(self, *objects: Object) -> None:
        self.begun, self.seen, self.over = threading.Event(), threading.Event(), threading.Event()
        super().__init__(*objects)

    def create(self, body: Object, **options: Any) -> Object:
        made = super().create(body, **options)
        if body["metadata"].get("labels", {}).get(kube.RUN_LABEL):
            self.begun.set()
            self.say(kube.POD, Change("MODIFIED", self.list(kube.POD).items[0]))
        return made

    def get(self, ref: ObjectRef) -> Object:
        if threading.current_thread().name == "look" and self.begun.is_set():
            self.seen.set()
            assert self.over.wait(60)
        return super().get(ref)

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        assert ref.kind != kube.POD or self.seen.wait(60)
        super().delete(ref, **options)


def test_a_look_says_nothing_of_what_was_recovered_from_while_it_looked(tmp_path: Path) -> None:
    cluster = Crossed(*crashing("cart"))
    kept = Kept(cluster, tmp_path, clock=FairClock(made.NOW))

    def ended(event: Event) -> bool:
        if isinstance(event, Ended):
            cluster.over.set()
            kept.clock.call_at(60, kept.stop.set)
        return False

    kept.run(["recover"], until=ended)
    assert [each["outcome"] for each in kept.records] == ["recovered"]
    assert kept.steps("refused") == []


def test_in_all_namespaces_nodes_are_mended_once_and_protected_namespaces_are_left_alone(
    tmp_path: Path,
) -> None:
    kept = night(
        tmp_path,
        node("node-1", cordoned=True, labels=CORDONED), node("node-2"),
        *stuck("cart"), *app("orders"), *app("search"), *crashing("victim", namespace="monitoring"),
        *stuck("b", namespace="other"), *app("c", namespace="other"), *app("d", namespace="other"),
    )  # fmt: skip
    kept.run(["recover"], at_most=600, namespace="")
    assert isinstance(kept.cluster, Town)
    nodes = [each for each in kept.records if each["target"] == "node/node-1"]
    assert [each["outcome"] for each in nodes] == ["recovered"]
    assert kept.cluster.touched("monitoring") == []


def test_what_a_guard_refuses_is_told_once_and_not_tried_again_and_again(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *crashing("cart"), *app("orders"), *app("search"))
    halt.halt(kept.cluster, kept.clock, ("recovery",), "a release")
    kept.run(["recover"], at_most=600)
    assert len(kept.steps("refused")) == 1
    assert list(kept.records) == []


def test_a_workload_is_recovered_though_another_kind_of_its_name_fails_as_well(tmp_path: Path) -> None:
    body, pod = made.deployment("web", replicas=1), made.pod("web-0", ready=False, unready_for=600)
    body["spec"]["selector"]["matchLabels"] = pod["metadata"]["labels"] = {"set": "web"}
    pod["metadata"]["ownerReferences"][0].update(kind="StatefulSet", name="web", uid="shop-uid-web-set")
    stateful = of(kube.STATEFUL_SET, {**body, "kind": "StatefulSet"})
    stateful["metadata"]["uid"] = "shop-uid-web-set"
    others = (each for name in ("a", "b", "c") for each in app(name))
    graver = imageless("web")[:-1]
    kept = night(tmp_path, *graver, stateful, of(kube.POD, pod), *others)
    kept.run(["recover"], at_most=120)
    assert {each["target"] for each in kept.records} == {"deployment/web", "statefulset/web"}


# ---------------------------------------------------------------- pods that leave a node

LOST = node("node-1", ready="Unknown")


def test_from_a_lost_node_only_pods_of_the_watched_namespace_leave(tmp_path: Path) -> None:
    kept = night(tmp_path, LOST, node("node-2"), *app("cart"), *app("orders", namespace="other"))
    kept.run(["recover"], at_most=600)
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == ["cart-h1-a", "cart-h1-b"]
    assert kept.cluster.touched("other") == []


def test_in_all_namespaces_the_pods_of_a_lost_node_leave_at_once_but_protected_ones(tmp_path: Path) -> None:
    kept = night(
        tmp_path, LOST, node("node-2"), *app("cart"), *app("orders", namespace="other"),
        *app("grafana", namespace="monitoring"),
    )  # fmt: skip
    kept.run(["recover"], at_most=600, namespace="")
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("other") == ["orders-h1-a", "orders-h1-b"]
    assert kept.cluster.touched("shop") == ["cart-h1-a", "cart-h1-b"]
    assert kept.cluster.touched("monitoring") == []


def test_a_freeze_of_one_namespace_on_a_lost_node_is_heeded(tmp_path: Path) -> None:
    notes = {"chaoskit.io/freeze-recovery-until": "2026-11-24T00:00:00Z"}
    frozen = {
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other", "annotations": notes},
    }  # fmt: skip
    kept = night(tmp_path, LOST, node("node-2"), frozen, *app("cart"), *app("orders", namespace="other"))
    kept.run(["recover"], at_most=600, namespace="")
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == kept.cluster.touched("other") == []
    assert [each for each in kept.steps("refused") if "namespace other is frozen for recovery" in each]


# ---------------------------------------------------------------- what a person has to mend

HOURS = 3600.0


def _mended(kept: Kept, *names: str) -> None:
    """Somebody gave these deployments an image by hand."""
    for body in (each for name in names for each in app(name)):
        ref = kube.ref_of(body)
        if kept.cluster.objects.get((ref.kind, ref.namespace, ref.name)) is not None:
            FakeCluster.delete(kept.cluster, ref)
        kept.cluster.create(body)


def _make(kept: Kept, body: Object) -> None:
    kept.cluster.create(body)


def _told(kept: Kept) -> list[str]:
    return [each["metadata"]["name"] for each in kept.cluster.list(kube.CONFIG_MAP, labels=LABEL).items]


def test_of_what_is_only_watched_while_nothing_serves_a_person_hears_once_and_nothing_is_touched(
    tmp_path: Path,
) -> None:
    again = made.pod(
        "cart-h1-a", of="cart-h1", ready=False, unready_for=32, restarts=1,
        state={"running": {"startedAt": made.ago(30)}}, last=made.ended(137, ran=3000, seconds_ago=31),
    )  # fmt: skip
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *app("cart", again), *app("a"), *app("b"), notifier=pager)
    kept.run(["recover"], at_most=200)
    assert pager.pages == []
    kept.run(["recover"], at_most=300)
    assert pager.pages == ["pod-crash of deployment/cart in shop"]
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == []


def test_what_only_a_person_can_mend_is_told_once_by_however_many_controllers(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *imageless("cart"), *app("a"), *app("b"), notifier=pager)
    kept.run(["recover"], at_most=600)
    kept.run(["recover"], at_most=600)
    assert pager.pages == ["pod-crash of deployment/cart in shop"]
    assert len(kept.records) == 1
    assert len(kept.cluster.list(kube.EVENT).items) == 1


def test_it_is_told_again_after_hours(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *imageless("cart"), *app("a"), *app("b"), notifier=pager)
    kept.run(["recover"], at_most=600)
    kept.clock.turn(4 * HOURS)
    kept.run(["recover"], at_most=600)
    assert len(pager.pages) == 2


def test_what_somebody_mended_is_said_to_be_over(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *imageless("cart"), *app("a"), *app("b"), notifier=pager)
    kept.run(["recover"], until=lambda _event: bool(pager.pages))
    _mended(kept, "cart")
    kept.run(["recover"], at_most=900)
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/deployment/cart/pod-crash"]
    assert len(pager.pages) == 1
    assert _told(kept) == []


def _left_by_the_dead(kept: Kept, *, undoable: bool = False) -> None:
    """A dead recovery's change of cart, which nobody can undo but a version that knows of such entries."""
    entry = Entry("field" if undoable else "of-another-version", CART, ("spec", "x"), 1, 2)
    Ledger.open(
        kept.cluster, kept.clock, id="r1", act="recovery", namespace="shop", targets=(CART,), trace_id="t"
    ).write(entry)


@pytest.mark.parametrize("ill", [True, False])
def test_what_a_dead_act_left_and_nobody_can_undo_is_told_once_whatever_is_ill(
    tmp_path: Path, *, ill: bool
) -> None:
    pager = Pager()
    town = crashing("cart") if ill else app("cart")
    kept = night(tmp_path, node("node-1"), node("node-2"), *town, notifier=pager)
    _left_by_the_dead(kept)
    kept.run(["recover"], at_most=1800)
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == []
    assert pager.pages == ["undo of recovery r1 in shop not confirmed"]
    assert "deployment/cart" in pager.notices[0].text
    assert pager.notices[0].text.endswith(": chaoskit rescue")
    assert pager.cleared == []
    kept.clock.turn(4 * HOURS)
    kept.run(["recover"], at_most=600)
    assert len(pager.pages) == 2


def test_what_was_removed_by_hand_is_owed_no_more(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *app("cart"), notifier=pager)
    _left_by_the_dead(kept)
    kept.run(["recover"], until=lambda _event: bool(pager.pages))
    kept.cluster.delete(OWED)
    kept.run(["recover"], at_most=900)
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/lease/chaoskit-r1/undo-owed"]
    assert _told(kept) == []


def test_what_could_be_undone_later_is_said_to_be_by_who_undid_it(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *app("cart"), notifier=pager)
    _left_by_the_dead(kept)
    kept.run(["runs"], until=lambda _event: bool(pager.pages))
    kept.cluster.delete(OWED)
    _left_by_the_dead(kept, undoable=True)
    kept.run(["runs"], at_most=60)
    assert kept.rescued[-1] == "done"
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/lease/chaoskit-r1/undo-owed"]


def test_nobody_to_be_told_is_no_reason_to_try_again_and_again(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *imageless("cart"), *app("a"), *app("b"))
    kept.run(["recover"], at_most=600)
    assert len(kept.records) == 1
    kept.world = replace(kept.world, notifier=(pager := Pager()))
    kept.run(["recover"], at_most=600)
    assert len(pager.pages) == 1


def test_a_page_that_nobody_took_is_sent_again_but_later_and_later(tmp_path: Path) -> None:
    tried: list[datetime] = []

    class Deaf:
        def send(self, _notice: Notice) -> None:
            tried.append(kept.clock.now())
            raise Unavailable("no answer", service="webhook")

    kept = night(tmp_path, node("node-1"), *imageless("cart"), *app("a"), *app("b"), notifier=Deaf())
    kept.run(["recover"], at_most=600)
    assert 2 <= len({*tried}) <= 8
    assert len(tried) <= 2 * len({*tried})  # by its rung, and once more when all else was done
    assert _told(kept) == []


def _frozen(hours: float) -> Object:
    """The namespace of the shop, in which no recovery may act for so long."""
    until = (made.NOW + timedelta(hours=hours)).isoformat()
    meta = {"name": "shop", "annotations": {FREEZE_RECOVERY: until}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}


def test_what_a_guard_forbids_is_told_once_with_the_guard_and_until_when(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1"), _frozen(2), *crashing("cart"), *app("a"), *app("b"), notifier=pager
    )
    kept.run(["recover"], at_most=600)
    (notice,) = pager.notices
    assert notice.title == "pod-crash of deployment/cart in shop"
    assert "not acted on: freeze until 14:00 UTC: namespace shop is frozen" in notice.text
    assert list(kept.records) == []
    _mended(kept, "cart")
    kept.run(["recover"], at_most=900)
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/deployment/cart/pod-crash"]


def test_what_does_not_show_since_when_it_is_there_is_told_as_well(tmp_path: Path) -> None:
    caller = app("cart", env={"DB": "postgres://db:5432/x"})
    nothing = of(kube.DEPLOYMENT, made.deployment("db", replicas=0))
    pager = Pager()
    kept = night(tmp_path, node("node-1"), _frozen(2), *caller, nothing, *app("a"), notifier=pager)
    kept.run(["recover"], at_most=45)
    assert pager.pages == []
    kept.run(["recover"], at_most=300)
    assert pager.pages == ["database-connection of deployment/db in shop"]


def test_a_right_that_is_missing_is_told_once(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *crashing("cart"), *app("a"), *app("b"), notifier=pager)

    def forbidding(verb: str, target: ObjectRef) -> None:
        if (verb, target.kind) == ("create", kube.LEASE) and target.name != LEADER.name:
            raise Forbidden("you may not create leases in shop")

    kept.cluster.before_write = forbidding
    kept.run(["recover"], at_most=600)
    (notice,) = pager.notices
    assert "not acted on: permission: you may not create leases in shop" in notice.text
    assert {each["outcome"] for each in kept.records} == {"cannot-start"}


# ---------------------------------------------------------------- a person's yes

ASKS = Limits(require_approval=True)


def test_the_setting_is_a_limit_of_the_world_like_any_other() -> None:
    with connected(Settings(require_approval=True)) as runtime:
        assert runtime.limits.require_approval


def _is_asked(event: Event) -> bool:
    """Whether a person is asked."""
    return isinstance(event, Step) and (event.name, event.mark) == ("approval", "begun")


def _answer(kept: Kept, answer: approvals.Answer) -> None:
    for asked in approvals.pending(kept.cluster, kept.clock):
        approvals.decide(kept.cluster, kept.clock, asked, answer, by="ada")


def test_where_a_person_must_say_yes_nothing_is_done_before(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1"), *crashing("cart"), *app("a"), *app("b"), limits=ASKS, notifier=pager
    )
    kept.run(["recover"], until=_is_asked)
    town = kept.cluster
    assert isinstance(town, Town)
    assert town.touched("shop") == []
    _answer(kept, "approved")
    kept.run(["recover"], until=lambda event: isinstance(event, Ended))
    assert town.touched("shop") == ["cart-h1-a"]
    assert pager.pages == ["approval wanted: pod-crash of deployment/cart"]


def test_who_said_no_is_not_asked_again_soon(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1"), *crashing("cart"), *app("a"), *app("b"), limits=ASKS, notifier=pager
    )
    kept.run(["recover"], until=_is_asked)
    _answer(kept, "denied")
    kept.run(["recover"], at_most=900)
    kept.run(["recover"], at_most=600)
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == []
    assert len(pager.pages) == 1
    assert [each for each in kept.steps("refused") if "denied by ada" in each]


def test_a_question_that_nobody_answered_is_asked_again_after_an_hour(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1"), *crashing("cart"), *app("a"), *app("b"), limits=ASKS, notifier=pager
    )
    kept.run(["recover"], until=_is_asked)
    kept.run(["recover"], at_most=1200)
    assert len(pager.pages) == 1
    kept.clock.turn(HOURS)
    kept.run(["recover"], until=_is_asked)
    assert len(pager.pages) == 2


def test_questions_do_not_keep_the_controller_from_looking_around(tmp_path: Path) -> None:
    places, pager = [f"team-{number}" for number in range(WORKERS - 1)], Pager()
    kept = night(
        tmp_path, node("node-1"), *app("late", namespace="zoo"), *app("z", namespace="zoo"),
        *(each for place in places for each in (*crashing("cart", namespace=place),
          *app("a", namespace=place), *app("b", namespace=place))), limits=ASKS, notifier=pager,
    )  # fmt: skip
    for number, body in enumerate(imageless("lion", namespace="zoo")):
        kept.clock.call_at(120 + number, partial(_make, kept, body))
    lion = "pod-crash of deployment/lion in zoo"
    kept.run(["recover"], until=lambda _event: lion in pager.pages, namespace="")
    assert lion in pager.pages


# ---------------------------------------------------------------- mass failures


def _opened(kept: Kept, namespace: str = halt.HOME) -> bool:
    """Whether recovery rests there."""
    return kept.cluster.objects.get((kube.CONFIG_MAP, namespace, breaker.NAME)) is not None


def test_when_most_of_a_namespace_fails_recovery_rests_there_and_a_person_knows_once(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1"), *app("a"), *(each for name in "bcdef" for each in crashing(name)),
        notifier=pager,
    )  # fmt: skip
    kept.run(["recover"], at_most=600)
    kept.run(["recover"], at_most=600)
    assert _opened(kept, "shop")
    assert pager.pages == ["mass failure in namespace shop"]
    assert "5 of 6 workloads of namespace shop fail at once" in pager.notices[0].text
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == []


def _teams(number: int, failing: int) -> Iterator[Object]:
    for each in range(number):
        place = f"team-{each}"
        yield from crashing("cart", namespace=place) if each < failing else app("cart", namespace=place)
        yield from app("a", namespace=place)
        yield from app("b", namespace=place)


def test_a_failure_that_spans_namespaces_is_a_storm_as_well(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *_teams(30, 30), notifier=pager)
    kept.run(["recover"], until=lambda _event: bool(pager.pages), namespace="")
    kept.run(["recover"], at_most=60, namespace="")
    assert _opened(kept)
    assert pager.pages == ["mass failure in fake"]
    assert len(kept.records) < 10


def test_half_of_a_small_cluster_is_a_storm_though_no_namespace_shows_it(tmp_path: Path) -> None:
    kept = night(
        tmp_path, node("node-1"),
        *(each for place in "pqrs" for each in crashing("cart", namespace=place)),
        *(each for place in "pqrs" for each in app("a", namespace=place)),
    )  # fmt: skip
    kept.run(["recover"], until=lambda _event: _opened(kept), namespace="")
    assert _opened(kept)


def test_what_fails_here_and_there_is_no_storm(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *_teams(12, 4))
    kept.run(["recover"], at_most=600, namespace="")
    assert not _opened(kept)
    assert {each["outcome"] for each in kept.records} == {"recovered"}
    assert len(kept.records) == 4


@pytest.mark.parametrize(("scope", "others"), [("", 15), ("shop", 15), ("", 4), ("shop", 4)])
def test_what_has_been_broken_for_weeks_keeps_nobody_from_recovering(
    tmp_path: Path, scope: str, others: int
) -> None:
    abandoned = [each for i in range(10) for each in imageless(f"old-{i}", since=30 * 24 * HOURS)]
    serving = [each for i in range(others) for each in app(f"w-{i}")]
    kept = night(tmp_path, node("node-1"), *abandoned, *serving, *crashing("cart"), notifier=Pager())
    kept.run(["recover"], at_most=600, namespace=scope)
    assert not _opened(kept)
    assert not _opened(kept, "shop")
    (cart,) = (each for each in kept.records if each["target"] == "deployment/cart")
    assert cart["outcome"] == "recovered"


def test_what_every_namespace_needs_fails_once_for_all_of_them(tmp_path: Path) -> None:
    names = list(crashing("coredns", namespace="kube-system"))
    for body in (names[0], names[0]["spec"]["template"], *names[2:]):
        body["metadata"]["labels"] = {"app": "coredns", "k8s-app": "kube-dns"}
    kept = night(tmp_path, node("node-1"), *names, *_teams(4, 0))
    kept.run(["recover"], until=lambda event: isinstance(event, Ended), namespace="")
    assert [each["target"] for each in kept.records] == ["deployment/coredns"]
    assert not _opened(kept)


def test_a_storm_that_is_over_is_said_to_be_over(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1"), *app("a"), *(each for name in "bcdef" for each in crashing(name)),
        notifier=pager,
    )  # fmt: skip
    kept.run(["recover"], until=lambda _event: bool(pager.pages))
    _mended(kept, *"bcdef")
    kept.run(["recover"], at_most=900)
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/storm"]


def _outage_in(places: Sequence[str]) -> Iterator[Object]:
    """Three of four workloads in each of these namespaces find no image since a minute ago."""
    for place in places:
        yield from imageless("cart", namespace=place, since=60.0)
        yield from imageless("b", namespace=place, since=60.0)
        yield from imageless("c", namespace=place, since=60.0)
        yield from app("a", namespace=place)


@pytest.mark.parametrize(("scope", "places"), [("shop", ["shop"]), ("", ["p", "q"])])
def test_a_mass_failure_is_not_over_because_hours_went_by_nor_for_who_leads_next(
    tmp_path: Path, scope: str, places: list[str]
) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *_outage_in(places), notifier=pager)
    kept.run(["recover"], at_most=1.3 * HOURS, namespace=scope)
    told = list(pager.pages)
    kept.run(["recover"], at_most=400, namespace=scope)  # another process, that remembers nothing
    kept.clock.turn(2 * HOURS)  # nobody leads
    kept.run(["recover"], at_most=400, namespace=scope)
    assert set(pager.pages) == set(told)
    assert all("mass failure" in each for each in told)
    assert pager.cleared == []
    assert list(kept.records) == []
    assert all(_opened(kept, place) for place in places)


def test_a_mass_failure_that_is_over_is_remembered_no_more(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *_outage_in(["shop"]), notifier=pager)
    kept.run(["recover"], at_most=300)
    _mended(kept, "b", "c")
    kept.run(["recover"], at_most=1200)
    assert pager.cleared == ["chaoskit/uid-of-kube-system/shop/storm"]
    assert breaker.raging(kept.cluster, kept.clock.now(), "shop") == {}
    assert {each["target"] for each in kept.records} == {"deployment/cart"}


# ---------------------------------------------------------------- the blast radius


@pytest.mark.parametrize("limits", [Limits(max_pods=3), Limits(max_percent=50)])
def test_a_lost_node_with_more_pods_than_may_go_at_once_is_left_alone(tmp_path: Path, limits: Limits) -> None:
    kept = night(tmp_path, LOST, node("node-2"), *app("cart"), *app("orders", namespace="b"), limits=limits)
    kept.run(["recover"], at_most=600, namespace="")
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == kept.cluster.touched("b") == []
    assert [each for each in kept.steps("refused") if "blast radius" in each]


def test_a_fix_of_a_node_that_does_not_last_is_not_done_for_ever(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(
        tmp_path, node("node-1", cordoned=True, labels=CORDONED), node("node-2"),
        *stuck("cart"), *app("a"), *app("b"), *app("c"), notifier=pager,
    )  # fmt: skip
    target = ObjectRef(kube.NODE, "", "node-1")
    for number in range(2):
        ledger = Ledger.open(
            kept.cluster, kept.clock, id=f"r{number}", act="recovery", namespace=halt.HOME, targets=(target,),
            trace_id="t", what="node",
        )  # fmt: skip
        ledger.note("uncordon")
        ledger.close(Outcome.RECOVERED, keep=6 * HOURS)
        kept.clock.turn(HOURS)
    kept.run(["recover"], at_most=600)
    assert kept.cluster.get(target)["spec"]["unschedulable"]
    assert pager.pages == ["node of node/node-1 in fake"]
