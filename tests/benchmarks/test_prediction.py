"""What a cycle of prediction costs for 1,000 pods with 20 signals every 15 s, as times and as ratios.

``pytest tests/benchmarks --benchmark-enable`` measures; without it each runs once, and only the ratios that
hold on any machine are asserted.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from chaoskit.ports.metrics import Signal
from chaoskit.prediction.dataset import Block, Row
from chaoskit.prediction.features import Live, Spec
from chaoskit.prediction.forest import Lesson, Options, fit, score

Benchmark = Callable[..., Any]
PODS, SIGNALS, STEP = 1000, 20, 15
FAMILIES = ("cpu", "mem", "net", "fs", "latency")


def spec() -> Spec:
    kinds = [("ratio", "ratio") if n % 4 == 0 else ("cores", "gauge") for n in range(SIGNALS)]
    signals = [
        Signal(f"{FAMILIES[n % 5]}_{n}", unit, kind, "pod", "", "", "")  # type: ignore[arg-type]
        for n, (unit, kind) in enumerate(kinds)
    ]
    return Spec("window", STEP, tuple(signals))


@pytest.fixture(scope="module")
def history() -> Block:
    rows = tuple(Row("shop", f"deployment/app-{n // 3}", f"app-{n // 3}-{n}") for n in range(PODS))
    length = spec().shape.reach + 40
    values = np.random.default_rng(1).random((PODS, SIGNALS, length), dtype=np.float32)
    return Block("run", rows, datetime(2026, 3, 2, tzinfo=UTC), STEP, values)


@pytest.fixture(scope="module")
def forest() -> Any:
    """Two hundred trees on as many features as the recipe has."""
    random = np.random.default_rng(2)
    rows = random.random((4000, len(spec().names)), dtype=np.float32)
    y = (rows[:, 0] + 0.3 * random.random(4000) > 1.1).astype(np.int8)
    return fit(Lesson(rows, y, np.ones(4000), rows[:0]), Options(trees=200, jobs=1))


def vectors(history: Block, moment: int) -> list[str]:
    """The answers of Prometheus to twenty instant queries, as they come over the wire."""
    at = history.at(moment).timestamp()
    answers = []
    for column in range(SIGNALS):
        result = [
            {
                "metric": {"namespace": row.namespace, "pod": row.pod},
                "value": [at, repr(float(history.values[n, column, moment]))],
            }
            for n, row in enumerate(history.rows)
        ]
        answers.append(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}))
    return answers


def parsed(answers: list[str], place: dict[tuple[str, str], int]) -> np.ndarray:
    values = np.full((PODS, SIGNALS), np.nan)
    for column, answer in enumerate(answers):
        for each in json.loads(answer)["data"]["result"]:
            metric = each["metric"]
            values[place[metric["namespace"], metric["pod"]], column] = float(each["value"][1])
    return values


def primed(history: Block) -> tuple[Live, int]:
    length = spec().shape.reach
    return Live.primed(spec(), history, length), length


def best_of(times: int, work: Callable[[], object]) -> float:
    """The least processor time of some runs: what the work costs when nobody disturbs it."""
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def test_a_whole_cycle(benchmark: Benchmark, history: Block, forest: Any) -> None:
    live, start = primed(history)
    place = {(row.namespace, row.pod): n for n, row in enumerate(history.rows)}
    answers = vectors(history, start)
    moments = iter(range(start, start + 10_000))

    def cycle() -> np.ndarray:
        at = history.start.timestamp() + STEP * next(moments)
        return score(forest, live.push(parsed(answers, place), at))

    assert benchmark(cycle).shape == (PODS,)


def test_features_of_one_more_moment(benchmark: Benchmark, history: Block) -> None:
    live, start = primed(history)
    moments = iter(range(start, start + 10_000))

    def push() -> np.ndarray:
        index = next(moments)
        return live.push(
            history.values[:, :, index % history.length], history.start.timestamp() + STEP * index
        )

    assert benchmark(push).shape == (PODS, len(spec().names))


def test_one_more_moment_costs_a_twentieth_of_making_them_anew(history: Block) -> None:
    live, start = primed(history)
    moments = iter(range(start, start + 40))

    def push() -> None:
        index = next(moments)
        live.push(history.values[:, :, index], history.at(index).timestamp())

    incremental = best_of(30, push)

    def from_the_kept_samples() -> None:
        primed(history)[0].features()

    anew = best_of(2, from_the_kept_samples)
    assert anew >= 20 * incremental


def test_a_thousand_rows_cost_hardly_more_than_one(history: Block, forest: Any) -> None:
    rows = primed(history)[0].features()
    many, one = best_of(5, lambda: score(forest, rows)), best_of(5, lambda: score(forest, rows[:1]))
    assert many <= 4 * one


def test_memory_stays_flat_over_many_pushes(history: Block) -> None:
    live, start = primed(history)
    before = None
    for index in range(start, start + 120):
        live.push(history.values[:, :, index % history.length], history.start.timestamp() + STEP * index)
        if index == start + 40:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert before is not None
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000  # kB
