"""A field is set or removed once, whatever becomes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.acts.fake import FakeCluster, node

from chaoskit import kube
from chaoskit.acts import fields
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict, InvalidInput
from chaoskit.ports.cluster import Object, ObjectRef

NODE = ObjectRef(kube.NODE, "", "node-1")


class Resent(FakeCluster):
    """Somebody on the way sends each patch twice; the second answer is heard."""

    def patch(self, ref: ObjectRef, patch: Any, **options: Any) -> Object:
        super().patch(ref, patch, **options)
        return super().patch(ref, patch, **options)


def test_a_removal_that_meets_itself_is_done() -> None:
    cluster = Resent(node(unschedulable=True))
    assert fields.set_at(cluster, ManualClock(), NODE, fields.CORDON, lambda _: None)
    assert "unschedulable" not in cluster.get(NODE)["spec"]


def test_a_removal_that_the_server_refuses_is_told() -> None:
    cluster = FakeCluster(node(unschedulable=True))

    def refuse(_verb: str, _ref: ObjectRef) -> None:
        raise InvalidInput("the server rejected our request")

    cluster.before_write = refuse
    with pytest.raises(InvalidInput, match="rejected"):
        fields.set_at(cluster, ManualClock(), NODE, fields.CORDON, lambda _: None)


def test_what_somebody_else_removes_at_the_same_moment_is_not_ours() -> None:
    cluster = FakeCluster(node(unschedulable=True))

    def theirs(_verb: str, _ref: ObjectRef) -> None:
        cluster.before_write = lambda _verb, _ref: None
        cluster.patch(NODE, {"spec": {"unschedulable": None}})
        raise Conflict("it has changed")

    cluster.before_write = theirs
    assert not fields.set_at(cluster, ManualClock(), NODE, fields.CORDON, lambda _: None)
