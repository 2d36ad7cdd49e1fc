"""What a cycle of prediction costs for 1,000 pods with 20 signals every 15 s, as times and as ratios.

``pytest tests/benchmarks --benchmark-enable`` measures, and judges what a process holds in memory. Without it
each runs once with fewer pods, and only the ratios that hold on any machine are asserted.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaoskit.flows.livewindow import AGAIN
from chaoskit.ports.metrics import Signal
from chaoskit.prediction.answers.predictor import history as history_of
from chaoskit.prediction.answers.predictor import predict
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.data.recent import Recent
from chaoskit.prediction.features import Following, Live, Spec
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning import folds, seen
from chaoskit.prediction.learning.calibration import Curve
from chaoskit.prediction.learning.evidence import Evidence
from chaoskit.prediction.learning.forest import Lesson, fit, score
from chaoskit.prediction.learning.joined import Join
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.learning.seen import Span
from chaoskit.prediction.learning.training import Model
from chaoskit.records import LabelRecord, PredictionRecord
from chaoskit.signals import BY_NAME, known

Benchmark = Callable[..., Any]
FULL, SMALL, SIGNALS, STEP = 1000, 150, 20, 15
FAMILIES = ("cpu", "mem", "net", "fs", "latency")


def spec() -> Spec:
    kinds = [("ratio", "ratio") if n % 4 == 0 else ("cores", "gauge") for n in range(SIGNALS)]
    signals = [
        Signal(f"{FAMILIES[n % 5]}_{n}", unit, kind, "pod", "", "", "")  # type: ignore[arg-type]
        for n, (unit, kind) in enumerate(kinds)
    ]
    return Spec("window", STEP, tuple(signals))


@pytest.fixture(scope="module")
def pods(request: pytest.FixtureRequest) -> int:
    return FULL if request.config.getoption("benchmark_enable") else SMALL


def several(count: int) -> tuple[Row, ...]:
    return tuple(Row("shop", f"deployment/app-{n // 3}", f"app-{n // 3}-{n}") for n in range(count))


@pytest.fixture(scope="module")
def history(pods: int) -> Block:
    length = spec().shape.reach + 40
    values = np.random.default_rng(1).random((pods, SIGNALS, length), dtype=np.float32)
    return Block("run", several(pods), datetime(2026, 3, 2, tzinfo=UTC), STEP, values)


@pytest.fixture(scope="module")
def forest(pods: int) -> Any:
    """Two hundred trees on as many features as the recipe has."""
    return fit(lesson(len(spec().names), rows=4 * pods), Options(trees=200, jobs=1))


def lesson(features: int, rows: int) -> Lesson:
    random = np.random.default_rng(2)
    found = random.random((rows, features), dtype=np.float32)
    y = (found[:, 0] + 0.3 * random.random(rows) > 1.1).astype(np.int8)
    return Lesson(found, y, np.ones(rows), found[:0])


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
    values = np.full((len(place), SIGNALS), np.nan)
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

    assert benchmark(cycle).shape == (len(place),)


def test_features_of_one_more_moment(benchmark: Benchmark, history: Block) -> None:
    live, start = primed(history)
    moments = iter(range(start, start + 10_000))

    def push() -> np.ndarray:
        index = next(moments)
        return live.push(
            history.values[:, :, index % history.length], history.start.timestamp() + STEP * index
        )

    assert benchmark(push).shape == (len(history.rows), len(spec().names))


def test_one_more_moment_costs_a_twentieth_of_making_them_anew(
    history: Block, request: pytest.FixtureRequest
) -> None:
    """By the best of several turns of each, one after the other: both have the machine's quiet moments.

    Beside other tests, where three milliseconds are never left alone, a tenth will do.
    """

    def from_the_kept_samples() -> None:
        primed(history)[0].features()

    def turn() -> tuple[float, float]:
        live, start = primed(history)
        moments = iter(range(start, start + 40))

        def push() -> None:
            index = next(moments)
            live.push(history.values[:, :, index], history.at(index).timestamp())

        return best_of(30, push), best_of(2, from_the_kept_samples)

    incremental, anew = map(min, zip(*(turn() for _ in range(5)), strict=True))
    alone = request.config.getoption("benchmark_enable")
    assert anew >= (20 if alone else 10) * incremental


def test_a_thousand_rows_cost_hardly_more_than_one(history: Block, forest: Any) -> None:
    rows = primed(history)[0].features()
    many, one = best_of(5, lambda: score(forest, rows)), best_of(5, lambda: score(forest, rows[:1]))
    assert many <= 4 * one


# ---------------------------------------------------------------- the path of `predict --watch`

LOOKED = Spec("window", STEP, tuple(each for each in known() if each.scope != "node")[:SIGNALS])


def model(rows: int, carries: bool) -> Model:
    """One that costs what a trained one does, at full size: its forests are as large, whatever they say.

    The alarm of one that `carries` joins evidence, which looks back further.
    """
    learned = lesson(len(LOOKED.names), rows)
    names = np.array(["pod-crash", "memory-leak", "network"])[np.random.default_rng(3).integers(0, 3, 600)]
    told = learned.rows[:600, : len(Spec("evidence", STEP, LOOKED.signals).names) + SIGNALS]
    return Model(
        spec=LOOKED,
        target=Target(),
        failure=fit(learned, Options(trees=200)),
        calibration=Curve(1.0, 0.0),
        issues=fit(Lesson(told, names, np.ones(600), told[:0]), Options(trees=200, splits=0.3)),
        evidence=Evidence(dict.fromkeys(Spec("evidence", STEP, LOOKED.signals).names, 1.0)),
        join=Join({"random forest": 2.0, "static rule": 2.0} | ({"evidence": 99.0} if carries else {})),
        alone=Join({"random forest": 2.0}),
        false_alarms_per_day=2,
        seed=7,
        trained_at=datetime(2026, 3, 2, tzinfo=UTC),
    )


class Cluster:
    """Many quiet pods, and what `Lookout` keeps of them: a window that moves on and the features."""

    def __init__(self, pods: int, carries: bool = False) -> None:
        self.model, self.moment = model(4 * pods, carries), 0
        self.length = int(history_of(self.model).total_seconds() // STEP) + 1
        self.rows = several(pods)
        self.random = np.random.default_rng(1)
        self.following = Following(AGAIN + 1)
        self.recent = Recent(self.length)
        self.recent.take(self._measured(self.length))
        self.look()

    def _measured(self, count: int) -> Dataset:
        values = 0.3 * self.random.random((len(self.rows), SIGNALS, count), dtype=np.float32)
        for place, signal in enumerate(LOOKED.signals):
            if signal.kind in {"counter", "flag"}:
                values[:, place] = float(signal.name == "ready")
        start = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=STEP * (self.moment - count))
        return Dataset(LOOKED.signals, STEP, (Block("shop", self.rows, start, STEP, values),))

    def look(self) -> tuple[PredictionRecord, ...]:
        """What is told after the next scrape."""
        self.moment += 1
        window = self.recent.take(self._measured(AGAIN + 2))
        return predict(self.model, window, now=window.blocks[0].end, compute=self.following.compute)


@pytest.fixture(scope="module")
def cluster(pods: int) -> Cluster:
    return Cluster(pods)


def test_a_look_at_a_thousand_pods(benchmark: Benchmark, cluster: Cluster) -> None:
    assert len(benchmark(cluster.look)) == -(-len(cluster.rows) // 3)


def test_features_and_probabilities_of_a_look_are_made_in_one_pass(cluster: Cluster) -> None:
    """A look that follows costs a fraction of one that makes everything anew; reasons and trends included."""
    follows = best_of(5, cluster.look)

    def anew() -> None:
        cluster.following = Following(AGAIN + 1)
        cluster.look()

    assert best_of(2, anew) >= 1.5 * follows


HOUR = 3600 // STEP


def resident() -> int:
    """Bytes of this process in memory now; not the most that there ever were."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_an_hour_of_ten_thousand_samples_a_second_keeps_memory_flat(pods: int) -> None:
    """Each scrape of an hour is taken in faster than it comes, and what is held does not grow."""
    rows = several(10_000 * STEP // SIGNALS * pods // FULL)
    live, values = Live(spec(), rows), np.random.default_rng(4).random((len(rows), SIGNALS))
    start, sizes, began = 1_772_000_000.0, [], time.process_time()
    for scrape in range(HOUR):
        live.take(np.roll(values, scrape, axis=0), start + STEP * scrape)
        if scrape in {HOUR // 4, HOUR - 1}:
            gc.collect()
            sizes.append(resident())
    assert time.process_time() - began < 3600
    assert sizes[1] - sizes[0] < 0.05 * sizes[0]


def test_a_process_that_follows_a_thousand_pods_stays_small(pods: int) -> None:
    """Resident memory of a process of its own, libraries included, that has followed with both recipes."""
    code = (
        "from tests.benchmarks.test_prediction import Cluster, resident\n"
        f"cluster = Cluster({pods}, carries=True)\n"
        "for _ in range(8): cluster.look()\n"
        "print(resident())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 300 * 2**20


# ---------------------------------------------------------------- labels of long histories


def failing(count: int) -> Dataset:
    """Restarts of twenty pods in turn, half an hour apart, and ten minutes after each an event of a file."""
    rows, apart = several(60)[::3], 30
    start = datetime(2026, 3, 2, tzinfo=UTC)
    restarts = np.zeros((len(rows), 1, apart * (count // len(rows) + 2)), dtype=np.float32)
    told = []
    for number in range(count):
        row, minute = number % len(rows), apart * (number // len(rows) + 1)
        restarts[row, 0, minute:] += 1
        began = start + timedelta(minutes=minute + 10)
        told.append(
            LabelRecord(
                id=str(number), at=start, trace_id="", target=rows[row].pod, namespace=rows[row].namespace,
                meaning="failure", issue="network", start=began, end=began,
            )
        )  # fmt: skip
    return Dataset((BY_NAME["restarts"],), 60, (Block("run", rows, start, 60, restarts),), tuple(told))


def test_labels_of_eight_times_as_many_failures_cost_less_than_twenty_times_as_much() -> None:
    now = Target("detect", timedelta(0))
    few, many = failing(500), failing(4000)
    assert len(label(few, now).events) == 1000
    assert best_of(2, lambda: label(many, now)) < 20 * best_of(3, lambda: label(few, now))


def runs_of(pods: int, count: int = 60) -> tuple[tuple[Span, ...], Labelled]:
    """Runs of an hour, four hours apart, and what a model that learned from all of them has seen."""
    start, values = datetime(2026, 3, 2, tzinfo=UTC), np.zeros((pods, 1, 60), dtype=np.float32)
    blocks = (
        Block(f"run-{n}", several(pods), start + n * timedelta(hours=4), 60, values) for n in range(count)
    )
    labelled = label(Dataset((BY_NAME["restarts"],), 60, tuple(blocks)), Target("detect", timedelta(0)))
    return seen.spans(labelled, folds.everything(labelled)), labelled


@pytest.mark.parametrize("ask", [seen.unseen, seen.apart])
def test_whose_pods_they_are_costs_nothing_of_runs_that_lie_hours_apart(ask: Callable[..., Any]) -> None:
    few, many = runs_of(2), runs_of(200)
    assert best_of(2, lambda: ask(*many, 10)) < 4 * best_of(3, lambda: ask(*few, 10))
