"""Several watches as one stream; whatever ends one is heard by who waits, a bug included."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from chaoskit import kube
from chaoskit.clock import ManualClock, WallClock
from chaoskit.errors import Forbidden
from chaoskit.ports.cluster import Change, Cluster, Kind
from chaoskit.watching import Interest, Watching

PODS, EVENTS = Interest(kube.POD, "shop"), Interest(kube.EVENT, "shop")
SYNCED = Change("SYNCED", {})


class Watched:
    """A cluster whose watches say what they are told to, and then wait for their end or raise."""

    def __init__(self, **ends: Exception) -> None:
        self.ends = ends
        self.open = 0
        self.leave: Callable[[], object] = lambda: None

    def watch(self, kind: Kind, namespace: str = "", *, stop: threading.Event, **_: Any) -> Iterator[Change]:
        self.open += 1
        yield SYNCED
        if kind.plural in self.ends:
            raise self.ends[kind.plural]
        stop.wait()
        self.leave()
        self.open -= 1


def watching(cluster: Watched, *interests: Interest) -> Watching:
    return Watching(cast("Cluster", cluster), interests, WallClock())


def test_changes_of_all_watches_come_in_one_stream_with_what_they_came_for() -> None:
    with watching(Watched(), PODS, EVENTS) as stream:
        seen = {found.interest for _ in range(2) if (found := stream.next(5)) is not None}
    assert seen == {PODS, EVENTS}


def test_when_left_every_watch_has_ended() -> None:
    cluster = Watched()
    with watching(cluster, PODS, EVENTS) as stream:
        assert stream.next(5) is not None
        assert stream.next(5) is not None
        assert cluster.open == 2
    assert cluster.open == 0


def test_who_lets_them_linger_does_not_wait_until_they_have_ended() -> None:
    cluster, free = Watched(), threading.Event()
    cluster.leave = free.wait
    with Watching(cast("Cluster", cluster), (PODS,), WallClock(), linger=True) as stream:
        assert stream.next(5) is not None
    assert cluster.open == 1
    free.set()


@pytest.mark.parametrize("error", [Forbidden("not yours"), KeyError("metadata"), OSError("cut")])
def test_why_a_watch_ended_is_raised_and_never_swallowed(error: Exception) -> None:
    with watching(Watched(pods=error), PODS) as stream:
        assert stream.next(5) is not None
        with pytest.raises(type(error)) as caught:
            stream.next(5)
    assert caught.value is error


def test_without_a_change_the_time_passes_on_a_clock_turned_by_hand() -> None:
    clock = ManualClock()
    with Watching(cast("Cluster", Watched()), (), clock) as stream:
        assert stream.next(7) is None
    assert clock.monotonic() == 7
