"""Who keeps a field: Git tools and autoscalers, known from labels, managed fields and targets."""

from __future__ import annotations

from typing import Any

import pytest
from tests.recovery import made

from chaoskit import ownership

TEMPLATE, REPLICAS = ("spec", "template"), ("spec", "replicas")


def _managed(manager: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": fields}}]


def test_a_deployment_of_nobody_is_free() -> None:
    body = made.deployment("cart", labels={"app.kubernetes.io/instance": "cart"})
    assert ownership.keeper(body, TEMPLATE) == ""


@pytest.mark.parametrize(
    ("manager", "keeper"),
    [("argocd-controller", "Argo CD"), ("kustomize-controller", "Flux"), ("kubectl", "")],
)
def test_managed_fields_say_who_keeps_the_template(manager: str, keeper: str) -> None:
    body = made.deployment("cart", managedFields=_managed(manager, **{"f:template": {}}))
    assert ownership.keeper(body, TEMPLATE) == keeper


def test_what_the_git_tool_does_not_set_is_free() -> None:
    body = made.deployment(
        "cart",
        labels={"kustomize.toolkit.fluxcd.io/name": "shop"},
        managedFields=_managed("kustomize-controller", **{"f:template": {}}),
    )
    assert ownership.keeper(body, REPLICAS) == ""
    assert ownership.keeper(body, TEMPLATE) == "Flux"


def test_a_tracked_object_without_managed_fields_is_kept_whole() -> None:
    body = made.deployment("cart", labels={"argocd.argoproj.io/instance": "shop"})
    assert ownership.keeper(body, REPLICAS) == "Argo CD"


def test_an_autoscaler_keeps_the_replicas_of_its_own_target_only() -> None:
    scaler = {
        "metadata": {"name": "cart-hpa", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}},
    }
    assert ownership.keeper(made.deployment("cart"), REPLICAS, [scaler]) == "HPA cart-hpa"
    assert ownership.keeper(made.deployment("cart"), TEMPLATE, [scaler]) == ""
    assert ownership.keeper(made.deployment("orders"), REPLICAS, [scaler]) == ""
