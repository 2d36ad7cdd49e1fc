from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.acts.fake import FakeCluster
from tests.acts.test_engine import ENGINE, serving

from chaoskit.acts.trail import BY_COMMAND, Struck
from chaoskit.clock import ManualClock
from chaoskit.events import ignore
from chaoskit.experiments.course import Course
from chaoskit.experiments.engine_watch import EngineWatch, trail_of
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.preparing import Prepared
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.terminal import Observed
from chaoskit.experiments.trials import Trial
from chaoskit.journal import Journal
from chaoskit.watching import Watching


def planned(fault: str) -> Plan:
    """Somebody's own engine, of which Litmus takes one of these pods."""
    pods = (serving("cart-a"), serving("cart-b"))
    prepared = Prepared("litmus", {fault: Selection(pods, 1, (), 2, ("shop",))}, {}, (), 30.0, 60.0, {}, ())
    return Plan(Trial("t.yaml"), prepared, (), "hash", ())


def test_a_trail_has_every_pod_that_litmus_may_choose_for_its_commands() -> None:
    for fault in BY_COMMAND:
        trail = trail_of(ENGINE, planned(fault), "run1")
        assert trail.struck == (Struck(fault, "shop", "cart-a"), Struck(fault, "shop", "cart-b"))


def test_of_other_faults_litmus_notes_the_pods_itself() -> None:
    assert trail_of(ENGINE, planned("pod-network-loss"), "run1").struck == ()


def test_the_faults_by_command_are_those_of_the_catalogue() -> None:
    assert {each.litmus for each in CATALOGUE.values() if each.execs} == BY_COMMAND


class Growing(dict[str, str]):
    """Another log is kept while this one is looked at."""

    def items(self) -> Any:
        return self._growing()

    def _growing(self) -> Iterator[tuple[str, str]]:
        for pair in super().items():
            self[f"{pair[0]}-beside"] = ""
            yield pair


def test_last_words_are_found_while_logs_are_still_being_read() -> None:
    cluster, clock, course = FakeCluster(), ManualClock(), Course()
    watching = Watching(cluster, (), clock)
    made = Observed("web-chaos", "uid-engine", 0.0, ("pod-delete",), {})
    watch = EngineWatch(made, planned("pod-delete"), course, cluster, clock, Journal(clock, ignore), watching)
    watch.evidence.logs = Growing({"runner/main": "first\nno such image\n"})
    watch._own = {"runner"}
    assert watch._last_words() == "runner/main says: no such image"
