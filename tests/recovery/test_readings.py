"""A workload's readings are its own, found without a look at everybody else's."""

from __future__ import annotations

from typing import Any

from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW, sample, series

from chaoskit.clock import ManualClock
from chaoskit.ports.metrics import Sample
from chaoskit.recovery import detection
from chaoskit.recovery.readings import NEWEST, ByWorkload, View

SHOP = made.topology(
    made.pod("a"),
    made.pod("b"),
    made.pod("c", of="search-h1"),
    deployments=(made.deployment("cart"), made.deployment("search")),
)
CART, SEARCH = SHOP.workloads.values()
SAMPLES = [sample("a", 0.5), sample("c", 0.7, "search"), sample("gone", 0.9), sample("b", 0.6)]
RANGES = [series("c", [0.7], "search"), series("b", [0.6])]


def test_samples_kept_by_workload_read_like_any_others() -> None:
    for samples, ranges in ((SAMPLES, RANGES), (ByWorkload(SAMPLES), ByWorkload(RANGES))):
        cart, search = (View.of(w, {"m": samples}, {"m": ranges}, NOW).readings("m") for w in (CART, SEARCH))
        assert [(each.value, each.series) for each in cart] == [(0.5, None), (0.6, RANGES[1])]
        assert [(each.value, each.series) for each in search] == [(0.7, RANGES[0])]


def test_samples_kept_by_workload_are_a_sequence_in_their_order() -> None:
    kept = ByWorkload(SAMPLES)
    assert (list(kept), len(kept), kept[1], kept[1:3]) == (SAMPLES, 4, SAMPLES[1], tuple(SAMPLES[1:3]))


class _Asked(dict[str, str]):
    """Labels that count how often somebody looks at whose they are."""

    looks = 0

    def get(self, key: str, default: Any = None) -> Any:
        type(self).looks += key == "workload"
        return super().get(key, default)


def test_an_observation_asks_of_each_sample_once_whose_it_is() -> None:
    names = [f"w{number}" for number in range(40)]
    pods = [made.pod(f"{name}-a", of=f"{name}-h1") for name in names]
    bodies = [{"apiVersion": "apps/v1", **made.deployment(name)} for name in names]
    cluster = FakeCluster(*bodies, *({"apiVersion": "v1", "kind": "Pod", **each} for each in pods))
    seen = detection.observe(cluster, _Metrics(names), ManualClock(), "shop")
    assert (len(seen.topology.workloads), seen.blind) == (40, "")
    assert _Asked.looks <= 2 * 40 * len(NEWEST)


class _Metrics:
    """One sample of each pod for every signal, and no history."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        return tuple(
            Sample(_Asked(made.labels(f"{name}-a", name)), 0.1, ManualClock().now()) for name in self._names
        )

    def range(self, *_: object, **__: object) -> tuple[()]:
        return ()

    def alerts(self) -> tuple[()]:
        return ()


def test_what_is_wrong_is_looked_for_once_and_anew_where_less_is_looked_at() -> None:
    crashing = [{"apiVersion": "v1", "kind": "Pod", **made.crashing(name)} for name in "ab"]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", **made.replica_set("cart", 1)}
    cluster = FakeCluster({"apiVersion": "apps/v1", **made.deployment("cart")}, owner, *crashing)
    seen = detection.observe(cluster, None, ManualClock(NOW), "shop")
    assert seen.unsaid
    assert detection.detect_in(seen)[: len(seen.unsaid)] == seen.unsaid
    assert all(one is other for one, other in zip(detection.detect_in(seen), seen.unsaid, strict=False))
    assert detection.detect_in(seen.without({"shop"})) == ()
