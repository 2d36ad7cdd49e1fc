"""Symptoms of a recorded real cluster: each scenario is what its name says, at the moment it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chaoskit import kube
from chaoskit.recovery import classify, podsymptoms
from chaoskit.recovery.kills import IGNORED
from chaoskit.recovery.symptoms import Symptom
from chaoskit.topology import Topology

SHARED = Path(os.environ.get("CHAOSKIT_SHARED", Path(__file__).parents[2].parent / "shared"))
RECORDED = SHARED / "recordings" / "kubernetes" / "pod-lifecycle.jsonl"

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason=f"no recordings at {RECORDED}")

Row = Mapping[str, Any]


@cache
def _rows(scenario: str) -> tuple[Row, ...]:
    with RECORDED.open(encoding="utf-8") as lines:
        rows = (json.loads(line) for line in lines)
        return tuple(row for row in rows if row["scenario"] == scenario)


def _now(scenario: str, t: float) -> datetime:
    first = next(row for row in _rows(scenario) if row["kind"] == "Deployment")
    began = kube.time_of(first["object"]["metadata"]["creationTimestamp"])
    assert began is not None
    return began + timedelta(seconds=t)


def _seen(scenario: str, t: float) -> Topology:
    """What stood in the namespace `t` seconds after the deployment was created."""
    there: dict[tuple[str, str], Any] = {}
    for row in _rows(scenario):
        if row["t"] > t:
            break
        key = row["kind"], row["object"]["metadata"]["name"]
        there.pop(key, None)
        if row["type"] != "DELETED":
            there[key] = row["object"]

    def of(kind: str) -> tuple[Any, ...]:
        return tuple(body for (name, _), body in there.items() if name == kind)

    return Topology(
        pods=of("Pod"),
        workload_bodies=tuple((kube.DEPLOYMENT, body) for body in of("Deployment")),
        replica_sets=of("ReplicaSet"),
        services=(),
        budgets=(),
    )


def _symptoms(scenario: str, t: float) -> dict[str, Symptom]:
    found = podsymptoms.detect(_seen(scenario, t), IGNORED, now=_now(scenario, t))
    return {symptom.kind: symptom for symptom in found}


@pytest.mark.parametrize(
    ("scenario", "t", "kind"),
    [
        ("crash-loop", 3.0, set()),
        ("crash-loop", 5.0, {"crash-loop"}),
        ("crash-loop", 16.5, {"crash-loop"}),
        ("crash-loop", 17.5, {"crash-loop"}),
        ("crash-loop", 60.0, {"crash-loop"}),
        ("oom-killed", 1.0, set()),
        ("oom-killed", 7.0, {"oom-killed"}),
        ("oom-killed", 19.0, {"oom-killed"}),
        ("image-pull-error", 1.0, set()),
        ("image-pull-error", 2.0, {"image-pull"}),
        ("image-pull-error", 20.0, {"image-pull"}),
        ("unschedulable", 20.0, {"unschedulable"}),
        ("rollout-stuck", 2.5, set()),
        ("rollout-stuck", 13.5, {"bad-rollout"}),
        ("rollout-stuck", 30.0, set()),
    ],
)
def test_a_recorded_moment_shows_its_symptom(scenario: str, t: float, kind: set[str]) -> None:
    assert set(_symptoms(scenario, t)) == kind


def test_the_stuck_rollout_is_blamed_on_revision_2_and_1_is_known_to_serve() -> None:
    found = _symptoms("rollout-stuck", 14.0)["bad-rollout"]
    assert (found.facts["revision"], found.facts["healthy"]) == (2, 1)
    assert "revision 1 still serves" in found.evidence


def test_the_recorded_crash_loop_began_with_its_first_crash() -> None:
    found = _symptoms("crash-loop", 60.0)["crash-loop"]
    assert abs((found.since - _now("crash-loop", 2.6)).total_seconds()) < 20
    assert "exit code 3" in found.evidence


@pytest.mark.parametrize("scenario", ["deployment-pod-replace", "readiness-flap"])
def test_replaced_pods_and_a_short_flap_are_never_a_symptom(scenario: str) -> None:
    moments = [row["t"] for row in _rows(scenario)]
    assert moments
    assert not [t for t in moments if _symptoms(scenario, t)]


@pytest.mark.parametrize(
    ("scenario", "t", "issue"),
    [
        ("crash-loop", 20.0, "pod-crash"),
        ("oom-killed", 20.0, "memory-leak"),
        ("image-pull-error", 20.0, "pod-crash"),
        ("unschedulable", 20.0, "unschedulable"),
        ("rollout-stuck", 14.0, "pod-crash"),
    ],
)
def test_a_recorded_scenario_is_classified(scenario: str, t: float, issue: str) -> None:
    now = _now(scenario, t)
    seen = _seen(scenario, t)
    (found,) = classify(podsymptoms.detect(seen, IGNORED, now=now), topology=seen, now=now)
    assert found.kind == issue
