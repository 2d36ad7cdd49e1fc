"""A rescue adds to the history how a run ended, and takes nothing from it that was there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.acts.fake import CART, FakeCluster, deployment
from tests.cli.made import experiment
from tests.experiments import made

from chaoskit.acts.accounts import LEDGER, accounts, plain_entry
from chaoskit.acts.entries import Entry
from chaoskit.acts.ledger import Ledger
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock
from chaoskit.errors import InvalidInput, Unavailable
from chaoskit.events import Event, Warned
from chaoskit.experiments import trial_of
from chaoskit.experiments.generation.incidents import reproduce
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.records import Moment, RunRecord, Undo
from chaoskit.reports.weaknesses import open_weaknesses

AT = datetime(2026, 1, 1, tzinfo=UTC)
LEFT = Undo("not confirmed", ("pod helper still runs",))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = SqliteStore(tmp_path / "store.db")
    nothing: Any = None
    yield World(FakeCluster(deployment(replicas=5)), None, store, nothing, ManualClock(), Limits(), tmp_path)
    store.close()


def ended(
    world: World, outcome: Outcome | None = None, reason: str = "", kind: str = "field", evidence: str = ""
) -> None:
    """The ledger of a run whose undo is still owed; without an outcome its process was killed."""
    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="t",
        evidence=evidence,
    )  # fmt: skip
    ledger.write(Entry(kind, CART, ("spec", "replicas"), 3, 5))
    if outcome is not None:
        ledger.close(outcome, reason=reason)


def kept(world: World, **more: Any) -> RunRecord:
    record = RunRecord(
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
    world.store.put(record.document())
    return record


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


EXPERIMENT = dict(trial_of(yaml.safe_load(experiment("cart"))).document)
ENGINE = {
    "apiVersion": "litmuschaos.io/v1alpha1",
    "kind": "ChaosEngine",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "engineState": "active",
        "appinfo": {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"},
        "chaosServiceAccount": "litmus-admin",
        "experiments": [{"name": "pod-delete"}],
    },
}


@pytest.mark.parametrize("document", [EXPERIMENT, ENGINE])
def test_the_experiment_of_a_run_that_was_killed_can_be_done_again(world: World, document: Document) -> None:
    ended(world, evidence=json.dumps({"experiment": document}))
    rescue(world)
    (again,) = reproduce(history(world), made.topology(), now=AT)
    assert (again.experiment["kind"], again.experiment["spec"]) == (document["kind"], document["spec"])
    assert again.experiment["metadata"]["name"] == "cart"


@pytest.mark.parametrize(
    "evidence",
    [
        "", "{", "[]", "{}", "null", "[" * 100_000,
        '{"experiment": {"kind": 1}}', '{"experiment": [["a", 1]]}',
        '{"experiment": {"metadata": "x", "spec": [1]}}',
        json.dumps({"experiment": {**EXPERIMENT, "spec": [1]}}),
        json.dumps({"experiment": {**EXPERIMENT, "metadata": {"name": "cart", "labels": [1]}}}),
        json.dumps({"experiment": {**EXPERIMENT, "kind": "Secret"}}),
        json.dumps({"experiment": {**ENGINE, "metadata": "x"}}),
    ],
)  # fmt: skip
def test_a_run_whose_lease_has_no_document_that_is_read_says_so_and_spoils_no_history(
    world: World, evidence: str
) -> None:
    ended(world, evidence=evidence)
    rescue(world)
    assert open_weaknesses([history(world)]) == ()
    with pytest.raises(InvalidInput, match="died before its document was kept"):
        reproduce(history(world), made.topology(), now=AT)


class Unread(SqliteStore):
    """Takes what is put, and answers no question."""

    def latest(self, kind: str, where: Mapping[str, Any] | None = None) -> Document | None:
        raise Unavailable("the store is away", service="store")


def test_a_record_that_cannot_be_read_is_not_written_over(world: World, tmp_path: Path) -> None:
    before = kept(world).document()
    ended(world)
    heard: list[Event] = []
    with closing(Unread(tmp_path / "store.db")) as unread:
        rescue(replace(world, store=unread), listen=heard.append)
    assert "not in the history: the store is away" in [e.message for e in heard if isinstance(e, Warned)]
    assert history(world) == before
