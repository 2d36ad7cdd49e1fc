from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment

from chaoskit import kube
from chaoskit.clock import WallClock
from chaoskit.errors import NotFound, Unavailable
from chaoskit.ports.cluster import Access, Change, Kind, Listing, Object, ObjectRef, Permission
from chaoskit.sharing import SharedCluster


class Slow(FakeCluster):
    """Counts what it is asked, and answers when it is let."""

    def __init__(self, *objects: Object) -> None:
        super().__init__(*objects)
        self.asked: list[str] = []
        self.answering = threading.Event()
        self.answering.set()
        self.error: Exception | None = None
        self.changes: list[Change] = []
        self.watched = 0

    def get(self, ref: ObjectRef) -> Object:
        self._ask(f"get {ref}")
        return super().get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self._ask(f"list {kind}")
        return super().list(kind, namespace, labels=labels, fields=fields)

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        self._ask(f"can {access}")
        return "allowed"

    def watch(self, *_: Any, stop: threading.Event, **__: Any) -> Iterator[Change]:
        self.watched += 1
        yield from self.changes
        if self.error is not None:
            raise self.error
        stop.wait(20)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self.answering.wait(20)
        if self.error is not None:
            raise self.error


def side_by_side(*acts: Callable[[], object]) -> list[object]:
    """What they answered, or the errors they raised; all were under way together."""
    found: list[object] = [None] * len(acts)

    def one(place: int, act: Callable[[], object]) -> None:
        try:
            found[place] = act()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            found[place] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return found


def asking(cluster: Slow, number: int, act: Callable[[], object]) -> list[object]:
    """So many ask while the first question is not answered yet."""
    cluster.answering.clear()
    threading.Timer(0.2, cluster.answering.set).start()
    return side_by_side(*[act] * number)


def test_who_asks_the_same_at_once_gets_one_answer() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, WallClock())
    found = asking(cluster, 20, lambda: shared.get(CART)["metadata"]["name"])
    assert found == ["cart"] * 20
    assert len(cluster.asked) <= 3  # one that was under way, and one that began after all of them had asked


def test_an_answer_is_never_older_than_the_question_but_for_lists() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, WallClock())
    for _ in range(3):
        shared.get(CART)
        shared.list(kube.DEPLOYMENT, "shop")
        shared.list(kube.LEASE, "shop")
    assert cluster.asked.count("get deployment/cart") == 3
    assert cluster.asked.count("list deployment") == 1
    assert cluster.asked.count("list lease") == 3


def test_different_questions_have_different_answers() -> None:
    shared = SharedCluster(Slow(deployment(), deployment("orders")), WallClock())
    other = ObjectRef(kube.DEPLOYMENT, "shop", "orders")
    assert shared.get(CART)["metadata"]["name"] != shared.get(other)["metadata"]["name"]
    assert len(shared.list(kube.DEPLOYMENT, "shop").items) == 2
    assert shared.list(kube.DEPLOYMENT, "elsewhere").items == ()


def test_that_there_is_none_is_an_answer_too() -> None:
    cluster = Slow()
    found = asking(cluster, 10, lambda: SharedCluster(cluster, WallClock()))
    assert len(found) == 10
    shared = SharedCluster(cluster, WallClock())
    errors = asking(cluster, 10, lambda: shared.get(CART))
    assert all(isinstance(each, NotFound) for each in errors)
    assert len(cluster.asked) <= 3


def test_rights_are_asked_for_once() -> None:
    cluster = Slow()
    shared = SharedCluster(cluster, WallClock())
    access = Access("get", "", "pods", "shop")
    assert {shared.can_i(access), shared.can_i(access), shared.can_i(access, user="other")} == {"allowed"}
    assert len(cluster.asked) == 2


def pod(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "shop", "uid": name}}


def seen(shared: SharedCluster, number: int) -> list[str]:
    stop = threading.Event()
    found = []
    for change in shared.watch(kube.POD, "shop", stop=stop):
        found.append(f"{change.type} {change.object.get('metadata', {}).get('name', '')}".strip())
        if len(found) == number:
            stop.set()
    return found


def test_all_who_watch_the_same_share_one_watch_and_late_comers_hear_what_is_there() -> None:
    cluster = Slow()
    cluster.changes = [Change("ADDED", pod("a")), Change("ADDED", pod("b")), Change("SYNCED", {})]
    shared = SharedCluster(cluster, WallClock())
    stop = threading.Event()
    first = shared.watch(kube.POD, "shop", stop=stop)
    assert sorted(next(first).type for _ in range(3)) == ["ADDED", "ADDED", "SYNCED"]
    assert seen(shared, 3) == ["ADDED a", "ADDED b", "SYNCED"]
    assert cluster.watched == 1
    stop.set()
    assert list(first) == []


def test_what_was_deleted_is_not_told_to_late_comers() -> None:
    cluster = Slow()
    cluster.changes = [
        Change("ADDED", pod("a")),
        Change("SYNCED", {}),
        Change("DELETED", pod("a")),
        Change("ADDED", pod("b")),
    ]
    shared = SharedCluster(cluster, WallClock())
    stop = threading.Event()
    first = shared.watch(kube.POD, "shop", stop=stop)
    while next(first).object.get("metadata", {}).get("name") != "b":
        continue  # how much of the way to it is heard depends on who was first
    assert seen(shared, 2) == ["ADDED b", "SYNCED"]
    stop.set()
    list(first)


def test_a_watch_that_ends_for_good_ends_for_all_and_the_next_begins_anew() -> None:
    cluster = Slow()
    cluster.error = Unavailable("gone", service="kubernetes")
    shared = SharedCluster(cluster, WallClock())
    found = side_by_side(*[lambda: list(shared.watch(kube.POD, "shop", stop=threading.Event()))] * 3)
    assert all(isinstance(each, Unavailable) for each in found)
    cluster.error, cluster.changes = None, [Change("SYNCED", {})]
    assert seen(shared, 1) == ["SYNCED"]


def test_writes_go_straight_through() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, WallClock())
    shared.patch(CART, {"spec": {"replicas": 5}})
    assert cluster.wrote == ["patch deployment/cart"]
    shared.delete(CART)
    with pytest.raises(NotFound):
        shared.get(CART)
