"""What a look at a large namespace costs: ``pytest tests/benchmarks/test_recovery.py --benchmark-enable``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW, sample

from chaoskit.recovery import classification, detection, planner, runbook
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.readings import NEWEST, ByWorkload
from chaoskit.topology import CALLS

Benchmark = Callable[..., Any]
FULL, SMALL = 1000, 100


@pytest.fixture(scope="module")
def names(request: pytest.FixtureRequest) -> list[str]:
    """A thousand workloads where it is measured."""
    many = FULL if request.config.getoption("benchmark_enable") else SMALL
    return [f"w{number}" for number in range(many)]


@pytest.fixture(scope="module")
def look(names: list[str]) -> Callable[[], tuple[Issue, ...]]:
    """Looks at them: each calls three others and has a sample of every signal, each tenth is crashing."""
    bodies = []
    for number, name in enumerate(names):
        body = made.deployment(name)
        called = (names[(number * 7 + step) % len(names)] for step in (1, 2, 3))
        body["spec"]["template"]["metadata"]["annotations"] = {CALLS: ",".join(called)}
        bodies.append(body)
    pods = [
        (made.crashing if number % 10 == 0 else made.pod)(f"{name}-{each}", of=f"{name}-h1")
        for number, name in enumerate(names)
        for each in "ab"
    ]
    services = [
        {"metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": {"app": name}}}
        for name in names
    ]
    signals = [each for each in NEWEST if each != "db_connections"]  # whoever has that is a database
    measured = [sample(f"{name}-a", 0.0, name) for name in names]

    def look() -> tuple[Issue, ...]:
        whole = made.topology(*pods, deployments=bodies, services=services)
        seen = detection.Sight(NOW, whole, {signal: ByWorkload(measured) for signal in signals})
        issues = classification.classify(detection.detect_in(seen), (), topology=whole, now=NOW)
        decided = planner.plan_all(issues, runbook.defaults(), whole, now=NOW, namespace="shop")
        return tuple(each.issue for each in decided)

    return look


def test_one_look_from_objects_to_decisions(
    benchmark: Benchmark, names: list[str], look: Callable[[], tuple[Issue, ...]]
) -> None:
    issues = benchmark(look)
    assert {str(each.target) for each in issues} == {f"deployment/{name}" for name in names[::10]}
    assert {each.kind for each in issues} == {"pod-crash"}
