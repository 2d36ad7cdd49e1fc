"""What it costs to report a thousand runs: ``pytest tests/benchmarks/test_reports.py --benchmark-enable``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.reports.made import at, probe, run, weak

from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported
from chaoskit.reports.weaknesses import open_weaknesses

Benchmark = Callable[..., Any]
RUNS = 1000


@pytest.fixture(scope="module")
def thousand() -> tuple[dict[str, Any], ...]:
    """A thousand runs, every second one with a weakness, each with two probes and thirty moments."""
    notes = [
        {"at": at(n), "name": "pod/cart", "mark": "note", "detail": f"Changed: {n} <&>"} for n in range(30)
    ]
    made = []
    for number in range(RUNS):
        one = (weak if number % 2 else run)(id=f"r{number:04}", name=f"cart-{number % 50}", timeline=notes)
        one["litmus"]["probes"] = [probe("a", "Passed"), probe("b", "Failed" if number % 2 else "Passed")]
        made.append(one)
    return tuple(made)


@pytest.mark.parametrize("name", ["junit", "sarif", "markdown"])
def test_a_thousand_runs(benchmark: Benchmark, thousand: tuple[dict[str, Any], ...], name: str) -> None:
    assert len(benchmark(render, name, Reported(thousand))) > 100_000


def test_a_thousand_runs_as_json(benchmark: Benchmark, thousand: tuple[dict[str, Any], ...]) -> None:
    assert len(benchmark(json.dumps, {"runs": thousand}, indent=2)) > 1_000_000


def test_the_open_weaknesses_of_a_thousand_runs(
    benchmark: Benchmark, thousand: tuple[dict[str, Any], ...]
) -> None:
    assert len(benchmark(open_weaknesses, thousand)) == 25
