"""The controller's loop on a cluster in a dictionary: whom it takes for dead, and what it never ends for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.acts.fake import CART, FakeCluster, deployment
from tests.cli.made import experiment
from tests.flows.watched import LEADER, LONG, Kept, Told

from chaoskit import kube
from chaoskit.acts import handover
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.documents import parse
from chaoskit.errors import Forbidden, Unavailable
from chaoskit.events import Ended, Event, Unwatched, Warned
from chaoskit.experiments import trial_of, trials
from chaoskit.flows import detached
from chaoskit.flows.controller import Duty
from chaoskit.flows.hands import MOST, WORKERS
from chaoskit.ports.cluster import Change, Identity, Kind, Listing, Object, ObjectRef

DEAD = "chaoskit-dead"
AWAY = Unavailable("no answer", service="kubernetes")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(Told(deployment(replicas=5)), tmp_path)
    yield kept
    kept.store.close()


def owing(kept: Kept, id_: str = "dead", before: Any = 3) -> Ledger:
    ledger = Ledger.open(
        kept.cluster, kept.clock, id=id_, act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    ledger.write(Entry("field", CART, ("spec", "replicas"), before, 5))
    return ledger


def handed(kept: Kept, id_: str, document: str = "{}") -> Account:
    return handover.hand_over(
        kept.cluster, kept.clock, id=id_, namespace="shop", document=document, trace_id="t", what="pod-delete"
    )


def slowed(kept: Kept) -> threading.Event:
    """Until it is set no Secret can be read: whoever takes a run up has a hand less."""
    release, get = threading.Event(), kept.cluster.get

    def slow(ref: ObjectRef) -> Object:
        if ref.kind == kube.SECRET:
            release.wait(60)
        return get(ref)

    kept.cluster.get = slow  # type: ignore[method-assign]
    kept.clock.call_at(LONG, release.set)
    return release


def is_rescue(event: Event) -> bool:
    return isinstance(event, Ended) and event.work == "rescue"


def test_a_dead_run_is_finished_though_taking_it_over_failed_at_first(kept: Kept) -> None:
    owing(kept)
    failures = iter([AWAY, AWAY])

    def fail(verb: str, ref: ObjectRef) -> None:
        if ref.name == DEAD and (error := next(failures, None)):
            raise error

    kept.cluster.before_write, kept.until = fail, is_rescue
    kept.run(["runs"])
    assert kept.told("no answer; again in 5 s")
    assert kept.rescued == ["done"]
    assert kept.cluster.get(CART)["spec"]["replicas"] == 3


def test_of_two_dead_acts_on_one_object_the_later_one_is_undone_first(kept: Kept) -> None:
    """A drill left three of eight replicas, and died with its recovery, which had brought two back."""
    for id_, before, after in (("1-drill", 8, 3), ("2-recovery", 3, 5)):
        ledger = Ledger.open(
            kept.cluster, kept.clock, id=id_, act="chaos", namespace="shop", targets=(CART,), trace_id="t"
        )
        ledger.write(Entry("field", CART, ("spec", "replicas"), before, after))
    kept.clock.turn(700)
    kept.until = lambda _: len(kept.rescued) == 2
    kept.run(["runs"])
    assert kept.rescued == ["done", "done"]
    assert kept.told("the undo of chaos 1-drill waits for chaos 2-recovery, which changed the same later")
    assert kept.cluster.get(CART)["spec"]["replicas"] == 8


def test_nobody_dies_while_the_watch_is_broken(kept: Kept) -> None:
    ledger = owing(kept)
    kept.clock.call_at(15, lambda: kept.cluster.say(kube.LEASE, Change("LOST", {})))  # type: ignore[attr-defined]
    kept.clock.call_at(100, lambda: kept.cluster.say(kube.LEASE, Change("SYNCED", {})))  # type: ignore[attr-defined]
    kept.clock.call_at(115, ledger.renew)
    kept.run(["runs"], at_most=130)
    assert kept.rescued == []


def test_nobody_dies_while_the_server_does_not_answer_though_no_watch_says_so(kept: Kept) -> None:
    ledger = owing(kept)

    def away(_verb: str, _ref: ObjectRef) -> None:
        raise AWAY

    def back() -> None:
        kept.cluster.before_write = lambda _verb, _ref: None

    kept.clock.call_at(15, lambda: setattr(kept.cluster, "before_write", away))
    kept.clock.call_at(100, back)
    kept.clock.call_at(115, ledger.renew)
    kept.run(["runs"], at_most=130)
    assert kept.rescued == []


def test_a_bug_about_one_act_keeps_it_away_and_no_other_from_its_undo(kept: Kept) -> None:
    owing(kept, "dead")
    owing(kept, "other")

    def odd(verb: str, ref: ObjectRef) -> None:
        if ref.name == DEAD and verb == "patch":
            raise ZeroDivisionError

    kept.cluster.before_write = odd
    kept.run(["runs"], at_most=250)
    (told,) = kept.told("a bug in chaoskit: ZeroDivisionError() at test_controller.py")
    assert told.startswith("dead shop chaoskit-dead")
    assert told.endswith("kept away for 300 s")
    assert kept.rescued == ["done"]
    assert [each.id for each in accounts(kept.cluster)] == ["dead"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({handover.DOCUMENT: "/w=="}, "holds no text"),
        ({handover.DOCUMENT: "WyJ"}, "holds no text"),
        (None, "holds no document"),
    ],
)
def test_what_is_no_document_ends_its_own_run_and_no_controller(kept: Kept, data: Any, why: str) -> None:
    account = handed(kept, "odd")
    kept.cluster.patch(ObjectRef(kube.SECRET, "shop", account.ref.name), {"data": data})
    kept.until = lambda event: isinstance(event, Warned)
    kept.run(["runs"])
    assert why in kept.told("run odd")[0]
    (ended,) = accounts(kept.cluster)
    assert ended.state == "done"
    assert why in ended.reason


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"path": "", "hash": "", "document": [1]}', "null"])
def test_what_is_no_run_ends_its_own_run_and_no_controller(kept: Kept, text: str) -> None:
    handed(kept, "odd", text)
    kept.until = lambda event: isinstance(event, Warned)
    kept.run(["runs"])
    (ended,) = accounts(kept.cluster)
    assert (ended.state, ended.outcome) == ("done", "invalid-input")
    assert "what was handed over is no run" in ended.reason


def test_a_bug_in_a_run_that_was_handed_over_ends_it_for_good(kept: Kept) -> None:
    account = handed(kept, "odd")

    def odd(ref: ObjectRef) -> Object:
        if ref.kind == kube.SECRET:
            raise ZeroDivisionError
        return get(ref)

    get = kept.cluster.get
    kept.cluster.get = odd  # type: ignore[method-assign]
    kept.until = lambda event: isinstance(event, Warned)
    kept.run(["runs"])
    assert kept.told("a bug in chaoskit: ZeroDivisionError()")
    (ended,) = [each for each in accounts(kept.cluster) if each.ref == account.ref]
    assert (ended.state, ended.outcome) == ("done", "bug")


def test_a_lease_that_cannot_be_read_at_all_is_left_alone(kept: Kept) -> None:
    owing(kept)
    kept.clock.call_at(5, lambda: kept.cluster.say(kube.LEASE, Change("MODIFIED", {"metadata": {}})))  # type: ignore[attr-defined]
    kept.until = is_rescue
    kept.run(["runs"])
    assert kept.told("it is left alone")
    assert kept.rescued == ["done"]


@pytest.mark.parametrize(("duty", "taken"), [("recover", False), ("runs", True)])
def test_a_run_whose_preparation_died_is_prepared_anew_by_whom_it_concerns(
    kept: Kept, duty: Duty, *, taken: bool
) -> None:
    Ledger.take_over(kept.cluster, kept.clock, handed(kept, "odd"))
    kept.run([duty], at_most=60)
    (ended,) = accounts(kept.cluster)
    assert (ended.state == "done") is taken


def test_an_undo_does_not_wait_for_runs(kept: Kept) -> None:
    owing(kept)
    release = slowed(kept)

    def until(event: Event) -> bool:
        if is_rescue(event):
            release.set()
        return is_rescue(event)

    for number in range(WORKERS + 1):
        handed(kept, f"run{number}")
    kept.until = until
    kept.run(["recover", "runs"])
    assert kept.rescued == ["done"]
    assert kept.clock.monotonic() < LONG


@pytest.mark.parametrize(
    ("duties", "most"), [(["recover", "runs"], MOST["run"]), (["runs"], sum(MOST.values()))]
)
def test_a_run_for_which_there_is_no_hand_yet_is_accepted_at_once(
    kept: Kept, duties: list[Duty], most: int
) -> None:
    release = slowed(kept)

    def until(event: Event) -> bool:
        if isinstance(event, Warned) and "waits for a hand" in event.message:
            by, now = kept.cluster.get(LEADER)["spec"]["holderIdentity"], accounts(kept.cluster)
            seen.append((sum(not each.holder for each in now) > 0, {each.accepted for each in now} == {by}))
            release.set()
        return len(kept.told("is no run")) > most

    seen: list[tuple[int, bool]] = []
    for number in range(most + 1):
        handed(kept, f"run{number}")
    kept.until = until
    kept.run(duties)
    assert seen == [(True, True)]
    assert {each.state for each in accounts(kept.cluster)} == {"done"}


def test_a_run_that_another_controller_accepted_is_not_accepted_once_more(kept: Kept) -> None:
    release, most = slowed(kept), MOST["run"]

    def until(event: Event) -> bool:
        if isinstance(event, Warned) and "waits for a hand" in event.message:
            seen.extend(each.accepted for each in accounts(kept.cluster) if not each.holder)
            release.set()
        return len(kept.told("is no run")) > most

    seen: list[str] = []
    for number in range(most + 1):
        handover.accept(kept.cluster, handed(kept, f"run{number}"), "another:1:busy")
    kept.until = until
    kept.run(["recover", "runs"])
    assert set(seen) == {"another:1:busy"}
    assert {each.accepted for each in accounts(kept.cluster)} == {"another:1:busy"}


def test_a_run_that_another_controller_accepted_and_never_took_is_done(kept: Kept) -> None:
    handover.accept(kept.cluster, handed(kept, "left"), "another:1:gone")
    kept.until = lambda event: isinstance(event, Warned)
    kept.run(["runs"])
    (ended,) = accounts(kept.cluster)
    assert ended.state == "done"


@pytest.mark.parametrize(("late", "outcome"), [(-60, "invalid-input"), (60, "cannot-start")])
def test_a_run_that_waited_too_long_is_not_done_any_more(kept: Kept, late: float, outcome: str) -> None:
    account = handed(kept, "old")
    handover.accept(kept.cluster, account, "another:1:gone")
    kept.clock.turn(handover.WAITS.total_seconds() + late)
    kept.until = lambda event: isinstance(event, Warned)
    kept.run(["runs"])
    (ended,) = accounts(kept.cluster)
    assert (ended.state, ended.outcome) == ("done", outcome)
    assert ("it waited too long" in ended.reason) is (late > 0)


def test_a_run_that_waits_too_long_is_over_then_and_not_when_a_hand_is_free(kept: Kept) -> None:
    handed(kept, "old")
    kept.clock.turn(handover.WAITS.total_seconds() - 20)
    release, seen = slowed(kept), list[bool]()
    for number in range(MOST["run"]):  # accepted before, these have the hands
        handover.accept(kept.cluster, handed(kept, f"run{number}"), "another:1:gone")

    def until(event: Event) -> bool:
        if isinstance(event, Warned) and "waited too long" in event.message:
            seen.append(release.is_set())
            release.set()
        return len(kept.told("is no run")) == MOST["run"]

    kept.until = until
    kept.run(["recover", "runs"])
    assert seen == [False]
    (old,) = [each for each in accounts(kept.cluster) if each.id == "old"]
    assert (old.state, old.outcome) == ("done", "cannot-start")


def packed(name: str, target: str, **spec: Any) -> str:
    body = yaml.safe_load(experiment(name, fault="scale-down", target=target, engine="direct", **spec))
    return detached.packed(trial_of(body), "", Identity("fake", "", ""))


def held(kept: Kept, then: Callable[[], object] = lambda: None) -> tuple[threading.Event, threading.Event]:
    """Set once the run ``first`` is in a controller's hands; set the other, and they go on with it.

    Between the two comes `then`, once.
    """
    taken, release, patch = threading.Event(), threading.Event(), kept.cluster.patch

    def slow(ref: ObjectRef, body: Any, **options: Any) -> Object:
        stored = patch(ref, body, **options)
        if ref.name == "chaoskit-first" and "holderIdentity" in body.get("spec", {}):
            if not taken.is_set():
                taken.set()
                then()
            release.wait(60)
        return stored

    kept.cluster.patch = slow  # type: ignore[method-assign,assignment]
    return taken, release


def test_runs_on_the_same_wait_for_one_another_on_the_list_and_for_no_other(kept: Kept) -> None:
    handed(kept, "first", packed("first", "cart"))

    def more() -> None:
        for id_, target in (("second", "cart"), ("third", "orders")):
            handed(kept, id_, packed(id_, target))

    _, release = held(kept, more)

    def until(event: Event) -> bool:
        now = {each.id: each for each in accounts(kept.cluster)}
        if kept.told("run second waits for run first") and "third" in now and now["third"].state == "done":
            seen.append((now["second"].state, now["second"].holder))
            release.set()
        return len(now) == 3 and all(each.state == "done" for each in now.values())

    seen: list[tuple[str, str]] = []
    kept.until = until
    kept.run(["runs"])
    release.set()
    assert seen[0] == ("handed", "")
    assert len(kept.told("run second waits for run first: they may work on the same")) == 1
    assert {each.state for each in accounts(kept.cluster)} == {"done"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AWAY, "run shop chaoskit-second: no answer; again in 5 s"),
        (Forbidden("no right to read it"), "run second waits for run first: they may work on the same"),
        (ZeroDivisionError(), "run second waits for run first: they may work on the same"),
    ],
)
def test_a_run_of_which_nobody_knows_yet_what_it_works_on_does_not_begin_beside_another(
    kept: Kept, error: Exception, told: str
) -> None:
    for id_ in ("first", "second"):
        handed(kept, id_, packed(id_, "cart"))
    taken, release = held(kept)
    get, errors = kept.cluster.get, iter([error])

    def once(ref: ObjectRef) -> Object:
        """Whoever asks for the second's document while the first is under way is not answered at first."""
        mine = (ref.kind, ref.name) == (kube.SECRET, "chaoskit-second")
        if mine and taken.wait(10) and (failed := next(errors, None)):
            raise failed
        return get(ref)

    def until(event: Event) -> bool:
        now = {each.id: each for each in accounts(kept.cluster)}
        if now["second"].holder and not release.is_set():
            beside.append("second")
        if kept.told("run second waits for run first"):
            release.set()
        return all(each.state == "done" for each in now.values())

    beside: list[str] = []
    kept.cluster.get, kept.until = once, until  # type: ignore[method-assign]
    kept.clock.call_at(LONG / 2, release.set)
    kept.run(["runs"])
    release.set()
    assert beside == []
    assert kept.told(told)
    assert {each.state for each in accounts(kept.cluster)} == {"done"}


class Asked:
    """A Prometheus that never answers, and how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        self.times += 1
        raise Unavailable("no answer", service="prometheus")


def test_a_namespace_in_which_nothing_is_left_is_not_predicted_for(tmp_path: Path) -> None:
    asked, cluster = Asked(), Told(deployment())
    kept = Kept(cluster, tmp_path, asked)
    before: list[int] = []
    kept.clock.call_at(300, lambda: cluster.delete(CART))
    kept.clock.call_at(320, lambda: before.append(asked.times))
    kept.run(["predict"], at_most=1500)
    assert before == [asked.times]
    assert asked.times
    gone = [each.scope for each in kept.heard if isinstance(each, Unwatched)]
    assert set(gone) == {"shop"}  # so that its last alarm leaves the metrics as well
    kept.store.close()


def _loses_the_lead(kept: Kept) -> None:
    """Another one has written its name into the Lease, and is not heard of again."""
    kept.cluster.patch(LEADER, {"spec": {"holderIdentity": "another:1:new"}})


def test_who_leads_no_more_shows_nothing_of_what_it_foresaw(tmp_path: Path) -> None:
    kept = Kept(Told(deployment()), tmp_path, Asked())
    kept.clock.call_at(100, lambda: _loses_the_lead(kept))
    kept.run(["predict"], until=lambda event: isinstance(event, Unwatched))
    assert 100 < kept.clock.monotonic() < 115
    kept.store.close()


class Slow(Asked):
    """It answers when whoever asks leads no more, and that was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def __getattr__(self, name: str) -> Any:
        assert self.told.wait(60)
        return super().__getattr__(name)


def test_what_is_foreseen_after_the_lead_was_lost_is_not_shown_either(tmp_path: Path) -> None:
    slow = Slow()
    kept = Kept(Told(deployment()), tmp_path, slow)
    gone: list[bool] = []

    def until(event: Event) -> bool:
        if isinstance(event, Unwatched):
            gone.append(slow.told.is_set())
            slow.told.set()
        return gone == [False, True]

    kept.clock.call_at(5, lambda: _loses_the_lead(kept))
    kept.run(["predict"], at_most=60, until=until)
    assert gone == [False, True]
    kept.store.close()


class Flood(FakeCluster):
    """Many changes at once, none of which can be read; `come` is set when all are there."""

    def __init__(self) -> None:
        super().__init__()
        self.come = threading.Event()

    def watch(self, kind: Kind, *_: Any, **__: Any) -> Iterator[Change]:
        for _number in range(500):
            yield Change("MODIFIED", {"metadata": {}})
        self.come.set()


def test_a_flood_of_changes_keeps_no_controller_from_its_end(tmp_path: Path) -> None:
    flood = Flood()
    kept = Kept(flood, tmp_path)
    kept.until = lambda event: isinstance(event, Warned) and flood.come.wait(10)
    kept.run(["runs"])
    assert len(kept.told("left alone")) == 1
    kept.store.close()


def test_a_bug_in_a_run_that_was_handed_over_quotes_nothing_that_its_document_hides(kept: Kept) -> None:
    text = experiment("odd", hypothesis="${password}", parameters={"API_TOKEN": "tr0ub4dor"})
    (trial,) = trials(parse(text, "x.yaml", variables={"password": "hunter2secret"}))
    handed(kept, "odd", detached.packed(trial, "", kept.cluster.identity()))

    def odd(kind: Kind, *words: Any, **more: Any) -> Listing:
        if kind == kube.POD:
            raise KeyError("echo hunter2secret tr0ub4dor there")
        return listed(kind, *words, **more)

    listed = kept.cluster.list
    kept.cluster.list = odd  # type: ignore[method-assign]
    kept.until = lambda event: isinstance(event, Warned) and "a bug" in event.message
    kept.run(["runs"])
    assert kept.told("a bug in chaoskit: KeyError('echo (hidden) (hidden) there')")
