"""SARIF: of its schema, a result for each weakness and for nothing else, the same alert on every run."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from tests.reports.made import ENDS, INVALID, NO_CLUSTER, recovery, run, several, weak
from tests.reports.sarif_schema import SCHEMA

from chaoskit.outcome import Outcome
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported


def _log(*records: dict[str, Any], error: dict[str, Any] | None = None) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(render("sarif", Reported(records, error)))
    jsonschema.validate(log, SCHEMA, format_checker=jsonschema.FormatChecker())
    (one,) = log["runs"]
    rules = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert [rules[each["ruleIndex"]] for each in one["results"]] == [
        each["ruleId"] for each in one["results"]
    ]
    return dict(one)


@pytest.mark.parametrize("outcome", ENDS)
def test_only_a_weakness_is_a_result_and_what_went_wrong_otherwise_a_notification(outcome: str) -> None:
    log = _log(run(outcome))
    assert len(log["results"]) == (1 if outcome == "weakness-found" else 0)
    (invocation,) = log["invocations"]
    silent = outcome in {"passed", "weakness-found"}
    assert len(invocation["toolExecutionNotifications"]) == (0 if silent else 1)
    assert invocation["executionSuccessful"] is silent
    assert invocation["exitCode"] == Outcome(outcome).exit_code


def test_a_weakness_stands_at_its_experiments_document_under_its_faults_rule() -> None:
    (result,) = _log(weak())["results"]
    assert (result["ruleId"], result["level"]) == ("pod-delete", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "experiments/cart.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 3}
    assert result["properties"]["engineUid"] == "uid-1"


@pytest.mark.parametrize(
    ("path", "uri"),
    [("my experiments/ä.yaml", "my%20experiments/%C3%A4.yaml"), ("/x/a.yaml", "file:///x/a.yaml")],
)
def test_a_path_is_a_uri(path: str, uri: str) -> None:
    (result,) = _log(weak(path=path))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_what_came_from_a_pipe_has_only_its_targets_for_a_place() -> None:
    (result,) = _log(weak(path="stdin"))["results"]
    (location,) = result["locations"]
    assert location == {
        "logicalLocations": [{"fullyQualifiedName": "shop/deployment/cart", "kind": "resource"}]
    }


def test_the_same_weakness_has_the_same_fingerprint_and_another_another() -> None:
    def fingerprint(document: dict[str, Any]) -> Any:
        return _log(document)["results"][0]["partialFingerprints"]

    assert fingerprint(weak()) == fingerprint(weak(id="r2", at=weak()["at"], reason="seen again"))
    assert fingerprint(weak()) != fingerprint(weak(targets=["deployment/orders"]))


def test_of_several_faults_only_the_one_that_broke_is_a_result() -> None:
    log = _log(several())
    assert [each["ruleId"] for each in log["results"]] == ["pod-delete"]


def test_a_rule_is_there_once_however_many_results_it_has() -> None:
    log = _log(weak(), weak(id="r2", fault="pod-cpu-hog"), weak(id="r3"), recovery("not-recovered"))
    assert [rule["id"] for rule in log["tool"]["driver"]["rules"]] == [
        "pod-delete",
        "pod-cpu-hog",
        "pod-crash",
    ]


def test_a_document_that_cannot_be_used_is_a_result_where_it_is_wrong() -> None:
    (result,) = _log(error=INVALID)["results"]
    assert result["ruleId"] == "invalid-document"
    assert result["message"]["text"] == "spec.x is 1, expected 2 (did you mean y?)"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 5}


def test_a_command_that_could_not_begin_is_a_notification() -> None:
    (invocation,) = _log(error=NO_CLUSTER)["invocations"]
    (notice,) = invocation["toolExecutionNotifications"]
    assert notice["message"]["text"] == "cannot start: no cluster"


def test_the_schema_can_say_no() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2.1.0", "runs": [{"tool": {}}]}, SCHEMA)
