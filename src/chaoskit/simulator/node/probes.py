"""Readiness, liveness and startup probes: asking a process, and counting what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from chaoskit.simulator.api import Object
from chaoskit.simulator.node.programs import Process, execute


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


def failure(probe: Object, process: Process, pod_ip: str, ports: list[Object]) -> str | None:
    """Why the probe fails now, as the Unhealthy event says it; None when it passes."""
    if process.over:
        return "container is not running"
    if "exec" in probe:
        done = execute(process, list(probe["exec"].get("command") or ()))
        return None if done.code == 0 else done.stdout + done.stderr
    if "httpGet" in probe:
        return _http(probe["httpGet"], process, pod_ip, ports)
    action = probe.get("tcpSocket") or probe.get("grpc") or {}
    if process.answers("") is None:
        return _refused(pod_ip, _port(action.get("port"), ports))
    return None


def _http(action: Object, process: Process, pod_ip: str, ports: list[Object]) -> str | None:
    path, port = action.get("path", "/"), _port(action.get("port"), ports)
    status = process.answers(path)
    if status is None:
        return f'Get "http://{pod_ip}:{port}{path}": ' + _refused(pod_ip, port)
    if status >= 600:
        waited = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return f'Get "http://{pod_ip}:{port}{path}": {waited}'
    return None if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _refused(pod_ip: str, port: int) -> str:
    return f"dial tcp {pod_ip}:{port}: connect: connection refused"


def _port(port: int | str | None, ports: list[Object]) -> int:
    if isinstance(port, int):
        return port
    named = {item.get("name"): item["containerPort"] for item in ports}
    return int(named.get(port, 0))
