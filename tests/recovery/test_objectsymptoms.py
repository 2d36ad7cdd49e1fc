"""Symptoms that objects, events and logs show: probes, evictions, jobs, nodes, names, policies, databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW, ago, symptom

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.ports.cluster import Kind, Listing, Object, ObjectRef
from chaoskit.recovery import (
    Plan,
    databasesymptoms,
    detection,
    eventsymptoms,
    jobsymptoms,
    logsymptoms,
    networksymptoms,
    nodesymptoms,
    planner,
    runbook,
    verification,
)
from chaoskit.recovery.classification import classify
from chaoskit.recovery.kills import IGNORED
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

ILL = made.pod("a", ready=False, unready_for=200, age=600)
CART = made.topology(ILL, made.pod("b"))


def _probe(message: str, count: int = 20, pod: str = "a", seen: float = 5) -> Object:
    subject = {"kind": "Pod", "name": pod, "namespace": "shop"}
    times = {"firstTimestamp": ago(200), "lastTimestamp": ago(seen)}
    return {"reason": "Unhealthy", "message": message, "count": count, "involvedObject": subject, **times}


def test_a_probe_that_fails_again_and_again_is_told_with_what_it_says() -> None:
    (found,) = eventsymptoms.detect(CART, [_probe("Readiness probe failed: HTTP 503")], IGNORED, now=NOW)
    assert (found.kind, found.pods, found.facts["probe"]) == ("probe-failed", ("a",), "readiness")
    assert "failed 20 times: HTTP 503" in found.evidence


LOSING = {"edge_gap": [made.sample("a", 0.4, source="orders")]}
LATE = 'Liveness probe failed: Get "http://10.0.0.1:80/": context deadline exceeded (Client.Timeout exceeded)'


@pytest.mark.parametrize(
    ("message", "known", "kinds"),
    [
        (LATE, [], ["probe-timeout"]),
        ("Liveness probe failed: dial tcp 10.0.0.1:80: i/o timeout", [], ["probe-timeout"]),
        (LATE, ["cpu-saturated"], []),
        (LATE, ["oom-killed"], []),
        (LATE, ["not-ready"], ["probe-timeout"]),
        ("Liveness probe failed: dial tcp 10.0.0.1:80: connect: connection refused", [], []),
        ("Liveness probe failed: HTTP probe failed with statuscode: 503", [], []),
    ],
)
def test_probes_that_time_out_tell_of_the_network_when_answers_are_late_on_the_way_alone(
    message: str, known: list[str], kinds: list[str]
) -> None:
    (cart,) = CART.workloads.values()
    found = [Symptom(kind, cart.ref, NOW, Severity.HIGH, "") for kind in known]
    heard = list(eventsymptoms.unanswered(CART, [_probe(message)], IGNORED, found, LOSING, {}, now=NOW))
    assert [each.kind for each in heard] == kinds
    assert all(each.pods == ("a",) for each in heard)
    assert not list(
        eventsymptoms.unanswered(CART, [_probe(message, pod="b")], IGNORED, found, LOSING, {}, now=NOW)
    )
    hot = LOSING | {"cpu_limit_ratio": [made.sample("a", 0.85)]}
    assert not list(eventsymptoms.unanswered(CART, [_probe(message)], IGNORED, found, hot, {}, now=NOW))


@pytest.mark.parametrize(
    ("gap", "lately", "heard"),
    [
        pytest.param([0.4], [], 1, id="now"),
        pytest.param([0.001], [0.001] * 40 + [0.4] * 4 + [0.001] * 4, 1, id="a minute ago"),
        pytest.param([0.001], [0.001] * 20 + [0.4] * 4 + [0.001] * 16, 0, id="four minutes ago"),
        pytest.param([], [], 0, id="it answers nobody: an application that hangs"),
    ],
)
def test_answers_that_are_late_on_the_way_tell_the_network_from_an_application_that_hangs(
    gap: list[float], lately: list[float], heard: int
) -> None:
    samples = {"edge_gap": [made.sample("a", value, source="orders") for value in gap]}
    ranges = {"edge_gap": [made.series("a", lately, source="orders")]} if lately else {}
    found = list(eventsymptoms.unanswered(CART, [_probe(LATE)], IGNORED, (), samples, ranges, now=NOW))
    assert len(found) == heard


@pytest.mark.parametrize(
    ("started", "heard"),
    [pytest.param(900, 0, id="before"), pytest.param(60, 1, id="amid"), pytest.param(2, 0, id="after")],
)
def test_a_new_process_that_answers_no_probe_either_is_not_what_hangs(started: float, heard: int) -> None:
    waits = {"waiting": {"reason": "CrashLoopBackOff"}}
    last = {"terminated": {"exitCode": 0, "startedAt": ago(started), "finishedAt": ago(1)}}
    pod = made.pod("a", ready=False, unready_for=200, age=900, restarts=1, state=waits, last=last)
    found = list(eventsymptoms.unanswered(made.topology(pod), [_probe(LATE)], IGNORED, (), {}, {}, now=NOW))
    assert len(found) == heard


@pytest.mark.parametrize(("known", "ended", "heard"), [("errors", 40, 1), ("errors", 900, 0), ("", 40, 0)])
def test_a_pod_that_is_ready_again_counts_while_its_workload_is_still_hurt(
    known: str, ended: float, heard: int
) -> None:
    last = {"terminated": {"exitCode": 0, "startedAt": ago(2000), "finishedAt": ago(ended)}}
    seen = made.topology(made.pod("a", last=last, restarts=1, age=30), made.pod("b"))
    (cart,) = seen.workloads.values()
    found = [Symptom(known, cart.ref, NOW, Severity.HIGH, "")] if known else []
    assert (
        len(list(eventsymptoms.unanswered(seen, [_probe(LATE)], IGNORED, found, LOSING, {}, now=NOW)))
        == heard
    )


def test_a_container_that_is_started_anew_since_nobody_reaches_it_is_a_matter_of_the_network() -> None:
    (cart,) = CART.workloads.values()
    seen = [
        Symptom(kind, cart.ref, NOW, Severity.HIGH, "")
        for kind in ("crash-loop", "probe-timeout", "not-ready")
    ]
    (issue,) = classify(seen, now=NOW)
    assert issue.kind == "network"


@pytest.mark.parametrize(
    "event",
    [
        _probe("Readiness probe failed: HTTP 503", count=1),
        _probe("Readiness probe failed: HTTP 503", pod="b"),
        _probe("Readiness probe failed: HTTP 503", seen=7200),
        _probe("Something else"),
    ],
    ids=["once", "ready by now", "long ago", "no probe"],
)
def test_a_probe_that_does_not_matter_is_no_symptom(event: Object) -> None:
    assert eventsymptoms.detect(CART, [event], IGNORED, now=NOW) == ()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("The node was low on resource: memory.", "pressure-evicted"),
        ("The node was low on resource: ephemeral-storage.", "disk-evicted"),
    ],
)
def test_an_eviction_tells_what_ran_out(message: str, kind: str) -> None:
    gone = made.pod("a", ready=False, phase="Failed", age=600)
    gone["status"].update(reason="Evicted", message=message)
    (found,) = eventsymptoms.detect(made.topology(gone, made.pod("b")), (), IGNORED, now=NOW)
    assert (found.kind, found.pods) == (kind, ("a",))


# ---------------------------------------------------------------- jobs


def _job(**status: Any) -> Object:
    return {"metadata": made.meta("nightly", ("CronJob", "night")), "spec": {}, "status": status}


def test_a_job_that_failed_is_news_for_a_while() -> None:
    def failed(seconds: float) -> Object:
        said = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
        return _job(conditions=[{**said, "lastTransitionTime": ago(seconds)}])

    (found,) = jobsymptoms.detect([failed(120)], (), now=NOW)
    assert (found.kind, "BackoffLimitExceeded" in found.evidence) == ("job-failed", True)
    assert jobsymptoms.detect([failed(7200)], (), now=NOW) == ()


def test_a_job_whose_pods_all_get_nowhere_is_stuck_and_knows_its_cron_job() -> None:
    pod = made.pod(
        "nightly-1",
        ready=False,
        phase="Pending",
        age=7200,
        unready_for=7200,
        state=made.waiting("ImagePullBackOff"),
    )
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly", "uid": "uid-nightly", "controller": True}
    ]
    (found,) = jobsymptoms.detect([_job(active=1)], [pod], now=NOW)
    assert (found.kind, found.facts["cron"], found.pods) == ("job-stuck", "night", ("nightly-1",))
    ours = _job(active=1)
    ours["metadata"]["labels"] = {"chaosUID": "1"}
    assert jobsymptoms.detect([ours], [pod], now=NOW) == ()
    assert jobsymptoms.detect([_job(active=1)], [], now=NOW) == ()


# ---------------------------------------------------------------- logs


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('FATAL: password authentication failed for user "shop"', "database-auth"),
        ("FATAL: sorry, too many clients already", "database-refusing"),
        ("dial tcp: lookup db on 10.96.0.10:53: no such host", "dns-failure"),
        ("dial tcp 10.0.0.5:5432: connect: connection refused", "database-refused"),
        ("write /data/x: no space left on device", "no-space"),
        ("java.lang.OutOfMemoryError: Java heap space", "heap-exhausted"),
    ],
)
def test_what_a_log_says_names_the_cause(line: str, kind: str) -> None:
    (found,) = logsymptoms.detect(CART, {("shop", "a"): f"started\n{line}\nbye"}, now=NOW)
    assert (found.kind, found.pods) == (kind, ("a",))


def test_an_address_with_its_password_is_not_told() -> None:
    log = "postgres://shop:s3cret@db:5432/x: connection refused"
    (found,) = logsymptoms.detect(CART, {("shop", "a"): log}, now=NOW)
    assert "s3cret" not in found.evidence


def test_a_log_that_says_nothing_known_is_no_symptom() -> None:
    assert logsymptoms.detect(CART, {("shop", "a"): "GET /cart 200"}, now=NOW) == ()


class Talking(FakeCluster):
    """The cart, one of whose pods is ill; it notes which logs are asked for, and how much of them."""

    def __init__(self, *pods: Object) -> None:
        super().__init__()
        self.bodies = {
            kube.DEPLOYMENT: (made.deployment("cart"),),
            kube.REPLICA_SET: (made.replica_set("cart", 1, ready=2),),
            kube.POD: pods,
        }
        self.asked: list[tuple[str, bool, float]] = []

    def list(self, kind: Kind, namespace: str = "", **_: Any) -> Listing:
        return Listing(self.bodies.get(kind, ()), "1")

    def logs(self, ref: ObjectRef, **how: Any) -> str:
        self.asked.append((ref.name, how["previous"], how["within"]))
        return ""


@pytest.mark.parametrize(
    ("pod", "previous", "within"),
    [
        pytest.param(ILL, False, 205, id="running on: since just before"),
        pytest.param(
            {**ILL, "spec": {"containers": [{"readinessProbe": {"periodSeconds": 2}}]}},
            False, 212, id="since just before its probe began to fail",
        ),
        pytest.param(
            made.pod("a", ready=False, unready_for=200, restarts=1, last=made.ended(1, seconds_ago=9000)),
            False, 205, id="that it crashed once, long ago, is over",
        ),
        pytest.param(
            made.pod("a", ready=False, age=75, unready_for=75), False, 80, id="late: since its start"
        ),
        pytest.param(
            made.pod("a", ready=False, age=400, unready_for=30, state={"running": {"startedAt": ago(29)}}),
            False, 35, id="starting again: since it began",
        ),
        pytest.param(made.crashing("a"), True, 0, id="crashing: the whole of the run that ended"),
    ],
)  # fmt: skip
def test_what_was_said_long_before_is_no_cause(pod: Object, previous: bool, within: float) -> None:
    cluster = Talking(pod, made.pod("b"))
    detection.observe(cluster, None, ManualClock(NOW), "shop")
    assert set(cluster.asked) == {("a", previous, within)}, "its healthy peer has nothing to tell"


def test_a_pod_that_is_watched_may_name_of_late_a_cause_and_its_healthy_peer_does_not() -> None:
    peer = made.pod("b")
    peer["status"]["conditions"][0]["lastTransitionTime"] = ago(3600 - 40)
    cluster = Talking(made.pod("a", ready=False, age=75, unready_for=75), peer)
    detection.observe(cluster, None, ManualClock(NOW), "shop")
    assert set(cluster.asked) == {("a", False, 60)}


def test_what_a_pod_said_that_is_over_by_now_is_not_read() -> None:
    over = made.pod("a", ready=False, phase="Failed", unready_for=200, state=made.ended(137, seconds_ago=200))
    cluster = Talking(over, made.pod("b", of="cart-h2"))
    stuck = made.deployment("cart", revision=2, reason="ProgressDeadlineExceeded")
    cluster.bodies[kube.DEPLOYMENT] = (stuck,)
    cluster.bodies[kube.REPLICA_SET] += (made.replica_set("cart", 2, age=600),)
    detection.observe(cluster, None, ManualClock(NOW), "shop")
    assert {name for name, *_ in cluster.asked} == {"b"}


# ---------------------------------------------------------------- nodes


def test_a_lost_node_tells_how_many_pods_are_on_it() -> None:
    seen = made.topology(
        made.pod("a"), made.pod("b", node="node-2"), nodes=(made.node("node-1", ready="Unknown"),)
    )
    (found,) = nodesymptoms.detect(seen, now=NOW)
    assert (found.kind, found.evidence) == (
        "node-lost",
        "not ready for 60 s: NodeStatusUnknown, 1 pods on it",
    )


def test_a_node_under_pressure_is_told_apart_by_what_runs_short() -> None:
    node = made.node("node-1")
    node["status"]["conditions"] += [
        {"type": "DiskPressure", "status": "True", "lastTransitionTime": ago(60), "message": "full"},
        {"type": "MemoryPressure", "status": "True", "lastTransitionTime": ago(60)},
    ]
    found = nodesymptoms.detect(made.topology(nodes=(node,)), now=NOW)
    assert {each.kind for each in found} == {"disk-pressure", "node-pressure"}


# ---------------------------------------------------------------- network, databases


def _errors_of(name: str, seen: Topology) -> Symptom:
    return replace(symptom("errors"), target=seen.workloads["shop", f"deployment/{name}"].ref)


def _policy(age: float = 60, **spec: Any) -> Object:
    spec = {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Ingress"], **spec}
    return {"metadata": {**made.meta("deny"), "creationTimestamp": ago(age)}, "spec": spec}


@pytest.mark.parametrize(
    ("policy", "cuts"),
    [
        (_policy(), True),
        (_policy(policyTypes=["Egress"], egress=[{"ports": [{"port": 53}]}]), True),
        (_policy(ingress=[{}]), False),
        (_policy(policyTypes=["Egress"], egress=[{}]), False),
        (_policy(age=7200), False),
        (_policy(podSelector={"matchLabels": {"app": "orders"}}), False),
    ],
    ids=["nothing in", "only names out", "something in", "all out", "old", "others"],
)
def test_a_young_policy_that_cuts_off_is_told_where_somebody_feels_it(policy: Object, cuts: bool) -> None:
    felt = networksymptoms.detect(CART, [policy], [_errors_of("cart", CART)], IGNORED, now=NOW)
    assert [each.kind for each in felt] == ["network-cut"] * cuts
    assert networksymptoms.detect(CART, [policy], [], IGNORED, now=NOW) == ()


@pytest.mark.parametrize(
    ("other", "cuts"),
    [
        (_policy(ingress=[{}], age=90000), False),
        (_policy(ingress=[{}], podSelector={"matchLabels": {"app": "orders"}}), True),
        (_policy(policyTypes=["Egress"], egress=[{}]), True),
    ],
    ids=["lets in", "lets others in", "lets out"],
)
def test_a_policy_cuts_nothing_off_that_another_lets_through(other: Object, *, cuts: bool) -> None:
    felt = networksymptoms.detect(CART, [_policy(), other], [_errors_of("cart", CART)], IGNORED, now=NOW)
    assert [each.kind for each in felt] == ["network-cut"] * cuts


FRONT = made.deployment("front", env={"CART": "http://cart:80"})
CALLED = made.topology(
    made.pod("a"), made.pod("f", of="front-h1"), deployments=(made.deployment("cart"), FRONT)
)  # fmt: skip


def _space(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _pods(app: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": app}}}


def _in(*peers: dict[str, Any], **more: Any) -> Object:
    return _policy(ingress=[{"from": list(peers)}], **more)


def _out(*peers: dict[str, Any], **more: Any) -> Object:
    return _policy(policyTypes=["Egress"], egress=[{"to": list(peers), **more}])


BOTH = ["Ingress", "Egress"]
NAMES_APART = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
NOT_HERE = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"]}


@pytest.mark.parametrize(
    ("seen", "policies", "closed"),
    [
        pytest.param(CALLED, [_policy(), _in(_space("monitoring"))], "no caller in", id="in: others"),
        pytest.param(CALLED, [_in(_pods("search"))], "no caller in", id="in: no caller of it"),
        pytest.param(
            CALLED,
            [_policy(), _in({"namespaceSelector": {"matchExpressions": [NOT_HERE]}})],
            "no caller in",
            id="in: all other namespaces",
        ),
        pytest.param(CALLED, [_policy(), _in(_space("monitoring"), _pods("front"))], "", id="in: a caller"),
        pytest.param(CALLED, [_policy(), _in(_space("shop"))], "", id="in: the callers' namespace"),
        pytest.param(
            CALLED,
            [_policy(), _in({"namespaceSelector": {"matchLabels": {"team": "web"}}})],
            "",
            id="in: a namespace of unknown labels",
        ),
        pytest.param(CALLED, [_policy(), _in({"ipBlock": {"cidr": "10.0.0.0/8"}})], "", id="in: addresses"),
        pytest.param(CART, [_policy(), _in(_space("monitoring"))], "", id="in: no caller is known"),
        pytest.param(
            CALLED, [_policy(age=7200), _in(_space("monitoring"))], "", id="in: none let in for long before"
        ),
        pytest.param(
            CALLED, [_policy(), _in(_space("monitoring"), age=7200)], "", id="in: no caller for long before"
        ),
        pytest.param(CALLED, [_policy(), _policy(age=7200)], "", id="in: shut for long before"),
        pytest.param(
            CALLED,
            [_policy(policyTypes=["Egress"], age=7200), _out(_space("kube-system"))],
            "",
            id="out: the DNS beside what was shut for long",
        ),
        pytest.param(CALLED, [_out(), _out(_space("kube-system"))], "", id="out: everybody"),
        pytest.param(
            CALLED,
            [_policy(policyTypes=["Egress"]), _out(_space("kube-system"))],
            "nothing out",
            id="out: the DNS by its namespace",
        ),
        pytest.param(
            CALLED,
            [_policy(policyTypes=["Egress"]), _out(NAMES_APART)],
            "nothing out",
            id="out: the DNS by its pods",
        ),
        pytest.param(
            CALLED,
            [_policy(policyTypes=["Egress"]), _out(_space("kube-system"), _pods("orders"))],
            "",
            id="out: the DNS and somebody else",
        ),
        pytest.param(CALLED, [_policy(policyTypes=BOTH)], "no caller in and nothing out", id="both ways"),
        pytest.param(
            CALLED, [_policy(policyTypes=BOTH), _policy(ingress=[{}])], "nothing out", id="both: in is open"
        ),
        pytest.param(
            CALLED,
            [_policy(policyTypes=BOTH), _policy(policyTypes=["Egress"], egress=[{}])],
            "no caller in",
            id="both: out is open",
        ),
    ],
)
def test_policies_cut_off_where_none_lets_a_caller_in_or_more_than_lookups_out(
    seen: Topology, policies: list[Object], closed: str
) -> None:
    felt = networksymptoms.detect(seen, policies, [_errors_of("cart", seen)], IGNORED, now=NOW)
    assert [each.target.name for each in felt] == ["cart"] * bool(closed)
    assert all(f" lets {closed} for " in each.evidence for each in felt)


def test_a_service_whose_selector_was_spoilt_has_nobody_behind_it() -> None:
    service = {"metadata": made.meta("cart"), "spec": {"selector": {"app": "cart", "tier": "typo"}}}
    caller = made.deployment("front", env={"CART": "http://cart:80"})
    pods = (made.pod("a"), made.pod("f", of="front-h1"))
    seen = made.topology(*pods, deployments=(made.deployment("cart"), caller), services=(service,))
    (found,) = networksymptoms.detect(seen, (), [_errors_of("front", seen)], IGNORED, now=NOW)
    assert (found.kind, str(found.target)) == ("no-endpoints", "deployment/cart")
    assert "app=cart,tier=typo" in found.evidence
    assert networksymptoms.detect(seen, (), [], IGNORED, now=NOW) == ()


def _dns(*pods: Object, **status: Any) -> Topology:
    """Two replicas of the cluster's DNS, with these pods."""
    body = made.deployment("coredns", replicas=2)
    body["spec"]["template"]["metadata"]["labels"] = {"k8s-app": "kube-dns"}
    body["status"].update(status)
    seen = made.topology(*pods, deployments=(body,))
    for each in (body, *seen.pods, *seen.replica_sets):
        each["metadata"]["namespace"] = "kube-system"
    return seen


def _dns_pod(name: str, **more: Any) -> Object:
    return made.pod(name, of="coredns-h1", **more)


def _between_crashes(name: str, *, runs: float | None) -> Object:
    """A pod that crashed three times: it serves since so many seconds, or (None) waits for the next start."""
    state = made.waiting("CrashLoopBackOff") if runs is None else {"running": {"startedAt": ago(runs)}}
    last = made.ended(1, seconds_ago=10 + (runs or 0))
    return _dns_pod(name, ready=runs is not None, restarts=3, state=state, last=last)


def test_nobody_answers_for_names() -> None:
    (found,) = networksymptoms.detect(_dns(), (), (), IGNORED, now=NOW)
    assert (found.kind, found.evidence) == ("dns-down", "0 of 2 pods answer for names")


def _rolls(came_on: float, since: float | None = None) -> Any:
    """The status of a rollout that came on last so many seconds ago, and for how long nobody has served."""
    progress = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
    found = [{**progress, "lastUpdateTime": ago(came_on)}]
    if since is not None:
        found.append({"type": "Available", "status": "False", "lastTransitionTime": ago(since)})
    return {"conditions": found}


ROLLS = _rolls(5)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(_dns(_dns_pod("a", ready=False, age=4, unready_for=4)), id="starts"),
        pytest.param(_dns(_dns_pod("a", ready=False, unready_for=4)), id="blinks"),
        pytest.param(_dns(**ROLLS), id="is rolled out"),
        pytest.param(
            _dns(_dns_pod("a", ready=False, age=90, unready_for=90), **_rolls(90)), id="is rolled out slowly"
        ),
    ],
)
def test_names_that_may_be_answered_in_a_moment_are_waited_for_and_explain_the_others(seen: Topology) -> None:
    (found,) = networksymptoms.detect(seen, (), (), IGNORED, now=NOW)
    assert (found.kind, found.severity) == ("dns-starting", Severity.MEDIUM)
    issues = classify([found, symptom("errors", "cart", since=30)], topology=seen, now=NOW)
    assert [each.root for each in issues] == ["", "kube-system/coredns-network"]
    assert not isinstance(planner.plan(issues[0], runbook.defaults(), seen, now=NOW), Plan)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(_dns(_dns_pod("a", ready=False, unready_for=30)), id="hangs"),
        pytest.param(_dns(_between_crashes("a", runs=None), **ROLLS), id="crashes while it is rolled out"),
        pytest.param(_dns(**_rolls(61)), id="is rolled out without a pod"),
        pytest.param(_dns(_between_crashes("a", runs=None), _between_crashes("b", runs=5)), id="crashes"),
    ],
)
def test_names_that_nobody_will_answer_are_for_the_dns_to_mend(seen: Topology) -> None:
    found = detection.detect_in(detection.Sight(NOW, seen))
    (issue,) = classify(found, topology=seen, now=NOW)
    assert (issue.kind, "dns-down" in issue.kinds) == ("network", True)
    decided = planner.plan(issue, runbook.defaults(), seen, now=NOW)
    assert isinstance(decided, Plan)
    assert decided.rungs[0].action == "restart-dns"


@pytest.mark.parametrize(("lasts", "first"), [(280, None), (360, "notify"), (660, "restart-dns")])
def test_a_dns_whose_rollout_goes_on_is_told_after_minutes_and_mended_when_its_pods_had_their_time(
    lasts: float, first: str | None
) -> None:
    pods = (_dns_pod(name, ready=False, age=lasts, unready_for=lasts) for name in "ab")
    seen = _dns(*pods, **_rolls(lasts, since=lasts))
    felt = symptom("errors", "cart", since=lasts, severity=Severity.CRITICAL)
    found = detection.detect_in(detection.Sight(NOW, seen))
    issue, echo = classify([*found, felt], topology=seen, now=NOW)
    assert echo.root == issue.name
    decided = planner.plan(issue, runbook.defaults(), seen, now=NOW)
    assert (decided.rungs[0].action if isinstance(decided, Plan) else None) == first


def test_a_dns_that_comes_is_neither_the_issue_that_it_was_down_nor_its_end() -> None:
    down = detection.Sight(NOW, _dns(_dns_pod("a", ready=False, unready_for=30)))
    coming = detection.Sight(NOW, _dns(_dns_pod("b", ready=False, age=4, unready_for=4)))
    found = detection.detect_in(down)
    (issue,) = classify(found, topology=down.topology, now=NOW)
    assert (verification.comes(issue, down), verification.comes(issue, coming)) == (False, True)
    assert verification.shows(issue, coming)
    told = [*found, *detection.detect_in(coming)]  # as where an alert says that it is down
    (both,) = classify(told, topology=coming.topology, now=NOW)
    assert not verification.comes(both, coming)


def test_names_are_answered_by_a_pod_that_has_run_for_long_enough() -> None:
    assert networksymptoms.detect(_dns(_between_crashes("b", runs=61)), (), (), IGNORED, now=NOW) == ()


def test_a_database_without_a_ready_pod_is_down_and_one_scaled_to_nothing_where_somebody_calls_it() -> None:
    caller = made.deployment("cart", env={"DB": "postgres://db:5432/x"})
    down = made.topology(deployments=(caller, made.deployment("db", replicas=1)))
    (found,) = databasesymptoms.detect(down, {}, IGNORED, now=NOW)
    assert (str(found.target), found.evidence) == ("deployment/db", "0 of 1 pods of the database are ready")
    nothing = made.deployment("db", replicas=0)
    (gone,) = databasesymptoms.detect(made.topology(deployments=(caller, nothing)), {}, IGNORED, now=NOW)
    assert gone.evidence == "scaled to 0"
    nothing["metadata"]["managedFields"] = made.set_by("kubectl", "replicas")
    (emptied,) = databasesymptoms.detect(made.topology(deployments=(caller, nothing)), {}, IGNORED, now=NOW)
    assert (emptied.evidence, emptied.since) == ("scaled to 0 by kubectl", NOW - timedelta(seconds=60))
    assert databasesymptoms.detect(made.topology(deployments=(nothing,)), {}, IGNORED, now=NOW) == ()
