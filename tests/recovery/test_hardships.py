"""A recovery while the server refuses, the clock is set, pods do not come back, or another one is at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import ref
from tests.recovery.staged import Watched

from chaoskit import kube, recovery
from chaoskit.acts import approvals
from chaoskit.acts.accounts import EVIDENCE, Account, accounts
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import Rescued
from chaoskit.adapters.spool import RETRY, SpoolingStore
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import Conflict, NotFound, Unavailable
from chaoskit.events import Event, Step, Warned
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.ports.store import Document
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Decision, Options, Plan, Reach, classify, runbook
from chaoskit.recovery.remedies import Rung
from chaoskit.recovery.runbook import Verification

CART = ref("cart")


class Shop(Watched):
    """A shop whose cart crashes since its last rollout; rolled back it serves again. The others serve."""

    def __init__(self) -> None:
        super().__init__(
            made.deployment("cart", revision=2, replicas=1),
            made.replica_set("cart", 1),
            made.replica_set("cart", 2, age=240),
            made.crashing("cart-bad", of="cart-h2"),
            *(made.deployment(name, replicas=1) for name in ("orders", "search")),
            *(made.replica_set(name, 1, ready=1) for name in ("orders", "search")),
            *(made.pod(f"{name}-0", of=f"{name}-h1") for name in ("orders", "search")),
        )
        self.after_patch = self.rolls_out

    def rolls_out(self, target: ObjectRef) -> None:
        """What the deployment's controller and the kubelet do as soon as they can."""
        if target.name != "cart":
            return
        ill = self.broken
        for name in ("cart-bad", "cart-good"):
            self.gone(ObjectRef(kube.POD, "shop", name))
        self.puts(made.crashing("cart-bad", of="cart-h2") if ill else made.pod("cart-good", of="cart-h1"))

    def lives(self, account: Account) -> None:
        """The heart of the process that holds the ledger beats for a minute, whatever else it does."""
        for second in range(0, 60, 5):
            self.clock.call_at(second, partial(self._beat, account.ref, second))

    def _beat(self, lease: ObjectRef, second: int) -> None:
        with suppress(NotFound):
            self.patch(lease, {"spec": {"renewTime": f"beat {second}"}})

    @property
    def broken(self) -> bool:
        env = self.objects[CART.kind, "shop", "cart"]["spec"]["template"]["spec"]["containers"][0]["env"]
        return bool({"name": "REVISION", "value": "2"} in env)

    @property
    def rolled(self) -> int:
        """How often its template was changed."""
        return self.wrote.count("patch deployment/cart")

    def reach(self) -> Reach:
        return Reach(self, None, self.clock, Governor(self, self.clock, Limits()))

    def decision(self) -> Decision:
        """What the shipped runbooks plan."""
        (decision,) = recovery.plan_for(
            recovery.detect_issues(self, None, self.clock, "shop"), self.reach(), namespace="shop"
        )
        return decision

    def plan(self, *steps: dict[str, Any], targets: tuple[str, ...] = ("cart",)) -> Plan:
        """A plan for cart's crash that has these steps on these deployments."""
        (issue,) = recovery.detect_issues(self, None, self.clock, "shop")
        document = {
            "apiVersion": "chaoskit.io/v1",
            "kind": "Runbook",
            "metadata": {"name": "mine"},
            "spec": {"matches": {"issue": issue.kind}, "remediations": list(steps)},
        }
        book = runbook.Runbook.model_validate(document)
        where = tuple(map(ref, targets))
        return Plan(issue, book, tuple(Rung(step, where, "a test") for step in book.spec.remediations))

    def back(self, *before: dict[str, Any]) -> Plan:
        """A plan that rolls back, at last."""
        plan = self.plan(*before, {"action": "roll-back"})
        *others, last = plan.rungs
        return replace(plan, rungs=(*others, replace(last, expects={"from": "cart-h2", "to": "cart-h1"})))

    def recover(self, decision: Decision | None = None, **more: Any) -> RecoveryRecord:
        return recovery.recover(decision or self.decision(), self.reach(), Options(**more))


@pytest.fixture
def shop() -> Shop:
    return Shop()


def at(name: str, mark: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """A listener that acts, once, when a step of the name is told with the mark."""
    left = [act]

    def listen(event: Event) -> None:
        if left and isinstance(event, Step) and (event.name, event.mark) == (name, mark):
            left.pop()()

    return listen


def test_without_hardships_it_is_rolled_back(shop: Shop) -> None:
    record = shop.recover()
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert (shop.broken, shop.rolled) == (False, 1)
    assert record.seconds_to_recover is not None
    assert record.seconds_to_recover < 10


# ---------------------------------------------------------------- the server does not answer


@pytest.mark.parametrize("seconds", [20, 50])
def test_what_was_done_without_an_answer_is_verified_and_neither_done_twice_nor_undone(
    shop: Shop, seconds: float
) -> None:
    def lost(target: ObjectRef) -> None:
        shop.rolls_out(target)
        if target.name == "cart":
            shop.after_patch = shop.rolls_out
            shop.goes(seconds)
            raise Unavailable("the answer is lost", service="kubernetes")

    shop.after_patch = lost
    record = shop.recover()
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert (shop.broken, shop.rolled) == (False, 1)
    assert record.undo.state == "none needed"
    assert "server: note" in [f"{each.name}: {each.mark}" for each in record.timeline]


def test_a_conflict_with_our_own_patch_whose_answer_was_lost_is_no_conflict(shop: Shop) -> None:
    """What the adapter says of a patch that it sent again: the first one was stored."""

    def met_itself(target: ObjectRef) -> None:
        if target.name == "cart":
            shop.after_patch = shop.rolls_out
            shop.clock.call_at(10, partial(shop.rolls_out, target))
            raise Conflict("deployment/cart has changed")

    shop.after_patch = met_itself
    record = shop.recover()
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert [step["action"] for step in record.steps] == ["roll-back"]
    assert (shop.broken, shop.rolled, record.undo.state) == (False, 1, "none needed")


def test_one_more_replica_is_one_more_though_the_answer_is_lost_and_the_server_away(shop: Shop) -> None:
    asked: list[int] = []

    def lost(target: ObjectRef) -> None:
        if target.name != "cart":
            return
        asked.append(shop.get(CART)["spec"]["replicas"])
        if asked == [2]:
            shop.goes(20)
            raise Unavailable("the answer is lost", service="kubernetes")

    shop.after_patch = lost
    plan = shop.plan({"action": "scale"})
    rungs = tuple(replace(rung, expects={"from": "1", "to": "2"}) for rung in plan.rungs)
    record = shop.recover(replace(plan, rungs=rungs))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert asked == [2, 1]
    assert record.undo.state == "confirmed"


def test_what_a_person_scaled_to_nothing_meanwhile_stays_there(shop: Shop) -> None:
    plan = shop.plan({"action": "scale", "onlyOurs": True})
    rungs = tuple(replace(rung, expects={"from": "0", "to": "1"}) for rung in plan.rungs)
    meta = {"managedFields": made.set_by("kubectl", "replicas")}
    shop.patch(CART, {"metadata": meta, "spec": {"replicas": 0}})
    record = shop.recover(replace(plan, rungs=rungs))
    assert record.steps[0]["detail"] == "kubectl scaled deployment/cart to 0 meanwhile"
    assert shop.get(CART)["spec"]["replicas"] == 0


@pytest.mark.parametrize("seconds", [20, 50])
def test_readiness_is_watched_again_when_the_server_is_back(shop: Shop, seconds: float) -> None:
    record = shop.recover(shop.back(), listen=at("roll-back", "done", lambda: shop.goes(seconds)))
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert shop.rolled == 1
    assert record.seconds_to_recover is not None
    assert record.seconds_to_recover >= seconds + 5


def test_a_server_that_goes_before_readiness_is_watched_takes_nothing_back(shop: Shop) -> None:
    record = shop.recover(shop.back(), listen=at("roll-back", "done", lambda: shop.goes_before_a_watch(20)))
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert (shop.broken, shop.rolled, record.undo.state) == (False, 1, "none needed")


def test_a_server_that_is_away_amid_an_act_for_too_long_leaves_it_unjudged(shop: Shop) -> None:
    def lost(target: ObjectRef) -> None:
        shop.rolls_out(target)
        if target.name == "cart":
            shop.after_patch = shop.rolls_out
            shop.goes(62)
            raise Unavailable("the answer is lost", service="kubernetes")

    shop.after_patch = lost
    record = shop.recover(shop.back())
    assert record.outcome is Outcome.ERRORED, record.reason
    assert (shop.broken, shop.rolled, record.undo.state) == (False, 1, "none needed")


class Refusing(Shop):
    """A shop whose server goes for 64 s just when the target is changed, once: that is not done.

    Who is scaled has his pods at once.
    """

    def __init__(self, refused: ObjectRef) -> None:
        super().__init__()
        self.left = [str(refused)]
        self.after_patch = self._scaled

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        if not dry_run:
            self._refuse(ref)
        return super().patch(ref, patch, dry_run=dry_run, **options)

    def evict(self, ref: ObjectRef, **options: Any) -> None:
        self._refuse(ref)
        super().evict(ref, **options)

    def _refuse(self, ref: ObjectRef) -> None:
        if str(ref) in self.left:
            self.left.clear()
            self.goes(64)
            raise Unavailable("connection refused", service="kubernetes")

    def _scaled(self, target: ObjectRef) -> None:
        if target.name != "orders":
            return
        body = self.get(target)
        wanted = body["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), wanted)
        self.puts({**body, "status": {**body["status"], **counts, "observedGeneration": 99}})
        if wanted == 2:
            self.puts(made.pod("orders-1", of="orders-h1"))


def test_what_was_refused_by_a_server_that_went_is_not_said_to_be_done() -> None:
    shop = Refusing(CART)
    record = shop.recover(shop.back())
    assert record.outcome is Outcome.NOT_RECOVERED, record.reason
    assert (shop.broken, shop.rolled, record.undo.state) == (True, 0, "confirmed")


def test_what_was_done_in_part_when_the_server_went_is_taken_back() -> None:
    shop = Refusing(ref("search"))
    plan = shop.plan({"action": "scale"}, targets=("orders", "search"))
    rungs = tuple(replace(rung, expects={"from": "1", "to": "2"}) for rung in plan.rungs)
    record = shop.recover(replace(plan, rungs=rungs))
    assert (record.outcome, record.undo.state) == (Outcome.NOT_RECOVERED, "confirmed"), record.reason
    assert "patch deployment/orders" in shop.wrote
    assert [shop.get(ref(name))["spec"]["replicas"] for name in ("orders", "search")] == [1, 1]


def test_a_node_that_was_only_cordoned_when_the_server_went_takes_pods_again() -> None:
    node = ObjectRef(kube.NODE, "", "node-1")
    pods = tuple(ObjectRef(kube.POD, "shop", name) for name in ("orders-0", "search-0"))
    shop = Refusing(pods[0])
    shop.puts({"apiVersion": "v1", "kind": "Node", **made.node("node-1")})
    plan = shop.plan({"action": "drain"})
    rungs = tuple(replace(rung, targets=(node,), leaving=pods) for rung in plan.rungs)
    record = shop.recover(replace(plan, rungs=rungs))
    assert (record.outcome, record.undo.state) == (Outcome.NOT_RECOVERED, "confirmed"), record.reason
    assert shop.wrote.count("patch node/node-1") == 2
    assert not shop.get(node)["spec"].get("unschedulable")


class Draining(Shop):
    """A shop on a node whose pods move when they are evicted; the answer for one of them is lost."""

    def __init__(self, lost: str) -> None:
        super().__init__()
        self.left = [lost]
        self.puts({"apiVersion": "v1", "kind": "Node", **made.node("node-1")})

    def evict(self, ref: ObjectRef, **options: Any) -> None:
        super().evict(ref, **options)
        name = ref.name.removesuffix("-0")
        self.puts(made.pod(f"{name}-1", of=f"{name}-h1"))
        if ref.name in self.left:
            self.left.clear()
            raise Unavailable("the answer is lost", service="kubernetes")


@pytest.mark.parametrize("lost", ["none", "orders-0", "search-0"])
def test_a_node_stays_cordoned_whichever_answer_of_its_drain_is_lost(lost: str) -> None:
    shop, node = Draining(lost), ObjectRef(kube.NODE, "", "node-1")
    plan = shop.plan({"action": "drain"}, {"action": "notify"})
    pods = tuple(ObjectRef(kube.POD, "shop", name) for name in ("orders-0", "search-0"))
    first, last = plan.rungs
    first = replace(first, targets=(node,), leaving=pods, proof=(ref("orders"), ref("search")))
    record = shop.recover(replace(plan, rungs=(first, last)))
    assert (record.outcome, record.undo.state) == (Outcome.RECOVERED, "none needed"), record.reason
    assert shop.get(node)["spec"]["unschedulable"] is True


def test_what_nobody_could_see_is_neither_taken_back_nor_followed_by_more(shop: Shop) -> None:
    record = shop.recover(shop.back(), listen=at("roll-back", "done", lambda: shop.goes(95)))
    assert record.outcome is Outcome.ERRORED
    assert record.reason.startswith("roll-back was done and stays"), record.reason
    assert (shop.broken, shop.rolled, record.undo.state) == (False, 1, "none needed")


@pytest.mark.parametrize("mark", ["begun", "failed"])
def test_a_server_that_is_away_before_a_rung_ends_no_ladder(shop: Shop, mark: str) -> None:
    record = shop.recover(
        shop.back({"action": "restart-pod"}), listen=at("restart-pod", mark, lambda: shop.goes(20))
    )
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert [step["action"] for step in record.steps] == ["restart-pod", "roll-back"]


def test_a_recovery_that_could_not_ask_its_guards_again_leaves_no_lease(shop: Shop) -> None:
    shop.before_write = lambda verb, target: (
        shop.goes(70) if (verb, target.kind) == ("create", kube.LEASE) else None
    )
    record = shop.recover()
    assert record.outcome is Outcome.CANNOT_START
    shop.clock.turn(100)
    assert accounts(shop, "shop") == ()
    assert shop.rolled == 0


# ---------------------------------------------------------------- pods do not come back


def test_a_workload_that_does_not_come_back_keeps_the_next_one_from_its_restart(shop: Shop) -> None:
    def restarted(target: ObjectRef) -> None:
        if target.name == "orders":
            shop.puts(made.pod("orders-0", of="orders-h1", ready=False))

    shop.after_patch = restarted
    record = shop.recover(shop.plan({"action": "recycle-connections"}, targets=("orders", "search")))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert "deployment/orders did not come back: 0 of 1 ready" in record.reason
    assert "patch deployment/search" not in shop.wrote


def test_all_workloads_of_a_rung_together_have_its_time(shop: Shop) -> None:
    def restarted(target: ObjectRef) -> None:
        if target.name in {"orders", "search"}:
            name, of = f"{target.name}-0", f"{target.name}-h1"
            shop.puts(made.pod(name, of=of, ready=False))
            shop.clock.call_at(20, lambda: shop.puts(made.pod(name, of=of)))

    shop.after_patch = restarted
    step = {"action": "recycle-connections", "timeout": "30s"}
    record = shop.recover(shop.plan(step, targets=("orders", "search")))
    assert "deployment/search did not come back: 0 of 1 ready" in record.reason
    assert record.steps[0]["ended_at"] - record.steps[0]["at"] == timedelta(seconds=30)


# ---------------------------------------------------------------- what cannot be proven


@pytest.mark.parametrize("way", ["option", "runbook"])
def test_what_only_signals_could_prove_is_not_done_when_they_are_not_waited_for(shop: Shop, way: str) -> None:
    (issue,) = classify([made.symptom("cpu-saturated", "orders")], now=shop.clock.now())
    plan = shop.plan({"action": "rolling-restart"}, targets=("orders",))
    if way == "runbook":
        verification = Verification.model_validate({"signalsWithin": "0s"})
        spec = plan.runbook.spec.model_copy(update={"verification": verification})
        plan = replace(plan, runbook=plan.runbook.model_copy(update={"spec": spec}))
    more = {"confirm": timedelta()} if way == "option" else {}
    record = shop.recover(replace(plan, issue=issue), **more)
    assert record.outcome is Outcome.REFUSED
    assert record.reason.startswith("verification: only signals can tell"), record.reason
    assert shop.wrote == []


# ---------------------------------------------------------------- people


def test_a_person_who_could_not_be_told_the_first_time_is_told_in_the_end(shop: Shop) -> None:
    heard: list[Notice] = []

    class Pager:
        heard = True
        tries = 0

        def send(self, notice: Notice) -> None:
            self.tries += 1
            if self.tries == 1:
                raise Unavailable("nobody answers", service="pager")
            heard.append(notice)

    plan = shop.plan({"action": "restart-dns"}, {"action": "notify"})
    record = recovery.recover(plan, replace(shop.reach(), notifier=Pager()))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert len(heard) == 1


def _called(shop: Shop, then: Callable[[], object]) -> tuple[RecoveryRecord, int]:
    """(record, notices) of a plan whose last resort is a person, whose only remedy did not help in time."""
    heard: list[Notice] = []

    class Pager:
        heard = True

        def send(self, notice: Notice) -> None:
            heard.append(notice)

    plan = shop.plan({"action": "restart-dns"}, {"action": "notify"})
    options = Options(listen=at("restart-dns", "failed", then))
    return recovery.recover(plan, replace(shop.reach(), notifier=Pager()), options), len(heard)


def test_nobody_is_called_for_what_has_healed_before(shop: Shop) -> None:
    def heal() -> None:
        shop.gone(ObjectRef(kube.POD, "shop", "cart-bad"))
        shop.puts(made.pod("cart-good", of="cart-h1"))

    record, notices = _called(shop, heal)
    assert (record.reason, notices) == ("restart-dns helped, later than expected", 0)


def test_somebody_is_called_though_nobody_can_say_whether_it_healed(shop: Shop) -> None:
    record, notices = _called(shop, partial(shop.goes, 70))
    assert [step["action"] for step in record.steps] == ["restart-dns", "notify"]
    assert (record.outcome, notices) == (Outcome.NOT_RECOVERED, 1)


# ---------------------------------------------------------------- the clock is set


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_meanwhile_changes_no_recovery(shop: Shop, hours: float) -> None:
    def jump() -> None:
        shop.clock.ahead = timedelta(hours=hours)

    record = shop.recover(listen=at("roll-back", "done", jump))
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert (shop.broken, shop.rolled) == (False, 1)
    assert record.seconds_to_recover is not None
    assert 0 < record.seconds_to_recover < 10
    (account,) = accounts(shop, "shop")
    assert (account.state, account.outcome) == ("done", "recovered")


# ---------------------------------------------------------------- what comes by itself meanwhile


class Database(Shop):
    """A shop whose database hangs, until its pod is replaced by one that has just begun to start."""

    def __init__(self) -> None:
        super().__init__()
        body = made.deployment("db", replicas=1)
        body["status"]["readyReplicas"] = 0
        self.puts(body)
        self.puts(made.replica_set("db", 1, ready=0))
        self.puts(made.pod("db-hangs", of="db-h1", ready=False, unready_for=30))

    def decision(self) -> Decision:
        found = recovery.detect_issues(self, None, self.clock, "shop")
        decided = recovery.plan_for(found, self.reach(), namespace="shop")
        return next(each for each in decided if each.issue.target.name == "db")

    def begins(self) -> None:
        self.gone(ObjectRef(kube.POD, "shop", "db-hangs"))
        self.puts(made.pod("db-starts", of="db-h1", ready=False, age=1, unready_for=1))

    def approved(self) -> None:
        """A person says yes; meanwhile the pod was replaced."""
        self.begins()
        (asked,) = approvals.pending(self, self.clock)
        approvals.decide(self, self.clock, asked, "approved", by="ada")


@pytest.mark.parametrize("approval", [True, False])
def test_a_database_that_starts_by_itself_before_the_act_is_left_to_it(*, approval: bool) -> None:
    shop = Database()
    plan = shop.decision()
    assert isinstance(plan, Plan)
    assert "database-down" in plan.issue.kinds
    if not approval:
        shop.begins()
    reach, options = shop.reach(), Options(listen=at("approval", "begun", shop.approved), wait=True)
    record = recovery.recover(plan, replace(reach, approval=approval), options)
    assert (record.outcome, record.steps) == (Outcome.REFUSED, ()), record.reason
    assert record.reason == (
        "evidence: deployment/db may serve in a moment by now: look again (limit: what is seen)"
    )
    assert shop.get(ObjectRef(kube.POD, "shop", "db-starts"))


def test_a_database_that_hangs_still_is_mended_when_a_person_says_so() -> None:
    shop = Database()

    def yes() -> None:
        (asked,) = approvals.pending(shop, shop.clock)
        approvals.decide(shop, shop.clock, asked, "approved", by="ada")

    options = Options(listen=at("approval", "begun", yes), wait=True)
    record = recovery.recover(shop.decision(), replace(shop.reach(), approval=True), options)
    assert record.steps[0]["action"] == "restart-pod"
    assert "delete pod/db-hangs" in shop.wrote


# ---------------------------------------------------------------- two at once


def test_of_two_recoveries_of_one_issue_one_acts(shop: Shop) -> None:
    plan, second = shop.decision(), list[RecoveryRecord]()

    def other() -> None:
        shop.lives(accounts(shop, "shop")[0])
        second.append(shop.recover(plan))

    record = shop.recover(plan, listen=at("roll-back", "begun", other))
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert second[0].outcome is Outcome.REFUSED
    assert second[0].reason.startswith("busy"), second[0].reason
    assert shop.rolled == 1


def test_of_two_that_were_both_admitted_none_acts_beside_the_other(shop: Shop) -> None:
    plan, second = shop.decision(), list[RecoveryRecord]()

    def between(verb: str, target: ObjectRef) -> None:
        if (verb, target.kind) == ("create", kube.LEASE) and not second:
            shop.before_write = lambda _verb, _target: None
            second.append(shop.recover(plan))

    shop.before_write = between
    record = shop.recover(plan)
    assert second[0].outcome is Outcome.RECOVERED, second[0].reason
    assert record.outcome is Outcome.REFUSED
    assert shop.rolled == 1
    assert [each.state for each in accounts(shop, "shop")] == ["done"]


def _echo(shop: Shop) -> tuple[Plan, Ledger]:
    """A plan about what may be the echo of search, and the ledger of whoever recovers that since."""
    plan = shop.plan({"action": "restart-pod"})
    (issue,) = classify([made.symptom("pool-errors", "cart")], now=made.NOW)
    plan = replace(plan, issue=issue, near=(ref("search"),))
    return plan, Ledger.open(
        shop, shop.clock, id="r1", act="recovery", namespace="shop", targets=(ref("search"),), trace_id="t"
    )


def test_an_echo_is_left_alone_when_the_recovery_of_its_cause_began_meanwhile(shop: Shop) -> None:
    plan, ledger = _echo(shop)
    shop.lives(ledger.account)
    record = shop.recover(plan)
    assert (record.outcome, shop.broken) == (Outcome.NOTHING_TO_DO, True)
    assert record.reason == (
        "root cause: deployment/search is being recovered: this may be its echo (limit: roots only)"
    )
    assert [each.id for each in accounts(shop, "shop")] == ["r1"]


def test_what_is_no_echo_any_more_once_a_dead_recovery_is_undone_is_acted_on(shop: Shop) -> None:
    plan, _ = _echo(shop)
    record = shop.recover(plan)
    assert [step["action"] for step in record.steps] == ["restart-pod"]
    assert "rescue" in [each.name for each in record.timeline]


OWED = (
    "recovery {} died, and its undo is not confirmed "
    "(deployment/{}: nobody here knows how to undo 'of-another-version'): chaoskit rescue"
)


def _unknown(name: str) -> Entry:
    """What nobody here knows how to undo."""
    return Entry("of-another-version", ref(name), ("spec", "x"), 1, 2)


def test_the_echo_of_a_dead_recovery_that_cannot_be_undone_is_no_good_end(shop: Shop) -> None:
    plan, ledger = _echo(shop)
    ledger.write(_unknown("search"))
    record = shop.recover(plan)
    assert (record.outcome, record.steps) == (Outcome.UNDO_UNCONFIRMED, ())
    assert record.reason == f"root cause: {OWED.format('r1', 'search')} (limit: roots only)"
    assert [each.id for each in accounts(shop, "shop")] == ["r1"]


def test_what_a_dead_recovery_on_the_same_left_and_cannot_be_undone_is_no_good_end(shop: Shop) -> None:
    plan, ledger = shop.back(), _left_by_the_dead(shop, "cart")
    record = shop.recover(plan)
    assert (record.outcome, shop.rolled) == (Outcome.UNDO_UNCONFIRMED, 0)
    assert "deployment/cart" in record.reason
    assert OWED.format(ledger.account.id, "cart") in record.reason


def test_a_dead_recovery_elsewhere_that_cannot_be_undone_is_told_and_in_nobodys_way(shop: Shop) -> None:
    plan, _ = _echo(shop)
    _left_by_the_dead(shop, "orders")
    warned: list[str] = []
    owed: list[Rescued] = []

    def keep(rescued: Rescued) -> Rescued:
        owed.append(rescued)
        return rescued

    record = shop.recover(
        plan, keep=keep, listen=lambda e: warned.append(e.message) if isinstance(e, Warned) else None
    )
    assert [step["action"] for step in record.steps] == ["restart-pod"]
    assert OWED.format("r-orders", "orders") in warned
    assert [each.account.id for each in owed if each.undo.left] == ["r-orders"]


def _left_by_the_dead(shop: Shop, name: str) -> Ledger:
    ledger = Ledger.open(
        shop, shop.clock, id=f"r-{name}", act="recovery", namespace="shop", targets=(ref(name),), trace_id="t"
    )
    ledger.write(_unknown(name))
    return ledger


# ---------------------------------------------------------------- the history store stops


class Stopped(SqliteStore):
    """A main store that is stopped and started."""

    running = True

    def put(self, document: Document) -> None:
        if not self.running:
            raise Unavailable("the store does not answer", service="store")
        super().put(document)

    def find(self, *what: Any, **how: Any) -> tuple[Document, ...]:
        if not self.running:
            raise Unavailable("the store does not answer", service="store")
        return super().find(*what, **how)


@pytest.fixture
def main(tmp_path: Path) -> Iterator[Stopped]:
    found = Stopped(tmp_path / "main.db")
    yield found
    found.close()


def test_a_store_that_is_stopped_in_the_middle_loses_nothing_and_stops_nothing(
    shop: Shop, main: Stopped, tmp_path: Path
) -> None:
    times = [0.0]
    spooling = SpoolingStore(
        "x", lambda: main, lambda: SqliteStore(tmp_path / "spool.db"), monotonic=lambda: times[0]
    )
    nothing: Any = None
    flow = AutoRecovery(World(shop, None, spooling, nothing, shop.clock, Limits(), tmp_path))
    (plan,) = flow.plan(flow.detect("shop"), namespace="shop")
    heard: list[Event] = []
    stops = at("roll-back", "done", lambda: setattr(main, "running", False))

    def listen(event: Event) -> None:
        heard.append(event)
        stops(event)

    record = flow.recover(plan, listen=listen)
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert any("waits here" in each.message for each in heard if isinstance(each, Warned))
    main.running, times[0] = True, RETRY
    assert [each["id"] for each in spooling.find("recovery")] == [record.id]
    assert [each["id"] for each in main.find("recovery")] == [record.id]


# ---------------------------------------------------------------- its process dies


class Killed(BaseException):
    """As good as a SIGKILL: nothing of ours runs after it."""


def _die() -> None:
    raise Killed


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_recovery_that_died_is_in_the_history_with_what_it_knew(
    shop: Shop, main: Stopped, tmp_path: Path, *, spoilt: bool
) -> None:
    with pytest.raises(Killed):
        shop.recover(listen=at("roll-back", "done", _die))
    (account,) = accounts(shop, "shop")
    if spoilt:
        shop.patch(account.ref, {"metadata": {"annotations": {EVIDENCE: "[}"}}})
    nothing: Any = None
    world = World(shop, None, main, nothing, shop.clock, Limits(), tmp_path)
    rescue(world, namespace="shop")
    assert shop.broken
    (kept,) = main.find("recovery")
    assert (kept["issue"], kept["target"]) == ("pod-crash", "deployment/cart")
    (step,) = kept["steps"]
    assert (step["action"], step["done"], step["undone"]) == ("roll-back", True, True)
    kinds = {each["kind"] for each in kept["symptoms"]}
    assert ("bad-rollout" in kinds) is not spoilt
    assert bool(step["targets"]) is not spoilt
    assert AutoRecovery(world).patterns().strategies == ()  # it was cut short: that proves nothing
    assert not AutoRecovery(world).what_if(())[0].changed


def test_a_recovery_that_died_in_the_way_of_the_next_is_finished_by_it_and_in_the_history_too(
    shop: Shop, main: Stopped, tmp_path: Path
) -> None:
    decision = shop.decision()
    target = decision.issue.target
    dead = Ledger.open(
        shop, shop.clock, id="dead", act="recovery", namespace="shop", targets=(target,), trace_id="t"
    )
    dead.note("roll-back")
    nothing: Any = None
    flow = AutoRecovery(World(shop, None, main, nothing, shop.clock, Limits(), tmp_path))
    record = flow.recover(decision)
    kept = {each["id"]: each for each in main.find("recovery")}
    assert kept.keys() == {"dead", record.id}
    assert "died before it had a verdict" in kept["dead"]["reason"]


def test_what_a_recovery_knew_is_in_its_lease_only_while_it_is_under_way(shop: Shop) -> None:
    during: list[str] = []
    shop.recover(listen=at("roll-back", "done", lambda: during.append(accounts(shop, "shop")[0].evidence)))
    (account,) = accounts(shop, "shop")
    assert "bad-rollout" in during[0]
    assert account.evidence == ""
