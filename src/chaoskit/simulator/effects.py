"""What is wrong with pods and nodes now: injected by Litmus or by a story, felt by traffic and kubelet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "cpu", "memory", "network-loss", "network-latency", "network-cut", "errors", "leak", "hold-connections",
    "disk", "refused-login", "slow",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """One disturbance of one pod.

    `amount` is in cores (cpu), bytes (memory), bytes per second (leak, disk), percent 0 to 100 (network-loss,
    network-cut, errors), seconds (network-latency, slow) or connections (hold-connections); a refused-login
    has none. `peers` limits a network effect to traffic with those ``host`` or ``host|port``; empty means all
    traffic. A network-cut is a policy's: the node's own probes pass it.
    """

    kind: Kind
    namespace: str
    pod: str
    amount: float
    peers: tuple[str, ...] = ()
    container: str = ""


class Effects:
    """The effects in force; whoever starts one ends it."""

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
        if effect in here:
            here.remove(effect)
            self._tell(effect)

    def on(self, namespace: str, pod: str) -> tuple[Effect, ...]:
        """What is in force on one pod, oldest first."""
        return tuple(self._by_pod.get((namespace, pod), ()))

    def _tell(self, effect: Effect) -> None:
        for changed in self._listeners:
            changed(effect)
