"""How often the server is asked whose the volumes are that alerts name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.acts.fake import FakeCluster
from tests.recovery.made import NOW

from chaoskit import kube
from chaoskit.clock import ManualClock
from chaoskit.errors import Unavailable
from chaoskit.flows.owners import AGAIN, KEPT, Owners
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.metrics import Alert

CLAIM = {"name": "data", "namespace": "shop"}
FOUND = {"persistentvolumeclaim": "data", "namespace": "shop"}


class Asked(FakeCluster):
    """Counts what was got; `away` answers nobody."""

    def __init__(self, *objects: Object) -> None:
        self.asked: list[str] = []
        self.away = False
        super().__init__(*objects)

    def get(self, ref: ObjectRef) -> Object:
        self.asked.append(ref.name)
        if self.away:
            raise Unavailable("no answer", service="kubernetes")
        return super().get(ref)


def _volume(name: str, claim: dict[str, str] | None = CLAIM) -> Object:
    spec: dict[str, Any] = {"claimRef": claim} if claim else {}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def _alerts(*volumes: str) -> Sequence[Alert]:
    return [Alert("Lost", {"persistentvolume": each}, "firing", NOW) for each in volumes]


def test_a_volume_is_read_once_while_an_alert_names_it() -> None:
    cluster, clock = Asked(_volume("a"), _volume("b")), ManualClock()
    owners = Owners(cluster, clock)
    for _ in range(100):
        assert [each.found for each in owners.of(_alerts("a", "b", "a"))] == [FOUND] * 3
        clock.turn(KEPT - 1)
    assert cluster.asked == ["a", "b"]
    clock.turn(2)
    owners.of(_alerts("b"))
    owners.of(_alerts("a"))
    assert cluster.asked == ["a", "b", "a"]


def test_a_volume_without_an_owner_is_read_again_after_a_while() -> None:
    cluster, clock = Asked(_volume("a", None)), ManualClock()
    owners = Owners(cluster, clock)
    for _ in range(3):
        assert [each.found for each in owners.of(_alerts("a", "gone"))] == [{}, {}]
    assert cluster.asked == ["a", "gone"]
    clock.turn(AGAIN)
    cluster.patch(ObjectRef(kube.PERSISTENT_VOLUME, "", "a"), {"spec": {"claimRef": CLAIM}})
    assert [each.found for each in owners.of(_alerts("a", "gone"))] == [FOUND, {}]


def test_a_server_that_does_not_answer_is_asked_about_one_of_them_and_then_not_for_a_while() -> None:
    cluster, clock = Asked(*map(_volume, "abc")), ManualClock()
    owners = Owners(cluster, clock)
    owners.of(_alerts("a"))
    cluster.away = True
    for _ in range(3):
        assert [each.found for each in owners.of(_alerts("a", "b", "c"))] == [FOUND, {}, {}]
    assert cluster.asked == ["a", "b"]
    cluster.away = False
    clock.turn(AGAIN)
    assert [each.found for each in owners.of(_alerts("a", "b", "c"))] == [FOUND] * 3
