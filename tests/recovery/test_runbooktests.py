"""Tests of runbooks: symptoms, objects or a kept recovery in, the decision out; what differs is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import documents
from chaoskit.errors import InvalidInput
from chaoskit.recovery import runbook, runbooktests

SYMPTOM = {"kind": "crash-loop", "target": "deployment/cart", "namespace": "shop", "pods": ["cart-h1-a"]}
ODD_KIND = {**SYMPTOM, "kind": "frob"}
ODD_TARGET = {**SYMPTOM, "target": "frob/x"}
STEPS = ["restart-pod", "notify"]


def _written(folder: Path, given: dict[str, Any], expect: list[dict[str, Any]], **more: Any) -> Path:
    spec = {"given": given, "expect": expect, **more}
    head = {"apiVersion": "chaoskit.io/v1", "kind": "RunbookTest", "metadata": {"name": "t"}}
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({**head, "spec": spec}), encoding="utf-8")
    return path


def _tested(path: Path) -> runbooktests.Tested:
    (found,) = runbooktests.run(runbooktests.load(documents.read([str(path)])), runbook.defaults())
    return found


def _cart(**more: Any) -> dict[str, Any]:
    return {"target": "deployment/cart", **more}


def test_symptoms_are_taken_as_seen(tmp_path: Path) -> None:
    expect = [_cart(issue="pod-crash", runbook="pod-crash-recovery", steps=STEPS)]
    assert _tested(_written(tmp_path, {"symptoms": [SYMPTOM]}, expect)).differences == ()


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        (_cart(steps=["roll-back"]), "restart-pod"),
        (_cart(steps=STEPS, runbook="other"), "pod-crash-recovery"),
        (_cart(refused="cool-down"), "restart-pod"),
        (_cart(steps=STEPS, issue="network"), "network"),
        ({"target": "deployment/orders", "steps": STEPS}, "deployment/orders"),
    ],
)
def test_what_is_decided_otherwise_is_told(tmp_path: Path, expect: dict[str, Any], words: str) -> None:
    (difference,) = _tested(_written(tmp_path, {"symptoms": [SYMPTOM]}, [expect])).differences
    assert words in difference


def test_with_nothing_else_any_other_decision_differs(tmp_path: Path) -> None:
    given = {"symptoms": [SYMPTOM, {**SYMPTOM, "target": "deployment/orders"}]}
    expect = [_cart(steps=STEPS)]
    assert _tested(_written(tmp_path, given, expect)).differences == ()
    (difference,) = _tested(_written(tmp_path, given, expect, nothingElse=True)).differences
    assert "deployment/orders" in difference


def test_the_past_is_what_guards_look_back_at(tmp_path: Path) -> None:
    past = [{"target": "deployment/cart", "namespace": "shop", "actions": ["restart-pod"], "ago": "1m"}]
    given = {"symptoms": [SYMPTOM], "past": past}
    assert _tested(_written(tmp_path, given, [_cart(refused="cool-down")])).differences == ()


def test_objects_are_a_cluster_as_kubectl_writes_it(tmp_path: Path) -> None:
    bodies = [
        made.deployment("cart"),
        {"kind": "ReplicaSet", **made.replica_set("cart", 1, ready=1)},
        {"kind": "Pod", **made.crashing("cart-h1-a")},
        {"kind": "Pod", **made.pod("cart-h1-b")},
    ]
    listed = {"apiVersion": "v1", "kind": "List", "items": bodies}
    (tmp_path / "shop.json").write_text(json.dumps(listed), encoding="utf-8")
    given = {"objects": "shop.json", "now": NOW.isoformat()}
    expect = [_cart(issue="pod-crash", steps=STEPS)]
    assert _tested(_written(tmp_path, given, expect, nothingElse=True)).differences == ()


@pytest.mark.parametrize(
    ("given", "expect", "field"),
    [
        ({}, [_cart(steps=STEPS)], "spec.given"),
        ({"symptoms": [ODD_KIND]}, [_cart(steps=STEPS)], "spec.given.symptoms[0].kind"),
        (
            {"symptoms": [ODD_TARGET]},
            [_cart(steps=STEPS)],
            "spec.given.symptoms[0].target",
        ),
        ({"symptoms": [SYMPTOM]}, [_cart()], "spec.expect[0]"),
        ({"symptoms": [SYMPTOM]}, [_cart(steps=STEPS, refused="storm")], "spec.expect[0]"),
    ],
)
def test_a_test_that_says_nothing_is_refused_with_its_field(
    tmp_path: Path, given: dict[str, Any], expect: list[dict[str, Any]], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        _tested(_written(tmp_path, given, expect))
    assert field in [each.field for each in caught.value.problems]


@pytest.mark.parametrize("name", ["missing.json", "broken.json"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInput, match=name):
        _tested(_written(tmp_path, {"objects": name}, [_cart(steps=STEPS)]))


def test_the_schema_that_is_shipped_is_the_programs_and_takes_the_shipped_runbooks() -> None:
    from importlib import resources

    shipped = json.loads((resources.files("chaoskit") / "schemas/runbook.json").read_text(encoding="utf-8"))
    assert shipped == runbook.schema()
    validator = Draft202012Validator(shipped)
    for book in runbook.defaults():
        body = book.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert list(validator.iter_errors(body)) == [], book.name
