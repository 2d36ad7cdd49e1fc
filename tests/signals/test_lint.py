"""What there is of the signals, in a source that is a script of ten lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chaoskit.ports.metrics import Alert, QueryRefused, Sample, Series, Signal
from chaoskit.signals import BY_NAME, CATALOGUE
from chaoskit.signals.lint import Finding, between, lint
from chaoskit.signals.needs import CLASSES, losses, needs, unmet

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
CART = {"namespace": "shop", "pod": "cart-1", "workload": "cart", "workload_kind": "deployment"}


@dataclass
class Source:
    """Samples by signal name; times of samples by a part of the selector; metrics that exist."""

    samples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        self.asked.append(where or {})
        if signal.promql == "sum(":
            raise QueryRefused("parse error", service="Prometheus")
        return tuple(Sample(labels, 1.0, T0) for labels in self.samples.get(signal.name, []))

    def query(self, promql: str, *, at: datetime | None = None) -> tuple[Sample, ...]:
        return tuple(Sample({}, 1.0, T0) for each in self.metrics if promql == f"count({each})")

    def sampled(self, selected: str, seconds: int) -> tuple[datetime, ...]:
        every = next((step for name, step in self.times.items() if selected.startswith(name)), 0)
        return tuple(T0 - timedelta(seconds=each) for each in range(0, seconds, every)) if every else ()

    def range(self, signal: Signal, start: datetime, end: datetime, **_: Any) -> tuple[Series, ...]:
        raise NotImplementedError

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def looked(source: Source, *names: str, namespace: str = "") -> list[Finding]:
    return list(lint(source, [BY_NAME[name] for name in names], namespace))


def test_a_recorded_signal_tells_its_interval_and_its_series() -> None:
    source = Source({"ready": [CART, {**CART, "pod": "cart-2"}]}, {"chaoskit:ready:bool": 15})
    (found,) = looked(source, "ready", namespace="shop")
    assert (found.state, found.series, found.interval) == ("recorded", 2, 15.0)
    assert not found.problems
    assert not found.losses
    assert source.asked == [{"namespace": "shop"}]


def test_nodes_are_of_no_namespace() -> None:
    source = Source()
    looked(source, "node_cpu", namespace="shop")
    assert source.asked == [{}]


def test_a_raw_signal_whose_ranges_hold_too_few_scrapes_says_so() -> None:
    source = Source({"cpu_usage": [CART]}, {"container_cpu_usage_seconds_total": 30})
    (found,) = looked(source, "cpu_usage")
    assert (found.state, found.interval) == ("raw", 30.0)
    assert found.problems == (
        "a range of 60 s holds 2.0 scrapes, 4 are wanted: chaoskit monitor rules --scraped 30s",
    )


def test_an_absent_signal_tells_which_of_its_metrics_exist_and_what_is_lost() -> None:
    source = Source({"ready": [CART]}, {"chaoskit:ready": 15}, {"container_fs_usage_bytes"})
    found = looked(source, "ready", "fs_usage")[1]
    assert found.state == "absent"
    assert found.metrics == {"container_fs_usage_bytes": True, "container_fs_limit_bytes": False}
    assert [loss.words for loss in found.losses] == ["no forecast of disk"]


def test_a_query_that_is_refused_is_a_finding_and_the_others_are_looked_at() -> None:
    broken = replace(BY_NAME["ready"], promql="sum(")
    found = list(lint(Source({"restarts": [CART]}), [broken, BY_NAME["restarts"]]))
    assert [each.state for each in found] == ["refused", "raw"]
    assert found[0].problems == ("parse error",)


def test_labels_that_are_lacking_are_told() -> None:
    source = Source({"ready": [{"namespace": "shop"}], "restarts": [{"namespace": "shop", "pod": "a"}]})
    one, other = looked(source, "ready", "restarts")
    assert one.problems == ("its series have no label pod",)
    assert other.problems == ("no pod's workload is known: kube_pod_owner of kube-state-metrics is absent",)


def test_the_usual_time_between_samples_does_not_mind_a_gap() -> None:
    times = [T0 + timedelta(seconds=each) for each in (0, 15, 30, 90, 105)]
    assert between(times) == 15.0
    assert between(times[:2]) is None


def test_every_class_of_failure_needs_signals_of_the_catalogue() -> None:
    assert {name for need in needs() for name in need.any_of} <= set(BY_NAME)
    assert [need.words for need in unmet(set())] == [need.words for need in needs()]
    assert not unmet(set(BY_NAME))


def test_a_signal_of_ones_own_serves_the_class_that_it_names() -> None:
    own = replace(BY_NAME["ready"], name="queue_depth", classes=("database-connection",))
    assert "database-connection" in CLASSES
    lost = {need.words for need in unmet({"queue_depth"}, [*CATALOGUE, own])}
    assert "detection of database connection" not in lost
    assert "forecast of database connection" in lost


@pytest.mark.parametrize(("present", "words"), [((), "no"), (("memory_bytes",), "less sure")])
def test_what_another_signal_still_gives_is_only_less_sure(present: tuple[str, ...], words: str) -> None:
    (found,) = (loss for loss in losses("memory_usage", present) if loss.need.ability == "forecast")
    assert found.words == f"{words} forecast of memory leak"
