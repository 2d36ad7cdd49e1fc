"""What can be made to go wrong on purpose, turned from outside by a ConfigMap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.simulator.world import World

from chaoskit.simulator.apiserver.requests import Request, Response, Stream
from chaoskit.simulator.apiserver.server import ADMINISTRATOR, ApiServer
from chaoskit.simulator.knobs import NAME, Knobs

CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps"


class Place:
    """An API server without a socket's noise: requests are answered, and its sleeps written down."""

    def __init__(self) -> None:
        self.world, self.knobs = World(), Knobs()
        self.slept: list[float] = []
        self.server = ApiServer(self.world.api.machinery, 0, self.knobs, self.slept.append)
        self.world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
        self.knobs.follow(self.world.api)

    def turn(self, **data: str) -> None:
        self.world.api.delete("ConfigMap", "kube-system", NAME)
        meta = {"name": NAME, "namespace": "kube-system"}
        self.world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
        self.world.run(1)

    def ask(self, method: str, path: str, body: Any = None) -> Response | Stream:
        headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        sent = b"" if body is None else json.dumps(body).encode()
        return self.server.answer(Request.of(method, path, headers, sent, ADMINISTRATOR))

    def status(self, method: str, path: str, body: Any = None) -> int:
        answer = self.ask(method, path, body)
        assert isinstance(answer, Response)
        return answer.status


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.server.stop()


def test_a_slow_server_lets_each_request_wait(place: Place) -> None:
    place.turn(slow_api="0.5")
    assert place.status("GET", CONFIG_MAPS) == 200
    assert place.slept == [0.5]
    place.turn()
    assert place.status("GET", CONFIG_MAPS) == 200
    assert place.slept == [0.5]


def test_a_storm_of_conflicts_refuses_so_many_writes_and_no_reads(place: Place) -> None:
    assert place.status("POST", CONFIG_MAPS, {"metadata": {"name": "cm"}}) == 201
    place.turn(conflicts="2")
    path = f"{CONFIG_MAPS}/cm"
    patches = [place.status("PATCH", path, {"data": {"a": str(at)}}) for at in range(3)]
    assert patches == [409, 409, 200]
    assert place.status("GET", path) == 200


def test_watches_are_cut_however_long_they_were_to_be(place: Place) -> None:
    place.turn(cut_watches="0.01")
    stream = place.ask("GET", f"{CONFIG_MAPS}?watch=true&timeoutSeconds=3600")
    assert isinstance(stream, Stream)
    assert [json.loads(line)["type"] for line in stream.chunks if line] == ["ADDED"]
    stream.close()


def test_a_server_that_forgets_answers_watches_from_a_version_with_410(place: Place) -> None:
    place.turn(forget="true")
    version = place.world.api.machinery.store.revision
    stream = place.ask("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=3600")
    assert isinstance(stream, Stream)
    (event,) = [json.loads(line) for line in stream.chunks if line]
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
    stream.close()


def test_the_config_map_of_the_knobs_can_always_be_turned_back(place: Place) -> None:
    place.turn(conflicts="100", slow_api="9")
    path = f"/api/v1/namespaces/kube-system/configmaps/{NAME}"
    assert place.status("PATCH", path, {"data": {"conflicts": "0", "slow_api": "0"}}) == 200
    place.world.run(1)
    assert (place.knobs.conflicts, place.knobs.slow_api) == (0, 0)
    assert place.slept == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"sloppy": "true"}, "there is no knob sloppy"),
        ({"sloppy_abort": "maybe"}, "sloppy_abort cannot be turned to 'maybe'"),
        ({"conflicts": "many"}, "conflicts cannot be turned to 'many'"),
    ],
)
def test_what_is_no_knob_is_said_and_turns_nothing(
    data: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    knobs = Knobs()
    knobs.turn(data)
    assert said in caplog.text
    assert knobs == Knobs()
