"""A pod template is written over the one that was read, however often the deployment's status changes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from tests.acts.fake import CART, FakeCluster, deployment

from chaoskit.acts import rollout
from chaoskit.errors import Conflict
from chaoskit.ports.cluster import Object, ObjectRef

ORDINARY = {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}}


def _image(name: str) -> Object:
    template: Object = copy.deepcopy(ORDINARY)
    template["spec"]["containers"][0]["image"] = name
    return template


def _busy(times: int, write: Callable[[Object], None]) -> FakeCluster:
    """A cluster in which somebody writes the deployment just before each of the first patches."""
    body = deployment()
    body["spec"]["template"] = ORDINARY
    cluster = FakeCluster(body)
    left = iter(range(times))

    def theirs(_verb: str, ref: ObjectRef) -> None:
        if next(left, None) is not None:
            body = cluster.get(ref)
            write(body)
            cluster.store("theirs", ref, body)

    cluster.before_write = theirs
    return cluster


def _status(body: Object) -> None:
    body["status"] = {"updatedReplicas": 1}


def test_a_status_that_changes_meanwhile_is_no_conflict() -> None:
    cluster = _busy(5, _status)
    rollout.change(cluster, cluster.get(CART), _image("a:2"))
    assert cluster.get(CART)["spec"]["template"] == _image("a:2")


def test_another_template_meanwhile_is_a_conflict_and_stays() -> None:
    cluster = _busy(1, lambda body: body["spec"].update(template=_image("theirs:1")))
    with pytest.raises(Conflict):
        rollout.change(cluster, cluster.get(CART), _image("a:2"))
    assert cluster.get(CART)["spec"]["template"] == _image("theirs:1")


def test_what_never_stands_still_is_a_conflict_in_the_end() -> None:
    cluster = _busy(1000, _status)
    with pytest.raises(Conflict, match="changes faster than it can be written"):
        rollout.change(cluster, cluster.get(CART), _image("a:2"))
