"""Readiness, liveness and startup probes: when they ask, what they find, and what follows from it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chaoskit.simulator.api import Object
from chaoskit.simulator.effects import Effect
from chaoskit.simulator.engine import Due, Engine
from chaoskit.simulator.node.podstatus import Container
from chaoskit.simulator.node.programs import Process, execute

FELT = ("network-loss", "network-latency", "http-latency", "http-reset", "http-status")
"""The kinds of effects that a probe feels."""
_ANSWERS = {"httpGet": 2, "tcpSocket": 1, "grpc": 3}
"""How many packets of the pod a probe waits for, one after another: to be connected, and to be answered."""
_CONNECTS_AGAIN = 1.0
_ANSWERS_AGAIN = 0.2
"""Seconds after which TCP sends again what was lost; each further time it waits twice as long."""
_TRIES = 6
_TOO_LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class NoSuchPortError(LookupError):
    """A port is asked at by a name that its container gives to none: a probe then comes to no result."""


@dataclass(slots=True)
class Tally:
    """Successes or failures in a row of one probe of one run of a container."""

    successes: int = 0
    failures: int = 0

    def add(self, *, passed: bool) -> None:
        """One more result."""
        self.successes = self.successes + 1 if passed else 0
        self.failures = 0 if passed else self.failures + 1

    def verdict(self, probe: Object) -> bool | None:
        """True or False once the probe's threshold is reached; None while it stays as it was."""
        if self.successes >= probe.get("successThreshold", 1):
            return True
        return False if self.failures >= probe.get("failureThreshold", 3) else None


def failure(
    probe: Object,
    process: Process,
    pod_ip: str,
    ports: list[Object],
    wrong: Sequence[Effect],
    source: random.Random,
) -> str | None:
    """Why the probe fails now, as the Unhealthy event says it; None when it passes.

    Of what is `wrong` with the pod, it feels what hits all its traffic, and proxies before the port it asks.
    Of those that hit only a part, chance (`source`) decides. Raises `NoSuchPortError`.
    """
    if process.over:
        return "container is not running"
    if "exec" in probe:
        done = execute(process, list(probe["exec"].get("command") or ()))
        return None if done.code == 0 else done.stdout + done.stderr
    kind = next(kind for kind in _ANSWERS if kind in probe)
    action: Object = probe[kind]
    port = port_of(action, ports)
    late, patience = delay(wrong, kind, source), float(probe.get("timeoutSeconds", 1))
    dial = f"dial tcp {pod_ip}:{port}"
    if kind != "httpGet":
        return f"{dial}: i/o timeout" if late >= patience else _refused(process.answers(""), dial)
    path = action.get("path", "/")
    status = process.answers(path)
    proxies = met(wrong, port, source)
    late += held(proxies)
    why = _TOO_LATE if late >= patience else _refused(status, dial) or broken(proxies)
    return f'Get "http://{pod_ip}:{port}{path}": {why}' if why else _by_status(status, proxies)


def by_chance(effect: Effect) -> bool:
    """True when the same probe may pass and fail while the effect lasts."""
    if effect.kind == "network-loss":
        return effect.amount < 100 and not effect.peers
    return effect.share < 1 and effect.kind in FELT


def delay(wrong: Sequence[Effect], kind: str, source: random.Random) -> float:
    """Seconds that a probe of this kind waits for the network alone; infinite when nothing comes through."""
    whole = [effect for effect in wrong if not effect.peers]
    through = math.prod(1 - effect.amount / 100 for effect in whole if effect.kind == "network-loss")
    late = _ANSWERS[kind] * sum(effect.amount for effect in whole if effect.kind == "network-latency")
    again = (_CONNECTS_AGAIN, *[_ANSWERS_AGAIN] * (_ANSWERS[kind] - 1))
    return late + sum(_resent(through, seconds, source) for seconds in again)


def _resent(through: float, again: float, source: random.Random) -> float:
    """Seconds until a packet comes through that is sent again after so many, then twice as many."""
    tries = next((tries for tries in range(_TRIES) if _happens(through, source)), math.inf)
    return again * (2.0**tries - 1)


def _happens(share: float, source: random.Random) -> bool:
    """Whether what happens in this share of all cases happens now; nothing is drawn for what is certain."""
    return share >= 1 or source.random() < share


def _refused(status: int | None, dial: str) -> str | None:
    return f"{dial}: connect: connection refused" if status is None else None


def met(wrong: Sequence[Effect], port: int, source: random.Random) -> list[Effect]:
    """The proxies before a port that do something to a request that comes now."""
    return [effect for effect in wrong if effect.port == port and _happens(effect.share, source)]


def held(proxies: Sequence[Effect]) -> float:
    """Seconds that the proxies keep an answer."""
    return sum(effect.amount for effect in proxies if effect.kind == "http-latency")


def broken(proxies: Sequence[Effect]) -> str | None:
    """Why nothing is answered where a proxy breaks the connection; None where none does."""
    reset = any(effect.kind == "http-reset" for effect in proxies)
    return "read: connection reset by peer" if reset else None


def _by_status(status: int | None, proxies: Sequence[Effect]) -> str | None:
    """What the answer says, which the last proxy puts instead of the container's own."""
    for effect in proxies:
        status = int(effect.amount) if effect.kind == "http-status" else status
    passes = status is not None and 200 <= status < 400
    return None if passes else f"HTTP probe failed with statuscode: {status}"


def port_of(action: Object, ports: list[Object]) -> int:
    """The number of the port that a probe or a hook asks at. Raises `NoSuchPortError`."""
    port: int | str = action.get("port", 0)
    if isinstance(port, int):
        return port
    named: dict[str, int] = {item["name"]: item["containerPort"] for item in ports if "name" in item}
    if port not in named and not port.isdecimal():
        raise NoSuchPortError(f'strconv.Atoi: parsing "{port}": invalid syntax')
    return named[port] if port in named else int(port)


class Subject(Protocol):
    """The container that is probed, and what it does about it."""

    container: Container
    stopping: bool

    @property
    def running(self) -> bool:
        """True while its process lives."""
        ...

    @property
    def is_fickle(self) -> bool:
        """True while a probe that has passed may fail, though nothing changes."""
        ...

    def failure(self, probe: Object) -> str | None:
        """Why a probe fails now; None when it passes. Raises `NoSuchPortError`."""
        ...

    def judged(self) -> None:
        """A probe changed what the status tells of the container."""
        ...

    def unhealthy(self, kind: str, what: str) -> None:
        """A probe did not pass: it ``failed: ...`` or ``errored ...``."""
        ...

    def condemned(self, kind: str) -> None:
        """A probe failed so often that the container is to start anew."""
        ...


class Prober:
    """Asks in turns of ``periodSeconds``; one that passes rests until something changed (`poke`)."""

    def __init__(self, engine: Engine, subject: Subject) -> None:
        self._engine = engine
        self._subject = subject
        self._tallies: dict[str, Tally] = {}
        self._dues: dict[str, Due] = {}
        self._started_at = 0.0

    def start(self, started_at: float) -> None:
        """The probes of a container that runs since then are under way, the startup probe alone first."""
        self._started_at = started_at
        container = self._subject.container
        gated = "startupProbe" in container.spec and not container.started
        for kind in ("startup",) if gated else ("readiness", "liveness"):
            if f"{kind}Probe" in container.spec and kind not in self._tallies:
                self._tallies[kind] = Tally()
                self._first(kind)

    def stop(self) -> None:
        """Nothing is asked any more."""
        for due in self._dues.values():
            due.cancel()
        self._dues.clear()
        self._tallies.clear()

    def poke(self) -> None:
        """What probes ask about may have changed: they ask again at their next turn."""
        for kind in self._tallies:
            if kind not in self._dues:
                self._later(kind)

    def _first(self, kind: str) -> None:
        delay = float(self._probe(kind).get("initialDelaySeconds", 0))
        if kind == "readiness" and not delay:
            self._ask(kind)
            return
        wait = delay if kind == "readiness" else max(delay, self._period(kind))
        self._dues[kind] = self._engine.call_later(wait, lambda: self._ask(kind))

    def _later(self, kind: str) -> None:
        """The next turn of a probe; turns keep their rhythm from the start of the container."""
        period, now = self._period(kind), self._engine.now()
        turns = int((now - self._started_at) / period + 1e-6) + 1
        at = self._started_at + turns * period
        self._dues[kind] = self._engine.call_at(at, lambda: self._ask(kind))

    def _probe(self, kind: str) -> Object:
        probe: Object = self._subject.container.spec[f"{kind}Probe"]
        return probe

    def _period(self, kind: str) -> float:
        return float(self._probe(kind).get("periodSeconds", 10))

    def _ask(self, kind: str) -> None:
        self._dues.pop(kind, None)
        if self._subject.stopping and kind != "readiness":
            return
        probe, tally = self._probe(kind), self._tallies[kind]
        verdict = None
        try:
            why = self._subject.failure(probe)
        except NoSuchPortError as error:  # counts neither as a success nor as a failure
            self._subject.unhealthy(kind, f"errored and resulted in unknown state: {error}")
        else:
            tally.add(passed=why is None)
            if why is not None:
                self._subject.unhealthy(kind, f"failed: {why}")
            verdict = tally.verdict(probe)
        if verdict is not None:
            self._judge(kind, passed=verdict)
        if (verdict is not True or self._subject.is_fickle) and kind in self._tallies:
            self._later(kind)

    def _judge(self, kind: str, *, passed: bool) -> None:
        container = self._subject.container
        if kind == "readiness" and container.ready is not passed:
            container.ready = passed
            self._subject.judged()
        elif kind == "startup" and passed:
            del self._tallies["startup"]
            container.started = True
            container.ready = "readinessProbe" not in container.spec
            self._subject.judged()
            self.start(self._started_at)
        elif not passed and kind != "readiness":
            self.stop()
            self._subject.condemned(kind)
