"""A rescue adds to the history how a run ended, and takes nothing from it that was there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment
from tests.experiments import made

from chaoskit.acts.accounts import LEDGER, accounts, plain_entry
from chaoskit.acts.entries import Entry
from chaoskit.acts.halt import Act
from chaoskit.acts.ledger import Ledger
from chaoskit.adapters.spool import RETRY, SpoolingStore
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock
from chaoskit.errors import InvalidInput, Unavailable
from chaoskit.events import Event, Warned
from chaoskit.experiments.generation.incidents import reproduce
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.records import Moment, RunRecord, Undo

AT = datetime(2026, 1, 1, tzinfo=UTC)
LEFT = Undo("not confirmed", ("pod helper still runs",))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = SqliteStore(tmp_path / "store.db")
    nothing: Any = None
    yield World(FakeCluster(deployment(replicas=5)), None, store, nothing, ManualClock(), Limits(), tmp_path)
    store.close()


def ended(
    world: World,
    outcome: Outcome | None = None,
    reason: str = "",
    kind: str = "field",
    evidence: str = "",
    act: Act = "chaos",
) -> None:
    """The ledger of a run whose undo is still owed; without an outcome its process was killed."""
    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act=act, namespace="shop", targets=(CART,), trace_id="t",
        evidence=evidence,
    )  # fmt: skip
    ledger.write(Entry(kind, CART, ("spec", "replicas"), 3, 5))
    if outcome is not None:
        ledger.close(outcome, reason=reason)


def kept(world: World, **more: Any) -> RunRecord:
    record = owned(**more)
    world.store.put(record.document())
    return record


def owned(**more: Any) -> RunRecord:
    """What the run's own process says of it."""
    return RunRecord(
        **{
            "id": "run1", "at": AT, "trace_id": "t", "name": "x", "namespace": "shop", "cluster": "fake",
            "fault": "scale-down", "outcome": Outcome.UNDO_UNCONFIRMED,
            "reason": "the undo is not confirmed: pod helper still runs", "ended_at": AT,
            "experiment": {"kind": "Experiment"}, "steady_state": ({"held": True},), "undo": LEFT,
            "timeline": (Moment(AT, "injected", "done"),),
            "evidence": {"hint": "chaoskit rescue", "signals": [1]}, "score": 50.0,
            **more,
        }
    )  # fmt: skip


def history(world: World) -> Document:
    (document,) = world.store.find("run")
    return document


def test_a_run_that_ended_with_its_undo_owed_keeps_its_record(world: World) -> None:
    before = kept(world).document()
    ended(world, Outcome.UNDO_UNCONFIRMED, before["reason"])
    rescue(world)
    after = history(world)
    changed = {"undo", "outcome", "reason", "timeline", "evidence"}
    assert {key: after[key] for key in after.keys() - changed} == {
        key: before[key] for key in before.keys() - changed
    }
    assert (after["undo"]["state"], after["outcome"]) == ("confirmed", "errored")
    assert after["reason"] == f"{before['reason']}; a rescue undid it since"
    assert after["evidence"] == {"signals": [1]}
    assert [each["name"] for each in after["timeline"]] == ["injected", "rescue", "undo"]


def test_what_a_rescue_cannot_undo_either_is_said_in_the_record(world: World) -> None:
    before = kept(world).document()
    ended(world, Outcome.UNDO_UNCONFIRMED, before["reason"], kind="sorcery")
    rescue(world)
    after = history(world)
    assert after["undo"]["state"] == "not confirmed"
    assert "sorcery" in after["undo"]["left"][0]
    assert (after["outcome"], after["reason"]) == ("undo-not-confirmed", before["reason"])
    assert after["evidence"]["hint"] == "chaoskit rescue"


def test_a_weakness_that_was_found_is_one_after_the_rescue_though_the_first_rescue_failed(
    world: World,
) -> None:
    before = kept(world).document()
    ended(world, Outcome.WEAKNESS_FOUND, before["reason"], kind="sorcery")
    rescue(world)
    assert history(world)["outcome"] == "undo-not-confirmed"
    (account,) = accounts(world.cluster)
    assert account.outcome == "weakness-found"
    ref, field = account.ref, plain_entry(Entry("field", CART, ("spec", "replicas"), 3, 5))
    world.cluster.patch(ref, {"metadata": {"annotations": {LEDGER: json.dumps([field])}}})
    rescue(world)
    assert history(world)["outcome"] == "weakness-found"


def test_a_verdict_that_stood_before_the_rescue_stands_after_it(world: World) -> None:
    kept(world, outcome=Outcome.WEAKNESS_FOUND, reason="cart was gone")
    ended(world, Outcome.WEAKNESS_FOUND)
    rescue(world)
    assert (history(world)["outcome"], history(world)["undo"]["state"]) == ("weakness-found", "confirmed")


def test_without_a_record_the_lease_says_how_the_run_ended(world: World) -> None:
    ended(world, Outcome.BUG, "it fell over")
    rescue(world)
    after = history(world)
    assert (after["outcome"], after["reason"]) == ("bug", "it fell over; a rescue undid it since")


def test_a_run_whose_process_was_killed_had_no_verdict(world: World) -> None:
    ended(world)
    rescue(world)
    after = history(world)
    assert after["outcome"] == "errored"
    assert "died before it had a verdict" in after["reason"]


EXPERIMENT = {"kind": "Experiment", "metadata": {"name": "cart"}, "spec": {"engine": "direct"}}


def test_the_experiment_of_a_run_that_was_killed_can_be_done_again(world: World) -> None:
    ended(world, evidence=json.dumps({"experiment": EXPERIMENT}))
    rescue(world)
    (again,) = reproduce(history(world), made.topology(), now=AT)
    assert (again.experiment["kind"], again.experiment["spec"]) == ("Experiment", EXPERIMENT["spec"])
    assert again.experiment["metadata"]["name"] == "cart"


@pytest.mark.parametrize("evidence", ["", "{", "[]", "{}", '{"experiment": {"kind": 1}}'])
def test_a_run_that_was_killed_without_its_document_says_so(world: World, evidence: str) -> None:
    ended(world, evidence=evidence)
    rescue(world)
    with pytest.raises(InvalidInput, match="died before its document was kept"):
        reproduce(history(world), made.topology(), now=AT)


# ---------------------------------------------------------------- while the store is away


class Away:
    """A shared store that can be away: what is kept meanwhile waits in the spool of whoever keeps it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.gone, self.now = folder, True, 0.0
        self.opened: list[SpoolingStore] = []

    def seen_from(self, machine: str) -> SpoolingStore:
        spool = self.folder / f"{machine}.db"
        store = SpoolingStore("x", self._main, lambda: SqliteStore(spool), monotonic=lambda: self.now)
        self.opened.append(store)
        return store

    def _main(self) -> SqliteStore:
        if self.gone:
            raise Unavailable("the store is away", service="store")
        return SqliteStore(self.folder / "store.db")

    def back(self) -> None:
        """It answers again, and everybody asks it."""
        self.gone, self.now = False, RETRY
        for each in self.opened:
            each.find("run")


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    found = Away(tmp_path)
    yield found
    for each in found.opened:
        each.close()


@pytest.mark.parametrize("act", ["chaos", "recovery"])
def test_an_act_that_was_killed_and_rescued_while_the_store_was_away_is_in_the_history_once_it_is_back(
    world: World, away: Away, act: Act
) -> None:
    ended(world, act=act)
    heard: list[Event] = []
    rescue(replace(world, store=away.seen_from("laptop")), listen=heard.append)
    (words,) = [each.message for each in heard if isinstance(each, Warned)]
    assert words.startswith("not in the history: the store is away; the r")
    assert "waits here and is delivered" in words
    away.back()
    (after,) = world.store.find()
    assert (after["id"], after["outcome"], after["undo"]["state"]) == ("run1", "errored", "confirmed")


@pytest.mark.parametrize("first", ["own", "rescue"])
@pytest.mark.parametrize("rescuer", ["laptop", "controller"])
def test_an_own_record_and_a_rescues_that_both_waited_are_one_whichever_comes_first(
    world: World, away: Away, rescuer: str, first: str
) -> None:
    own = owned().document()
    ended(world, Outcome.UNDO_UNCONFIRMED, own["reason"])
    where = {"own": away.seen_from("laptop"), "rescue": away.seen_from(rescuer)}
    if first == "rescue":
        rescue(replace(world, store=where["rescue"]))
    with pytest.raises(Unavailable):
        where["own"].put(own)
    if first == "own":
        rescue(replace(world, store=where["rescue"]))
    else:
        away.opened.reverse()
    for _ in range(2):  # who is told twice says the same
        away.back()
    after = history(world)
    assert after["reason"] == f"{own['reason']}; a rescue undid it since"
    assert (after["outcome"], after["undo"]["state"], after["score"]) == ("errored", "confirmed", 50.0)
    assert [each["name"] for each in after["timeline"]] == ["injected", "rescue", "undo"]
    assert not after["rescued"]


def test_a_record_that_the_store_has_and_nobody_can_read_now_is_amended_later(
    world: World, away: Away
) -> None:
    before = kept(world).document()
    ended(world)
    rescue(replace(world, store=away.seen_from("laptop")))
    assert history(world) == before
    away.back()
    assert history(world)["reason"] == f"{before['reason']}; a rescue undid it since"
    assert history(world)["score"] == 50.0
