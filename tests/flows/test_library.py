"""The library tells the whole story by its two names, one lineage from a prediction to what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.servers import pace, until

import chaoskit
from chaoskit import events
from chaoskit.adapters.sqlite import SqliteStore
from chaoskit.errors import CannotStart, Unavailable, UnknownName
from chaoskit.experiments.generation import Proposal
from chaoskit.flows.chaos_engine import _trial
from chaoskit.flows.learning import Fitted
from chaoskit.flows.world import World
from chaoskit.ports.store import Document
from chaoskit.records import RunRecord
from chaoskit.recovery import Plan, runbook
from chaoskit.simulator.cluster import SimulatedCluster

EXPERIMENT = {
    "apiVersion": "chaoskit.io/v1", "kind": "Experiment", "metadata": {"name": "cart", "namespace": "shop"},
    "spec": {
        "hypothesis": "It holds.", "fault": {"kind": "pod-delete"}, "duration": "30s",
        "targets": {"workloads": ["deployment/cart"]},
        "steadyState": [{"prometheus": {"signal": "error_ratio", "below": 0.05}}],
    },
}  # fmt: skip
HOURS = 5
SMALL = chaoskit.Options(trees=24, fold_trees=16, folds=3, most_rows=2500)

pytestmark = pytest.mark.xdist_group("library")


@dataclass(frozen=True)
class Stage:
    """A shop whose past had incidents, its connected world, and a folder to write to."""

    simulated: SimulatedCluster
    world: World
    folder: Path


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("library")
    with SimulatedCluster(seed=7, rate=pace(10), story="demo", history=timedelta(hours=HOURS)) as simulated:
        kubeconfig = simulated.kubeconfig(folder / "kubeconfig")
        with chaoskit.connect(kubeconfig=str(kubeconfig), namespace="shop", home=folder / "home") as world:
            yield Stage(simulated, world, folder)


@pytest.fixture(scope="module")
def fitted(stage: Stage) -> Fitted:
    engine = chaoskit.AIChaosEngine(stage.world)
    return engine.train("shop", timedelta(hours=HOURS), options=SMALL, thorough=False)


def test_a_model_is_trained_predicts_and_its_experiment_is_run_under_one_lineage(
    stage: Stage, fitted: Fitted
) -> None:
    engine = chaoskit.AIChaosEngine(stage.world)
    assert (fitted.name, fitted.folder) == ("shop-1", stage.folder / "home/models/shop-1")
    assert fitted.promoted is (fitted.held_back == "")

    predictions = engine.predict("shop", model="shop-1")
    assert {each.model for each in predictions} == {"shop-1"}
    assert all(each.probability is not None for each in predictions)
    assert predictions[0].reasons

    proposals = engine.generate("shop", predictions, top=1)
    heard: list[events.Event] = []
    known: list[str] = []

    def listen(event: events.Event) -> None:
        heard.append(event)
        if isinstance(event, events.Step) and event.name == "verdict":
            known.extend(each["outcome"] for each in stage.world.store.find("run"))

    record = engine.run(proposals[0], listen=listen)
    assert known == [record.outcome.value]  # the cluster says already that it has ended
    told = "\n".join(f"{each.at} {each.name} {each.mark} {each.detail}" for each in record.timeline)
    assert record.outcome in {chaoskit.Outcome.PASSED, chaoskit.Outcome.WEAKNESS_FOUND}, told
    assert record.undo.state == "confirmed"
    assert [each.name for each in heard if isinstance(each, events.Step)][-1] == "verdict"
    assert all(len(each["points"]) > 1 for each in record.evidence["signals"])
    assert {each["unit"] for each in record.evidence["signals"]} >= {"cores", "ratio"}

    lineage = stage.world.store.find(where={"trace_id": record.trace_id})
    assert {each["kind"] for each in lineage} == {"prediction", "run"}


def test_every_public_name_is_there_and_what_is_generated_is_what_a_file_of_it_says(tmp_path: Path) -> None:
    assert set(chaoskit.__all__) <= {*dir(chaoskit), *chaoskit._HOME}
    assert all(getattr(chaoskit, name) for name in chaoskit.__all__)
    proposal = Proposal(1, 0.5, "it was never tested", EXPERIMENT, "deployment/cart", trace_id="t1")
    path = tmp_path / "cart.yaml"
    path.write_text(proposal.text, encoding="utf-8")
    (read,) = chaoskit.load([str(path)])
    assert _trial(proposal) == replace(read, path="cart.yaml")


def test_a_crash_is_detected_planned_recovered_and_remembered(stage: Stage) -> None:
    stage.simulated.shop.begin("crash-loop", "orders")
    recovery = chaoskit.AutoRecovery(stage.world)
    plan = until(lambda: _plan(recovery), 60, "no plan for orders")
    record = recovery.recover(plan, trace_id="lineage-1")
    assert record.outcome is chaoskit.Outcome.RECOVERED
    assert record.trace_id == "lineage-1"
    assert _plan(recovery) is None

    (strategy,) = [each for each in recovery.patterns().strategies if each.issue == "pod-crash"]
    assert (strategy.tried, strategy.worked) == (1, 1)
    kept = stage.world.store.get("recovery", record.id)
    again = recovery.recover(recovery.replan(kept), replay_of=kept["id"])
    assert (again.outcome, again.replay_of) == (chaoskit.Outcome.NOTHING_TO_DO, record.id)
    same = next(each for each in recovery.what_if(runbook.defaults()) if each.record == record.id)
    assert not same.changed


def _plan(recovery: chaoskit.AutoRecovery) -> Plan | None:
    """The plan for a crash of orders whose reason is clear; None while there is none."""
    seen = recovery.observe("shop")
    for each in recovery.plan(recovery.classify(seen), seen):
        if isinstance(each, Plan) and each.issue.id == "orders-pod-crash" and each.issue.confidence >= 0.9:
            return each
    return None


@pytest.mark.parametrize(("elsewhere", "changes"), [("production", False), ("", True)])
def test_only_runs_in_the_same_cluster_close_a_gap(stage: Stage, elsewhere: str, *, changes: bool) -> None:
    world = replace(stage.world, store=SqliteStore(stage.folder / f"{elsewhere or 'here'}.db"))
    engine = chaoskit.AIChaosEngine(world)
    (first,) = engine.generate("shop", top=1, source="topology")
    assert "never tested" in first.reason
    passed = RunRecord(
        id="1passed000000001", at=world.clock.now(), trace_id="t", name="x", namespace="shop",
        cluster=elsewhere or world.cluster.name, fault=first.experiment["spec"]["fault"]["kind"],
        outcome=chaoskit.Outcome.PASSED, reason="", ended_at=world.clock.now(), experiment={},
        targets=(first.target,),
    )  # fmt: skip
    world.store.put(passed.document())
    again = engine.generate("shop", top=1, source="topology")
    assert (again[0].reason != first.reason) is changes
    world.store.close()


def test_a_model_that_is_not_there_is_named_with_those_that_are(stage: Stage) -> None:
    with pytest.raises(UnknownName, match="no model nobody") as caught:
        chaoskit.AIChaosEngine(stage.world).predict("shop", model="nobody")
    assert caught.value.hint.startswith("models: ")


def test_what_needs_no_metrics_works_without_them(stage: Stage) -> None:
    blind = replace(stage.world, metrics=None)
    engine = chaoskit.AIChaosEngine(blind)
    with pytest.raises(CannotStart, match="no Prometheus"):
        engine.predict("shop")
    assert engine.generate("shop", top=2)
    assert chaoskit.AutoRecovery(blind).observe("shop").topology.workloads


class _Broken:
    """A store that is away."""

    def __getattr__(self, name: str) -> object:
        def away(*arguments: object, **more: object) -> Document:
            raise Unavailable("the store is away", service="store")

        return away


def test_predictions_and_recoveries_do_not_wait_for_their_history(stage: Stage, fitted: Fitted) -> None:
    away = replace(stage.world, store=_Broken())  # type: ignore[arg-type]  # it is none on purpose
    heard: list[events.Event] = []
    predictions = chaoskit.AIChaosEngine(away).predict("shop", model=fitted.name, listen=heard.append)
    assert predictions
    assert sum(isinstance(each, events.Warned) for each in heard) == 1  # of all of them
    assert sum(isinstance(each, events.Foreseen) for each in heard) == len(predictions)
    assert chaoskit.AutoRecovery(away).history() == ()


def test_a_world_needs_a_cluster(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotStart, match="no kubeconfig"),
        chaoskit.connect(kubeconfig=str(tmp_path / "none")),
    ):
        pass


def test_a_name_that_the_library_does_not_have_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="AIChaosEnigne"):
        _ = chaoskit.AIChaosEnigne
