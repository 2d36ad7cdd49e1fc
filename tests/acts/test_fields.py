"""A field is written once, whoever else does it, and whatever becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node
from tests.acts.lossy import Lossy, connected
from tests.acts.test_ledger import opened

from chaoskit import kube
from chaoskit.acts import changes, fields, undo
from chaoskit.acts.courses import alone
from chaoskit.acts.entries import Entry
from chaoskit.acts.means import Means
from chaoskit.clock import ManualClock
from chaoskit.ports.cluster import Object, ObjectRef

NODE = ObjectRef(kube.NODE, "", "node-1")
LABEL = ("metadata", "labels", "a.b/c")


@pytest.mark.parametrize("path", [("spec", "paused"), LABEL])
def test_a_removal_whose_answer_is_lost_is_done(tmp_path: Path, path: fields.Path) -> None:
    body = deployment()
    body["spec"]["paused"], body["metadata"]["labels"] = True, {"a.b/c": "d"}
    server = Lossy(FakeCluster(body))
    with connected(tmp_path, server) as cluster:
        assert fields.set_at(cluster, ManualClock(), CART, path, lambda _: None)
    assert server.patches == 2
    assert fields.value_at(server.stored.get(CART), path) is None


class Contested(FakeCluster):
    """Somebody else uncordons the node just before the first patch arrives."""

    def patch(self, ref: ObjectRef, patch: Any, **options: Any) -> Object:
        if self.get(ref)["spec"].get("unschedulable"):
            super().patch(ref, {"spec": {"unschedulable": None}})
        return super().patch(ref, patch, **options)


def test_what_somebody_else_removes_at_the_same_moment_is_not_ours() -> None:
    cluster = Contested(node(unschedulable=True))
    assert not fields.set_at(cluster, ManualClock(), NODE, fields.CORDON, lambda _: None)


def before_it_is_sent_again(server: Lossy, ref: ObjectRef, act: Callable[[Object], object]) -> None:
    """Somebody else changes the object then, as `act` does."""

    def theirs(_verb: str, _ref: ObjectRef) -> None:
        if server.patches == 2:
            server.stored.before_write = lambda _verb, _ref: None
            body = server.stored.get(ref)
            act(body)
            server.stored.store("patch", ref, body)

    server.stored.before_write = theirs


def test_an_element_whose_answer_is_lost_is_taken_back_though_others_add_one_meanwhile(
    tmp_path: Path,
) -> None:
    ours, theirs = ({"key": key, "effect": "NoSchedule"} for key in ("maintenance", "not-ready"))
    server, clock = Lossy(FakeCluster(node())), ManualClock()
    before_it_is_sent_again(server, NODE, lambda body: body["spec"]["taints"].append(theirs))
    ledger = opened(server.stored, clock)
    with connected(tmp_path, server) as cluster:
        change = changes.element(cluster, clock, cluster.get(NODE), NODE, fields.TAINTS, ours)
        ledger.write(*change.entries)
        assert ledger.carry_out(change)
    assert server.stored.get(NODE)["spec"]["taints"] == [ours, theirs]
    assert ledger.undo().state == "confirmed"
    assert server.stored.get(NODE)["spec"]["taints"] == [theirs]


def test_what_others_set_right_after_it_was_put_back_is_theirs(tmp_path: Path) -> None:
    server, clock = Lossy(FakeCluster(deployment(replicas=0))), ManualClock()
    before_it_is_sent_again(server, CART, lambda body: body["spec"].update(replicas=5))
    entry = Entry("field", CART, fields.REPLICAS, before=3, after=0)
    with connected(tmp_path, server) as cluster:
        undone = alone(undo.undo(Means(cluster, clock), entry), clock)
    assert undone.fate == "not ours"
    assert server.stored.get(CART)["spec"]["replicas"] == 5
