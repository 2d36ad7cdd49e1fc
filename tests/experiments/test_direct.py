"""Faults that chaoskit injects itself, on the simulated cluster: each to its verdict, and back again."""

from __future__ import annotations

import base64
import threading
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any, cast

import pytest
from tests.experiments.conftest import Until, World, side_by_side
from tests.experiments.directly import (
    FAULTS,
    LASTING,
    LISTENS,
    container,
    dump,
    furnish,
    given,
    outcome,
    trial,
    twin,
    unprotected,
    whole_again,
)
from tests.experiments.test_killed_runs import Killed, killed
from tests.servers import until

from chaoskit import kube
from chaoskit.acts import halt
from chaoskit.acts.accounts import ABORT, accounts
from chaoskit.acts.doubts import LATE
from chaoskit.acts.rescue import rescue
from chaoskit.clock import Clock, Stop
from chaoskit.errors import Conflict, Unavailable
from chaoskit.events import Event, Step
from chaoskit.experiments import Trial, plan, rights
from chaoskit.experiments.direct import DIRECT
from chaoskit.experiments.direct.network import PARTITION, share_left
from chaoskit.experiments.direct.preparing import SHOWS
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Access, Cluster, ExecResult, Kind, Object, ObjectRef
from chaoskit.ports.http import Response
from chaoskit.ports.metrics import Alert, Sample, Series
from chaoskit.records import RunRecord
from chaoskit.reports.conditions import seconds_broken
from chaoskit.signals import BY_NAME

ON_NODES = tuple(kind for kind in LASTING if kind.startswith("node-"))
IN_NAMESPACES = tuple(kind for kind in LASTING if kind not in ON_NODES)


@pytest.fixture(autouse=True)
def swept(world: World) -> Iterator[None]:
    """What a test has made goes with it: who empties a node must not meet all that went before."""
    before = _namespaces(world)
    yield
    for name in _namespaces(world) - before:
        world.cluster.delete(ObjectRef(kube.NAMESPACE, "", name))


def _namespaces(world: World) -> set[str]:
    return {str(body["metadata"]["name"]) for body in world.cluster.list(kube.NAMESPACE).items}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_felt_and_leaves_nothing(world: World, kind: str) -> None:
    namespace = f"direct-{kind}"
    furnish(world, namespace)
    before = dump(world, namespace)
    record = world.run(given(world, namespace, kind))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.evidence["plan"]["engine"] == "direct"
    assert record.undo.state in {"confirmed", "none needed"}
    assert whole_again(world, namespace) == before


@pytest.mark.parametrize("kinds", [*((kind,) for kind in ON_NODES), IN_NAMESPACES], ids=", ".join)
@pytest.mark.parametrize("step", ["undo written", "begun", "injected", "undo"])
def test_after_a_kill_at_any_step_a_rescue_puts_everything_back(
    world: World, kinds: tuple[str, ...], step: str
) -> None:
    def die(kind: str) -> None:
        namespace = f"killed-{kind}-{step.replace(' ', '-')}"
        furnish(world, namespace)
        before = dump(world, namespace)
        listen = Until(kind if step == "begun" else step, killed)
        with pytest.raises(Killed):
            world.run(given(world, namespace, kind), listen=listen)
        assert len(accounts(world.cluster, namespace)) == 1
        (done,) = rescue(world.cluster, world.clock, namespace=namespace)
        assert done.undo.left == ()
        assert whole_again(world, namespace) == before

    side_by_side(die, kinds)


def until_allowed(world: World, *budgets: ObjectRef) -> None:
    for budget in budgets:
        while not world.cluster.get(budget).get("status", {}).get("disruptionsAllowed"):
            world.clock.sleep(0.5)


def stopped(world: World, made: Trial, step: str) -> RunRecord:
    stop = Stop()
    return world.run(made, listen=Until(step, stop.set), stop=stop)


def test_a_stop_takes_the_fault_back_at_once(world: World) -> None:
    furnish(world, "direct-stopped")
    before = dump(world, "direct-stopped")
    made = trial("direct-stopped", "scale-down", duration="10m")
    record = stopped(world, made, "effect")
    assert (record.outcome, record.undo.state) == (Outcome.INTERRUPTED, "confirmed")
    assert record.ended_at - record.at < timedelta(minutes=5)  # of the ten that it was to last
    assert whole_again(world, "direct-stopped") == before


SITE = {"http": {"url": "http://web"}, "interval": "1s", "recoversWithin": "5s"}


class Up:
    def get(self, url: str, **_: Any) -> Response:
        return Response(200, "", 0.01)


@pytest.mark.parametrize(
    ("kind", "stages"),
    [
        ("pod-delete", {"before", "during", "after", "after undo"}),
        ("scale-down", {"before", "during", "after undo"}),  # it ends with its undo
    ],
)
def test_the_steady_state_is_looked_at_before_during_after_and_after_the_undo(
    world: World, kind: str, stages: set[str]
) -> None:
    namespace = f"direct-stages-{kind}"
    furnish(world, namespace)
    record = world.run(trial(namespace, kind, **FAULTS[kind], steadyState=[SITE]), http=Up())
    assert record.outcome is Outcome.PASSED, record.reason
    judged = {each["stage"] for each in record.steady_state if not each["tolerated"]}
    assert judged == stages
    undone = next(each.at for each in record.timeline if each.name == "undo")
    assert record.injected_until is not None
    assert (record.injected_until >= undone) is (kind == "scale-down"), "what lasts is over with its undo"


def test_how_long_a_workload_was_not_whole_is_seen_however_long_the_fault_lasts(world: World) -> None:
    furnish(world, "direct-recovers")
    once = {"duration": "60s", "parameters": {"interval": 100}}
    record = world.run(trial("direct-recovers", "pod-delete", **once))
    assert record.outcome is Outcome.PASSED, record.reason
    took = seconds_broken(record.document())
    assert took is not None
    assert 0 < took < 30  # of the sixty that the fault lasts


def test_pods_go_in_rounds_and_the_next_waits_until_the_workload_is_whole(world: World) -> None:
    furnish(world, "direct-rounds")
    made = trial("direct-rounds", "pod-delete", duration="40s", parameters={"interval": 10})
    record = world.run(made)
    assert record.outcome is Outcome.PASSED, record.reason
    begun = [each for each in record.timeline if (each.name, each.mark) == ("pod-delete", "begun")]
    assert 2 <= len(begun) <= 5


def test_a_workload_that_does_not_heal_is_a_weakness(world: World) -> None:
    furnish(world, "direct-unhealed")
    deployment = ObjectRef(kube.DEPLOYMENT, "direct-unhealed", "web")

    def break_the_image() -> None:
        bad = {"name": "web", "image": "registry.invalid/none:1"}
        patch = {"spec": {"template": {"spec": {"containers": [bad]}}, "strategy": {"type": "Recreate"}}}
        world.cluster.patch(deployment, {"spec": {"strategy": {"rollingUpdate": None, "type": "Recreate"}}})
        world.cluster.patch(deployment, patch)

    record = world.run(trial("direct-unhealed", "pod-delete"), listen=Until("injected", break_the_image))
    assert record.outcome is Outcome.WEAKNESS_FOUND
    assert "deployment/web whole again" in record.reason


def test_a_workload_that_crashes_again_and_again_is_no_more_whole_at_its_ready_moments(world: World) -> None:
    furnish(world, "direct-crashing", replicas=1)
    deployment = ObjectRef(kube.DEPLOYMENT, "direct-crashing", "web")

    def break_the_program() -> None:
        bad = {"name": "web", "command": ["sh", "-c", "sleep 2; exit 3"]}
        strategy = {"rollingUpdate": None, "type": "Recreate"}
        template = {"spec": {"containers": [bad]}}
        world.cluster.patch(deployment, {"spec": {"strategy": strategy}})
        world.cluster.patch(deployment, {"spec": {"template": template}}, type="strategic")

    record = world.run(trial("direct-crashing", "pod-delete"), listen=Until("injected", break_the_program))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "deployment/web whole again" in record.reason
    seen = [each["observed"] for each in record.steady_state if each["stage"].startswith("after")]
    assert any("crashed again" in each for each in seen), seen


@pytest.mark.parametrize(
    ("kind", "parameters", "sign"),
    [
        ("node-cordon", {}, "was applied: node "),
        ("node-taint", {"taints": "shut=yes:NoSchedule"}, "was applied: node "),
        ("config-mutation", FAULTS["config-mutation"]["parameters"] | {"restart": False}, "was applied: "),
        ("pod-delete", {}, "pod-delete: pod/"),
    ],
)
def test_a_write_of_our_own_is_applied_and_an_undeclared_steady_state_did_not_hold(
    world: World, kind: str, parameters: dict[str, Any], sign: str
) -> None:
    namespace = f"direct-words-{kind}"
    furnish(world, namespace)
    given = {**FAULTS[kind], "duration": "1s", "parameters": parameters}
    record = world.run(trial(namespace, kind, **given))
    assert record.outcome is Outcome.PASSED, record.reason
    assert sign in record.reason
    assert record.reason.endswith("; there was no steady state to hold")
    told = [each.name for each in record.timeline if each.name in {"effect", "applied"}]
    assert told == ["applied" if "applied" in sign else "effect"]


@pytest.mark.parametrize("duration", ["1s", "15s"])
def test_a_pod_that_nobody_makes_anew_did_not_come_back(world: World, duration: str) -> None:
    namespace = f"direct-bare-{duration}"
    furnish(world, namespace)
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lone", "namespace": namespace, "labels": {"app": "lone"}},
        "spec": {"containers": [container(LISTENS)], "terminationGracePeriodSeconds": 1},
    }
    world.cluster.create(bare)
    ref = ObjectRef(kube.POD, namespace, "lone")
    until(lambda: kube.is_ready(world.cluster.get(ref)), 60, "the pod never gets ready")
    one = trial(namespace, "pod-delete", duration=duration, targets={"selector": {"app": "lone"}})
    record = world.run(one)
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert record.reason == "pod/lone did not come back: nobody makes it anew"


def test_a_steady_state_that_was_declared_held(world: World) -> None:
    furnish(world, "direct-words")
    steady = [{"kubernetes": {"workload": "deployment/web"}, "mode": "edges", "recoversWithin": "60s"}]
    record = world.run(trial("direct-words", "pod-delete", duration="1s", steadyState=steady))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.reason.endswith(", and the steady state held")


def test_a_policy_that_nobody_is_seen_to_feel_proves_nothing(world: World) -> None:
    furnish(world, "direct-unfelt")
    before = dump(world, "direct-unfelt")
    record = world.run(trial("direct-unfelt", "network-partition", duration="1s"))
    assert record.outcome is Outcome.ERRORED
    assert "no effect of it was seen" in record.reason
    assert "the network plugin enforces no NetworkPolicies" in record.evidence["hint"]
    assert record.evidence["hint"].endswith("chaoskit faults show network-partition")
    assert whole_again(world, "direct-unfelt") == before


class Marked(Until):
    """A listener that acts once, when a step of this name has got this mark."""

    def __init__(self, name: str, act: Callable[[], None], *, mark: str) -> None:
        super().__init__(name, act)
        self.mark = mark

    def __call__(self, event: Event) -> None:
        if isinstance(event, Step) and event.mark == self.mark:
            super().__call__(event)


def without_label(world: World, namespace: str, label: str) -> None:
    """The pods that lack the label are gone."""
    for pod in world.cluster.list(kube.POD, namespace).items:
        if label not in kube.labels_of(pod):
            world.cluster.delete(kube.ref_of(pod, kube.POD), grace=0)


def test_what_becomes_of_pods_that_were_not_chosen_proves_nothing(world: World) -> None:
    furnish(world, "direct-others")
    listen = Marked("injected", lambda: without_label(world, "direct-others", PARTITION), mark="done")
    record = world.run(trial("direct-others", "network-partition", duration="1s"), listen=listen)
    assert record.outcome is Outcome.ERRORED, record.reason
    assert "no effect of it was seen" in record.reason


def test_pods_that_somebody_else_took_first_prove_nothing(world: World) -> None:
    furnish(world, "direct-taken")
    listen = Marked("pod-delete", lambda: without_label(world, "direct-taken", "none has it"), mark="begun")
    record = world.run(trial("direct-taken", "pod-delete", duration="1s"), listen=listen)
    assert record.outcome is Outcome.ERRORED, record.reason
    assert "changed nothing" in record.reason


class Traffic:
    """Prometheus of pods that have traffic, until a policy of ours cuts them off."""

    def __init__(self, world: World, namespace: str, usual: float = 100.0) -> None:
        self.world = world
        self.namespace = namespace
        self.usual = usual

    def _now(self) -> float:
        cut = self.world.cluster.list(kube.NETWORK_POLICY, self.namespace).items
        return self.usual * 0.1 if cut else self.usual

    def _pods(self) -> list[dict[str, str]]:
        pods = self.world.cluster.list(kube.POD, self.namespace).items
        return [{"namespace": self.namespace, "pod": pod["metadata"]["name"]} for pod in pods]

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        return tuple(Sample(labels, self._now(), self.world.clock.now()) for labels in self._pods())

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        values = array("d", [self.usual] * 10 + [self._now()])
        return tuple(Series(labels, self.world.clock.now(), 15, values) for labels in self._pods())

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def test_a_partition_passes_when_the_traffic_of_its_pods_falls(world: World) -> None:
    furnish(world, "direct-cut")
    before = dump(world, "direct-cut")
    record = world.run(trial("direct-cut", "network-partition"), metrics=Traffic(world, "direct-cut"))
    assert record.outcome is Outcome.PASSED, record.reason
    assert "fell to 10%" in record.reason
    assert whole_again(world, "direct-cut") == before


class Late(Traffic):
    """Traffic that falls at once, and errors that come up only when five seconds have passed since then."""

    cut_at = inf

    def instant(self, *asked: object, **__: object) -> tuple[Sample, ...]:
        now = self.world.clock.monotonic()
        if self._now() < self.usual:
            self.cut_at = min(self.cut_at, now)
        if asked[0] is not BY_NAME["error_ratio"]:
            return super().instant()
        return (Sample({"pod": "web"}, 0.9 if now - self.cut_at > 5 else 0.0, self.world.clock.now()),)


def test_what_metrics_show_when_the_fault_is_over_already_is_seen_within_their_lag(world: World) -> None:
    furnish(world, "direct-late")
    bound = {"signal": "error_ratio", "below": 0.05}
    errors = {"prometheus": bound, "interval": "1s", "recoversWithin": "0s"}
    spec = {"duration": "3s", "steadyState": [{**errors, "lag": "10s"}]}
    record = world.run(trial("direct-late", "network-partition", **spec), metrics=Late(world, "direct-late"))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "error_ratio 0.9 at web, expected below 0.05 under the fault" in record.reason
    assert "s more: metrics show a fault late" in str(record.timeline)


class SlowToUndo:
    """A cluster in which the second patch of the deployment, the undo, gets through only after 12 seconds."""

    def __init__(self, world: World) -> None:
        self.cluster, self.clock = world.cluster, world.clock
        self.patches = 0
        self.undone_at = inf

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cluster, name)

    def patch(self, ref: ObjectRef, *body: Any, **more: Any) -> Object:
        self.patches += ref.kind == kube.DEPLOYMENT and not more.get("dry_run")
        if ref.kind != kube.DEPLOYMENT or self.patches != 2:
            return self.cluster.patch(ref, *body, **more)
        self.clock.sleep(12)
        found = self.cluster.patch(ref, *body, **more)
        self.undone_at = self.clock.monotonic()
        return found


class Errors:
    """Metrics with errors from half a second until nine seconds after the undo got through."""

    def __init__(self, cluster: SlowToUndo) -> None:
        self.cluster = cluster

    def instant(self, *_: object, **__: object) -> tuple[Sample, ...]:
        since = self.cluster.clock.monotonic() - self.cluster.undone_at
        return (Sample({"pod": "web"}, 0.9 if 0.5 <= since <= 9 else 0.0, self.cluster.clock.now()),)

    def range(self, *_: object, **__: object) -> tuple[Series, ...]:
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        return ()


def lagging(namespace: str, lag: str) -> Trial:
    errors = {"prometheus": {"signal": "error_ratio", "below": 0.05}, "interval": "1s", "lag": lag}
    return trial(namespace, "scale-down", duration="3s", parameters={"replicas": 1}, steadyState=[errors])


def test_the_lag_of_what_its_undo_ends_runs_from_when_that_got_through(world: World) -> None:
    furnish(world, "direct-undo")
    slow = SlowToUndo(world)
    run = World(cast("Cluster", slow), world.clock).run
    record = run(lagging("direct-undo", "10s"), metrics=Errors(slow))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "error_ratio 0.9 at web, expected below 0.05 under the fault" in record.reason


@pytest.mark.parametrize("end", ["abort", "halt"])
def test_an_end_that_is_wanted_while_a_lag_runs_is_no_pass_and_waits_for_nothing(
    world: World, end: str
) -> None:
    namespace = f"direct-{end}"
    furnish(world, namespace)
    asked_at: list[float] = []

    def ask() -> None:
        asked_at.append(world.clock.monotonic())
        if end == "halt":
            halt.halt(world.cluster, world.clock, ["chaos"], "incident")
            return
        (mine,) = accounts(world.cluster, namespace)
        world.cluster.patch(mine.ref, {"metadata": {"annotations": {ABORT: "incident"}}})

    try:
        record = world.run(
            lagging(namespace, "10m"),
            metrics=Errors(SlowToUndo(world)),
            listen=Until("steady state", ask),
        )
    finally:
        halt.resume(world.cluster, ["chaos"])
    assert record.outcome.exit_code != 0
    assert "incident" in record.reason
    assert record.undo.state == "confirmed"
    assert world.clock.monotonic() - asked_at[0] < 300


def test_a_pass_says_what_metrics_may_not_have_shown_yet(world: World) -> None:
    furnish(world, "direct-soon")
    errors = {
        "prometheus": {"signal": "error_ratio", "below": 0.05},
        "interval": "1s",
        "recoversWithin": "0s",
    }
    made = trial("direct-soon", "network-partition", duration="3s", steadyState=[errors])
    record = world.run(made, metrics=Late(world, "direct-soon"))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.reason.endswith(
        "; but error_ratio shows a fault up to 60 s late: one of 3 s may be over before"
    )


def test_a_plan_says_which_metrics_show_a_fault_too_late(lab: World) -> None:
    def told(**more: Any) -> list[str]:
        each = {"prometheus": {"signal": "error_ratio", "below": 0.05}, **more}
        made = trial("direct-lab", "scale-down", duration="20s", steadyState=[each])
        found = plan(made, lab.cluster, clock=lab.clock, metrics=Traffic(lab, "direct-lab"))
        assert (
            found.document()["expectedSeconds"] == round(found.seconds) >= 20 + found.trial.conditions[0].lag
        )
        return [f"{check.words}; {check.mend}" for check in found.checks if check.name == "steady state"]

    (words,) = told()
    assert "up to 60 s late: one of 20 s may be over before; lag: 40s beside it" in words
    assert told(lag="40s") == []
    assert told(mode="edges") == []


def test_a_plan_of_a_partition_says_what_it_needs_to_be_seen(lab: World) -> None:
    def told(metrics: Traffic | None, **spec: Any) -> list[str]:
        made = trial("direct-lab", "network-partition", **{"duration": "60s", **spec})
        found = plan(made, lab.cluster, clock=lab.clock, metrics=metrics)
        return [f"{check.state} {check.words}" for check in found.checks if check.name == "effect"]

    assert "there is no Prometheus" in told(None)[0]
    assert "knows of none of theirs" in told(Traffic(lab, "direct-lab", usual=0.0))[0]
    assert told(Traffic(lab, "direct-lab")) == []
    assert told(Traffic(lab, "direct-lab"), duration="30s") == [
        "warning 30 s may be over before its effect is in Prometheus"
    ]


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ([100, 100, 100, 50], 0.5),
        ([100, nan, 100, 100, nan, 10], 0.1),
        ([100, 100, 10], 1.0),
        ([0, 0, 0, 0], 1.0),
        ([0, 0, 0, 5], 1.0),
        ([], 1.0),
    ],
)
def test_what_is_left_of_traffic_is_a_share_of_the_usual(values: list[float], left: float) -> None:
    series = Series({}, datetime(2026, 1, 1, tzinfo=UTC), 15, array("d", values))
    assert share_left(series) == left


@pytest.mark.parametrize(
    ("namespace", "change"),
    [("direct-secret-gone", {"remove": True}), ("direct-secret-new", {"value": "CANARY-n3w"})],
)
def test_neither_the_old_nor_the_new_value_leaves_its_secret(
    world: World, namespace: str, change: dict[str, Any]
) -> None:
    furnish(world, namespace)
    parameters = {"secret": "credentials", "key": "PASSWORD", "restart": False, **change}
    credentials = ObjectRef(kube.SECRET, namespace, "credentials")
    leases: list[Object] = []
    meanwhile: list[Object] = []

    def look() -> None:
        leases.extend(world.cluster.list(kube.LEASE, namespace).items)
        meanwhile.append(world.cluster.get(credentials).get("data") or {})

    told: list[Event] = []

    def listen(event: Event) -> None:
        told.append(event)
        once(event)

    once = Until("applied", look)
    record = world.run(trial(namespace, "config-mutation", parameters=parameters), listen=listen)
    assert record.outcome is Outcome.PASSED, record.reason
    assert meanwhile != [{"PASSWORD": "c2VjcmV0"}]
    assert "credentials" in str(leases)
    for text in map(str, (leases, record.document(), told)):
        for value in ("c2VjcmV0", "CANARY-n3w", base64.b64encode(b"CANARY-n3w").decode()):
            assert value not in text
    assert world.cluster.get(credentials)["data"] == {"PASSWORD": "c2VjcmV0"}
    assert world.ours(namespace) == []


PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nCANARY==\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("namespace", "key", "before", "change"),
    [
        ("direct-named-gone", "DB_PASSWORD", "CANARY-0ld", {"remove": True}),
        ("direct-named-new", "API_TOKEN", "CANARY-0ld", {"value": "CANARY-n3w"}),
        ("direct-address", "dsn", "db://me:CANARY-0ld@h", {"value": "db://me:CANARY-n3w@h"}),
        ("direct-file", "conf", "password=CANARY-0ld\nx: 1", {"value": "x: 2"}),
        ("direct-key", "server.key", PRIVATE_KEY, {"value": "wrong"}),
        ("direct-jwt", "session", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.CANARY-0ld", {"value": "wrong"}),
        ("direct-smtp", "smtp.pass", "CANARY-0ld", {"value": "CANARY-n3w"}),
        ("direct-one-line", "auth.yaml", "password: CANARY-0ld", {"remove": True}),
        ("direct-lines", "a.conf", "port 6379\nas CANARY-0ld wants", {"value": "slow"}),
        *(
            (f"direct-called-{number}", key, "CANARY-0ld", {"value": "CANARY-n3w"})
            for number, key in enumerate(
                (
                    *("api-key-primary", "slack-token-bot", "client-secret-v2", "db-password-replica"),
                    *("password.shop", "secret-id", "API_TOKENS", "NO_REPLY_SMTP_PASSWORD"),
                    "JWT_SECRET_BACKEND",
                )
            )
        ),
    ],
)
def test_a_setting_that_holds_a_secret_is_told_nowhere_though_it_stands_in_a_config_map(
    world: World, namespace: str, key: str, before: str, change: dict[str, Any]
) -> None:
    furnish(world, namespace)
    settings = ObjectRef(kube.CONFIG_MAP, namespace, "settings")
    world.cluster.patch(settings, {"data": {key: before}})
    parameters = {"configMap": "settings", "key": key, "restart": False, **change}
    one = trial(namespace, "config-mutation", parameters=parameters)
    made = plan(one, world.cluster, clock=world.clock)
    assert Access("create", "", "secrets", namespace) in made.prepared.needs
    told: list[Any] = [made.prepared.changes]
    look = Until("applied", lambda: told.extend(world.cluster.list(kube.LEASE, namespace).items))

    def listen(event: Event) -> None:
        told.append(event)
        look(event)

    record = world.run(one, listen=listen)
    assert record.outcome is Outcome.PASSED, record.reason
    assert look.done
    assert "CANARY" not in str((told, record.document()))
    assert world.cluster.get(settings)["data"][key] == before
    assert world.ours(namespace) == []


def test_two_mutations_of_one_setting_exclude_each_other_whoever_ends_first(world: World) -> None:
    namespace = "direct-one-setting"
    furnish(world, namespace)
    twin(world, namespace, "api")
    before = dump(world, namespace)
    others: list[RunRecord] = []

    def mutation(workload: str, value: str) -> Trial:
        parameters = {"configMap": "settings", "key": "LEVEL", "value": value, "restart": False}
        targets = {"workloads": [f"deployment/{workload}"]}
        return trial(namespace, "config-mutation", parameters=parameters, targets=targets, duration="3s")

    listen = Until("injected", lambda: others.append(world.run(mutation("api", "theirs"))))
    record = world.run(mutation("web", "ours"), listen=listen)
    assert record.outcome is Outcome.PASSED, record.reason
    assert [each.outcome for each in others] == [Outcome.REFUSED]
    assert "works on configmap/settings" in others[0].reason
    assert dump(world, namespace) == before


CHANGED: dict[str, dict[str, Any]] = {
    "node-cordon": {"unschedulable": True},
    "node-taint": {"taints": [{"key": "chaos", "value": "yes", "effect": "NoSchedule"}]},
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_node_that_is_so_already_is_no_target(world: World, kind: str) -> None:
    furnish(world, f"direct-already-{kind}")
    made = trial(f"direct-already-{kind}", kind, **{**FAULTS[kind], "targets": {"nodes": ["node-1"]}})
    node = ObjectRef(kube.NODE, "", "node-1")
    world.cluster.patch(node, {"spec": CHANGED[kind]})
    try:
        found, words = outcome(world, made)
        record = world.run(made, preflight=False)
    finally:
        world.cluster.patch(node, {"spec": dict.fromkeys(CHANGED[kind])})
    assert found is Outcome.CANNOT_START
    assert "would change nothing: node/node-1" in words
    assert (record.outcome, record.injected_at) == (Outcome.CANNOT_START, None), record.reason


def test_a_change_that_somebody_else_makes_first_proves_nothing(world: World) -> None:
    furnish(world, "direct-overtaken")
    node = ObjectRef(kube.NODE, "", "node-1")

    def cordon() -> None:
        world.cluster.patch(node, {"spec": {"unschedulable": True}})

    made = trial("direct-overtaken", "node-cordon", duration="1s", targets={"nodes": ["node-1"]})
    try:
        record = world.run(made, listen=Marked("node-cordon", cordon, mark="begun"))
    finally:
        world.cluster.patch(node, {"spec": {"unschedulable": None}})
    assert record.outcome is Outcome.ERRORED, record.reason
    assert "changed nothing" in record.reason
    assert record.injected_at is None


# ---------------------------------------------------------------- what forbids one


@pytest.fixture(scope="module")
def lab(world: World) -> World:
    furnish(world, "direct-lab", command="sleep 9999", limits={})
    return world


def test_a_first_process_without_a_handler_would_ignore_the_signal(lab: World) -> None:
    found, words = outcome(lab, trial("direct-lab", "container-kill"))
    assert found is Outcome.CANNOT_START
    assert "would ignore the signal" in words


SETTING = {"configMap": "settings", "key": "LEVEL", "value": "x"}


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        ("scale-down", {"replicas": 3}, "that is no fewer"),
        ("config-mutation", {"key": "LEVEL", "value": "x"}, "either configMap or secret"),
        ("config-mutation", {"configMap": "settings", "key": "LEVEL"}, "either value or remove"),
        ("config-mutation", {"configMap": "settings", "key": "LEVL", "value": "x"}, "has no key LEVL"),
        ("config-mutation", {"configMap": "nothing", "key": "LEVEL", "value": "x"}, "nothing"),
        ("service-blackhole", {"service": "other"}, "no service other"),
        ("resource-squeeze", {"memory": 50}, "has no limit"),
        ("container-kill", {"container": "sidecar"}, "has no container sidecar"),
        ("config-mutation", SETTING | {"value": "info"}, "would change nothing: configmap/settings"),
        (
            "config-mutation",
            SETTING | {"value": "info", "restart": False},
            "would change nothing: configmap/settings",
        ),
    ],
)
def test_what_would_not_work_is_said_before(
    lab: World, kind: str, parameters: dict[str, Any], words: str
) -> None:
    found, told = outcome(lab, trial("direct-lab", kind, parameters=parameters))
    assert found is Outcome.CANNOT_START
    assert words in told


@pytest.mark.parametrize(
    ("kind", "kept", "name", "parameters", "words"),
    [
        ("scale-down", kube.DEPLOYMENT, "web", {}, "spec.replicas of web"),
        ("service-blackhole", kube.SERVICE, "web", {}, "spec.selector of web"),
        ("config-mutation", kube.CONFIG_MAP, "settings", SETTING, "data.LEVEL of settings"),
        ("config-mutation", kube.DEPLOYMENT, "web", SETTING, "spec.template of web"),
        (
            "config-mutation",
            kube.SECRET,
            "credentials",
            {"secret": "credentials", "key": "PASSWORD", "value": "x"},
            "data.PASSWORD of credentials",
        ),
    ],
)
def test_what_somebody_else_keeps_is_refused(
    lab: World, kind: str, kept: Kind, name: str, parameters: dict[str, Any], words: str
) -> None:
    ref = ObjectRef(kept, "direct-lab", name)
    note = {"argocd.argoproj.io/tracking-id": "web"}
    lab.cluster.patch(ref, {"metadata": {"annotations": note}})
    try:
        found, told = outcome(lab, trial("direct-lab", kind, parameters=parameters))
    finally:
        lab.cluster.patch(ref, {"metadata": {"annotations": dict.fromkeys(note)}})
    assert found is Outcome.REFUSED
    assert f"Argo CD keeps {words}" in told


def test_litmus_scales_nothing_that_an_autoscaler_keeps(lab: World) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 9}
    meta = {"name": "web", "namespace": "direct-lab"}
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta,
        "spec": spec,
    }
    deployment = ObjectRef(kube.DEPLOYMENT, "direct-lab", "web")
    lab.cluster.patch(deployment, {"metadata": {"labels": {"app": "web"}}})  # Litmus takes it by a label
    made = trial("direct-lab", "pod-autoscaler", engine="litmus")
    before, _ = outcome(lab, made)
    lab.cluster.create(body)
    try:
        found, words = outcome(lab, made)
    finally:
        lab.cluster.delete(ObjectRef(kube.HPA, "direct-lab", "web"))
        lab.cluster.patch(deployment, {"metadata": {"labels": {"app": None}}})
    assert before is Outcome.CANNOT_START  # parts of Litmus are missing there; that is said after it
    assert found is Outcome.REFUSED
    assert "HPA web keeps spec.replicas of web" in words


def test_a_plan_says_what_exactly_would_change_and_changes_nothing(lab: World) -> None:
    before = dump(lab, "direct-lab")
    made = plan(trial("direct-lab", "scale-down", parameters={"replicas": 1}), lab.cluster, clock=lab.clock)
    assert made.prepared.changes == ("deployment/web spec.replicas 3 to 1",)
    assert made.selection.hit == 2
    assert dump(lab, "direct-lab") == before


def test_each_workload_answers_to_its_budget_with_its_own_number(world: World) -> None:
    namespace = "direct-budgets"
    furnish(world, namespace, replicas=2)
    twin(world, namespace, "api")
    for name in ("web", "api"):
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}}
        meta = {"name": name, "namespace": namespace}
        world.cluster.create(
            {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec}
        )
    budgets = [ObjectRef(kube.PDB, namespace, name) for name in ("web", "api")]
    until_allowed(world, *budgets)
    both = {"workloads": ["deployment/web", "deployment/api"]}
    found = plan(trial(namespace, "scale-down", targets=both), world.cluster, clock=world.clock)
    for budget in budgets:  # whoever empties a node later is not to be kept from it
        world.cluster.delete(budget)
    assert sorted((each.workload, each.hit, each.ready) for each in found.afterwards) == [
        ("deployment/api", 1, 1),
        ("deployment/web", 1, 1),
    ]
    assert found.outcome is None, found.problem


def test_without_litmus_parts_auto_takes_the_direct_fault_and_the_hash_knows(lab: World) -> None:
    auto = plan(trial("direct-lab", "pod-delete", engine="auto"), lab.cluster, clock=lab.clock)
    asked = plan(trial("direct-lab", "pod-delete", engine="litmus"), lab.cluster, clock=lab.clock)
    assert (auto.way, asked.way) == ("direct", "litmus")
    (why,) = [each.words for each in auto.checks if each.name == "engine"]
    assert why == f"direct, without Litmus: {asked.problem.words if asked.problem is not None else None}"
    assert auto.hash != asked.hash
    assert asked.outcome is Outcome.CANNOT_START
    assert rights.manifests([auto]) == rights.manifests([asked])
    assert rights.manifests([plan(trial("direct-lab", "pod-delete"), lab.cluster)]) != rights.manifests(
        [auto]
    )


def test_a_run_says_why_it_goes_without_litmus(lab: World) -> None:
    furnish(lab, "direct-told")
    auto = trial("direct-told", "pod-delete", engine="auto")
    told = [each.detail for each in lab.run(auto).timeline if each.name == "engine"]
    assert told == ["direct, without Litmus: ChaosExperiment pod-delete is missing in namespace direct-told"]


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind in CATALOGUE])
def test_what_rbac_prints_of_a_fault_without_litmus_parts_is_all_that_litmus_needs(
    lab: World, kind: str
) -> None:
    namespace = f"entitled-{kind}"
    furnish(lab, namespace)
    where = unprotected(lab, namespace) if kind.startswith("node-") else {}
    auto = trial(namespace, kind, **FAULTS[kind] | where | {"engine": "auto"})
    without = plan(auto, lab.cluster, clock=lab.clock)
    (why,) = [each for each in without.checks if each.name == "engine"]
    assert why.mend == "chaoskit plan test.yaml --rbac | kubectl apply -f -"
    bodies = rights.manifests([without])
    (definition,) = [body for body in bodies if body["kind"] == "ChaosExperiment"]
    operator = lab.cluster.get(ObjectRef(kube.DEPLOYMENT, "litmus", "chaos-operator-ce"))
    runs = operator["spec"]["template"]["spec"]["containers"][0]["image"]
    assert definition["spec"]["definition"]["image"] == runs.replace("chaos-operator", "go-runner")
    assert not rights.guessed([without])
    made = [kube.ref_of(lab.cluster.create(body)) for body in bodies]
    try:
        entitled = plan(auto, lab.cluster, clock=lab.clock)
        assert (entitled.way, entitled.outcome) == ("litmus", None), entitled.problem
        assert "ChaosExperiment" not in {body["kind"] for body in rights.manifests([entitled])}
    finally:
        for ref in made:
            lab.cluster.delete(ref)


def test_litmus_parts_are_not_made_for_a_fault_that_litmus_could_not_inject_with_them(lab: World) -> None:
    """Litmus taints a node by its name alone; directly it is found by what runs there."""
    asked = FAULTS["node-taint"] | {"engine": "auto"}
    made = plan(trial("direct-lab", "node-taint", **asked), lab.cluster, clock=lab.clock)
    assert (made.way, made.outcome) == ("direct", None), made.problem
    assert [each.mend for each in made.checks if each.name == "engine"] == [""]
    assert not {"ChaosExperiment", "ChaosEngine"} & {body["kind"] for body in rights.manifests([made])}


def test_a_drain_spares_what_nobody_would_make_anew(lab: World) -> None:
    lone = {"name": "lone", "namespace": "direct-lab", "labels": {"app": "lone"}}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": lone,
        "spec": {"containers": [container("sleep 9999")]},
    }
    lab.cluster.create(body)
    for _ in range(100):
        pod = lab.cluster.get(ObjectRef(kube.POD, "direct-lab", "lone"))
        if kube.is_ready(pod):
            break
        lab.clock.sleep(0.5)
    targets = {"nodes": [pod["spec"]["nodeName"]]}
    made = plan(trial("direct-lab", "node-drain", targets=targets), lab.cluster, clock=lab.clock)
    lab.cluster.delete(ObjectRef(kube.POD, "direct-lab", "lone"), grace=0)
    (blocked,) = (check for check in made.checks if "pod lone in direct-lab belongs to nobody" in check.words)
    assert blocked.state == "blocked"


# ---------------------------------------------------------------- nodes that are emptied


def on_node(world: World, namespace: str, **spec: Any) -> Trial:
    return trial(namespace, "node-drain", **{**FAULTS["node-drain"], **unprotected(world, namespace), **spec})


def test_the_pods_that_leave_a_node_count_against_the_radius(world: World) -> None:
    furnish(world, "drain-radius", replicas=6)
    found, words = outcome(world, on_node(world, "drain-radius", blastRadius={"maxPods": 1}))
    assert found is Outcome.REFUSED
    assert "pods would be hit; the limit is 1" in words


def test_a_node_with_pods_of_a_protected_namespace_is_not_emptied(world: World) -> None:
    furnish(world, "drain-protected")
    operator = next(p for p in world.cluster.list(kube.POD, "litmus").items if kube.is_ready(p))
    nodes = {"nodes": [operator["spec"]["nodeName"]]}
    governor = Governor(world.cluster, world.clock)
    made = plan(on_node(world, "drain-protected", targets=nodes), world.cluster, governor=governor)
    assert made.outcome is Outcome.REFUSED
    assert "namespace litmus is protected" in str([check.words for check in made.checks])


def test_as_many_nodes_as_the_share_says(world: World) -> None:
    furnish(world, "drain-share", replicas=9)
    on = {"workloads": ["deployment/web"]}
    half = plan(on_node(world, "drain-share", targets={**on, "percent": 67}), world.cluster)
    assert half.selection.hit == 2
    assert half.selection.nodes == ("node-1", "node-2")


def block(world: World, namespace: str, budget: ObjectRef) -> None:
    """The budget allows nothing any more."""
    world.cluster.patch(budget, {"spec": {"minAvailable": 6}})
    while world.cluster.get(budget)["status"]["disruptionsAllowed"]:
        world.clock.sleep(0.5)


def test_what_budgets_put_off_to_the_end_is_no_pass(world: World) -> None:
    furnish(world, "drain-put-off", replicas=6)
    budget = ObjectRef(kube.PDB, "drain-put-off", "web")
    spec = {"minAvailable": 5, "selector": {"matchLabels": {"app": "web"}}}
    meta = {"name": "web", "namespace": "drain-put-off"}
    world.cluster.create(
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec}
    )
    until_allowed(world, budget)
    listen = Until("injected", lambda: block(world, "drain-put-off", budget))
    record = world.run(on_node(world, "drain-put-off", duration="10s"), listen=listen)
    world.cluster.delete(budget)
    assert record.outcome is Outcome.ERRORED, record.reason
    assert "were put off to the end" in record.reason
    assert "budget" in record.reason


def test_whoever_left_a_node_must_come_back_in_whatever_namespace(world: World) -> None:
    furnish(world, "drain-home", replicas=1)
    furnish(world, "drain-elsewhere")
    deployment = ObjectRef(kube.DEPLOYMENT, "drain-elsewhere", "web")

    def break_the_image() -> None:
        bad = {"name": "web", "image": "registry.invalid/none:1"}
        world.cluster.patch(deployment, {"spec": {"strategy": {"rollingUpdate": None, "type": "Recreate"}}})
        world.cluster.patch(deployment, {"spec": {"template": {"spec": {"containers": [bad]}}}})

    made = on_node(world, "drain-home", **unprotected(world, "drain-elsewhere"))
    record = world.run(made, listen=Until("injected", break_the_image))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert "deployment/web in drain-elsewhere whole again" in record.reason


def test_every_direct_fault_is_in_the_catalogue_with_its_undo() -> None:
    from chaoskit.experiments.direct.faults import EVERY

    for kind in DIRECT:
        assert EVERY[kind].undo
        assert EVERY[kind].purpose


def test_two_faults_of_one_process_share_a_heart(world: World) -> None:
    namespaces = [f"direct-side-{number}" for number in range(3)]
    for namespace in namespaces:
        furnish(world, namespace, replicas=2)
    records: list[RunRecord] = []

    def one(namespace: str) -> None:
        records.append(world.run(trial(namespace, "pod-delete")))

    threads = [threading.Thread(target=one, args=(namespace,)) for namespace in namespaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.outcome for each in records] == [Outcome.PASSED] * 3


class LosesAnAnswer:
    """The cluster, but the answer to the first change of a deployment is lost: it was made."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lost = False

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **more: Any) -> Object:
        done = self._cluster.patch(ref, patch, dry_run=dry_run, **more)
        if ref.kind == kube.DEPLOYMENT and not dry_run and not self._lost:
            self._lost = True
            raise Unavailable("the connection was cut", service="kubernetes")
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def test_a_change_whose_answer_was_lost_counts_as_done_and_is_undone(world: World) -> None:
    furnish(world, "direct-lost")
    before = dump(world, "direct-lost")
    deaf = World(cast("Cluster", LosesAnAnswer(world.cluster)), world.clock)
    record = deaf.run(trial("direct-lost", "scale-down", **FAULTS["scale-down"]))
    assert record.outcome is Outcome.ERRORED, record.reason
    assert record.injected_at is not None
    assert record.undo.state == "confirmed"
    assert whole_again(world, "direct-lost") == before


class Overtaken(LosesAnAnswer):
    """Somebody scales the deployment right after that, and what is sent again meets what they wrote."""

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **more: Any) -> Object:
        try:
            return super().patch(ref, patch, dry_run=dry_run, **more)
        except Unavailable:
            self._cluster.patch(ref, {"spec": {"replicas": 5}})
            error = Conflict(f"{ref} has changed")
            error.harmless = False
            raise error from None


def test_a_change_that_others_wrote_over_before_it_was_answered_is_an_injection(world: World) -> None:
    furnish(world, "direct-overtaken")
    overtaken = World(cast("Cluster", Overtaken(world.cluster)), world.clock)
    record = overtaken.run(trial("direct-overtaken", "scale-down", **FAULTS["scale-down"]))
    assert record.outcome is Outcome.ERRORED, record.reason
    assert record.injected_at is not None
    assert record.undo.state == "confirmed"


class Sheds:
    """The cluster, but it takes no change of a deployment: none was stored, and none will be."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **more: Any) -> Object:
        if ref.kind == kube.DEPLOYMENT and not dry_run:
            raise Unavailable("too many requests", service="kubernetes", harmless=True)
        return self._cluster.patch(ref, patch, dry_run=dry_run, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def test_a_change_that_the_server_never_took_is_no_injection(world: World) -> None:
    furnish(world, "direct-shed")
    before = dump(world, "direct-shed")
    shedding = World(cast("Cluster", Sheds(world.cluster)), world.clock)
    began = world.clock.monotonic()
    record = shedding.run(trial("direct-shed", "scale-down", **FAULTS["scale-down"]))
    assert record.outcome is Outcome.CANNOT_START, record.reason
    assert record.injected_at is None
    assert record.undo.state == "confirmed"
    assert world.clock.monotonic() - began < LATE
    assert whole_again(world, "direct-shed") == before


def test_a_setting_that_was_changed_is_an_injection_though_no_pod_was_restarted(world: World) -> None:
    furnish(world, "direct-half")
    before = dump(world, "direct-half")
    parameters = {"configMap": "settings", "key": "LEVEL", "value": "debug", "restart": True}
    shedding = World(cast("Cluster", Sheds(world.cluster)), world.clock)
    record = shedding.run(trial("direct-half", "config-mutation", parameters=parameters))
    assert record.outcome is Outcome.ERRORED, record.reason
    assert record.injected_at is not None
    assert record.undo.state == "confirmed"
    assert whole_again(world, "direct-half") == before


def test_a_setting_that_others_set_alike_stays_theirs_though_pods_are_restarted_for_it(world: World) -> None:
    furnish(world, "direct-alike")
    settings = ObjectRef(kube.CONFIG_MAP, "direct-alike", "settings")
    web = ObjectRef(kube.DEPLOYMENT, "direct-alike", "web")
    before = world.cluster.get(web)["spec"]

    def others() -> None:
        world.cluster.patch(settings, {"data": {"LEVEL": "debug"}})

    parameters = {"configMap": "settings", "key": "LEVEL", "value": "debug", "restart": True}
    listen = Marked("config-mutation", others, mark="begun")
    record = world.run(trial("direct-alike", "config-mutation", parameters=parameters), listen=listen)
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.undo.state == "confirmed"
    assert world.cluster.get(settings)["data"]["LEVEL"] == "debug"
    assert world.cluster.get(web)["spec"] == before


class IsSlow:
    """The cluster, but a change of a deployment takes longer than the whole fault was to last."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **more: Any) -> Object:
        if ref.kind == kube.DEPLOYMENT and not dry_run:
            self._clock.sleep(2 * SHOWS)
        return self._cluster.patch(ref, patch, dry_run=dry_run, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


class Kills:
    """A cluster in whose containers `kill` ends so; `works`: after the signal was sent all the same."""

    def __init__(self, cluster: Cluster, ended: ExecResult, *, works: bool) -> None:
        self._cluster = cluster
        self._ended = ended
        self._works = works

    def exec(self, ref: ObjectRef, command: Any, **more: Any) -> ExecResult:
        if not command[-1].startswith("kill "):
            return self._cluster.exec(ref, command, **more)
        if self._works:
            self._cluster.exec(ref, command, **more)
        return self._ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def test_a_signal_that_could_not_be_sent_is_no_injection(world: World) -> None:
    furnish(world, "direct-unkilled")
    ended = ExecResult("", "sh: kill: Operation not permitted", 1)
    made = World(cast("Cluster", Kills(world.cluster, ended, works=False)), world.clock)
    record = made.run(trial("direct-unkilled", "container-kill", duration="1s"))
    assert record.outcome is Outcome.CANNOT_START, record.reason
    assert "kill: Operation not permitted" in record.reason
    assert record.injected_at is None


def test_a_shell_that_goes_with_its_container_has_sent_the_signal(world: World) -> None:
    furnish(world, "direct-gone-too")
    made = World(cast("Cluster", Kills(world.cluster, ExecResult("", "", 137), works=True)), world.clock)
    record = made.run(trial("direct-gone-too", "container-kill"))
    assert record.outcome is Outcome.PASSED, record.reason


def test_the_time_of_a_fault_begins_when_all_of_it_is_done(world: World) -> None:
    furnish(world, "direct-slow")
    slow = World(cast("Cluster", IsSlow(world.cluster, world.clock)), world.clock)
    record = slow.run(trial("direct-slow", "scale-down", duration="1s", parameters={"replicas": 1}))
    assert record.outcome is Outcome.PASSED, record.reason


def test_a_workload_that_keeps_no_old_replica_set_has_no_way_back(lab: World) -> None:
    ref = ObjectRef(kube.DEPLOYMENT, "direct-lab", "web")
    lab.cluster.patch(ref, {"spec": {"revisionHistoryLimit": 0}})
    try:
        record = lab.run(trial("direct-lab", "config-mutation", **FAULTS["config-mutation"]))
    finally:
        lab.cluster.patch(ref, {"spec": {"revisionHistoryLimit": 10}})
    assert record.outcome is Outcome.CANNOT_START
    assert "revisionHistoryLimit" in record.reason
