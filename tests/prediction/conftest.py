"""Small worlds of pods for the failure model, made by a seed; and a slice of a real one."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.judging.evaluation import Trained, build
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.learning.options import Options
from chaoskit.prediction.reading.mapping import load_mapping
from chaoskit.prediction.reading.tables import read
from chaoskit.records import LabelRecord
from chaoskit.signals import BY_NAME

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples" / "data"
START = datetime(2026, 3, 2, 7, 13, tzinfo=UTC)
MiB = 2.0**20

World = Callable[..., Dataset]


def made(
    values: dict[str, np.ndarray],
    *,
    pods: Sequence[str] = (),
    workloads: Sequence[str] = (),
    start: datetime = START,
    step: int = 60,
    signals: Sequence[Signal] = (),
    labels: Sequence[LabelRecord] = (),
) -> Dataset:
    """A dataset of one block from arrays [pod, moment] by signal name."""
    count = len(next(iter(values.values())))
    pods = pods or [f"app-{number}-7d9f8-x{number}" for number in range(count)]
    workloads = workloads or [f"deployment/app-{number}" for number in range(count)]
    rows = tuple(Row("shop", workload, pod) for workload, pod in zip(workloads, pods, strict=True))
    known = {signal.name: signal for signal in signals}
    chosen = tuple(known.get(name) or BY_NAME[name] for name in values)
    stacked = np.stack([np.asarray(each, dtype=np.float32) for each in values.values()], axis=1)
    return Dataset(chosen, step, (Block("run", rows, start, step, stacked),), tuple(labels))


def leaking(seed: int = 3, pods: int = 8, hours: int = 16) -> Dataset:
    """Pods of different size under load; now and then one leaks for 45 minutes, is killed, starts anew.

    In between, caches fill a little and stop: as steep as a leak, and harmless.
    """
    random = np.random.default_rng(seed)
    length = hours * 60
    memory = np.linspace(0.3, 0.85, pods)[:, None] + 0.02 * random.standard_normal((pods, length)).cumsum(
        axis=1
    ) / np.sqrt(length)
    memory += 0.004 * random.standard_normal((pods, length))
    load = 20 + 5 * np.sin(np.arange(length) / 230) + random.standard_normal((pods, length))
    cpu = load / 40 * (1 + 0.05 * random.standard_normal((pods, length)))
    restarts, killed = np.zeros((pods, length)), np.zeros((pods, length))
    for at in range(60, length - 30, 35):
        pod = int(random.integers(pods))
        memory[pod, at : at + 40] += np.r_[np.linspace(0, 0.12, 10), np.full(10, 0.12), np.zeros(20)]
    for at in range(100, length - 30, 50):
        pod, minutes = int(random.integers(pods)), 45
        memory[pod, at - minutes : at] += np.linspace(0, 0.98 - memory[pod, at], minutes)
        restarts[pod, at:] += 1
        killed[pod, at:] = 1
    return made(
        {
            "memory_usage": np.clip(memory, 0, 1),
            "memory_bytes": np.clip(memory, 0, 1) * 512 * MiB,
            "cpu_usage": cpu,
            "request_rate": load,
            "restarts": restarts,
            "last_oom": killed,
            "ready": np.ones((pods, length)),
        }
    )


def small(**changed: object) -> Options:
    """Options that train in a second."""
    usual = {"recipe": "window", "trees": 24, "fold_trees": 16, "folds": 3, "most_rows": 2500}
    return Options(**{**usual, **changed})  # type: ignore[arg-type]


def tiny(**changed: object) -> Options:
    """Options that train at once: for what does not hang on how good the model is."""
    return small(**{"trees": 6, "fold_trees": 6, "most_rows": 1000, **changed})


@pytest.fixture(scope="session")
def world() -> World:
    return made


@pytest.fixture(scope="session")
def options() -> Callable[..., Options]:
    return small


@pytest.fixture(scope="session")
def leaks() -> Labelled:
    return label(leaking(), Target())


def once(folders: pytest.TempPathFactory, name: str, make: Callable[[], Trained]) -> Trained:
    """What the first worker of a run that asked for this name has made, whoever asks."""
    own = folders.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = folder / f"{name}.pickle"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make()))
    found = pickle.loads(kept.read_bytes())
    assert isinstance(found, Trained)
    return found


@pytest.fixture(scope="session")
def trained(leaks: Labelled, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    def make() -> Trained:
        return build(leaks, small(false_alarms_per_day=6), holdout=0.45, now=START + timedelta(days=1))

    return once(tmp_path_factory, "trained", make)


@pytest.fixture(scope="session")
def slice_() -> Dataset:
    return read([HERE / "data" / "sockshop-slice"], load_mapping(EXAMPLES / "sockshop-k8s.yaml"))


@pytest.fixture(scope="session")
def detected(slice_: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    def make() -> Trained:
        options = small(fold_trees=40, trees=40, most_rows=8000, false_alarms_per_day=4)
        return build(label(slice_, Target("detect", timedelta(0))), options)

    return once(tmp_path_factory, "detected", make)
