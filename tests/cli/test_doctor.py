"""`doctor` says what is missing or was left behind, and commands that look at ledgers say the latter, too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.cli.made import experiment
from tests.commandline import CommandLine, Watched

from chaoskit import kube
from chaoskit.clock import WallClock
from chaoskit.ports.cluster import ObjectRef

LABELS = {
    kube.MANAGED_BY: "chaoskit", "chaoskit.io/act": "chaos", "chaoskit.io/state": "active",
    kube.RUN_LABEL: "1dead",
}  # fmt: skip


@pytest.fixture
def left(simulated: Watched) -> Iterator[None]:
    """The ledger of a process that has not been heard of for a day."""
    ref = ObjectRef(kube.LEASE, "default", "chaoskit-1dead")
    renewed = kube.timestamp(WallClock().now() - timedelta(days=1))
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    meta = {"name": ref.name, "namespace": ref.namespace, "labels": LABELS}
    spec = {"leaseDurationSeconds": 30, "holderIdentity": "x", "renewTime": renewed}
    simulated.cluster.create({**body, "metadata": meta, "spec": spec})
    yield
    simulated.cluster.delete(ref)


def test_a_namespace_that_does_not_exist_is_said_and_4(chaoskit: CommandLine) -> None:
    ended = chaoskit("doctor", "-n", "nowhere", "-o", "json")
    assert ended.code == 4
    checks = {each["name"]: each for each in ended.json["checks"]}
    assert checks["namespace"]["words"] == "there is no namespace nowhere"
    assert "rights" not in checks


def test_all_namespaces_can_be_looked_at(chaoskit: CommandLine) -> None:
    checks = chaoskit("doctor", "-A", "-n", "nowhere", "-o", "json").json["checks"]
    words = {each["name"]: each["words"] for each in checks}
    assert words["rights"].endswith("needs in all namespaces")
    assert words["experiments"].startswith("the cluster has ")
    assert "signals have samples" in words["prometheus"]


@pytest.mark.usefixtures("left")
def test_a_run_that_was_left_behind_is_told_with_what_finishes_it(chaoskit: CommandLine) -> None:
    told = "chaos 1dead in namespace default seems dead"
    checks = chaoskit("doctor", "-n", "default", "-o", "json").json["checks"]
    (dead,) = (each for each in checks if each["name"] == "dead runs")
    assert (dead["state"], dead["mend"]) == ("warning", "chaoskit rescue")
    assert dead["words"].startswith(told)
    file = chaoskit.home / "x.yaml"
    file.write_text(experiment("x"), encoding="utf-8")
    assert f"! {told}" in chaoskit("plan", file).err
