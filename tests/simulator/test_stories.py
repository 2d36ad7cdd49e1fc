from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace
from random import Random

import pytest
from tests.simulator.instant import InstantCluster
from tests.simulator.world import World

from chaoskit.simulator.api import Object
from chaoskit.simulator.shop.director import LOG, ORDERS
from chaoskit.simulator.shop.shop import Shop
from chaoskit.simulator.shop.stage import Incident, Stage
from chaoskit.simulator.shop.stories import STORIES, TRAINING


@pytest.fixture(scope="module")
def trained() -> InstantCluster:
    return InstantCluster(seed=1, story="training", hours=4).run(4 * 3600)


def over(incident: Incident) -> bool:
    return incident.end is not None


def values(cluster: InstantCluster, signal: str, pod: str) -> list[float]:
    every = cluster.shop.signals.select(())
    return next(
        list(series.values)
        for name, series in every
        if name == f"chaoskit:{signal}" and dict(series.labels)["pod"] == pod
    )


def test_training_shows_every_kind_on_several_workloads(trained: InstantCluster) -> None:
    incidents = trained.shop.incidents
    assert {one.fault_class for one in incidents} == {"memory_leak", "pod_crash", "db_connection"}
    assert len({one.workload for one in incidents}) >= 5
    assert len(incidents) >= 9


def test_training_follows_no_clock(trained: InstantCluster) -> None:
    starts = [one.start for one in trained.shop.incidents]
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    average = sum(gaps) / len(gaps)
    spread = (sum((gap - average) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert spread > 0.3 * average


def test_every_training_incident_fails_after_its_start_and_is_ended(
    trained: InstantCluster,
) -> None:
    over = [one for one in trained.shop.incidents if one.end is not None]
    assert len(over) >= len(trained.shop.incidents) - 3
    for one in over:
        assert one.failure_time is not None
        assert one.end is not None
        assert one.start < one.failure_time < one.end


def test_the_incident_log_tells_of_what_is_over_and_of_nothing_else(
    trained: InstantCluster,
) -> None:
    log = trained.api.get("ConfigMap", "kube-system", LOG)
    assert log is not None
    told = json.loads(log["data"]["incidents.json"])
    ended = [one for one in trained.shop.incidents if one.end is not None]
    assert [row["workload"] for row in told] == [one.workload for one in ended]
    assert all(row["end"].endswith("Z") for row in told)


def test_after_training_incidents_nothing_is_left_in_force(trained: InstantCluster) -> None:
    under_way = {one.workload for one in trained.shop.incidents if one.end is None}
    for app in ("frontend", "catalog", "cart", "orders", "payments"):
        if app not in under_way:
            for pod in trained.pods(app):
                effects = trained.effects.on("shop", pod["metadata"]["name"])
                assert not [one for one in effects if one.kind == "leak"]


def test_a_leak_climbs_until_the_kernel_kills_and_ends_with_its_pods() -> None:
    cluster = InstantCluster(seed=2).run(600)
    incident = cluster.shop.begin("memory-leak", "cart")
    cluster.run(80 * 60)
    assert incident.failure_time is not None
    assert not over(incident)
    memory = values(cluster, "memory_usage:ratio", incident.pods[0])
    assert max(memory) > 0.95
    for pod in incident.pods:
        cluster.api.delete("Pod", "shop", pod)
    cluster.run(120)
    assert over(incident)
    assert not any(cluster.effects.on("shop", pod["metadata"]["name"]) for pod in cluster.pods("cart"))


def test_a_bad_rollout_has_no_precursor_and_ends_with_the_rollback() -> None:
    cluster = InstantCluster(seed=2).run(600)
    before = {pod["metadata"]["name"] for pod in cluster.pods("orders")}
    incident = cluster.shop.begin("crash-loop", "orders")
    cluster.run(60)
    assert incident.failure_time is not None
    assert incident.failure_time - incident.start <= 60
    assert not before & {pod["metadata"]["name"] for pod in cluster.pods("orders")}
    containers = cluster.api.objects["Deployment.apps", "shop", "orders"]["spec"]["template"]["spec"]
    environment = containers["containers"][0]["env"]
    kept = [one for one in environment if one["name"] != "FAULT"]
    assert len(kept) < len(environment)
    repaired = [{**containers["containers"][0], "env": kept}]
    patch = {"spec": {"template": {"spec": {"containers": repaired}}}}
    cluster.api.patch("Deployment.apps", "shop", "orders", patch)
    cluster.run(60)
    assert incident.end is not None


def test_leaked_connections_fill_the_pool_step_by_step_and_go_with_the_process() -> None:
    cluster = InstantCluster(seed=9).run(600)
    incident = cluster.shop.begin("db-connections", "payments")
    cluster.run(50 * 60)
    assert incident.failure_time is not None
    usage = values(cluster, "db_pool_usage:ratio", incident.pods[0])
    assert max(usage) == 1.0
    assert len({round(value, 1) for value in usage}) > 5
    for pod in incident.pods:
        cluster.kill_container("shop", pod, "payments", exit_code=1)
    cluster.run(120)
    assert over(incident)
    assert values(cluster, "db_pool_usage:ratio", incident.pods[0])[-1] < 0.2


@pytest.mark.no_cover  # hours of simulated time, which others cover
def test_the_demonstration_has_one_young_leak_at_its_present() -> None:
    cluster = InstantCluster(seed=7, story="demo", hours=4).run(4 * 3600)
    under_way = [one for one in cluster.shop.incidents if one.end is None]
    assert [one.kind for one in under_way] == ["memory-leak"]
    leak = under_way[0]
    assert leak.failure_time is None
    assert 15 < (cluster.engine.now() - leak.start) / 60 < 26
    memory = values(cluster, "memory_usage:ratio", leak.pods[0])
    assert 0.55 < memory[-1] < 0.95
    cluster.run(20 * 60)
    assert leak.failure_time is not None


def test_a_config_map_begins_a_story_from_outside() -> None:
    cluster = InstantCluster().run(60)
    order = {"data": {"name": "crash-loop:catalog"}}
    cluster.api.patch("ConfigMap", "kube-system", ORDERS, order)
    cluster.run(30)
    assert [(one.kind, one.workload) for one in cluster.shop.incidents] == [("crash-loop", "catalog")]
    cluster.api.patch("ConfigMap", "kube-system", ORDERS, {"metadata": {"labels": {"a": "b"}}})
    cluster.run(30)
    assert len(cluster.shop.incidents) == 1


def test_an_order_that_means_nothing_is_said_and_does_no_harm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = InstantCluster().run(60)
    with caplog.at_level(logging.WARNING):
        data = {"a": "flood:cart", "b": "memory-leak:nobody", "c": "db-connections:cache"}
        cluster.api.patch("ConfigMap", "kube-system", ORDERS, {"data": data})
        cluster.run(30)
    assert not cluster.shop.incidents
    assert "no story is called 'flood'" in caplog.text
    assert "cannot befall shop/nobody" in caplog.text
    assert "cannot befall shop/cache" in caplog.text


def test_a_story_by_name_begins_soon_after_the_present() -> None:
    cluster = InstantCluster(story="memory-leak:search").run(7 * 60)
    assert [(one.kind, one.workload) for one in cluster.shop.incidents] == [("memory-leak", "search")]


def test_an_unknown_story_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="no story is called 'meteor'"):
        InstantCluster(story="meteor")


@pytest.mark.parametrize(
    ("story", "able"), [("memory-leak:crat", "cart, catalog"), ("db-connections:cache", "cart, catalog")]
)
def test_a_story_that_cannot_befall_its_workload_is_refused_at_the_start(story: str, able: str) -> None:
    workload = story.partition(":")[2]
    with pytest.raises(ValueError, match=f"cannot befall shop/{workload}, only one of .*{able}"):
        InstantCluster(story=story)


def test_a_quiet_day_has_rollouts_restarts_and_batch_jobs_and_no_incident() -> None:
    cluster = InstantCluster(seed=3, story="busy", hours=3)
    names: set[str] = set()
    cluster.api.watch("Pod", lambda _, body: names.add(body["metadata"]["name"]))
    cluster.run(3 * 3600)
    assert not cluster.shop.incidents
    every = cluster.shop.signals.select(())
    assert any(series.values[-1] for name, series in every if name == "chaoskit:restarts:total")
    deployments = [body for key, body in cluster.api.objects.items() if key[0] == "Deployment.apps"]
    assert any("kubernetes.io/change-cause" in d["metadata"].get("annotations", {}) for d in deployments)
    assert any(name.startswith("batch-") for name in names)


def _slow_deployments(cluster: InstantCluster) -> dict[bool, Object]:
    """Those whose pods take long to start, by whether their spec says so."""
    bodies = [body for key, body in cluster.api.objects.items() if key[0] == "Deployment.apps"]
    slow = [each for each in bodies if "STARTS_IN" in _variables(each)]
    return {"startupProbe" in each["spec"]["template"]["spec"]["containers"][0]: each for each in slow}


def _variables(deployment: Object) -> dict[str, str]:
    env = deployment["spec"]["template"]["spec"]["containers"][0].get("env") or ()
    return {each["name"]: each.get("value", "") for each in env}


def test_a_busy_hour_has_a_release_that_needs_more_than_a_minute_and_less_than_its_spec_allows() -> None:
    slow = _slow_deployments(InstantCluster(seed=3, story="busy").run(30 * 60))
    probe = slow[True]["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    allowed = min(
        slow[True]["spec"]["progressDeadlineSeconds"], probe["periodSeconds"] * probe["failureThreshold"]
    )
    assert 60 < float(_variables(slow[True])["STARTS_IN"]) < allowed
    assert float(_variables(slow[False])["STARTS_IN"]) > 60


def test_without_a_story_nothing_happens() -> None:
    cluster = InstantCluster(seed=1)
    before = {pod["metadata"]["name"] for pod in cluster.api.list("Pod", "shop")}
    cluster.run(3 * 3600)
    assert {pod["metadata"]["name"] for pod in cluster.api.list("Pod", "shop")} == before


def played(kind: str, *, tended: bool = True) -> tuple[World, Incident]:
    """A story about orders, in the shop of a whole cluster, until it is over."""
    world = World(namespace="kube-system")
    shop = Shop(world.api, world.engine, world.effects, world.kubelet, seed=5)
    shop.start()
    world.run(120)
    incident = shop.begin(kind, "orders", tended=tended)
    for _ in range(90):
        world.run(60)
        if over(incident):
            break
    return world, incident


@pytest.mark.parametrize("kind", sorted(STORIES.keys() - set(TRAINING)))
def test_every_story_fails_is_ended_and_leaves_nothing(kind: str) -> None:
    world, incident = played(kind)
    assert incident.failure_time is not None
    assert over(incident)
    world.run(300)
    assert not any(world.effects._by_pod.values())
    deployments = world.api.list("Deployment.apps", "shop")
    assert [d["metadata"]["name"] for d in deployments if d["status"].get("unavailableReplicas")] == []


def test_crowds_of_several_stories_come_together_and_each_goes_by_itself() -> None:
    cluster = InstantCluster(seed=3).run(300)
    rhythm, crowds = cluster.shop.traffic.rhythm, []
    for workload in ("cart", "orders"):
        cluster.shop.begin("oom-at-load", workload, seconds=60)
        cluster.run(120)
        crowds.append(rhythm.swings)
    assert crowds[1] > crowds[0] > 1
    first, _ = cluster.shop.incidents
    for pod in first.pods:
        cluster.api.delete("Pod", "shop", pod)
    cluster.run(60)
    assert over(first)
    assert rhythm.swings == pytest.approx(crowds[1] / crowds[0])


def test_stories_come_with_a_warning_or_without() -> None:
    waits = []
    for seed in range(6):
        cluster = InstantCluster(seed=seed).run(300)
        incident = cluster.shop.begin("packet-loss", "orders", tended=True)
        while incident.failure_time is None:
            cluster.run(15)
        waits.append(incident.failure_time - incident.start)
    assert min(waits) <= 60
    assert max(waits) >= 180


def test_everything_shows_more_than_training_does() -> None:
    cluster = InstantCluster(seed=4, story="everything", hours=2).run(2 * 3600)
    assert {one.kind for one in cluster.shop.incidents} - set(TRAINING) != set()


def test_what_grows_on_a_pod_is_not_handed_on_to_another_of_its_name() -> None:
    cluster = InstantCluster()
    shop = cluster.shop
    stage = Stage(cluster.api, cluster.engine, cluster.effects, cluster, shop.view, shop.traffic, Random(1))
    pod = stage.pods("shop", "cart")[0]
    leak = stage.growing("leak", pod)
    leak.set(1.0)
    assert [one.amount for one in cluster.effects.on(*pod.key)] == [1.0]
    shop.view.pods[pod.key] = replace(pod, uid="another")
    leak.set(2.0)
    assert cluster.effects.on(*pod.key) == ()
