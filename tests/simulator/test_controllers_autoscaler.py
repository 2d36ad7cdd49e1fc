"""Autoscalers in a cluster without a metrics server."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.world import NAMESPACE, World, conditions

from chaoskit.simulator.api import ApiError, Object
from chaoskit.simulator.apiserver.builtin import BUILT_IN
from chaoskit.simulator.apiserver.tables import columns_of

KIND = "HorizontalPodAutoscaler.autoscaling"
WHY = (
    "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from "
    "resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
)


def autoscale(world: World, **spec: Any) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return world.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": NAMESPACE},
            "spec": {"scaleTargetRef": reference, "maxReplicas": 4} | spec,
        }
    )


def replicas(world: World) -> int:
    wanted: int = world.get("Deployment.apps", "web")["spec"]["replicas"]
    return wanted


def test_within_its_limits_it_says_why_it_does_nothing() -> None:
    world = World()
    world.deployment("web", 2)
    autoscale(world)
    world.run(40)
    found = world.get(KIND, "web")
    assert conditions(found) == {
        "AbleToScale": ("True", "SucceededGetScale"),
        "ScalingActive": ("False", "FailedGetResourceMetric"),
    }
    assert found["status"]["conditions"][1]["message"].endswith(WHY)
    assert (replicas(world), found["status"]["currentReplicas"]) == (2, 2)
    assert world.messages("web", "FailedGetResourceMetric") == [WHY]
    (told,) = world.messages("web", "FailedComputeMetricsReplicas")
    assert told.startswith("invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource")
    resource = next(each for each in BUILT_IN if each.key == KIND)
    shown = [column.read(found, world.engine.now()) for column in columns_of(resource)]
    assert shown[1:6] == ["Deployment/web", "cpu: <unknown>/80%", 1, 4, 2]


@pytest.mark.parametrize(
    ("limits", "wanted", "why"),
    [
        ({"maxReplicas": 1}, 1, "Current number of replicas above Spec.MaxReplicas"),
        ({"minReplicas": 3}, 3, "Current number of replicas below Spec.MinReplicas"),
    ],
)
def test_its_limits_hold_without_any_metric(limits: dict[str, Any], wanted: int, why: str) -> None:
    world = World()
    world.deployment("web", 2)
    autoscale(world, **limits)
    world.run(5)
    assert replicas(world) == wanted
    assert world.messages("web", "SuccessfulRescale") == [f"New size: {wanted}; reason: {why}"]
    world.run(40)
    world.patch("Deployment.apps", "web", spec={"replicas": 9})
    world.run(20)
    assert replicas(world) == limits.get("maxReplicas", 4)


def test_what_is_scaled_to_nothing_stays_so() -> None:
    world = World()
    world.deployment("web", 0)
    autoscale(world)
    world.run(20)
    assert replicas(world) == 0
    assert conditions(world.get(KIND, "web"))["ScalingActive"] == ("False", "ScalingDisabled")


def test_a_target_that_is_not_there_is_told() -> None:
    world = World()
    autoscale(world)
    world.run(5)
    assert conditions(world.get(KIND, "web"))["AbleToScale"] == ("False", "FailedGetScale")
    assert world.messages("web", "FailedGetScale") == ['deployments.apps "web" not found']


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        ({"minReplicas": 5}, 422, "must be greater than or equal to `minReplicas`"),
        ({"maxReplicas": 0}, 422, "spec.maxReplicas"),
        ({"metrics": [{"type": "External"}]}, 501, "spec.metrics of horizontalpodautoscalers"),
    ],
)
def test_what_cannot_be_kept_is_refused(spec: dict[str, Any], code: int, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        autoscale(World(), **spec)
    assert refused.value.code == code
    assert said in refused.value.message
