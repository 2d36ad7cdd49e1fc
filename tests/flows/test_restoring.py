"""A recorded recovery in a simulated cluster: restored without secrets, failing alike, recovered anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW, symptom
from tests.servers import pace

import chaoskit
from chaoskit import kube
from chaoskit.errors import CannotStart
from chaoskit.flows import restoring
from chaoskit.flows.world import World
from chaoskit.ports.cluster import ObjectRef
from chaoskit.recovery import Issue, attempts, classify, plain
from chaoskit.simulator.cluster import SimulatedCluster


def _issue(kind: str, name: str = "billing") -> Issue:
    (found,) = classify([symptom(kind, name)], now=NOW)
    return found


def _snapshot(name: str = "billing") -> dict[str, Any]:
    env = {"DB": "postgres://db:5432/x", "TOKEN": "s3cret"}
    bodies = (made.deployment(name, env=env), made.deployment("front", env={"U": f"http://{name}:80"}))
    seen = made.topology(made.pod(f"{name}-h1-a", of=f"{name}-h1"), deployments=bodies)
    return plain.snapshot(seen, made.ref(name))


def _record(issue: Issue, snapshot: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "recovery", "id": "r1", "trace_id": "t1", "namespace": "shop", "target": str(issue.target),
        "snapshot": snapshot, "plan": {"issue": plain.issue(issue), "rungs": []},
    }  # fmt: skip


def test_stand_ins_have_the_shape_of_what_was_recorded_and_none_of_its_secrets() -> None:
    space, *rest = restoring.bodies(_snapshot(), _issue("crash-loop"))
    assert space["metadata"]["name"] == "shop"
    billing, front = (each for each in rest if each["kind"] == "Deployment")
    assert "s3cret" not in str(rest)
    assert billing["spec"]["replicas"] == 2
    env = {
        each["name"]: each["value"] for each in billing["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert env == {"NAME": "billing", "UPSTREAMS": "http://db:8080"}
    assert front["spec"]["template"]["metadata"]["annotations"] == {"chaoskit.io/calls": "billing"}


def test_a_stand_in_begins_without_what_was_wrong() -> None:
    _, sound, *_ = restoring.bodies(_snapshot(), _issue("crash-loop"))
    _, pulled, *_ = restoring.bodies(_snapshot(), _issue("image-pull"))
    images = [each["spec"]["template"]["spec"]["containers"][0]["image"] for each in (sound, pulled)]
    assert images == ["registry.example/billing:1", "registry.example/stand-in:1"]


@pytest.mark.parametrize(
    ("kind", "story"),
    [
        ("bad-rollout", "crash-loop"),
        ("crash-loop", "killed"),
        ("image-pull", "image-missing"),
        ("oom-killed", "memory-leak@45"),
        ("edge-gap", "packets-lost"),
    ],
)
def test_it_fails_as_its_symptoms_say(kind: str, story: str) -> None:
    assert restoring.story_of(_issue(kind)) == story


def test_what_the_simulator_cannot_show_is_said() -> None:
    with pytest.raises(CannotStart, match="cannot show database-slow") as caught:
        restoring.story_of(_issue("database-slow"))
    assert "--what-if" in caught.value.hint
    elsewhere = replace(_issue("crash-loop"), target=ObjectRef(kube.STATEFUL_SET, "shop", "db"))
    with pytest.raises(CannotStart, match="statefulset/db"):
        restoring.story_of(elsewhere)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with (
        SimulatedCluster(seed=7, rate=pace(12), story="quiet", history=timedelta(minutes=2)) as simulated,
        chaoskit.connect(
            kubeconfig=str(simulated.kubeconfig(tmp_path / "kubeconfig")), home=tmp_path / "home"
        ) as connected,
    ):
        yield connected


def test_a_recorded_crash_of_a_strangers_workload_is_recovered_anew(world: World) -> None:
    record = _record(_issue("bad-rollout"), _snapshot())
    (again,) = restoring.replay(world, record, chaoskit.AutoRecovery(world)).done
    assert (again.outcome.value, again.target) == ("recovered", "deployment/billing")
    assert (again.replay_of, again.trace_id) == ("r1", "t1")
    kept = world.store.get("recovery", again.id)
    assert attempts([kept]) == ()
