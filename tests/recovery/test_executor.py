"""How a recovery ends when something comes between: a bug, a signal, another process, a blind guard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from tests.recovery.simulated import Scene, scene

from chaoskit import clusters, kube, recovery
from chaoskit.acts import halt
from chaoskit.acts.accounts import Account, accounts
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Stop
from chaoskit.errors import Forbidden, Unavailable
from chaoskit.events import Event, Step, Warned
from chaoskit.governor import Governor
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster, Kind, Listing, Object, ObjectRef
from chaoskit.ports.notifier import Notice
from chaoskit.records import RecoveryRecord
from chaoskit.recovery import Decision, Options, Reach, guards


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Scene]:
    """A shop whose cart crashes since its last rollout."""
    with scene(tmp_path) as found:
        found.roll_out("cart", FAULT="exit=3")
        yield found


@pytest.fixture
def decision(shop: Scene) -> Decision:
    return shop.decide(shop.wait_for("pod-crash", sure=0.95))


def _template(shop: Scene) -> Object:
    found: Object = shop.deployment("cart")["spec"]["template"]
    return found


def _account(shop: Scene) -> Account:
    (found,) = accounts(shop.cluster, "shop")
    return found


def _rolled_back(event: Event) -> bool:
    return isinstance(event, Step) and (event.name, event.mark) == ("roll-back", "done")


def test_a_bug_in_the_middle_is_raised_when_what_was_done_is_undone(shop: Scene, decision: Decision) -> None:
    broken = _template(shop)

    def listen(event: Event) -> None:
        if _rolled_back(event):
            raise ValueError("the listener's own")

    with pytest.raises(ValueError, match="own"):
        shop.recover(decision, listen=listen)
    assert _template(shop) == broken
    assert (_account(shop).state, _account(shop).outcome) == ("done", "bug")


def test_what_a_termination_stops_is_called_terminated(shop: Scene, decision: Decision) -> None:
    stop, broken = Stop(), _template(shop)
    stop.signal = 15

    def listen(event: Event) -> None:
        if _rolled_back(event):
            stop.set()

    record = shop.recover(decision, stop=stop, listen=listen)
    assert (record.outcome, record.undo.state) == (Outcome.TERMINATED, "confirmed")
    assert _template(shop) == broken


def test_a_recovery_that_was_taken_over_changes_nothing_more(shop: Scene, decision: Decision) -> None:
    def listen(event: Event) -> None:
        if _rolled_back(event):
            Ledger.take_over(shop.cluster, shop.clock, _account(shop))

    record = shop.recover(decision, listen=listen)
    assert record.outcome is Outcome.UNDO_UNCONFIRMED
    assert "taken over" in record.undo.left[0]
    assert [step["action"] for step in record.steps] == ["roll-back"]
    account = _account(shop)
    assert (account.state, len(account.entries)) == ("active", 1)


def test_a_recovery_whose_lease_was_removed_undoes_what_nobody_else_will(
    shop: Scene, decision: Decision
) -> None:
    broken = _template(shop)

    def listen(event: Event) -> None:
        if _rolled_back(event):
            shop.cluster.delete(_account(shop).ref)

    record = shop.recover(decision, listen=listen)
    assert (record.outcome, record.undo.state) == (Outcome.NOT_RECOVERED, "confirmed")
    assert _template(shop) == broken


def test_what_was_done_is_remembered_as_long_as_planners_look_back(shop: Scene, decision: Decision) -> None:
    assert shop.recover(decision).outcome is Outcome.RECOVERED
    account = _account(shop)
    assert account.ended is not None
    assert account.keep_until == account.ended + guards.LOOP_WINDOW
    assert timedelta(hours=1) < guards.LOOP_WINDOW


def test_the_cluster_tells_how_a_recovery_ended_before_its_record_is_handed_on(
    shop: Scene, decision: Decision
) -> None:
    told: list[tuple[str, str, str]] = []

    def ending(record: RecoveryRecord) -> None:
        account = _account(shop)
        told.append((account.state, account.outcome, account.reason))
        assert told == [("active", record.outcome.value, record.reason)]

    record = shop.recover(decision, ending=ending)
    assert told == [("active", "recovered", record.reason)]


def test_a_recovery_that_did_nothing_leaves_no_ledger(shop: Scene, decision: Decision) -> None:
    stop = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, Step) and event.name == "roll-back" and event.mark == "begun":
            halt.halt(shop.cluster, shop.clock, ("recovery",), "enough")

    record = shop.recover(decision, listen=listen, stop=stop)
    assert [step["done"] for step in record.steps] == [False]
    assert accounts(shop.cluster, "shop") == ()


class _Veiled:
    """The cluster, whose ConfigMaps the caller may not read."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def list(self, kind: Kind, namespace: str = "", **more: Any) -> Listing:
        self._see(kind)
        return self._cluster.list(kind, namespace, **more)

    def get(self, target: ObjectRef) -> Object:
        self._see(target.kind)
        return self._cluster.get(target)

    def _see(self, kind: Kind) -> None:
        if kind == kube.CONFIG_MAP:
            raise Forbidden("may not read configmaps")


def test_a_guard_that_cannot_see_is_told_beside_the_recovery(shop: Scene, decision: Decision) -> None:
    heard: list[Event] = []
    veiled = cast("Cluster", _Veiled(shop.cluster))
    governor = Governor(veiled, shop.clock)
    reach = Reach(veiled, shop.metrics, shop.clock, governor)
    record = recovery.recover(decision, reach, Options(listen=heard.append))
    assert record.outcome is Outcome.RECOVERED, record.reason
    assert clusters.of(record.document()) == shop.cluster.identity()
    words = "a halt in namespace default would not be seen: may not read configmaps"
    assert words in [event.message for event in heard if isinstance(event, Warned)]
    assert words in [moment.detail for moment in record.timeline if moment.name == "warning"]


class _DeadPager:
    heard = True

    def send(self, notice: Notice) -> None:
        raise Unavailable("nobody answers", service="webhook")


def test_a_pager_that_does_not_answer_is_told_and_nobody_believes_that_a_person_knows(shop: Scene) -> None:
    body = shop.deployment("cart")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.invalid/team/none:1"
    fresh = {"name": "nopull", "namespace": "shop"}
    shop.cluster.create({**body, "metadata": fresh, "status": {}})
    issue = shop.wait_for("pod-crash", of="nopull")
    record = shop.recover(shop.decide(issue), notifier=_DeadPager())
    (step,) = record.steps
    assert (step["action"], step["done"], step["detail"]) == ("notify", False, "nobody answers")
