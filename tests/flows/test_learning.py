"""What a training learns from: chaos that is labelled counts, masked chaos does not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.prediction.conftest import leaking, small, tiny

from chaoskit import errors
from chaoskit.flows import learning
from chaoskit.prediction import Chaos, Objectives
from chaoskit.prediction.artifacts import ledgers
from chaoskit.records import LabelRecord


@pytest.mark.parametrize(("chaos", "judged"), [("mask", {}), ("label", {"network": 10})])
def test_chaos_is_a_failure_of_its_class_where_that_was_asked_for(
    tmp_path: Path, chaos: Chaos, judged: dict[str, int]
) -> None:
    data = leaking()
    start = data.blocks[0].start
    windows = [start + timedelta(minutes=80 + 90 * number) for number in range(10)]
    runs = [
        LabelRecord(
            id=f"{number}", at=at, trace_id="", target="app-2", namespace="shop", meaning="chaos",
            issue="network", start=at, end=at + timedelta(minutes=5),
        )
        for number, at in enumerate(windows)
    ]  # fmt: skip
    fitted = learning.fit(
        data, models=tmp_path, base="shop", options=tiny(), extra=runs, chaos=chaos,
        objectives=Objectives(error_ratio=0.1), thorough=False, promote=False,
    )  # fmt: skip
    assert (fitted.promoted, fitted.instead_of) == (False, "")
    told = fitted.report.data["of_events"]
    assert {name: count for name, count in told.items() if name == "network"} == judged


def test_which_model_answers_no_more_is_told(tmp_path: Path) -> None:
    with ledgers.history_changed(tmp_path) as history:
        history.append({"name": "elsewhere-1"})
    fitted = learning.fit(leaking(), models=tmp_path, base="shop", options=small(), thorough=False)
    assert (fitted.promoted, fitted.instead_of) == (True, "elsewhere-1")


NO_NAMES = ["../../../esc", "a/b", ".hidden", "-x", "", "two\nlines", "x" * 201]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_model_lies_in_the_store_of_models_and_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.InvalidInput, match="is no name of a model"):
        learning.fit(leaking(), models=tmp_path / "home" / "models", base=name, options=small())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../esc-1", "/absolute", ".hidden", "two\nlines", "x" * 256])
def test_no_model_is_asked_that_lies_elsewhere(tmp_path: Path, name: str) -> None:
    root = tmp_path / "models"
    asked = str(tmp_path / "absolute") if name == "/absolute" else name
    for place in ("esc-1", "absolute", "models/.hidden", "models/two\nlines"):
        (tmp_path / place).mkdir(parents=True)
    data = leaking()
    with pytest.raises(errors.UnknownName):
        learning.chosen(root, asked)
    with pytest.raises(errors.UnknownName):
        learning.judged(data, models=root, model=asked)
    with pytest.raises(errors.UnknownName):
        learning.calibrate(data, models=root, model=asked)
    with pytest.raises(errors.UnknownName):
        learning.exported(root, asked, tmp_path / "out")
    assert not (tmp_path / "out").exists()
