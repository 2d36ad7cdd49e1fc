"""Runbooks: the shipped ones and the examples hold, and mistakes are told with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.recovery.made import NOW, symptom

from chaoskit import documents
from chaoskit.errors import InvalidInput
from chaoskit.recovery import classify, runbook
from chaoskit.recovery.issues import CLASSES
from chaoskit.recovery.remedies import EVERY
from chaoskit.recovery.runbook import Runbook

EXAMPLES = Path(__file__).parents[2] / "examples" / "runbooks"
SHIPPED = Path(runbook.__file__).parent / "runbooks" / "pod-crash.yaml"


def _read(text: str) -> tuple[Runbook, ...]:
    return documents.each(documents.parse(text, "mine.yaml"), lambda d: documents.build(d, Runbook))


def test_every_class_of_issue_has_a_shipped_runbook() -> None:
    assert {book.spec.matches.issue for book in runbook.defaults()} == set(CLASSES)


def test_every_shipped_runbook_ends_with_a_person() -> None:
    assert {book.spec.remediations[-1].action for book in runbook.defaults()} == {"notify"}


@pytest.mark.parametrize("issue", ["unschedulable", "unexplained"])
def test_what_no_restart_mends_only_notifies(issue: str) -> None:
    (book,) = (each for each in runbook.defaults() if each.spec.matches.issue == issue)
    assert [step.action for step in book.spec.remediations] == ["notify"]


def test_the_examples_are_valid_and_win_over_the_shipped_ones() -> None:
    mine = runbook.load([str(EXAMPLES)])
    (issue,) = classify([symptom("crash-loop")], now=NOW)
    found = runbook.matching(issue, (*mine, *runbook.defaults()))
    assert found is not None
    assert found.name == "checkout-crash"


@pytest.mark.parametrize(
    ("wrong", "right", "says"),
    [
        (
            "timeout: 60",
            "timeout: 60s",
            "mine.yaml:14:16  spec.remediations[0].timeout is 60, expected a duration",
        ),
        ("restart-pd", "restart-pod", '17:15  spec.remediations[2].action is "restart-pd", expected one of'),
        ("coldown: 2m", "cooldown: 2m", "spec.guards.coldown is unknown, expected one of approval"),
        ("issue: pod-crsh", "issue: pod-crash", "a class of issue that exists"),
        ("[bad-rolout]", "[bad-rollout]", "bad-rolout is none: did you mean bad-rollout?"),
    ],
)
def test_a_mistake_is_told_with_place_found_and_expected(wrong: str, right: str, says: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert right in text
    with pytest.raises(InvalidInput) as caught:
        _read(text.replace(right, wrong, 1))
    assert says in str(caught.value.problems[0])


def test_a_runbook_may_demand_more_confidence_than_there_is() -> None:
    (book,) = (each for each in runbook.defaults() if each.name == "pod-crash-recovery")
    sure = book.spec.matches.model_copy(update={"min_confidence": 0.99})
    strict = book.model_copy(update={"spec": book.spec.model_copy(update={"matches": sure})})
    (issue,) = classify([symptom("not-ready")], now=NOW)
    assert runbook.matching(issue, (book,)) is book
    assert runbook.matching(issue, (strict,)) is None


def test_the_schema_knows_every_remediation() -> None:
    actions = runbook.schema()["$defs"]["Spec"]["properties"]["remediations"]["items"]["discriminator"][
        "mapping"
    ]
    assert {"roll-back", "restart-pod", "notify", "recycle-connections"} <= set(actions)


@pytest.mark.parametrize("action", EVERY)
def test_every_timeout_is_written_as_a_duration(action: str) -> None:
    needed: dict[str, dict[str, Any]] = {
        "run-job": {"template": {}},
        "call-webhook": {"url": "https://ops.example/hook"},
    }
    step = {"action": action, "timeout": "5m", **needed.get(action, {})}
    assert EVERY[action].step.model_validate(step).timeout == 300


def test_the_shipped_runbooks_are_read_once_however_often_they_are_asked() -> None:
    assert runbook.defaults() is runbook.defaults()
