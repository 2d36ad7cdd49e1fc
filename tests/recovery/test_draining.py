"""A node is emptied within the budgets of its pods, and what only a person may do is left to one."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from tests.recovery import made
from tests.recovery.made import NOW
from tests.recovery.staged import Watched

from chaoskit import kube
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import Stop
from chaoskit.errors import Interrupted, Refused
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery import classify, remedies
from chaoskit.recovery.patience import Deadline
from chaoskit.recovery.remedies import Hands, Rung, Scene
from chaoskit.recovery.remedies.nodes import Drain
from chaoskit.recovery.symptoms import Severity, Symptom

NODE = ObjectRef(kube.NODE, "", "node-1")


def _issue(kind: str = "node-pressure") -> Any:
    (issue,) = classify([Symptom(kind, NODE, NOW, Severity.HIGH, kind)], now=NOW)
    return issue


def _pod(name: str, owner: str = "ReplicaSet", **annotations: str) -> Object:
    body = made.pod(name)
    body["metadata"]["ownerReferences"][0]["kind"] = owner
    body["metadata"]["annotations"] = annotations
    return body


class Node(Watched):
    """A cluster of one node with these pods; lists by node name are what the server would answer."""

    def __init__(self, *pods: Object) -> None:
        super().__init__({"apiVersion": "v1", "kind": "Node", **made.node("node-1")}, *pods)
        self.ledger = Ledger.open(
            self, self.clock, id="r1", act="recovery", namespace="shop", targets=(NODE,), trace_id="t"
        )

    def drain(self, **more: Any) -> str:
        return remedies.apply(self.rung, NODE, self.hands(**more), self.ledger)

    def hands(self, **more: Any) -> Hands:
        deadline = Deadline(self.clock, 300)
        return Hands(self, self.clock, "r1", self.clock.now(), _issue(), deadline, **more)

    @property
    def rung(self) -> Rung:
        seen = made.topology(*self.list(kube.POD).items)
        found = remedies.plan(Drain(action="drain"), Scene(_issue(), None, seen))
        assert isinstance(found, Rung), found
        return found

    @property
    def cordoned(self) -> bool:
        return bool(self.get(NODE)["spec"].get("unschedulable"))

    @property
    def evicted(self) -> list[str]:
        return [each.removeprefix("evict pod/") for each in self.wrote if each.startswith("evict")]


def test_a_node_is_cordoned_and_emptied_but_for_what_belongs_to_it() -> None:
    mirror = _pod("mirror", "Node", **{"kubernetes.io/config.mirror": "x"})
    node = Node(_pod("a"), _pod("b"), _pod("agent", "DaemonSet"), mirror)
    assert node.rung.targets == (NODE,)
    node.drain()
    assert node.cordoned
    assert node.evicted == ["a", "b"]
    assert node.ledger.undo().state == "confirmed"
    assert not node.cordoned


def test_only_a_node_that_answers_is_drained() -> None:
    lost = remedies.plan(Drain(action="drain"), Scene(_issue("node-lost"), None, made.topology()))
    assert lost == "only for a node that still answers"


def test_a_pod_goes_as_soon_as_its_budget_lets_it() -> None:
    node = Node(_pod("a"))

    def evicting(pod: ObjectRef) -> None:
        if node.clock.monotonic() < 60:
            raise Refused("its budget needs it", guard="disruption budget")
        node.gone(pod)

    node.evicting = evicting
    node.drain()
    assert node.clock.monotonic() == 60
    assert not node.list(kube.POD).items


def _never(_pod: ObjectRef) -> None:
    raise Refused("its budget needs it", guard="disruption budget")


def test_a_budget_that_never_lets_it_go_ends_the_rung() -> None:
    node = Node(_pod("a"), _pod("b"))
    node.evicting = _never
    with pytest.raises(Refused, match="its budget needs it"):
        node.drain()
    assert node.clock.monotonic() == 300
    assert set(node.evicted) == {"a"}


def test_a_termination_is_heard_while_a_budget_is_waited_for() -> None:
    node, stop = Node(_pod("a")), Stop()
    stop.signal, node.evicting = 15, _never
    node.at(7, stop.set)
    with pytest.raises(Interrupted) as caught:
        node.drain(stop=stop)
    assert (caught.value.signal, node.clock.monotonic()) == (15, 7)


def test_a_rehearsal_waits_for_no_budget() -> None:
    node = Node(_pod("a"))
    node.evicting = _never
    assert remedies.rehearse(node.rung, NODE, node.hands(rehearsal=True)) == "its budget needs it"
    assert node.clock.monotonic() == 0


def test_a_pod_that_nobody_would_make_anew_keeps_the_node() -> None:
    bare = _pod("bare")
    del bare["metadata"]["ownerReferences"]
    found = remedies.plan(Drain(action="drain"), Scene(_issue(), None, made.topology(bare)))
    assert found == "pod/bare of shop belongs to no workload that would make it anew"


def test_nobody_evicts_the_process_that_drains() -> None:
    node = Node(_pod(socket.gethostname()))
    with pytest.raises(Refused) as caught:
        node.drain()
    assert caught.value.guard == "self"
