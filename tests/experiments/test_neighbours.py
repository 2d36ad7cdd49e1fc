"""A weakness says which other run was at work where it was found; nobody else is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.experiments.conftest import Until, World
from tests.experiments.directly import furnish, trial, twin

from chaoskit import kube
from chaoskit.acts.accounts import Account
from chaoskit.acts.ledger import Ledger
from chaoskit.experiments import neighbours
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import ObjectRef

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAY = ObjectRef(kube.DEPLOYMENT, "shop", "pay")


def account(*targets: ObjectRef, **more: Any) -> Account:
    given = {"id": "other", "act": "chaos", "state": "active", "actions": ("pod-delete",), **more}
    ref = ObjectRef(kube.LEASE, "shop", "chaoskit-run-other")
    fixed = {"entries": (), "holder": "", "renewed": "", "duration": 30, "trace_id": "", "version": ""}
    return Account(ref=ref, targets=targets, **{**fixed, **given})


def named(*others: Account, looks_at: str = "deployment/pay") -> list[str]:
    one = trial("shop", "pod-delete", steadyState=[{"kubernetes": {"workload": looks_at}}])
    return list(neighbours.at_work(one, others, NOON, NOON + timedelta(minutes=1)))


@pytest.mark.parametrize(
    "other",
    [
        account(PAY),
        account(PAY, began=NOON + timedelta(seconds=59), ended=NOON + timedelta(minutes=2), state="done"),
        account(ObjectRef(kube.NODE, "", "n1")),
        account(ObjectRef(kube.DEPLOYMENT, "shop", "web")),
    ],
)
def test_who_injected_something_where_it_looks_is_named(other: Account) -> None:
    (words,) = named(other)
    assert words.startswith(f"run other (pod-delete) worked on {other.targets[0]}")


@pytest.mark.parametrize(
    "other",
    [
        account(PAY, ended=NOON - timedelta(seconds=11), state="done"),
        account(PAY, began=NOON + timedelta(minutes=2)),
        account(PAY, actions=()),
        account(PAY, act="recovery"),
        account(ObjectRef(kube.DEPLOYMENT, "shop", "search")),
        account(ObjectRef(kube.DEPLOYMENT, "blog", "pay")),
    ],
)
def test_who_was_over_did_nothing_recovered_or_was_elsewhere_is_not(other: Account) -> None:
    assert named(other) == []


def test_one_that_was_seen_twice_is_named_as_it_was_seen_last() -> None:
    over = account(PAY, ended=NOON - timedelta(minutes=1), state="done")
    assert named(account(PAY), over) == []
    assert len(named(account(PAY), account(PAY))) == 1


def test_a_weakness_names_the_run_of_another_process_and_stays_one(world: World) -> None:
    furnish(world, "neighbours")
    twin(world, "neighbours", "pay")
    pay = ObjectRef(kube.DEPLOYMENT, "neighbours", "pay")

    def break_it() -> None:
        given: dict[str, Any] = {"id": "theirs", "act": "chaos", "namespace": "neighbours", "trace_id": "t"}
        Ledger.open(world.cluster, world.clock, targets=(pay,), **given).note("config-mutation")
        bad = {"containers": [{"name": "web", "image": "registry.invalid/none:1"}]}
        strategy = {"rollingUpdate": None, "type": "Recreate"}
        world.cluster.patch(pay, {"spec": {"template": {"spec": bad}, "strategy": strategy}})

    steady = [{"kubernetes": {"workload": "deployment/pay"}, "mode": "continuous"}]
    one = trial("neighbours", "pod-delete", duration="20s", steadyState=steady)
    record = world.run(one, listen=Until("injected", break_it))
    assert record.outcome is Outcome.WEAKNESS_FOUND, record.reason
    theirs = "meanwhile run theirs (config-mutation) worked on deployment/pay in neighbours"
    assert theirs in record.reason
