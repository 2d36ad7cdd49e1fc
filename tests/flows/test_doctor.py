"""`doctor` asks for the rights that a run and a recovery ask for; in all namespaces it names the odd ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chaoskit import kube
from chaoskit.errors import CannotStart, Forbidden
from chaoskit.experiments.checks import Check
from chaoskit.flows import doctor
from chaoskit.governor import PROTECTED
from chaoskit.ports.cluster import Access, Cluster, Kind, Permission
from chaoskit.ports.metrics import MetricsSource, Sample, Signal

RUNNER = {
    "chaosengines": "create get list watch patch delete", "chaosresults": "get list watch",
    "leases": "create get list patch delete", "events": "list watch", "jobs": "list",
    "pods": "get list watch",
}  # fmt: skip
"""What `plan --rbac` gives to who runs an experiment."""


class _Asked:
    """A cluster that has every namespace, and answers what one may do."""

    def __init__(self, answer: Callable[[Access], Permission]) -> None:
        self._answer = answer

    def get(self, ref: object) -> dict[str, Any]:
        return {}

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        assert access.namespace == "shop"
        return self._answer(access)


def _rights(answer: Callable[[Access], Permission]) -> dict[str, tuple[str, str]]:
    found = doctor.rights(cast("Cluster", _Asked(answer)), "shop")
    run, recover = found
    return {"run": (run.state, run.words), "recover": (recover.state, recover.words)}


def _runner(access: Access) -> Permission:
    allowed = access.verb in RUNNER.get(access.resource, "").split() and not access.subresource
    return "allowed" if allowed else "denied"


def test_who_has_the_rights_that_a_plan_names_may_run_and_is_only_warned_of_recoveries() -> None:
    found = _rights(_runner)
    assert found["run"] == ("ok", "you may do what run needs in namespace shop")
    assert found["recover"][0] == "warning"
    assert "patch deployments.apps in shop" in found["recover"][1]
    assert "create pods/eviction in shop" in found["recover"][1]


@pytest.mark.parametrize("lost", ["get leases", "patch leases", "delete chaosengines", "watch pods"])
def test_one_right_too_few_blocks_a_run(lost: str) -> None:
    found = _rights(lambda access: "denied" if lost == f"{access.verb} {access.resource}" else "allowed")
    assert found["run"][0] == "blocked"
    assert lost in found["run"][1].replace(".coordination.k8s.io", "").replace(".litmuschaos.io", "")


def test_rights_that_cannot_be_asked_for_are_a_warning_and_never_a_yes() -> None:
    found = _rights(lambda _: "unknown")
    assert [state for state, _ in found.values()] == ["warning", "warning"]
    assert "cannot be known" in found["run"][1]


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (Forbidden("cannot list nodes"), "warning", "cannot be known: cannot list nodes"),
        (CannotStart("not there"), "blocked", "not there"),
    ],
)
def test_what_may_not_be_looked_at_is_no_fault(error: Exception, state: str, words: str) -> None:
    def look() -> Iterator[Check]:
        yield Check("nodes", "ok", "seen before")
        raise error

    first, second = doctor.examine("nodes", look)
    assert (first.state, second.name, second.state, second.words) == ("ok", "nodes", state, words)


class _Town:
    """A cluster with a workload in each of these namespaces, and one ChaosExperiment in each of those."""

    def __init__(self, inhabited: Collection[str], charted: Collection[str] = ()) -> None:
        self._names = {kube.DEPLOYMENT: inhabited, kube.CHAOS_EXPERIMENT: charted}

    def get(self, ref: object) -> dict[str, Any]:
        return {}

    def list(self, kind: Kind, namespace: str = "") -> Any:
        places = [each for each in self._names.get(kind, ()) if namespace in {"", each}]
        spec: dict[str, Any] = {"template": {"spec": {"containers": []}}}
        return SimpleNamespace(
            items=[{"metadata": {"name": "pod-delete", "namespace": each}, "spec": spec} for each in places]
        )


def _experiments(town: _Town, namespace: str = "") -> list[tuple[str, str]]:
    found = doctor.litmus(cast("Cluster", town), namespace, PROTECTED)
    return [(each.state, each.words) for each in found if each.name == "experiments"]


def test_namespaces_with_workloads_and_no_experiment_are_named() -> None:
    inhabited = ("bank", "kube-system", "shop")
    hangs = "no ChaosExperiment: an engine there would hang for ever"
    assert _experiments(_Town(inhabited, ["shop", "bank"])) == [("ok", "the cluster has pod-delete")]
    assert _experiments(_Town(inhabited, ["shop"])) == [
        ("ok", "the cluster has pod-delete"), ("warning", f"namespace bank has {hangs}"),
    ]  # fmt: skip
    assert _experiments(_Town(inhabited, ["litmus"])) == [("blocked", f"namespaces bank, shop have {hangs}")]
    assert _experiments(_Town([])) == [("blocked", f"the cluster has {hangs}")]
    assert _experiments(_Town(inhabited, ["shop"]), "bank") == [("blocked", f"namespace bank has {hangs}")]
    many = [f"team-{number}" for number in range(8)]
    ((_, words),) = _experiments(_Town(many))
    assert words == f"namespaces team-0, team-1, team-2, team-3, team-4 and 3 more have {hangs}"


class _Measured:
    """A Prometheus with samples of every pod's signals in these namespaces."""

    def __init__(self, *namespaces: str) -> None:
        self._namespaces = namespaces

    def instant(self, signal: Signal, where: Mapping[str, str] | None = None) -> tuple[Sample, ...]:
        at, wanted = datetime(2026, 1, 1, tzinfo=UTC), (where or {}).get("namespace", "")
        places = [each for each in self._namespaces if wanted in {"", each}]
        return tuple(Sample({"namespace": each}, 1.0, at) for each in places if signal.scope != "node")


def _signals(*measured: str, namespace: str = "") -> list[tuple[str, str]]:
    town = cast("Cluster", _Town(["bank", "kube-system", "shop"]))
    source = cast("MetricsSource", _Measured(*measured))
    return [(each.state, each.words) for each in doctor.signals(source, town, namespace, PROTECTED)]


def test_samples_of_protected_namespaces_alone_are_none() -> None:
    ((state, words),) = _signals("kube-system")
    assert (state, words.startswith("0 of ")) == ("warning", True)
    ((state, _),) = _signals("kube-system", namespace="kube-system")
    assert state == "ok"


def test_namespaces_with_workloads_and_no_sample_are_named() -> None:
    assert _signals("kube-system", "shop")[1:] == [("warning", "namespace bank has no sample of any signal")]
    assert len(_signals("bank", "shop")) == len(_signals("shop", namespace="shop")) == 1
