"""A rescue adds to the history how a run ended, and takes nothing from it that was there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.acts.fake import CART, FakeCluster, deployment
from tests.cli.made import experiment
from tests.experiments import made

from chaoskit import clusters, kube
from chaoskit.acts.accounts import AIMED, LEDGER, TOLD, accounts
from chaoskit.acts.entries import Entry, plain_entry
from chaoskit.acts.halt import Act
from chaoskit.acts.ledger import Ledger
from chaoskit.adapters.spool import RETRY, SpoolingStore
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.amending import AMENDED, early
from chaoskit.clock import ManualClock
from chaoskit.errors import InvalidInput, Unavailable
from chaoskit.events import Event, Step, Warned
from chaoskit.experiments import trial_of
from chaoskit.experiments.generation.incidents import reproduce
from chaoskit.flows.rescuing import rescue
from chaoskit.flows.world import World
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef
from chaoskit.ports.store import Document
from chaoskit.prediction import from_runs
from chaoskit.records import Moment, RunRecord, Undo
from chaoskit.reports.explaining import explain
from chaoskit.reports.weaknesses import open_weaknesses

AT = datetime(2026, 1, 1, tzinfo=UTC)
LEFT = Undo("not confirmed", ("pod helper still runs",))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = SqliteStore(tmp_path / "store.db")
    nothing: Any = None
    yield World(FakeCluster(deployment(replicas=5)), None, store, nothing, ManualClock(), Limits(), tmp_path)
    store.close()


def ended(
    world: World,
    outcome: Outcome | None = None,
    reason: str = "",
    kind: str = "field",
    evidence: str = "",
    act: Act = "chaos",
) -> None:
    """The ledger of a run whose undo is still owed; without an outcome its process was killed."""
    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act=act, namespace="shop", targets=(CART,), trace_id="t",
        evidence=evidence,
    )  # fmt: skip
    ledger.write(Entry(kind, CART, ("spec", "replicas"), 3, 5))
    if outcome is not None:
        ledger.close(outcome, reason=reason)


class Killed(BaseException):
    """As good as a SIGKILL: nothing of ours runs after it."""


def kept(world: World, **more: Any) -> RunRecord:
    record = owned(**more)
    world.store.put(record.document())
    return record


def owned(**more: Any) -> RunRecord:
    """What the run's own process says of it."""
    return RunRecord(
        **{
            "id": "run1", "at": AT, "trace_id": "t", "name": "x", "namespace": "shop", "cluster": "fake",
            "fault": "scale-down", "outcome": Outcome.UNDO_UNCONFIRMED,
            "reason": "the undo is not confirmed: pod helper still runs", "ended_at": AT,
            "experiment": {"kind": "Experiment"}, "steady_state": ({"held": True},), "undo": LEFT,
            "timeline": (Moment(AT, "injected", "done"),),
            "evidence": {"hint": "chaoskit rescue", "signals": [1]}, "score": 50.0,
            **more,
        }
    )  # fmt: skip


def history(world: World) -> Document:
    (document,) = world.store.find("run")
    return document


def test_a_run_that_ended_with_its_undo_owed_keeps_its_record(world: World) -> None:
    before = kept(world).document()
    ended(world, Outcome.UNDO_UNCONFIRMED, before["reason"])
    rescue(world)
    after = history(world)
    changed = {"undo", "outcome", "reason", "timeline", "evidence", AMENDED}
    assert {key: after[key] for key in after.keys() - changed} == {
        key: before[key] for key in before.keys() - changed
    }
    assert (after["undo"]["state"], after["outcome"]) == ("confirmed", "errored")
    assert after["reason"] == f"{before['reason']}; a rescue undid it since"
    assert after["evidence"] == {"signals": [1]}
    assert [each["name"] for each in after["timeline"]] == ["injected", "rescue", "undo"]


def test_what_a_rescue_cannot_undo_either_is_said_in_the_record(world: World) -> None:
    before = kept(world).document()
    ended(world, Outcome.UNDO_UNCONFIRMED, before["reason"], kind="sorcery")
    rescue(world)
    after = history(world)
    assert after["undo"]["state"] == "not confirmed"
    assert "sorcery" in after["undo"]["left"][0]
    assert (after["outcome"], after["reason"]) == ("undo-not-confirmed", before["reason"])
    assert after["evidence"]["hint"] == "chaoskit rescue"


def test_a_weakness_that_was_found_is_one_after_the_rescue_though_the_first_rescue_failed(
    world: World,
) -> None:
    before = kept(world).document()
    ended(world, Outcome.WEAKNESS_FOUND, before["reason"], kind="sorcery")
    rescue(world)
    assert history(world)["outcome"] == "undo-not-confirmed"
    (account,) = accounts(world.cluster)
    assert account.outcome == "weakness-found"
    ref, field = account.ref, plain_entry(Entry("field", CART, ("spec", "replicas"), 3, 5))
    world.cluster.patch(ref, {"metadata": {"annotations": {LEDGER: json.dumps([field])}}})
    rescue(world)
    assert history(world)["outcome"] == "weakness-found"


def test_a_verdict_that_stood_before_the_rescue_stands_after_it(world: World) -> None:
    kept(world, outcome=Outcome.WEAKNESS_FOUND, reason="cart was gone")
    ended(world, Outcome.WEAKNESS_FOUND)
    rescue(world)
    assert (history(world)["outcome"], history(world)["undo"]["state"]) == ("weakness-found", "confirmed")


def test_without_a_record_the_lease_says_how_the_run_ended(world: World) -> None:
    ended(world, Outcome.BUG, "it fell over")
    rescue(world)
    after = history(world)
    assert (after["outcome"], after["reason"]) == ("bug", "it fell over; a rescue undid it since")


@pytest.mark.parametrize("handed_on", [True, False])
def test_a_run_that_died_as_it_handed_its_record_on_has_one_outcome_wherever_one_asks(
    world: World, *, handed_on: bool
) -> None:
    passed = owned(outcome=Outcome.PASSED, reason="it held", undo=Undo("confirmed"))

    def ending() -> None:
        if handed_on:
            world.store.put(early(passed.document()))
        raise Killed

    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    with pytest.raises(Killed):
        ledger.close(Outcome.PASSED, reason=passed.reason, ending=ending)
    (done,) = rescue(world)
    after = history(world)
    assert (after["outcome"], after["reason"]) == ("passed", "it held")
    assert done.outcome is Outcome.PASSED


def test_a_run_whose_lease_could_not_be_told_of_its_end_ended_as_the_history_says(world: World) -> None:
    passed = owned(outcome=Outcome.PASSED, reason="it held", undo=Undo("confirmed"))
    cluster = world.cluster
    assert isinstance(cluster, FakeCluster)

    def away(_verb: str, _ref: ObjectRef) -> None:
        raise Unavailable("no answer", service="kubernetes")

    ledger = Ledger.open(
        cluster, world.clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="t",
        keep_for=600,
    )  # fmt: skip
    ledger.note("scale-down")
    cluster.before_write = away
    with pytest.raises(Unavailable):
        ledger.close(passed.outcome, ending=lambda: world.store.put(early(passed.document())))
    cluster.before_write = lambda _verb, _ref: None
    (done,) = rescue(world)
    (account,) = accounts(cluster)
    assert (account.state, account.outcome, account.reason) == ("done", "passed", "it held")
    assert (done.outcome, history(world)["outcome"]) == (Outcome.PASSED, "passed")


def test_a_run_whose_process_was_killed_had_no_verdict(world: World) -> None:
    ended(world)
    rescue(world)
    after = history(world)
    assert after["outcome"] == "errored"
    assert after["reason"].endswith(") died before it had a verdict; a rescue undid it since")
    world.store.put(after)  # who is told twice says the same
    assert history(world)["reason"] == after["reason"]


def test_a_run_that_was_killed_before_it_owed_anything_was_not_undone(world: World) -> None:
    Ledger.open(
        world.cluster, world.clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    rescue(world)
    assert history(world)["reason"].endswith(") died before it had a verdict")


@pytest.mark.parametrize("owed", [True, False])
def test_who_follows_a_run_that_was_killed_hears_why_it_ended(world: World, *, owed: bool) -> None:
    """As the history does, from the last that its Lease says, though two rescuers are killed as well."""
    if owed:
        ended(world)
    else:
        Ledger.open(
            world.cluster,
            world.clock,
            id="run1",
            act="chaos",
            namespace="shop",
            targets=(CART,),
            trace_id="t",
        )
    cluster = world.cluster
    assert isinstance(cluster, FakeCluster)

    def die(*_: object) -> None:
        raise Killed

    cluster.before_delete = die
    for _ in range(2):
        with pytest.raises(Killed):
            rescue(world)
        (account,) = accounts(cluster)
        assert (account.outcome, account.reason) == ("errored", history(world)["reason"])
        words = " died before it had a verdict" + ("; a rescue undid it since" if owed else "")
        assert account.reason.endswith(words)


def test_who_follows_a_run_that_was_killed_and_cannot_be_undone_hears_so(world: World) -> None:
    ended(world, kind="sorcery")
    rescue(world)
    (account,) = accounts(world.cluster)
    assert account.outcome == "undo-not-confirmed"
    assert account.reason == history(world)["reason"]
    assert account.reason.endswith(") died, and the undo is not confirmed")


@pytest.mark.parametrize("outcome", [Outcome.RECOVERED, Outcome.NOT_RECOVERED, None])
def test_the_last_step_of_a_recovery_that_died_helped_if_it_told_that_it_recovered(
    world: World, outcome: Outcome | None
) -> None:
    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act="recovery", namespace="shop", targets=(CART,),
        trace_id="t", keep_for=600,
    )  # fmt: skip
    for action in ("restart-pod", "rolling-restart"):
        ledger.note(action)

    def ending() -> None:
        raise Killed

    if outcome is not None:
        with pytest.raises(Killed):
            ledger.close(outcome, keep=600, reason="rolling-restart: 1 of 1 ready", ending=ending)
    rescue(world)
    (after,) = world.store.find("recovery")
    assert clusters.of(after) == world.cluster.identity()
    last = "rolling-restart: 1 of 1 ready" if outcome is Outcome.RECOVERED else "its process died"
    assert [(each["action"], each["helped"], each["detail"]) for each in after["steps"]] == [
        ("restart-pod", False, "its process died"),
        ("rolling-restart", outcome is Outcome.RECOVERED, last),
    ]


EXPERIMENT: dict[str, Any] = dict(trial_of(yaml.safe_load(experiment("cart"))).document)
ENGINE: dict[str, Any] = {
    "apiVersion": "litmuschaos.io/v1alpha1",
    "kind": "ChaosEngine",
    "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "engineState": "active",
        "appinfo": {"appns": "shop", "applabel": "app=cart", "appkind": "deployment"},
        "chaosServiceAccount": "litmus-admin",
        "experiments": [{"name": "pod-delete"}],
    },
}


@pytest.mark.parametrize("document", [EXPERIMENT, ENGINE])
def test_the_experiment_of_a_run_that_was_killed_can_be_done_again(world: World, document: Document) -> None:
    ended(world, evidence=json.dumps({"experiment": document}))
    rescue(world)
    (again,) = reproduce(history(world), made.topology(), now=AT)
    assert (again.experiment["kind"], again.experiment["spec"]) == (document["kind"], document["spec"])
    assert again.experiment["metadata"]["name"] == "cart"


@pytest.mark.parametrize(
    "evidence",
    [
        "", "{", "[]", "{}", "null", "[" * 100_000,
        '{"experiment": {"kind": 1}}', '{"experiment": [["a", 1]]}',
        '{"experiment": {"metadata": "x", "spec": [1]}}',
        json.dumps({"experiment": {**EXPERIMENT, "spec": [1]}}),
        json.dumps({"experiment": {**EXPERIMENT, "metadata": {"name": "cart", "labels": [1]}}}),
        json.dumps({"experiment": {**EXPERIMENT, "kind": "Secret"}}),
        json.dumps({"experiment": {**ENGINE, "metadata": "x"}}),
        json.dumps({"experiment": {**EXPERIMENT, "metadata": {"name": ["x"]}}}),
        json.dumps({"experiment": {**EXPERIMENT, "spec": {**EXPERIMENT["spec"], "steadyState": 7}}}),
        json.dumps({"experiment": {**ENGINE, "spec": {"experiments": "pod-delete"}}}),
        json.dumps({"experiment": {**ENGINE, "spec": {**ENGINE["spec"], "experiments": [7]}}}),
    ],
)  # fmt: skip
def test_a_run_whose_lease_has_no_document_that_is_read_says_so_and_spoils_no_history(
    world: World, evidence: str
) -> None:
    ended(world, evidence=evidence)
    rescue(world)
    run = history(world)
    assert run["experiment"] == {}
    with pytest.raises(InvalidInput, match="died before its document was kept"):
        reproduce(run, made.topology(), now=AT)
    assert explain(RunRecord.of(run).document()).what
    assert open_weaknesses([run]) == ()


ISSUE: dict[str, Any] = {
    "id": "cart-pod-crash", "kind": "pod-crash", "namespace": "shop", "target": "deployment/cart",
    "at": AT.isoformat(), "since": AT.isoformat(), "severity": "high", "confidence": 0.9, "symptoms": [],
    "root": "", "model": "", "disagrees": False,
}  # fmt: skip


@pytest.mark.parametrize("rungs", [7, [7], [{"action": 1, "targets": []}], [{"action": "scale"}]])
def test_a_recovery_whose_plan_somebody_spoilt_is_kept_without_it(world: World, rungs: object) -> None:
    ended(world, act="recovery", evidence=json.dumps({"issue": ISSUE, "rungs": rungs}))
    rescue(world)
    (recovery,) = world.store.find("recovery")
    assert (recovery["plan"], recovery["undo"]["state"]) == ({}, "confirmed")


# ---------------------------------------------------------------- what its Lease tells of the fault


def killed(world: World, *steps: str, action: str = "scale-down", kind: str = "field") -> None:
    """A run that told of these steps, 10 s one after another, and was killed."""
    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act="chaos", namespace="shop", targets=(CART,), trace_id="t"
    )
    for name in steps:
        ledger.tell(Step(world.clock.now(), run="run1", name=name, mark="done"))
        world.clock.sleep(10)
    ledger.write(*[Entry(kind, CART, ("spec", "replicas"), 3, 5)] * bool(kind), action=action)
    ledger.renew(news=True)


def fault_of(run: Document) -> tuple[float, float]:
    """From when to when its fault was there, in seconds since the run's first step."""
    record = RunRecord.of(run)
    assert record.injected_at is not None
    assert record.injected_until is not None
    began = record.timeline[0].at
    return (record.injected_at - began).total_seconds(), (record.injected_until - began).total_seconds()


def test_a_run_that_was_killed_under_its_fault_knows_from_when_to_when_it_was_there(world: World) -> None:
    killed(world, "undo written", "injected", "effect")
    began = world.clock.monotonic()
    rescue(world)
    run, waited = history(world), world.clock.monotonic() - began
    assert [each["name"] for each in run["timeline"]] == [
        "undo written", "injected", "effect", "rescue", "undo",
    ]  # fmt: skip
    assert fault_of(run) == (10, 30 + waited)
    assert f"The fault was there for {20 + waited:.0f} s." in explain(run).what
    (label,) = from_runs([RunRecord.of(run)])
    assert (label.meaning, label.target) == ("chaos", "deployment/cart")
    assert (label.end - label.start).total_seconds() == 20 + waited


def test_a_run_that_was_killed_before_it_told_of_the_injection_may_have_done_it(world: World) -> None:
    killed(world, "steady before", "undo written")
    rescue(world)
    run = history(world)
    assert fault_of(run)[0] == 10
    (words,) = [each for each in explain(run).what if "fault" in each]
    assert words.startswith("The fault may have been there, for 4")
    assert words.endswith("at most (perhaps: its process died before it told of an injection).")
    assert len(from_runs([RunRecord.of(run)])) == 1


def test_a_run_that_was_killed_before_it_did_anything_injected_nothing(world: World) -> None:
    killed(world, "steady before", action="")
    rescue(world)
    assert "Nothing was injected." in explain(history(world)).what
    assert from_runs([RunRecord.of(history(world))]) == ()


def test_a_fault_that_owes_no_undo_was_over_with_its_process(world: World) -> None:
    killed(world, "injected", kind="")
    world.clock.sleep(3600)
    rescue(world)
    assert fault_of(history(world)) == (0, 10)


def test_a_fault_that_could_not_be_taken_back_is_not_over(world: World) -> None:
    killed(world, "injected", kind="sorcery")
    rescue(world)
    assert history(world)["injected_until"] is None


@pytest.mark.parametrize(
    "step", [["2026-01-01", "x", "done", "", "run1"], [AT.isoformat(), "x", "odd", "", "run1"],
             [AT.isoformat(), ["x"], "done", "", "run1"], [AT.isoformat()], 7],
)  # fmt: skip
def test_steps_that_somebody_spoilt_are_not_told(world: World, step: object) -> None:
    killed(world, "injected")
    (account,) = accounts(world.cluster)
    text = json.dumps({"number": 1, "steps": [step]})
    world.cluster.patch(account.ref, {"metadata": {"annotations": {TOLD: text}}})
    rescue(world)
    assert [each.name for each in RunRecord.of(history(world)).timeline] == ["rescue", "undo"]


def test_targets_are_what_was_aimed_at_and_a_later_pass_closes_what_the_dead_process_found(
    world: World,
) -> None:
    setting = ObjectRef(kube.CONFIG_MAP, "shop", "settings")
    reader = ObjectRef(kube.DEPLOYMENT, "shop", "search")
    ledger = Ledger.open(
        world.cluster, world.clock, id="run1", act="chaos", namespace="shop", trace_id="t", name="x",
        what="config-mutation", targets=(CART, setting, reader), aimed=1,
    )  # fmt: skip
    ledger.write(Entry("field", CART, ("spec", "replicas"), 3, 5), action="config-mutation")
    ledger.close(Outcome.WEAKNESS_FOUND)
    rescue(world)
    run = history(world)
    assert (run["targets"], run["felt"]) == (["deployment/cart"], ["deployment/search"])
    assert "No targets, and disturbed too: deployment/search." in explain(run).what
    assert [each.target for each in from_runs([RunRecord.of(run)])] == [
        "deployment/cart",
        "deployment/search",
    ]
    later = {"fault": "config-mutation", "outcome": Outcome.PASSED, "at": world.clock.now(), "id": "run2"}
    passed = owned(**later, targets=("deployment/cart",), steady_state=()).document()
    assert len(open_weaknesses([run])) == 1
    assert open_weaknesses([passed, run]) == ()


@pytest.mark.parametrize("many", ["", "x", "-1", "1.5", "9" * 5000])
def test_a_lease_that_does_not_say_how_many_were_aimed_at_keeps_nobody_from_the_undo(
    world: World, many: str
) -> None:
    ended(world)
    (account,) = accounts(world.cluster)
    world.cluster.patch(account.ref, {"metadata": {"annotations": {AIMED: many}}})
    rescue(world)
    assert (history(world)["undo"]["state"], history(world)["targets"]) == ("confirmed", ["deployment/cart"])


# ---------------------------------------------------------------- while the store is away


class Away:
    """A shared store that can be away: what is kept meanwhile waits in the spool of whoever keeps it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.gone, self.now = folder, True, 0.0
        self.opened: list[SpoolingStore] = []

    def seen_from(self, machine: str) -> SpoolingStore:
        spool = self.folder / f"{machine}.db"
        store = SpoolingStore("x", self._main, lambda: SqliteStore(spool), monotonic=lambda: self.now)
        self.opened.append(store)
        return store

    def _main(self) -> SqliteStore:
        if self.gone:
            raise Unavailable("the store is away", service="store")
        return SqliteStore(self.folder / "store.db")

    def back(self) -> None:
        """It answers again, and everybody asks it."""
        self.gone, self.now = False, RETRY
        for each in self.opened:
            each.find("run")


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    found = Away(tmp_path)
    yield found
    for each in found.opened:
        each.close()


@pytest.mark.parametrize("act", ["chaos", "recovery"])
def test_an_act_that_was_killed_and_rescued_while_the_store_was_away_is_in_the_history_once_it_is_back(
    world: World, away: Away, act: Act
) -> None:
    ended(world, act=act)
    heard: list[Event] = []
    rescue(replace(world, store=away.seen_from("laptop")), listen=heard.append)
    (words,) = [each.message for each in heard if isinstance(each, Warned)]
    assert words.startswith("not in the history: the store is away; the r")
    assert "waits here and is delivered" in words
    away.back()
    (after,) = world.store.find()
    assert (after["id"], after["outcome"], after["undo"]["state"]) == ("run1", "errored", "confirmed")


@pytest.mark.parametrize("last", ["patch", "delete"])
def test_a_rescuer_that_is_killed_has_kept_what_it_did_or_leaves_it_to_the_next(
    world: World, last: str
) -> None:
    """The Lease, which alone tells of the act, is gone or says less once it is closed."""
    ended(world)
    cluster = world.cluster
    assert isinstance(cluster, FakeCluster)

    def die(*what: object) -> None:
        if cluster.get(CART)["spec"]["replicas"] == 3:
            raise Killed

    if last == "patch":
        cluster.before_write = die
    cluster.before_delete = die
    with pytest.raises(Killed):
        rescue(world)
    cluster.before_write = lambda _verb, _ref: None
    cluster.before_delete = lambda _ref, _options: None
    rescue(world)
    assert (history(world)["outcome"], history(world)["undo"]["state"]) == ("errored", "confirmed")
    assert accounts(cluster) == ()


@pytest.mark.parametrize("first", ["own", "rescue"])
@pytest.mark.parametrize("rescuer", ["laptop", "controller"])
def test_an_own_record_and_a_rescues_that_both_waited_are_one_whichever_comes_first(
    world: World, away: Away, rescuer: str, first: str
) -> None:
    own = owned().document()
    ended(world, Outcome.UNDO_UNCONFIRMED, own["reason"])
    where = {"own": away.seen_from("laptop"), "rescue": away.seen_from(rescuer)}
    if first == "rescue":
        rescue(replace(world, store=where["rescue"]))
    with pytest.raises(Unavailable):
        where["own"].put(own)
    if first == "own":
        rescue(replace(world, store=where["rescue"]))
    else:
        away.opened.reverse()
    for _ in range(2):  # who is told twice says the same
        away.back()
    after = history(world)
    assert after["reason"] == f"{own['reason']}; a rescue undid it since"
    assert (after["outcome"], after["undo"]["state"], after["score"]) == ("errored", "confirmed", 50.0)
    assert [each["name"] for each in after["timeline"]] == ["injected", "rescue", "undo"]
    assert not after["rescued"]


def test_a_record_that_the_store_has_and_nobody_can_read_now_is_amended_later(
    world: World, away: Away
) -> None:
    before = kept(world).document()
    ended(world)
    rescue(replace(world, store=away.seen_from("laptop")))
    assert history(world) == before
    away.back()
    assert history(world)["reason"] == f"{before['reason']}; a rescue undid it since"
    assert history(world)["score"] == 50.0


def test_a_rescue_that_failed_and_is_delivered_after_another_that_did_not_takes_nothing_back(
    world: World, away: Away
) -> None:
    own = kept(world).document()
    ended(world, Outcome.UNDO_UNCONFIRMED, own["reason"])
    cluster = world.cluster
    assert isinstance(cluster, FakeCluster)

    def deny(verb: str, ref: ObjectRef) -> None:
        if verb == "patch" and ref == CART:
            raise Unavailable("no answer", service="kubernetes")

    cluster.before_write = deny
    (failed,) = rescue(replace(world, store=away.seen_from("laptop")))
    assert failed.undo.left
    cluster.before_write = lambda _verb, _ref: None
    rescue(world)
    before = history(world)
    assert (before["outcome"], before["undo"]["state"]) == ("errored", "confirmed")
    away.back()
    after = history(world)
    assert {**after, "timeline": before["timeline"]} == before
    assert [each["mark"] for each in after["timeline"] if each["name"] == "undo"] == [
        "note",
        "failed",
        "done",
    ]
    times = [datetime.fromisoformat(each["at"]) for each in after["timeline"]]
    assert times == sorted(times)
