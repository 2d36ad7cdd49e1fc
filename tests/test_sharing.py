from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from tests.acts.fake import CART, FakeCluster, deployment
from tests.servers import until

from chaoskit import kube
from chaoskit.clock import WallClock
from chaoskit.errors import NotFound, Unavailable
from chaoskit.experiments.preparing import looked_at
from chaoskit.ports.cluster import Access, Change, Cluster, Kind, Listing, Object, ObjectRef, Permission
from chaoskit.ports.metrics import Alert, Sample, Series, Signal
from chaoskit.sharing import Ages, Moment, SharedCluster, SharedMetrics, abreast, fresh, made, right
from chaoskit.sharing.hub import Watches
from chaoskit.sharing.reads import CROWD, LONGEST, Reads
from chaoskit.signals import BY_NAME


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
        self.waiting = threading.Event()
        self.denied_all: set[Access] = set()

    def get(self, ref: ObjectRef) -> Object:
        self._ask(f"get {ref}")
        return super().get(ref)

    def list(self, kind: Kind, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        self._ask(f"list {kind}")
        return super().list(kind, namespace, labels=labels, fields=fields)

    def apply(self, body: Object, **_: Any) -> Object:
        return body

    def can_i(self, access: Access, *, user: str = "") -> Permission:
        self._ask(f"can {access} {access.name}".strip())
        return "denied" if access in self.denied_all else "allowed"

    def watch(self, *_: Any, stop: threading.Event, **__: Any) -> Iterator[Change]:
        self.watched += 1
        yield from self.changes
        if self.error is not None:
            raise self.error
        self.waiting.set()
        stop.wait(20)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self.answering.wait(20)
        if self.error is not None:
            raise self.error


def side_by_side(*acts: Callable[[], object], then: Callable[[], object] = lambda: None) -> list[object]:
    """What they answered, or the errors they raised; `then` came when each had ended or waited."""
    found: list[object] = [None] * len(acts)

    def one(place: int, act: Callable[[], object]) -> None:
        try:
            found[place] = act()
        except Exception as error:  # noqa: BLE001 - looked at by the test
            found[place] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    until(lambda: not any(map(_works, threads)), 20, "somebody neither ends nor waits")
    then()
    for thread in threads:
        thread.join(20)
    return found


def _works(thread: threading.Thread) -> bool:
    """Whether it has not ended, and waits for nobody."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code is not threading.Condition.wait.__code__


def asking(cluster: Slow, number: int, act: Callable[[], object]) -> list[object]:
    """So many ask, and the first question is answered when all of them wait."""
    cluster.answering.clear()
    return side_by_side(*[act] * number, then=cluster.answering.set)


def test_who_asks_the_same_at_once_gets_one_answer() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages())
    found = asking(cluster, 20, lambda: shared.get(CART)["metadata"]["name"])
    assert found == ["cart"] * 20
    assert len(cluster.asked) <= 3  # one that was under way, and one that began after all of them had asked


def test_an_answer_is_never_older_than_the_question_but_for_lists() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages())
    for _ in range(3):
        shared.get(CART)
        shared.list(kube.DEPLOYMENT, "shop")
        shared.list(kube.LEASE, "shop")
    assert cluster.asked.count("get deployment/cart") == 3
    assert cluster.asked.count("list deployment") == 1
    assert cluster.asked.count("list lease") == 3


def test_different_questions_have_different_answers() -> None:
    shared = SharedCluster(Slow(deployment(), deployment("orders")), Ages())
    other = ObjectRef(kube.DEPLOYMENT, "shop", "orders")
    assert shared.get(CART)["metadata"]["name"] != shared.get(other)["metadata"]["name"]
    assert len(shared.list(kube.DEPLOYMENT, "shop").items) == 2
    assert shared.list(kube.DEPLOYMENT, "elsewhere").items == ()


def test_that_there_is_none_is_an_answer_too() -> None:
    cluster = Slow()
    found = asking(cluster, 10, lambda: SharedCluster(cluster, Ages()))
    assert len(found) == 10
    shared = SharedCluster(cluster, Ages())
    errors = asking(cluster, 10, lambda: shared.get(CART))
    assert all(isinstance(each, NotFound) for each in errors)
    assert len(cluster.asked) <= 3


def test_rights_are_asked_for_once() -> None:
    cluster = Slow()
    shared = SharedCluster(cluster, Ages())
    access = Access("get", "", "pods", "shop")
    assert {shared.can_i(access), shared.can_i(access), shared.can_i(access, user="other")} == {"allowed"}
    assert len(cluster.asked) == 2


def test_of_who_may_do_it_to_all_it_is_not_asked_for_each_by_name() -> None:
    cluster = Slow()
    shared = SharedCluster(cluster, Ages())
    every = Access("patch", "", "configmaps", "shop")
    for name in ("a", "b"):
        assert shared.can_i(replace(every, name=name)) == "allowed"
    assert cluster.asked == ["can patch configmaps in shop"]
    cluster.denied_all, shared = {every, replace(every, name="b")}, SharedCluster(cluster, Ages())
    assert [shared.can_i(replace(every, name=name)) for name in ("a", "b")] == ["allowed", "denied"]


def test_a_right_is_known_without_a_question_only_where_somebody_asked_a_moment_ago() -> None:
    cluster = Slow()
    every = Access("patch", "", "configmaps", "shop")
    shared = SharedCluster(cluster, Ages())
    assert right(cluster, every) is None
    assert right(shared, every) is None
    shared.can_i(every)
    assert [right(shared, every), right(shared, replace(every, name="a"))] == ["allowed", "allowed"]
    assert right(shared, every, "other") is None
    cluster.denied_all, shared = {every}, SharedCluster(cluster, Ages())
    shared.can_i(every)
    assert [right(shared, every), right(shared, replace(every, name="a"))] == ["denied", None]
    forgetful = SharedCluster(cluster, Ages(rights=0.0))
    forgetful.can_i(every)
    assert right(forgetful, every) is None


def test_a_right_that_could_not_be_asked_for_is_not_known() -> None:
    cluster = Slow()
    cluster.error = Unavailable("no answer", service="Kubernetes API", address="here")
    shared = SharedCluster(cluster, Ages())
    with pytest.raises(Unavailable):
        shared.can_i(Access("get", "", "pods", "shop"))
    assert right(shared, Access("get", "", "pods", "shop")) is None


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
    shared = SharedCluster(cluster, Ages())
    stop = threading.Event()
    first = shared.watch(kube.POD, "shop", stop=stop)
    assert sorted(next(first).type for _ in range(3)) == ["ADDED", "ADDED", "SYNCED"]
    assert seen(shared, 3) == ["ADDED a", "ADDED b", "SYNCED"]
    assert cluster.watched == 1
    stop.set()
    assert list(first) == []


def test_who_waits_where_nothing_happens_leaves_when_told_and_nobody_else_does() -> None:
    cluster = Slow()
    shared = SharedCluster(cluster, Ages())
    stops = [threading.Event(), threading.Event()]
    heard: list[list[Change]] = [[], []]

    def follow(place: int) -> None:
        heard[place] += shared.watch(kube.POD, "shop", stop=stops[place])

    threads = [threading.Thread(target=follow, args=(place,)) for place in range(2)]
    for thread, stop in zip(threads, stops, strict=True):
        thread.start()
        assert cluster.waiting.wait(20)
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
    assert heard == [[], []]


def test_what_was_deleted_is_not_told_to_late_comers() -> None:
    cluster = Slow()
    cluster.changes = [
        Change("ADDED", pod("a")),
        Change("SYNCED", {}),
        Change("DELETED", pod("a")),
        Change("ADDED", pod("b")),
    ]
    shared = SharedCluster(cluster, Ages())
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
    shared = SharedCluster(cluster, Ages())
    found = side_by_side(*[lambda: list(shared.watch(kube.POD, "shop", stop=threading.Event()))] * 3)
    assert all(isinstance(each, Unavailable) for each in found)
    cluster.error, cluster.changes = None, [Change("SYNCED", {})]
    assert seen(shared, 1) == ["SYNCED"]


def test_writes_go_straight_through() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages())
    shared.patch(CART, {"spec": {"replicas": 5}})
    assert cluster.wrote == ["patch deployment/cart"]
    shared.delete(CART)
    with pytest.raises(NotFound):
        shared.get(CART)


def test_what_is_made_of_lists_is_made_once_for_all_and_if_fresh_for_those_who_ask_together() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages())

    def names(cluster: Cluster) -> list[str]:
        return [body["metadata"]["name"] for body in cluster.list(kube.DEPLOYMENT, "shop").items]

    assert made(shared, "names", names) is made(shared, "names", names)
    assert made(shared, "names", names, fresh=True) is not made(shared, "names", names, fresh=True)
    found = asking(cluster, 20, lambda: made(shared, "fresh", names, fresh=True))
    assert found == [["cart"]] * 20
    assert len({id(each) for each in found}) <= 3
    assert made(cluster, "names", names) is not made(cluster, "names", names)


def test_what_is_made_if_fresh_is_made_of_no_remembered_list() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages(lists=inf))
    assert len(looked_at(shared, "shop").workloads) == len(shared.list(kube.DEPLOYMENT, "shop").items) == 1
    cluster.create(deployment("orders"))
    assert len(shared.list(kube.DEPLOYMENT, "shop").items) == 1
    for each in (shared, Moment(shared)):
        assert len(looked_at(each, "shop").workloads) == 2


def test_who_asks_for_it_fresh_has_a_crowd_take_the_same_share_of_the_time() -> None:
    shared = SharedCluster(Slow(), Ages(lists=0.01, share=0.7)).fresh()
    assert isinstance(shared, SharedCluster)
    assert shared._ages == Ages(lists=0.0, share=0.7)


def test_the_guards_of_those_who_begin_together_look_at_one_topology() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages())
    found = asking(cluster, 20, lambda: looked_at(shared, "shop"))
    assert len({id(each) for each in found}) <= 3


def _say_anew(cluster: Slow, shared: SharedCluster, write: Callable[[SharedCluster], object]) -> bool:
    """Whether a list is read anew after something was written."""
    shared.list(kube.POD, "shop")
    cluster.asked.clear()
    write(shared)
    shared.list(kube.POD, "shop")
    return "list pod" in cluster.asked


LEASE = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "namespace": "a"}}


@pytest.mark.parametrize(
    ("write", "anew"),
    [
        (lambda it: it.create(deployment("orders")), True),
        (lambda it: it.apply(deployment()), True),
        (lambda it: it.patch(CART, {"spec": {"replicas": 5}}), True),
        (lambda it: fresh(it).patch(CART, {"spec": {"replicas": 5}}), True),
        (lambda it: Moment(it).patch(CART, {"spec": {"replicas": 5}}), True),
        (lambda it: it.evict(CART), True),
        (lambda it: it.delete(CART), True),
        (lambda it: it.create(deployment("orders"), dry_run=True), False),
        (lambda it: it.create(LEASE), False),
        (lambda it: it.get(CART), False),
    ],
)
def test_what_was_written_makes_lists_old_but_for_leases(
    write: Callable[[SharedCluster], object], anew: bool
) -> None:
    cluster = Slow(deployment())
    assert _say_anew(cluster, SharedCluster(cluster, Ages(lists=inf)), write) is anew


def test_a_write_that_failed_may_have_been_one() -> None:
    cluster = Slow(deployment())

    def failing(shared: SharedCluster) -> None:
        with pytest.raises(NotFound):
            shared.patch(ObjectRef(kube.DEPLOYMENT, "shop", "nobody"), {"spec": {}})

    assert _say_anew(cluster, SharedCluster(cluster, Ages(lists=inf)), failing)


def test_a_fresh_view_remembers_no_list_and_shares_those_under_way() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages(lists=inf))
    shared.list(kube.POD, "shop")
    for _ in range(2):
        fresh(shared).list(kube.POD, "shop")
        fresh(Moment(shared)).list(kube.POD, "shop")
    assert cluster.asked == ["list pod"] * 5
    assert fresh(cluster) is cluster
    asking(cluster, 20, lambda: fresh(shared).list(kube.POD, "shop"))
    assert len(cluster.asked) <= 8


def test_a_moment_reads_each_thing_once_and_the_next_one_again() -> None:
    cluster = Slow(deployment())
    shared = SharedCluster(cluster, Ages())
    for moment in (Moment(shared), Moment(shared)):
        for _ in range(3):
            moment.get(CART)
            moment.list(kube.LEASE, "shop")
            made(moment, "leases", _anything, fresh=True)
    assert sorted(cluster.asked) == ["get deployment/cart"] * 2 + ["list lease"] * 2


def _anything(_: Cluster) -> object:
    return object()


def test_what_a_moment_makes_of_lists_is_shared_with_others() -> None:
    shared = SharedCluster(Slow(), Ages())
    assert made(Moment(shared), "x", _anything) is made(Moment(shared), "x", _anything)
    one = Moment(shared)
    assert made(one, "y", _anything, fresh=True) is made(one, "y", _anything, fresh=True)
    assert made(one, "y", _anything, fresh=True) is not made(Moment(shared), "y", _anything, fresh=True)


def test_one_thread_looks_for_those_who_leave_whatever_they_watch_and_ends_with_them() -> None:
    watches, stop, heard = Watches(), threading.Event(), threading.Barrier(21)
    before = set(threading.enumerate())

    def follow(over: threading.Event) -> Iterator[Change]:
        yield Change("SYNCED", {})
        over.wait(20)

    def listen(number: int) -> None:
        for _ in watches.changes(number, follow, stop):
            heard.wait(20)

    threads = [threading.Thread(target=listen, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    heard.wait(20)
    begun = set(threading.enumerate()) - before
    assert len(begun) == 20 + 20 + 1  # who listens, who watches, who looks
    stop.set()
    for thread in begun:
        thread.join(20)
    assert not any(each.is_alive() for each in begun)
    assert watches._hubs == {}


def test_of_more_answers_than_are_kept_the_oldest_is_asked_for_again() -> None:
    reads, asked = Reads(kept=2), list[int]()
    for key in (1, 2, 1, 3, 2, 1):
        reads.read(key, lambda key=key: asked.append(key), inf)  # type: ignore[misc]
    assert asked == [1, 2, 3, 1]


class Measured:
    """Counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def range(
        self, signal: Signal, start: datetime, end: datetime, *, step: int = 0,
        where: Mapping[str, str] | None = None,
    ) -> tuple[Series, ...]:  # fmt: skip
        self.asked.append(f"{signal.name} {end - start} {step} {dict(where or {})}")
        return ()

    def instant(
        self, signal: Signal, where: Mapping[str, str] | None = None, *, at: datetime | None = None
    ) -> tuple[Sample, ...]:
        self.asked.append(f"{signal.name} {where} {at}")
        return ()

    def alerts(self) -> tuple[Alert, ...]:
        self.asked.append("alerts")
        return ()


def test_a_stretch_of_a_signal_is_asked_for_once_and_what_is_true_now_each_time() -> None:
    source = Measured()
    shared = SharedMetrics(source, WallClock())
    cpu, start = BY_NAME["cpu_usage"], datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(2):
        shared.range(cpu, start, start + timedelta(minutes=1), step=15, where={"namespace": "shop"})
        shared.range(cpu, start, start + timedelta(minutes=1), step=15, where={"namespace": "lab"})
        shared.instant(cpu, {"namespace": "shop"}, at=start)
        shared.alerts()
    assert sorted(source.asked) == [
        "alerts",
        "alerts",
        "cpu_usage 0:01:00 15 {'namespace': 'lab'}",
        "cpu_usage 0:01:00 15 {'namespace': 'shop'}",
        *["cpu_usage {'namespace': 'shop'} 2026-01-01 00:00:00+00:00"] * 2,
    ]


def _pauses(took: float, share: float, error: Exception | None = None) -> list[float]:
    """How long the next one waits after a crowd had a read together that took so long."""
    now, waited = [0.0], list[float]()
    reads = Reads(now=lambda: now[0], pause=waited.append)

    def fetch() -> None:
        now[0] += took
        if error is not None:
            raise error

    for _ in range(CROWD):
        with suppress(TimeoutError):
            reads.read("leases", fetch, inf, share=share)
    assert waited == []
    for _ in range(2):  # nobody else asks for what the first of them has read
        with suppress(TimeoutError):
            reads.read("leases", fetch, 0.0, share=share)
    return waited


@pytest.mark.parametrize(
    ("took", "share", "pauses"),
    [
        (0.1, 0.5, [pytest.approx(0.1)]),
        (0.1, 0.8, [pytest.approx(0.025)]),
        (0.1, 1.0, []),
        (30.0, 0.5, [pytest.approx(LONGEST)]),
    ],
)
def test_who_asks_what_a_crowd_has_asked_waits_a_moment_for_more_of_it(
    took: float, share: float, pauses: list[float]
) -> None:
    assert _pauses(took, share) == pauses


def test_who_asks_what_a_crowd_could_not_read_does_not_wait() -> None:
    assert _pauses(0.1, 0.5, TimeoutError()) == []


# ---------------------------------------------------------------- side by side


def test_answers_come_in_the_order_of_the_questions_however_many_there_are() -> None:
    assert abreast(lambda number: number * 2, range(30)) == tuple(range(0, 60, 2))
    assert abreast(lambda number: number, ()) == ()


def test_who_is_interrupted_waits_for_no_answer() -> None:
    silent = threading.Event()

    def ask(number: int) -> bool:
        if number == 0:
            raise KeyboardInterrupt
        return silent.wait(60)

    try:
        with pytest.raises(KeyboardInterrupt):
            abreast(ask, range(3))
    finally:
        silent.set()
