"""Records: ids that sort by time, and JSON that a store can keep."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from chaoskit.errors import InvalidInput
from chaoskit.events import Mark
from chaoskit.experiments.checks import State
from chaoskit.experiments.lint.rules import Level
from chaoskit.experiments.spec import Engine
from chaoskit.outcome import Outcome
from chaoskit.records import WORDS, Moment, PredictionRecord, RunRecord, Undo, new_id
from chaoskit.secretvalues import SHORTEST
from chaoskit.steadystate.looks import Stage

T0 = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def test_ids_sort_by_time_and_differ() -> None:
    ids = [new_id(T0 + timedelta(milliseconds=n)) for n in range(0, 5000, 100)]
    assert ids == sorted(ids)
    assert len({new_id(T0) for _ in range(1000)}) == 1000
    assert {len(each) for each in ids} == {16}


def test_an_id_can_be_part_of_an_objects_name() -> None:
    assert new_id().isalnum()
    assert new_id().islower() or new_id().isdigit()


def test_a_record_is_json_with_kind_and_schema_version() -> None:
    record = RunRecord(
        id="r1",
        at=T0,
        trace_id="t1",
        name="cart-pod-delete",
        namespace="shop",
        cluster="kind-dev",
        fault="pod-delete",
        outcome=Outcome.WEAKNESS_FOUND,
        reason="x",
        ended_at=T0,
        experiment={"spec": {"at": T0}},
        timeline=(Moment(T0, "steady before", "held"),),
        undo=Undo("confirmed"),
    )
    document = json.loads(json.dumps(record.document()))
    assert document["kind"] == "run"
    assert document["schema_version"] == 1
    assert document["outcome"] == "weakness-found"
    assert document["experiment"]["spec"]["at"] == T0.isoformat()
    assert document["timeline"][0]["name"] == "steady before"
    assert document["undo"] == {"state": "confirmed", "left": [], "notes": []}


@pytest.fixture
def record() -> RunRecord:
    return RunRecord(
        id="r1", at=T0, trace_id="t1", name="n", namespace="shop", cluster="c", fault="pod-delete",
        outcome=Outcome.PASSED, reason="", ended_at=T0, experiment={"spec": {"x": [1]}},
        timeline=(Moment(T0, "a", "held"),), undo=Undo("confirmed", ("b",)), injected_at=T0,
    )  # fmt: skip


def test_a_record_comes_back_from_its_json(record: RunRecord) -> None:
    assert RunRecord.of(json.loads(json.dumps(record.document()))) == record


def test_a_prediction_comes_back_from_its_json_whatever_its_signals_are_called() -> None:
    signals = {"token_latency_seconds": 3.2, "passwords_checked": 5.0, "cookie_errors": 0.0}
    record = PredictionRecord(
        id="p1", at=T0, trace_id="t1", cluster="c", target="deployment/auth", namespace="shop", model="m",
        horizon_minutes=30.0, probability=0.9, low=0.8, high=0.95, score=0.9, alarmed=True, issue="latency",
        signals=signals,
    )  # fmt: skip
    assert PredictionRecord.of(json.loads(json.dumps(record.document()))) == record


def test_a_record_becomes_json_once_and_who_adds_to_it_adds_to_ones_own(record: RunRecord) -> None:
    first = record.document()
    first["_id"] = "a store's own"
    assert "_id" not in record.document()
    assert record.document()["experiment"] is first["experiment"]
    assert replace(record, name="other").document()["name"] == "other"


def test_what_is_decided_by_a_record_sees_all_of_it(record: RunRecord) -> None:
    told = replace(record, reason="password=hunter2!")
    assert told.plain() == {**told.document(), "reason": "password=hunter2!"}


def test_what_a_record_is_found_by_is_never_hidden_in_it(record: RunRecord) -> None:
    env = [{"name": "DB_PASSWORD", "value": "checkout"}]
    named = replace(record, name="checkout-gone", targets=("deployment/checkout",))
    told = replace(named, experiment={"env": env}, reason="no checkout")
    hidden = {"experiment": {"env": [{"name": "DB_PASSWORD", "value": "(hidden)"}]}}
    assert told.document() == told.plain() | hidden


def test_all_that_chaoskit_says_of_a_look_is_its_own_word() -> None:
    assert {each for each in get_args(Stage) if len(each) >= SHORTEST} <= {*WORDS}
    assert {*Outcome, *get_args(Mark)} <= {*WORDS}
    states = {*get_args(State), *get_args(Level), *get_args(Engine)}
    assert {each for each in states if len(each) >= SHORTEST} <= {*WORDS}


def test_what_is_missing_in_a_kept_record_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"run r1 cannot be read: at"):
        RunRecord.of({"kind": "run", "id": "r1"})


def test_a_record_becomes_json_without_its_secrets() -> None:
    env = [{"name": "DB_PASSWORD", "value": "hunter2!"}]
    record = RunRecord(
        id="r1", at=T0, trace_id="t1", name="n", namespace="shop", cluster="c", fault="pod-delete",
        outcome=Outcome.PASSED, reason="login failed for hunter2!", ended_at=T0, experiment={"env": env},
    )  # fmt: skip
    assert "hunter2!" not in json.dumps(record.document())
    assert record.document()["reason"] == "login failed for (hidden)"
