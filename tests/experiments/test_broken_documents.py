"""No document, however broken, is a bug: each problem has a place, and what has none can be run."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.experiments import test_lint as right
from tests.experiments import test_lint_carried as carried

from chaoskit.acts.aims import wanted
from chaoskit.documents import parse
from chaoskit.errors import InvalidInput, Problem
from chaoskit.experiments.lint import NEEDED, findings
from chaoskit.experiments.trials import chaos_seconds, overhead_seconds, trials

MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALID = [
    yaml.safe_load(text)
    for text in (
        *(right.ENGINE, right.DEFINITION, right.ROLE, right.BINDING, right.ACCOUNT, right.NATIVE),
        *(carried.carrying(carried.MADE), carried.SCHEDULE, carried.MADE),
    )
] + [yaml.safe_load(right.probed(kind)) for kind in right.INPUTS]

SCALARS = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=20)
    | some.sampled_from(["", "a=1,b=2", "5-10", "60s", "0s", "pod-delete", "node-drain", "stop", "OnChaos"])
)
ANYTHING = some.recursive(
    SCALARS,
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=6,
)


def _ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a document."""
    found = [way]
    if isinstance(value, dict):
        found += [each for key in value for each in _ways(value[key], (*way, key))]
    if isinstance(value, list):
        found += [each for index in range(len(value)) for each in _ways(value[index], (*way, index))]
    return found


@some.composite
def broken(draw: some.DrawFn) -> Any:
    """A right document, some parts of which were dropped, replaced or joined by others."""
    body = copy.deepcopy(draw(some.sampled_from(VALID)))
    for _ in range(draw(some.integers(1, 3))):
        way = draw(some.sampled_from([each for each in _ways(body) if each] or [("spec",)]))
        parent = body
        for step in way[:-1]:
            parent = parent[step]
        act = draw(some.sampled_from(["drop", "replace", "add"]))
        if act == "drop":
            del parent[way[-1]]
        elif act == "replace":
            parent[way[-1]] = draw(ANYTHING)
        elif isinstance(parent, dict):
            parent[draw(some.text(max_size=8))] = draw(ANYTHING)
        else:
            parent.append(draw(ANYTHING))
    return body


def looked_at(text: str) -> tuple[Problem, ...]:
    """The problems of a text; what has none was taken as far as a plan would take it."""
    try:
        documents = parse(text, "file.yaml")
    except InvalidInput as error:
        return error.problems
    found = findings(documents)
    wrong = tuple(each.problem for each in found if each.level == "error")
    if documents and not wrong and not {each.problem.rule for each in found} & NEEDED:
        _taken(documents)
    return tuple(each.problem for each in found)


def _taken(documents: Any) -> None:
    if not {each.kind for each in documents} & {"ChaosEngine", "Experiment"}:
        return  # nothing to run
    for trial in trials(documents, namespace="ours"):
        assert trial.name
        assert trial.namespace
        assert trial.document
        assert trial.conditions is not None
        assert all(trial.definition(name) is None or trial.beside for name in trial.faults)
        assert chaos_seconds(trial, {}, 1) >= 0
        assert overhead_seconds(trial) > 0
        if trial.engine is not None:
            assert wanted(trial.engine)


@MANY
@given(broken())
def test_a_document_that_was_broken_is_told_at_its_line_or_can_be_run(body: Any) -> None:
    for problem in looked_at(yaml.safe_dump(body, allow_unicode=True)):
        assert problem.line > 0
        assert problem.column > 0
        assert problem.field
        assert problem.expected
        assert str(problem).isprintable()


@MANY
@given(some.lists(broken(), max_size=4))
def test_documents_together_are_no_bug_either(bodies: list[Any]) -> None:
    assert all(problem.line for problem in looked_at(yaml.safe_dump_all(bodies, allow_unicode=True)))


@MANY
@given(some.text())
def test_any_text_is_a_document_or_a_problem_with_a_place(text: str) -> None:
    assert all(problem.line for problem in looked_at(text))


@MANY
@given(some.integers(0, len(right.ENGINE)), some.integers(0, 40), some.text(max_size=10))
def test_an_engine_from_which_a_piece_was_torn_is_told_with_a_place(
    start: int, length: int, put: str
) -> None:
    text = right.ENGINE[:start] + put + right.ENGINE[start + length :]
    assert all(problem.line for problem in looked_at(text))
    within = carried.carrying(text)
    assert all(0 < problem.line <= within.count("\n") + 1 for problem in looked_at(within))
