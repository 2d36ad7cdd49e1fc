"""A recovery waits for no history: what the store does not say soon is done without."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.recovery.made import RESTARTS, recorded
from tests.recovery.staged import Watched

from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import Unavailable
from chaoskit.flows.auto_recovery import STALE, AutoRecovery
from chaoskit.flows.beside import soon
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.records import RecoveryRecord
from chaoskit.recovery.runbook import Matches


def _away() -> int:
    raise Unavailable("nobody answers", service="store")


def test_an_answer_that_comes_soon_is_of_use() -> None:
    assert soon(lambda: 3) == 3


def test_who_answers_late_or_not_at_all_is_done_without() -> None:
    late = threading.Event()
    assert soon(lambda: late.wait(60), 0.01) is None
    assert soon(_away) is None
    late.set()


class Counted(SqliteStore):
    """How its documents were asked for; while `away` it answers nobody."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[Mapping[str, Any]] = []
        self.away = False

    def find(self, kind: str = "", *more: Any, **how: Any) -> tuple[Document, ...]:
        if self.away:
            raise Unavailable("nobody answers", service="store")
        self.asked.append(how)
        return super().find(kind, *more, **how)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counted]:
    found = Counted(tmp_path / "store.db")
    yield found
    found.close()


@pytest.fixture
def cluster() -> Watched:
    return Watched()


@pytest.fixture
def flow(cluster: Watched, store: Counted, tmp_path: Path) -> AutoRecovery:
    nothing: Any = None
    return AutoRecovery(World(cluster, None, store, nothing, cluster.clock, Limits(), tmp_path))


def _keep(store: Counted, key: str) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    record = RecoveryRecord(
        id=key, at=at, trace_id="t", issue="pod-crash", target="deployment/cart", namespace="shop",
        cluster="fake", outcome=Outcome.RECOVERED, reason="", ended_at=at, snapshot={"pods": ["large"]},
    )  # fmt: skip
    store.put(record.document())


def test_the_history_is_read_once_a_minute_and_without_what_is_large(
    flow: AutoRecovery, store: Counted, cluster: Watched
) -> None:
    _keep(store, "r1")
    assert [len(flow.history()) for _ in range(5)] == [1] * 5
    (how,) = store.asked
    assert how["limit"]
    assert "snapshot" not in how["fields"]
    _keep(store, "r2")
    cluster.clock.turn(STALE)
    assert len(flow.history()) == 2


def test_what_was_known_of_a_store_that_is_away_is_still_known(
    flow: AutoRecovery, store: Counted, cluster: Watched
) -> None:
    _keep(store, "r1")
    assert len(flow.history()) == 1
    store.away = True
    cluster.clock.turn(STALE)
    assert len(flow.history()) == 1


def test_own_runbooks_are_compared_before_the_shipped_ones_and_not_without_them(
    flow: AutoRecovery, store: Counted
) -> None:
    store.put(recorded())
    of_nodes = RESTARTS.spec.model_copy(update={"matches": Matches(issue="node")})
    foreign = RESTARTS.model_copy(update={"spec": of_nodes})
    (same,) = flow.what_if([foreign])
    assert (same.changed, same.unclear) == (False, "")
    (other,) = flow.what_if([RESTARTS])
    assert other.changed
