"""A pod template is written over the one that was read, however often the deployment's status changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.acts.fake import CART, FakeCluster, deployment
from tests.acts.lossy import Lossy, connected
from tests.wire import Answer, Asked

from chaoskit import rollouts
from chaoskit.acts import fields, rollout
from chaoskit.acts.entries import Entry
from chaoskit.clock import ManualClock
from chaoskit.errors import Conflict, Unavailable
from chaoskit.ports.cluster import Cluster, Object, ObjectRef

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


# ---------------------------------------------------------------- undone after a restart by others


def _revised(*, made: bool = True) -> tuple[FakeCluster, Entry]:
    """The deployment has the template a:2, which is ours; its controller `made` a replica set of it."""
    body = deployment()
    body["spec"]["template"] = ORDINARY
    body["metadata"]["uid"] = "uid-of-cart"
    cluster = FakeCluster(body, _replica_set(1, ORDINARY))
    ours = rollouts.fingerprint(_image("a:2"))
    entry = Entry(rollout.KIND, CART, ("spec", "template"), before="cart-1", after=ours)
    cluster.patch(CART, {"spec": {"template": _image("a:2")}})
    if made:
        cluster.create(_replica_set(2, _image("a:2")))
    return cluster, entry


def _replica_set(number: int, template: Object) -> Object:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart", "uid": "u", "controller": True}
    meta = {"name": f"cart-{number}", "namespace": "shop", "ownerReferences": [owner]}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {**meta, "annotations": {rollouts.REVISION: str(number)}},
        "spec": {"template": template},
    }


def _restart(cluster: FakeCluster) -> None:
    """As `kubectl rollout restart` does it."""
    notes = {rollouts.RESTARTED_AT: "now"}
    cluster.patch(CART, {"spec": {"template": {"metadata": {"annotations": notes}}}})


@pytest.mark.parametrize("made", [True, False])
def test_what_others_restarted_is_ours_still_and_their_restart_stays(*, made: bool) -> None:
    cluster, entry = _revised(made=made)
    _restart(cluster)
    assert rollout.undo(cluster, entry).fate == "restored"
    assert cluster.get(CART)["spec"]["template"] == rollouts.restarted(ORDINARY, "now")
    assert rollout.undo(cluster, entry).fate == "as before"


def test_what_others_changed_beside_a_restart_is_theirs() -> None:
    cluster, entry = _revised()
    cluster.patch(CART, {"spec": {"template": _image("theirs:1")}})
    _restart(cluster)
    assert rollout.undo(cluster, entry).fate == "not ours"
    assert cluster.get(CART)["spec"]["template"] == rollouts.restarted(_image("theirs:1"), "now")


def test_pods_of_a_restart_by_others_after_one_of_ours_are_made_anew_as_well() -> None:
    """They began with the setting that ours was done for, and that was put back since."""
    cluster, entry = _revised()
    ours = rollouts.restarted(ORDINARY, "then")
    entry = replace(entry, after=rollouts.fingerprint(ours))
    cluster.patch(CART, {"spec": {"template": ours}})
    cluster.create(_replica_set(3, ours))
    _restart(cluster)
    assert rollout.undo(cluster, entry).fate == "restored"
    assert cluster.get(CART)["spec"]["template"]["metadata"].get("annotations", {}) == {}
    assert rollout.undo(cluster, entry).fate == "as before"


# ---------------------------------------------------------------- the answer to a patch is lost


def _rolls(cluster: Cluster) -> None:
    rollout.change(cluster, cluster.get(CART), _image("a:2"))
    assert cluster.get(CART)["spec"]["template"] == _image("a:2")


def _scales(cluster: Cluster) -> None:
    assert fields.set_at(cluster, ManualClock(), CART, fields.REPLICAS, lambda present: present + 1)
    assert cluster.get(CART)["spec"]["replicas"] == 4


@pytest.mark.parametrize("act", [_rolls, _scales])
def test_a_patch_whose_answer_was_lost_is_done_and_done_once(
    tmp_path: Path, act: Callable[[Cluster], None]
) -> None:
    server = Lossy(_busy(0, _status))
    with connected(tmp_path, server) as cluster:
        act(cluster)
    assert server.patches == 2
    assert server.stored.wrote == ["patch deployment/cart"]


class _Shedding(Lossy):
    """It answers nobody who reads any more, once a patch has met what it wrote itself."""

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "GET" and self.patches == 2:
            return Answer(429, {"kind": "Status", "code": 429, "message": "too many requests"})
        return super().__call__(asked)


@pytest.mark.parametrize("act", [_rolls, _scales])
def test_who_cannot_see_what_a_patch_met_does_not_call_it_harmless(
    tmp_path: Path, act: Callable[[Cluster], None]
) -> None:
    server = _Shedding(_busy(0, _status))
    with connected(tmp_path, server) as cluster, pytest.raises(Unavailable, match="429") as raised:
        act(cluster)
    assert not raised.value.harmless
