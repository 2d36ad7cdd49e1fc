"""Two clusters with the same namespaces share a store: what is of the one says nothing about the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock
from chaoskit.errors import NoBaseline
from chaoskit.flows import learning
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.scoring import scorecard
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.records import PredictionRecord, RecoveryRecord, RunRecord

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)

PREDICTION = PredictionRecord(
    id="p1", at=T0, trace_id="t", target="deployment/cart", namespace="shop", cluster="staging",
    model="rules", horizon_minutes=30, probability=None, low=None, high=None, score=1.0, alarmed=True,
    issue="memory-leak",
)  # fmt: skip
RUN = RunRecord(
    id="r1", at=T0, trace_id="t", name="x", namespace="shop", cluster="staging", fault="pod-network-loss",
    outcome=Outcome.PASSED, reason="", ended_at=T0, experiment={}, targets=("cart-1",), injected_at=T0,
    injected_until=T0 + timedelta(minutes=1),
)  # fmt: skip
RECOVERY = RecoveryRecord(
    id="c1", at=T0, trace_id="t", issue="pod-crash", target="deployment/cart", namespace="shop",
    cluster="staging", outcome=Outcome.RECOVERED, reason="", ended_at=T0, steps=({"kind": "restart"},),
)  # fmt: skip


class Named:
    name = "production"


@pytest.fixture
def production(tmp_path: Path) -> World:
    """A world whose store has known nothing but staging so far."""
    store = SqliteStore(tmp_path / "store.db")
    for each in (PREDICTION, RUN, RECOVERY):
        store.put(each.document())
    parts = {"cluster": Named(), "metrics": None, "store": store, "clock": ManualClock(T0)}
    return World(**cast("Any", parts | {"http": None, "limits": Limits(), "models": tmp_path}))


def test_chaos_and_recoveries_of_another_cluster_are_no_labels(production: World) -> None:
    assert learning.labels_of(production) == ()
    production.store.put(replace(RUN, id="r2", cluster="production").document())
    assert [each.source for each in learning.labels_of(production)] == ["run r2"]


def test_predictions_for_another_cluster_have_no_vote_and_no_score_here(production: World) -> None:
    assert AutoRecovery(production).recent_predictions("shop") == ()
    with pytest.raises(NoBaseline, match="nothing was predicted"):
        scorecard(production, "shop", timedelta(hours=1))


def test_what_was_tried_in_another_cluster_counts_for_nothing_here(production: World) -> None:
    assert AutoRecovery(production).history() == ()
    assert AutoRecovery(production).patterns().strategies == ()
