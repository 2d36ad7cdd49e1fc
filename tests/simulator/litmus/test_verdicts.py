import pytest

from chaoskit.simulator.litmus.verdicts import Judgement, ProbeVerdict, judge, percentage


def test_a_run_under_way_awaits_its_verdict() -> None:
    assert judge("running", ["Awaited"]) == Judgement("Running", "Awaited", "Awaited", None)


def test_a_completed_run_without_probes_passes_with_100_percent() -> None:
    assert judge("completed", []) == Judgement("Completed", "Pass", "100", "passedRuns")


def test_a_completed_run_whose_probes_all_passed_passes() -> None:
    assert judge("completed", ["Passed", "Passed"]).verdict == "Pass"


def test_one_failed_probe_fails_a_completed_run_and_lowers_its_percentage() -> None:
    told = judge("completed", ["Passed", "Passed", "Failed"])
    assert told == Judgement("Completed_With_Probe_Failure", "Fail", "66", "failedRuns")


def test_a_probe_that_stops_the_run_gives_stopped_and_not_fail() -> None:
    told = judge("stopped-by-probe", ["Failed"])
    assert told == Judgement("Stopped", "Stopped", "0", "stoppedRuns")


def test_an_aborted_run_keeps_the_share_of_probes_that_passed_before() -> None:
    assert judge("aborted", ["Passed", "N/A"]) == Judgement("Stopped", "Stopped", "50", "stoppedRuns")


def test_an_error_counts_in_no_history() -> None:
    assert judge("errored", ["Passed"]) == Judgement("Error", "Error", "0", None)


@pytest.mark.parametrize(("passed", "total", "whole"), [(1, 3, 33), (2, 3, 66), (0, 2, 0), (0, 0, 0)])
def test_percentages_are_rounded_down(passed: int, total: int, whole: int) -> None:
    verdicts: list[ProbeVerdict] = ["Passed" if n < passed else "Failed" for n in range(total)]
    assert percentage(verdicts) == whole
