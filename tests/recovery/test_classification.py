"""From symptoms to issues: class, confidence, the model's vote, and what follows from what."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery import made
from tests.recovery.made import NOW, symptom

from chaoskit import kube
from chaoskit.ports.cluster import Kind, ObjectRef
from chaoskit.recovery import Issue, Vote, classify, nodesymptoms, podsymptoms
from chaoskit.recovery.issues import CLASS_OF, CLASSES, PRECEDENCE, called
from chaoskit.recovery.kills import IGNORED
from chaoskit.recovery.symptoms import Symptom
from chaoskit.topology import Topology


def _one(*symptoms: Symptom, votes: tuple[Vote, ...] = ()) -> Issue:
    (found,) = classify(symptoms, votes, now=NOW)
    return found


def _by_id(*symptoms: Symptom, topology: Topology) -> dict[str, Issue]:
    return {issue.id: issue for issue in classify(symptoms, topology=topology, now=NOW)}


@pytest.mark.parametrize(
    ("kinds", "issue"),
    [
        (("crash-loop",), "pod-crash"),
        (("crash-loop", "bad-rollout", "errors"), "pod-crash"),
        (("oom-killed", "memory-growth"), "memory-leak"),
        (("oom-killed", "bad-rollout"), "pod-crash"),
        (("image-pull", "bad-rollout"), "pod-crash"),
        (("image-pull",), "pod-crash"),
        (("edge-gap", "pool-exhausted", "errors"), "network"),
        (("pool-exhausted", "latency", "errors"), "database-connection"),
        (("cpu-saturated", "latency"), "cpu-saturation"),
        (("errors", "latency"), "unexplained"),
    ],
)
def test_the_cause_among_the_symptoms_names_the_class(kinds: tuple[str, ...], issue: str) -> None:
    assert _one(*(symptom(kind) for kind in kinds)).kind == issue


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("401 for hunter2-long of payments", "401 for (hidden) of payments"),
        ("401 for hunter2-lo", "401 for (hidden)"),  # as the words of a probe are cut
        ("401 for hunter", "401 for (hidden)"),
        ("401 for hunt", "401 for hunt"),
        ("password=x", "password=(hidden)"),
        ("it hangs…", "it hangs…"),
    ],
)
def test_what_a_symptom_says_is_told_without_secrets_but_for_names(said: str, told: str) -> None:
    secrets = {"hunter2-long", "payments"}
    heard = replace(symptom("probe-failed", "payments"), evidence=said)
    (found,) = classify([heard], now=NOW, secrets=secrets)
    assert found.evidence == (told,)


@pytest.mark.parametrize(
    ("kind", "name", "symptom_", "id_"),
    [
        (kube.DEPLOYMENT, "web", "crash-loop", "web-pod-crash"),
        (kube.STATEFUL_SET, "web", "crash-loop", "web-pod-crash-statefulset"),
        (kube.DAEMON_SET, "web", "crash-loop", "web-pod-crash-daemonset"),
        (kube.NODE, "node-1", "node-lost", "node-1-node"),
        (kube.NODE, "node-1", "disk-pressure", "node-1-disk-full-node"),
        (kube.JOB, "backup", "job-stuck", "backup-job"),
    ],
)
def test_an_issue_is_called_by_its_target_whatever_else_is_there(
    kind: Kind, name: str, symptom_: str, id_: str
) -> None:
    assert _one(replace(symptom(symptom_), target=ObjectRef(kind, "shop", name))).id == id_


_WORDS = ["web", "node", "job", "statefulset", "daemonset", "deployment", *CLASSES]
_NAMES = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map("-".join)
_CALLED = st.tuples(st.sampled_from(sorted(CLASSES)), st.sampled_from(kube.WORKLOADS), _NAMES)


@given(_CALLED, _CALLED)
def test_no_two_workloads_share_an_issue(one: tuple[str, Kind, str], other: tuple[str, Kind, str]) -> None:
    ids = {called(issue, ObjectRef(kind, "shop", name)) for issue, kind, name in (one, other)}
    assert len(ids) == len({one, other})


def test_every_symptom_has_a_class_and_a_rank() -> None:
    assert set(PRECEDENCE) == set(CLASS_OF)


def test_more_evidence_makes_surer() -> None:
    assert (
        _one(symptom("crash-loop"), symptom("bad-rollout")).confidence
        > _one(symptom("crash-loop")).confidence
    )


def test_a_model_that_agrees_makes_surer_and_one_that_does_not_is_shown() -> None:
    alone = _one(symptom("pool-exhausted"))
    agree = Vote("shop", "deployment/cart", "database connection", 0.8)
    other = Vote("shop", "deployment/cart", "memory-leak", 0.8)
    agreed = _one(symptom("pool-exhausted"), votes=(agree,))
    opposed = _one(symptom("pool-exhausted"), votes=(other,))
    assert opposed.confidence < alone.confidence < agreed.confidence
    assert opposed.disagrees
    assert opposed.kind == "database-connection"
    assert opposed.model == "the model says memory leak (80%)"


def test_a_vote_for_another_workload_is_not_heard() -> None:
    assert _one(symptom("crash-loop"), votes=(Vote("shop", "deployment/x", "network", 0.9),)).model == ""


def test_a_database_that_is_down_explains_the_errors_of_all_who_need_it() -> None:
    found = _by_id(
        symptom("database-down", "db", since=90),
        symptom("pool-errors", "cart", since=60),
        symptom("errors", "frontend", since=50),
        symptom("crash-loop", "orders", since=30),
        topology=made.chain("frontend", "cart", "orders", "db"),
    )
    assert found["db-database-connection"].root == ""
    assert {i.root for i in found.values() if i.id != "db-database-connection"} == {"db-database-connection"}


def test_roots_come_first() -> None:
    issues = classify(
        (symptom("errors", "frontend"), symptom("crash-loop", "cart", since=70)),
        topology=made.chain("frontend", "cart"),
        now=NOW,
    )
    assert [issue.root for issue in issues] == ["", "cart-pod-crash"]


@pytest.mark.parametrize(
    "pair",
    [
        (symptom("crash-loop", "frontend"), symptom("crash-loop", "cart")),
        (symptom("errors", "cart"), symptom("crash-loop", "frontend")),
        (symptom("memory-growth", "cart"), symptom("errors", "frontend")),
        (symptom("errors", "frontend", since=900), symptom("crash-loop", "cart", since=60)),
    ],
    ids=[
        "crashes are not passed on",
        "callers do not break what they call",
        "a leak hurts nobody yet",
        "too late",
    ],
)
def test_what_cannot_be_an_effect_is_a_root_of_its_own(pair: tuple[Symptom, Symptom]) -> None:
    found = _by_id(*pair, topology=made.chain("frontend", "cart"))
    assert [issue.root for issue in found.values()] == ["", ""]


def test_two_that_call_each_other_do_not_explain_each_other_away() -> None:
    bodies = [
        made.deployment("a", env={"UPSTREAM": "http://b/"}),
        made.deployment("b", env={"UPSTREAM": "http://a/"}),
    ]
    seen = made.topology(deployments=bodies)
    found = _by_id(symptom("errors", "a", since=60), symptom("errors", "b", since=70), topology=seen)
    assert found["b-unexplained"].root == ""
    assert found["a-unexplained"].root == "b-unexplained"


def test_workloads_on_a_lost_node_follow_from_it() -> None:
    seen = made.topology(made.pod("a", node="node-2"), nodes=(made.node("node-2", ready="Unknown"),))
    symptoms = (*podsymptoms.detect(seen, IGNORED, now=NOW), *nodesymptoms.detect(seen, now=NOW))
    found = classify(symptoms, topology=seen, now=NOW)
    assert [(issue.id, issue.root) for issue in found] == [
        ("node-2-node", ""),
        ("cart-pod-crash", "node-2-node"),
    ]
