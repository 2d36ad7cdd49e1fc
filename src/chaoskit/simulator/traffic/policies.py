"""Network policies: who may send to whom, as a network plugin that enforces them decides. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from chaoskit.simulator import selectors
from chaoskit.simulator.api import Object

Labels = Mapping[str, str]
Port = int | str
Direction = Literal["ingress", "egress"]


@dataclass(frozen=True, slots=True)
class End:
    """One end of a connection: a pod, with the labels of its namespace."""

    namespace: str
    namespace_labels: Labels
    labels: Labels
    ip: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What one rule lets through: connections with any of these peers (none: anybody), on these ports.

    Traffic is TCP: of a rule that names ports, those of other protocols let nothing of it through.
    """

    peers: tuple[Callable[[End], bool], ...]
    ports: tuple[Callable[[Port], bool], ...] | None

    def lets(self, peer: End, ports: frozenset[Port]) -> bool:
        """True for a connection with `peer` on any of `ports` (number or name of the receiving one)."""
        here = self.ports is None or any(is_it(port) for is_it in self.ports for port in ports)
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
    namespace, spec = body["metadata"]["namespace"], body.get("spec") or {}
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]

    def rules(direction: Direction, peers: str) -> tuple[Rule, ...] | None:
        if direction.capitalize() not in kinds:
            return None
        return tuple(_rule(namespace, rule, peers) for rule in spec.get(direction) or ())

    selects = selectors.of(spec.get("podSelector") or {})
    return Policy(namespace, selects, rules("ingress", "from"), rules("egress", "to"))


def allowed(policies: Iterable[Policy], source: End, target: End, ports: frozenset[Port]) -> bool:
    """True when what `source` sends to `target` on these ports arrives: both sides must let it through."""
    known = list(policies)
    out = [p.egress for p in known if p.egress is not None and p.isolates(source)]
    into = [p.ingress for p in known if p.ingress is not None and p.isolates(target)]
    return _through(out, target, ports) and _through(into, source, ports)


def _through(isolating: list[tuple[Rule, ...]], peer: End, ports: frozenset[Port]) -> bool:
    return not isolating or any(rule.lets(peer, ports) for rules in isolating for rule in rules)


def _rule(namespace: str, rule: Object, peers: str) -> Rule:
    told = rule.get("ports") or ()
    ports = tuple(_port(port) for port in told if port.get("protocol", "TCP") == "TCP")
    from_or_to = tuple(_peer(namespace, peer) for peer in rule.get(peers) or ())
    return Rule(from_or_to, ports if told else None)


def _port(told: Mapping[str, Any]) -> Callable[[Port], bool]:
    first = told.get("port")
    if first is None:
        return lambda _: True
    if "endPort" in told:
        return lambda port: isinstance(port, int) and first <= port <= told["endPort"]
    return lambda port: port == first


def _peer(namespace: str, peer: Mapping[str, Any]) -> Callable[[End], bool]:
    if "ipBlock" in peer:
        block = ip_network(peer["ipBlock"]["cidr"], strict=False)
        excepted = [ip_network(cidr, strict=False) for cidr in peer["ipBlock"].get("except") or ()]
        return lambda end: bool(end.ip) and _inside(end.ip, block) and not _in_any(end.ip, excepted)
    pods = selectors.of(peer.get("podSelector", {}))
    if "namespaceSelector" not in peer:
        return lambda end: end.namespace == namespace and pods(end.labels)
    namespaces = selectors.of(peer["namespaceSelector"])
    return lambda end: namespaces(end.namespace_labels) and pods(end.labels)


def _inside(ip: str, block: Any) -> bool:
    return ip_address(ip) in block


def _in_any(ip: str, blocks: Iterable[Any]) -> bool:
    return any(_inside(ip, block) for block in blocks)
