"""Alerts and metrics handed in are evidence: read whole, or refused with each field that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW

from chaoskit import alertmanager
from chaoskit.clock import ManualClock
from chaoskit.errors import InvalidInput
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.metrics import Sample
from chaoskit.recovery import (
    Plan,
    Reach,
    alerts,
    classify,
    given,
    issues_in,
    plan_for,
    planner,
    runbook,
    storms,
)
from chaoskit.recovery.detection import Sight
from chaoskit.recovery.given import Given
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue

SHOP = Sight(
    NOW,
    made.topology(
        made.pod("cart-h1-a"),
        made.pod("db-h1-a", of="db-h1"),
        deployments=(made.deployment("cart"), made.deployment("db")),
        nodes=(made.node("node-1"),),
    ),
    blind="no metrics source is configured",
    jobs=({"metadata": made.meta("nightly")},),
)


def posted(name: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    at = (NOW - timedelta(minutes=3)).isoformat()
    return {"status": status, "labels": {"alertname": name, "namespace": "shop", **labels}, "startsAt": at}


def heard(*bodies: object, seen: Sight = SHOP) -> alerts.Heard:
    return alerts.symptoms(alertmanager.posted({"version": "4", "alerts": list(bodies)}), seen)


def issues(seen: Sight, *bodies: dict[str, Any]) -> tuple[Issue, ...]:
    """What the observation and the alerts amount to."""
    return issues_in(seen, heard=heard(*bodies, seen=seen).symptoms)


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
        posted("KubeJobFailed", job_name="gone"),
        posted("ChaoskitNeedsYou", workload="cart", chaoskit_symptom="crash-loop"),
    )
    assert said.symptoms == ()
    nowhere = "its labels name no workload, job or node that is there"
    assert list(map(str, said.unplaced)) == [
        "Watchdog in shop: no symptom is known for it; label chaoskit_symptom can name one",
        f"KubePodCrashLooping in shop: {nowhere}",
        f"KubeJobFailed in shop: {nowhere}",
    ]


CRASHING = replace(SHOP, topology=made.topology(made.crashing("cart-h1-a"), made.pod("cart-h1-b")))


def test_an_alert_makes_surer_of_what_the_cluster_shows() -> None:
    alert = posted("KubePodImagePullBackOff", deployment="cart")
    (before,), (after,) = issues_in(CRASHING), issues(CRASHING, alert)
    assert (after.id, after.hearsay) == (before.id, False)
    assert after.confidence > before.confidence
    assert "alert KubePodImagePullBackOff fires" in after.evidence


def test_an_alert_of_what_is_not_seen_changes_neither_class_nor_runbook_nor_remedy() -> None:
    alert = posted("KubePodImagePullBackOff", deployment="cart")
    (before,), (after,) = issues_in(CRASHING), issues(CRASHING, alert)
    assert (after.kind, after.kinds, after.pods) == (before.kind, before.kinds, before.pods)
    assert _planned(after, CRASHING) == _planned(before, CRASHING) != ("image-cannot-be-pulled", ["notify"])


def test_a_busy_pod_is_not_taken_for_a_crashing_one_because_an_alert_says_so() -> None:
    cart = {"namespace": "shop", "workload": "cart", "pod": "cart-h1-a"}
    samples = {
        "cpu_limit_ratio": (Sample(cart, 0.99, NOW),),
        "cpu_throttled_ratio": (Sample(cart, 0.9, NOW),),
    }
    busy = replace(SHOP, blind="", samples=samples)
    alert = posted("KubePodCrashLooping", pod="cart-h1-a")
    (before,), (after,) = issues_in(busy), issues(busy, alert)
    assert (
        (after.kind, [*after.kinds])
        == (before.kind, [*before.kinds])
        == ("cpu-saturation", ["cpu-saturated"])
    )
    assert after.confidence == before.confidence
    assert "alert KubePodCrashLooping fires" in after.evidence


def test_a_node_under_pressure_stays_one_whatever_its_network_is_said_to_be() -> None:
    pressed = made.node("node-1")
    pressed["status"]["conditions"].append(
        {"type": "MemoryPressure", "status": "True", "lastTransitionTime": made.ago(60)}
    )
    seen = replace(SHOP, topology=made.topology(made.pod("cart-h1-a"), nodes=(pressed,)))
    alert = posted("NodeNetworkReceiveErrs", node="node-1")
    (node,) = (each for each in issues(seen, alert) if str(each.target) == "node/node-1")
    assert (node.kind, [*node.kinds]) == ("node", ["node-pressure"])


def _planned(issue: Issue, seen: Sight) -> tuple[str, list[str]]:
    """The runbook, and what it does."""
    decision = planner.plan(issue, runbook.defaults(), seen.topology, now=NOW)
    assert isinstance(decision, Plan)
    return decision.runbook.name, [rung.action for rung in decision.rungs]


def test_what_an_alert_alone_says_is_as_old_as_its_last_word() -> None:
    said = alertmanager.posted({"alerts": [posted("MemoryNearLimit", deployment="cart")]})
    old = [replace(each, heard=NOW - timedelta(minutes=6)) for each in said]
    (issue,) = issues_in(SHOP, heard=alerts.symptoms(old, SHOP).symptoms)
    decision = planner.plan(issue, runbook.defaults(), SHOP.topology, now=NOW)
    assert isinstance(decision, Refusal)
    assert (issue.alerts_alone, decision.guard) == (True, "evidence")


class Ends:
    """Whoever hears of the ends of alerts, or does not."""

    def __init__(self, *, hears: bool) -> None:
        self.hears_ends = hears

    def fires(self, labels: Mapping[str, str]) -> bool | None:
        return True


@pytest.mark.parametrize(
    ("ends", "acts"), [(None, False), (Ends(hears=False), False), (Ends(hears=True), True)]
)
def test_what_only_an_alert_shows_is_acted_on_where_its_end_is_heard_else_told(
    ends: Ends | None, acts: bool
) -> None:
    cluster = FakeCluster()
    clock = ManualClock(NOW)
    reach = Reach(cluster, None, clock, Governor(cluster, clock, Limits()), alerts=ends)
    (decision,) = plan_for(issues(SHOP, posted("MemoryNearLimit", deployment="cart")), reach, seen=SHOP)
    assert isinstance(decision, Plan)
    assert decision.acts == acts
    assert decision.rungs[-1].action == "notify"


def test_an_alert_of_an_earlier_trouble_makes_this_one_no_older() -> None:
    alert = posted("KubePodCrashLooping", deployment="cart")
    old = {**alert, "startsAt": (NOW - timedelta(days=2)).isoformat()}
    (before,), (after,) = issues_in(CRASHING), issues(CRASHING, old)
    assert after.since == before.since


def test_what_only_an_alert_says_and_the_cluster_should_show_is_told_and_not_acted_on() -> None:
    alert = posted("PostgresqlDown", workload="db")
    (issue,) = issues(SHOP, alert)
    decision = planner.plan(issue, runbook.defaults(), SHOP.topology, now=NOW)
    assert isinstance(decision, Refusal)
    assert (decision.guard, decision.outcome) == ("evidence", Outcome.NOTHING_TO_DO)
    assert decision.why == "alert PostgresqlDown fires; neither the cluster nor a signal shows it"


def test_hearsay_explains_nobody_elses_trouble_and_is_no_part_of_a_storm() -> None:
    calling = made.deployment("cart", env={"DB": "postgres://db:5432/x"})
    pods = made.crashing("cart-h1-a"), made.pod("db-h1-a", of="db-h1")
    seen = replace(SHOP, topology=made.topology(*pods, deployments=(calling, made.deployment("db"))))
    down = posted("PostgresqlDown", workload="db")
    believed = issues_in(seen, given=heard(down, seen=seen).symptoms)
    assert ("cart-pod-crash", "db-database-connection") in [(e.id, e.root) for e in believed]
    assert sorted((e.id, e.root) for e in issues(seen, down)) == [
        ("cart-pod-crash", ""),
        ("db-database-connection-unseen", ""),
    ]
    many = [posted("KubePodCrashLooping", deployment=name) for name in ("cart", "db")]
    assert not storms.roots(issues(SHOP, *many))


def test_without_signals_an_alert_counts_for_what_only_a_signal_could_show() -> None:
    high = posted("MemoryNearLimit", deployment="cart")
    (alone,) = issues(SHOP, high)
    assert (alone.id, alone.hearsay) == ("cart-memory-leak", False)
    sample = Sample({"namespace": "shop", "workload": "cart", "pod": "cart-h1-a"}, 0.4, NOW)
    (contradicted,) = issues(replace(SHOP, blind="", samples={"memory_usage": (sample,)}), high)
    assert (contradicted.id, contradicted.hearsay) == ("cart-memory-leak-unseen", True)


def test_an_alert_that_cannot_be_read_is_told_with_its_field_and_the_others_are_taken() -> None:
    crash, noon = posted("KubePodCrashLooping", pod="cart-h1-a"), {**posted("B"), "startsAt": "noon"}
    large = posted("C", why="x" * alertmanager.LARGEST)
    said = heard({"labels": {"team": "a", "namespace": "shop"}, "startsAt": "2026-11-23T11:00:00Z"}, noon)
    assert list(map(str, said.unplaced)) == [
        "an alert without a name in shop: no symptom is known for it; label chaoskit_symptom can name one",
        "B in shop: it cannot be read: alerts[1].startsAt is 'noon', expected a time (RFC 3339)",
    ]
    said = heard(large, crash, "alert", {"labels": {"alertname": 1}, "startsAt": "2026-11-23T11:00:00Z"})
    assert [each.kind for each in said.symptoms] == ["crash-loop"]
    assert [each.why.partition("alerts")[2] for each in said.unplaced] == [
        "[0].labels is 'larger', expected labels of 16384 characters at most",
        "[2] is 'alert', expected an alert",
        "[3].labels is dict, expected labels, each a text",
    ]


def test_the_end_of_an_alert_that_cannot_be_read_is_its_end() -> None:
    odd = {**posted("B", status="resolved"), "startsAt": "noon"}
    assert heard(odd).unplaced == ()
    assert [each.state for each in alertmanager.posted({"alerts": [{**odd, "status": []}]})] == ["[]"]


@pytest.mark.parametrize("payload", [None, [], {}, {"alerts": {}}, "x"])
def test_what_no_webhook_posts_is_refused(payload: object) -> None:
    with pytest.raises(InvalidInput, match="no payload"):
        alertmanager.posted(payload)


def test_either_document_is_read() -> None:
    alert = posted("A")
    assert alertmanager.read([alert]) == alertmanager.read({"alerts": [alert]})
    with pytest.raises(InvalidInput, match="no payload"):
        alertmanager.read("x")


def test_the_answer_of_the_api_is_read_as_well() -> None:
    body = {**posted("KubePodCrashLooping", pod="cart-h1-a"), "status": {"state": "suppressed"}}
    assert [each.state for each in alertmanager.answered([body])] == ["suppressed"]
    with pytest.raises(InvalidInput, match="no answer"):
        alertmanager.answered({"alerts": []})


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
