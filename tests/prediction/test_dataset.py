from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from chaoskit import errors, events
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.prediction.data.dataset import Dataset, collect
from chaoskit.prediction.data.recent import latest
from chaoskit.prediction.labelling.labels import Labelled
from chaoskit.signals import BY_NAME

START = datetime(2026, 1, 1, tzinfo=UTC)
POD = {"namespace": "shop", "pod": "cart-7d9-a", "workload": "cart", "workload_kind": "deployment"}
OTHER = POD | {"pod": "cart-7d9-b"}
NAN = float("nan")


class Recorded:
    """A metrics source that answers from a table."""

    def __init__(self, series: Mapping[str, list[tuple[dict[str, str], list[float]]]]) -> None:
        self.series = series

    def range(
        self,
        signal: Signal,
        start: datetime,
        end: datetime,
        *,
        step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:
        assert set(where or {}) <= {"namespace"}
        place = (where or {}).get("namespace")
        found = [each for each in self.series.get(signal.name, []) if place in {None, each[0]["namespace"]}]
        return tuple(Series(labels, start, step, array("d", values)) for labels, values in found)

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        raise NotImplementedError

    def alerts(self) -> tuple[Alert, ...]:
        raise NotImplementedError


def collected(
    series: Mapping[str, list[tuple[dict[str, str], list[float]]]],
    heard: list[events.Event] | None = None,
    namespace: str = "shop",
) -> Dataset:
    wanted = tuple(BY_NAME[name] for name in (*series, "node_cpu"))
    end = START + timedelta(minutes=2)
    listen = heard.append if heard is not None else events.ignore
    return collect(
        Recorded(series), START, end, namespace, wanted=wanted, without={"kube-system"}, listen=listen
    )


def test_each_pod_has_its_own_values_and_gaps_stay_open() -> None:
    data = collected({"cpu_usage": [(POD, [1, NAN, 3]), (OTHER, [4, 5, 6])]})
    (block,) = data.blocks
    assert [row.pod for row in block.rows] == ["cart-7d9-a", "cart-7d9-b"]
    np.testing.assert_array_equal(block.values[0, 0], [1, NAN, 3])
    assert block.rows[0].workload == "deployment/cart"


def test_a_workloads_value_counts_for_each_pod_while_the_pod_is_there() -> None:
    workload = {"namespace": "shop", "workload": "cart", "workload_kind": "deployment"}
    data = collected(
        {"cpu_usage": [(POD, [1, 1, NAN])], "replicas_unavailable": [(workload, [0.5, 0.5, 0.5])]}
    )
    np.testing.assert_array_equal(data.blocks[0].values[0, 1], [0.5, 0.5, NAN])


def test_namespaces_are_told_apart_and_protected_ones_left_out() -> None:
    """A pod and a workload of the same name in another namespace have values of their own."""
    twin, dns = POD | {"namespace": "bank"}, POD | {"namespace": "kube-system"}
    workload = {"namespace": "shop", "workload": "cart", "workload_kind": "deployment"}
    pods = [(POD, [1.0, 1.0, 1.0]), (twin, [2.0, 2.0, 2.0]), (dns, [3.0, 3.0, 3.0])]
    short = [(workload, [0.5, 0.5, 0.5]), (workload | {"namespace": "bank"}, [0.0, 0.0, 0.0])]
    (block,) = collected({"cpu_usage": pods, "replicas_unavailable": short}, namespace="").blocks
    assert [row.namespace for row in block.rows] == ["bank", "shop"]
    assert block.values[:, :, 0].tolist() == [[2.0, 0.0], [1.0, 0.5]]


def test_it_begins_where_the_samples_do() -> None:
    (block,) = collected({"cpu_usage": [(POD, [NAN, NAN, 3]), (OTHER, [NAN, 5, NAN])]}).blocks
    assert block.start == START + timedelta(minutes=1)
    np.testing.assert_array_equal(block.values[:, 0], [[NAN, 3], [5, NAN]])


def test_of_several_callers_the_worst_counts() -> None:
    edges = [(POD | {"source": "web"}, [0.1, 0.2, 0.1]), (POD | {"source": "api"}, [0.3, NAN, 0.0])]
    data = collected({"cpu_usage": [(POD, [1, 1, 1])], "edge_gap": edges})
    np.testing.assert_allclose(data.blocks[0].values[0, 1], [0.3, 0.2, 0.1])


def test_a_sample_too_large_for_what_is_kept_is_missing() -> None:
    data = collected({"cpu_usage": [(POD, [1, 1e39, 3])], "ready": [(POD, [1, 1, 1])]})
    np.testing.assert_array_equal(data.blocks[0].values[0, 0], [1, NAN, 3])


def test_signals_of_nodes_are_left_out() -> None:
    assert collected({"cpu_usage": [(POD, [1, 1, 1])]}).names == ("cpu_usage",)


def test_pods_that_are_meant_to_end_are_left_out() -> None:
    job = POD | {"pod": "pod-delete-x1", "workload": "pod-delete", "workload_kind": "job"}
    runner = POD | {"pod": "cart-runner", "workload": "cart-chaos", "workload_kind": "chaosengine"}
    (block,) = collected({"ready": [(POD, [1, 1, 1]), (job, [1, 0, NAN]), (runner, [0, 1, 0])]}).blocks
    assert [row.pod for row in block.rows] == ["cart-7d9-a"]


def test_an_owner_that_is_recorded_counts_for_the_time_in_which_none_was() -> None:
    agent = {"namespace": "shop", "pod": "agent-x7k2p"}
    owned = agent | {"workload": "agent", "workload_kind": "daemonset"}
    (block,) = collected({"cpu_usage": [(owned, [1, 2, NAN]), (agent, [NAN, NAN, 3])]}).blocks
    assert [row.workload for row in block.rows] == ["daemonset/agent"]
    assert block.values[0, 0].tolist() == [1, 2, 3]


def test_a_job_whose_owner_is_not_recorded_is_left_out_too() -> None:
    job = {"namespace": "shop", "pod": "backup-28373640-abcde"}
    owned = {"namespace": "shop", "pod": "once-x1y2z", "workload": "once", "workload_kind": "job"}
    series = [(POD, [1.0, 1.0, 1.0]), (job, [1.0, 0.0, NAN]), (owned, [1.0, NAN, NAN])]
    bare: tuple[dict[str, str], list[float]] = ({"namespace": "shop", "pod": "once-x1y2z"}, [NAN, 1, 1])
    (block,) = collected({"ready": [*series, bare]}).blocks
    assert [row.pod for row in block.rows] == ["cart-7d9-a"]


def test_a_pod_keeps_its_row_when_its_owner_becomes_known_or_unknown() -> None:
    agent = {"namespace": "shop", "pod": "agent-x7k2p"}
    owned = agent | {"workload": "agent", "workload_kind": "daemonset"}
    first, then = (
        collected({"cpu_usage": [(agent, [1, 2, 3])]}),
        collected({"cpu_usage": [(owned, [4, 5, 6])]}),
    )
    for joined in (latest(first, then, 3), latest(then, first, 3)):
        assert [row.workload for row in joined.blocks[0].rows] == ["daemonset/agent"]


def test_collecting_tells_how_far_it_is() -> None:
    heard: list[events.Event] = []
    collected({"cpu_usage": [(POD, [1, 1, 1])], "ready": [(POD, [1, 1, 1])]}, heard)
    assert [(e.done, e.total) for e in heard if isinstance(e, events.Progress)] == [(1, 2), (2, 2)]


def test_a_namespace_without_samples_cannot_be_collected() -> None:
    with pytest.raises(errors.CannotStart, match="namespace shop"):
        collected({"cpu_usage": []})
    with pytest.raises(errors.CannotStart, match="in any namespace"):
        collected({"cpu_usage": [(POD | {"namespace": "kube-system"}, [1, 1, 1])]}, namespace="")


def test_a_thinner_grid_keeps_the_newest_sample_of_each_stretch() -> None:
    data = collected({"cpu_usage": [(POD, [1, 2, NAN])]})
    thin = data.thin(180)
    assert thin.blocks[0].values[0, 0].tolist() == [2]
    assert thin.blocks[0].start == START + timedelta(minutes=2)


@pytest.mark.parametrize("step", [90, 30])
def test_a_grid_that_does_not_fit_or_is_finer_is_refused(step: int) -> None:
    with pytest.raises(errors.InvalidInput, match=f"of {step} s cannot be made from one of 60 s"):
        collected({"cpu_usage": [(POD, [1, 2, 3])]}).thin(step)


def test_a_thinner_grid_has_no_block_that_is_shorter_than_its_step() -> None:
    data = collected({"cpu_usage": [(POD, [1, 2, 3])]})
    (block,) = data.blocks
    short = block.cut(0, 1)
    assert [each.length for each in replace(data, blocks=(short, block, short)).thin(120).blocks] == [1]
    assert [each.length for each in replace(data, blocks=(short,)).thin(120).blocks] == [0]


def test_a_signal_that_is_lacking_is_missing_everywhere() -> None:
    data = collected({"cpu_usage": [(POD, [1, 2, 3])]}).select([BY_NAME["ready"], BY_NAME["cpu_usage"]])
    assert np.isnan(data.blocks[0].values[0, 0]).all()
    assert data.blocks[0].values[0, 1].tolist() == [1, 2, 3]


def test_only_some_workloads_can_be_kept(leaks: Labelled) -> None:
    kept = leaks.dataset.only(["deployment/app-2"])
    assert {row.workload for row in kept.blocks[0].rows} == {"deployment/app-2"}
    assert kept.samples == leaks.dataset.samples // 8
