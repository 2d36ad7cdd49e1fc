"""A running pod's resources: what others write meanwhile is theirs, each amount by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.acts.fake import FakeCluster
from tests.acts.test_ledger import CUT, lose_the_answer, opened

from chaoskit import kube
from chaoskit.acts import resize
from chaoskit.acts.changes import Change
from chaoskit.acts.ledger import Ledger
from chaoskit.clock import ManualClock
from chaoskit.errors import ChaoskitError, Conflict, Unavailable
from chaoskit.ports.cluster import Object, ObjectRef

POD = ObjectRef(kube.POD, "shop", "p")
OWN = {"limits": {"memory": "200Mi", "cpu": "2"}, "requests": {"memory": "200Mi"}}
LESS = {"limits": {"memory": "100Mi", "cpu": "200m"}, "requests": {"memory": "100Mi"}}


class Resizing(FakeCluster):
    """A cluster that merges the resources of the containers that a patch names."""

    def __init__(self) -> None:
        meta = {"name": "p", "namespace": "shop"}
        containers = [{"name": "c", "resources": OWN}, {"name": "beside", "resources": OWN}]
        super().__init__(
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers}}
        )

    def patch(self, ref: ObjectRef, patch: Any, *, type: str = "merge", **more: Any) -> Object:  # noqa: A002
        if type != "strategic":
            return super().patch(ref, patch, type=type, **more)
        containers = self.get(ref)["spec"]["containers"]
        for each in patch["spec"]["containers"]:
            (mine,) = (one for one in containers if one["name"] == each["name"])
            mine["resources"] = {
                part: {**mine["resources"][part], **each["resources"].get(part, {})} for part in OWN
            }
        return super().patch(ref, {**patch, "spec": {"containers": containers}}, **more)

    def set(self, part: str = "limits", **amounts: str) -> None:
        """Somebody else sets amounts of the container."""
        self.patch(
            POD, {"spec": {"containers": [{"name": "c", "resources": {part: amounts}}]}},
            type="strategic",
        )  # fmt: skip

    @property
    def has(self) -> Mapping[str, Any]:
        containers = self.get(POD)["spec"]["containers"]
        assert containers[1]["resources"] == OWN
        resources: Mapping[str, Any] = containers[0]["resources"]
        return resources


@pytest.fixture
def cluster() -> Resizing:
    return Resizing()


@pytest.fixture
def squeezed(cluster: Resizing) -> Change:
    """The pod has less."""
    change = resize.change(cluster, cluster.get(POD), {"c": LESS})
    assert change.do()
    assert cluster.has == LESS
    return change


def at_the_write(cluster: Resizing, act: Callable[[], object]) -> None:
    """Before the next write of the pod it is done."""
    once = iter((True,))

    def meanwhile(_verb: str, ref: ObjectRef) -> None:
        if ref.kind == kube.POD and next(once, False):
            act()

    cluster.before_write = meanwhile


def touch(cluster: Resizing) -> None:
    """The kubelet writes its status."""
    cluster.patch(POD, {"status": {"phase": "Running"}})


def test_each_limit_is_put_back_unless_others_set_it_since(cluster: Resizing, squeezed: Change) -> None:
    cluster.set(memory="300Mi")
    undone = resize.undo(cluster, squeezed.entries[0])
    assert undone.fate == "not ours"
    assert undone.words == "pod/p got another memory limit of c from others since: it stays"
    assert cluster.has == {"limits": {"memory": "300Mi", "cpu": "2"}, "requests": {"memory": "200Mi"}}


def test_a_request_that_others_set_since_stays(cluster: Resizing, squeezed: Change) -> None:
    cluster.set("requests", memory="150Mi")
    undone = resize.undo(cluster, squeezed.entries[0])
    assert undone.fate == "not ours"
    assert undone.words == "pod/p got another memory request of c from others since: it stays"
    assert cluster.has == {**OWN, "requests": {"memory": "150Mi"}}


def test_a_request_is_put_back_though_others_have_put_the_limits_back(
    cluster: Resizing, squeezed: Change
) -> None:
    cluster.set(**OWN["limits"])
    assert resize.undo(cluster, squeezed.entries[0]).fate == "restored"
    assert cluster.has == OWN


def test_a_request_is_not_put_back_over_a_limit_of_others(cluster: Resizing, squeezed: Change) -> None:
    cluster.set(memory="150Mi")
    assert resize.undo(cluster, squeezed.entries[0]).fate == "not ours"
    assert cluster.has == {"limits": {"memory": "150Mi", "cpu": "2"}, "requests": {"memory": "100Mi"}}


def test_what_others_set_in_the_same_moment_stays(cluster: Resizing, squeezed: Change) -> None:
    at_the_write(cluster, lambda: cluster.set(memory="800Mi"))
    assert resize.undo(cluster, squeezed.entries[0]).fate == "not ours"
    assert cluster.has["limits"] == {"memory": "800Mi", "cpu": "2"}


def test_a_pod_that_others_write_meanwhile_is_put_back_all_the_same(
    cluster: Resizing, squeezed: Change
) -> None:
    at_the_write(cluster, lambda: touch(cluster))
    assert resize.undo(cluster, squeezed.entries[0]).fate == "restored"
    assert cluster.has == OWN
    assert resize.undo(cluster, squeezed.entries[0]).fate == "as before"


def test_what_others_set_since_it_was_planned_is_not_overwritten(cluster: Resizing) -> None:
    change = resize.change(cluster, cluster.get(POD), {"c": LESS})
    at_the_write(cluster, lambda: cluster.set(memory="800Mi"))
    with pytest.raises(Conflict, match="other resources than a moment ago"):
        change.do()
    assert cluster.has["limits"]["memory"] == "800Mi"


def test_a_pod_that_never_stands_still_is_a_conflict_in_the_end(cluster: Resizing, squeezed: Change) -> None:

    def again(_verb: str, ref: ObjectRef) -> None:
        cluster.store("touch", ref, cluster.get(ref))

    cluster.before_write = again
    with pytest.raises(Conflict, match="changes faster"):
        resize.undo(cluster, squeezed.entries[0])


@pytest.mark.parametrize("error", [CUT, Conflict("changed")])
def test_a_resize_that_is_stored_though_its_answer_was_another_is_taken_back(
    cluster: Resizing, error: ChaoskitError
) -> None:
    ledger = opened(cluster, ManualClock())
    change = resize.change(cluster, cluster.get(POD), {"c": LESS})
    ledger.write(*change.entries)
    lose_the_answer(cluster, error)
    if error is CUT:
        with pytest.raises(Unavailable):
            ledger.carry_out(change)
    else:
        assert ledger.carry_out(change)
    assert cluster.has == LESS
    assert ledger.undo().state == "confirmed"
    assert cluster.has == OWN


class Crowded(Resizing):
    """Its kubelet gives what is asked for while the node has room, and says so."""

    room = True

    def patch(self, ref: ObjectRef, patch: Any, *, type: str = "merge", **more: Any) -> Object:  # noqa: A002
        super().patch(ref, patch, type=type, **more)
        if type == "strategic" and self.room:
            self.give()
        return self.get(ref)

    def give(self) -> None:
        """What is asked for is what runs."""
        self.says(conditions=[], containerStatuses=self.get(POD)["spec"]["containers"])

    def says(self, **status: Any) -> None:
        """The kubelet writes its status."""
        super().patch(POD, {"status": status})


PENDING = {
    "type": "PodResizePending",
    "status": "True",
    "reason": "Deferred",
    "message": "Node didn't have enough resource: cpu",
}


def in_a_crowd(clock: ManualClock) -> tuple[Crowded, Ledger]:
    """A pod that was given less, and the room it gave up went to others."""
    cluster = Crowded()
    ledger, change = opened(cluster, clock), resize.change(cluster, cluster.get(POD), {"c": LESS})
    ledger.write(*change.entries)
    assert ledger.carry_out(change)
    cluster.room = False
    cluster.says(conditions=[PENDING])
    return cluster, ledger


def test_what_the_node_does_not_give_back_is_owed_still() -> None:
    cluster, ledger = in_a_crowd(clock := ManualClock())
    undone = ledger.undo()
    assert undone.state == "not confirmed"
    assert 60 <= clock.monotonic() < 65
    (left,) = undone.left
    assert left == (
        "pod/p: its node does not give it its own resources, which a new pod has: "
        "Deferred: Node didn't have enough resource: cpu"
    )
    assert (cluster.has, len(ledger.account.entries)) == (OWN, 1)
    cluster.give()
    assert ledger.undo().state == "confirmed"
    assert not ledger.account.entries


def test_a_node_has_its_time_to_give_it_back() -> None:
    cluster, ledger = in_a_crowd(clock := ManualClock())
    clock.call_at(40, cluster.give)
    assert ledger.undo().state == "confirmed"


def test_of_a_pod_that_is_over_nothing_is_waited_for() -> None:
    cluster, ledger = in_a_crowd(clock := ManualClock())
    cluster.says(phase="Failed")
    began = clock.monotonic()
    assert (ledger.undo().state, clock.monotonic()) == ("confirmed", began)


def test_more_than_before_may_run_until_the_node_takes_it_back() -> None:
    cluster, clock = Crowded(), ManualClock()
    more = {**OWN, "limits": {"memory": "400Mi", "cpu": "2"}}
    ledger, change = opened(cluster, clock), resize.change(cluster, cluster.get(POD), {"c": more})
    ledger.write(*change.entries)
    assert ledger.carry_out(change)
    cluster.room = False
    assert ledger.undo().state == "confirmed"
    assert clock.monotonic() == 0
