"""Acts whose answer never came, or was no: what was not done, or only may have been, did not help."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.flows.watched import Pager
from tests.recovery import made
from tests.recovery.made import ref
from tests.recovery.test_hardships import Refusing, Shop, at

from chaoskit import kube, recovery
from chaoskit.acts.accounts import accounts
from chaoskit.acts.doubts import LATE
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.errors import CannotStart, ChaoskitError, Conflict, Forbidden, Refused, Unavailable, after
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.http import Response
from chaoskit.recovery import Options, Plan, remedies
from chaoskit.recovery.remedies import Deadline, Hands
from chaoskit.recovery.sending import Sending

Act = Callable[[], object]
Error = Callable[[], ChaoskitError]
Before = Callable[[str, ObjectRef], None]

BAD = ObjectRef(kube.POD, "shop", "cart-bad")


class Deleting(Shop):
    """A shop whose server goes just when cart's pod is to be deleted, before that is `done` or after."""

    def __init__(self, away: float, *, done: bool = False) -> None:
        super().__init__()
        self._left = [away]
        self._done = done

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        if ref.kind != kube.POD or not self._left:
            super().delete(ref, **options)
            return
        if self._done:
            super().delete(ref, **options)
        self.goes(self._left.pop())
        raise Unavailable("connection refused", service="kubernetes")

    def serves(self, name: str = "cart-bad") -> None:
        self.puts(made.pod(name, of="cart-h2"))

    def restarting(self, *more: Mapping[str, Any]) -> Plan:
        """A plan that replaces cart's pod, and does more after that."""
        plan = self.plan({"action": "restart-pod"}, *map(dict, more), {"action": "notify"})
        first, *others = plan.rungs
        return replace(plan, rungs=(replace(first, pods=("cart-bad",)), *others))

    @property
    def deleted(self) -> bool:
        return f"delete {BAD}" in self.wrote


@pytest.mark.parametrize(("away", "well"), [(64, 30), (20, 10)])
def test_what_never_reached_the_server_did_not_help(away: float, well: float) -> None:
    shop = Deleting(away)
    plan = shop.restarting()
    shop.clock.call_at(well, shop.serves)
    record = shop.recover(plan)
    assert not shop.deleted
    assert record.outcome is Outcome.HEALED
    assert record.reason == "the symptom went away; nobody can say whether restart-pod did it"
    assert [(each["action"], each["helped"]) for each in record.steps] == [("restart-pod", False)]
    assert record.seconds_to_recover is None


def test_what_was_done_without_an_answer_has_its_time_before_something_else_is_tried() -> None:
    shop = Deleting(62, done=True)
    plan = shop.restarting()
    shop.clock.call_at(75, partial(shop.serves, "cart-good"))
    record = shop.recover(plan)
    assert shop.deleted
    assert record.outcome is Outcome.HEALED, record.reason
    assert [each["action"] for each in record.steps] == ["restart-pod"]


def test_what_may_have_been_done_and_did_not_help_is_followed_by_the_next() -> None:
    shop = Deleting(62, done=True)
    record = shop.recover(shop.restarting())
    assert record.outcome is Outcome.NOT_RECOVERED
    first, last = record.steps
    assert last["action"] == "notify"
    assert first["detail"].startswith("the server does not answer; 0 of 1 ready"), first["detail"]


def test_what_the_server_shows_to_be_undone_is_followed_by_the_next() -> None:
    shop = Deleting(64)
    record = shop.recover(shop.restarting())
    assert record.outcome is Outcome.NOT_RECOVERED
    assert record.steps[0]["detail"] == "the server does not answer"


def _taken_over(shop: Shop) -> None:
    (account,) = accounts(shop, "shop")
    Ledger.take_over(shop, shop.clock, account)


def _removed(shop: Shop) -> None:
    (account,) = accounts(shop, "shop")
    shop.delete(account.ref)


class Lasting(Deleting):
    """Cart serves again once its pod is deleted, if that `helps`."""

    def __init__(self, *, helps: bool) -> None:
        super().__init__(0)
        self._left, self._helps = [], helps

    def delete(self, ref: ObjectRef, **options: Any) -> None:
        super().delete(ref, **options)
        if ref.name == BAD.name and self._helps:
            self.serves("cart-good")


@pytest.mark.parametrize("lose", [_taken_over, _removed])
@pytest.mark.parametrize(
    ("helps", "last", "outcome"),
    [
        (True, ("restart-pod", "held"), Outcome.RECOVERED),
        (False, ("notify", "failed"), Outcome.NOT_RECOVERED),
    ],
)
def test_a_recovery_that_lost_its_ledger_when_all_was_done_ends_as_it_came_to(
    lose: Callable[[Shop], None], *, helps: bool, last: tuple[str, str], outcome: Outcome
) -> None:
    shop, pager = Lasting(helps=helps), Pager()
    plan = shop.restarting()
    reach = replace(shop.reach(), notifier=pager)
    record = recovery.recover(plan, reach, Options(listen=at(*last, partial(lose, shop))))
    assert (record.outcome, record.undo.state) == (outcome, "none needed"), record.reason
    assert len(pager.pages) == (0 if helps else 1)


@pytest.mark.parametrize(
    ("lose", "outcome", "undo"),
    [
        (_taken_over, Outcome.UNDO_UNCONFIRMED, "not confirmed"),
        (_removed, Outcome.RECOVERED, "none needed"),
    ],
)
def test_what_helped_is_owed_to_who_took_the_ledger_over_and_to_nobody_when_it_is_gone(
    lose: Callable[[Shop], None], outcome: Outcome, undo: str
) -> None:
    shop = Shop()
    record = shop.recover(listen=at("roll-back", "held", partial(lose, shop)))
    assert (record.outcome, record.undo.state) == (outcome, undo), record.reason


def test_a_recovery_that_was_taken_over_and_owes_nothing_leaves_no_undo_unconfirmed() -> None:
    shop = Deleting(0)
    shop.clock.call_at(10, partial(_taken_over, shop))
    record = shop.recover(shop.restarting())
    assert (record.outcome, record.undo.state) == (Outcome.NOT_RECOVERED, "none needed")
    assert "was taken over by" in record.reason
    assert [each["action"] for each in record.steps] == ["restart-pod"]


def test_a_restart_whose_answer_was_lost_is_seen_and_stays() -> None:
    shop = Shop()

    def lost(target: ObjectRef) -> None:
        if target.name == "cart":
            shop.after_patch = lambda _ref: None
            shop.goes(62)
            raise Unavailable("the answer is lost", service="kubernetes")

    shop.after_patch = lost
    record = shop.recover(shop.plan({"action": "rolling-restart"}, {"action": "notify"}))
    assert record.outcome is Outcome.ERRORED
    assert record.reason.startswith("rolling-restart was done and stays"), record.reason
    assert [each["action"] for each in record.steps] == ["rolling-restart"]


def test_a_restart_that_never_reached_the_server_is_not_said_to_stay() -> None:
    shop = Refusing(ref("cart"))
    record = shop.recover(shop.plan({"action": "rolling-restart"}))
    assert record.outcome is Outcome.NOT_RECOVERED
    assert record.reason == "rolling-restart: the server does not answer"


def test_what_was_done_in_part_when_nobody_saw_it_come_back_is_taken_back() -> None:
    shop = Refusing(ref("nobody"))
    plan = shop.plan({"action": "scale"}, targets=("orders", "search"))
    rungs = tuple(replace(rung, expects={"from": "1", "to": "2"}) for rung in plan.rungs)
    goes = at("scale", "done", lambda: shop.goes(95))
    record = shop.recover(replace(plan, rungs=rungs), listen=goes)
    assert (record.outcome, record.undo.state) == (Outcome.NOT_RECOVERED, "confirmed"), record.reason
    assert [shop.get(ref(name))["spec"]["replicas"] for name in ("orders", "search")] == [1, 1]


def test_what_the_server_denied_did_not_help_when_it_heals_later() -> None:
    shop = Shop()

    def denied(target: ObjectRef, _options: Any) -> None:
        if target.kind == kube.POD:
            shop.puts(made.pod("cart-bad", of="cart-h2"))
            raise Refused("a webhook of the server's says no", guard="admission")

    shop.before_delete = denied
    plan = shop.plan({"action": "restart-pod"}, {"action": "notify"})
    first, last = plan.rungs
    record = shop.recover(replace(plan, rungs=(replace(first, pods=("cart-bad",)), last)))
    assert (record.outcome, record.reason) == (Outcome.HEALED, "the symptom went away by itself")
    assert [(each["done"], each["helped"]) for each in record.steps] == [(False, False)]


class Losing(Shop):
    """A shop whose server does not answer to the first change of orders, which is done that much later."""

    def __init__(self, late: float) -> None:
        super().__init__()
        self._late = [late]
        self.after_patch = self._scaled

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        done = partial(super().patch, ref, patch, **options)
        if ref.name != "orders" or dry_run or not self._late:
            return super().patch(ref, patch, dry_run=dry_run, **options)
        self.clock.call_at(self._late.pop(), partial(_in_vain, done))
        raise Unavailable("etcdserver: request timed out", service="kubernetes")

    def _scaled(self, ref: ObjectRef) -> None:
        if ref.name == "orders":
            self.puts(made.pod("orders-1", of="orders-h1"))


def scaling(shop: Shop) -> Plan:
    """A plan that has orders scaled, which does not help."""
    plan = shop.plan({"action": "scale"}, {"action": "notify"}, targets=("orders",))
    first, last = plan.rungs
    return replace(plan, rungs=(replace(first, expects={"from": "1", "to": "2"}), last))


def _in_vain(done: Callable[[], object]) -> None:
    """It is for a version that may be another by now."""
    with suppress(Conflict):
        done()


def test_a_change_without_an_answer_is_taken_back_when_it_comes_after_the_stop() -> None:
    shop, stop = Losing(8), threading.Event()
    record = shop.recover(scaling(shop), stop=stop, listen=at("server", "note", stop.set))
    shop.clock.turn(2 * LATE)
    assert (record.outcome, record.undo.state) == (Outcome.INTERRUPTED, "confirmed")
    assert shop.get(ref("orders"))["spec"]["replicas"] == 1


def test_what_is_done_when_it_is_tried_again_is_taken_back_at_once() -> None:
    took = []
    for shop in (Shop(), Losing(8)):
        began = shop.clock.monotonic()
        record = shop.recover(scaling(shop))
        assert (record.outcome, record.undo.state) == (Outcome.NOT_RECOVERED, "confirmed"), record.reason
        assert record.steps[0]["done"]
        took.append(shop.clock.monotonic() - began)
    assert took[1] - took[0] < 10


def _no(error: Error, *, harmless: bool, of: str = "orders", tell: Act = lambda: None) -> Before:
    """The server says so to each change of this one."""

    def denied(_verb: str, target: ObjectRef) -> None:
        if target.name == of:
            tell()
            denial = error()
            denial.harmless = harmless
            raise denial

    return denied


SHED = partial(Unavailable, "too many requests (HTTP 429)", service="kubernetes")


@pytest.mark.parametrize("harmless", [True, False])
@pytest.mark.parametrize("error", [partial(Forbidden, "not any more"), SHED])
def test_what_the_server_denied_may_be_done_where_an_attempt_before_it_was_lost(
    error: Error, *, harmless: bool
) -> None:
    shop = Shop()
    shop.before_write = _no(error, harmless=harmless)
    record = shop.recover(scaling(shop))
    assert record.outcome is Outcome.NOT_RECOVERED, record.reason
    assert record.steps[0]["done"] is not harmless


@pytest.mark.parametrize("harmless", [True, False])
def test_what_is_tried_again_is_owed_once(*, harmless: bool) -> None:
    shop, owed = Shop(), list[int]()
    shop.before_write = _no(
        SHED,
        harmless=harmless,
        tell=lambda: owed.extend(len(each.entries) for each in accounts(shop)),
    )
    record = shop.recover(scaling(shop))
    assert (set(owed), record.undo.state) == ({1}, "confirmed")
    assert len(owed) > 9


def test_a_symptom_that_goes_while_the_server_takes_nothing_went_by_itself() -> None:
    shop = Lasting(helps=False)
    plan = shop.restarting()
    shop.before_delete = lambda pod, _options: _no(SHED, harmless=True, of="cart-bad")("delete", pod)
    shop.clock.call_at(30, shop.serves)
    record = shop.recover(plan)
    assert (record.outcome, record.reason) == (Outcome.HEALED, "the symptom went away by itself")


class Elsewhere(Shop):
    """Others give cart another template just when it is to be rolled back, whose first answer was lost."""

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **options: Any) -> Object:
        if ref.name != "cart" or dry_run:
            return super().patch(ref, patch, dry_run=dry_run, **options)
        self.objects[ref.kind, "shop", "cart"]["spec"]["template"]["metadata"]["labels"]["by"] = "others"
        with after(harmless=False):
            raise Conflict("it has changed")


def test_what_was_owed_before_is_owed_still_when_a_change_meets_another_of_the_same() -> None:
    shop = Elsewhere()
    cart = kube.ref_of(shop.get(ref("cart")), kube.DEPLOYMENT)
    older = Entry("rollout", cart, ("spec", "template"), "cart-h0", "the digest of an act before")
    ledger = Ledger.open(
        shop, shop.clock, id="r", act="recovery", namespace="shop", targets=(ref("cart"),), trace_id="t"
    )
    ledger.write(older)
    plan = shop.plan({"action": "roll-back"})
    rung = replace(plan.rungs[0], expects={"from": "cart-h2", "to": "cart-h1"})
    hands = Hands(shop, shop.clock, "r", shop.clock.now(), plan.issue, Deadline(shop.clock, 60))
    with pytest.raises(CannotStart, match="another revision"):
        remedies.apply(rung, ref("cart"), hands, ledger)
    assert [each.before for each in ledger.account.entries] == ["cart-h0"]


class Hooks:
    """The first post gets no answer, the next a 500."""

    def __init__(self) -> None:
        self._answers: list[Callable[[], Response]] = [self._lost, lambda: Response(500, "", 0.1)]

    def _lost(self) -> Response:
        raise Unavailable("connection reset", service="the webhook")

    def post(self, url: str, body: str, *, timeout: float = 10.0) -> Response:
        return self._answers.pop(0)()


def test_a_webhook_that_says_no_when_asked_again_was_not_called() -> None:
    shop = Shop()
    plan = shop.plan({"action": "call-webhook", "url": "https://hooks.example/"})
    record = recovery.recover(plan, replace(shop.reach(), hooks=Hooks()), Options())
    assert record.steps[0]["detail"] == "the webhook answered with 500"


# ---------------------------------------------------------------- what is known of them together


def _told(words: str) -> str:
    sending = Sending()
    for word in words.split():
        getattr(sending, word)()
    return sending.state


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("", "not sent"),
        ("sends denied", "not sent"),
        ("sends", "sent"),
        ("sends sends denied", "sent"),
        ("sends answered sends", "sent"),
        ("sends answered", "answered"),
        ("sends answered sends denied", "answered"),
        ("sends sends answered", "answered"),
    ],
)
def test_only_what_got_an_answer_is_known(told: str, state: str) -> None:
    assert _told(told) == state
