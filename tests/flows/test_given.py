"""Metrics that a caller hands in are evidence to the library, as its own signals are."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.flows.watched import Kept, app, night, node
from tests.recovery.made import NOW

import chaoskit
from chaoskit import Given, Outcome
from chaoskit.errors import InvalidInput, UnknownName
from chaoskit.events import Event, Step
from chaoskit.ports.metrics import Alert
from chaoskit.recovery import Plan


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return night(tmp_path, node("node-1"), *app("cart"), *app("db"))


def test_what_is_given_is_detected_planned_and_recovered_from_as_far_as_it_is_true(kept: Kept) -> None:
    flow = chaoskit.AutoRecovery(kept.world)
    given = {
        "cart": Given.model_validate({"pod_status": "CrashLoopBackOff"}),
        "deployment/db": Given(db_connection_errors=12),
    }
    found = flow.detect("shop", given=given)
    assert sorted(each.id for each in found) == ["cart-pod-crash", "db-database-connection"]
    (decision,) = flow.plan([each for each in found if each.target.name == "cart"])
    assert isinstance(decision, Plan)
    assert flow.recover(decision).outcome is Outcome.HEALED  # its pods are well: nothing was done


def test_metrics_that_are_well_are_nothing_to_recover_from(kept: Kept) -> None:
    given = {"cart": Given(pod_status="Running", memory_usage="40%", network_latency="20ms")}  # type: ignore[arg-type]
    assert chaoskit.AutoRecovery(kept.world).detect("shop", given=given) == ()


@pytest.mark.parametrize(
    ("namespace", "name", "error", "words"),
    [
        ("shop", "crat", UnknownName, "there is no workload deployment/crat in shop"),
        ("shop", "pod/cart", InvalidInput, "metrics are given of pod/cart, expected one of deployment"),
        ("", "cart", InvalidInput, "without a namespace"),
    ],
)
def test_metrics_of_nothing_are_refused(
    kept: Kept, namespace: str, name: str, error: type[InvalidInput], words: str
) -> None:
    with pytest.raises(error, match=words):
        chaoskit.AutoRecovery(kept.world).detect(namespace, given={name: Given(memory_usage=0.95)})


def test_who_detects_hears_of_alerts_that_could_not_be_placed(kept: Kept) -> None:
    heard: list[Event] = []
    odd = Alert("Watchdog", {"alertname": "Watchdog"}, "firing", NOW)
    assert chaoskit.AutoRecovery(kept.world).detect("shop", alerts=[odd], listen=heard.append) == ()
    (step,) = heard
    assert isinstance(step, Step)
    assert step.detail.startswith("Watchdog: no symptom is known for it")
