"""What probes reach when nobody gives a better answer: services by their pods, and no Prometheus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.effects import Effects

_SERVICE = re.compile(r"^https?://(?P<name>[^./:]+)\.(?P<namespace>[^./:]+)(\.svc[^/:]*)?(:\d+)?(/|$)")
_DEAD = 99.0
"""Packet loss in percent from which no request gets through in time."""


@dataclass(frozen=True, slots=True)
class ServiceNetwork:
    """Requests go to a Service by its cluster name, and are answered by its ready pods."""

    api: Api
    effects: Effects

    def __call__(self, url: str, timeout: float, source: tuple[str, str]) -> int:  # noqa: ARG002 - from all alike
        """200 when a ready pod stands behind the service; raises `ConnectionError` otherwise."""
        found = _SERVICE.match(url)
        if found is None:
            raise ConnectionError(f'Get "{url}": dial tcp: lookup: no such host')
        service = self.api.get("Service", found["namespace"], found["name"])
        if service is None:
            host = f"{found['name']}.{found['namespace']}"
            raise ConnectionError(f'Get "{url}": dial tcp: lookup {host}: no such host')
        if not any(self._answers(pod) for pod in self._behind(service)):
            raise ConnectionError(f'Get "{url}": connect: connection refused')
        return 200

    def _behind(self, service: Object) -> Sequence[Object]:
        wanted = service["spec"].get("selector") or {}
        labels = ",".join(f"{k}={v}" for k, v in wanted.items())
        return self.api.list("Pod", service["metadata"]["namespace"], labels) if labels else ()

    def _answers(self, pod: Object) -> bool:
        meta = pod["metadata"]
        conditions = pod.get("status", {}).get("conditions", ())
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        here = self.effects.on(meta["namespace"], meta["name"])
        cut = any(e.kind == "network-loss" and e.amount > _DEAD and not e.peers for e in here)
        return ready and not cut


def no_prometheus(endpoint: str, query: str) -> Sequence[float]:  # noqa: ARG001 - nothing is asked
    """Raises: nobody told this Litmus how to reach a Prometheus."""
    raise ConnectionError(f"unable to reach the Prometheus at {endpoint}")
