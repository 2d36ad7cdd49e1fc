"""How a story ends: with the gravest of what it told of, and never as if all went well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from chaoskit.clock import ManualClock, Stop
from chaoskit.errors import CannotStart, Interrupted
from chaoskit.flows.demo import of_recoveries, of_run, until_crashing
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Change, Cluster


@pytest.mark.parametrize(
    ("outcome", "ends"),
    [
        (Outcome.PASSED, Outcome.DONE),
        (Outcome.WEAKNESS_FOUND, Outcome.DONE),
        (Outcome.ERRORED, Outcome.ERRORED),
        (Outcome.NO_BASELINE, Outcome.NO_BASELINE),
        (Outcome.UNDO_UNCONFIRMED, Outcome.UNDO_UNCONFIRMED),
    ],
)
def test_an_experiment_with_a_verdict_was_told_and_no_other(outcome: Outcome, ends: Outcome) -> None:
    assert of_run(outcome) is ends


def test_of_several_recoveries_the_gravest_counts_and_none_at_all_is_a_failure() -> None:
    assert of_recoveries([Outcome.RECOVERED, Outcome.HEALED]) is Outcome.RECOVERED
    assert of_recoveries([Outcome.RECOVERED, Outcome.NOT_RECOVERED]) is Outcome.NOT_RECOVERED
    assert of_recoveries([]) is Outcome.NOT_RECOVERED


class _Pods:
    """A cluster with one pod whose container has restarted so often."""

    def __init__(self, restarts: int) -> None:
        self._pod = {"status": {"containerStatuses": [{"name": "c", "restartCount": restarts}]}}

    def watch(self, *_: Any, stop: threading.Event, **__: Any) -> Iterator[Change]:
        yield Change("ADDED", self._pod)
        stop.wait()


def _wait(restarts: int, stop: Stop) -> None:
    until_crashing(cast("Cluster", _Pods(restarts)), ManualClock(), "orders", stop)


def test_a_rollout_that_crashes_twice_is_seen() -> None:
    _wait(2, Stop())


def test_a_rollout_that_does_not_crash_is_no_story() -> None:
    with pytest.raises(CannotStart, match="orders did not crash within 5 minutes"):
        _wait(1, Stop())


def test_waiting_for_the_crash_ends_with_the_users_signal() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Interrupted):
        _wait(1, stop)
