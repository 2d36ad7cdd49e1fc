"""For how long signals are asked whether an issue is over, and what is said when nobody asks them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.recovery import made
from tests.recovery.made import NOW
from tests.recovery.staged import Watched, cart

from chaoskit.events import ignore
from chaoskit.governor import Governor, Limits
from chaoskit.journal import Journal
from chaoskit.recovery import Reach
from chaoskit.recovery.classification import classify
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.proof import Proof
from chaoskit.recovery.reach import Ends
from chaoskit.recovery.remedies import Rung
from chaoskit.recovery.remedies.pods import RestartPod
from chaoskit.recovery.runbook import Verification
from chaoskit.recovery.standing import Answer, Verdict

HOLD = 5.0


def _within(time: str) -> Verification:
    return Verification.model_validate({"signalsWithin": time})


def _proven(
    *kinds: str, wanted: Verification | None = None, confirm: timedelta | None = None
) -> tuple[Verdict, float]:
    """(verdict, seconds that it took) where no signal has a sample that could confirm anything."""
    cluster: Watched = cart("a", "b")
    (issue,) = classify([made.symptom(kind) for kind in kinds], now=NOW)
    reach = Reach(cluster, None, cluster.clock, Governor(cluster, cluster.clock, Limits()))
    journal = Journal(cluster.clock, ignore)
    proof = Proof(issue, reach, wanted or Verification(), journal, threading.Event(), 0.0, confirm)
    rung = Rung(RestartPod(action="restart-pod"), (issue.target,), "why")
    deadline = Deadline(cluster.clock, 30)
    return proof.verify(rung, NOW, deadline, lambda: None), cluster.clock.monotonic()


@pytest.mark.parametrize("kinds", [("latency",), ("crash-loop", "errors")], ids=["signals alone", "mixed"])
def test_signals_have_the_time_of_the_runbook(kinds: tuple[str, ...]) -> None:
    _, short = _proven(*kinds, wanted=_within("30s"))
    _, long = _proven(*kinds, wanted=_within("10m"))
    assert HOLD + 30 <= short < 60
    assert HOLD + 600 <= long < 660


def test_signals_have_two_minutes_where_a_runbook_says_nothing() -> None:
    _, took = _proven("latency")
    assert HOLD + 120 <= took < 150


def test_a_time_that_somebody_names_goes_before_that_of_the_runbook() -> None:
    _, took = _proven("latency", wanted=_within("10m"), confirm=timedelta(seconds=30))
    assert HOLD + 30 <= took < 60


def test_where_signals_are_not_asked_nothing_is_said_to_be_confirmed() -> None:
    verdict, _ = _proven("crash-loop", "errors", confirm=timedelta())
    assert verdict == Verdict(Answer.YES, "2 of 2 ready for 5 s; not confirmed by signals", verdict.at)


def test_what_only_signals_show_is_not_known_to_be_over_when_nobody_waits_for_them() -> None:
    verdict, _ = _proven("latency", confirm=timedelta())
    assert verdict.answer is Answer.UNKNOWN
    assert "signals could not be read" in verdict.words


def test_what_no_signal_shows_needs_none() -> None:
    verdict, took = _proven("crash-loop")
    assert (verdict.answer, verdict.words) == (Answer.YES, "2 of 2 ready for 5 s")
    assert took < 30


# ---------------------------------------------------------------- alerts alone


class Heard:
    """Says whether an alert fires."""

    hears_ends = True

    def __init__(self, *, fires: bool | None) -> None:
        self._fires = fires

    def fires(self, labels: Mapping[str, str]) -> bool | None:
        return self._fires


def _alerted(alerts: Ends | None) -> Proof:
    cluster: Watched = cart("a", "b")
    (issue,) = classify([replace(made.symptom("memory-high"), heard=NOW)], now=NOW)
    reach = Reach(cluster, None, cluster.clock, Governor(cluster, cluster.clock, Limits()), alerts=alerts)
    return Proof(issue, reach, Verification(), Journal(cluster.clock, ignore), threading.Event(), 0.0)


@pytest.mark.parametrize(
    ("fires", "answer"), [(False, Answer.YES), (True, Answer.NO), (None, Answer.UNKNOWN)]
)
def test_the_end_of_an_alert_is_the_proof_of_what_it_alone_tells(fires: bool | None, answer: Answer) -> None:
    proof = _alerted(Heard(fires=fires))
    rung = Rung(RestartPod(action="restart-pod"), (proof.issue.target,), "why")
    verdict = proof.verify(rung, NOW, Deadline(proof.reach.clock, 30), lambda: None)
    assert (verdict.answer, proof.can_tell) == (answer, True)
    assert proof.healed() is answer


def test_without_anybody_who_hears_its_end_nothing_can_tell() -> None:
    assert not _alerted(None).can_tell
