"""A watch misses nothing and tells nothing twice, whatever happens to its connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from chaoskit.adapters.kubernetes.errors import Expired, Unserved
from chaoskit.adapters.kubernetes.retry import Policy
from chaoskit.adapters.kubernetes.watch import Follower, Known
from chaoskit.clock import Clock, ManualClock
from chaoskit.errors import Forbidden, NotFound, Unavailable
from chaoskit.ports.cluster import Change, Listing


def pod(name: str, version: int, uid: str = "") -> dict[str, Any]:
    meta = {"namespace": "shop", "name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return {"kind": "Pod", "metadata": meta}


def event(kind: str, body: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode()


BOOKMARK = {"kind": "Pod", "metadata": {"resourceVersion": "50"}}
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
CUT = Unavailable("cut", service="x")

Follow = list[bytes | Exception]


@dataclass
class Script:
    """Lists and streams in the order in which they are asked for; the watch is stopped when they end."""

    lists: list[Listing | Exception]
    follows: list[Follow | Exception]
    stop: threading.Event = field(default_factory=threading.Event)
    versions: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=ManualClock)
    policy: Policy = field(default_factory=Policy)
    closed: bool = False

    def list(self) -> Listing:
        return self._next(self.lists) or Listing((), "")

    @contextmanager
    def follow(self, version: str) -> Iterator[Iterator[bytes]]:
        self.versions.append(version)
        yield self._lines(self._next(self.follows) or [])

    def _next(self, queue: Any) -> Any:
        if not queue:
            self.stop.set()
            return None
        if isinstance(queue[0], Exception):
            raise queue.pop(0)
        return queue.pop(0)

    def _lines(self, follow: Follow) -> Iterator[bytes]:
        for each in follow:
            if isinstance(each, Exception):
                raise each
            yield each

    def told(self) -> Sequence[str]:
        return [_short(change) for change in Follower(self, self, self.stop).changes()]


def _short(change: Change) -> str:
    meta = change.object.get("metadata", {})
    return " ".join(filter(None, [change.type, meta.get("name"), meta.get("resourceVersion")]))


def test_what_is_there_comes_first_then_the_changes() -> None:
    script = Script(
        [Listing((pod("a", 1), pod("b", 2)), "9")],
        [[event("ADDED", pod("c", 10)), event("MODIFIED", pod("a", 11)), event("DELETED", pod("b", 12))]],
    )
    assert script.told() == [
        "ADDED a 1",
        "ADDED b 2",
        "SYNCED",
        "ADDED c 10",
        "MODIFIED a 11",
        "DELETED b 12",
    ]


def test_a_watch_that_the_server_ends_goes_on_from_the_last_version_without_a_word() -> None:
    script = Script([Listing((), "9")], [[event("ADDED", pod("a", 10)), event("BOOKMARK", BOOKMARK)], [], []])
    assert script.told() == ["SYNCED", "ADDED a 10"]
    assert script.versions[:3] == ["9", "50", "50"]


def test_a_cut_is_told_once_and_so_is_that_the_watch_resumes() -> None:
    script = Script(
        [Listing((), "9")],
        [[event("ADDED", pod("a", 10)), CUT], CUT, CUT, [event("MODIFIED", pod("a", 11))]],
    )
    assert script.told() == ["SYNCED", "ADDED a 10", "LOST", "SYNCED", "MODIFIED a 11"]
    assert script.versions[:4] == ["9", "10", "10", "10"]


def test_reconnecting_backs_off() -> None:
    script = Script([Listing((), "9")], [CUT, CUT, CUT, CUT, [event("ADDED", pod("a", 10))]])
    script.told()
    assert 1.5 <= script.clock.monotonic() <= 3.2


def test_every_cut_is_told_when_the_connection_came_back_between() -> None:
    script = Script([Listing((), "9")], [[event("ADDED", pod("a", 10)), CUT], [CUT]])
    assert script.told() == ["SYNCED", "ADDED a 10", "LOST", "SYNCED", "LOST", "SYNCED"]


@pytest.mark.parametrize("how", ["event", "status"])
def test_a_forgotten_version_is_bridged_by_the_difference(how: str) -> None:
    gone: Follow | Exception = [event("ERROR", GONE)] if how == "event" else Expired("410", service="x")
    script = Script(
        [
            Listing((pod("same", 1), pod("changed", 2), pod("vanished", 3), pod("replaced", 4, "old")), "9"),
            Listing((pod("same", 1), pod("changed", 20), pod("replaced", 21, "new"), pod("new", 22)), "30"),
        ],
        [gone, [event("ADDED", pod("later", 31))]],
    )
    told = script.told()
    assert told[:5] == ["ADDED same 1", "ADDED changed 2", "ADDED vanished 3", "ADDED replaced 4", "SYNCED"]
    assert told[5:] == [
        "DELETED vanished 3", "MODIFIED changed 20", "DELETED replaced 4", "ADDED replaced 21",
        "ADDED new 22", "SYNCED", "ADDED later 31",
    ]  # fmt: skip


def test_nothing_is_told_twice() -> None:
    script = Script(
        [Listing((pod("a", 10),), "10")],
        [[event("ADDED", pod("a", 10)), event("DELETED", pod("ghost", 11)), event("DELETED", pod("a", 12))]],
    )
    assert script.told() == ["ADDED a 10", "SYNCED", "DELETED a 12"]


def test_a_line_that_was_cut_in_two_is_a_cut() -> None:
    script = Script([Listing((), "9")], [[event("ADDED", pod("a", 10))[:20]], [event("ADDED", pod("a", 10))]])
    assert script.told() == ["SYNCED", "LOST", "SYNCED", "ADDED a 10"]


def test_the_first_list_must_succeed() -> None:
    with pytest.raises(Unavailable):
        Script([CUT], []).told()


def test_a_later_list_is_tried_until_it_succeeds() -> None:
    script = Script(
        [Listing((pod("a", 1),), "9"), CUT, CUT, Listing((pod("b", 10),), "11")], [[event("ERROR", GONE)], []]
    )
    assert script.told() == ["ADDED a 1", "SYNCED", "LOST", "DELETED a 1", "ADDED b 10", "SYNCED"]


def test_who_may_not_watch_is_told() -> None:
    with pytest.raises(Forbidden):
        Script([Listing((), "9")], [Forbidden("no")]).told()


def test_a_version_that_never_works_is_given_up() -> None:
    script = Script(
        [Listing((), "9"), Listing((pod("a", 1),), "12")], [*[CUT] * 5, [event("ADDED", pod("b", 13))]]
    )
    assert script.told() == ["SYNCED", "LOST", "ADDED a 1", "SYNCED", "ADDED b 13"]


def test_a_kind_that_the_server_lacks_is_waited_for() -> None:
    absent = Listing((), "")
    script = Script([absent, absent, absent, Listing((pod("a", 1),), "9")], [[event("ADDED", pod("b", 10))]])
    assert script.told() == ["SYNCED", "ADDED a 1", "SYNCED", "ADDED b 10"]
    assert script.clock.monotonic() >= 15


def test_a_kind_that_is_removed_takes_its_objects_along() -> None:
    script = Script([Listing((pod("a", 1),), "9"), Listing((), "")], [NotFound("404 page not found")])
    assert script.told() == ["ADDED a 1", "SYNCED", "DELETED a 1"]


def test_who_answers_for_the_server_is_no_word_on_what_is_there() -> None:
    away = Unserved("404 page not found", service="x")
    script = Script([Listing((pod("a", 1),), "9")], [away, away, [event("MODIFIED", pod("a", 10))]])
    assert script.told() == ["ADDED a 1", "SYNCED", "LOST", "SYNCED", "MODIFIED a 10"]


def test_a_watch_that_was_lost_resumes_though_the_kind_was_removed_meanwhile() -> None:
    script = Script([Listing((pod("a", 1),), "9"), Listing((), "")], [CUT, NotFound("404 page not found")])
    assert script.told() == ["ADDED a 1", "SYNCED", "LOST", "DELETED a 1", "SYNCED"]


def test_a_server_that_ends_each_watch_at_once_is_not_asked_in_a_tight_loop() -> None:
    script = Script([Listing((), "9")], [[], [], [], []])
    script.told()
    assert script.clock.monotonic() > 1


@pytest.mark.parametrize("how", ["event", "status"])
def test_a_server_that_forgets_each_version_is_not_asked_in_a_tight_loop(how: str) -> None:
    def gone() -> Follow | Exception:
        return [event("ERROR", GONE)] if how == "event" else Expired("410", service="x")

    once = Script([Listing((), "9"), Listing((), "10")], [gone(), [event("ADDED", pod("a", 11))]])
    assert once.told() == ["SYNCED", "SYNCED", "ADDED a 11"]
    assert once.clock.monotonic() == 0  # what is seldom costs nothing
    often = Script([Listing((), "9")] * 6, [gone() for _ in range(5)])
    often.told()
    assert often.clock.monotonic() > 1


@pytest.mark.parametrize("end", [lambda s: s.stop.set(), lambda s: setattr(s, "closed", True)])
def test_a_watch_that_was_stopped_before_tells_nothing(end: Callable[[Script], None]) -> None:
    script = Script([Listing((pod("a", 1),), "9")], [])
    end(script)
    assert script.told() == []


def test_a_watch_that_is_stopped_while_it_cannot_list_ends_without_error() -> None:
    script = Script([], [])

    def stopped() -> Listing:
        script.stop.set()
        raise CUT

    script.list = stopped  # type: ignore[method-assign]
    assert script.told() == []


def test_known_objects_are_told_apart_by_namespace() -> None:
    known, other = Known(), pod("a", 5)
    other["metadata"]["namespace"] = "else"
    assert [change.type for body in (pod("a", 5), other) for change in known.seen(body)] == ["ADDED", "ADDED"]
