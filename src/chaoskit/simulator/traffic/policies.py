"""Network policies: who may send to whom, as a network plugin that enforces them decides. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal, NamedTuple

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Object

Labels = Mapping[str, str]
Direction = Literal["ingress", "egress"]


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: a pod, with the labels of its namespace."""

    namespace: str
    namespace_labels: Labels
    labels: Labels
    ip: str


class Port(NamedTuple):
    """Where a connection arrives: a port of a pod, by its number and by the names that the pod has for it."""

    number: int
    names: frozenset[str] = frozenset()
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule lets through: connections with any of these peers, at any of these ports (none: all)."""

    peers: tuple[Callable[[End], bool], ...]
    ports: tuple[Callable[[Port], bool], ...]

    def lets(self, peer: End, port: Port) -> bool:
        """True for a connection with `peer` that arrives at `port`."""
        here = not self.ports or any(is_it(port) for is_it in self.ports)
        return here and (not self.peers or any(is_it(peer) for is_it in self.peers))


@dataclass(frozen=True, slots=True)
class Policy:
    """One NetworkPolicy: the pods it isolates, and what it lets through; None where it does not isolate."""

    namespace: str
    selects: selectors.Predicate
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    def isolates(self, end: End) -> bool:
        """True when the policy is about that pod."""
        return end.namespace == self.namespace and self.selects(end.labels)


def read(body: Object) -> Policy:
    """The policy of a NetworkPolicy object."""
    namespace, spec = body["metadata"]["namespace"], body["spec"]

    def rules(direction: Direction, peers: str) -> tuple[Rule, ...] | None:
        if direction.capitalize() not in spec["policyTypes"]:
            return None
        return tuple(_rule(namespace, rule, peers) for rule in spec.get(direction) or ())

    selects = selectors.of(spec.get("podSelector") or {})
    return Policy(namespace, selects, rules("ingress", "from"), rules("egress", "to"))


def allowed(policies: Iterable[Policy], source: End, target: End, port: Port) -> bool:
    """True when what `source` sends to the port of `target` arrives: both sides must let it through.

    Nothing keeps a pod from itself.
    """
    known = list(policies)
    out = [p.egress for p in known if p.egress is not None and p.isolates(source)]
    into = [p.ingress for p in known if p.ingress is not None and p.isolates(target)]
    return source == target or (_through(out, target, port) and _through(into, source, port))


def _through(isolating: list[tuple[Rule, ...]], peer: End, port: Port) -> bool:
    return not isolating or any(rule.lets(peer, port) for rules in isolating for rule in rules)


def _rule(namespace: str, rule: Object, peers: str) -> Rule:
    from_or_to = tuple(_peer(namespace, peer) for peer in rule.get(peers) or ())
    return Rule(from_or_to, tuple(_port(port) for port in rule.get("ports") or ()))


def _port(told: Mapping[str, Any]) -> Callable[[Port], bool]:
    protocol, first = told.get("protocol", "TCP"), told.get("port")
    if isinstance(first, str):
        return lambda port: port.protocol == protocol and first in port.names
    lowest, highest = (0, 65535) if first is None else (first, told.get("endPort") or first)
    return lambda port: port.protocol == protocol and lowest <= port.number <= highest


def _peer(namespace: str, peer: Mapping[str, Any]) -> Callable[[End], bool]:
    if peer.get("ipBlock") is not None:
        block = ip_network(peer["ipBlock"]["cidr"], strict=False)
        excepted = [ip_network(cidr, strict=False) for cidr in peer["ipBlock"].get("except") or ()]
        return lambda end: bool(end.ip) and _inside(end.ip, block) and not _in_any(end.ip, excepted)
    pods = selectors.of(peer.get("podSelector") or {})
    if peer.get("namespaceSelector") is None:
        return lambda end: end.namespace == namespace and pods(end.labels)
    namespaces = selectors.of(peer["namespaceSelector"])
    return lambda end: namespaces(end.namespace_labels) and pods(end.labels)


def _inside(ip: str, block: Any) -> bool:
    return ip_address(ip) in block


def _in_any(ip: str, blocks: Iterable[Any]) -> bool:
    return any(_inside(ip, block) for block in blocks)
