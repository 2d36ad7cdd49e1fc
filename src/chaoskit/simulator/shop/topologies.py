"""Topologies of any size, drawn from a seed: services in tiers that call one another, databases beneath.

Each service gets the pods that its share of the load needs, so that a generated shop is healthy by itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

from chaoskit.simulator.shop.manifests import Service

LARGEST = 1000
_LOAD = 30.0
"""Requests per second from outside."""
_BUSY = 0.35
"""The part of its CPU limit that a service may need."""
_CORES = 0.5
_WORDS = (
    "accounts billing booking catalog chat coupons feed gateway geo identity images inventory invoices "
    "ledger loyalty mail media notes offers orders pages payments plans prices profiles quotes ratings "
    "refunds reports reviews routes search sessions shipping stock tags tasks tickets tours users vaults"
)
_NAMES = _WORDS.split()


def topology(pods: int, seed: int = 7) -> tuple[Service, ...]:
    """Services with so many pods in all, load generator and databases included.

    ValueError for a size outside of 12 to 1,000.
    """
    if not 12 <= pods <= LARGEST:
        raise ValueError(f"a topology has 12 to {LARGEST} pods, not {pods}")
    source = random.Random(f"topology {seed}")
    count = max(4, round(pods / 3.5))
    while True:
        services = _sized(_services(source, count))
        total = sum(service.replicas for service in services)
        if total <= pods:
            return _filled(services, pods - total, source)
        count = max(3, count - max(1, (total - pods) // 4))


def _services(source: random.Random, count: int) -> list[Service]:
    """Callers before callees; each but the first is called by one before it, and now and then by more."""
    names = [_name(at) for at in range(count)]
    calls: list[list[tuple[str, float]]] = [[] for _ in names]
    for at in range(1, count):
        callers = {source.randrange(max(0, at - 1 - at // 2), at)}
        if source.random() < 0.25:
            callers.add(source.randrange(at))
        for caller in callers:
            calls[caller].append((names[at], round(source.uniform(0.1, 0.45), 2)))
    databases = [f"db-{at}" for at in range(max(1, count // 15))]
    load = Service("load", 1, 1, 20, extra=(("LOAD_URL", f"http://{names[0]}/"), ("LOAD_RPS", f"{_LOAD:g}")))
    made = [
        Service(
            name,
            1,
            round(source.uniform(1, 6), 1),
            source.randrange(40, 120, 10),
            calls=tuple(calls[at]),
            database=source.choice(databases) if source.random() < 0.3 else "",
            budget=source.random() < 0.4,
        )
        for at, name in enumerate(names)
    ]
    stores = [
        Service(name, 1, 0.5, 200, cpu="1500m", memory="768Mi", extra=(("MAX_CONNECTIONS", "400"),))
        for name in databases
    ]
    return [load, *made, *stores]


def _name(at: int) -> str:
    name = _NAMES[at % len(_NAMES)]
    return name if at < len(_NAMES) else f"{name}-{at // len(_NAMES)}"


def _sized(services: Sequence[Service]) -> list[Service]:
    """Each service with the pods that its share of the load needs."""
    demand = dict.fromkeys((service.name for service in services), 0.0)
    demand[services[1].name] = _LOAD
    for service in services[1:]:
        for callee, share in service.calls:
            demand[callee] += demand[service.name] * share
    return [
        replace(
            service,
            replicas=max(1, math.ceil(demand[service.name] * service.work_ms / 1000 / (_BUSY * _CORES))),
        )
        for service in services
    ]


def _filled(services: list[Service], missing: int, source: random.Random) -> tuple[Service, ...]:
    """The services with so many more pods, spread at random over those that may have several."""
    may = [at for at, service in enumerate(services) if at > 0 and not service.name.startswith("db-")]
    for _ in range(missing):
        at = source.choice(may)
        services[at] = replace(services[at], replicas=services[at].replicas + 1)
    return tuple(services)
