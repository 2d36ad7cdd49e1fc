"""Alerts and metrics handed in are evidence: read whole, or refused with each field that is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit.errors import InvalidInput
from chaoskit.recovery import alerts, classify, given
from chaoskit.recovery.given import Given

SHOP = made.topology(
    made.pod("cart-h1-a"),
    made.pod("db-h1-a", of="db-h1"),
    deployments=(made.deployment("cart"), made.deployment("db")),
    nodes=(made.node("node-1"),),
)


def posted(name: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    at = (NOW - timedelta(minutes=3)).isoformat()
    return {"status": status, "labels": {"alertname": name, "namespace": "shop", **labels}, "startsAt": at}


def heard(*bodies: dict[str, Any]) -> alerts.Heard:
    return alerts.symptoms(alerts.posted({"version": "4", "alerts": list(bodies)}), SHOP, now=NOW)


@pytest.mark.parametrize(
    ("body", "kind", "target"),
    [
        (posted("KubePodCrashLooping", pod="cart-h1-a"), "crash-loop", "deployment/cart"),
        (posted("KubeDeploymentReplicasMismatch", deployment="cart"), "not-ready", "deployment/cart"),
        (posted("ContainerOOMKilled", pod="cart-h1-a"), "oom-killed", "deployment/cart"),
        (posted("PostgresqlDown", workload="db"), "database-down", "deployment/db"),
        (posted("KubeNodeNotReady", node="node-1"), "node-lost", "node/node-1"),
        (posted("NodeDiskFull", instance="node-1:9100"), "disk-full", "node/node-1"),
        (posted("KubeJobFailed", job_name="nightly"), "job-failed", "job/nightly"),
        (posted("OurOwn", deployment="cart", chaoskit_symptom="edge-gap"), "edge-gap", "deployment/cart"),
    ],
)
def test_an_alert_is_put_to_a_symptom_and_a_target(body: dict[str, Any], kind: str, target: str) -> None:
    (found,) = heard(body).symptoms
    assert (found.kind, str(found.target)) == (kind, target)
    assert found.since == NOW - timedelta(minutes=3)


def test_what_is_over_or_cannot_be_put_anywhere_is_no_symptom() -> None:
    said = heard(
        posted("KubePodCrashLooping", status="resolved", pod="cart-h1-a"),
        posted("Watchdog"),
        posted("KubePodCrashLooping", pod="stranger"),
    )
    assert said.symptoms == ()
    assert [each.name for each in said.unmatched] == ["Watchdog", "KubePodCrashLooping"]


def test_every_wrong_field_of_every_alert_is_told() -> None:
    bodies = [posted("A"), {"labels": {}}, {**posted("B"), "startsAt": "noon"}, "alert"]
    with pytest.raises(InvalidInput) as caught:
        alerts.posted({"alerts": bodies})
    assert [(each.field, each.found) for each in caught.value.problems] == [
        ("alerts[1].labels.alertname", "missing"),
        ("alerts[2].startsAt", "'noon'"),
        ("alerts[3]", "'alert'"),
    ]


@pytest.mark.parametrize("payload", [None, [], {}, {"alerts": {}}, "x"])
def test_what_no_webhook_posts_is_refused(payload: object) -> None:
    with pytest.raises(InvalidInput, match="no payload"):
        alerts.posted(payload)


def test_the_answer_of_the_api_is_read_as_well() -> None:
    body = {**posted("KubePodCrashLooping", pod="cart-h1-a"), "status": {"state": "suppressed"}}
    assert [each.state for each in alerts.answered([body])] == ["suppressed"]
    with pytest.raises(InvalidInput, match="no answer"):
        alerts.answered({"alerts": []})


# ---------------------------------------------------------------- metrics


@pytest.mark.parametrize(
    ("metrics", "issue"),
    [
        ({"podStatus": "CrashLoopBackOff"}, "pod-crash"),
        ({"podStatus": "OOMKilled", "memoryUsage": 0.2}, "memory-leak"),
        ({"memoryUsage": "93%"}, "memory-leak"),
        ({"memoryUsage": 93}, "memory-leak"),
        ({"networkLatency": "300ms"}, "network"),
        ({"networkLatency": 0.3}, "network"),
        ({"dbConnectionErrors": 12}, "database-connection"),
    ],
)
def test_given_metrics_are_classified(metrics: dict[str, object], issue: str) -> None:
    found = given.symptoms(Given.model_validate(metrics), made.ref("cart"), now=NOW)
    assert [each.kind for each in classify(found, now=NOW)] == [issue]


@pytest.mark.parametrize(
    "metrics",
    [{}, {"podStatus": "Running"}, {"memoryUsage": 0.5, "networkLatency": 0.02, "dbConnectionErrors": 0}],
)
def test_of_what_is_well_or_not_known_nothing_is_concluded(metrics: dict[str, object]) -> None:
    assert given.symptoms(Given.model_validate(metrics), made.ref("cart"), now=NOW) == ()


@pytest.mark.parametrize(
    "metrics",
    [
        {"podStatus": "Odd"},
        {"memoryUsage": "much"},
        {"networkLatency": -1},
        {"cpu": 1},
        {"memoryUsage": "180%"},
    ],
)
def test_what_cannot_be_is_refused(metrics: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Given.model_validate(metrics)


@pytest.mark.parametrize(
    ("text", "named"), [("cart", "deployment/cart"), ("statefulset/db", "statefulset/db")]
)
def test_a_target_is_named_as_in_kubectl(text: str, named: str) -> None:
    assert str(given.target_of("shop", text)) == named


def test_a_target_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one of deployment"):
        given.target_of("shop", "pod/cart-1")
