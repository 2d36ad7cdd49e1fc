"""Faults on a pod's network: late, lost, damaged, doubled, narrow; cut off; names that do not resolve."""

from __future__ import annotations

from dataclasses import replace

from chaoskit.experiments.faults.model import Fault, Parameter, Value
from chaoskit.experiments.faults.parts import (
    ADDRESSES,
    HOSTS,
    HOSTS_WITH_PORTS,
    IN_POD,
    INTERFACE,
    ISOLATING,
    LABELS,
    NAMES,
    NETWORKS,
    ON_PODS,
    PORTS,
    PROTOCOL_PORTS,
    RAMP,
    RATE,
    RESOLVING,
    RUNTIME,
    SHAPING,
    SIZE,
    choice,
    graded,
    lasting,
    levels,
    percent,
    text,
    whole,
)

_ALL_BUT = (
    "all but these are allowed; a CIDR needs litmus-go #772 (September 2025; which release had it first is "
    "not known), without which the network policy is invalid"
)
SCOPING = ("DESTINATION_HOSTS", "DESTINATION_IPS", "DESTINATION_PORTS", "SOURCE_PORTS")
"""ENV that keep a network fault to part of a pod's traffic; each is a filter of its own: any of them hits."""

_WITH_PORT = "3.20"
_HOST_ALONE = "db.shop.svc.cluster.local"
_HOST_EXAMPLE = f"{_HOST_ALONE}|5432"
_HOSTS = text("hosts", "DESTINATION_HOSTS", "", "only to these: host or host|port", HOSTS, _HOST_EXAMPLE)
_ADDRESSES = text(
    "addresses", "DESTINATION_IPS", "", "only to these: ip, cidr or ip|port", ADDRESSES, "10.0.0.0/8"
)
_SCOPED = (
    *IN_POD,
    *RUNTIME,
    INTERFACE,
    _HOSTS,
    _ADDRESSES,
    text("destinationPorts", "DESTINATION_PORTS", "", "only to these; ! before: all but", PORTS, "5432,6379"),
    text("sourcePorts", "SOURCE_PORTS", "", "only from these; ! before: all but", PORTS, "!8080"),
)
_CORRELATION = whole("correlation", "CORRELATION", 0, "with the packet before", "percent", 0, 100)
_QDISC = "a queueing discipline in the pod's sandbox until the pod is replaced"
_REMOVED = "the helper removes the queueing discipline"


def _netem(kind: str, purpose: str, *own: Parameter, values: tuple[Value, ...], since: str = "2.0") -> Fault:
    return Fault(
        kind, purpose, "network", (lasting(60), *own, *_SCOPED), ON_PODS,
        _REMOVED, _QDISC, SHAPING, levels(own[0].name, *values), overhead=40, since=since,
    )  # fmt: skip


def _resolver(kind: str, purpose: str, *own: Parameter) -> Fault:
    return Fault(
        kind, purpose, "dns", (lasting(60), *own, *IN_POD, *RUNTIME), ON_PODS,
        "the helper ends its interceptor", "an interceptor in the pod's network until the pod is replaced",
        RESOLVING, levels("duration", 30, 60, 120, 300), overhead=40,
    )  # fmt: skip


FAULTS = (
    _netem(
        "pod-network-latency", "everything a pod sends is late",
        whole("latency", "NETWORK_LATENCY", 2000, "added", "ms", 1),
        whole("jitter", "JITTER", 0, "more or less", "ms"),
        _CORRELATION,
        values=(100, 500, 2000, 10000),
    ),
    _netem(
        "pod-network-loss", "what a pod sends is lost",
        percent("percent", "NETWORK_PACKET_LOSS_PERCENTAGE", 100, "of packets lost"),
        _CORRELATION,
        values=(5, 30, 60, 100),
    ),
    _netem(
        "pod-network-corruption", "what a pod sends is damaged",
        percent("percent", "NETWORK_PACKET_CORRUPTION_PERCENTAGE", 100, "of packets damaged"),
        _CORRELATION,
        values=(5, 30, 60, 100),
    ),
    _netem(
        "pod-network-duplication", "what a pod sends comes twice",
        percent("percent", "NETWORK_PACKET_DUPLICATION_PERCENTAGE", 100, "of packets sent twice"),
        _CORRELATION,
        values=(5, 30, 60, 100),
    ),
    _netem(
        "pod-network-rate-limit", "a pod's bandwidth is small",
        text("bandwidth", "NETWORK_BANDWIDTH", "1mbit", "at most", RATE, "1mbit"),
        text("burst", "BURST", "32kb", "sent at once", SIZE, "32kb"),
        text("limit", "LIMIT", "2mb", "that may wait", SIZE, "2mb"),
        text("minBurst", "MIN_BURST", "", "size of the second bucket", SIZE, "1540"),
        text("peakRate", "PEAK_RATE", "", "at most, for a moment", RATE, "2mbit"),
        values=("100mbit", "10mbit", "1mbit", "100kbit"), since="3.20",
    ),
    Fault(
        "database-connection-loss", "a client loses its database, and nothing else", "database-connection",
        (
            lasting(30),
            replace(
                text("database", "DESTINATION_HOSTS", "", "host|port of the database; several: commas",
                     HOSTS_WITH_PORTS, _HOST_EXAMPLE),
                mandatory=True, since=_WITH_PORT,
            ),
            percent("percent", "NETWORK_PACKET_LOSS_PERCENTAGE", 100, "of packets lost"),
            _CORRELATION,
            *IN_POD, *RUNTIME, INTERFACE,
        ),
        ON_PODS, _REMOVED, _QDISC, SHAPING,
        graded(percent=(30, 100, 100, 100), duration=(30, 30, 60, 300)),
        runs="pod-network-loss", overhead=40, since=_WITH_PORT,
    ),
    Fault(
        "pod-network-partition", "all pods of a workload are cut off from the network", "network",
        (
            lasting(60),
            choice("direction", "POLICY_TYPES", "all", "which way", "ingress", "egress", "all"),
            text("ports", "PORTS", "", "still allowed", PROTOCOL_PORTS, "tcp: [5432], udp: [53]"),
            text("podSelector", "POD_SELECTOR", "", "peers still allowed", LABELS, "app=db"),
            text("namespaceSelector", "NAMESPACE_SELECTOR", "", "namespaces still allowed", LABELS, "team=a"),
            replace(  # they are what a NetworkPolicy leaves out of 0.0.0.0/0: no ports, no IPv6
                text("addresses", "DESTINATION_IPS", "", _ALL_BUT, NETWORKS, "10.0.0.0/8"),
                unit="IPv4 addresses or CIDRs, without ports",
            ),
            replace(
                text("hosts", "DESTINATION_HOSTS", "", "all but these are allowed", NAMES, _HOST_ALONE),
                unit="without ports",
            ),
            RAMP,
        ),
        ISOLATING, "the network policy is deleted", "a NetworkPolicy with the label chaosUID",
        presets=graded(direction=("ingress", "egress", "all", "all"), duration=(30, 30, 60, 180)),
        scope="label", disrupts=True, overhead=30, since="2.2",
    ),
    _resolver(
        "pod-dns-error", "names do not resolve",
        Parameter(
            "hosts", "TARGET_HOSTNAMES", "list", "", "names that do not resolve; all when empty",
            example='["db.shop.svc.cluster.local"]',
        ),
        choice("match", "MATCH_SCHEME", "exact", "how names match", "exact", "substring"),
    ),
    _resolver(
        "pod-dns-spoof", "names resolve to something else",
        Parameter(
            "map", "SPOOF_MAP", "map", "", "names and what they resolve to",
            example='{"a.com": "b.com"}', mandatory=True,
        ),
    ),
)  # fmt: skip
