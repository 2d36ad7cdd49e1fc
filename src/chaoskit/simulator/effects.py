"""What is wrong with pods and nodes now: injected by Litmus or by a story, felt by traffic and kubelet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "cpu", "memory", "leak", "disk", "disk-used", "disk-writes", "errors", "slow", "hold-connections",
    "refused-login", "processes", "network-loss", "network-latency", "network-duplication", "network-rate",
    "dns", "http-latency", "http-status", "http-reset", "http-content",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """One disturbance of one pod.

    `amount` is in cores (cpu), bytes (memory, disk-used), bytes per second (leak, disk, disk-writes,
    network-rate), seconds (network-latency, http-latency, slow), connections (hold-connections), a number
    (processes), an HTTP status (http-status) or percent 0 to 100 (the others); a refused-login has none. What
    disk writes stays, what disk-writes does is written over again. `peers` are the other ends that a network
    effect is limited to, as ``host`` (a name, an address, a network), ``host|port`` or ``|port``
    (``|!80,443``: all but); dns knows them by name alone, which may end in ``*``; empty means all. An http
    effect is a proxy before a `port` of the pod (0: before each), and `share` the part of the requests that
    it hits.
    """

    kind: Kind
    namespace: str
    pod: str
    amount: float
    peers: tuple[str, ...] = ()
    container: str = ""
    share: float = 1.0
    port: int = 0


class Effects:
    """The effects in force; whoever starts one ends it, and what is left ends with the pod."""

    def __init__(self) -> None:
        self._by_pod: dict[tuple[str, str], list[Effect]] = {}
        self._listeners: list[Callable[[Effect], None]] = []

    def listen(self, changed: Callable[[Effect], None]) -> None:
        """`changed` is called with every effect that starts or ends from now on, just after."""
        self._listeners.append(changed)

    def start(self, effect: Effect) -> None:
        """`effect` is in force until it is ended."""
        self._by_pod.setdefault((effect.namespace, effect.pod), []).append(effect)
        self._tell(effect)

    def end(self, effect: Effect) -> None:
        """`effect` is no longer in force; does nothing when it was ended already."""
        here = self._by_pod.get((effect.namespace, effect.pod), [])
        at = next((number for number, one in enumerate(here) if one is effect), None)
        if at is not None:  # an equal one that somebody else began is another
            del here[at]
            self._tell(effect)

    def forget(self, namespace: str, pod: str) -> None:
        """The pod is gone: nothing is in force on it, nor on another that takes its name."""
        for effect in self._by_pod.pop((namespace, pod), ()):
            self._tell(effect)

    def on(self, namespace: str, pod: str) -> tuple[Effect, ...]:
        """What is in force on one pod, oldest first."""
        return tuple(self._by_pod.get((namespace, pod), ()))

    def _tell(self, effect: Effect) -> None:
        for changed in self._listeners:
            changed(effect)
