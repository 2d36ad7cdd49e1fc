"""Drills: scored honestly, gated, and gone without a trace; the matrix is every fault on every workload."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from tests.acts.fake import FakeCluster, deployment
from tests.experiments.directly import trial
from tests.flows.watched import Pager
from tests.recovery import made
from tests.servers import pace

import chaoskit
from chaoskit import kube
from chaoskit.acts import breaker, halt
from chaoskit.acts.abort import abort
from chaoskit.acts.accounts import accounts
from chaoskit.acts.changes import field
from chaoskit.acts.fields import REPLICAS
from chaoskit.acts.ledger import Ledger
from chaoskit.acts.rescue import rescue
from chaoskit.clock import ManualClock, Stop
from chaoskit.errors import (
    CannotStart,
    Forbidden,
    Interrupted,
    InvalidInput,
    Refused,
    Unavailable,
    UndoUnconfirmed,
    Unjudged,
)
from chaoskit.events import Event, Listener, Step, ignore
from chaoskit.experiments import neighbours
from chaoskit.flows.drills import matrix
from chaoskit.flows.drills.course import PATIENCE, drill, specs
from chaoskit.flows.drills.injections import (
    FAULTS,
    PLAYED,
    STORIES,
    Native,
    Nothing,
    Played,
    StillWanted,
    Truth,
)
from chaoskit.flows.drills.judging import Judge
from chaoskit.flows.drills.night import Night
from chaoskit.flows.drills.scoring import MATRIX_GATES, SINGLE_GATES, Drilled, Gates, Times, report
from chaoskit.flows.world import World
from chaoskit.governor import Governor, Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import told
from chaoskit.recovery.escalation import People
from chaoskit.recovery.told import Matter
from chaoskit.simulator.cluster import SimulatedCluster

CRASH = Drilled(
    "crash-loop", "deployment/cart", 1, "pod-crash", "pod-crash", pod_level=True, detected=5.0,
    decided=5.0, whole=13.0, recovery=8.0, recovered=True, actions=("roll-back",), helped="roll-back",
)  # fmt: skip
LEAK = replace(CRASH, fault="memory-leak", truth="memory-leak", found="memory-leak", pod_level=False)
STORM = Drilled("mass-failure", "deployment/cart", 1, "storm", "storm")
QUIET = Drilled("healthy", "", 1, "none")


# ---------------------------------------------------------------- the score


def test_a_series_about_no_pods_is_not_asked_how_fast_they_recovered() -> None:
    healed = replace(CRASH, recovery=None, outcome="healed")
    for drills in ([LEAK, STORM], [healed]):
        assert report(drills).misses(MATRIX_GATES) == ()


def test_a_perfect_series_reaches_every_gate() -> None:
    found = report([CRASH, LEAK, STORM, QUIET])
    assert (found.macro_f1, found.recovered, found.recoverable) == (1.0, 2, 2)
    assert found.pod_recovery == Times(1, 8.0, 8.0, 8.0)
    assert found.misses(MATRIX_GATES) == found.misses(SINGLE_GATES) == ()


def test_what_is_taken_for_another_class_costs_both() -> None:
    found = report([CRASH, CRASH, replace(LEAK, found="pod-crash")])
    assert found.confusion == {"pod-crash": {"pod-crash": 2}, "memory-leak": {"pod-crash": 1}}
    quality = {each.issue: (each.precision, each.recall, each.f1) for each in found.classes}
    assert quality == {"memory-leak": (0.0, 0.0, 0.0), "pod-crash": (0.6667, 1.0, 0.8)}
    assert found.macro_f1 == 0.4


def test_what_is_found_in_a_healthy_hour_is_a_class_of_its_own_that_is_wrong() -> None:
    alarmed = replace(QUIET, found="network", false_actions=("rolling-restart deployment/cart",))
    found = report([CRASH, alarmed])
    assert (found.macro_f1, found.false_actions) == (0.5, 1)


@pytest.mark.parametrize(
    ("drilled", "gates", "words"),
    [
        ([], Gates(), "there was no drill"),
        ([replace(CRASH, error="no answer")], Gates(), "crash-loop on deployment/cart: no answer"),
        ([replace(CRASH, found="network")], Gates(min_f1=0.9), "macro-F1 is 0.00, wanted at least 0.9"),
        (
            [replace(CRASH, false_actions=("x",))],
            Gates(max_false_actions=0),
            "1 false actions, wanted at most 0",
        ),
        (
            [replace(CRASH, recovery=31.0)],
            Gates(max_seconds=30),
            "crash-loop on deployment/cart took 31.0 s, wanted 30 s",
        ),
        (
            [replace(CRASH, recovered=False)],
            Gates(max_seconds=30),
            "crash-loop on deployment/cart took for ever, wanted 30 s",
        ),
        ([CRASH], Gates(max_median=7), "pods recovered in 8.0 s (median), wanted at most 7"),
        (
            [replace(CRASH, recovery=10.1)],
            MATRIX_GATES,
            "pods recovered in 10.1 s (median), wanted at most 10",
        ),
        (
            [replace(CRASH, recovered=False)],
            Gates(max_median=7),
            "no pods recovered, wanted a median of at most 7 s",
        ),
        (
            [replace(LEAK, recovered=False)],
            Gates(min_recovered=1),
            "0 of 1 recovered, wanted 100%",
        ),
    ],
)
def test_a_gate_that_is_missed_is_told(drilled: list[Drilled], gates: Gates, words: str) -> None:
    assert report(drilled).misses(gates) == (words,)


def test_the_right_target_may_be_every_object_of_a_kind() -> None:
    truth = Truth("node", frozenset({"node/", "deployment/cart"}))
    assert truth.concerns("node/node-3")
    assert truth.concerns("deployment/cart")
    assert not truth.concerns("deployment/cart-2")


def _record(target: str = "deployment/cart", namespace: str = "shop") -> RecoveryRecord:
    at = made.NOW
    return RecoveryRecord(
        id="r1", at=at, trace_id="t", issue="pod-crash", target=target, namespace=namespace, cluster="x",
        outcome=Outcome.RECOVERED, reason="", ended_at=at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "issue", "blamed", "false"),
    [
        ("roll-back", "pod-crash", "cart-bad", False),
        ("roll-back", "pod-crash", "cart-good", True),
        ("restart-pod", "pod-crash", "", False),
        ("roll-back", "memory-leak", "cart-bad", True),
        ("scale", "memory-leak", "", True),
        ("raise-memory-limit", "memory-leak", "", False),
        ("restart-pod", "", "", True),
    ],
)
def test_a_remedy_for_something_else_is_a_false_action(
    action: str, issue: str, blamed: str, *, false: bool
) -> None:
    judge = Judge(Truth(issue, frozenset({"deployment/cart"})), "shop", frozenset({"cart-good"}))
    step = {"action": action, "targets": ["deployment/cart"], "expects": {"from": blamed}}
    assert judge.is_false(_record(), step) is false


def test_what_is_done_elsewhere_or_to_something_else_is_a_false_action() -> None:
    judge = Judge(Truth("pod-crash", frozenset({"deployment/cart"})), "shop")
    step = {"action": "restart-pod", "targets": ["deployment/orders"], "expects": {}}
    assert judge.is_false(_record("deployment/orders"), step)
    assert judge.is_false(_record(namespace="other"), step)
    assert not judge.is_false(_record(), step)


# ---------------------------------------------------------------- the matrix


def test_the_matrix_is_every_fault_on_each_of_its_workloads_for_every_seed() -> None:
    every = matrix.cells((), (), (1, 2))
    assert len(every) == 2 * sum(len(story.workloads) for story in PLAYED.values())
    some = matrix.cells(("killed", "database-down"), ("cart", "db"), (7,), healthy=2)
    assert [(each.name, each.app, each.seed) for each in some] == [
        ("killed", "cart", 7),
        ("database-down", "db", 7),
        ("healthy", "", 7000),
        ("healthy", "", 7001),
    ]


@pytest.mark.parametrize(("faults", "apps"), [(("frob",), ()), (("database-down",), ("cart",))])
def test_a_matrix_of_nothing_is_refused(faults: tuple[str, ...], apps: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        matrix.cells(faults, apps, (1,))


THREE = matrix.cells(("killed",), (), (1,))


def _played(cell: matrix.Cell) -> Drilled:
    return replace(CRASH, fault=cell.name, workload=f"deployment/{cell.app}")


def test_a_series_that_is_cut_short_has_what_ended_and_says_what_cut_it_short() -> None:
    told: list[str] = []

    def play(cell: matrix.Cell) -> Drilled:
        if cell.app == "orders":
            raise Interrupted(signal=15)
        return _played(cell)

    ran = matrix.series(THREE, play, 2, lambda each: told.append(each.workload))
    assert [each.workload for each in ran.drills] == ["deployment/cart", "deployment/search"]
    assert sorted(told) == ["deployment/cart", "deployment/search"]
    assert ran.wanted == 3
    assert ran.stopped is not None
    assert ran.stopped.signal == 15


def test_a_whole_series_was_cut_short_by_nothing_and_a_bug_is_raised() -> None:
    ran = matrix.series(THREE, _played)
    assert (len(ran.drills), ran.stopped) == (3, None)
    with pytest.raises(ZeroDivisionError):
        matrix.series(THREE, lambda _cell: Drilled("x", "", 1 // 0, ""))


def test_a_stop_that_came_before_begins_no_cluster() -> None:
    stop = Stop()
    stop.set()
    ran = matrix.run(THREE, connect=lambda *_: pytest.fail("connected"), stop=stop)
    assert (ran.drills, ran.stopped is not None) == ((), True)


def test_of_a_series_that_was_cut_short_only_what_nothing_to_come_could_mend_is_missed() -> None:
    late = report([replace(CRASH, found="network", recovery=31.0, false_actions=("x",))])
    assert late.misses(MATRIX_GATES.of_each) == (
        "1 false actions, wanted at most 0",
        "crash-loop on deployment/cart took 31.0 s, wanted 30 s",
    )


# ---------------------------------------------------------------- what could not be taken back


CART = deployment() | {"metadata": {"name": "cart", "namespace": "shop"}}


def _gone(cluster: FakeCluster, clock: ManualClock | None = None, limits: Limits | None = None) -> Native:
    clock = clock or ManualClock()
    governor = Governor(cluster, clock, limits)
    return Native(FAULTS["gone"], kube.ref_of(CART), cluster, clock, governor, "drill1")


def _deny(cluster: FakeCluster) -> None:
    def denied(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.DEPLOYMENT:
            raise Forbidden("a webhook denied the request")

    cluster.before_write = denied


def _lose(cluster: FakeCluster) -> None:
    Ledger.take_over(cluster, ManualClock(), accounts(cluster)[0])


@pytest.mark.parametrize(("hinder", "words"), [(_deny, "denied the request"), (_lose, "was taken over by")])
def test_a_fault_that_could_not_be_taken_back_is_told_and_stays_owed(
    hinder: Callable[[FakeCluster], None], words: str
) -> None:
    cluster = FakeCluster(CART)
    heard: list[Event] = []
    with pytest.raises(UndoUnconfirmed, match=words), _gone(cluster).injected(heard.append):
        hinder(cluster)
    (account,) = accounts(cluster)
    assert (account.state, len(account.entries)) == ("active", 1)
    assert account.outcome == ("undo-not-confirmed" if hinder is _deny else "")


def test_that_goes_before_what_cut_the_drill_short() -> None:
    cluster = FakeCluster(CART)

    def cut_short() -> None:
        _deny(cluster)
        raise Interrupted

    with pytest.raises(UndoUnconfirmed), _gone(cluster).injected():
        cut_short()


def test_what_others_did_alike_is_neither_a_drill_nor_taken_back() -> None:
    cluster = FakeCluster(CART)

    def switched_off(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.LEASE:
            cluster.before_write = lambda _verb, _ref: None
            cluster.patch(kube.ref_of(CART), {"spec": {"replicas": 0}})

    cluster.before_write = switched_off
    with pytest.raises(CannotStart, match="nothing was injected"), _gone(cluster).injected():
        pass
    assert (cluster.get(kube.ref_of(CART))["spec"]["replicas"], accounts(cluster)) == (0, ())


def test_a_fault_that_was_taken_back_is_told_step_by_step() -> None:
    cluster = FakeCluster(CART)
    heard: list[Event] = []
    with _gone(cluster).injected(heard.append):
        assert cluster.get(kube.ref_of(CART))["spec"]["replicas"] == 0
    assert cluster.get(kube.ref_of(CART))["spec"]["replicas"] == 3
    assert [(each.name, each.mark) for each in heard if isinstance(each, Step)] == [("undo", "done")]


# ---------------------------------------------------------------- beside others, and cut short


def _replicas(cluster: FakeCluster) -> int:
    return int(cluster.get(kube.ref_of(CART))["spec"]["replicas"])


def _cut_short(cluster: FakeCluster, by: Callable[[ManualClock], object]) -> None:
    """A drill that is under way when `by` cuts it short, which it is asked a second later."""
    clock = ManualClock()
    with _gone(cluster, clock).injected() as still_wanted:
        still_wanted()
        by(clock)
        assert _replicas(cluster) == 0
        clock.turn(1)
        still_wanted()
        pytest.fail("went on")


def test_a_halt_cuts_a_drill_short_and_it_is_undone() -> None:
    cluster = FakeCluster(CART)
    with pytest.raises(Unjudged, match="incident 42"):
        _cut_short(cluster, lambda clock: halt.halt(cluster, clock, ("chaos",), "incident 42"))
    assert (_replicas(cluster), accounts(cluster)) == (3, ())


def test_an_abort_cuts_a_drill_short_and_it_is_undone() -> None:
    cluster, left = FakeCluster(CART), Stop()
    left.set()  # who asks for the end does not wait for it
    with pytest.raises(Interrupted, match="aborted: enough"):
        _cut_short(cluster, lambda clock: abort(cluster, clock, accounts(cluster), "enough", stop=left))
    assert (_replicas(cluster), accounts(cluster)) == (3, ())


def test_a_halt_that_comes_with_the_ledger_lets_nothing_be_injected() -> None:
    cluster = FakeCluster(CART)

    def halted(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.LEASE:
            cluster.before_write = lambda _verb, _ref: None
            halt.halt(cluster, ManualClock(), ("chaos",), "incident 42")

    cluster.before_write = halted
    with pytest.raises(Refused, match="incident 42"), _gone(cluster).injected():
        pytest.fail("injected in a halt")
    assert not [each for each in cluster.wrote if "deployment" in each]
    assert accounts(cluster) == ()


GUARDED = Limits(chaos_cooldown=3600, chaos_budget=1)


def test_a_workload_rests_after_a_drill_and_the_drill_counts_for_the_budget() -> None:
    cluster, clock = FakeCluster(CART), ManualClock()
    with _gone(cluster, clock, GUARDED).injected():
        pass
    (account,) = accounts(cluster)
    assert (account.state, account.actions) == ("done", ("gone",))
    for limits, guard in ((GUARDED, "cool-down"), (Limits(chaos_budget=1), "budget")):
        with pytest.raises(Refused) as refused, _gone(cluster, clock, limits).injected():
            pytest.fail("injected")
        assert refused.value.guard == guard


def test_a_drill_that_was_killed_counts_as_well_once_it_is_rescued() -> None:
    cluster, clock = FakeCluster(CART), ManualClock()
    with pytest.raises(UndoUnconfirmed), _gone(cluster, clock, GUARDED).injected():
        _lose(cluster)  # as a rescue does, which is then killed as well
    (rescued,) = rescue(cluster, clock)
    assert (rescued.undo.state, _replicas(cluster)) == ("confirmed", 3)
    with pytest.raises(Refused, match="rests after chaos"), _gone(cluster, clock, GUARDED).injected():
        pytest.fail("injected")


def test_a_drill_that_injected_nothing_counts_for_no_guard() -> None:
    cluster = FakeCluster({**CART, "spec": {**CART["spec"], "replicas": 0}})
    with pytest.raises(CannotStart), _gone(cluster, limits=GUARDED).injected():
        pytest.fail("injected")
    assert accounts(cluster) == ()


def _act(cluster: FakeCluster, act: Literal["chaos", "recovery"]) -> Ledger:
    return Ledger.open(
        cluster, ManualClock(), id="other", act=act, namespace="shop", targets=(kube.ref_of(CART),),
        trace_id="t",
    )  # fmt: skip


@pytest.mark.parametrize(("act", "guard"), [("chaos", "busy"), ("recovery", "interlock")])
def test_of_two_acts_that_begin_at_once_the_drill_injects_nothing(
    act: Literal["chaos", "recovery"], guard: str
) -> None:
    cluster = FakeCluster(CART)

    def begun(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.LEASE:
            cluster.before_write = lambda _verb, _ref: None
            _act(cluster, act)

    cluster.before_write = begun
    with pytest.raises(Refused) as refused, _gone(cluster).injected():
        pytest.fail("injected beside another")
    assert refused.value.guard == guard
    assert not [each for each in cluster.wrote if "deployment" in each]
    assert [each.id for each in accounts(cluster)] == ["other"]


def _recover(cluster: FakeCluster) -> None:
    """A recovery scales it to 1, and dies."""
    ledger = _act(cluster, "recovery")
    ref = kube.ref_of(CART)
    change = field(cluster, ManualClock(), cluster.get(ref), ref, REPLICAS, 1)
    ledger.write(*change.entries, action="scale")
    ledger.carry_out(change)


def test_a_drill_stays_owed_until_the_recovery_that_changed_the_same_is_taken_back() -> None:
    cluster, clock = FakeCluster(CART), ManualClock()
    with pytest.raises(UndoUnconfirmed, match="other"), _gone(cluster, clock).injected():
        _recover(cluster)
    assert _replicas(cluster) == 1
    assert [each.undo.state for each in rescue(cluster, clock)] == ["confirmed", "confirmed"]
    assert (_replicas(cluster), accounts(cluster)) == (3, ())


# ---------------------------------------------------------------- on a cluster


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with (
        SimulatedCluster(seed=7, rate=pace(15), story="quiet", history=timedelta(minutes=2)) as simulated,
        chaoskit.connect(
            kubeconfig=str(simulated.kubeconfig(tmp_path / "kubeconfig")), home=tmp_path / "home"
        ) as connected,
    ):
        yield connected


def _native(world: World, fault: str, app: str) -> Native:
    ref = ObjectRef(kube.DEPLOYMENT, "shop", app)
    return Native(FAULTS[fault], ref, world.cluster, world.clock, world.governor)


def _left(world: World) -> list[str]:
    leases = world.cluster.list(kube.LEASE, "shop", labels="chaoskit.io/state=active").items
    return [each["metadata"]["name"] for each in leases]


def test_a_bad_release_is_injected_recovered_from_and_scored(world: World) -> None:
    before = specs(world.cluster, "shop")
    found = drill(world, _native(world, "bad-release", "cart"), namespace="shop")
    assert (found.truth, found.found, found.outcome) == ("pod-crash", "pod-crash", "recovered")
    assert (found.recovered, found.helped, found.false_actions) == (True, "roll-back", ())
    assert found.side_effects == ()
    assert found.detected is not None
    assert found.recovery is not None
    assert report([found]).misses(SINGLE_GATES) == ()
    assert specs(world.cluster, "shop") == before
    assert _left(world) == []


def test_what_was_recovered_just_now_is_not_drilled(world: World) -> None:
    drill(world, _native(world, "bad-release", "cart"), namespace="shop")
    before = specs(world.cluster, "shop")
    with pytest.raises(CannotStart, match="nothing would be done about deployment/cart: cool-down until"):
        drill(world, _native(world, "bad-release", "cart"), namespace="shop")
    assert specs(world.cluster, "shop") == before


def test_what_a_person_must_mend_is_told_and_taken_back(world: World) -> None:
    before = specs(world.cluster, "shop")
    found = drill(world, _native(world, "no-node", "orders"), namespace="shop")
    assert (found.found, found.right, found.recovered, found.actions) == ("unschedulable", True, False, ())
    assert found.false_actions == ()
    assert list(told.known(world.cluster, ["shop"])) == []
    assert specs(world.cluster, "shop") == before
    assert _left(world) == []


@pytest.mark.parametrize("ends", ["halt", "abort"])
def test_who_watches_a_drill_hears_at_once_that_it_is_unwanted(world: World, ends: str) -> None:
    before, told_at, left = specs(world.cluster, "shop"), list[float](), Stop()
    left.set()

    def listen(event: Event) -> None:
        if isinstance(event, Step) and event.name == "injected":
            told_at.append(world.clock.monotonic())
            if ends == "halt":
                halt.halt(world.cluster, world.clock, ("chaos",), "incident 42")
            else:
                abort(world.cluster, world.clock, accounts(world.cluster, "shop"), "enough", stop=left)

    try:
        with pytest.raises((Unjudged, Interrupted), match=r"incident 42|enough"):
            drill(world, _native(world, "no-node", "orders"), namespace="shop", listen=listen)
    finally:
        halt.resume(world.cluster, ("chaos",))
    assert world.clock.monotonic() - told_at[0] < PATIENCE / 4
    assert specs(world.cluster, "shop") == before
    assert _left(world) == []


class Late:
    """The cluster, but its answer to the first change of a deployment is a failure, and it is done later."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.doing = threading.Thread()

    def patch(self, ref: ObjectRef, patch: Any, *, dry_run: bool = False, **more: Any) -> Object:
        if ref.kind != kube.DEPLOYMENT or dry_run or self.doing.ident is not None:
            return self._world.cluster.patch(ref, patch, dry_run=dry_run, **more)

        def late() -> None:
            self._world.clock.sleep(3.0)
            self._world.cluster.patch(ref, patch, **more)

        self.doing = threading.Thread(target=late)
        self.doing.start()
        raise Unavailable("etcdserver: request timed out", service="Kubernetes")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.cluster, name)


def test_what_a_drill_had_no_answer_to_is_taken_back_when_it_comes(world: World) -> None:
    before, late = specs(world.cluster, "shop"), Late(world)
    native = replace(_native(world, "gone", "orders"), cluster=cast("Cluster", late))
    with pytest.raises(Unavailable), native.injected():
        pass
    late.doing.join()
    assert specs(world.cluster, "shop") == before
    assert _left(world) == []


def test_what_people_would_be_told_again_and_again_is_wrong(world: World) -> None:
    night = Night(world, "shop", ignore)
    lost, other = (Notice(title, "", key=title) for title in ("node lost", "disk full"))
    for each in (lost, other, replace(lost, resolved=True), lost, Notice("approval wanted", "")):
        night.send(each)
    assert list(night.repeated) == ["told 2 times: node lost"]


def test_in_a_mass_failure_the_controller_itself_rests(tmp_path: Path) -> None:
    with (
        SimulatedCluster(seed=7, rate=pace(5), story="quiet", history=timedelta(minutes=2)) as simulated,
        chaoskit.connect(
            kubeconfig=str(simulated.kubeconfig(tmp_path / "kubeconfig")), home=tmp_path / "home"
        ) as world,
    ):
        found = drill(world, Played(PLAYED["mass-failure"], "cart", world.cluster), namespace="shop")
        assert (found.found, found.actions, found.false_actions) == ("storm", (), ())
        assert breaker.opened(world.cluster, world.clock.now(), "shop") is None


class _Stuck(Nothing):
    """What cannot be taken back."""

    @contextmanager
    def injected(self, listen: Listener = ignore) -> Iterator[StillWanted]:
        try:
            yield lambda: None
        finally:
            raise UndoUnconfirmed("it stands", targets=(self.workload,))


def test_a_drill_that_could_not_be_taken_back_keeps_its_score(world: World) -> None:
    found = drill(world, _Stuck(), namespace="shop", patience=0)
    assert (found.left, found.error, found.found) == ("it stands", "", "none")
    assert report([found]).misses(Gates()) == ("healthy on : it stands",)
    stop = Stop()
    stop.set()
    with pytest.raises(UndoUnconfirmed):
        drill(world, _Stuck(), namespace="shop", patience=0, stop=stop)


def test_who_watches_in_a_drill_leaves_nothing_even_where_it_is_killed(world: World) -> None:
    def leases() -> set[str]:
        return {each["metadata"]["name"] for each in world.cluster.list(kube.LEASE, "shop").items}

    before = leases()
    leads = threading.Event()
    with Night(world, "shop", lambda event: leads.set() if getattr(event, "name", "") == "leader" else None):
        assert leads.wait(30)
        assert leases() == before


def test_what_a_killed_drill_noted_keeps_nobody_from_being_told(world: World) -> None:
    matter = Matter.of_storm("shop", world.cluster.identity())
    night, pager = Night(world, "shop", ignore), Pager()
    for notifier in (night, night, pager, pager):
        People(world.cluster, world.clock, notifier).tell(matter, "", "critical", "r1", again=4 * 3600.0)
    assert (len(night.notices), len(pager.notices)) == (1, 1)


def test_where_something_is_wrong_already_no_drill_begins(world: World) -> None:
    story = PLAYED["killed"]
    with Played(story, "search", world.cluster).injected():
        watched = chaoskit.AutoRecovery(world)
        while not watched.detect("shop"):
            world.clock.sleep(2)
        with pytest.raises(CannotStart, match="wrong already"):
            drill(world, _native(world, "bad-release", "cart"), namespace="shop")
    assert _left(world) == []


def test_a_story_needs_a_simulated_cluster(world: World) -> None:
    class _Real:
        def patch(self, ref: ObjectRef, *_: object) -> None:
            assert ref == STORIES
            raise chaoskit.errors.NotFound("configmap/simulator-stories not found")

    with (
        pytest.raises(CannotStart, match="simulated cluster only"),
        Played(PLAYED["killed"], "cart", _Real()).injected(),  # type: ignore[arg-type]
    ):
        pass


def test_who_finds_a_weakness_where_a_drill_broke_something_is_told_of_the_drill(world: World) -> None:
    began = world.clock.now()
    with _native(world, "no-node", "orders").injected():
        known = accounts(world.cluster, "shop")
    looks = trial("shop", "pod-delete", steadyState=[{"kubernetes": {"workload": "orders"}}])
    (words,) = neighbours.at_work(looks, known, began, world.clock.now())
    assert words.endswith("(no-node) worked on deployment/orders in shop")
