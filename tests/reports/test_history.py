"""What a history of runs tells: open weaknesses, a recovery that got slower, what differs between runs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.reports.made import at, look, probe, probed, recovery, run, several, weak

from chaoskit import clusters
from chaoskit.outcome import Outcome
from chaoskit.reports.comparing import differences
from chaoskit.reports.explaining import explain
from chaoskit.reports.regression import judge
from chaoskit.reports.weaknesses import open_weaknesses, whereabouts


def _at(number: int, document: dict[str, Any]) -> dict[str, Any]:
    """The same run, `number` hours later."""
    return {**document, "id": f"r{number}", "at": at(3600 * number), "ended_at": at(3600 * number + 100)}


def _took(*seconds: float | None, **more: Any) -> list[dict[str, Any]]:
    return [_at(n, {**weak(seconds_broken=each), **more}) for n, each in enumerate(seconds)]


# ------------------------------------------------------------------ weaknesses


def test_a_weakness_is_open_until_its_experiment_passes() -> None:
    (found,) = open_weaknesses([_at(1, weak()), _at(2, weak())])
    assert (found.times, found.first, found.last, found.run) == (2, at(3600), at(7200), "r2")
    assert open_weaknesses([_at(1, weak()), _at(2, run())]) == ()
    assert [each.times for each in open_weaknesses([_at(3, weak()), _at(2, run()), _at(1, weak())])] == [1]


@pytest.mark.parametrize("outcome", ["refused", "cannot-start", "errored", "no-baseline", "interrupted"])
def test_a_run_that_says_nothing_closes_nothing(outcome: str) -> None:
    assert len(open_weaknesses([_at(1, weak()), _at(2, run(outcome))])) == 1


@pytest.mark.parametrize(
    "other",
    [{"name": "x"}, {"fault": "pod-cpu-hog"}, {"targets": ["a"]}, {"namespace": "b"}, {"cluster": "c"}],
)
def test_a_pass_of_something_else_closes_nothing(other: dict[str, Any]) -> None:
    assert len(open_weaknesses([_at(1, weak()), _at(2, run(**other))])) == 1


def _of(name: str, uid: str | None = None, address: str | None = None) -> dict[str, Any]:
    return {"cluster": name, "cluster_uid": uid, "cluster_address": address}


PROD = _of("prod", "u1", "https://prod")
INSIDE = _of("in-cluster", "u1", "https://10.96.0.1")
OTHER = _of("in-cluster", "u2", "https://10.96.0.1")
LITTLE = _of("prod", "", "https://prod")
"""Of who may not read kube-system."""
PROXIED = _of("staging", "", "https://prod")
"""Of the like, behind one proxy for both."""
OLD = {"cluster": "prod"}

ONE = [(PROD, INSIDE), (PROD, LITTLE), (LITTLE, PROD), (PROD, OLD), (OLD, PROD), (INSIDE, PROD)]
TWO = [(INSIDE, OTHER), (OTHER, PROD), (OLD, INSIDE), (INSIDE, LITTLE), (OTHER, OLD)]
TWO += [(LITTLE, PROXIED), (PROXIED, LITTLE), (PROD, PROXIED), (PROXIED, PROD)]


@pytest.mark.parametrize(("one", "other"), ONE)
def test_a_weakness_is_closed_by_a_pass_on_the_same_cluster_by_whatever_name(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert open_weaknesses([_at(1, weak(**one)), _at(2, run(**other))]) == ()
    (found,) = open_weaknesses([_at(1, weak(**one)), _at(2, weak(**other))])
    assert (found.times, found.cluster) == (2, other["cluster"])


@pytest.mark.parametrize(("one", "other"), TWO)
def test_a_pass_on_another_cluster_closes_nothing_whatever_that_is_called(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert len(open_weaknesses([_at(1, weak(**one)), _at(2, run(**other))])) == 1
    assert [each.times for each in open_weaknesses([_at(1, weak(**one)), _at(2, weak(**other))])] == [1, 1]


def test_what_was_known_of_a_cluster_when_a_weakness_was_found_first_stays_known() -> None:
    found = [_at(1, weak(**PROD)), _at(2, weak(**LITTLE))]
    assert [each.document()["cluster_uid"] for each in open_weaknesses(found)] == ["u1"]
    assert open_weaknesses([*found, _at(3, run(**INSIDE))]) == ()


UNTOLD = [_of("in-cluster", "", "https://10.96.0.1"), _of("in-cluster"), {"cluster": "in-cluster"}]
"""Of who may not read kube-system there, could not ask, or of an old version: INSIDE or OTHER."""


def _uids(*runs: dict[str, Any]) -> set[tuple[str | None, int]]:
    return {(each.document()["cluster_uid"], each.times) for each in open_weaknesses(runs)}


@pytest.mark.parametrize("untold", UNTOLD)
@pytest.mark.parametrize("first", [0, 3], ids=["before", "after"])
def test_what_nobody_knows_on_which_cluster_it_ran_says_nothing_of_either(
    untold: dict[str, Any], first: int
) -> None:
    both = _at(1, weak(**INSIDE)), _at(2, weak(**OTHER))
    broke, passed = _at(first, weak(**untold)), _at(first, run(**untold))
    assert _uids(*both, passed) == {("u1", 1), ("u2", 1)}
    assert _uids(*both, broke) == {("u1", 1), ("u2", 1), (None, 1)}
    assert _uids(*both, broke, _at(4, run(**INSIDE))) == {("u2", 1), (None, 1)}
    assert _uids(*both, broke, _at(4, run(**OTHER))) == {("u1", 1), (None, 1)}
    assert _uids(*both, broke, _at(4, run(**untold))) == {("u1", 1), ("u2", 1)}


@pytest.mark.parametrize("untold", UNTOLD)
@pytest.mark.parametrize("order", [(INSIDE, OTHER), (OTHER, INSIDE)], ids=["one first", "other first"])
def test_what_nobody_knows_on_which_cluster_it_was_has_passed_once_all_that_it_may_be_did(
    untold: dict[str, Any], order: tuple[dict[str, Any], ...]
) -> None:
    one, other = order
    broke, first, elsewhere = _at(1, weak(**untold)), _at(2, run(**one)), _at(3, run(name="x", **other))
    assert _uids(_at(0, run(**other)), broke, first) == {(None, 1)}  # what passed before says nothing
    assert _uids(broke, first, elsewhere) == {(None, 1)}
    assert _uids(broke, first, elsewhere, _at(4, run(**other))) == set()
    assert _uids(broke, first, _at(4, run(**other)), _at(5, weak(**untold))) == {(None, 1)}
    assert _uids(broke, first, _at(3, weak(**untold)), _at(4, run(**other))) == {(None, 2)}


def test_of_a_part_of_the_runs_it_is_told_by_all_of_them_whose_each_is() -> None:
    every = [clusters.of(each) for each in (INSIDE, OTHER, UNTOLD[0])]
    found, untold = _at(1, weak(**INSIDE)), _at(2, run(**UNTOLD[0]))
    assert open_weaknesses([found, untold]) == ()
    assert [each.cluster for each in open_weaknesses([found, untold], every)] == ["in-cluster"]


def test_of_a_cluster_alone_what_may_be_its_own_or_not_has_passed_once_it_passed_there() -> None:
    every = [clusters.of(each) for each in (INSIDE, OTHER, UNTOLD[0])]
    broke, passed = _at(1, weak(**UNTOLD[0])), _at(2, run(**INSIDE))
    assert len(open_weaknesses([broke], every, every[:1])) == 1
    assert open_weaknesses([broke, passed], every, every[:1]) == ()
    assert len(open_weaknesses([broke, passed], every)) == 1


def test_whose_a_weakness_is_is_said_where_nobody_knows_that_of_one() -> None:
    every = [clusters.of(each) for each in (INSIDE, OTHER, UNTOLD[0])]
    found = open_weaknesses([_at(1, weak(**INSIDE)), _at(2, weak(**UNTOLD[0]))], every)
    assert whereabouts(found) == []
    assert whereabouts(found, every) == ["in-cluster (https://10.96.0.1)", "in-cluster (u1)"]
    assert whereabouts(found[:1], every) == []


def test_a_cluster_that_is_known_for_sure_is_one_whatever_others_fit_it() -> None:
    little, inside = _at(1, weak(**LITTLE)), _at(2, weak(**INSIDE))
    assert _uids(little, inside, _at(3, weak(**PROD))) == {("u1", 3)}
    assert _uids(little, inside, _at(3, run(**PROD))) == set()


def test_of_several_faults_each_has_its_own() -> None:
    assert [each.fault for each in open_weaknesses([_at(1, several())])] == ["pod-delete"]


# ------------------------------------------------------------------ regression


def test_a_recovery_far_slower_than_the_usual_is_a_regression() -> None:
    history = _took(20, 22, 18, 21, 19, 60)
    judged = judge(history[-1], history)
    assert judged.outcome is Outcome.REGRESSED
    assert judged.words.startswith("it was broken for 60.0 s; of 5 earlier runs the median is 20.0 s")
    assert (judged.document()["figure"], judged.document()["seconds"]) == ("seconds_broken", 60)
    assert (judged.median, judged.mad) == (20, 1)
    assert judged.limit == 25  # three deviations are 4.4 s, a tenth 2 s: five seconds are the most
    assert judged.earlier == (19, 21, 18, 22, 20)


def test_a_recovery_within_the_usual_spread_is_none() -> None:
    history = _took(20, 30, 40, 25, 35, 52)
    judged = judge(history[-1], history)
    assert judged.outcome is Outcome.PASSED
    assert judged.limit == pytest.approx(30 + 3 * 1.4826 * 5)


def test_a_tenth_of_a_long_recovery_is_no_regression() -> None:
    assert judge((h := _took(600, 600, 600, 600, 600, 650))[-1], h).outcome is Outcome.PASSED
    assert judge((h := _took(600, 600, 600, 600, 600, 670))[-1], h).outcome is Outcome.REGRESSED


def test_what_did_not_come_back_at_all_is_a_regression() -> None:
    history = _took(20, 22, 18, 21, 19, None)
    lost = {**history[-1], "steady_state": [look(25, False, 0.08)]}
    judged = judge(lost, history)
    assert judged.outcome is Outcome.REGRESSED
    assert judged.words.startswith("it did not recover; of 5 earlier runs the median is 20.0 s")


def test_what_came_back_nobody_knows_when_is_not_judged() -> None:
    history = _took(20, 22, 18, 21, 19, None, outcome="passed")
    judged = judge(history[-1], history)
    assert judged.outcome is Outcome.NO_BASELINE
    assert judged.words == "how long it was broken is not known"


def test_with_too_few_earlier_runs_nothing_is_judged() -> None:
    history = _took(20, 22, 18, 21, 600)
    judged = judge(history[-1], history)
    assert (judged.outcome, judged.limit) == (Outcome.NO_BASELINE, None)
    assert judged.words == "of 4 earlier runs it is known how long they were broken, 5 are needed"


def test_where_nothing_was_injected_there_is_nothing_to_judge() -> None:
    history = _took(20, 22, 18, 21, 19)
    assert judge(_at(9, run("refused")), history).outcome is Outcome.NO_BASELINE
    assert judge(_at(9, run("interrupted")), history).outcome is Outcome.NO_BASELINE


@pytest.mark.parametrize(
    "outcome", ["errored", "no-baseline", "timed-out", "interrupted", "terminated", "undo-not-confirmed"]
)
def test_a_run_that_proved_nothing_is_not_judged(outcome: str) -> None:
    history = _took(20, 22, 18, 21, 19)
    for seconds in (0.0, 900.0):
        stopped = _at(9, weak(seconds_broken=seconds) | {"outcome": outcome})
        judged = judge(stopped, history)
        assert judged.outcome is Outcome.NO_BASELINE
        assert judged.words.startswith(f"the run is {outcome.replace('-', ' ')}: ")


def _how(**spec: Any) -> dict[str, Any]:
    return {"experiment": {"kind": "Experiment", "spec": {"fault": {"kind": "pod-delete"}, **spec}}}


@pytest.mark.parametrize(
    "harder",
    [
        {"severity": "high"},
        {"duration": 120.0},
        {"fault": {"kind": "pod-delete", "parameters": {"force": True}}},
        {"targets": {"workloads": ["deployment/cart"], "pods": 3}},
        {"targets": {"workloads": ["deployment/cart"], "percent": 50}},
        {"steadyState": [{"prometheus": {"signal": "error_ratio", "below": 0.001}}]},
        {"experiments": [{"name": "pod-delete", "spec": {"components": {"env": [{"name": "FORCE"}]}}}]},
    ],
)
def test_a_harder_experiment_is_another_one_and_no_regression(harder: dict[str, Any]) -> None:
    usual = _took(20, 22, 18, 21, 19, **_how(duration=30.0))
    slow = _at(9, weak(seconds_broken=90.0, **_how(duration=30.0)))
    assert judge(slow, usual).outcome is Outcome.REGRESSED
    escalated = {**slow, **_how(**{"duration": 30.0, **harder})}
    assert judge(escalated, usual).outcome is Outcome.NO_BASELINE
    same = [{**each, "experiment": escalated["experiment"]} for each in usual]
    assert judge(escalated, same).outcome is Outcome.REGRESSED


def test_who_injects_makes_another_experiment() -> None:
    def by(way: str) -> dict[str, Any]:
        return {"evidence": {"plan": {"engine": way}}}

    usual = _took(20, 22, 18, 21, 19, **by("litmus"))
    slow = _at(9, weak(seconds_broken=90.0))
    assert judge({**slow, **by("litmus")}, usual).outcome is Outcome.REGRESSED
    assert judge({**slow, **by("direct")}, usual).outcome is Outcome.NO_BASELINE


def test_what_else_a_document_says_makes_no_other_experiment() -> None:
    usual = _took(20, 22, 18, 21, 19, **_how())
    renamed = _at(9, weak(seconds_broken=20.0, **_how(hypothesis="The cart stays.", timeout=600.0)))
    assert judge(renamed, usual).outcome is Outcome.PASSED


RATIO = {"prometheus": {"signal": "error_ratio", "below": 0.05}}


@pytest.mark.parametrize(
    "beside", [{"name": "few errors"}, {"abort": True}, {"recoversWithin": 90.0}, {"litmusProbe": True}]
)
def test_a_condition_that_measures_the_same_makes_no_other_experiment(beside: dict[str, Any]) -> None:
    alert = {"alert": {"name": "Down"}}
    usual = _took(20, 22, 18, 21, 19, **_how(steadyState=[RATIO, alert]))
    edited = _at(9, weak(seconds_broken=90.0, **_how(steadyState=[alert, {**RATIO, **beside}])))
    assert judge(edited, usual).outcome is Outcome.REGRESSED


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"steadyState": [{"prometheus": {"signal": "error_ratio", "below": 0.01}}]}, "steady state"),
        ({"steadyState": [RATIO], "duration": 120.0, "severity": "high"}, "severity or duration"),
        ({"steadyState": [{**RATIO, "mode": "edges"}]}, "steady state"),
    ],
)
def test_earlier_runs_that_are_not_compared_with_are_told_with_what_was_another(
    spec: dict[str, Any], words: str
) -> None:
    usual = _took(20, 22, 18, 21, 19, **_how(steadyState=[RATIO]))
    judged = judge(_at(9, weak(**_how(**spec))), usual)
    assert judged.outcome is Outcome.NO_BASELINE
    assert judged.words.endswith(f", 5 are needed; 5 more had another {words}")


def test_only_earlier_runs_of_the_same_experiment_on_the_same_targets_count() -> None:
    others = [
        *_took(*[20] * 5, name="x"), *_took(*[20] * 5, fault="x"), *_took(*[20] * 5, targets=["x"]),
        *_took(*[20] * 5, cluster="x"), *_took(*[20] * 5, outcome="errored"),
    ]  # fmt: skip
    later = [_at(20 + n, weak()) for n in range(5)]
    assert judge(_at(10, weak()), [*others, *later]).earlier == ()


def _lasting(*back: float) -> list[dict[str, Any]]:
    """Runs that were broken as long as the fault, of 300 s, and so many seconds more."""
    return [
        _at(n, weak(
            steady_state=[look(21, True, 0.01), look(22, False, 0.2), look(320 + each, True, 0.01)],
            injected_until=at(320), seconds_to_recover=max(0, each), seconds_broken=298 + each,
        ))
        for n, each in enumerate(back)
    ]  # fmt: skip


def test_a_long_fault_does_not_hide_how_much_longer_it_takes_once_it_is_over() -> None:
    history = _lasting(1, 2, 1, 1, 2, 25)
    judged = judge(history[-1], history)
    assert judged.outcome is Outcome.REGRESSED
    assert (judged.seconds, judged.median) == (25, 1)
    assert judged.words.startswith(
        "it took 25.0 s once the fault was over; of 5 earlier runs the median is 1.0 s"
    )
    assert judged.document()["figure"] == "seconds_to_recover"
    usual = judge(history[-2], history)
    assert (usual.outcome, usual.figure, usual.seconds) == (Outcome.NO_BASELINE, "seconds_broken", 300)
    assert judge((h := _lasting(1, 2, 1, 1, 2, 4))[-1], h).outcome is Outcome.PASSED


def test_what_is_back_before_the_fault_is_over_is_no_slower_for_that() -> None:
    history = _lasting(1, 2, 1, 1, 2, -5)
    assert judge(history[-1], history).outcome is Outcome.PASSED


def test_an_old_history_is_forgotten() -> None:
    history = _took(*[500.0] * 30, *[20.0] * 30, 60)
    assert judge(history[-1], history).outcome is Outcome.REGRESSED


# ------------------------------------------------------------------ two runs


def test_runs_that_are_the_same_do_not_differ() -> None:
    assert differences(weak(), _at(2, weak())) == ()


def test_what_differs_is_told_by_its_part() -> None:
    spec = {"hypothesis": "It holds.", "x": [1]}
    other = run(
        experiment={"kind": "Experiment", "metadata": {"name": "cart"}, "spec": spec},
        targets=["deployment/cart", "deployment/orders"],
        versions={"litmus": "3.32.0"},
        seconds_to_recover=0.0,
        seconds_broken=0.0,
    )
    found = {(each.part, each.what): (each.one, each.other) for each in differences(weak(), other)}
    assert found[("outcome", "outcome")] == ("weakness found", "passed")
    assert found[("outcome", "resilience score")] == ("0", "100")
    assert found[("times", "time broken")] == ("20 s", "0.0 s")
    assert ("times", "time to recover") not in found
    assert found[("verdicts", "pod-delete")] == ("failure", "pass")
    assert found[("worst values", "error_ratio of deployment/cart")] == ("20 %, broken for 20 s", "none")
    assert found[("targets", "targets")] == ("deployment/cart", "deployment/cart, deployment/orders")
    assert found[("document", "spec.x[0]")] == ("none", "1")
    assert found[("versions", "litmus")] == ("3.31.0", "3.32.0")
    assert next(iter(found)) == ("outcome", "outcome")


# ------------------------------------------------------------------ in words


@pytest.mark.parametrize(
    "outcome", [each for each in Outcome if each.row.junit != "pass" or each is Outcome.PASSED]
)
def test_every_end_is_explained_with_something_to_do(outcome: Outcome) -> None:
    told = explain(run(outcome.value))
    assert any(outcome.words in line for line in told.why)
    assert told.next
    assert not any("{" in line for line in told.next)


def test_a_weakness_is_explained_by_what_broke() -> None:
    told = explain(weak())
    assert told.what[0].startswith(
        "cart was to try pod-delete on deployment/cart in namespace shop (2026-05-04"
    )
    assert "The fault was there for 30 s." in told.what
    assert any("broken 0:05 after the injection, back after 20 s" in line for line in told.why)
    assert "mend it, then prove it: chaoskit run experiments/cart.yaml" in told.next


def test_probes_that_failed_are_named() -> None:
    told = explain(probed("weakness-found", probe("answers", "Failed"), probe("b", "Passed")))
    assert "probe answers (Continuous): answers says so." in told.why
    assert "1 of 2 probes and conditions held." in told.why


def test_what_nobody_looked_at_did_neither_hold_nor_break() -> None:
    before = [look(1, True, 0.01, stage="before"), look(1, True, 1, stage="before", condition="ready")]
    killed = run("errored", steady_state=before, rescued=True)
    assert "None of 2 probes and conditions was looked at under the fault." in explain(killed).why
    half = run("errored", steady_state=[*before, look(25, True, 0.02)])
    assert "1 of 2 probes and conditions held, 1 not looked at under the fault." in explain(half).why


def test_a_recovery_is_explained_by_its_steps() -> None:
    told = explain(recovery("not-recovered", seconds_to_recover=None))
    assert "Tried, in order: restart, then roll back." in told.what
    assert "try again as it is now: chaoskit recover --replay v1" in told.next


def test_a_recovery_that_cannot_be_judged_is_not_called_undone() -> None:
    told = explain(recovery("errored", seconds_to_recover=None))
    assert told.why[0] == (
        "errored (exit 7) means: it cannot be judged: a fault is undone, what a recovery did stays."
    )
    assert told.next[-1] == "then: chaoskit recover --replay v1"


# ------------------------------------------------------------------ whose runs


@pytest.mark.parametrize(("one", "other"), ONE)
def test_a_run_is_held_against_earlier_ones_of_the_same_cluster_by_whatever_name(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    *before, last = _took(20, 22, 18, 21, 19, 60)
    history = [*({**each, **one} for each in before), {**last, **other}]
    assert judge(history[-1], history).outcome is Outcome.REGRESSED


@pytest.mark.parametrize(("one", "other"), TWO)
def test_runs_on_another_cluster_are_no_earlier_runs_whatever_that_is_called(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    *before, last = _took(20, 22, 18, 21, 19, 60)
    history = [*({**each, **one} for each in before), {**last, **other}]
    assert judge(history[-1], history).outcome is Outcome.NO_BASELINE


def test_a_cluster_differs_when_it_is_another_and_not_when_it_is_called_otherwise() -> None:
    def told(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, str]]:
        found = differences(run(**one), run(**other))
        return [(each.one, each.other) for each in found if each.what == "cluster"]

    assert all(told(*each) == [] for each in ONE)
    assert told(OTHER, PROD) == [("in-cluster", "prod")]
    assert told(INSIDE, OTHER) == [("in-cluster (u1)", "in-cluster (u2)")]
