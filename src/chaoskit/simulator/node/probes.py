"""Readiness, liveness and startup probes: when they ask, what they find, and what follows from it."""

from __future__ import annotations

import math
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
_TOO_LATE = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


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
    probe: Object, process: Process, pod_ip: str, ports: list[Object], wrong: Sequence[Effect] = ()
) -> str | None:
    """Why the probe fails now, as the Unhealthy event says it; None when it passes.

    Of what is `wrong` with the pod, it feels what hits all its traffic, and a proxy before its port.
    """
    if process.over:
        return "container is not running"
    if "exec" in probe:
        done = execute(process, list(probe["exec"].get("command") or ()))
        return None if done.code == 0 else done.stdout + done.stderr
    if "httpGet" in probe:
        return _http(probe, process, pod_ip, ports, wrong)
    kind = "grpc" if "grpc" in probe else "tcpSocket"
    port = _port((probe.get(kind) or {}).get("port"), ports)
    if delay(wrong, kind) > _patience(probe):
        return f"dial tcp {pod_ip}:{port}: i/o timeout"
    return _refused(pod_ip, port) if process.answers("") is None else None


def _http(
    probe: Object, process: Process, pod_ip: str, ports: list[Object], wrong: Sequence[Effect]
) -> str | None:
    action = probe["httpGet"]
    path, port = action.get("path", "/"), _port(action.get("port"), ports)
    asked, status, late = (
        f'Get "http://{pod_ip}:{port}{path}"',
        process.answers(path),
        delay(wrong, "httpGet"),
    )
    if status is None and late <= _patience(probe):
        return f"{asked}: {_refused(pod_ip, port)}"
    proxy = [e for e in wrong if e.kind.startswith("http-") and f"|{port}" in e.peers]
    late += sum(effect.amount for effect in proxy if effect.kind == "http-latency")
    if status is None or status >= 600 or late > _patience(probe):
        return f"{asked}: {_TOO_LATE}"
    if any(effect.kind == "http-reset" for effect in proxy):
        return f"{asked}: read: connection reset by peer"
    return _by_status([status, *(int(effect.amount) for effect in proxy if effect.kind == "http-status")][-1])


def _by_status(status: int) -> str | None:
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def delay(wrong: Sequence[Effect], kind: str) -> float:
    """Seconds that a probe of this kind waits for the network alone; infinite when nothing comes through."""
    whole = [effect for effect in wrong if not effect.peers]
    if any(effect.kind == "network-loss" and effect.amount >= 100 for effect in whole):
        return math.inf
    return _ANSWERS[kind] * sum(effect.amount for effect in whole if effect.kind == "network-latency")


def _patience(probe: Object) -> float:
    return float(probe.get("timeoutSeconds", 1))


def _refused(pod_ip: str, port: int) -> str:
    return f"dial tcp {pod_ip}:{port}: connect: connection refused"


def _port(port: int | str | None, ports: list[Object]) -> int:
    if isinstance(port, int):
        return port
    named = {item.get("name"): item["containerPort"] for item in ports}
    return int(named.get(port, 0))


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
        """True while a probe may pass at one turn and fail at the next."""
        ...

    def failure(self, probe: Object) -> str | None:
        """Why a probe fails now; None when it passes."""
        ...

    def judged(self) -> None:
        """A probe changed what the status tells of the container."""
        ...

    def unhealthy(self, kind: str, why: str) -> None:
        """A probe failed once."""
        ...

    def condemned(self, kind: str) -> None:
        """A probe failed so often that the container is to start anew."""
        ...


class Prober:
    """Asks in turns of ``periodSeconds``; a probe that passes rests until something changed (`poke`)."""

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
        why = self._subject.failure(probe)
        tally.add(passed=why is None)
        if why is not None:
            self._subject.unhealthy(kind, why)
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
