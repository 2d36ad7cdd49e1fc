"""Signals of one's own: read from YAML, known inside a block, refused with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoskit.errors import InvalidInput
from chaoskit.signalfiles import known, read
from chaoskit.signals import BY_NAME, KNOWN
from chaoskit.steadystate.conditions import SignalCondition

HEAD = "apiVersion: chaoskit.io/v1\nkind: Signals\nmetadata: {name: own}\nspec:\n  signals:\n"
DEPTH = "    - {name: queue_depth, unit: count, promql: 'sum by(namespace,pod)(queue)'"


def written(folder: Path, *lines: str) -> str:
    path = folder / "signals.yaml"
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_what_is_not_written_has_a_sensible_default(tmp_path: Path) -> None:
    (found,) = read([written(tmp_path, DEPTH + "}")])
    assert (found.kind, found.scope, found.step) == ("gauge", "pod", 30)
    assert found.record == "chaoskit:queue_depth:custom"
    assert found.meaning == "queue depth"


def test_inside_they_are_known_and_a_steady_state_may_name_them(tmp_path: Path) -> None:
    with known([written(tmp_path, DEPTH + "}")]):
        condition = SignalCondition.model_validate({"signal": "queue_depth", "below": 100})
        assert condition.measured.promql == "sum by(namespace,pod)(queue)"
    assert "queue_depth" not in KNOWN
    with pytest.raises(ValueError, match="a signal of the catalogue"):
        SignalCondition.model_validate({"signal": "queue_depth", "below": 100})


def test_one_may_take_the_place_of_the_catalogues(tmp_path: Path) -> None:
    line = "    - {name: error_ratio, unit: ratio, kind: ratio, promql: my_errors,"
    with known([written(tmp_path, line + " record: 'chaoskit:errors:ratio'}")]):
        assert KNOWN["error_ratio"].promql == "my_errors"
    assert KNOWN["error_ratio"] is BY_NAME["error_ratio"]


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        (DEPTH + ", step: 0s}", "spec.signals[0].step", "a step of 1s to 1h"),
        (DEPTH + ", classes: [flu]}", "spec.signals[0].classes", "flu is none of memory-leak"),
        (DEPTH + ", scope: planet}", "spec.signals[0].scope", "'pod', 'workload', 'node' or 'edge'"),
        (DEPTH + ", record: 'chaoskit:ready:bool'}", "spec.signals[0].record", "not recorded for ready"),
        (DEPTH + "}\n" + DEPTH + "}", "spec.signals[1].name", "a name that stands once"),
        ("    - {name: Queue, unit: count, promql: q}", "spec.signals[0].name", "text like"),
        ("    - {name: queue, unit: count}", "spec.signals[0].promql", "a value"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, line: str, field: str, expected: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read([written(tmp_path, line)])
    (problem,) = raised.value.problems
    assert problem.field == field
    assert expected in problem.expected
    assert problem.line >= 6
