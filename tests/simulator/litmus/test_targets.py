import random

import pytest

from chaoskit.simulator.litmus.targets import Target, number, parse, ranged


def test_a_label_filter_means_any_of_its_labels() -> None:
    (target,) = parse("deployment:shop:[app=a,app=b]")
    assert target == Target("deployment", "shop", labels=("app=a", "app=b"))


def test_a_filter_without_an_equals_sign_holds_names() -> None:
    assert parse("statefulset:shop:[db,cache]")[0].names == ("db", "cache")


def test_targets_are_joined_by_semicolons() -> None:
    assert [t.kind for t in parse("deployment:a:[x=y];pod:b:[p-1]")] == ["deployment", "pod"]


def test_no_targets_are_read_from_nothing() -> None:
    assert parse("") == ()


def test_a_target_is_told_as_litmus_tells_it_in_errors() -> None:
    (target,) = parse("deployment:lab:[app=nope]")
    assert str(target) == "{namespace: lab, kind: deployment, labels: [app=nope]}"


@pytest.mark.parametrize(("text", "value"), [("60", 60), ("60s", 0), ("", 0), ("1.5", 0), ("-2", -2)])
def test_what_is_not_a_whole_number_is_read_as_zero(text: str, value: float) -> None:
    assert number(text) == value


def test_a_range_gives_a_number_within_it() -> None:
    drawn = {ranged("2-4", random.Random(n)) for n in range(50)}
    assert drawn == {2, 3, 4}
