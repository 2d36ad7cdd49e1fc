"""A field that is removed is so once, whoever else does it, and whatever becomes of the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment, node
from tests.acts.lossy import Lossy, connected

from chaoskit import kube
from chaoskit.acts import fields
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
