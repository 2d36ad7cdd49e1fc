"""Each condition over all looks: its worst value, since when it was broken, and for how long."""

from __future__ import annotations

from tests.reports.made import Document, at, look, run, weak

from chaoskit.reports.conditions import courses, seconds_broken, seconds_to_recover
from chaoskit.reports.reading import recovered_words, time


def test_it_was_broken_from_the_first_look_that_says_so_to_the_first_from_which_on_it_held() -> None:
    (course,) = courses(weak())
    assert course.broken_at == time(at(25))
    assert course.regained_at == time(at(45))
    assert (course.seconds_broken, course.seconds_to_recover) == (20.0, 0.0)
    assert (seconds_broken(weak()), seconds_to_recover(weak())) == (20.0, 0.0)


def test_a_relapse_counts_to_its_end() -> None:
    looks = [look(25, False, 0.08), look(30, True, 0.01), look(35, False, 0.07), look(45, True, 0.01)]
    assert seconds_broken(run(steady_state=looks)) == 20.0


def test_what_nobody_looked_at_during_the_fault_was_broken_nobody_knows_how_long() -> None:
    looks = [look(1, True, 0.0, stage="before"), look(60, False, 0.09, stage="after")]
    looks.append(look(70, True, 0.01, stage="after"))
    (course,) = courses(run(steady_state=looks))
    assert (course.broken_at, course.seconds_to_recover, course.at_most) == (None, None, 50.0)
    assert seconds_to_recover(run(steady_state=looks)) is None


def test_what_held_afterwards_and_was_not_looked_at_before_may_have_been_broken() -> None:
    looks = [look(1, True, 0.0, stage="before"), look(60, True, 0.01, stage="after")]
    assert seconds_to_recover(run(steady_state=looks)) is None
    other = [look(25, True, 0.01, condition="b")]
    assert seconds_to_recover(run(steady_state=[*looks, *other])) == 0.0  # by what was looked at


def test_what_may_be_broken_under_the_fault_is_no_weakness_but_its_time_counts() -> None:
    looks = [
        look(1, True, stage="before"), look(21, False, tolerated=True), look(25, None, tolerated=True),
        look(24, True, tolerated=True), look(50, False, stage="after", tolerated=True),
        look(55, True, stage="after undo"),
    ]  # fmt: skip
    (course,) = courses(run(steady_state=looks))
    assert (course.lost, course.dark, course.unsteady) == (False, None, None)
    assert (course.seconds_broken, course.seconds_to_recover) == (34.0, 5.0)


def test_what_was_dark_meanwhile_may_have_been_broken_nobody_knows_how_long() -> None:
    unseen = [look(n, None, tolerated=True) for n in (21, 25, 30)]
    back = look(60, True, 0.01, stage="after")
    for during in (unseen, unseen[:1], [look(20, True, 0.01), *unseen], [look(20, False, 0.2), *unseen]):
        (course,) = courses(run(steady_state=[*during, back]))
        assert (course.broken_at, course.seconds_to_recover) == (None, None)
        assert seconds_to_recover(run(steady_state=[*during, back])) is None
    seen = look(25, True, 0.01, condition="b")
    assert seconds_to_recover(run(steady_state=[*unseen, back, seen])) is None
    gap = [look(20, True, 0.01), *unseen[:2], look(35, True, 0.01), back]
    assert seconds_to_recover(run(steady_state=gap)) == 0.0


def test_what_never_broke_took_no_time_and_what_did_not_come_back_has_none() -> None:
    assert seconds_to_recover(run(steady_state=[look(25, True, 0.01)])) == 0.0
    assert seconds_to_recover(run(steady_state=[look(25, True, 0.01), look(40, False, 0.2)])) is None


def test_the_slowest_condition_counts_and_one_that_did_not_come_back_for_all() -> None:
    slow = [look(22, False, 0.2, condition="b"), look(62, True, 0.0, condition="b")]
    assert seconds_to_recover(weak(steady_state=[*weak()["steady_state"], *slow])) == 12.0
    assert seconds_broken(weak(steady_state=[*weak()["steady_state"], *slow])) == 40.0
    lost = [look(22, False, 0.2, condition="c")]
    assert seconds_to_recover(weak(steady_state=[*weak()["steady_state"], *lost])) is None


def test_what_is_still_broken_when_the_fault_is_over_recovers_from_then() -> None:
    lasts = [look(21, True, 0.01), look(22, False, 0.2), look(52, True, 0.01, stage="after")]
    late = [look(21, True, 0.01), look(55, False, 0.2, stage="after"), look(60, True, 0.01, stage="after")]
    for looks, figures in ((lasts, (2.0, 30.0)), (late, (5.0, 5.0))):
        made = run(steady_state=looks)
        assert (seconds_to_recover(made), seconds_broken(made)) == figures
    unended = run(steady_state=lasts, injected_until=None)
    assert (seconds_to_recover(unended), seconds_broken(unended)) == (None, 30.0)
    whole = run(steady_state=lasts[:1], injected_until=None)
    assert (seconds_to_recover(whole), seconds_broken(whole)) == (0.0, 0.0)


def test_what_is_looked_at_for_its_lag_has_been_looked_at_after_the_fault() -> None:
    looks = [look(25, True, 0.01), look(55, True, 0.02, late=True), look(60, True, 0.03, late=True)]
    (course,) = courses(run(steady_state=looks))
    shown = course.at_stage("after")
    assert shown is not None
    assert shown.value == 0.03
    (course,) = courses(run(steady_state=[*looks, look(65, True, 0.04, stage="after")]))
    shown = course.at_stage("after")
    assert shown is not None
    assert shown.value == 0.04


def test_who_is_back_later_took_longer_to_recover() -> None:
    def lasting(back: float) -> Document:
        looks = [look(0, True, 0.01), look(2, False, 0.2), look(back, True, 0.01, stage="after")]
        return run(steady_state=looks, injected_at=at(0), injected_until=at(60))

    took = [(seconds_to_recover(made), seconds_broken(made)) for made in map(lasting, (30, 60, 61, 90))]
    assert took == [(0, 28), (0, 58), (1, 59), (30, 88)]


def test_without_an_injection_or_a_condition_there_is_nothing_to_recover_from() -> None:
    assert seconds_to_recover(run("no-baseline", steady_state=[look(1, False, 0.2, stage="before")])) is None
    assert seconds_to_recover(run()) is None


def test_the_worst_value_is_the_farthest_on_the_wrong_side() -> None:
    (course,) = courses(weak())
    assert course.worst is not None
    assert course.worst.value == 0.2
    ready = [
        look(21, True, 3) | {"measured": {"value": 3, "unit": "pods", "least": 3, "most": None}},
        look(25, False, 1) | {"measured": {"value": 1, "unit": "pods", "least": 3, "most": None}},
    ]
    (course,) = courses(run(steady_state=ready))
    assert course.worst is not None
    assert course.worst.value == 1


def test_a_gap_is_dark_only_when_it_lasts() -> None:
    short = [look(21, True, 0.01), look(25, None), look(30, True, 0.01)]
    assert courses(run(steady_state=short))[0].dark is None
    long = [look(21, True, 0.01), *(look(n, None) for n in (25, 30, 35)), look(40, True, 0.01)]
    assert courses(run(steady_state=long))[0].dark is not None
    end = [look(21, True, 0.01), look(60, None, stage="after")]
    assert courses(run(steady_state=end))[0].dark is not None


def test_what_was_wanted_is_told_by_a_look_that_could_be_evaluated() -> None:
    dark = look(21, None) | {"expected": "an answer"}
    assert courses(run(steady_state=[dark, look(25, True, 0.01)]))[0].expected == "below 0.05"
    assert courses(run(steady_state=[dark]))[0].expected == "an answer"


def test_conditions_that_were_never_looked_at_are_there_all_the_same() -> None:
    written = {"steadyState": [{"prometheus": {"signal": "error_ratio", "below": 0.05}}]}
    (course,) = courses(run("refused", experiment={"spec": written}))
    assert (course.title, course.looks) == ("error_ratio", ())


def test_a_document_whose_conditions_cannot_be_read_any_more_is_no_obstacle() -> None:
    written = {"steadyState": [{"telepathy": {"of": "pods"}}]}
    assert courses(run("refused", experiment={"spec": written})) == ()


def test_no_time_to_recover_is_told_with_its_reason() -> None:
    nothing = run(seconds_to_recover=0.0, seconds_broken=0.0)
    assert [recovered_words(each) for each in (nothing, weak())] == [
        "0 s, nothing broke",
        "0 s, back under the fault",
    ]
