"""Two clusters with the same namespaces share a store: what is of the one says nothing about the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, NoBaseline, Unavailable
from chaoskit.flows import learning
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.scoring import scorecard
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Identity
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


STAGING = {"cluster": "production", "cluster_uid": "u2", "cluster_address": "https://staging"}
"""Staging to who calls it as we call another."""

PROXIED = {"cluster": "staging", "cluster_uid": "", "cluster_address": "https://production"}
"""Staging behind a proxy that has one address for all, to who may not read kube-system there."""

OURS: list[dict[str, Any]] = [
    {"cluster": "production"},  # of an old version
    {"cluster": "in-cluster", "cluster_uid": "u1", "cluster_address": "https://10.96.0.1"},
    {"cluster": "production", "cluster_uid": "", "cluster_address": "https://production"},
]
"""Production by its other names, to who knows more of it, and less."""


class Named:
    name = "production"

    def identity(self) -> Identity:
        return Identity(self.name, "u1", "https://production")


class Unheard(Named):
    def identity(self) -> Identity:
        raise Unavailable("it does not answer", service="cluster")


def _world(folder: Path, cluster: Named, fields: Mapping[str, Any]) -> World:
    """A world whose store has the three records of a cluster with these fields."""
    store = SqliteStore(folder / "store.db")
    for each in (PREDICTION, RUN, RECOVERY):
        store.put({**each.document(), **fields})
    parts = {"cluster": cluster, "metrics": None, "store": store, "clock": ManualClock(T0)}
    return World(**cast("Any", parts | {"http": None, "limits": Limits(), "models": folder}))


@pytest.fixture(params=[{}, STAGING, PROXIED], ids=["by name", "of one name", "of one address"])
def production(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """A world whose store has known nothing but staging so far."""
    return _world(tmp_path, Named(), request.param)


@pytest.mark.parametrize("ours", OURS, ids=lambda each: each["cluster"])
def test_what_is_known_of_this_cluster_by_another_name_counts(tmp_path: Path, ours: dict[str, str]) -> None:
    world = _world(tmp_path, Named(), ours)
    assert [each.source for each in learning.labels_of(world)] == ["run r1", "recovery c1"]
    assert [each.id for each in AutoRecovery(world).recent_predictions("shop")] == ["p1"]
    assert [each.target for each in AutoRecovery(world).history()] == ["deployment/cart"]
    with pytest.raises(CannotStart, match="no Prometheus"):  # and no longer: nothing was predicted
        scorecard(world, "shop", timedelta(hours=1))


def test_a_cluster_that_cannot_be_asked_is_known_by_its_name(tmp_path: Path) -> None:
    world = _world(tmp_path, Unheard(), OURS[0])
    assert [each["id"] for each in world.kept("run")] == ["r1"]


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
