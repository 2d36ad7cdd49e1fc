"""What pods answer and how long they take: from the leaves of the call graph upwards."""

from __future__ import annotations

import random
from typing import NamedTuple

from chaoskit.simulator.traffic import meters, queueing
from chaoskit.simulator.traffic.callgraph import Crew, Node
from chaoskit.simulator.traffic.nodeload import NodeLoads
from chaoskit.simulator.traffic.paths import HOP, Paths, by_proxy, in_between, on_the_wire, outwards
from chaoskit.simulator.traffic.queueing import CLIENT_TIMEOUT, POOL_TIMEOUT, Part
from chaoskit.simulator.traffic.state import QUIET, PodState
from chaoskit.simulator.traffic.usage import NODE_CORES, QUERIES

_SIGMA = 0.45
_CPU_OF_WORK = 0.85
_IDLE_CONNECTIONS = 2.0
_WAITS_FOR_DISK = 0.08
"""Seconds that a request waits where a disk is as busy as it can be."""
_DISK_SPEED = 120 * 2.0**20
_REFUSED = [Part(1.0, 0.001, 0.0)]


class Work(NamedTuple):
    """A pod's own share of a request: CPU used a second, seconds of a request, the share that is refused."""

    busy: float
    seconds: float
    refused: float


class Asked(NamedTuple):
    """What becomes of requests that need others: the share without a connection, failed and lost, seconds."""

    unconnected: float
    failed: float
    lost: float
    seconds: float


_NOBODY = Asked(0.0, 0.0, 0.0, 0.0)


class Serving:
    """Answers as every pod's load, its callees and its disturbances make them."""

    def __init__(self, paths: Paths, nodes: NodeLoads, source: random.Random) -> None:
        self._paths = paths
        self._nodes = nodes
        self._random = source

    def answer(self, graph: list[Node]) -> None:
        """Every pod of the graph (callers before callees) answers, and its callers know how."""
        for node in reversed(graph):
            for crew, state in node.last_of:
                self._serve(crew, state)
            _combine(node)
        for crew in dict.fromkeys(crew for node in graph for crew in node.crews):
            _count_connections(crew)

    def _serve(self, crew: Crew, state: PodState) -> None:
        work = self._work(state)
        fault = min(1.0, state.wrong.errors + max(0.0, self._random.gauss(0.0008, 0.0006)))
        database = self._ask_database(crew, state)
        upstream = self._ask_upstreams(crew, state)
        state.starved = pool = database.unconnected
        failing = 1 - (1 - database.failed) * (1 - upstream.failed)
        lost = 1 - (1 - database.lost) * (1 - upstream.lost)
        taken = 1 - work.refused
        ok = taken * (1 - fault) * (1 - pool)
        good = ok * (1 - failing) * (1 - lost)
        median = work.seconds + database.seconds + upstream.seconds
        state.parts = [
            Part(good, median, _SIGMA),
            Part(ok * failing * (1 - lost), 0.6 * work.seconds + 0.4 * median, _SIGMA),
            Part(ok * lost, CLIENT_TIMEOUT + work.seconds, 0.0),
            Part(taken * fault, work.seconds, _SIGMA),
            Part(taken * (1 - fault) * pool, POOL_TIMEOUT + work.seconds, 0.02),
            Part(work.refused, 1.0 + work.seconds, 0.3),
        ]
        rate, rates = state.arriving, state.meter.rates
        rates[meters.OK] = rate * good
        rates[meters.UPSTREAM_ERROR] = rate * (ok - good)
        rates[meters.OWN_ERROR] = rate * taken * fault
        rates[meters.REFUSED] = rate * (1 - ok - taken * fault)
        rates[meters.POOL_ERRORS] = state.queries * pool
        seen = on_the_wire(state.parts)
        state.meter.histogram(meters.SERVED, rate, queueing.cumulative(seen), queueing.mean(seen))
        state.cpu = work.busy

    def _work(self, state: PodState) -> Work:
        """What the pod does itself for a request, with the CPU and the disk that it has."""
        role, wrong, main = state.role, state.wrong, state.pod.main
        limit = (main.cpu_limit if main else None) or NODE_CORES
        collecting = state.near_limit
        busy = state.arriving * role.work * _CPU_OF_WORK * (1 + 0.3 * collecting)
        available = max(limit - wrong.cpu, 0.3 * limit)
        if self._nodes.strained:
            available *= self._nodes.left(state)
        utilisation = busy / available
        noise = max(0.5, 1 + state.drift + self._random.gauss(0, 0.03))
        seconds = queueing.service_time(role.work, utilisation) * noise * (1 + collecting) + wrong.slow
        if self._nodes.strained:
            seconds += _WAITS_FOR_DISK * min(1.0, self._nodes.written(state) / _DISK_SPEED)
        return Work(busy, seconds, queueing.refused_share(utilisation))

    def _ask_database(self, crew: Crew, state: PodState) -> Asked:
        if crew.database is None:
            return _NOBODY
        database, role = crew.database.callee, state.role
        if not self._paths.finds(state, database):
            return Asked(0.0, 1.0, 0.0, 0.001)
        if state.wrong.refused_login:
            return Asked(0.0, 1.0, 0.0, database.seconds)
        lost, delay = self._paths.towards(state, crew.database)
        answer = database.seconds + delay / 2 + HOP
        hold = QUERIES * answer + role.work + (lost + database.lost) * CLIENT_TIMEOUT
        pool = queueing.pool_state(state.queries, hold, role.pool, state.wrong.hold)
        noise = max(0.2, 1 + self._random.gauss(0, 0.12))
        size = float(role.pool)
        held = min(size, state.wrong.hold)
        state.pool_in_use = min(size, max(0.0, held + (pool.in_use - held) * noise))
        state.pool_pending = pool.pending * noise
        everything_lost = 1 - (1 - lost) * (1 - database.lost)
        return Asked(pool.timed_out, database.failed, everything_lost, pool.wait + QUERIES * answer)

    def _ask_upstreams(self, crew: Crew, state: PodState) -> Asked:
        """The seconds that calls add, and the shares of requests of which a call failed or was lost."""
        if not crew.calls:
            return _NOBODY
        seconds, fine, answered = 0.0, 1.0, 1.0
        for call in crew.calls:
            callee, share = call.callee, call.share
            if not self._paths.finds(state, callee):
                fine *= 1 - share
                continue
            lost, delay = self._paths.towards(state, call)
            _count_calls(state, callee, lost, delay)
            seconds += share * (callee.seconds + delay + HOP)
            fine *= 1 - share * callee.failed ** (state.role.retries + 1)
            answered *= 1 - share * (1 - (1 - lost) * (1 - callee.lost))
        return Asked(0.0, 1 - fine, 1 - answered, seconds)


def _count_calls(state: PodState, callee: Node, lost: float, delay: float) -> None:
    at = state.meter.destination(callee.key[1])
    rate = state.calls.get(callee.key, 0.0)
    shares, seconds = callee.shares, callee.seconds
    if lost or delay:
        parts = [
            Part(share * (1 - lost), min(median + delay, CLIENT_TIMEOUT + 0.01), sigma)
            for share, median, sigma in callee.parts
        ]
        parts.append(Part(lost, CLIENT_TIMEOUT + 0.01, 0.0))
        shares, seconds = queueing.cumulative(parts), queueing.mean(parts)
    state.meter.histogram(at, rate, shares, seconds)


def _count_connections(crew: Crew) -> None:
    """What the pods have open to their database adds to what others have."""
    there = crew.database.callee.serving if crew.database is not None else []
    opened = sum(_opened(state) for state in crew.states if state.running) if there else 0.0
    for state in there:
        state.connections += opened / len(there)
        state.connections = min(state.connections, float(state.role.max_connections))


def _opened(state: PodState) -> float:
    return min(float(state.role.pool), max(_IDLE_CONNECTIONS, state.pool_in_use + 1))


def _combine(node: Node) -> None:
    """What the node's callers get, over all of its pods, on the network as the pods' effects make it."""
    if not node.serving:
        node.failed, node.lost, node.seconds, node.parts = 1.0, 0.0, 0.001, _REFUSED
        node.shares = queueing.cumulative(_REFUSED)
        return
    each = (1 - node.refused) / len(node.serving)
    failed, missing = node.refused, 0.0
    node.parts = [part._replace(share=node.refused) for part in _REFUSED if node.refused]
    if any(state.wrong is not QUIET for state in node.serving):
        node.parts += [part for state in node.serving for part in _seen(node, state, each)]
    else:  # one speaks for all
        node.parts += _seen(node, node.serving[0], 1 - node.refused)
    for state in node.serving:
        lost, _ = outwards(state)
        broken, _ = by_proxy(in_between(state, node.service))
        good, gone = state.parts[0].share * (1 - broken), state.parts[2].share * (1 - lost) + lost
        missing += each * gone
        failed += each * max(0.0, 1 - good * (1 - lost) - gone)
    node.failed, node.lost = min(1.0, failed), min(1.0, missing)
    node.shares = queueing.cumulative(node.parts)
    answered = [part for part in node.parts if part.median < CLIENT_TIMEOUT]
    node.seconds = queueing.mean(answered) if answered else CLIENT_TIMEOUT


def _seen(node: Node, state: PodState, weight: float) -> list[Part]:
    """What callers see of a pod that gets this share of their calls."""
    lost, delay = outwards(state)
    parts = on_the_wire(state.parts, weight, lost, delay + HOP)
    for share, seconds in by_proxy(in_between(state, node.service))[1]:
        parts = queueing.proxied(parts, share, seconds)
    return parts
