"""What each fault does to one target, from its tunables. Pure.

pod-cpu-hog follows recordings; the others were never recorded, and follow Litmus' source and documentation.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaoskit.simulator.effects import Effect, Kind
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.reach import Victim
from chaoskit.simulator.litmus.targets import destinations, number

MEBIBYTE = 2.0**20
_FREE_DISK = 1600 * MEBIBYTE
"""What a container's file system has left, of which stress-ng writes a share."""
_WRITER = 25 * MEBIBYTE
"""Bytes per second that one worker writes."""
_RATE = re.compile(r"(?P<amount>\d+(\.\d+)?)(?P<unit>[kmgt]?)(?P<of>bit|bps|b)?", re.IGNORECASE)
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}


@dataclass(frozen=True, slots=True)
class Tunables:
    """A fault's environment; `pick` reads a number, or draws one from a range; `cores` are the node's.

    `storage` is the target's limit of ephemeral storage in bytes, None without one; `ports` are those that
    it says it listens on.
    """

    env: Mapping[str, str]
    pick: Callable[[str, str], int]
    cores: int = 1
    storage: float | None = None
    ports: frozenset[int] = frozenset()

    @property
    def peers(self) -> tuple[str, ...]:
        """The hosts, addresses and ports that a network fault is limited to: any of them is hit."""
        hosts = destinations(self.env, "DESTINATION_HOSTS", "DESTINATION_IPS")
        ports = destinations(self.env, "DESTINATION_PORTS")
        if not all(number(port.removeprefix("!")) for port in ports):
            raise ChaosError("GENERIC_ERROR", f"invalid destination ports: {','.join(ports)}")
        if ports and ports[0].startswith("!"):
            return (*hosts, f"|{','.join(ports)}")
        return (*hosts, *(f"|{port}" for port in ports))


Maker = Callable[[Victim, Tunables], Iterable[Effect]]


def effects(fault: str, victim: Victim, tunables: Tunables) -> tuple[Effect, ...]:
    """The effects that the fault has on its target; raises `ChaosError` for tunables that make no sense."""
    return tuple(MAKERS[fault](victim, tunables))


def _effect(kind: Kind, at: Victim, amount: float, peers: tuple[str, ...] = ()) -> Effect:
    return Effect(kind, at.namespace, at.pod, amount, peers, at.container)


def _cpu(at: Victim, told: Tunables) -> Iterable[Effect]:
    cores = told.pick("CPU_CORES", "0") or told.cores
    yield _effect("cpu", at, cores * told.pick("CPU_LOAD", "100") / 100)


def _memory(at: Victim, told: Tunables) -> Iterable[Effect]:
    yield _effect("memory", at, told.pick("MEMORY_CONSUMPTION", "500") * 1_000_000)


def _io(at: Victim, told: Tunables) -> Iterable[Effect]:
    gigabytes = told.pick("FILESYSTEM_UTILIZATION_BYTES", "0")
    share = told.pick("FILESYSTEM_UTILIZATION_PERCENTAGE", "10") / 100
    yield _effect("disk-used", at, gigabytes * 1e9 if gigabytes else share * _FREE_DISK)
    yield _effect("disk-writes", at, told.pick("NUMBER_OF_WORKERS", "4") * _WRITER)


def _fio(at: Victim, told: Tunables) -> Iterable[Effect]:
    yield _effect("disk-writes", at, (told.pick("NUMBER_OF_JOBS", "1") or 1) * _WRITER)


def _percent(kind: Kind, tunable: str) -> Maker:
    def make(at: Victim, told: Tunables) -> Iterable[Effect]:
        yield _effect(kind, at, told.pick(tunable, "100"), told.peers)

    return make


def _latency(at: Victim, told: Tunables) -> Iterable[Effect]:
    yield _effect("network-latency", at, told.pick("NETWORK_LATENCY", "2000") / 1000, told.peers)


def _narrow(at: Victim, told: Tunables) -> Iterable[Effect]:
    yield _effect(
        "network-rate", at, bytes_per_second(told.env.get("NETWORK_BANDWIDTH") or "1mbit"), told.peers
    )


def bytes_per_second(rate: str) -> float:
    """A rate in tc's units (``1mbit``, ``100kbit``, ``2mbps``: bytes) as bytes per second."""
    found = _RATE.fullmatch(rate.strip())
    if found is None:
        raise ChaosError("CHAOS_INJECT_ERROR", f'Illegal "rate": {rate}')
    amount = float(found["amount"]) * _FACTORS[found["unit"].lower()]
    return amount if (found["of"] or "").lower() == "bps" else amount / 8


def _unknown_names(at: Victim, told: Tunables) -> Iterable[Effect]:
    names = _json(told.env, "TARGET_HOSTNAMES", "[]", list)
    if told.env.get("MATCH_SCHEME", "exact") == "substring":
        names = [f"*{name}*" for name in names]
    yield _effect("dns", at, 100, tuple(names))


def _false_names(at: Victim, told: Tunables) -> Iterable[Effect]:
    names = _json(told.env, "SPOOF_MAP", "{}", dict)
    if not names:
        raise ChaosError("GENERIC_ERROR", "spoof map is required for the pod-dns-spoof experiment")
    yield _effect("dns", at, 100, tuple(names))


def _json(
    env: Mapping[str, str], name: str, default: str, kind: type[list[Any] | dict[Any, Any]]
) -> list[str]:
    try:
        found = json.loads(env.get(name) or default)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        raise ChaosError("GENERIC_ERROR", f"{name} is no JSON {kind.__name__}: {env.get(name)}")
    return [str(each) for each in found]


def _proxied(kind: Kind, amount: Callable[[Tunables], float]) -> Maker:
    def make(at: Victim, told: Tunables) -> Iterable[Effect]:
        share = min(100, told.pick("TOXICITY", "100")) / 100
        port = number(told.env.get("TARGET_SERVICE_PORT") or "80")
        if not told.ports or port in told.ports:  # nothing comes by at another one
            yield replace(_effect(kind, at, amount(told)), share=share, port=port)

    return make


_CODES = (200, 201, 202, 204, 300, 301, 302, 304, 307, 400, 401, 403, 404, 500, 501, 502, 503, 504)


def _status(told: Tunables) -> float:
    """One of the statuses asked for, or of all that Litmus knows; `pick` draws it."""
    codes = [number(code) for code in (told.env.get("STATUS_CODE") or "").split(",") if code.strip()]
    if any(code not in _CODES for code in codes):
        raise ChaosError("GENERIC_ERROR", f"status code {told.env['STATUS_CODE']} is not supported")
    codes = codes or list(_CODES)
    return codes[told.pick("", f"0-{len(codes) - 1}")]


def _fill(at: Victim, told: Tunables) -> Iterable[Effect]:
    mebibytes = told.pick("EPHEMERAL_STORAGE_MEBIBYTES", "0")
    size = mebibytes * MEBIBYTE if mebibytes else told.storage
    if size is None:
        needed = "either provide ephemeral storage limit inside target container or define"
        raise ChaosError("CHAOS_INJECT_ERROR", f"{needed} EPHEMERAL_STORAGE_MEBIBYTES ENV")
    percent = 100 if mebibytes else told.pick("FILL_PERCENTAGE", "80")
    yield _effect("disk-used", at, math.floor(size * percent / 100))


MAKERS: Mapping[str, Maker] = {
    "pod-cpu-hog": _cpu,
    "pod-cpu-hog-exec": _cpu,
    "pod-memory-hog": _memory,
    "pod-memory-hog-exec": _memory,
    "pod-io-stress": _io,
    "pod-fio-stress": _fio,
    "pod-network-loss": _percent("network-loss", "NETWORK_PACKET_LOSS_PERCENTAGE"),
    # a damaged packet is thrown away by who gets it, and sent again, like a lost one
    "pod-network-corruption": _percent("network-loss", "NETWORK_PACKET_CORRUPTION_PERCENTAGE"),
    "pod-network-duplication": _percent("network-duplication", "NETWORK_PACKET_DUPLICATION_PERCENTAGE"),
    "pod-network-latency": _latency,
    "pod-network-rate-limit": _narrow,
    "pod-dns-error": _unknown_names,
    "pod-dns-spoof": _false_names,
    "pod-http-latency": _proxied("http-latency", lambda told: told.pick("LATENCY", "6000") / 1000),
    "pod-http-status-code": _proxied("http-status", _status),
    "pod-http-reset-peer": _proxied("http-reset", lambda told: told.pick("RESET_TIMEOUT", "0") / 1000),
    "pod-http-modify-body": _proxied("http-content", lambda _: 0.0),
    "pod-http-modify-header": _proxied("http-content", lambda _: 0.0),
    "disk-fill": _fill,
}
"""Who makes a fault's effects, for each fault that has any."""
