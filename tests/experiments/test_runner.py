"""A run against a scripted cluster, with a clock turned by hand: every second of it is known."""

from __future__ import annotations

import html
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.experiments import made

from chaoskit import clusters, kube
from chaoskit.acts import halt
from chaoskit.acts.accounts import accounts
from chaoskit.clock import ManualClock, Stop
from chaoskit.errors import ALARM, Forbidden, Problem, Unavailable
from chaoskit.events import Event, Step, Warned
from chaoskit.experiments import Plan, Trial, plan, run
from chaoskit.experiments.spec import Experiment
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Access, Change, Identity, Kind, Object, ObjectRef, Permission
from chaoskit.ports.http import Response
from chaoskit.records import RunRecord
from chaoskit.reports.conditions import seconds_to_recover
from chaoskit.reports.formats import render
from chaoskit.reports.reading import Reported
from chaoskit.steadystate.conditions import Condition


class Scripted(FakeCluster):
    """Says on its watches what the script says, so many seconds after the engine was made."""

    def __init__(self, clock: ManualClock, *script: tuple[float, Callable[[], Object]]) -> None:
        super().__init__(*STANDING)
        self.clock = clock
        self.script = script
        self.queues: dict[Kind, queue.SimpleQueue[Object]] = {
            kind: queue.SimpleQueue() for kind in (kube.CHAOS_ENGINE, kube.CHAOS_RESULT, kube.EVENT, kube.POD)
        }

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        body = {**body, "metadata": {**body["metadata"]}}
        if body["kind"] == "ChaosEngine":
            body["metadata"]["uid"] = made.UID
            for seconds, change in self.script:
                self.clock.call_at(seconds, lambda change=change: self.tell(change()))  # type: ignore[misc]
        return super().create(body)

    def tell(self, body: Object) -> None:
        kind = kube.KINDS[body["kind"]]
        if kind == kube.CHAOS_ENGINE:
            self.store("patch", ObjectRef(kind, "lab", "web-chaos"), body)
        self.queues[kind].put(body)

    def watch(self, kind: Kind, *_: Any, stop: threading.Event, **__: Any) -> Iterator[Change]:
        while not stop.is_set():
            try:
                yield Change("MODIFIED", self.queues[kind].get(timeout=0.001))
            except queue.Empty:
                continue


def crd(name: str) -> Object:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}.litmuschaos.io"},
    }


STANDING: tuple[Object, ...] = (
    *(crd(name) for name in ("chaosengines", "chaosexperiments", "chaosresults")),
    {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosExperiment",
        "metadata": {"name": "pod-delete", "namespace": "lab"},
        "spec": {"definition": {"env": [], "image": "litmuschaos/go-runner:3.20.0"}},
    },
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa", "namespace": "lab"}},
    {"apiVersion": "apps/v1", **made.deployment()},
    {"apiVersion": "apps/v1", "kind": "ReplicaSet", **made.replica_set()},
    made.pod("web-1-a"),
    made.pod("web-1-b"),
)


def engine(status: str, state: str = "active") -> Callable[[], Object]:
    body = made.engine(status, state)
    body["metadata"]["labels"] = {}
    return lambda: {"apiVersion": "litmuschaos.io/v1alpha1", **body}


def result(verdict: str) -> Callable[[], Object]:
    body = {"apiVersion": "litmuschaos.io/v1alpha1", "kind": "ChaosResult", **made.result(verdict)}
    return lambda: body


def injected() -> Object:
    return {"apiVersion": "v1", "kind": "Event", **made.event("ChaosInject", "Injecting")}


def trial() -> Trial:
    spec = {
        "engineState": "active",
        "appinfo": {"appns": "lab", "applabel": "app=web", "appkind": "deployment"},
        "chaosServiceAccount": "sa",
        "experiments": [{"name": "pod-delete"}],
    }
    meta = {"name": "web-chaos", "namespace": "lab"}
    return Trial("t.yaml", engine={"kind": "ChaosEngine", "metadata": meta, "spec": spec})


def ran(
    *script: tuple[float, Callable[[], Object]], **options: Any
) -> tuple[RunRecord, Scripted, list[Event]]:
    clock = ManualClock()
    cluster = Scripted(clock, *script)
    heard: list[Event] = []
    listen = options.pop("listen", heard.append)
    record = run(
        trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock), listen=listen, **options
    )
    return record, cluster, heard


class Site:
    """A web site that fails between two moments of the clock."""

    def __init__(self, clock: ManualClock, broken: float, mended: float) -> None:
        self.clock, self.broken, self.mended = clock, broken, mended

    def get(self, url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> Response:
        fails = self.broken <= self.clock.monotonic() < self.mended
        return Response(500 if fails else 200, "", 0.01)


class Steady(Trial):
    """The same engine with a steady state beside it."""

    __slots__ = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        asked = {"http": {"url": "http://web"}, "interval": "2s", "recoversWithin": "100s"}
        return (Condition.model_validate(asked),)


def steady(
    broken: float,
    mended: float,
    *later: tuple[float, Callable[[Scripted], object]],
    script: tuple[tuple[float, Callable[[], Object]], ...] | None = None,
    **options: Any,
) -> tuple[RunRecord, Scripted]:
    """A run whose site fails between two moments; what happens `later` happens so late after its begin."""
    clock = ManualClock()
    cluster = Scripted(clock, *(script or COURSE))
    for seconds, act in later:
        clock.call_at(seconds, lambda act=act: act(cluster))  # type: ignore[misc]
    plain, site = trial(), Site(clock, broken, mended)
    record = run(
        Steady(plain.path, engine=plain.engine),
        cluster=cluster,
        clock=clock,
        governor=Governor(cluster, clock),
        http=site,
        **options,
    )
    return record, cluster


COURSE = (
    (1.0, engine("initialized")),
    (10.0, injected),
    (30.0, result("Pass")),
    (40.0, engine("completed", "stop")),
)


def test_the_verdict_is_told_when_the_result_settles_and_the_run_ends_with_the_engine() -> None:
    record, cluster, heard = ran(*COURSE)
    assert record.outcome is Outcome.PASSED
    assert clusters.of(record.document()) == cluster.identity()
    told = next(each for each in heard if isinstance(each, Step) and each.name == "litmus")
    assert 30 <= (told.at - record.at).total_seconds() < 36
    assert 40 <= (record.ended_at - record.at).total_seconds() < 50
    assert accounts(cluster) == ()


def test_an_injection_whose_event_the_watch_is_late_with_is_asked_for() -> None:
    clock = ManualClock()
    cluster = Scripted(
        clock, (1, engine("initialized")), (20, result("Pass")), (30, engine("completed", "stop"))
    )
    event = injected()
    cluster.create(event | {"metadata": event["metadata"] | {"namespace": "lab"}})
    record = run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock))
    assert record.outcome is Outcome.PASSED, record.reason
    assert record.injected_at is not None


def test_the_step_of_litmus_says_nothing_of_the_steady_state_that_it_did_not_look_at() -> None:
    heard: list[Event] = []
    record, _ = steady(12, 29, listen=heard.append)
    assert record.outcome is Outcome.WEAKNESS_FOUND
    (told,) = (each.detail for each in heard if isinstance(each, Step) and each.name == "litmus")
    assert told == "passed: pod-delete was injected; Litmus looked at no probe"
    assert not any("held" in each.detail for each in heard if isinstance(each, Step))


def checked() -> Object:
    return {"apiVersion": "v1", "kind": "Event", **made.event("PostChaosCheck")}


def test_the_time_to_recover_counts_from_the_end_of_the_fault_not_from_its_verdict() -> None:
    record, _ = steady(12, 29, script=(*COURSE, (24.0, checked)))
    assert record.injected_until is not None
    assert 24 <= (record.injected_until - ManualClock().now()).total_seconds() < 26
    assert 2 <= (seconds_to_recover(record.document()) or 0.0) < 7


class Aborting(Steady):
    """The same, and the run ends as soon as it is broken."""

    __slots__ = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(each.model_copy(update={"abort": True}) for each in super().conditions)


def of_hog(make: Callable[[], Object]) -> Callable[[], Object]:
    return lambda: json.loads(json.dumps(make()).replace("pod-delete", "pod-cpu-hog"))


def marked(word: str) -> Callable[[], Object]:
    body = of_hog(result("Awaited"))()
    body["metadata"]["annotations"] = {"pod/web-1-a": word}
    return lambda: body


def experiment_pod(**meta: str) -> Callable[[], Object]:
    body = made.pod("pod-cpu-hog-x", owner="", chaosUID=made.UID)
    body["metadata"].update(meta)
    return lambda: body


STOPPED_HOG = (
    (1.0, engine("initialized")),
    (1.0, experiment_pod()),
    (10.0, marked("injected")),
    (10.0, of_hog(injected)),
    (14.0, experiment_pod(deletionTimestamp="2026-01-01T00:00:00Z")),
    (17.0, marked("reverted")),
    (18.0, of_hog(result("Stopped"))),
    (30.0, engine("stopped", "stop")),
)


@pytest.mark.parametrize(
    ("without", "least", "most"),
    [((), 17, 19), ((17.0, 18.0), 30, 40), ((14.0, 17.0, 18.0), 30, 40)],
    ids=["reverted", "never-told", "operator-busy"],
)
def test_a_fault_that_is_aborted_is_over_when_litmus_took_it_back_or_else_with_the_undo(
    without: tuple[float, ...], least: float, most: float
) -> None:
    clock = ManualClock()
    begin = clock.now()
    cluster = Scripted(clock, *(each for each in STOPPED_HOG if each[0] not in without))
    spec = {**(trial().engine or {})["spec"], "experiments": [{"name": "pod-cpu-hog"}]}
    own = Aborting("t.yaml", engine={**(trial().engine or {}), "spec": spec})
    site = Site(clock, 12, 21)
    record = run(
        own, cluster=cluster, clock=clock, governor=Governor(cluster, clock), http=site, preflight=False
    )
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    assert record.injected_until is not None
    assert least <= (record.injected_until - begin).total_seconds() <= most
    assert ((seconds_to_recover(record.document()) or 0.0) > 2) is (most < 20)


def test_the_ledger_is_written_before_the_engine() -> None:
    _, cluster, _ = ran(*COURSE)
    wrote = [each for each in cluster.wrote if "lease" in each or "create" in each]
    assert wrote[0].startswith("create lease/")
    made = wrote.index("create chaosengine.litmuschaos.io/web-chaos")
    assert made >= 3
    assert all(each.startswith("patch lease/") for each in wrote[1:made])  # the fault, the engine to undo


def test_the_lease_has_the_document_while_the_run_is_under_way() -> None:
    had: list[str] = []
    steady(90, 90, (20.0, lambda cluster: had.extend(each.evidence for each in accounts(cluster))))
    (evidence,) = had
    assert json.loads(evidence)["experiment"] == trial().document


def test_the_lease_is_renewed_all_the_while() -> None:
    _, cluster, _ = ran(*COURSE)
    renewals = [each for each in cluster.wrote if each.startswith("patch lease/")]
    assert len(renewals) >= 5


def test_steps_are_told_in_order() -> None:
    record, _, _ = ran(*COURSE)
    names = [moment.name for moment in record.timeline if moment.mark != "note"]
    assert names == [
        "undo written",
        "pod-delete",
        "injected",
        "pod-delete",
        "litmus",
        "undo",
        "undo",
        "verdict",
    ]


def test_a_stop_before_the_engine_makes_none() -> None:
    stop = Stop()
    stop.set()
    record, cluster, _ = ran(*COURSE, stop=stop)
    assert record.outcome is Outcome.INTERRUPTED
    assert not any("chaosengine" in each for each in cluster.wrote)


def test_a_halt_while_an_ended_engine_makes_room_is_heeded_before_the_next_one_is_made() -> None:
    clock = ManualClock()
    cluster = Scripted(clock, *COURSE)
    old = engine("completed", "stop")()
    cluster.store("create", ObjectRef(kube.CHAOS_ENGINE, "lab", "web-chaos"), old)
    cluster.wrote.clear()

    def put(ref: ObjectRef, _: Mapping[str, Any]) -> None:
        if ref.kind == kube.CHAOS_ENGINE:
            halt.halt(cluster, clock, ["chaos"], "incident")

    cluster.before_delete = put
    record = run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock))
    assert record.outcome is Outcome.REFUSED, record.reason
    assert "incident" in record.reason
    assert "create chaosengine.litmuschaos.io/web-chaos" not in cluster.wrote


def test_a_stop_while_recovery_is_awaited_goes_straight_to_the_undo() -> None:
    stop = Stop()
    record, cluster = steady(20, 900, (35, lambda _: stop.set()), stop=stop)
    assert record.outcome is Outcome.INTERRUPTED
    assert record.undo.state == "confirmed"
    assert (record.ended_at - record.at).total_seconds() < 60
    assert accounts(cluster) == ()


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(2, Outcome.INTERRUPTED), (15, Outcome.TERMINATED), (ALARM, Outcome.TIMED_OUT)],
)
def test_a_stop_after_the_verdict_is_a_judgement(number: int, outcome: Outcome) -> None:
    stop = Stop()
    stop.signal = number
    record, cluster = steady(900, 901, (35, lambda _: stop.set()), stop=stop)
    assert record.outcome is outcome
    assert record.undo.state == "confirmed"
    assert accounts(cluster) == ()


def test_a_stop_in_the_undo_is_a_judgement() -> None:
    stop = Stop()

    def heard(event: Event) -> None:
        if isinstance(event, Step) and event.name == "undo":
            stop.set()

    record, _, _ = ran(*COURSE, stop=stop, listen=heard)
    assert record.outcome is Outcome.INTERRUPTED
    assert "steady after undo" not in [each.name for each in record.timeline]


def test_a_stop_when_every_look_was_had_changes_nothing() -> None:
    stop = Stop()

    def heard(event: Event) -> None:
        if isinstance(event, Step) and event.name == "verdict":
            stop.set()

    record, _, _ = ran(*COURSE, stop=stop, listen=heard)
    assert record.outcome is Outcome.PASSED


def test_a_weakness_that_was_found_before_a_stop_is_in_the_reason() -> None:
    stop = Stop()
    record, _ = steady(20, 900, (36, lambda _: stop.set()), stop=stop)
    assert record.outcome is Outcome.INTERRUPTED
    assert "weakness found" in record.reason


def test_a_condition_lost_for_good_is_waited_for_once_and_not_again_after_the_undo() -> None:
    record, _ = steady(20, 900)
    assert record.outcome is Outcome.WEAKNESS_FOUND
    assert (record.ended_at - record.at).total_seconds() < 30 + 100 + 20


def test_a_halt_after_the_undo_loses_neither_the_verdict_nor_the_lease() -> None:
    def put(cluster: Scripted) -> None:
        halt.halt(cluster, cluster.clock, ["chaos"], "incident")

    record, cluster = steady(20, 900, (60, put), timeout=25)
    assert record.outcome is Outcome.WEAKNESS_FOUND
    assert (record.ended_at - record.at).total_seconds() > 100
    assert accounts(cluster) == ()


def test_a_lease_that_cannot_be_renewed_after_the_undo_is_a_warning() -> None:
    def lose(cluster: Scripted) -> None:
        def forbid(verb: str, ref: ObjectRef) -> None:
            if ref.kind == kube.LEASE and verb == "patch":
                raise Forbidden("you may not patch leases")

        cluster.before_write = forbid

    heard: list[Event] = []
    record, _ = steady(20, 900, (60, lose), timeout=25, listen=heard.append)
    assert record.outcome is Outcome.WEAKNESS_FOUND
    told = [each.message for each in heard if isinstance(each, Warned)]
    assert sum("lease not renewed" in each for each in told) == 1


def test_what_breaks_before_the_injection_is_no_baseline_though_litmus_injects_later() -> None:
    record, _ = steady(4, 8)
    assert record.outcome is Outcome.NO_BASELINE
    assert "injected the fault all the same" in record.reason


def test_what_breaks_after_the_injection_is_a_weakness() -> None:
    record, _ = steady(14, 18)
    assert record.outcome is Outcome.WEAKNESS_FOUND
    assert "under the fault" in record.reason


@pytest.mark.parametrize(("expected", "outcome"), [("a", Outcome.INVALID_INPUT), ("0" * 8, Outcome.REFUSED)])
def test_a_plan_is_named_by_eight_characters_of_its_hash_at_least(expected: str, outcome: Outcome) -> None:
    record, cluster, _ = ran(*COURSE, expected_hash=expected)
    assert record.outcome is outcome
    assert cluster.wrote == []


def test_the_first_eight_characters_of_a_plans_hash_are_enough() -> None:
    clock = ManualClock()
    made = plan(trial(), Scripted(clock))
    record, _, _ = ran(*COURSE, expected_hash=made.hash[:8])
    assert record.outcome is Outcome.PASSED


class Narrow(Scripted):
    """A cluster in which the caller may do only what is not forbidden by verb and resource."""

    forbidden: frozenset[str] = frozenset()

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        what = f"{access.verb} {access.resource}" + (f"/{access.subresource}" if access.subresource else "")
        return "denied" if not user and what in self.forbidden else "allowed"


def planned(*forbidden: str, made_by: Trial | None = None) -> Plan:
    cluster = Narrow(ManualClock())
    cluster.forbidden = frozenset(forbidden)
    return plan(made_by or trial(), cluster)


@pytest.mark.parametrize(
    ("forbidden", "lost"),
    [
        ("delete pods", "only Litmus' operator can undo"),
        ("delete jobs", "only Litmus' operator can undo"),
        ("get pods/log", "logs are not kept"),
    ],
)
def test_a_right_that_a_run_can_do_without_is_a_warning_that_says_what_is_lost(
    forbidden: str, lost: str
) -> None:
    made = planned(forbidden)
    assert made.outcome is None
    assert any(lost in check.words for check in made.checks if check.state == "warning")
    assert not any(lost in check.words for check in planned().checks)


def test_what_is_warned_of_is_in_the_record_and_in_every_report_of_it() -> None:
    plain = trial()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sa", "namespace": "lab"}}
    lint = Problem(path="t.yaml", line=1, column=1, field="spec", found="x", expected="y")
    clock = ManualClock()
    cluster = Scripted(clock, *COURSE)
    heard: list[Event] = []
    record = run(
        replace(plain, beside=(account,), warnings=(lint,)),
        cluster=cluster,
        clock=clock,
        governor=Governor(cluster, clock),
        listen=heard.append,
    )
    told = [each.detail for each in record.timeline if (each.name, each.mark) == ("warning", "note")]
    assert told == [each.message for each in heard if isinstance(each, Warned)]
    assert str(lint) in told
    there = next(each for each in told if "serviceaccount/sa exists already" in each)
    reported = Reported((record.document(),))
    for name in ("markdown", "html", "junit"):
        assert there in html.unescape(render(name, reported)), name


def test_who_may_not_make_what_stands_beside_the_engine_is_refused() -> None:
    plain = trial()
    meta = {"name": "r", "namespace": "lab"}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": []}
    beside = Trial(plain.path, engine=plain.engine, beside=(role,))
    assert planned("create roles").outcome is None
    assert planned("create roles", made_by=beside).outcome is Outcome.REFUSED


def test_a_hash_changes_with_the_account_and_with_what_the_definition_runs() -> None:
    first = planned().hash
    assert planned().hash == first
    cluster = Narrow(ManualClock())
    ref = ObjectRef(kube.CHAOS_EXPERIMENT, "lab", "pod-delete")
    cluster.patch(ref, {"spec": {"definition": {"env": [], "image": "other/go-runner:1"}}})
    assert plan(trial(), cluster).hash != first
    plain = trial()
    assert plain.engine is not None
    spec = {**plain.engine["spec"], "chaosServiceAccount": "other"}
    other = Trial(plain.path, engine={**plain.engine, "spec": spec})
    assert planned(made_by=other).hash != first


def test_the_native_account_is_part_of_the_hash() -> None:
    def native(*more: Object) -> str:
        cluster = Scripted(ManualClock())
        for body in more:
            cluster.create(body)
        spec = {"fault": {"kind": "pod-delete"}, "targets": {"workloads": ["web"]}}
        meta = {"name": "web", "namespace": "lab"}
        made = Experiment.model_validate({"metadata": meta, "spec": spec})
        return plan(Trial("t.yaml", experiment=made), cluster).hash

    meta = {"name": "litmus-admin", "namespace": "lab"}
    assert native() != native({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


def test_a_hash_is_of_one_cluster_by_its_uid_or_where_that_is_hidden_by_its_address() -> None:
    first, second = Narrow(ManualClock()), Narrow(ManualClock())
    second.uid = "another"
    assert plan(trial(), second).hash != plan(trial(), first).hash
    second.uid = ""
    hidden = plan(trial(), second)
    assert hidden.hash != plan(trial(), first).hash
    assert plan(trial(), second).hash == hidden.hash
    assert hidden.document()["cluster"] == {"name": "fake", "uid": "", "address": second.address}


def test_a_cluster_that_another_knew_otherwise_is_the_same_unless_it_is_certainly_not() -> None:
    cluster = Narrow(ManualClock())
    outside = Identity("prod", "", "https://prod.example.com")
    first = plan(trial(), cluster, known=outside)
    assert first.hash not in {plan(trial(), cluster).hash, "hash"}
    assert plan(trial(), cluster, known=outside).hash == first.hash
    other = replace(outside, uid="another")
    assert plan(trial(), cluster, known=other).hash == plan(trial(), cluster).hash


def test_a_plan_of_another_cluster_is_drift_that_names_this_one() -> None:
    elsewhere = Scripted(ManualClock())
    elsewhere.uid = "another"
    record, cluster, _ = ran(*COURSE, expected_hash=plan(trial(), elsewhere).hash)
    assert record.outcome is Outcome.REFUSED
    assert f"on {cluster.identity()}" in record.reason
    assert cluster.wrote == []


def test_results_of_an_unchanged_engine_stay() -> None:
    _, cluster, _ = ran(*COURSE)
    assert not any("delete chaosresult" in each for each in cluster.wrote)


def test_a_bug_is_raised_only_after_the_undo() -> None:
    class Bug(RuntimeError):
        pass

    def listen(event: Event) -> None:
        if isinstance(event, Step) and event.name == "pod-delete":
            raise Bug

    clock = ManualClock()
    cluster = Scripted(clock, *COURSE)
    try:
        run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock), listen=listen)
    except Bug:
        pass
    else:
        raise AssertionError("the bug was swallowed")
    assert accounts(cluster) == ()
    assert cluster.list(kube.CHAOS_ENGINE).items == ()


def test_a_cluster_that_goes_away_under_the_fault_leaves_the_undo_unconfirmed() -> None:
    clock = ManualClock()
    cluster = Scripted(clock, *COURSE)

    def lost(_verb: str, _ref: ObjectRef) -> None:
        if clock.monotonic() > 12:
            raise Unavailable("connection refused", service="Kubernetes")

    cluster.before_write = lost
    record = run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock), timeout=20)
    assert record.outcome is Outcome.UNDO_UNCONFIRMED
    assert accounts(cluster)[0].state == "active"


def test_without_permission_it_is_refused_before_anything_is_made() -> None:
    clock = ManualClock()
    cluster = Scripted(clock)
    cluster.denied = {"watch"}
    record = run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock))
    assert record.outcome is Outcome.REFUSED
    assert "you may not watch" in record.reason
    assert cluster.wrote == []


def chaos_pod(name: str) -> Callable[[], Object]:
    body = made.pod(name, owner="", chaosUID=made.UID)
    return lambda: {"kind": "Pod", **body}


def restarted() -> Object:
    body = made.pod("web-1-a")
    body["status"]["containerStatuses"] = [{"name": "web", "restartCount": 1, "state": {"running": {}}}]
    return body


def test_without_a_result_the_reason_ends_with_what_litmus_own_pods_said_last() -> None:
    clock = ManualClock()

    class Talking(Scripted):
        def logs(self, ref: ObjectRef, **_: Any) -> str:
            return {"web-chaos-runner": "first\nno such image\n"}.get(ref.name, "a target's last words")

        def tell(self, body: Object) -> None:
            if "chaosUID" in kube.labels_of(body):
                self.objects[kube.POD, "lab", body["metadata"]["name"]] = body
            super().tell(body)

    course = ((1, engine("initialized")), (4, restarted), (5, chaos_pod("web-chaos-runner")))
    cluster = Talking(clock, *course, (20, engine("completed", "stop")))
    record = run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock))
    assert record.reason.endswith("; web-chaos-runner/web says: no such image"), record.reason
    assert "a target's last words" in record.evidence["logs"].values()


def test_on_the_way_out_the_engine_is_stopped_before_any_log_is_read() -> None:
    clock, stop = ManualClock(), Stop()
    seen: list[str] = []

    class Slow(Scripted):
        def logs(self, ref: ObjectRef, **_: Any) -> str:
            state = self.get(ObjectRef(kube.CHAOS_ENGINE, "lab", "web-chaos"))["spec"]["engineState"]
            seen.append(state)
            return "a log"

    pods = tuple((5.0, chaos_pod(f"helper-{number}")) for number in range(5))
    cluster = Slow(clock, *COURSE[:2], *pods)
    clock.call_at(15, stop.set)
    record = run(trial(), cluster=cluster, clock=clock, governor=Governor(cluster, clock), stop=stop)
    assert record.outcome in {Outcome.INTERRUPTED, Outcome.UNDO_UNCONFIRMED}
    assert seen == ["stop"] * len(pods)


def test_a_guards_no_comes_before_what_is_missing() -> None:
    clock = ManualClock()
    cluster = Scripted(clock)
    cluster.delete(ObjectRef(kube.CHAOS_EXPERIMENT, "lab", "pod-delete"))
    limits = Limits(protected=("lab",))
    made_plan = plan(trial(), cluster, governor=Governor(cluster, clock, limits))
    assert made_plan.outcome is Outcome.REFUSED
    assert made_plan.problem is not None
    assert made_plan.problem.name == "protected namespace"


def test_no_run_begins_on_what_anothers_engine_works_on_and_the_plan_says_so() -> None:
    clock = ManualClock()
    cluster = Scripted(clock)
    theirs = {**trial().document, "metadata": {"name": "nightly", "namespace": "lab"}}
    cluster.store("create", ObjectRef(kube.CHAOS_ENGINE, "lab", "nightly"), theirs)
    governor = Governor(cluster, clock)
    assert plan(trial(), cluster, governor=governor).outcome is Outcome.REFUSED
    record = run(trial(), cluster=cluster, clock=clock, governor=governor)
    assert record.outcome is Outcome.REFUSED
    assert "chaos engine nightly works on deployment/web" in record.reason
    assert accounts(cluster) == ()


def test_that_a_namespace_is_protected_is_said_first_and_alone_whatever_is_missing_there() -> None:
    clock = ManualClock()
    cluster = FakeCluster()
    governor = Governor(cluster, clock)
    body = trial().document
    info = {"appns": "kube-system", "applabel": "k8s-app=dns", "appkind": "deployment"}
    there = Trial("t.yaml", engine={**body, "spec": {**body["spec"], "appinfo": info}})
    made_ = plan(there, cluster, governor=governor)
    assert [each.name for each in made_.checks] == ["protected namespace"]
    assert made_.outcome is Outcome.REFUSED
    record = run(there, cluster=cluster, clock=clock, governor=governor)
    assert record.outcome is Outcome.REFUSED
    assert "namespace kube-system is protected" in record.reason
    allowed = Governor(cluster, clock, Limits(protected=()))
    assert plan(there, cluster, governor=allowed).outcome is Outcome.CANNOT_START
