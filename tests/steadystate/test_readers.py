"""What conditions are read from: commands here and in pods, queries of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acts.fake import FakeCluster

from chaoskit.clock import ManualClock
from chaoskit.errors import TimedOut
from chaoskit.ports.cluster import ExecResult, Object, ObjectRef
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.steadystate.conditions import Condition, WorkloadElsewhere
from chaoskit.steadystate.readers import Sources, measure


class Scripted:
    """Commands that end as they are told, wherever they run."""

    def __init__(self, *ends: ExecResult | Exception) -> None:
        self.ends = list(ends)
        self.ran: list[tuple[object, ...]] = []

    def run(self, command: Any, *, timeout: float) -> ExecResult:
        self.ran.append((*command, timeout))
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return end


class Pods(FakeCluster):
    """A cluster whose pods run commands."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.commands = Scripted(ExecResult("2\n", "", 0))

    def exec(self, ref: ObjectRef, command: Any, *, container: str = "", **_: Any) -> ExecResult:
        return self.commands.run((ref.name, container, *command), timeout=0)


class Metrics:
    """Prometheus that tells what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def instant(self, signal: Signal, where: object = None, **_: object) -> tuple[Sample, ...]:
        self.asked.append((signal.promql, where))
        return (Sample({"queue": "mail"}, 7.0, ManualClock().now()),)

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def condition(**body: Any) -> Condition:
    return Condition.model_validate(body)


def here(commands: Scripted | None) -> Sources:
    return Sources(FakeCluster(), ManualClock(), commands=commands)


@pytest.mark.parametrize(
    ("ended", "held"),
    [
        (ExecResult("42 orders\n", "", 0), True),
        (ExecResult("no orders\n", "", 0), False),
        (ExecResult("42 orders\n", "", 1), False),
        (TimedOut("slow did not end"), False),
    ],
)
def test_a_command_holds_by_its_exit_code_and_text(ended: ExecResult | Exception, held: bool) -> None:
    commands = Scripted(ended)
    found = measure(condition(command={"run": ["orders", "-q"], "contains": "42"}), "shop", here(commands))
    assert found.held is held, found
    assert commands.ran == [("orders", "-q", 10.0)]


def test_a_line_is_handed_to_a_shell() -> None:
    commands = Scripted(ExecResult("", "", 3))
    found = measure(condition(command={"run": "a | b", "exitCode": 3}), "shop", here(commands))
    assert found.held is True
    assert commands.ran == [("sh", "-c", "a | b", 10.0)]


def test_where_commands_are_not_run_the_condition_is_neither_held_nor_broken() -> None:
    found = measure(condition(command={"run": "true"}), "shop", here(None))
    assert (found.held, found.observed) == (None, "commands are not run here")


def pod(name: str, *, ready: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "cart"}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


DEPLOYMENT: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {"selector": {"matchLabels": {"app": "cart"}}},
}


def test_a_command_in_a_workload_runs_in_a_pod_that_is_ready() -> None:
    cluster = Pods(DEPLOYMENT, pod("cart-1", ready="False"), pod("cart-2", ready="True"))
    asked = condition(command={"run": ["wc", "-l"], "workload": "cart", "container": "app", "contains": "2"})
    found = measure(asked, "shop", Sources(cluster, ManualClock()))
    assert found.held is True, found
    assert cluster.commands.ran == [("cart-2", "app", "wc", "-l", 0)]


@pytest.mark.parametrize("objects", [(), (DEPLOYMENT,), (DEPLOYMENT, pod("cart-1", ready="False"))])
def test_without_a_pod_to_run_it_in_nothing_is_known(objects: tuple[Object, ...]) -> None:
    asked = condition(command={"run": ["true"], "workload": "cart"})
    assert measure(asked, "shop", Sources(Pods(*objects), ManualClock())).held is None


def test_a_query_of_ones_own_is_asked_as_it_is() -> None:
    metrics = Metrics()
    asked = condition(prometheus={"query": "max by(queue)(depth)", "below": 5})
    found = measure(asked, "shop", Sources(FakeCluster(), ManualClock(), metrics))
    assert (found.held, found.observed, found.expected) == (False, "7 at queue=mail", "below 5")
    assert metrics.asked == [("max by(queue)(depth)", {})]


@pytest.mark.parametrize(
    ("replicas", "ready", "held"),
    [(3, 3, True), (3, 2, False), (2, 2, True), (5, 3, True), (None, 0, True)],
)
def test_a_workload_elsewhere_answers_for_what_its_owner_wants(
    replicas: int | None, ready: int, *, held: bool
) -> None:
    meta = {"name": "dns", "namespace": "other"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready},
    }
    there = FakeCluster(*([] if replicas is None else [body]))
    wanted = WorkloadElsewhere(workload="deployment/dns", ready=3, namespace="other")
    found = measure(Condition(kubernetes=wanted), "lab", Sources(there, ManualClock()))
    assert found.held is held, found
