"""The ways between pods: who finds whom, what is lost on the way, and what a caller sees of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chaoskit.simulator.effects import Effect
from chaoskit.simulator.traffic.callgraph import Call, Node
from chaoskit.simulator.traffic.queueing import CLIENT_TIMEOUT, Part
from chaoskit.simulator.traffic.state import PodState, network_fault, unresolved
from chaoskit.simulator.traffic.view import ClusterView, Pod, Service

HOP = 0.0006
"""Seconds that a call spends on a healthy network."""
_RARE = 0.004


class Paths:
    """The network between the pods of a cluster, with its names and policies.

    `dns` are the pods that answer for names; None where nobody is asked for them.
    """

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self.dns: Sequence[Pod] | None = None

    def finds(self, state: PodState, callee: Node) -> bool:
        """Whether a pod is told where a service is: not where nobody answers, or its lookups fail."""
        network = state.wrong.network
        return self.dns != [] and not (network and unresolved(network, callee.names))

    def looks_up(self, pod: Pod) -> bool:
        """Whether a pod's lookups of names, which are UDP, arrive at any that answers for them."""
        lets = self._view.lets
        return self.dns is None or any(lets(pod, there, there.port(53, "UDP")) for there in self.dns)

    def towards(self, state: PodState, call: Call) -> tuple[float, float]:
        """The share of a pod's calls to a service that is lost on the way, and the seconds added.

        So is every call that waits for a lookup which policies keep from arriving, or goes to no port at all.
        """
        service = call.callee.service
        if service is None or service.target(call.port) is None or not self.looks_up(state.pod):
            return 1.0, 0.0
        network = state.wrong.network
        lost = delay = 0.0
        if network:
            lost, delay = network_fault(network, call.callee.names, state.sending, frozenset({call.port}))
        if let := self.let_in(state, call):
            lost = 1 - (1 - lost) * sum(let) / len(let)
        return lost, delay

    def let_in(self, state: PodState, call: Call) -> list[bool]:
        """Which of those that serve have the port and policies let a pod reach; empty where it is all."""
        found = [(one.pod, call.arrives(one.pod)) for one in call.callee.serving]
        let = [port is not None and self._view.lets(state.pod, pod, port) for pod, port in found]
        return [] if all(let) else let


def outwards(state: PodState) -> tuple[float, float]:
    """The share of a pod's answers that is lost on the way, and the seconds added."""
    network = state.wrong.network
    return network_fault(network, None, state.sending) if network else (0.0, 0.0)


def on_the_wire(
    parts: Sequence[Part], weight: float = 1.0, lost: float = 0.0, delay: float = 0.0
) -> list[Part]:
    """What is seen of a pod that gets this share of the calls; rare answers count as usual ones."""
    rest, found = 1.0, []
    for share, median, sigma in parts[1:]:
        if share > _RARE:
            rest -= share
            found.append(Part(share * weight * (1 - lost), median + delay, sigma))
    _, median, sigma = parts[0]
    found.append(Part(rest * weight * (1 - lost), median + delay, sigma))
    if lost:
        found.append(Part(weight * lost, CLIENT_TIMEOUT + 0.01, 0.0))
    return found


def in_between(state: PodState, service: Service | None) -> tuple[Effect, ...]:
    """The proxies that stand before a port of the pod to which the service sends."""
    proxies = state.wrong.proxy
    if not proxies or service is None:
        return proxies
    ports = {port.number for port in service.reached_at(state.pod)}
    return tuple(effect for effect in proxies if not effect.port or effect.port in ports)


def by_proxy(proxy: Iterable[Effect]) -> tuple[float, list[tuple[float, float]]]:
    """The share of answers that callers get as failures, and the shares that are late by so many seconds."""
    fine, held = 1.0, []
    for effect in proxy:
        if effect.kind == "http-reset" or (effect.kind == "http-status" and effect.amount >= 400):
            fine *= 1 - effect.share
        elif effect.kind == "http-latency":
            held.append((effect.share, effect.amount))
    return 1 - fine, held
