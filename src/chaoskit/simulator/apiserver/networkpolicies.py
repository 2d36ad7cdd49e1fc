"""The rules that network policies must keep: whom they are about, and what their rules let through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from chaoskit.simulator.apiserver import labelling, podspecs
from chaoskit.simulator.apiserver.apierrors import Cause, forbidden_field, required, unsupported, wrong
from chaoskit.simulator.apiserver.strategies import printed
from chaoskit.simulator.objects import Object

_NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PEERS = ("podSelector", "namespaceSelector", "ipBlock")


def check(policy: Object) -> Iterator[Cause]:
    """It selects pods, for directions that there are, and its ports and peers are some."""
    spec = policy["spec"]
    yield from labelling.selector("spec.podSelector", spec.get("podSelector"))
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                yield from _port(port, f"{path}.ports[{place}]")
            for place, peer in enumerate(rule.get(peers) or ()):
                yield from _peer(peer, f"{path}.{peers}[{place}]")
    kinds = spec["policyTypes"]
    if len(kinds) > 2:
        yield wrong("spec.policyTypes", printed(kinds), "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(kinds):
        if kind not in {"Ingress", "Egress"}:
            yield unsupported(f"spec.policyTypes[{index}]", kind, ("Ingress", "Egress"))


def _port(told: Object, path: str) -> Iterator[Cause]:
    """A port by number or name, or all from one number to another."""
    first, last = told.get("port"), told.get("endPort")
    if told["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{path}.protocol", told["protocol"], _PROTOCOLS)
    if first is not None:
        yield from podspecs.target(first, f"{path}.port")
    if last is None:
        return
    if not isinstance(first, int):
        lacks = "not specified" if first is None else "non-numeric"
        yield wrong(f"{path}.endPort", str(last), f"may not be specified when `port` is {lacks}")
        return
    if last < first:
        yield wrong(f"{path}.endPort", str(first), "must be greater than or equal to `port`")
    yield from podspecs.target(last, f"{path}.endPort")


def _peer(peer: Object, path: str) -> Iterator[Cause]:
    """Pods, namespaces, or pods of namespaces; or addresses, alone."""
    given = [name for name in _PEERS if peer.get(name) is not None]
    for name in given:
        rules = _ip_block if name == "ipBlock" else labelling.selector
        yield from rules(f"{path}.{name}", peer[name])
    if not given:
        yield required(path, "must specify a peer")
    elif "ipBlock" in given and len(given) > 1:
        yield forbidden_field(path, "may not specify both ipBlock and another peer")


def _ip_block(path: str, block: Object) -> Iterator[Cause]:
    """Addresses as a CIDR, and smaller ones within it that are excepted."""
    if not block.get("cidr"):
        yield required(f"{path}.cidr")
        return
    whole = _network(block["cidr"])
    if whole is None:
        yield wrong(f"{path}.cidr", printed(block["cidr"]), _NO_CIDR)
        return
    for index, text in enumerate(block.get("except") or ()):
        part, field = _network(text), f"{path}.except[{index}]"
        if part is None:
            yield wrong(field, printed(text), _NO_CIDR)
        elif part.network_address not in whole or part.prefixlen <= whole.prefixlen:
            yield wrong(field, printed(text), "must be a strict subset of `cidr`")


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """The addresses of a CIDR; None for what is none, as an address without the length of its prefix."""
    if not re.fullmatch(r"[0-9A-Fa-f.:]+/\d{1,3}", text):
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
