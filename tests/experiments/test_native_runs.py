"""Native experiments on the simulated cluster: baselines, aborts, guards, timeouts."""

from __future__ import annotations

import threading
from math import inf
from typing import Any

import pytest
from tests.experiments.conftest import Until, World
from tests.experiments.lasting import lasting
from tests.experiments.test_killed_runs import web

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.clock import Clock
from chaoskit.errors import NotFound
from chaoskit.events import Event
from chaoskit.experiments import Trial, plan
from chaoskit.experiments.litmus import manifests
from chaoskit.experiments.spec import Experiment
from chaoskit.governor import Governor, Limits
from chaoskit.governor.rules import FREEZE
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample, Series
from chaoskit.records import RunRecord


class Site:
    """A web site that answers until it is broken."""

    def __init__(self) -> None:
        self.broken = threading.Event()

    def get(self, url: str, **_: Any) -> Response:
        return Response(500 if self.broken.is_set() else 200, "", 0.01)


class Quiet:
    """Prometheus of an application that fails one request in a hundred."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        return (Sample({"pod": "web"}, 0.01, self.clock.now()),)

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()


HTTP = {"http": {"url": "http://web.native"}, "interval": "1s", "recoversWithin": "2s"}


def native(world: World, namespace: str, **spec: Any) -> Trial:
    try:
        world.cluster.get(ObjectRef(kube.NAMESPACE, "", namespace))
    except NotFound:
        for body in (*web(namespace), *manifests("pod-delete", namespace)):
            world.cluster.create(body)
        world.until_ready(namespace, "web")
    body = {
        "fault": {"kind": "pod-delete"},
        "targets": {"workloads": ["deployment/web"]},
        "duration": "15s",
        **spec,
    }
    made = {"metadata": {"name": "web-gone", "namespace": namespace}, "spec": body}
    return Trial("test.yaml", experiment=Experiment.model_validate(made))


def everything(world: World) -> list[str]:
    """Names of all that a run could make, in all namespaces."""
    kinds = (kube.LEASE, kube.CHAOS_ENGINE, kube.CHAOS_RESULT, kube.SECRET, kube.CONFIG_MAP, kube.JOB)
    return [body["metadata"]["name"] for kind in kinds for body in world.cluster.list(kind).items]


def pinned(record: RunRecord) -> bool:
    told: bool = record.evidence["plan"]["pinned"]
    return told


def test_a_native_run_of_one_round_pins_its_pod_and_removes_its_engine(world: World) -> None:
    ready = {"kubernetes": {"workload": "web"}, "mode": "edges", "recoversWithin": "60s"}
    fault = {"kind": "pod-delete", "parameters": {"interval": 15}}
    record = world.run(native(world, "native", fault=fault, steadyState=[ready]))
    assert pinned(record)
    assert record.outcome.exit_code == 0, record.reason
    assert record.targets == ("deployment/web",)
    assert world.cluster.list(kube.CHAOS_ENGINE, "native").items == ()
    assert world.cluster.list(kube.CHAOS_RESULT, "native").items == ()
    assert world.cluster.list(kube.LEASE, "native").items == ()
    assert record.litmus["verdicts"] == {"pod-delete": "Pass"}
    assert any("is being deleted" in each for each in record.evidence["changes"])
    assert any("pod-delete" in name for name in record.evidence["logs"])


@pytest.mark.parametrize("duration", ["30s", "60s"])
def test_a_native_run_of_several_rounds_deletes_pods_in_each(world: World, duration: str) -> None:
    record = world.run(native(world, "rounds", duration=duration))
    assert record.outcome.exit_code == 0, record.reason
    assert not pinned(record)
    targets = next(iter(record.litmus["results"].values()))["history"]["targets"]
    assert [each["name"] for each in targets] == ["web"]


def test_the_experiment_of_the_documentation_passes(world: World) -> None:
    native(world, "example")
    web = ObjectRef(kube.DEPLOYMENT, "example", "web")
    world.cluster.patch(web, {"spec": {"replicas": 3}})
    world.clock.sleep(2)
    world.until_ready("example", "web")
    trial = native(
        world,
        "example",
        fault={"kind": "pod-delete", "parameters": {"force": True}},
        duration="30s",
        severity="medium",
        blastRadius={"maxPods": 1, "maxPercent": 34},
        steadyState=[
            {"prometheus": {"signal": "error_ratio", "below": 0.05}, "mode": "continuous", "abort": True}
        ],
    )
    record = world.run(trial, metrics=Quiet(world.clock))
    assert record.outcome.exit_code == 0, record.reason
    assert any(each["stage"] == "during" for each in record.steady_state)


def test_a_broken_baseline_touches_nothing(world: World) -> None:
    site = Site()
    site.broken.set()
    record = world.run(native(world, "native", steadyState=[HTTP]), http=site)
    assert record.outcome.exit_code == 8
    assert record.litmus == {}
    assert record.undo.state == "none needed"


def test_a_violation_aborts_and_is_a_weakness(world: World) -> None:
    site = Site()
    condition = {**HTTP, "abort": True}
    trial = native(world, "native", duration="120s", steadyState=[condition])
    before = world.clock.monotonic()
    record = world.run(trial, http=site, listen=Until("injected", site.broken.set))
    assert record.outcome.exit_code == 1, record.reason
    assert record.undo.state == "confirmed"
    assert world.clock.monotonic() - before < 110
    assert world.at_work("native") == []


def test_a_violation_without_abort_is_a_weakness_at_the_end(world: World) -> None:
    site = Site()
    trial = native(world, "native", steadyState=[HTTP])
    record = world.run(trial, http=site, listen=Until("injected", site.broken.set))
    assert record.outcome.exit_code == 1
    assert record.litmus["verdicts"] == {"pod-delete": "Pass"}


def test_what_does_not_end_in_time_is_undone_and_timed_out(world: World) -> None:
    record = world.run(native(world, "native", duration="300s"), timeout=40)
    assert record.outcome.exit_code == 6
    assert record.undo.state == "confirmed"
    assert world.at_work("native") == []


@pytest.mark.parametrize("during", ["the baseline", "nothing, and nothing is checked before"])
def test_a_freeze_that_the_plan_did_not_see_or_heed_is_asked_about_before_anything_is_written(
    world: World, during: str
) -> None:
    place = ObjectRef(kube.NAMESPACE, "", "native")

    def freeze(until: str | None) -> None:
        world.cluster.patch(place, {"metadata": {"annotations": {FREEZE: until}}})

    try:
        if during == "the baseline":
            trial = native(world, "native", steadyState=[HTTP])
            freezing = Until("steady before", lambda: freeze("2999-01-01T00:00:00Z"))
            record = world.run(trial, http=Site(), listen=freezing)
        else:
            trial = native(world, "native")
            freeze("2999-01-01T00:00:00Z")
            record = world.run(trial, preflight=False)
    finally:
        freeze(None)
    assert record.outcome is Outcome.REFUSED, record.reason
    assert "freeze" in record.reason or "frozen" in record.reason
    assert record.injected_at is None
    assert world.at_work("native") == []


def test_a_halt_stops_a_run_under_way(world: World) -> None:
    def stop() -> None:
        halt.halt(world.cluster, world.clock, ["chaos"], "incident")

    try:
        record = world.run(native(world, "native", duration="300s"), listen=Until("injected", stop))
    finally:
        halt.resume(world.cluster, ["chaos"])
    assert record.outcome.exit_code == 7
    assert "incident" in record.reason
    assert world.at_work("native") == []


def test_a_halt_while_the_steady_state_has_time_to_recover_is_no_weakness(world: World) -> None:
    site = Site()

    def breaks_and_halts() -> None:
        site.broken.set()
        halt.halt(world.cluster, world.clock, ["chaos"], "incident")

    halting, mending = Until("litmus", breaks_and_halts), Until("undo", site.broken.clear)

    def listen(event: Event) -> None:
        halting(event)
        mending(event)

    condition = {**HTTP, "mode": "edges", "recoversWithin": "60s"}
    try:
        record = world.run(native(world, "native", steadyState=[condition]), http=site, listen=listen)
    finally:
        halt.resume(world.cluster, ["chaos"])
    assert record.outcome.exit_code == 7, record.reason
    assert "weakness" not in record.reason
    broken = [each for each in record.steady_state if each["held"] is False]
    assert {(each["stage"], each["tolerated"]) for each in broken} == {("after", True)}


class Afterwards(Quiet):
    """Errors that metrics show from one second until nine seconds after Litmus' verdict."""

    settled_at = inf

    def settled(self) -> None:
        self.settled_at = self.clock.monotonic()

    def instant(self, *asked: object, **more: object) -> tuple[Sample, ...]:
        bad = 1 <= self.clock.monotonic() - self.settled_at <= 9
        return (Sample({"pod": "web"}, 0.9, self.clock.now()),) if bad else super().instant(*asked, **more)


def test_what_metrics_show_while_litmus_ends_its_engine_is_seen_within_their_lag(world: World) -> None:
    metrics = Afterwards(world.clock)
    errors = {"prometheus": {"signal": "error_ratio", "below": 0.05}, "interval": "1s", "lag": "45s"}
    made = native(world, "native", steadyState=[errors])
    record = world.run(made, metrics=metrics, listen=Until("litmus", metrics.settled))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "error_ratio 0.9 at web, expected below 0.05 under the fault" in record.reason


def test_a_radius_that_is_too_small_refuses(world: World) -> None:
    record = world.run(native(world, "native", blastRadius={"maxPods": 1, "maxPercent": 40}))
    assert record.outcome.exit_code == 3
    assert "1 of 2 pods" in record.reason


def test_a_plan_keeps_its_hash_while_only_pods_change(world: World) -> None:
    trial = native(world, "native")
    first = plan(trial, world.cluster)
    for pod in world.cluster.list(kube.POD, "native", labels="app=web").items:
        world.cluster.delete(kube.ref_of(pod, kube.POD), grace=0)
    world.clock.sleep(2)
    world.until_ready("native", "web")
    again = plan(trial, world.cluster)
    assert first.selection.names != again.selection.names
    assert first.hash == again.hash


def test_a_plan_that_drifted_is_refused(world: World) -> None:
    trial = native(world, "drift")
    made = plan(trial, world.cluster)
    world.cluster.patch(ObjectRef(kube.DEPLOYMENT, "drift", "web"), {"spec": {"replicas": 3}})
    world.clock.sleep(5)
    world.until_ready("drift", "web")
    record = world.run(trial, expected_hash=made.hash)
    assert record.outcome.exit_code == 3
    assert f"has changed since plan {made.hash}" in record.reason
    assert "pod-delete: 1 of 3 pods now" in record.reason


def test_a_plan_tells_everything_before_and_writes_nothing(world: World) -> None:
    trial = native(world, "native")
    before = everything(world)
    made = plan(trial, world.cluster, governor=Governor(world.cluster, world.clock, Limits()))
    told = made.document()
    assert (made.outcome, told["hit"], told["serviceAccount"]) == (
        None,
        {"pod-delete": 1},
        "chaoskit-pod-delete",
    )
    assert told["afterwards"][0]["ready"] == 1
    assert str(made.afterwards[0]) == "deployment/web 1 of 2 ready"
    assert (made.privileged, made.undo) == ((), ("the workload's own controller puts it right",))
    assert {check["name"] for check in told["checks"]} >= {"litmus", "experiment", "targets", "rights"}
    assert everything(world) == before


def test_a_disruption_budget_without_room_refuses(world: World) -> None:
    trial = native(world, "budget")
    meta = {"name": "web", "namespace": "budget"}
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec}
    world.cluster.create(body)
    world.clock.sleep(5)
    record = world.run(trial)
    world.cluster.delete(ObjectRef(kube.PDB, "budget", "web"))  # others empty nodes in this cluster
    assert record.outcome.exit_code == 3
    assert "allows 0 disruptions" in record.reason


@pytest.mark.parametrize("seconds", [600.0])
def test_a_cool_down_refuses_the_next_run_and_keeps_the_ledger_for_it(world: World, seconds: float) -> None:
    limits = Limits(chaos_cooldown=seconds)
    trial = native(world, "cooling")
    assert world.run(trial, limits=limits).outcome.exit_code == 0
    record = world.run(trial, limits=limits)
    assert record.outcome.exit_code == 3
    assert "rests after chaos" in record.reason


def test_whoever_left_a_node_that_litmus_emptied_must_come_back(world: World) -> None:
    made = lasting(world, "native-drain", "node-drain")
    deployment = ObjectRef(kube.DEPLOYMENT, "native-drain", "web")

    def break_the_image() -> None:
        bad = {"name": "web", "image": "registry.invalid/none:1"}
        world.cluster.patch(deployment, {"spec": {"strategy": {"rollingUpdate": None, "type": "Recreate"}}})
        world.cluster.patch(deployment, {"spec": {"template": {"spec": {"containers": [bad]}}}})

    record = world.run(made, listen=Until("litmus", break_the_image))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "deployment/web whole again" in record.reason
    assert record.undo.state == "confirmed"


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        ("pod-autoscaler", "deployment/web is asked for 5 replicas instead of 3"),
        ("pod-network-partition", "networkpolicy/pod-network-partition-np-"),
    ],
)
def test_a_fault_of_which_litmus_sends_no_event_is_seen_by_what_it_changes(
    world: World, kind: str, sign: str
) -> None:
    record = world.run(lasting(world, f"native-{kind}", kind, duration="20s"))
    assert record.outcome is Outcome.PASSED, record.reason
    assert "hit its targets" in record.reason
    assert any(each.startswith(sign) for each in record.evidence["changes"]), record.evidence["changes"]
    assert record.undo.state == "confirmed"
