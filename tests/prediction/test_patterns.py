"""What recurs in made histories, and that chance is not taken for a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chaoskit.prediction.data.dataset import Block, Dataset, Row
from chaoskit.prediction.labelling.labels import Labelled, Target, label
from chaoskit.prediction.patterns import Failure, clusters, patterns, seasons, sequels
from chaoskit.signals import BY_NAME

T0 = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
CART, ORDERS = ("deployment/cart", "memory-leak"), ("deployment/orders", "network")


def failures(kind: tuple[str, str], minutes: Sequence[float]) -> list[Failure]:
    return [Failure(*kind, T0 + timedelta(minutes=each)) for each in minutes]


def ordered(*parts: list[Failure]) -> list[Failure]:
    return sorted((each for part in parts for each in part), key=lambda failure: failure.at)


def test_what_follows_is_told_with_how_often_and_how_soon() -> None:
    starts = [100.0, 700, 1900, 2500, 4000]
    found = ordered(failures(CART, starts), failures(ORDERS, [each + 8 for each in starts[:4]]))
    (one,) = sequels(found, hours=72)
    assert (one.first, one.then, one.together) == (CART, ORDERS, False)
    assert (one.times, one.of, one.median_seconds) == (4, 5, 480)
    assert one.probability < 1e-5


def test_what_comes_together_is_told_once() -> None:
    starts = [100.0, 700, 1900, 2500]
    found = ordered(failures(CART, starts), failures(ORDERS, [each + 1 for each in starts]))
    (one,) = sequels(found, hours=72)
    assert one.together


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_no_pattern(seed: int) -> None:
    random = np.random.default_rng(seed)
    kinds = [(f"deployment/{name}", "pod-crash") for name in "abcde"]
    found = ordered(*(failures(kind, sorted(random.uniform(0, 10080, 12))) for kind in kinds))
    assert sequels(found, hours=168) == ()
    assert seasons(found, hours=168) == ()


def test_one_bad_afternoon_is_no_season() -> None:
    afternoon = [1440 + 840 + each for each in (0, 13, 31, 42, 66, 80, 97)]
    assert seasons(failures(CART, afternoon), hours=120) == ()


def test_incidents_of_many_failures_at_random_times_are_hardly_ever_a_season() -> None:
    random = np.random.default_rng(0)

    def incidents() -> list[float]:
        starts = random.uniform(0, 14 * 1440, 5)
        return sorted(
            float(each) for start in starts for each in start + np.cumsum(random.uniform(11, 25, 5))
        )

    assert sum(bool(seasons(failures(CART, incidents()), hours=336)) for _ in range(300)) <= 6


def test_a_night_with_several_failures_counts_once_though_it_passes_midnight() -> None:
    nights = [
        day * 1440 + shift + each for day, shift in enumerate([0, 9, -9, 4, 7, -3]) for each in (-20, 15)
    ]
    (one,) = seasons(failures(CART, nights), hours=168)
    assert (one.cycle, one.times, one.of) == ("day", 12, 12)


def test_what_came_once_after_several_follows_once() -> None:
    bursts = [100.0, 111, 122, 4000, 4011, 4022]
    assert (
        sequels(ordered(failures(CART, bursts), failures(ORDERS, [125, 2000, 4025, 6000])), hours=168) == ()
    )


def test_failures_at_night_are_a_season() -> None:
    nights = [day * 1440 + 150 + shift for day, shift in enumerate([0, 20, -25, 10, 35, -10])]
    found = failures(CART, nights[:2] + nights[3:])
    (one,) = seasons(found, hours=168)
    assert (one.cycle, one.when[:9], one.times, one.of) == ("day", "around 02", 5, 5)
    assert seasons(found, hours=24) == ()


def test_a_weekday_takes_weeks_to_be_told() -> None:
    mondays = [week * 10080 + 600 + shift for week, shift in enumerate([0, 300, -200, 100, 400, -300, 50])]
    found = seasons(failures(CART, mondays[:3] + mondays[4:]), hours=24 * 49)
    assert [(each.cycle, each.when[:13]) for each in found][-1] == ("week", "around Monday")


def test_a_regular_interval_is_named() -> None:
    (one,) = seasons(failures(CART, [0, 50, 101, 150, 199, 250]), hours=5)
    assert (one.cycle, one.when) == ("interval", "every 50 min")
    assert 0 < one.probability < 1e-3


def test_four_failures_at_random_times_are_hardly_ever_a_regular_interval() -> None:
    random = np.random.default_rng(0)
    told = sum(
        bool(seasons(failures(CART, sorted(random.uniform(0, 10080, 4))), hours=168)) for _ in range(1000)
    )
    assert told <= 10


def test_failures_that_look_alike_are_one_cluster_with_words() -> None:
    names = ("memory.up", "memory.filling", "network.up")
    leak, cut = np.array([0.9, 0.5, 0.0]), np.array([0.0, 0.0, 0.8])
    found = [Failure(*CART, T0, (leak * share).astype(np.float32)) for share in (1, 0.8, 0.9)] + [
        Failure(*ORDERS, T0 + timedelta(hours=1), cut.astype(np.float32)),
        Failure(*ORDERS, T0),
    ]
    first, second = clusters(found, names)
    assert (first.times, first.signature) == (3, ("memory up", "memory filling"))
    assert first.targets == {"deployment/cart": 3}
    assert (second.signature, second.issues) == (("network up",), {"network": 1})
    assert clusters([], names) == ()


def test_namesakes_of_two_namespaces_are_two_workloads() -> None:
    restarts = np.zeros((2, 1, 2400), dtype=np.float32)
    for at in np.random.default_rng(1).choice(np.arange(100, 2300, 60), 12, replace=False).tolist():
        restarts[0, 0, at:] += 1
        restarts[1, 0, at + 12 :] += 1
    rows = (Row("shop", "deployment/cart", "cart-1"), Row("bank", "deployment/cart", "cart-2"))
    block = Block("", rows, T0, 60, restarts)
    found = patterns(label(Dataset((BY_NAME["restarts"],), 60, (block,)), Target("detect")))
    (sequel,) = found.sequels
    assert (sequel.first[0], sequel.then[0]) == ("shop/deployment/cart", "bank/deployment/cart")


def test_a_history_of_leaks_is_told_as_such(leaks: Labelled) -> None:
    found = patterns(leaks)
    assert found.failures == len(leaks.events)
    assert found.hours == 16
    biggest = found.clusters[0]
    assert biggest.times >= found.failures / 2
    assert any("memory" in word for word in biggest.signature)
    assert set(biggest.issues) == {"memory-leak"}
