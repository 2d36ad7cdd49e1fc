"""What the API server enforces of engines, and what it lets through."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulator.litmus.test_lifecycle import chaos, probe, town

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.litmus.definitions import DEFINITIONS


def stored(**spec: Any) -> dict[str, Any]:
    """The spec of an engine, as it is kept."""
    kept: dict[str, Any] = town().api.create(chaos("pod-delete", **spec))["spec"]
    return kept


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engineState", "paused"),
        ("jobCleanUpPolicy", "sometimes"),
        ("defaultHealthCheck", "true"),
        ("appinfo", {"appkind": "pod"}),
        ("selectors", {"workloads": [{"kind": "deployment", "namespace": "town"}]}),
        ("terminationGracePeriodSeconds", "30"),
    ],
)
def test_what_the_definition_forbids_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ApiError, match=f"spec.{field}") as refused:
        stored(**{field: value})
    assert refused.value.code == 422


@pytest.mark.parametrize(
    "wrong", [{"mode": "Sometimes"}, {"type": "sloProbe"}, {"runProperties": {"probeTimeout": 5}}]
)
def test_a_probe_that_the_definition_forbids_is_refused(wrong: dict[str, Any]) -> None:
    inputs = {"version": "v1", "resource": "pods", "operation": "present"}
    with pytest.raises(ApiError, match="probe"):
        stored(probe=[probe("k8sProbe", "SOT", inputs) | wrong])


def test_a_misspelt_field_of_spec_is_kept_until_the_operator_writes() -> None:
    assert stored(jobCleanupPolicy="delete")["jobCleanupPolicy"] == "delete"


def test_a_misspelt_field_of_a_typed_part_is_dropped_silently() -> None:
    assert stored(appinfo={"appns": "town", "appLabel": "app=web"})["appinfo"] == {"appns": "town"}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d["spec"]["names"]["kind"])
def test_no_kind_has_a_status_subresource_or_defaults(definition: dict[str, Any]) -> None:
    (version,) = definition["spec"]["versions"]
    assert version["subresources"] == {}
    assert "default" not in str(version["schema"]).replace("defaultHealthCheck", "")
