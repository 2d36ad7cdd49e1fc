"""The schema that editors use says what the program says, and the package ships it as it is."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from chaoskit.documents import parse
from chaoskit.errors import InvalidInput
from chaoskit.experiments.faults import CATALOGUE, SEVERITIES
from chaoskit.experiments.schema import schema
from chaoskit.experiments.trials import trials

EXAMPLES = Path(__file__).parents[2] / "examples" / "experiments"
SHIPPED = resources.files("chaoskit") / "schemas" / "experiment.json"
VALIDATOR = Draft202012Validator(schema())
NATIVE = {
    "apiVersion": "chaoskit.io/v1",
    "kind": "Experiment",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {"fault": {"kind": "pod-delete"}, "targets": {"workloads": ["cart"]}},
}


def native(**spec: Any) -> dict[str, Any]:
    return {**NATIVE, "spec": {**NATIVE["spec"], **spec}}  # type: ignore[dict-item]


def test_what_is_shipped_is_made_of_the_models() -> None:
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == schema()
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: str(path.name))
def test_the_examples_name_the_schema_and_keep_to_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    body = yaml.safe_load(text)
    if body["kind"] != "Experiment":
        return
    (line,) = (each for each in text.splitlines() if each.startswith("# yaml-language-server:"))
    named = (path.parent / line.partition("$schema=")[2]).resolve()
    assert named.read_bytes() == SHIPPED.read_bytes()
    assert list(VALIDATOR.iter_errors(body)) == []


@pytest.mark.parametrize(
    ("spec", "field", "expected"),
    [
        ({"blastRadius": {"maxPods": "2"}}, "spec.blastRadius.maxPods", "a whole number"),
        ({"steadyState": [{"http": {"url": "http://x"}, "abort": "yes"}]}, "spec.steadyState[0].abort",
         "true or false"),
        ({"targets": {"workloads": ["deploymnt/cart"]}}, "spec.targets.workloads[0]",
         "did you mean deployment/cart?"),
        ({"steadyState": [{"kubernetes": {"workload": "pod/x"}}]}, "spec.steadyState[0].kubernetes.workload",
         "deployment/NAME"),
    ],
)  # fmt: skip
def test_what_the_schema_refuses_the_program_refuses_too(
    spec: dict[str, Any], field: str, expected: str
) -> None:
    assert list(VALIDATOR.iter_errors(native(**spec)))
    with pytest.raises(InvalidInput) as caught:
        trials(parse(yaml.safe_dump(native(**spec))))
    (problem,) = caught.value.problems
    assert problem.field == field
    assert expected in problem.expected


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_default_and_preset_is_what_the_schema_allows(kind: str) -> None:
    fault = CATALOGUE[kind]
    given: list[dict[str, Any]] = [{p.name: p.default for p in fault.parameters if p.default}]
    given += [dict(fault.preset(severity)) for severity in SEVERITIES]
    for parameters in given:
        body = native(fault={"kind": kind, "parameters": parameters})
        assert list(VALIDATOR.iter_errors(body)) == [], parameters


@pytest.mark.parametrize(
    "spec",
    [
        {"fault": {"kind": "pod-delet"}},
        {"fault": {"kind": "pod-delete", "parameters": {"forse": True}}},
        {"fault": {"kind": "pod-delete", "parameters": {"interval": "5s"}}},
        {"fault": {"kind": "pod-delete", "parameters": {"interval": 0}}},
        {"fault": {"kind": "pod-cpu-hog", "parameters": {"runtime": "podman"}}},
        {"duration": "60"},
        {"duration": 60},
        {"severity": "grave"},
        {"targets": {"workload": "cart"}},
        {"steadyState": [{"prometheus": {"signal": "error_ratio", "bellow": 1}}]},
        {"blastRadius": {"maxPercent": 101}},
    ],
)
def test_what_the_program_refuses_the_schema_refuses_too(spec: dict[str, Any]) -> None:
    body = native(**spec)
    assert list(VALIDATOR.iter_errors(body))
    with pytest.raises(InvalidInput):
        trials(parse(yaml.safe_dump(body)))


@pytest.mark.parametrize(
    "spec",
    [
        {"fault": {"kind": "pod-delete", "parameters": {"INSTANCE_ID": "a", "interval": "5"}}},
        {"fault": {"kind": "pod-cpu-hog", "parameters": {"load": "40-60"}}},
        {"targets": {"components": ["database"]}},
        {"duration": "1m30s", "severity": "low", "timeout": "5m"},
        {"litmus": {"nodeSelector": {"kubernetes.io/hostname": "n2"}, "terminationGracePeriod": "30s"}},
    ],
)
def test_what_the_program_takes_the_schema_takes_too(spec: dict[str, Any]) -> None:
    body = native(**spec)
    assert list(VALIDATOR.iter_errors(body)) == []
    assert trials(parse(yaml.safe_dump(body)))
