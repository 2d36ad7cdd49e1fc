"""Tunables of Litmus' charts that are not simulated: refused aloud, or known to change nothing here.

What is in neither table is acted on by the fault's own program; a test holds every tunable to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from chaoskit.simulator.litmus.errors import ChaosError


@dataclass(frozen=True, slots=True)
class Refused:
    """A tunable of some faults (a pattern of names) that may only have these values, and why."""

    faults: str
    name: str
    accepted: frozenset[str]
    why: str


@dataclass(frozen=True, slots=True)
class Indifferent:
    """Tunables of some faults (a pattern of names) whose values make no difference here, and why."""

    faults: str
    names: frozenset[str]
    why: str


def _refused(faults: str, name: str, accepted: str, why: str) -> Refused:
    return Refused(faults, name, frozenset({"", *accepted.split(",")}), why)


def _indifferent(faults: str, names: str, why: str) -> Indifferent:
    return Indifferent(faults, frozenset(names.split()), why)


REFUSED = (
    _refused("pod-network-*", "SOURCE_PORTS", "", "packets have no source port here; leave it empty"),
    _refused("pod-network-*", "JITTER", "0", "every packet is late by the same time"),
    _refused("pod-network-*", "CORRELATION", "0", "packets are lost independently of one another"),
    _refused("pod-*", "NETWORK_INTERFACE", "eth0", "pods have eth0 and no other interface"),
    _refused("pod-network-partition", "DESTINATION_HOSTS", "", "give addresses in DESTINATION_IPS"),
    _refused("pod-io-stress", "VOLUME_MOUNT_PATH", "", "volumes have no size; the container's own disk has"),
    _refused("pod-cpu-hog-exec", "CHAOS_INJECT_COMMAND", "md5sum /dev/zero", "no other load is known"),
)
INDIFFERENT = (
    _indifferent("pod-*", "STRESS_IMAGE TC_IMAGE", "Litmus 3.31.0 has both programs in its own image"),
    _indifferent(
        "pod-delete",
        "POD_TERMINATION_ORDER INTER_POD_KILL_INTERVAL_SECONDS",
        "Litmus 3.31.0 does not know them",
    ),
    _indifferent("container-kill", "CONTAINER_API_TIMEOUT", "the container runtime answers at once"),
    _indifferent("pod-memory-hog", "NUMBER_OF_WORKERS", "the workers share the memory that is asked for"),
    _indifferent(
        "pod-network-rate-limit", "BURST LIMIT MIN_BURST PEAK_RATE", "traffic flows evenly, without bursts"
    ),
    _indifferent("pod-http-*", "PROXY_PORT", "the proxy is in the way at whatever port it listens"),
    _indifferent(
        "pod-http-*",
        "RESPONSE_BODY MODIFY_RESPONSE_BODY CONTENT_TYPE CONTENT_ENCODING HEADERS_MAP HEADER_MODE",
        "who calls a pod looks at the status alone",
    ),
    _indifferent("disk-fill", "DATA_BLOCK_SIZE", "it is how dd writes, not how much"),
    _indifferent("pod-*", "CHAOS_KILL_COMMAND", "what was begun in a container is ended, however it is told"),
    _indifferent(
        "pod-fio-stress",
        "IO_ENGINE IO_DEPTH READ_WRITE_MODE BLOCK_SIZE SIZE",
        "a job is a writer at a fixed rate, however it writes",
    ),
    _indifferent("node-io-stress", "VM_WORKERS", "their few megabytes are nothing to a node"),
)


def refuse(fault: str, env: Mapping[str, str]) -> None:
    """Returns when all that is asked for is simulated; raises `ChaosError` that names what is not."""
    for limit in REFUSED:
        value = env.get(limit.name, "")
        if value not in limit.accepted and fnmatchcase(fault, limit.faults):
            raise ChaosError("GENERIC_ERROR", f"{limit.name}={value} is not simulated: {limit.why}")


def unread(fault: str) -> frozenset[str]:
    """The fault's tunables that its program does not act on: refused, or without effect."""
    refused = {limit.name for limit in REFUSED if fnmatchcase(fault, limit.faults)}
    return frozenset(refused).union(*(n.names for n in INDIFFERENT if fnmatchcase(fault, n.faults)))
