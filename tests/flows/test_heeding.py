"""A controller hears alerts: it looks where they say, acts on what it sees, tells what it cannot place."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.flows.watched import Kept, Pager, Town, app, crashing, night, node, of
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import alertmanager, kube
from chaoskit.clock import ManualClock
from chaoskit.errors import CannotStart, Unavailable
from chaoskit.ports.cluster import Change, Kind, Object
from chaoskit.ports.metrics import Alert


def alert(name: str, state: str = "firing", **labels: str) -> Alert:
    return Alert(name, {"alertname": name, **labels}, state, NOW)


def post(kept: Kept, after: float, *alerts: Alert) -> None:
    """They are posted so many seconds from now."""

    def posted() -> None:
        kept.controller.hear(alerts)

    kept.clock.call_at(after, posted)


FULL = alert("DatabasePoolExhausted", namespace="shop", deployment="cart")


def test_without_signals_an_alert_begins_what_only_a_signal_could_show(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *app("cart"), notifier=Pager())
    post(kept, 60, FULL)
    kept.run(["recover"], until=lambda _event: bool(kept.records))
    (record,) = kept.records
    assert (record["issue"], record["target"]) == ("database-connection", "deployment/cart")
    assert [each["evidence"] for each in record["symptoms"]] == ["alert DatabasePoolExhausted fires"]


def test_without_anybody_who_hears_its_end_a_person_is_told_of_it_once_and_nothing_is_done(
    tmp_path: Path,
) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *app("cart"), notifier=pager)
    post(kept, 60, FULL)
    kept.run(["recover"], at_most=3600)
    assert pager.pages == ["database-connection of deployment/cart in shop"]
    assert [[step["action"] for step in each["steps"]] for each in kept.records] == [["notify"]]
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == []


def test_its_end_is_the_end_of_what_it_began(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *app("cart"), notifier=pager)
    post(kept, 60, FULL)
    post(kept, 600, alert(FULL.name, "resolved", namespace="shop", deployment="cart"))
    kept.clock.call_at(590, lambda: before.extend(pager.cleared))
    before: list[str] = []
    kept.run(["recover"], at_most=1200)
    assert pager.pages == ["database-connection of deployment/cart in shop"]
    assert (before, pager.cleared) == (
        [],
        ["chaoskit/uid-of-kube-system/shop/deployment/cart/database-connection"],
    )


def test_what_the_cluster_does_not_show_is_told_once_and_not_acted_on(tmp_path: Path) -> None:
    pager = Pager()
    kept = night(tmp_path, node("node-1"), *app("cart"), notifier=pager)
    for after in (60, 120, 180):
        post(kept, after, alert("KubePodCrashLooping", namespace="shop", deployment="cart"))
    kept.run(["recover"], at_most=600)
    (told,) = kept.steps("refused")
    assert told.startswith("cart-pod-crash-unseen: evidence: alert KubePodCrashLooping fires; neither")
    assert (list(kept.records), pager.pages) == ([], [])
    assert isinstance(kept.cluster, Town)
    assert kept.cluster.touched("shop") == []


@pytest.mark.parametrize("scope", ["", "shop"])
def test_alerts_that_nobody_can_place_are_told_while_they_fire_each_once(tmp_path: Path, scope: str) -> None:
    kept = night(tmp_path, node("node-1"), *app("cart"))
    odd = (alert("Watchdog"), alert("Odd", namespace="shop"), alert("PodCrashLooping", namespace="nowhere"))
    post(kept, 60, *odd)
    post(kept, 120, *odd)
    kept.run(["recover"], at_most=300, namespace=scope)
    unknown = "no symptom is known for it; label chaoskit_symptom can name one"
    assert sorted(kept.steps("alert")) == [
        f"Odd in shop: {unknown}",
        "PodCrashLooping in nowhere: its namespace is not watched here",
        f"Watchdog: {unknown}",
    ]


def test_an_alert_that_fires_anew_is_told_anew(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *app("cart"))
    post(kept, 60, alert("Odd", namespace="shop"))
    post(kept, 120, alert("Odd", "resolved", namespace="shop"))
    post(kept, 180, alert("Odd", namespace="shop"))
    kept.run(["recover"], at_most=300)
    assert len(kept.steps("alert")) == 2


def test_a_recovery_remembers_the_alerts_that_nobody_could_place(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *app("a"))
    post(kept, 60, alert("Odd", namespace="shop"))

    def crash() -> None:
        for body in crashing("cart"):
            kept.cluster.create(body)

    kept.clock.call_at(120, crash)
    kept.run(["recover"], until=lambda _event: bool(kept.records))
    notes = [each["detail"] for each in kept.records[0]["timeline"] if each["name"] == "alert"]
    assert notes == ["Odd in shop: no symptom is known for it; label chaoskit_symptom can name one"]


PAYLOAD = json.loads(
    (Path(__file__).parents[1] / "recovery/kube-prometheus.json").read_text(encoding="utf-8")
)
"""What Alertmanager posts, with the labels that kube-prometheus gives to its alerts."""


def _scaler() -> Object:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}
    return of(kube.HPA, {"metadata": made.meta("cart-scaler"), "spec": {"scaleTargetRef": target}})


def test_what_kube_prometheus_posts_is_decided_on(tmp_path: Path) -> None:
    kept = night(tmp_path, node("hive-01"), node("hive-02"), *crashing("cart"), _scaler())
    post(kept, 1, *alertmanager.posted(PAYLOAD))
    kept.run(["recover"], at_most=300, namespace="")
    (record,) = kept.records
    assert (record["issue"], record["target"]) == ("pod-crash", "deployment/cart")
    assert [each["evidence"] for each in record["symptoms"][1:]] == [
        f"alert {name} fires"
        for name in ("KubePodCrashLooping", "KubeDeploymentReplicasMismatch", "KubeHpaReplicasMismatch")
    ]
    assert [step["action"] for step in record["steps"]] == ["restart-pod"]
    unseen = {each.partition(":")[0] for each in kept.steps("refused")}
    assert unseen == {"hive-02-node-unseen", "hive-01-cpu-saturation-node-unseen", "cart-pod-crash-unseen"}
    unknown = "no symptom is known for it; label chaoskit_symptom can name one"
    assert set(kept.steps("alert")) >= {
        f"KubeHpaMaxedOut in shop: it is about deployment/cart, {unknown}",
        "KubePdbNotEnoughHealthyPods in shop: no workload that is there is meant by the budget db-budget",
        "KubePersistentVolumeErrors in monitoring: nothing here mends the volume pvc-0d1f",
        f"KubeQuotaFullyUsed in shop: {unknown}",
        f"Watchdog: {unknown}",
    }


def test_who_does_not_lead_takes_no_alert(tmp_path: Path) -> None:
    kept = night(tmp_path, node("node-1"), *app("cart"))
    kept.run(["recover"], at_most=10)
    with pytest.raises(CannotStart, match="does not lead: post it again"):
        kept.controller.hear([FULL])


class Slow(Town):
    """Its watches tell nothing until it is ready."""

    def __init__(self, *objects: Object) -> None:
        self.ready: Callable[[], bool] = lambda: True
        super().__init__(*objects)

    def watch(
        self, kind: Kind, namespace: str = "", *, stop: threading.Event, labels: str = "", fields: str = ""
    ) -> Iterator[Change]:
        while not (self.ready() or stop.wait(0.01)):
            pass
        yield from super().watch(kind, namespace, stop=stop, labels=labels, fields=fields)


class Manager:
    """An Alertmanager that does not answer at first, and then with what fires."""

    def __init__(self, fails: int, alerts: Iterable[Alert]) -> None:
        self.fails, self.alerts = fails, tuple(alerts)
        self.asked = 0

    def firing(self) -> tuple[Alert, ...]:
        self.asked += 1
        if self.asked <= self.fails:
            raise Unavailable("Alertmanager at am gave no answer", service="Alertmanager")
        return self.alerts


def test_an_alertmanager_is_asked_again_and_again_and_heeded(tmp_path: Path) -> None:
    manager = Manager(2, [FULL])
    kept = night(tmp_path, node("node-1"), *app("cart"), alerts=manager, notifier=Pager())
    kept.run(["recover"], until=lambda _event: bool(kept.records))
    assert kept.told("alerts: Alertmanager at am gave no answer; again in 5 s")
    assert kept.records[0]["issue"] == "database-connection"


def test_what_fires_when_a_controller_begins_waits_until_it_knows_its_namespaces(tmp_path: Path) -> None:
    town, clock = Slow(node("node-1"), *app("cart")), ManualClock(NOW)
    town.ready = lambda: clock.now() - NOW > timedelta(seconds=20)
    kept = Kept(town, tmp_path, clock=clock, alerts=Manager(0, [FULL]), notifier=Pager())
    kept.run(["recover"], until=lambda _event: bool(kept.records), namespace="")
    assert kept.steps("alert") == []
    assert kept.records[0]["issue"] == "database-connection"


def test_without_the_duty_to_recover_no_alertmanager_is_asked(tmp_path: Path) -> None:
    manager = Manager(0, [FULL])
    kept = night(tmp_path, node("node-1"), *app("cart"), alerts=manager)
    kept.run(["runs"], at_most=120)
    assert manager.asked == 0
