"""A change is owed because it was done here: what others did alike, a moment before, is theirs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node
from tests.acts.test_ledger import LEASE, lose_the_answer, opened

from chaoskit import kube
from chaoskit.acts import changes
from chaoskit.acts.accounts import account_of
from chaoskit.acts.changes import Change
from chaoskit.acts.entries import Entry
from chaoskit.acts.fields import REPLICAS, TAINTS
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict, Unavailable
from chaoskit.ports.cluster import Object, ObjectRef

NODE = ObjectRef(kube.NODE, "", "node-1")
TAINT = {"key": "maintenance", "effect": "NoSchedule"}
Way = Callable[[FakeCluster, ManualClock], Change]


def scaled(cluster: FakeCluster, clock: ManualClock) -> Change:
    return changes.field(cluster, clock, cluster.get(CART), CART, REPLICAS, 0)


def sealed(cluster: FakeCluster, clock: ManualClock) -> Change:
    return changes.field(cluster, clock, cluster.get(CART), CART, REPLICAS, 0, secret=True)


def tainted(cluster: FakeCluster, clock: ManualClock) -> Change:
    return changes.element(cluster, clock, cluster.get(NODE), NODE, TAINTS, TAINT)


def theirs(cluster: FakeCluster) -> None:
    """Somebody else does the same."""
    cluster.patch(CART, {"spec": {"replicas": 0}, **set_by("kubectl")})
    cluster.patch(NODE, {"spec": {"taints": [{**TAINT, "value": "by-an-admin"}]}})


def set_by(manager: str) -> Object:
    """As the server records who set the replicas."""
    fields: Object = {"f:spec": {"f:replicas": {}}}
    return {"metadata": {"managedFields": [{"manager": manager, "fieldsV1": fields}]}}


@pytest.mark.parametrize("early", [True, False], ids=["since the plan", "at the write"])
@pytest.mark.parametrize("way", [scaled, sealed, tainted])
def test_what_others_did_alike_stays_when_all_is_undone(way: Way, *, early: bool) -> None:
    cluster, clock = FakeCluster(deployment(), node()), ManualClock()
    ledger = opened(cluster, clock)
    change = way(cluster, clock)
    quicker = iter((True,))

    def meanwhile(_verb: str, ref: ObjectRef) -> None:
        if (early or ref == change.target) and next(quicker, False):
            theirs(cluster)

    cluster.before_write = meanwhile
    ledger.write(*change.entries)
    assert ledger.carry_out(change) is False
    assert account_of(cluster.get(LEASE)).entries == ledger.account.entries == ()
    assert ledger.undo().state == "none needed"
    assert cluster.get(CART)["spec"]["replicas"] == 0
    assert cluster.get(NODE)["spec"]["taints"][0]["value"] == "by-an-admin"


@pytest.mark.parametrize("way", [scaled, sealed, tainted])
def test_what_is_so_by_our_own_hand_whose_answer_was_lost_is_owed(way: Way) -> None:
    cluster, clock = FakeCluster(deployment(), node()), ManualClock()
    before = [cluster.get(CART)["spec"], cluster.get(NODE)["spec"]]
    ledger = opened(cluster, clock)
    change = way(cluster, clock)
    ledger.write(*change.entries)
    lose_the_answer(cluster)
    with pytest.raises(Unavailable):
        ledger.carry_out(change)
    assert ledger.carry_out(change) is False
    assert ledger.undo().state == "confirmed"
    assert [cluster.get(CART)["spec"], cluster.get(NODE)["spec"]] == before


@pytest.mark.parametrize("told", [{}, set_by("chaoskit")], ids=["nobody", "us"])
@pytest.mark.parametrize("way", [scaled, sealed, tainted])
def test_a_write_that_meets_itself_at_once_is_owed(way: Way, told: Object) -> None:
    """A proxy sent it twice: it is stored, and answered with a conflict."""
    cluster, clock = FakeCluster(deployment(), node()), ManualClock()
    cluster.patch(CART, told)
    before = [cluster.get(CART)["spec"], cluster.get(NODE)["spec"]]
    ledger = opened(cluster, clock)
    change = way(cluster, clock)
    ledger.write(*change.entries)
    lose_the_answer(cluster, Conflict("changed"))
    assert ledger.carry_out(change)
    assert [each.target for each in ledger.account.entries] == [change.target]
    assert ledger.undo().state == "confirmed"
    assert [cluster.get(CART)["spec"], cluster.get(NODE)["spec"]] == before


def test_what_was_done_to_the_same_before_is_owed_as_it_was() -> None:
    cluster, clock = FakeCluster(deployment()), ManualClock()
    ledger = opened(cluster, clock)

    def scale(wanted: int, meanwhile: int) -> bool:
        change = changes.field(cluster, clock, cluster.get(CART), CART, REPLICAS, wanted)
        cluster.patch(CART, {"spec": {"replicas": meanwhile}})
        ledger.write(*change.entries)
        return ledger.carry_out(change)

    assert [scale(2, meanwhile=3), scale(1, meanwhile=1)] == [True, False]
    assert ledger.account.entries == (Entry("field", CART, REPLICAS, 3, 2),)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("requirepass a\nport 1\n", "port 1", "2 lines to (hidden)"),
        ("a", None, "(hidden) to nothing"),
        ("a\nb\nc", "a\nb", "3 lines to 2 lines"),
    ],
)
def test_of_what_is_secret_it_is_told_how_many_lines_there_are(
    before: str, after: str | None, words: str
) -> None:
    cluster, clock = FakeCluster(deployment()), ManualClock()
    body = {**cluster.get(CART), "data": {"a": before}}
    change = changes.field(cluster, clock, body, CART, ("data", "a"), after, secret=True)
    assert change.words == f"{CART} data.a {words}"
