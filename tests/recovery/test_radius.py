"""How much a plan takes at a time: each remedy computes it, the governor refuses what is too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.acts.fake import FakeCluster
from tests.recovery import made
from tests.recovery.made import NOW, symptom

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.errors import Refused
from chaoskit.governor import Governor, Limits
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery import classify, remedies, runbook
from chaoskit.recovery.admission import admit
from chaoskit.recovery.planner import Plan, plan
from chaoskit.recovery.remedies import Rung, Scene
from chaoskit.topology import Topology

NODE = ObjectRef(kube.NODE, "", "node-1")


def _shop(ready: int, unready: int = 0, /, **spec: Any) -> Topology:
    """A cart with so many pods."""
    body = made.deployment("cart", replicas=ready + unready)
    body["spec"].update(spec)
    pods = [made.pod(f"p{i}", ready=i < ready) for i in range(ready + unready)]
    return made.topology(*pods, deployments=(body,))


def _rung(action: str, seen: Topology, kind: str = "memory-high", **step: Any) -> Rung:
    spec = {"matches": {"issue": "pod-crash"}, "remediations": [{"action": action, **step}]}
    (issue,) = classify([replace(symptom(kind), pods=_names(seen))], now=NOW)
    if kind.startswith("node"):
        issue = replace(issue, target=NODE)
    scene = Scene(issue, seen.workloads.get(("shop", "deployment/cart")), seen)
    found = remedies.plan(runbook.Spec.model_validate(spec).remediations[0], scene)
    assert isinstance(found, Rung), found
    return found


def _names(seen: Topology) -> tuple[str, ...]:
    return tuple(each["metadata"]["name"] for each in seen.pods)


def _taken(found: Rung) -> tuple[int, Sequence[tuple[int, int]]]:
    return found.radius.at_once, [(hit.number, hit.total) for hit in found.radius.hits]


RECREATE: dict[str, Any] = {"strategy": {"type": "Recreate"}}


def _rolling(lack: Any, surge: Any = 1) -> dict[str, Any]:
    rolling = {"maxUnavailable": lack, "maxSurge": surge}
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}


@pytest.mark.parametrize(
    ("spec", "ready", "unready", "at_once"),
    [
        (RECREATE, 4, 0, 4),
        (RECREATE, 2, 2, 2),
        ({}, 4, 0, 1),
        ({}, 3, 0, 0),
        (_rolling(3), 4, 0, 3),
        (_rolling("50%"), 5, 0, 2),
        (_rolling(2), 2, 2, 0),
        (_rolling(0), 4, 0, 0),
        (_rolling(0, 0), 4, 0, 1),
        (_rolling("100%"), 4, 0, 4),
    ],
)
def test_a_rollout_takes_what_its_strategy_allows(
    spec: dict[str, Any], ready: int, unready: int, at_once: int
) -> None:
    found = _rung("rolling-restart", _shop(ready, unready, **spec))
    assert _taken(found) == (at_once, [(at_once, ready + unready)])


@pytest.mark.parametrize(
    ("kind", "strategy", "at_once"),
    [
        (kube.STATEFUL_SET, {}, 1),
        (kube.STATEFUL_SET, {"rollingUpdate": {"partition": 2, "maxUnavailable": 2}}, 1),
        (kube.DAEMON_SET, {"rollingUpdate": {"maxUnavailable": "34%"}}, 2),
        (kube.DAEMON_SET, {"rollingUpdate": {"maxUnavailable": 0}}, 0),
    ],
)
def test_a_rollout_of_others_takes_what_theirs_allows(kind: Any, strategy: Object, at_once: int) -> None:
    body = made.deployment("cart", replicas=3)
    body["spec"]["updateStrategy"] = strategy
    if kind == kube.DAEMON_SET:
        body["status"]["desiredNumberScheduled"] = 3
    pods = [made.pod(f"p{i}") for i in range(3)]
    for pod in pods:
        pod["metadata"]["ownerReferences"][0].update(kind=kind.name, name="cart")
    seen = replace(made.topology(*pods), workload_bodies=((kind, body),), replica_sets=())
    (issue,) = classify([symptom("memory-high")], now=NOW)
    spec = {"matches": {"issue": "memory-leak"}, "remediations": [{"action": "rolling-restart"}]}
    scene = Scene(issue, seen.workloads["shop", f"{kind}/cart"], seen)
    found = remedies.plan(runbook.Spec.model_validate(spec).remediations[0], scene)
    assert isinstance(found, Rung)
    assert _taken(found) == (at_once, [(at_once, 3)])


@given(
    ready=st.integers(0, 12),
    unready=st.integers(0, 6),
    lack=st.one_of(st.integers(0, 12), st.integers(0, 100).map(lambda n: f"{n}%")),
    surge=st.integers(0, 3),
)
def test_a_rollout_never_takes_more_than_serves_nor_leaves_fewer_than_it_must(
    ready: int, unready: int, lack: int | str, surge: int
) -> None:
    found = _rung("rolling-restart", _shop(ready, unready, **_rolling(lack, surge)))
    taken, wanted = found.radius.at_once, ready + unready
    may_lack = lack if isinstance(lack, int) else wanted * int(lack[:-1]) // 100
    assert 0 <= taken <= ready
    assert taken <= max(may_lack, 1)


def test_what_goes_one_after_another_takes_one_if_any_of_it_serves() -> None:
    assert _taken(_rung("restart-pod", _shop(3))) == (1, [(1, 3)])
    assert _taken(_rung("restart-pod", _shop(0, 3))) == (0, [(0, 3)])


def test_clients_whose_connections_are_recycled_go_one_after_another() -> None:
    bodies = [made.deployment(name, env={"DB": "postgres://db:5432/x"}) for name in ("cart", "orders")]
    for body in bodies:
        body["spec"].update(RECREATE)
    pods = [made.pod(f"{name}-{i}", of=f"{name}-h1") for name in ("cart", "orders") for i in range(2)]
    seen = made.topology(*pods, deployments=(*bodies, made.deployment("db")))
    (issue,) = classify([symptom("database-full", "db")], now=NOW)
    decision = plan(issue, runbook.defaults(), seen, now=NOW)
    assert isinstance(decision, Plan)
    assert _taken(decision.rungs[0]) == (2, [(2, 2), (2, 2)])


def test_scaling_in_takes_what_is_too_many_and_scaling_out_nothing() -> None:
    assert _rung("scale", _shop(4), by=-3).radius.at_once == 3
    assert _rung("scale", _shop(4), by=1).radius.at_once == 0


@pytest.mark.parametrize(("action", "kind"), [("evacuate", "node-lost"), ("drain", "node-pressure")])
def test_all_pods_that_leave_a_node_go_at_once(action: str, kind: str) -> None:
    pods = [made.pod(f"{name}-{i}", of=f"{name}-h1") for name in ("cart", "orders") for i in range(3)]
    pods[0]["spec"]["nodeName"] = "node-2"
    bodies = [made.deployment(name) for name in ("cart", "orders")]
    seen = made.topology(*pods, deployments=bodies, nodes=(made.node("node-1"),))
    assert _taken(_rung(action, seen, kind)) == (5, [(2, 3), (3, 3)])


def test_what_disturbs_no_pod_takes_none() -> None:
    assert _taken(_rung("remove-network-policy", _shop(3))) == (0, [])


# ---------------------------------------------------------------- the limits


def _admitted(seen: Topology, **limits: Any) -> str:
    """Which guard refuses a rolling restart by a runbook with these limits; "" when none does."""
    spec = {
        "matches": {"issue": "memory-leak"},
        "remediations": [{"action": "rolling-restart"}],
        "guards": limits,
    }
    book = runbook.defaults()[0].model_copy(update={"spec": runbook.Spec.model_validate(spec)})
    (issue,) = classify([symptom("memory-growth")], now=NOW)
    decision = plan(issue, (book,), seen, now=NOW)
    assert isinstance(decision, Plan)
    governor = Governor(FakeCluster(), ManualClock(NOW), Limits())
    try:
        admit(decision, governor)
    except Refused as error:
        return f"{error.guard}: {error.message}"
    return ""


def test_the_limits_of_a_runbook_can_refuse_a_recovery() -> None:
    whole = _shop(4, **RECREATE)
    assert _admitted(whole) == ""
    assert _admitted(whole, maxPods=4, maxPercent=100) == ""
    assert _admitted(whole, maxPods=3) == "blast radius: 4 pods would be hit; the limit is 3"
    assert _admitted(whole, maxPercent=50) == (
        "blast radius: 4 of 4 pods of deployment/cart in shop would be hit; the limit is 50 %"
    )
    assert _admitted(_shop(4), maxPods=1, maxPercent=25) == ""
