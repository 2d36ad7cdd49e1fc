"""JUnit: a suite for each run, its fault a case, probes and conditions nested; counts that add up."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

import pytest
from tests.reports.made import (
    ENDS,
    INVALID,
    NO_CLUSTER,
    prediction,
    probe,
    probed,
    recovery,
    run,
    several,
    weak,
)

from chaoskit.outcome import Outcome
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported


def _xml(*records: dict[str, object], error: dict[str, object] | None = None) -> Element:
    return fromstring(render("junit", Reported(records, error)).encode())


def _one(root: Element, path: str) -> Element:
    (found,) = root.findall(path)
    return found


@pytest.mark.parametrize("outcome", ENDS)
def test_the_faults_case_is_failed_only_for_a_weakness(outcome: str) -> None:
    case = _one(_xml(run(outcome)), "testsuite/testcase")
    kind = Outcome(outcome).row.junit
    assert [child.tag for child in case] == ([] if kind == "pass" else [kind])
    assert (case.find("failure") is not None) is (outcome == "weakness-found")
    assert case.get("time") == "100.000"
    assert (case.get("file"), case.get("line")) == ("experiments/cart.yaml", "3")


def test_a_failure_has_the_outcome_as_its_type_and_the_reason_as_its_message() -> None:
    failure = _one(_xml(weak()), "testsuite/testcase/failure")
    assert (failure.get("type"), failure.get("message")) == ("weakness-found", "it was weakness-found")


def test_probes_and_conditions_are_cases_of_a_nested_suite() -> None:
    made = weak()
    made["litmus"]["probes"] = [probe("answers", "Passed"), probe("late", "N/A")]
    cases = _xml(made).findall("testsuite/testsuite[@name='pod-delete']/testcase")
    states = {case.get("name"): [child.tag for child in case if child.tag != "system-out"] for case in cases}
    assert states == {
        "probe answers (Continuous)": [],
        "probe late (Continuous)": ["skipped"],
        "condition error_ratio of deployment/cart": ["failure"],
    }
    assert {case.get("classname") for case in cases} == {"cart.pod-delete"}


def test_counts_add_up_at_every_level() -> None:
    root = _xml(weak(), several(), run("errored"), recovery(), probed("no-baseline", probe("a", "Failed")))
    for suite in [root, *root.iter("testsuite")]:
        cases = list(suite.iter("testcase"))
        assert suite.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(name) == str(sum(case.find(tag) is not None for case in cases))


def test_a_suites_properties_say_what_a_dashboard_asks_for() -> None:
    found = {
        each.get("name"): each.get("value") for each in _xml(weak()).findall("testsuite/properties/property")
    }
    assert found["engine.uid"] == "uid-1"
    assert found["targets"] == "deployment/cart"
    assert found["score"] == "0.0"
    assert found["duration"] == "100.000"
    assert (found["seconds.broken"], found["seconds.to.recover"]) == ("20.0", "0.0")
    assert (found["version.kubernetes"], found["version.litmus"]) == ("v1.34.1", "3.31.0")
    assert (found["outcome"], found["exit"]) == ("weakness-found", "1")


def test_several_faults_are_several_cases_and_the_one_that_held_passes() -> None:
    root = _xml(several())
    assert [case.get("name") for case in root.findall("testsuite/testcase")] == ["pod-delete", "pod-cpu-hog"]
    assert root.find("testsuite/testcase[@name='pod-cpu-hog']/failure") is None


def test_a_document_that_cannot_be_used_is_an_error_at_its_place() -> None:
    case = _one(_xml(error=INVALID), "testsuite/testcase")
    assert (case.get("file"), case.get("line")) == ("a.yaml", "3")
    error = _one(case, "error")
    assert error.get("message") == "a.yaml:3:5: spec.x is 1, expected 2"
    assert error.get("type") == "invalid-input"


def test_a_command_that_could_not_begin_is_an_error_and_a_refusal_is_skipped() -> None:
    assert _one(_xml(error=NO_CLUSTER), "testsuite/testcase/error").get("message") == "no cluster"
    refused = {"outcome": "refused", "exit": 3, "message": "add --yes"}
    assert _one(_xml(error=refused), "testsuite/testcase/skipped").get("type") == "refused"


def test_what_a_cluster_says_cannot_break_the_document() -> None:
    made = weak(reason='<&"]]>\x1b[31mred\x00 \ud800 😀')
    failure = _one(_xml(made), "testsuite/testcase/failure")
    assert failure.get("message") == '<&"]]>\ufffd[31mred\ufffd \ufffd 😀'


def test_a_recovery_is_a_suite_of_its_steps_and_a_prediction_is_none() -> None:
    root = _xml(recovery("not-recovered"), prediction())
    assert [suite.get("name") for suite in root] == ["pod crash of deployment/cart"]
    nested = root.findall("testsuite/testsuite/testcase")
    assert [case.get("name") for case in nested] == ["step 1 restart", "step 2 roll back"]
