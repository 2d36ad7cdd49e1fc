"""HTTP as seen from inside the simulated cluster: who answers at a URL, with what status and how fast."""

from __future__ import annotations

import math
import random
from ipaddress import ip_address

from chaoskit.simulator.traffic.flow import Traffic
from chaoskit.simulator.traffic.policies import Port
from chaoskit.simulator.traffic.queueing import CLIENT_TIMEOUT, Part
from chaoskit.simulator.traffic.state import PodState, network_fault
from chaoskit.simulator.traffic.view import Address, ClusterView, Pod, Service, address_of


class Network:
    """Services answer as their pods are now: ready or not, slow, failing, or cut off."""

    def __init__(self, view: ClusterView, traffic: Traffic, *, seed: int) -> None:
        self._view = view
        self._traffic = traffic
        self._random = random.Random(f"network {seed}")

    def __call__(self, url: str, timeout: float = 0.0, source: tuple[str, str] = ("default", "")) -> int:
        """The status of a GET from a pod (namespace, name); `timeout` in seconds, 0 for the usual patience.

        A service with a ready pod answers 200; those that take part in traffic answer as they do there.
        Raises `ConnectionError` when nothing comes.
        """
        at, asking = address_of(url) or Address("", 80), self._view.pods.get(source)
        pod, port = self._pod_at(at, source[0], asking)
        wrong, state = self._traffic.wrong_now(pod), self._traffic.states.get(pod.key)
        lost, delay = network_fault(wrong.network, None, state.sending if state else 0.0)
        if self._random.random() < lost or (asking and not self._view.lets(asking, pod, port)):
            raise ConnectionError(f"Get {url!r}: context deadline exceeded")
        status, seconds = self._served(state) if state and state.parts else (200, 0.002)
        for effect in wrong.proxy:
            if (effect.port and effect.port != port.number) or self._random.random() >= effect.share:
                continue
            if effect.kind == "http-reset":
                raise ConnectionError(f"Get {url!r}: read: connection reset by peer")
            if effect.kind == "http-status":
                status = int(effect.amount)
            elif effect.kind == "http-latency":
                delay += effect.amount
        if seconds + delay > (timeout or CLIENT_TIMEOUT):
            raise ConnectionError(f"Get {url!r}: context deadline exceeded")
        return status

    def _pod_at(self, at: Address, namespace: str, asking: Pod | None) -> tuple[Pod, Port]:
        """Who is asked, and at which of its ports."""
        host, port = at
        if asking and not _is_address(host) and not self._traffic.paths.looks_up(asking):
            raise ConnectionError(f"dial tcp: lookup {host}: i/o timeout")
        service = self._service_at(host, namespace)
        if service is not None and service.target(port) is None:
            raise ConnectionError(f"dial tcp {host}:{port}: i/o timeout")
        if service is not None:
            backends = self._view.backends(service)
            pods = [pod for pod in backends if service.asks(pod) and service.reaches(pod, port)]
        else:
            pods = [pod for pod in self._view.pods.values() if pod.ip and pod.ip == host]
            if not pods:
                raise ConnectionError(f"dial tcp: lookup {host}: no such host")
            pods = [pod for pod in pods if pod.main and pod.main.running]
        pod = self._random.choice(pods) if pods else None
        if pod is not None and pod.main is not None and pod.main.running:
            reached = service.reaches(pod, port) if service else pod.port(port)
            if reached is not None:
                return pod, reached
        raise ConnectionError(f"dial tcp {host}:{port}: connect: connection refused")

    def _service_at(self, host: str, namespace: str) -> Service | None:
        found = self._view.service(host, namespace)
        if found is not None:
            return found
        with_address = (one for one in self._view.services.values() if one.ip == host)
        return next(with_address, None)

    def _served(self, state: PodState) -> tuple[int, float]:
        """A status and a time, drawn from what the pod serves: see the order of `PodState.parts`."""
        shares = [part.share for part in state.parts]
        which = self._random.choices(range(len(shares)), shares)[0]
        return (200, 502, 502, 500, 503, 503)[which], self._time(state.parts[which])

    def _time(self, part: Part) -> float:
        return part.median * math.exp(self._random.gauss(0, part.sigma))


def _is_address(host: str) -> bool:
    """True for a host that nobody needs to look up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
