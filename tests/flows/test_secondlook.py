"""What only a moment holds up is decided on a second time: by commands, which do not go on watching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.flows.watched import Town, app
from tests.recovery import made
from tests.recovery.made import NOW, symptom

from chaoskit.acts.accounts import accounts
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import Rescued
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock, Stop
from chaoskit.errors import Refused, Unavailable
from chaoskit.flows import secondlook
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.secondlook import Look, Went
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Decision, Issue, Plan, Refusal, classify

CALLER, CAUSE = "frontend", "cart"

UNKNOWN = Entry("of-another-version", made.ref(CAUSE), ("spec", "x"), 1, 2)
"""Nobody here knows how to undo it."""


class Shop:
    """A frontend that calls a cart, and somebody who recovers there."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Town(*app(CALLER, env={"UPSTREAM": f"http://{CAUSE}/"}), *app(CAUSE))
        self.clock = ManualClock(NOW)
        nothing: Any = None
        store = SqliteStore(folder / "store.db")
        self.world = World(self.cluster, None, store, nothing, self.clock, Limits(), folder)
        self.flow = AutoRecovery(self.world)

    def decided(self, kind: str, *, since: float = 600.0) -> Decision:
        """What is decided on a symptom of the caller that shows now."""
        (issue,) = classify([symptom(kind, CALLER, since=since)], now=self.clock.now())
        return self.again(issue)

    def again(self, issue: Issue) -> Decision:
        (decision,) = self.flow.plan([replace(issue, at=self.clock.now())], namespace="shop")
        return decision

    def crash(self) -> Decision:
        """What is decided on a crash of the cause."""
        (decision,) = self.flow.plan(classify([symptom("crash-loop", CAUSE)], now=NOW), namespace="shop")
        return decision

    def ledger(self) -> Ledger:
        """The cause is being recovered."""
        return Ledger.open(
            self.cluster, self.clock, id="r1", act="recovery", namespace="shop",
            targets=(made.ref(CAUSE),), trace_id="t",
        )  # fmt: skip


class Hands:
    """Carries plans out, which end as they are told to; what is refused ends as ever."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.did: list[str] = []
        self.acted: list[str] = []
        self.ends: dict[str, Outcome] = {}
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, decision: Decision, **options: Any) -> RecoveryRecord:
        self.did.append(decision.issue.id)
        if isinstance(decision, Refusal):
            return self.shop.flow.recover(decision, **options)
        self.acted.append(decision.issue.id)
        self.meanwhile()
        issue, now = decision.issue, self.shop.clock.now()
        ended = self.ends.get(issue.id, Outcome.RECOVERED)
        return RecoveryRecord(
            id=issue.id, at=now, trace_id="t", issue=issue.kind, target=str(issue.target), namespace="shop",
            cluster="", outcome=ended, reason="told so", ended_at=now,
        )  # fmt: skip


class Errand:
    """A crash of the cause is recovered at once, and errors of the caller in their first minute are not."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.hands, self.stop = shop, Hands(shop), Stop()
        self.waiting = _held_up(shop.decided("errors", since=20.0))
        self.looked = 0
        self.asked: list[int] = []

    def look(self) -> Look:
        """They are still there."""
        self.looked += 1
        return Look([self.shop.again(self.waiting.issue)])

    def ask(self, decisions: Sequence[Decision]) -> None:
        self.asked.append(len(decisions))

    def run(self, **more: Any) -> Went:
        hands: dict[str, Any] = {"look": self.look, "ask": self.ask, **more}
        return secondlook.recover(
            self.shop.world, [self.waiting, self.shop.crash()], carry=self.hands, stop=self.stop, **hands
        )


def _away() -> Any:
    raise Unavailable("the server does not answer", service="kubernetes")


@pytest.fixture
def errand(shop: Shop) -> Errand:
    return Errand(shop)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def _held_up(decision: Decision) -> Refusal:
    (waiting,) = secondlook.held_up([decision])
    assert waiting is decision
    assert waiting.outcome is Outcome.NOTHING_TO_DO
    return waiting


def test_who_was_the_echo_of_a_dead_recovery_is_recovered_once_that_is_undone(shop: Shop) -> None:
    shop.ledger()
    shop.clock.turn(24 * 3600)
    waiting = _held_up(shop.decided("pool-errors"))
    secondlook.outlast([waiting], shop.world)
    assert accounts(shop.cluster, "shop") == ()
    (decision,) = secondlook.followed([waiting], Look([shop.again(waiting.issue)]))
    assert isinstance(decision, Plan)


def test_who_is_the_echo_of_a_recovery_that_goes_on_is_left_alone(shop: Shop) -> None:
    ledger = shop.ledger()
    for seconds in range(10, 60, 10):
        shop.clock.call_at(float(seconds), ledger.renew)
    waiting = _held_up(shop.decided("pool-errors"))
    secondlook.outlast([waiting], shop.world)
    assert [each.state for each in accounts(shop.cluster, "shop")] == ["active"]
    (decision,) = secondlook.followed([waiting], Look([shop.again(waiting.issue)]))
    assert _held_up(decision).why == waiting.why


def test_errors_of_the_first_minute_are_decided_on_when_it_is_over(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    secondlook.outlast([waiting], shop.world)
    assert shop.clock.now() == NOW + timedelta(seconds=40)
    (decision,) = secondlook.followed([waiting], Look([shop.again(waiting.issue)]))
    assert isinstance(decision, Plan)


def test_errors_that_began_anew_meanwhile_are_no_good_end(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    (decision,) = secondlook.followed([waiting], Look([waiting]))
    assert isinstance(decision, Refusal)
    assert (decision.outcome, decision.why) == (Outcome.REFUSED, waiting.why)


def test_only_what_was_held_up_is_followed_unless_others_are_wanted(shop: Shop) -> None:
    waiting, crash = _held_up(shop.decided("errors", since=20.0)), shop.crash()
    seen = Look([waiting, crash])
    (alone,) = secondlook.followed([waiting], seen)
    assert alone.issue == waiting.issue
    assert secondlook.followed([waiting], seen, others=True)[1:] == (crash,)
    assert secondlook.followed([waiting], seen, others=True, known=[crash.issue.name]) == (alone,)


def test_what_went_away_meanwhile_is_nothing_to_do(shop: Shop) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    (gone,) = secondlook.followed([waiting], Look([]))
    assert isinstance(gone, Refusal)
    assert (gone.issue, gone.outcome) == (waiting.issue, Outcome.NOTHING_TO_DO)


@pytest.mark.parametrize(
    ("kind", "outcome"), [("errors", Outcome.NO_BASELINE), ("not-ready", Outcome.NOTHING_TO_DO)]
)
def test_what_nobody_could_see_did_not_go_away(shop: Shop, kind: str, outcome: Outcome) -> None:
    waiting = _held_up(shop.decided("errors", since=20.0))
    waiting = replace(waiting, issue=classify([symptom(kind, CALLER)], now=NOW)[0])
    (gone,) = secondlook.followed([waiting], Look([], "Prometheus does not answer"))
    assert isinstance(gone, Refusal)
    assert gone.outcome is outcome
    assert ("Prometheus does not answer" in gone.why) is (kind == "errors")


def test_who_is_the_echo_of_a_dead_recovery_that_cannot_be_undone_has_no_good_end(shop: Shop) -> None:
    shop.ledger().write(UNKNOWN)
    shop.clock.turn(3600)
    waiting, owed = _held_up(shop.decided("pool-errors")), list[Rescued]()
    secondlook.outlast([waiting], shop.world, hear=owed.append)
    seen = Look([shop.again(waiting.issue)])
    (decision,) = secondlook.followed([waiting], seen, owed=owed)
    assert isinstance(decision, Refusal)
    assert decision.outcome is Outcome.UNDO_UNCONFIRMED
    assert decision.why == (
        "recovery r1 died, and its undo is not confirmed "
        "(deployment/cart: nobody here knows how to undo 'of-another-version'): chaoskit rescue"
    )
    alive = replace(waiting, cause=made.ref("orders"))
    assert secondlook.followed([alive], Look([alive]), owed=owed) == (alive,)


# ---------------------------------------------------------------- the whole way


def test_what_is_clear_is_done_at_once_and_what_was_not_after_a_second_look(errand: Errand) -> None:
    went = errand.run()
    assert errand.hands.did == ["cart-pod-crash", "frontend-unexplained"]
    assert (went.outcome, went.left, went.why) == (Outcome.RECOVERED, (), None)
    assert errand.asked == [1]
    assert errand.shop.clock.now() == NOW + timedelta(seconds=40)


@pytest.mark.parametrize("resting", [False, True])
@pytest.mark.parametrize("others", [False, True])
def test_what_was_recovered_at_once_and_is_ill_again_is_told_and_left_alone(
    errand: Errand, *, resting: bool, others: bool
) -> None:
    crash = errand.shop.crash()
    again = Refusal(crash.issue, "cool-down", "2m", "it rests") if resting else crash
    went = errand.run(look=lambda: Look([again]), others=others)
    assert errand.hands.acted == ["cart-pod-crash"]
    assert [each.outcome for each in went.done] == [
        Outcome.RECOVERED,
        Outcome.NOTHING_TO_DO,
        Outcome.NOT_RECOVERED,
    ]
    assert "deployment/cart was recovered just now, and is ill again: crash-loop" in went.done[-1].reason
    assert went.outcome.exit_code == 1


@pytest.mark.parametrize("ended", [Outcome.NOT_RECOVERED, Outcome.UNDO_UNCONFIRMED])
def test_what_was_not_recovered_is_told_once(errand: Errand, ended: Outcome) -> None:
    errand.hands.ends["cart-pod-crash"] = ended
    went = errand.run(look=lambda: Look([errand.shop.crash()]), others=True)
    assert [each.outcome for each in went.done] == [ended, Outcome.NOTHING_TO_DO]


def test_what_else_is_seen_of_what_was_recovered_does_not_say_that_it_is_ill_again(shop: Shop) -> None:
    crash = shop.crash()
    other = replace(crash.issue, symptoms=(symptom("error-exit", CAUSE),))
    alert = replace(symptom("crash-loop", CAUSE), heard=NOW)
    told = replace(crash.issue, symptoms=(*other.symptoms, alert))
    effect = Refusal(crash.issue, "root cause", "", "an echo", outcome=Outcome.NOTHING_TO_DO)
    assert list(secondlook.back([crash.issue], Look([crash])))
    for each in (replace(crash, issue=other), replace(crash, issue=told), effect):
        assert not list(secondlook.back([crash.issue], Look([each])))


def test_where_nothing_waits_nobody_looks_again(errand: Errand) -> None:
    went = secondlook.recover(errand.shop.world, [errand.shop.crash()], errand.look, errand.hands)
    assert (errand.hands.did, errand.looked, went.outcome) == (["cart-pod-crash"], 0, Outcome.RECOVERED)


def test_a_stop_in_the_last_recovery_of_the_first_look_is_the_end(errand: Errand) -> None:
    errand.stop.signal, errand.hands.meanwhile = 15, errand.stop.set
    went = errand.run()
    assert (errand.hands.did, errand.looked) == (["cart-pod-crash"], 0)
    assert errand.shop.clock.now() == NOW
    assert went.left == (errand.waiting,)
    assert went.outcome is Outcome.TERMINATED


def test_a_stop_while_one_waits_for_the_second_look_is_the_end(errand: Errand) -> None:
    errand.shop.clock.call_at(30, errand.stop.set)
    went = errand.run()
    assert (errand.hands.did, errand.looked) == (["cart-pod-crash"], 0)
    assert (went.left, went.outcome) == ((errand.waiting,), Outcome.INTERRUPTED)


def test_a_stop_while_one_is_asked_is_the_end(errand: Errand) -> None:
    went = errand.run(ask=lambda _decisions: errand.stop.set())
    assert errand.hands.did == ["cart-pod-crash"]
    assert [each.issue.id for each in went.left] == ["frontend-unexplained"]
    assert went.outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [(Outcome.UNDO_UNCONFIRMED, Outcome.UNDO_UNCONFIRMED), (Outcome.RECOVERED, Outcome.CANNOT_START)],
)
def test_an_error_in_the_second_look_loses_nothing_of_the_first(
    errand: Errand, ended: Outcome, outcome: Outcome
) -> None:
    errand.hands.ends["cart-pod-crash"] = ended
    went = errand.run(look=_away)
    assert [each.outcome for each in went.done] == [ended]
    assert (went.left, str(went.why)) == ((errand.waiting,), "the server does not answer")
    assert went.outcome is outcome


def test_a_no_to_what_the_second_look_came_to_loses_nothing_of_the_first(errand: Errand) -> None:
    def no(_decisions: Sequence[Decision]) -> None:
        raise Refused("not confirmed", guard="confirmation")

    errand.hands.ends["cart-pod-crash"] = Outcome.NOT_RECOVERED
    went = errand.run(ask=no)
    assert [each.outcome for each in went.done] == [Outcome.NOT_RECOVERED]
    assert [type(each) for each in went.left] == [Plan]
    assert isinstance(went.why, Refused)
    assert went.outcome is Outcome.NOT_RECOVERED


def test_an_error_or_a_bug_amid_the_first_look_is_the_end_and_loses_nothing(errand: Errand) -> None:
    orders = replace(errand.shop.crash(), issue=replace(errand.waiting.issue, id="orders-pod-crash"))

    def carry(decision: Decision, **options: Any) -> RecoveryRecord:
        if decision is orders:
            raise ValueError("a bug")
        return errand.hands(decision, **options)

    errand.hands.ends["cart-pod-crash"] = Outcome.UNDO_UNCONFIRMED
    decisions = [errand.shop.crash(), orders, errand.waiting]
    went = secondlook.recover(errand.shop.world, decisions, errand.look, carry)
    assert [each.id for each in went.done] == ["cart-pod-crash"]
    assert went.left == (orders, errand.waiting)
    assert (str(went.why), went.outcome) == ("a bug", Outcome.UNDO_UNCONFIRMED)
    errand.hands.ends.clear()
    assert secondlook.recover(errand.shop.world, decisions, errand.look, carry).outcome is Outcome.BUG


def test_a_dead_recovery_that_cannot_be_undone_is_no_good_end_whatever_became_of_its_echo(
    shop: Shop,
) -> None:
    shop.ledger().write(UNKNOWN)
    shop.clock.turn(3600)
    waiting, hands = shop.decided("pool-errors"), Hands(shop)
    went = secondlook.recover(shop.world, [waiting], lambda: Look([]), hands)
    assert [each.outcome for each in went.done] == [Outcome.NOTHING_TO_DO]
    assert [each.account.id for each in went.owed] == ["r1"]
    assert (went.outcome, went.why) == (Outcome.UNDO_UNCONFIRMED, None)


def test_a_dead_recovery_that_is_undone_leaves_nothing_owed(shop: Shop) -> None:
    shop.ledger()
    shop.clock.turn(3600)
    waiting = shop.decided("pool-errors")
    went = secondlook.recover(shop.world, [waiting], lambda: Look([shop.again(waiting.issue)]), Hands(shop))
    assert (went.owed, went.outcome) == ((), Outcome.RECOVERED)


# ---------------------------------------------------------------- a replay


class Signals:
    """One signal of the caller shows that it is ill, from `began` on; `silent` once Prometheus is away."""

    def __init__(self, name: str, began: datetime) -> None:
        self.name, self.began = name, began
        self.ill, self.silent = True, False

    def instant(self, signal: Signal, *_: object, **__: object) -> tuple[Sample, ...]:
        if self.silent:
            raise Unavailable("Prometheus does not answer", service="prometheus")
        labels = made.labels(f"{CALLER}-h1-a", CALLER)
        return (Sample(labels, 0.5, self.began),) if self.ill and signal.name == self.name else ()

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def _replay(shop: Shop, signals: Signals) -> Went:
    """A recovery from errors of the caller is done again."""
    record = shop.flow.recover(shop.decided("errors", since=20.0)).document()
    world = replace(shop.world, metrics=signals)
    went = secondlook.replay(AutoRecovery(world), world, record)
    (done,) = went.done
    assert (done.target, done.replay_of, done.trace_id) == (
        f"deployment/{CALLER}",
        record["id"],
        record["trace_id"],
    )
    return went


@pytest.mark.parametrize(
    ("after", "outcome"), [("ill", Outcome.NOTHING_TO_DO), ("silent", Outcome.NO_BASELINE)]
)
def test_a_replay_in_the_first_minute_looks_twice(shop: Shop, after: str, outcome: Outcome) -> None:
    signals = Signals("error_ratio", NOW - timedelta(seconds=20))
    shop.clock.call_at(30, lambda: setattr(signals, after, after == "silent"))
    assert _replay(shop, signals).outcome is outcome
    assert shop.clock.now() == NOW + timedelta(seconds=40)


@pytest.mark.parametrize("entries", [(), (UNKNOWN,)])
def test_a_replay_of_the_echo_of_a_dead_recovery_undoes_that(shop: Shop, entries: Sequence[Entry]) -> None:
    shop.ledger().write(*entries)
    signals = Signals("db_pool_errors", NOW)
    shop.clock.call_at(30, lambda: setattr(signals, "ill", bool(entries)))
    went = _replay(shop, signals)
    assert went.outcome is (Outcome.UNDO_UNCONFIRMED if entries else Outcome.NOTHING_TO_DO)
    assert [each.outcome for each in went.done] == [went.outcome]
    assert [each.account.id for each in went.owed] == ["r1"] * len(entries)
    assert [each.id for each in accounts(shop.cluster, "shop")] == ["r1"] * len(entries)


def test_a_replay_that_sees_nothing_from_the_first_is_no_good_end(shop: Shop) -> None:
    signals = Signals("error_ratio", NOW)
    signals.silent = True
    assert _replay(shop, signals).outcome is Outcome.NO_BASELINE
    assert shop.clock.now() == NOW
