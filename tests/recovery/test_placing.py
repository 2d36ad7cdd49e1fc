"""Alerts as kube-prometheus labels them are put to what they are about, not to who told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import alertmanager, kube
from chaoskit.clock import ManualClock
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.belonging import home
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery import alerts
from chaoskit.recovery.detection import Sight

PAYLOAD = json.loads((Path(__file__).parent / "kube-prometheus.json").read_text(encoding="utf-8"))
"""What Alertmanager posts (version 4), with the labels that kube-prometheus gives to its alerts."""

EXPORTER = "kube-state-metrics-h1-x"


def _elsewhere(body: Object) -> Object:
    body["metadata"]["namespace"] = "monitoring"
    return body


def _addressed(name: str, address: str) -> Object:
    body = made.node(name)
    body["status"]["addresses"] = [{"type": "InternalIP", "address": address}]
    return body


def _stateful(name: str) -> Object:
    body: Object = made.deployment(name)
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    return {**body, "kind": "StatefulSet", "spec": {**body["spec"], "volumeClaimTemplates": [claim]}}


def _member(name: str, claim: str) -> Object:
    body = made.pod(name, of="db-h1")
    body["metadata"]["ownerReferences"] = made.meta(name, ("StatefulSet", "db"))["ownerReferences"]
    body["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return body


def _sight(*pods: Object) -> Sight:
    """A shop, and the exporter that tells of it, in one look."""
    ksm = "kube-state-metrics"
    whole = made.topology(
        made.pod("cart-h1-a"),
        _elsewhere(made.pod(EXPORTER, of=f"{ksm}-h1")),
        *pods,
        deployments=(made.deployment("cart"), _elsewhere(made.deployment(ksm))),
        replica_sets=(made.replica_set("cart", 1), _elsewhere(made.replica_set(ksm, 1))),
        nodes=(_addressed("hive-01", "192.168.7.11"), _addressed("hive-02", "192.168.7.12")),
    )
    logs: Object = {**made.deployment("logs"), "kind": "DaemonSet"}
    bodies = (*whole.workload_bodies, (kube.STATEFUL_SET, _stateful("db")), (kube.DAEMON_SET, logs))
    budget = {"metadata": made.meta("db-budget"), "spec": {"selector": {"matchLabels": {"app": "db"}}}}
    jobs = ({"metadata": made.meta("nightly")}, _report("reports-1", 7200), _report("reports-2", 3600))
    scaler = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}}
    return Sight(
        NOW,
        replace(whole, workload_bodies=bodies, budgets=(budget,)),
        blind="no metrics",
        jobs=jobs,
        autoscalers=({"metadata": made.meta("cart-scaler"), "spec": scaler},),
    )


def _report(name: str, age: float) -> Object:
    """A job that the cron job has made."""
    meta: Object = made.meta(name, ("CronJob", "reports"), creationTimestamp=made.ago(age))
    meta["ownerReferences"][0]["apiVersion"] = "batch/v1"
    return {"metadata": meta}


SEEN = _sight(_member("db-0", "data-db-0"))


def _placed(seen: Sight = SEEN) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """(kind, target, pods) of each alert that was put somewhere."""
    heard = alerts.symptoms(alertmanager.posted(PAYLOAD), seen)
    return {each.facts["alert"]: (each.kind, str(each.target), each.pods) for each in heard.symptoms}


def test_each_alert_is_put_to_what_it_is_about() -> None:
    assert _placed() == {
        "KubePodCrashLooping": ("crash-loop", "deployment/cart", ("cart-h1-a",)),
        "KubeDeploymentReplicasMismatch": ("not-ready", "deployment/cart", ()),
        "KubeStatefulSetReplicasMismatch": ("not-ready", "statefulset/db", ()),
        "KubeJobFailed": ("job-failed", "job/nightly", ()),
        "KubeNodeNotReady": ("node-lost", "node/hive-02", ()),
        "KubePersistentVolumeFillingUp": ("disk-full", "statefulset/db", ()),
        "NodeFilesystemSpaceFillingUp": ("disk-pressure", "node/hive-02", ()),
        "HostHighCpuLoad": ("cpu-saturated", "node/hive-01", ()),
        "KubeHpaReplicasMismatch": ("not-ready", "deployment/cart", ()),
        "KubePdbNotEnoughHealthyPods": ("not-ready", "statefulset/db", ()),
        "KubeCronJobRunning": ("job-stuck", "job/reports-2", ()),
        "KubeDaemonSetNotScheduled": ("unschedulable", "daemonset/logs", ()),
    }


def test_what_is_put_nowhere_is_told_with_the_reason() -> None:
    unknown = "no symptom is known for it; label chaoskit_symptom can name one"
    assert list(map(str, alerts.symptoms(alertmanager.posted(PAYLOAD), SEEN).unplaced)) == [
        "KubePersistentVolumeFillingUp in shop: no workload that is there mounts the claim left-over",
        "KubePersistentVolumeErrors in monitoring: nothing here mends the volume pvc-0d1f",
        f"KubeHpaMaxedOut in shop: it is about deployment/cart, {unknown}",
        f"KubeQuotaFullyUsed in shop: {unknown}",
        f"TargetDown in shop: {unknown}",
        f"SandboxDown in shop: {unknown}",
        f"Watchdog: {unknown}",
    ]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("horizontalpodautoscaler", "no workload that is there is scaled by the autoscaler gone"),
        ("poddisruptionbudget", "no workload that is there is meant by the budget gone"),
        ("cronjob", "no job is there of the cron job gone"),
    ],
)
def test_what_leads_nowhere_is_told_by_its_name(label: str, words: str) -> None:
    labels = {"alertname": "KubeHpaReplicasMismatch", "namespace": "shop", "pod": EXPORTER, label: "gone"}
    one = {"status": "firing", "labels": labels, "startsAt": made.ago(60)}
    (found,) = alerts.symptoms(alertmanager.posted({"alerts": [one]}), SEEN).unplaced
    assert found.why == words


def test_of_several_workloads_of_a_budget_the_one_that_lacks_pods_is_meant() -> None:
    whole = made.topology(
        made.pod("a-h1-a", of="a-h1"),
        made.pod("b-h1-a", of="b-h1", ready=False),
        deployments=(made.deployment("a", replicas=1), made.deployment("b", replicas=1)),
        replica_sets=(made.replica_set("a", 1), made.replica_set("b", 1)),
    )
    both = {"metadata": made.meta("db-budget"), "spec": {"selector": {}}}
    heard = alerts.symptoms(alertmanager.posted(PAYLOAD), Sight(NOW, replace(whole, budgets=(both,))))
    assert [str(each.target) for each in heard.symptoms] == ["deployment/b"]


def test_a_claim_belongs_to_its_stateful_set_though_no_pod_is_there() -> None:
    assert _placed(_sight())["KubePersistentVolumeFillingUp"][1] == "statefulset/db"


def test_a_claim_belongs_to_whoever_mounts_it() -> None:
    mounting = made.pod("cart-h1-b")
    mounting["spec"]["volumes"] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "files", "persistentVolumeClaim": {"claimName": "left-over"}},
    ]
    placed = alerts.symptoms(alertmanager.posted(PAYLOAD), _sight(mounting)).symptoms
    assert sorted(str(each.target) for each in placed if each.kind == "disk-full") == [
        "deployment/cart",
        "statefulset/db",
    ]


def _volume(name: str) -> dict[str, Any]:
    labels = {"alertname": name, "namespace": "monitoring", "pod": EXPORTER, "persistentvolume": "pvc-0d1f"}
    return {"status": "firing", "labels": labels, "startsAt": made.ago(60)}


def _world(tmp_path: Path) -> World:
    claim = {"namespace": "shop", "name": "data-db-0"}
    meta = {"name": "pvc-0d1f"}
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": {"claimRef": claim}}
    nothing: Any = None
    clock = ManualClock(NOW)
    return World(FakeCluster(volume), None, nothing, nothing, clock, Limits(), tmp_path)


def test_a_volume_that_fills_is_that_of_the_workload_whose_claim_it_is_though_it_is_lost_meanwhile(
    tmp_path: Path,
) -> None:
    world = _world(tmp_path)
    recovery = AutoRecovery(world)
    fills = alertmanager.posted({"alerts": [_volume("VolumeSpaceLow")]})
    for _ in range(2):
        (found,) = recovery.hear(fills, SEEN).symptoms
        assert (found.kind, str(found.target), found.pods) == ("disk-full", "statefulset/db", ())
        assert found.facts["labels"] == fills[0].labels  # by which its end is heard
        world.cluster.delete(ObjectRef(kube.PERSISTENT_VOLUME, "", "pvc-0d1f"))


def test_of_a_volume_that_is_lost_its_claim_and_its_workload_are_told(tmp_path: Path) -> None:
    lost = alertmanager.posted({"alerts": [_volume("KubePersistentVolumeErrors")]})
    (told,) = AutoRecovery(_world(tmp_path)).hear(lost, SEEN).unplaced
    assert told.why.startswith(
        "it is about statefulset/db, which mounts data-db-0, no symptom is known for it"
    )


@pytest.mark.parametrize("scope", ["", "shop"])
def test_an_alert_about_a_node_or_a_volume_belongs_to_the_scope_whoever_measured_it(scope: str) -> None:
    homes = {each.name: home(each, scope, ("shop",)) for each in alertmanager.posted(PAYLOAD)}
    nodes = {"KubeNodeNotReady", "NodeFilesystemSpaceFillingUp", "HostHighCpuLoad", "Watchdog"}
    assert {name for name, place in homes.items() if place == scope} >= nodes | {"KubePersistentVolumeErrors"}
    assert homes["KubePersistentVolumeFillingUp"] == homes["KubePodCrashLooping"] == "shop"


def _named(name: str, **labels: str) -> dict[str, Any]:
    labels = {"alertname": name, "namespace": "shop", "deployment": "cart", **labels}
    return {"status": "firing", "labels": labels, "startsAt": made.ago(60)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PostgreSQLDown", "database-down"),
        ("MongoDBDown", "database-down"),
        ("mysql_down", "database-down"),
        ("CartDBUnreachable", "database-down"),
        ("PostgresqlTooManyConnections", "database-full"),
        ("ContainerHighCpuUtilization", "cpu-saturated"),
        ("CartHigh5xxRatio", "errors"),
        ("CheckoutP99Latency", "latency"),
        ("FeedbackServiceDown", ""),
        ("SandboxDown", ""),
        ("SpoolFull", ""),
        ("NodeJsHeapErrors", "errors"),
    ],
)
def test_a_name_means_what_its_words_mean(name: str, kind: str) -> None:
    found = alerts.symptoms(alertmanager.posted({"alerts": [_named(name)]}), SEEN)
    assert [(each.kind, str(each.target)) for each in found.symptoms] == (
        [(kind, "deployment/cart")] * bool(kind)
    )


def test_whoever_is_named_and_gone_is_not_replaced_by_who_told_of_it() -> None:
    gone = _named("KubeDeploymentReplicasMismatch", namespace="monitoring", deployment="gone", pod=EXPORTER)
    assert alerts.symptoms(alertmanager.posted({"alerts": [gone]}), SEEN).symptoms == ()
