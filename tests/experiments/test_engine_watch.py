from __future__ import annotations

from dataclasses import replace

from tests.acts.fake import FakeCluster
from tests.acts.test_engine import ENGINE, serving

from chaoskit.acts.trail import BY_COMMAND, Struck
from chaoskit.experiments.engine_watch import trail_of
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.preparing import Prepared
from chaoskit.experiments.selection import Selection
from chaoskit.experiments.trials import Trial


def planned(fault: str) -> Plan:
    """Somebody's own engine, of which Litmus takes one of these pods."""
    pods = (serving("cart-a"), serving("cart-b"))
    prepared = Prepared("litmus", {fault: Selection(pods, 1, (), 2, ("shop",))}, {}, (), 30.0, 60.0, {}, ())
    return Plan(Trial("t.yaml"), prepared, (), "hash", (), FakeCluster().identity())


def test_a_run_is_not_late_before_what_litmus_waits_for_twice() -> None:
    made = planned("pod-delete")
    parts = {"components": {"statusCheckTimeouts": {"timeout": 600}}}
    engine = {"kind": "ChaosEngine", "spec": {"experiments": [{"name": "pod-delete", "spec": parts}]}}
    slow = replace(made, trial=replace(made.trial, engine=engine))
    expected = made.prepared.expected_seconds
    assert (made.timeout - expected, slow.timeout - expected) == (480, 1320)


def test_a_trail_has_every_pod_that_litmus_may_choose_for_its_commands() -> None:
    for fault in BY_COMMAND:
        trail = trail_of(ENGINE, planned(fault), "run1")
        assert trail.struck == (Struck(fault, "shop", "cart-a"), Struck(fault, "shop", "cart-b"))


def test_of_other_faults_litmus_notes_the_pods_itself() -> None:
    assert trail_of(ENGINE, planned("pod-network-loss"), "run1").struck == ()


def test_the_faults_by_command_are_those_of_the_catalogue() -> None:
    assert {each.litmus for each in CATALOGUE.values() if each.execs} == BY_COMMAND
