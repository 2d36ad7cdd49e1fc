"""Which fault it is, within the class that the forest of classes tells."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.prediction.conftest import START, made, small, tiny

from chaoskit.prediction import features
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.judging import classes
from chaoskit.prediction.judging.report import ClassReport
from chaoskit.prediction.labelling.labels import Target, label
from chaoskit.prediction.learning import faults, folds
from chaoskit.prediction.learning.faults import Faults, alike
from chaoskit.prediction.learning.forest import Lesson
from chaoskit.prediction.learning.forest import fit as grown
from chaoskit.prediction.learning.table import Samples, Table, tabulate
from chaoskit.prediction.learning.training import fit_classes, train
from chaoskit.records import LabelRecord

MINUTES = 900
PODS = 4
BURNT = (3, 8, 13, 18)


def busy() -> Dataset:
    """Pods of different size, each full of CPU now and then, and slow of network in between.

    Most of the CPU goes to a process beside them, which brings 4 % of the memory's limit; four times it is
    their own code. What is used moves by more than that from hour to hour, so no level tells which it is.
    """
    random = np.random.default_rng(5)
    cpu = 0.2 + 0.02 * random.standard_normal((PODS, MINUTES))
    used = np.linspace(0.2, 0.7, PODS)[:, None] + 0.1 * np.sin(np.arange(MINUTES) / 40)
    gap = 0.004 + 0.0005 * random.standard_normal((PODS, MINUTES))
    labels = []
    for count, at in enumerate(range(70, MINUTES - 10, 40)):
        pod, fault = count % PODS, "burnt" if count in BURNT else "beside"
        cpu[pod, at + 1 : at + 6] = 1.0
        used[pod, at + 1 : at + 6] += 0.04 if fault == "beside" else 0.0
        labels.append(_label(pod, at, "cpu-saturation", fault))
        gap[pod, at + 21 : at + 26] = 0.8
        labels.append(_label(pod, at + 20, "network", "delay"))
    signals = {"cpu_limit_ratio": cpu, "memory_usage": used, "edge_gap": gap}
    return made(signals, labels=labels)


def _label(pod: int, at: int, issue: str, fault: str) -> LabelRecord:
    start = START + timedelta(minutes=at)
    return LabelRecord(
        id=f"{pod}-{at}", at=start, trace_id="", target=f"app-{pod}-7d9f8-x{pod}", namespace="shop",
        meaning="failure", issue=issue, fault=fault, start=start, end=start + timedelta(minutes=4), run="run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def table() -> Table:
    labelled = label(busy(), Target("detect", timedelta(0)))
    return tabulate(labelled, features.spec(labelled.dataset))


def failing(table: Table) -> Samples:
    samples = table.samples(folds.everything(table.labelled))
    return samples.pick(samples.event >= 0)


def test_a_fault_seen_thrice_is_not_outvoted_by_one_seen_often(table: Table) -> None:
    sides = folds.turns(table.labelled, folds.everything(table.labelled), 3, table.spec.window)
    issue, fault = classes.out_of_fold(table, sides, small(), table.labelled.events)
    assert issue is not None
    assert fault is not None
    assert issue.macro_f1 == 1
    assert fault.names == ("beside", "burnt", "delay")
    assert fault.confusion[fault.names.index("burnt")][fault.names.index("burnt")] == len(BURNT)
    assert fault.macro_f1 > 0.9


def test_each_fault_is_as_likely_as_its_class(table: Table) -> None:
    samples = failing(table)
    issues, found = fit_classes(table, samples, small())
    assert found is not None
    rows = table.fault_told_by(samples)
    shares = found.predict_proba(rows)
    names = list(found.classes_)
    assert names == ["beside", "burnt", "delay"]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    network = list(issues.classes_).index("network")
    expected = issues.predict_proba(table.told_by(samples))[:, network]
    np.testing.assert_allclose(shares[:, names.index("delay")], expected)


def test_memory_that_came_at_once_is_in_percent_of_its_limit_and_unknown_where_it_is_missing() -> None:
    used = np.full((3, 90), 0.3)
    used[0, 80:] += 0.04
    used[1, 80:] = np.nan
    used[2, 70:84] = np.nan
    missing = np.nan
    labelled = label(made({"cpu_limit_ratio": np.full((3, 90), 0.2), "memory_usage": used}), Target("detect"))
    table = tabulate(labelled, features.spec(labelled.dataset))
    for minute, *risen in (
        (0, missing, missing, missing),
        (1, 0, 0, 0),
        (79, 0, 0, missing),
        (80, 4, missing, missing),
        (84, 4, missing, missing),
        (85, 0, missing, 0),
    ):
        asked = table.everything(tuple(np.arange(90) == minute for _ in labelled.dataset.blocks))
        came = table.fault_told_by(asked)[:, features.told_by_width(table.spec) :]
        np.testing.assert_allclose(came[:, 0], risen, atol=1e-3)


def test_the_fault_of_a_few_samples_is_told_without_a_copy_of_the_data() -> None:
    used = np.full((40, 1500), 0.3)
    labelled = label(made({"cpu_limit_ratio": used, "memory_usage": used}), Target("detect"))
    table = tabulate(labelled, features.spec(labelled.dataset))
    asked = table.everything(folds.everything(labelled)).pick(np.arange(1000, 1005))
    table.fault_told_by(asked)
    tracemalloc.start()
    table.fault_told_by(asked)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < labelled.dataset.blocks[0].values.nbytes / 5


def test_the_faults_are_told_from_the_model_s_signals_whatever_else_the_data_has() -> None:
    used = np.full((2, 90), 0.3)
    more = {"cpu_limit_ratio": used, "node_memory": used, "memory_usage": used}
    labelled = label(made(more), Target("detect"))
    wanted = features.spec(labelled.dataset.select(tuple(labelled.dataset.signals[n] for n in (0, 2))))
    table = tabulate(labelled, wanted)
    asked = table.everything(folds.everything(labelled))
    assert table.fault_told_by(asked).shape[1] == features.told_by_width(wanted) + 1


def test_data_without_a_share_of_a_memory_limit_tells_faults_by_the_rest() -> None:
    rows = np.random.default_rng(1).random((40, 3)).astype(np.float32)
    of = [(n // 4, "cpu-saturation", "beside" if rows[n, 0] > 0.5 else "burnt") for n in range(40)]
    found = _fit(rows, of, width=3)
    assert len(found.within["cpu-saturation"]) == 1
    said = found.classes_[found.predict_proba(rows).argmax(axis=1)]
    assert np.mean(said == [fault for _, _, fault in of]) > 0.8


def test_only_where_a_process_beside_is_a_cause_memory_tells_whose_doing_it_is() -> None:
    rows = np.random.default_rng(1).random((40, 4)).astype(np.float32)
    of = [(n // 4, ("cpu-saturation", "app-error")[n % 2], "ab"[n // 20] + str(n % 2)) for n in range(40)]
    found = _fit(rows, of, width=3)
    assert {issue: len(forests) for issue, forests in found.within.items()} == {
        "cpu-saturation": 2,
        "app-error": 1,
    }


@pytest.mark.parametrize(("issue", "told"), [("cpu-saturation", True), ("app-error", False)])
def test_where_nothing_else_tells_it_memory_does_and_only_for_a_process_beside(
    issue: str, told: bool
) -> None:
    random = np.random.default_rng(1)
    rows, fresh = random.random((80, 4)).astype(np.float32), random.random((200, 4)).astype(np.float32)

    def fault(row: np.ndarray) -> str:
        return "beside" if row[3] > 0.5 else "burnt"

    found = _fit(rows, [(n, issue, fault(row)) for n, row in enumerate(rows)], width=3)
    said = found.classes_[found.predict_proba(fresh).argmax(axis=1)]
    right = np.mean(said == [fault(row) for row in fresh])
    assert right > 0.9 if told else right < 0.65


def test_where_memory_is_missing_it_says_nothing_of_the_fault() -> None:
    """Of what is known beside it alone; zero, what it was read as, would say that it did not rise."""
    random = np.random.default_rng(1)
    rows, fresh = (random.random((80, 5)).astype(np.float32) for _ in range(2))
    of = [(n, "cpu-saturation", "beside" if row[3] > 0.5 else "burnt") for n, row in enumerate(rows)]
    rows[::8, 3:], rows[1::8, 4] = np.nan, np.nan
    found = _fit(rows, of, width=3)
    (view, other), (memory, _) = found.within["cpu-saturation"]
    assert (view, memory) == (slice(0, 3), slice(3, 5))
    said = found.predict_proba(fresh)
    fresh[:, 3:] = np.nan
    silent = found.predict_proba(fresh)
    np.testing.assert_array_equal(silent, other.predict_proba(fresh[:, :3]))
    assert np.abs(said - silent).max() > 0.2


def test_memory_that_one_of_the_faults_never_had_measured_tells_none_apart() -> None:
    rows = np.random.default_rng(1).random((40, 4)).astype(np.float32)
    of = [(n, "cpu-saturation", "beside" if n % 2 else "burnt") for n in range(40)]
    rows[::2, 3] = np.nan
    found = _fit(rows, of, width=3)
    assert [view for view, _ in found.within["cpu-saturation"]] == [slice(0, 3)]


def test_one_fault_alone_is_told_by_nothing() -> None:
    rows = np.zeros((4, 2), dtype=np.float32)
    of = [(n, ("network", "app-error")[n % 2], "") for n in range(4)]
    assert faults.fit(_issues(rows, of), rows, of, small()) is None


def nameless(table: Table, *faults: str) -> Table:
    """The same where the events of these faults have no finer word than their class."""
    events = tuple(
        replace(event, fault="") if event.fault in faults else event for event in table.labelled.events
    )
    return replace(table, labelled=replace(table.labelled, events=events))


def test_an_event_without_a_finer_word_teaches_no_fault(table: Table) -> None:
    _, found = fit_classes(table, failing(table), small())
    some = nameless(table, "burnt")
    _, fewer = fit_classes(some, failing(some), small())
    assert found is not None
    assert fewer is not None
    assert list(fewer.classes_) == ["beside", "delay"]
    none = nameless(table, "beside", "burnt")
    assert fit_classes(none, failing(none), small())[1] is None


def test_a_class_without_finer_words_is_told_by_its_own_name(table: Table) -> None:
    some = nameless(table, "delay")
    samples = failing(some)
    issues, found = fit_classes(some, samples, small())
    assert found is not None
    assert list(found.classes_) == ["beside", "burnt", "network"]
    shares = found.predict_proba(some.fault_told_by(samples))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    network = list(issues.classes_).index("network")
    np.testing.assert_allclose(shares[:, 2], issues.predict_proba(some.told_by(samples))[:, network])


@pytest.mark.parametrize("in_turn", [False, True])
def test_an_event_without_a_finer_word_is_neither_told_rightly_nor_wrongly(
    table: Table, *, in_turn: bool
) -> None:
    every = folds.everything(table.labelled)
    model = train(table.labelled, tiny(), table=table, chosen=every)
    sides = folds.turns(table.labelled, every, 3, table.spec.window)

    def told(asked: Table) -> tuple[ClassReport | None, ClassReport | None]:
        if in_turn:
            return classes.out_of_fold(asked, sides, tiny(), asked.labelled.events)
        return classes.by_model(model, asked, asked.labelled.events)

    issue, fault = told(nameless(table, "burnt"))
    assert issue is not None
    assert fault is not None
    assert sum(map(sum, issue.confusion)) == len(table.labelled.events)
    assert sum(map(sum, fault.confusion)) == len(table.labelled.events) - len(BURNT)
    assert "" not in fault.names
    issue, fault = told(nameless(table, "beside", "burnt", "delay"))
    assert issue is not None
    assert fault is None


def test_every_fault_weighs_alike_and_every_event_of_one() -> None:
    events, names = np.array([0, 0, 0, 1, 2, 2]), np.array(["a", "a", "a", "a", "b", "b"])
    np.testing.assert_allclose(alike(events, names), [0.5, 0.5, 0.5, 1.5, 1.5, 1.5])


def _fit(rows: np.ndarray, of: Sequence[tuple[int, str, str]], width: int) -> Faults:
    found = faults.fit(_issues(rows[:, :width], of), rows, of, small())
    assert found is not None
    return found


def _issues(rows: np.ndarray, of: Sequence[tuple[int, str, str]]) -> object:
    names = np.array([issue for _, issue, _ in of])
    return grown(Lesson(rows, names, np.ones(len(rows)), rows[:0]), small())
