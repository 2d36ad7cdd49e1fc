"""Recorded HTTP exchanges with a real API server, made again on a simulated one in turned time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulator.litmus.lab import network

from chaoskit.simulator import controllers, litmus
from chaoskit.simulator.api import ApiError
from chaoskit.simulator.apiserver import apierrors, bootstrap
from chaoskit.simulator.apiserver.local import LocalApi
from chaoskit.simulator.apiserver.machinery import Machinery
from chaoskit.simulator.apiserver.requests import Request, Response, Stream
from chaoskit.simulator.apiserver.server import ApiServer
from chaoskit.simulator.apiserver.store import dumps
from chaoskit.simulator.controllers.scheduler import Scheduler
from chaoskit.simulator.effects import Effects
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.litmus import simulated
from chaoskit.simulator.node import nodes
from chaoskit.simulator.node.kubelet import Kubelet

NAMESPACE = "lab-http"
_STEP = 0.001
"""Seconds by which a request comes after the one before it, when both were recorded at one time."""
_GENERATED = {"uid", "resourceVersion", "continue"}
_POD_IN_PATH = re.compile(r"/pods/(web-[a-z0-9]{8,10}-[a-z0-9]{5})/")
_FROM_VERSION = re.compile(r"watch=true&resourceVersion=(\d+)")
_NEVER_MADE = {"0", "1", "99999999"}
_POD = re.compile(r"web-[a-z0-9]{8,10}(-[a-z0-9]{5})?$")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; `body` is JSON, text, or the events of a watch."""

    number: int
    name: str
    at: float
    method: str
    path: str
    headers: dict[str, str]
    sent: Any
    status: int
    answered: dict[str, str]
    body: Any

    @property
    def watches(self) -> bool:
        """True when the answer is a stream of events."""
        return "watch=true" in self.path

    @property
    def lasts(self) -> float:
        """Seconds for which a watch was to go on."""
        return float(parse_qs(urlsplit(self.path).query)["timeoutSeconds"][0])


def recorded(file: Path) -> list[Exchange]:
    """The exchanges in the order in which they began."""
    with file.open() as lines:
        found = [_exchange(json.loads(line)) for line in lines]
    return sorted(found, key=lambda exchange: exchange.at)


def _exchange(row: dict[str, Any]) -> Exchange:
    request, response = row["request"], row["response"]
    at = row["t"] - row["seconds"]
    body = [line["event"] for line in response["watch"]] if "watch" in response else response["body"]
    asked = request["method"], request["path"], request["headers"], request["body"]
    found = Exchange(row["n"], row["name"], at, *asked, response["status"], response["headers"], body)
    ended_early = (
        response["status"] != 200 or (body and body[0].get("type") == "ERROR") if found.watches else True
    )
    return found if ended_early else replace(found, at=at - found.lasts)


class Server:
    """The API server of a cluster with one node and Litmus, as the recorded one was."""

    def __init__(self) -> None:
        self.engine = Engine(start=datetime(2026, 11, 23, 5, 40, tzinfo=UTC))
        machinery = Machinery(self.engine)
        self.api = LocalApi(self.engine, machinery)
        bootstrap.fill(self.api)
        nodes.create(self.api, self.engine.now(), count=1, cpu="2")
        litmus.install(self.api, ("litmus",))
        controllers.start_all(self.api, self.engine)
        Scheduler(self.api, self.engine).start()
        effects = Effects()
        kubelet = Kubelet(self.api, self.engine, effects)
        kubelet.start()
        http = network(self.api, self.engine, effects)
        simulated.operator(self.api, self.engine, effects, kubelet, http=http).start()
        self._server = ApiServer(machinery)
        self._server._handlers.containers = kubelet
        self.administrator = f"Bearer {self._server.token}"
        self.engine.run_for(460)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Response | Stream:
        """What is answered, a refusal included."""
        try:
            user = self._server.authenticate(headers.get("Authorization"))
        except ApiError as error:
            return Response.of(error.code, apierrors.status_of(error))
        return self._server.answer(Request.of(method, path, headers, body, user))

    @property
    def revision(self) -> str:
        """The newest resourceVersion."""
        return str(self.api.machinery.store.revision)

    def close(self) -> None:
        """Its port is free."""
        self._server.stop()


class Replay:
    """Requests are made again; what a server makes up is translated from what the recorded one made up."""

    def __init__(self) -> None:
        self._server = Server()
        self._began = self._server.engine.now()
        self._made_up: dict[str, str] = {}
        self._viewer = ""

    def run(self, exchanges: list[Exchange]) -> Iterator[tuple[Exchange, Exchange]]:
        """Each exchange as it was recorded and as it went here; watches last, when all has happened."""
        watches: list[tuple[Exchange, Stream]] = []
        for exchange in exchanges:
            self._turn(exchange.at)
            answer = self._request(exchange)
            if isinstance(answer, Stream):
                self._server.engine.call_later(exchange.lasts, answer.close)
                watches.append((exchange, answer))
            else:
                yield exchange, self._learn(exchange, answer)
        with ThreadPoolExecutor(len(watches)) as pool:
            told = pool.map(_events, [stream for _, stream in watches])
            for (exchange, _), events in zip(watches, told, strict=True):
                yield exchange, _with(exchange, 200, {}, events)
        self._server.close()

    def _turn(self, at: float) -> None:
        engine = self._server.engine
        engine.run_until(max(self._began + at, engine.now() + _STEP))

    def _request(self, exchange: Exchange) -> Response | Stream:
        sent = exchange.sent
        body = b"" if sent is None else sent.encode() if isinstance(sent, str) else dumps(sent)
        path, text = self._known(exchange.path), body.decode()
        path = re.sub(r"[^/=&?]+", lambda word: self._made_up.get(word[0], word[0]), path)
        text = re.sub(r'(?<=")[^"]+(?=")', lambda word: self._made_up.get(word[0], word[0]), text)
        headers = dict(exchange.headers) | {"Authorization": self._authorization(exchange)}
        return self._server.answer(exchange.method, path, headers, text.encode())

    def _known(self, path: str) -> str:
        """The path; a pod or version in it that no recorded answer told of has been found out before."""
        for pod in _POD_IN_PATH.findall(path):
            if pod not in self._made_up:
                there = self._server.api.list("Pod", NAMESPACE, "app=web")
                unknown = {body["metadata"]["name"] for body in there} - set(self._made_up.values())
                (self._made_up[pod],) = unknown
        for version in _FROM_VERSION.findall(path):
            if version not in _NEVER_MADE:
                self._made_up.setdefault(version, self._server.revision)
        return path

    def _authorization(self, exchange: Exchange) -> str:
        if "viewer" in exchange.name and self._viewer:
            return f"Bearer {self._viewer}"
        known = {"bad token 401": "Bearer nonsense", "anonymous 403": ""}
        return known.get(exchange.name, self._server.administrator)

    def _learn(self, exchange: Exchange, answer: Response) -> Exchange:
        """The answer; what it names is from now on what the recorded one named."""
        text = answer.body.decode()
        body = json.loads(text) if answer.content_type.startswith("application/json") else text
        self._match(exchange.body, body)
        if isinstance(body, dict) and body.get("kind") == "TokenRequest":
            self._viewer = body["status"]["token"]
        headers: dict[str, str] = {"Content-Type": answer.content_type}
        for name, value in answer.headers:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return _with(exchange, answer.status, headers, body)

    def _match(self, old: Any, new: Any) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            for key in old.keys() & new.keys():
                generated = key in _GENERATED or (key == "name" and _POD.match(str(old[key])))
                if generated and isinstance(old[key], str) and isinstance(new[key], str):
                    self._made_up.setdefault(old[key], new[key])
                self._match(old[key], new[key])
        elif isinstance(old, list) and isinstance(new, list):
            for mine, theirs in zip(old, new, strict=False):
                self._match(mine, theirs)


def _with(exchange: Exchange, status: int, headers: dict[str, str], body: Any) -> Exchange:
    asked = exchange.method, exchange.path, exchange.headers, exchange.sent
    return Exchange(exchange.number, exchange.name, exchange.at, *asked, status, headers, body)


def _events(stream: Stream) -> list[Any]:
    """What a watch told up to the first pause: time does not go on any more."""
    told = []
    for line in stream.chunks:
        if line is None:
            break
        told.append(json.loads(line))
    return told
