"""A run that dies without a word at any step is finished by a rescue that knows nothing but the cluster."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from tests.experiments.conftest import Until, World, side_by_side
from tests.experiments.directly import dump, twin, whole_again
from tests.experiments.lasting import LASTING, NODE_DOWN, lasting

from chaoskit import kube
from chaoskit.acts.accounts import accounts
from chaoskit.acts.rescue import Rescued, rescue
from chaoskit.experiments import Trial
from chaoskit.experiments.batch import run_all
from chaoskit.experiments.litmus import manifests
from chaoskit.governor import Limits
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Object
from chaoskit.records import RunRecord


class Killed(BaseException):
    """As good as a SIGKILL: nothing of ours runs after it."""


def killed() -> None:
    raise Killed


def web(namespace: str) -> tuple[Object, ...]:
    """A namespace with a deployment of two pods and what pod-delete needs."""
    meta = {"name": "web", "namespace": namespace}
    container = {"name": "web", "image": "busybox:1.35", "command": ["sleep", "9999"]}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
    }
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
    )


def engine(namespace: str) -> Object:
    env = {"TOTAL_CHAOS_DURATION": "15", "CHAOS_INTERVAL": "5", "FORCE": "false"}
    components = {"env": [{"name": name, "value": value} for name, value in env.items()]}
    return {
        "apiVersion": "litmuschaos.io/v1alpha1",
        "kind": "ChaosEngine",
        "metadata": {"name": "web-chaos", "namespace": namespace},
        "spec": {
            "engineState": "active",
            "appinfo": {"appns": namespace, "applabel": "app=web", "appkind": "deployment"},
            "chaosServiceAccount": "chaoskit-pod-delete",
            "experiments": [{"name": "pod-delete", "spec": {"components": components}}],
        },
    }


def furnished(world: World, namespace: str, **trial: Any) -> Trial:
    for body in web(namespace):
        world.cluster.create(body)
    world.until_ready(namespace, "web")
    return Trial("test.yaml", engine=engine(namespace), beside=manifests("pod-delete", namespace))


def test_after_a_kill_at_any_step_a_rescue_leaves_nothing(world: World) -> None:
    def die(step: str) -> None:
        namespace = f"killed-at-{step.replace(' ', '-')}"
        trial = furnished(world, namespace)
        with pytest.raises(Killed):
            world.run(trial, listen=Until(step, killed), preflight=False)
        assert len(accounts(world.cluster, namespace)) == 1
        done = rescue(world.cluster, world.clock, namespace=namespace)
        assert [each.undo.left for each in done] == [()]
        assert accounts(world.cluster, namespace) == ()
        assert world.ours(namespace) == []
        assert world.at_work(namespace) == []

    side_by_side(die, ("undo written", "injected", "litmus", "undo"))


def test_who_dies_once_the_cluster_says_that_a_run_has_ended_has_handed_its_record_on(world: World) -> None:
    trial, records = furnished(world, "killed-at-verdict"), list[RunRecord]()
    with pytest.raises(Killed):
        world.run(trial, listen=Until("verdict", killed), preflight=False, ending=records.append)
    assert [each.state for each in accounts(world.cluster, "killed-at-verdict")] in ([], ["done"])
    assert [(each.outcome, each.undo.state) for each in records] == [(Outcome.PASSED, "confirmed")]


@pytest.mark.parametrize("keep", [0.0, 600.0])
def test_a_run_that_dies_as_it_hands_its_record_on_ended_as_the_record_says(
    world: World, keep: float
) -> None:
    namespace = f"killed-handing-on-{keep:.0f}"
    trial, records = furnished(world, namespace), list[RunRecord]()

    def ending(record: RunRecord) -> None:
        records.append(record)
        raise Killed

    with pytest.raises(Killed):
        world.run(trial, limits=Limits(chaos_cooldown=keep), preflight=False, ending=ending)
    (account,) = accounts(world.cluster, namespace)
    (done,) = rescue(world.cluster, world.clock, namespace=namespace)
    (record,) = records
    assert record.outcome is Outcome.PASSED
    assert (account.reason, done.outcome) == (record.reason, record.outcome)
    assert [each.outcome for each in accounts(world.cluster, namespace)] == ["passed"] * bool(keep)


def test_after_an_undo_no_job_makes_a_pod_in_place_of_one_that_ran_out_of_memory(world: World) -> None:
    trial = furnished(world, "out-of-memory")
    for body in trial.beside:
        world.cluster.create(body)  # it stays there after the run, as the account of an own engine does

    def out_of_memory() -> None:
        assert world.simulated is not None
        for pod in world.cluster.list(kube.POD, "out-of-memory", labels="job-name").items:
            (each,) = kube.container_statuses(pod)
            name = pod["metadata"]["name"]
            world.simulated.kubelet.kill_container("out-of-memory", name, each["name"], reason="OOMKilled")

    record = world.run(replace(trial, beside=()), listen=Until("injected", out_of_memory), preflight=False)
    assert (record.outcome, record.undo.state) == (Outcome.ERRORED, "confirmed")
    assert world.cluster.list(kube.JOB, "out-of-memory").items == ()
    assert world.at_work("out-of-memory") == []


class Dying:
    """The cluster of a process that dies right before it makes an engine, or right after."""

    def __init__(self, cluster: Cluster, *, after: bool) -> None:
        self._cluster = cluster
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def create(self, body: Object, *, dry_run: bool = False) -> Object:
        engine = body["kind"] == "ChaosEngine"
        if engine and not self._after:
            killed()
        made = self._cluster.create(body, dry_run=dry_run)
        if engine:
            killed()
        return made


@pytest.mark.parametrize("after", [False, True])
def test_after_a_kill_on_either_side_of_the_engines_creation_a_rescue_leaves_nothing(
    world: World, *, after: bool
) -> None:
    namespace = f"killed-{'after' if after else 'before'}-the-engine"
    trial = furnished(world, namespace)
    before = dump(world, namespace)
    with pytest.raises(Killed):
        replace(world, cluster=Dying(world.cluster, after=after)).run(trial, preflight=False)
    (account,) = accounts(world.cluster, namespace)
    (owed,) = (each for each in account.entries if each.kind == "litmus-engine")
    assert owed.target.uid == ""
    assert (kube.found(world.cluster, owed.target) is not None) is after
    rescued(world, namespace, before)


def _changed(world: World, namespace: str, before: dict[str, Object]) -> bool:
    now = dump(world, namespace)
    return any(now[key] != before[key] for key in before if key.startswith(("node/", "deployment/")))


@pytest.mark.parametrize("kind", LASTING)
def test_what_litmus_leaves_on_nodes_and_workloads_is_undone_by_it_when_it_lives(
    world: World, kind: str
) -> None:
    namespace = f"lasting-{kind}"
    trial = lasting(world, namespace, kind)
    before = dump(world, namespace)
    record = world.run(trial)
    assert record.litmus["verdicts"] == {kind: "Pass"}, record.reason
    assert record.undo.state == "confirmed"
    assert whole_again(world, namespace) == before


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.parametrize("step", ["begun", "litmus", "undo"])
def test_after_a_kill_of_a_fault_that_lasts_a_rescue_puts_everything_back(
    world: World, kind: str, step: str
) -> None:
    namespace = f"lasting-{kind}-{step.replace(' ', '-')}"
    trial = lasting(world, namespace, kind)
    before = dump(world, namespace)
    with pytest.raises(Killed):
        world.run(trial, listen=Until(kind if step == "begun" else step, killed))
    rescued(world, namespace, before)


@pytest.mark.parametrize("kind", LASTING)
@pytest.mark.parametrize("alive", [True, False])
def test_after_a_kill_while_it_is_felt_it_is_put_back_with_litmus_or_without(
    world: World, kind: str, *, alive: bool
) -> None:
    """Litmus keeps the way back in the memory of its pods alone; they may die too, or lose their rights."""
    namespace = f"lasting-{kind}-{'felt' if alive else 'alone'}"
    trial = lasting(world, namespace, kind, duration="5m")
    before = dump(world, namespace)

    def felt() -> None:
        until_changed(world, namespace, before)
        if not alive:
            take_litmus_away(world, trial)
        raise Killed

    with pytest.raises(Killed):
        world.run(trial, listen=Until(kind, felt))
    assert _changed(world, namespace, before)
    rescued(world, namespace, before)


def test_a_node_whose_kubelet_stays_stopped_is_owed_until_it_is_ready_again(world: World) -> None:
    assert world.simulated is not None
    namespace = "lasting-node-down"
    trial = lasting(world, namespace, NODE_DOWN, duration="5m")
    before = dump(world, namespace)
    (name,) = trial.experiment.spec.targets.nodes if trial.experiment is not None else ()

    def felt() -> None:
        until_changed(world, namespace, before)
        take_litmus_away(world, trial)
        raise Killed

    with pytest.raises(Killed):
        world.run(trial, listen=Until(NODE_DOWN, felt))
    (done,) = rescue(world.cluster, world.clock, namespace=namespace)
    assert done.outcome is Outcome.UNDO_UNCONFIRMED
    assert done.undo.left == (f"node/{name} is not Ready: log in and run systemctl start kubelet",)
    revive = partial(world.simulated.kubelet.revive, name)
    world.simulated.engine.call_later(0, revive)
    rescued(world, namespace, before)


def take_litmus_away(world: World, trial: Trial) -> None:
    for body in trial.beside:
        if body["kind"].endswith("RoleBinding"):
            world.cluster.delete(kube.ref_of(body))
    for pod in world.cluster.list(kube.POD, trial.namespace, labels="chaosUID").items:
        world.cluster.delete(kube.ref_of(pod, kube.POD), grace=0)


def until_changed(world: World, namespace: str, before: dict[str, Object]) -> None:
    for _ in range(300):
        if _changed(world, namespace, before):
            return
        world.clock.sleep(0.2)
    raise AssertionError("the fault never shows")


def rescued(world: World, namespace: str, before: dict[str, Object]) -> None:
    (done,) = rescue(world.cluster, world.clock, namespace=namespace)
    assert done.undo.left == ()
    assert whole_again(world, namespace) == before
    assert world.ours(namespace) == []
    assert world.at_work(namespace) == []


def test_documents_beside_an_engine_are_made_for_the_run_and_removed_with_it(world: World) -> None:
    trial = furnished(world, "beside")
    record = world.run(trial)
    assert record.outcome.exit_code == 0, record.reason
    assert world.ours("beside") == []
    assert world.cluster.list(kube.CHAOS_EXPERIMENT, "beside").items == ()


def test_what_stood_beside_the_engine_before_is_left(world: World) -> None:
    trial = furnished(world, "beside-before")
    experiment = next(b for b in trial.beside if b["kind"] == "ChaosExperiment")
    world.cluster.create(experiment)
    assert world.run(trial).outcome.exit_code == 0
    assert len(world.cluster.list(kube.CHAOS_EXPERIMENT, "beside-before").items) == 1


def shared(world: World, namespace: str) -> tuple[Trial, Trial]:
    """Two engines on two workloads, and what stands beside both: the usual shape of Litmus' documents."""
    first = furnished(world, namespace)
    twin(world, namespace, "api")
    return _on(first, "web"), _on(first, "api")


def _on(made: Trial, name: str) -> Trial:
    assert made.engine is not None
    where = [{"kind": "deployment", "namespace": made.namespace, "names": name}]
    spec = {k: v for k, v in made.engine["spec"].items() if k != "appinfo"}
    meta = {**made.engine["metadata"], "name": f"{name}-chaos"}
    body = {**made.engine, "metadata": meta, "spec": {**spec, "selectors": {"workloads": where}}}
    return replace(made, engine=body)


def _none(trial: Trial, reason: str) -> RunRecord:
    raise AssertionError(f"{trial.name} was not begun: {reason}")


def test_engines_that_share_what_stands_beside_them_all_run(world: World) -> None:
    trials = shared(world, "beside-shared")
    records = run_all(trials, lambda _, each: world.run(each), _none, parallel=2, stop=threading.Event())
    assert [(each.outcome.exit_code, each.reason) for each in records if each.outcome.exit_code] == []
    assert len(records) == 2
    assert world.ours("beside-shared") == []


def test_what_another_run_will_take_away_is_not_built_upon(world: World) -> None:
    one, other = shared(world, "beside-another")
    found: list[RunRecord] = []
    record = world.run(one, listen=Until("injected", lambda: found.append(world.run(other))))
    assert record.outcome.exit_code == 0, record.reason
    assert found[0].outcome is Outcome.CANNOT_START
    assert f"belongs to run {record.id}, which is under way" in found[0].reason
    assert world.ours("beside-another") == []


def test_a_run_finishes_the_dead_run_that_stands_in_its_way(world: World) -> None:
    trial = furnished(world, "in-the-way")
    with pytest.raises(Killed):
        world.run(trial, listen=Until("injected", killed))
    (dead,) = accounts(world.cluster, "in-the-way")
    kept: list[Rescued] = []

    def keep(rescued: Rescued) -> Rescued:
        kept.append(rescued)
        return rescued

    record = world.run(trial, keep=keep)
    assert record.outcome.exit_code == 0, record.reason
    assert world.ours("in-the-way") == []
    assert [(each.account.id, each.undo.state) for each in kept] == [(dead.id, "confirmed")]
