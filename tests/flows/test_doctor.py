"""`doctor` asks for the rights that a run and a recovery ask for, and for no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from chaoskit.flows import doctor
from chaoskit.ports.cluster import Access, Cluster, Permission

RUNNER = {
    "chaosengines": "create get list watch patch delete", "chaosresults": "get list watch",
    "leases": "create get list patch delete", "events": "list watch", "jobs": "list",
    "pods": "get list watch",
}  # fmt: skip
"""What `plan --rbac` gives to who runs an experiment."""


class _Asked:
    """A cluster that has every namespace, and answers what one may do."""

    def __init__(self, answer: Callable[[Access], Permission]) -> None:
        self._answer = answer

    def get(self, ref: object) -> dict[str, Any]:
        return {}

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        assert access.namespace == "shop"
        return self._answer(access)


def _rights(answer: Callable[[Access], Permission]) -> dict[str, tuple[str, str]]:
    found = doctor.rights(cast("Cluster", _Asked(answer)), "shop")
    run, recover = found
    return {"run": (run.state, run.words), "recover": (recover.state, recover.words)}


def _runner(access: Access) -> Permission:
    allowed = access.verb in RUNNER.get(access.resource, "").split() and not access.subresource
    return "allowed" if allowed else "denied"


def test_who_has_the_rights_that_a_plan_names_may_run_and_is_only_warned_of_recoveries() -> None:
    found = _rights(_runner)
    assert found["run"] == ("ok", "you may do what run needs in namespace shop")
    assert found["recover"][0] == "warning"
    assert "patch deployments.apps in shop" in found["recover"][1]
    assert "create pods/eviction in shop" in found["recover"][1]


@pytest.mark.parametrize("lost", ["get leases", "patch leases", "delete chaosengines", "watch pods"])
def test_one_right_too_few_blocks_a_run(lost: str) -> None:
    found = _rights(lambda access: "denied" if lost == f"{access.verb} {access.resource}" else "allowed")
    assert found["run"][0] == "blocked"
    assert lost in found["run"][1].replace(".coordination.k8s.io", "").replace(".litmuschaos.io", "")


def test_rights_that_cannot_be_asked_for_are_a_warning_and_never_a_yes() -> None:
    found = _rights(lambda _: "unknown")
    assert [state for state, _ in found.values()] == ["warning", "warning"]
    assert "cannot be known" in found["run"][1]
