"""What one pod is doing, and what is wrong with it: the state that traffic advances and metrics read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

from chaoskit.simulator.effects import Effect
from chaoskit.simulator.traffic import queueing
from chaoskit.simulator.traffic.meters import Meter
from chaoskit.simulator.traffic.queueing import Part
from chaoskit.simulator.traffic.view import MIB, Pod, Role

DISK = 2048 * MIB
"""The bytes that a container's file system can take."""
_GC_FROM = 0.85
_ANY = Role()


@dataclass(frozen=True, slots=True)
class Disturbed:
    """The effects on one pod, added up."""

    cpu: float = 0.0
    memory: float = 0.0
    leak: float = 0.0
    errors: float = 0.0
    hold: float = 0.0
    slow: float = 0.0
    disk: float = 0.0
    used: float = 0.0
    writes: float = 0.0
    processes: float = 0.0
    refused_login: bool = False
    network: tuple[Effect, ...] = ()
    proxy: tuple[Effect, ...] = ()
    """What stands between the pod and its callers: a proxy that delays, replaces or breaks answers."""


QUIET = Disturbed()


def disturbed(effects: Sequence[Effect], role: Role | None) -> Disturbed:
    """What is wrong with a pod, from the effects in force and the faults its environment asks for."""
    if not effects and not (role and role.faults):
        return QUIET
    sums: dict[str, float] = {}
    network: list[Effect] = []
    proxy: list[Effect] = []
    for effect in effects:
        if effect.kind.startswith(("network-", "dns")):
            network.append(effect)
        elif effect.kind.startswith("http-"):
            proxy.append(effect)
        else:
            sums[effect.kind] = sums.get(effect.kind, 0.0) + effect.amount
    for kind, amount in role.faults if role else ():
        sums[kind] = sums.get(kind, 0.0) + amount
    if not sums and not network and not proxy:
        return QUIET
    return Disturbed(
        cpu=sums.get("cpu", 0.0),
        memory=sums.get("memory", 0.0),
        leak=sums.get("leak", 0.0),
        errors=min(1.0, sums.get("errors", 0.0) / 100),
        hold=sums.get("hold-connections", 0.0),
        slow=sums.get("slow", 0.0),
        disk=sums.get("disk", 0.0),
        used=sums.get("disk-used", 0.0),
        writes=sums.get("disk-writes", 0.0),
        processes=sums.get("processes", 0.0),
        refused_login="refused-login" in sums,
        network=tuple(network),
        proxy=tuple(proxy),
    )


def network_fault(
    effects: Sequence[Effect],
    names: frozenset[str] | None,
    sending: float = 0.0,
    ports: frozenset[int] = frozenset(),
) -> tuple[float, float]:
    """The share of exchanges lost and the seconds added by network effects towards `names` (None: anyone).

    `names` are what the other end is called and its addresses, `ports` those it is called at.
    `sending` is what the pod has to send, in bytes per second: a narrow line delays it, or lets only a part
    through. Packets that come twice are thrown away, and hurt nobody.
    """
    loss = delay = cut = 0.0
    for effect in effects:
        if effect.peers and (names is None or not any(_meant(p, names, ports) for p in effect.peers)):
            continue
        if effect.kind == "network-loss":
            loss = 1 - (1 - loss) * (1 - effect.amount / 100)
        elif effect.kind == "network-latency":
            delay += effect.amount
        elif effect.kind == "network-rate":
            narrow, waiting = queueing.narrowed(effect.amount, sending)
            cut, delay = 1 - (1 - cut) * (1 - narrow), delay + waiting
    lost, added = queueing.lossy(loss)
    return 1 - (1 - lost) * (1 - cut), added + 2 * delay


def unresolved(effects: Sequence[Effect], names: frozenset[str]) -> bool:
    """True when a host of these names cannot be found, as its lookup fails or leads elsewhere."""
    dns = [effect for effect in effects if effect.kind == "dns"]
    return any(not e.peers or any(fnmatchcase(n, p) for n in names for p in e.peers) for e in dns)


def _meant(peer: str, names: frozenset[str], ports: frozenset[int]) -> bool:
    """Whether a host of these names, called at these ports, is a peer as `Effect` spells one."""
    host, _, told = peer.partition("|")
    listed = {int(port) for port in told.removeprefix("!").split(",") if port}
    if listed and not (ports - listed if told.startswith("!") else ports & listed):
        return False
    return not host or host in names or ("/" in host and any(_within(name, host) for name in names))


def _within(name: str, network: str) -> bool:
    """True for an address in the network; names are in none."""
    try:
        return ip_address(name) in ip_network(network, strict=False)
    except ValueError:
        return False


@dataclass(slots=True)
class PodState:
    """What one pod is doing: set by `Traffic`, read by signals and exposition."""

    pod: Pod
    meter: Meter
    run: str = ""
    running: bool = False
    garbage: float = 0.0
    collect_at: float = 0.0
    leaked: float = 0.0
    warm: float = 0.0
    size: float = 1.0
    memory: float = 0.0
    disk: float = 0.0
    stored: float = 0.0
    """What the pod takes of its node's disk; `disk` is what its container's file system shows of that."""
    filled: float = 0.0
    drift: float = 0.0
    wrong: Disturbed = QUIET
    arriving: float = 0.0
    calls: dict[tuple[str, str], float] = field(default_factory=dict)
    queries: float = 0.0
    pool_in_use: float = 0.0
    pool_pending: float = 0.0
    starved: float = 0.0
    connections: float = 0.0
    cpu: float = 0.0
    sending: float = 0.0
    parts: list[Part] = field(default_factory=list)
    ooms: list[float] = field(default_factory=list)
    oom_total: int = 0
    reported: bool = False

    @property
    def role(self) -> Role:
        """What the pod does; what anybody does where it does not say."""
        return self.pod.role or _ANY

    @property
    def near_limit(self) -> float:
        """How far the garbage collector is in trouble: 0 below 85 % of the memory limit, 1 at it."""
        limit = self.pod.main.memory_limit if self.pod.main else None
        if not limit:
            return 0.0
        return min(1.0, max(0.0, (self.memory / limit - _GC_FROM) / (1 - _GC_FROM)))
