"""Requests flow down the call graph and answers come back: what each pod uses, serves and fails.

Solved as a system in balance, anew every step and whenever pods or effects change: demand from the load
generators downwards, then times and errors from the leaves upwards. Memory is the one thing with a past.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from chaoskit.simulator.effects import Effect, Effects
from chaoskit.simulator.prometheus.signals import STEP
from chaoskit.simulator.traffic import meters, queueing
from chaoskit.simulator.traffic.callgraph import Node, call_graph
from chaoskit.simulator.traffic.meters import Meter
from chaoskit.simulator.traffic.nodeload import NodeLoads
from chaoskit.simulator.traffic.queueing import CLIENT_TIMEOUT, POOL_TIMEOUT, Part
from chaoskit.simulator.traffic.rhythm import Rhythm
from chaoskit.simulator.traffic.state import (
    DISK,
    QUIET,
    Disturbed,
    PodState,
    disturbed,
    network_fault,
    unresolved,
)
from chaoskit.simulator.traffic.view import MIB, ClusterView, Pod

_SIGMA = 0.45
_CPU_OF_WORK = 0.85
_HOP = 0.0006
"""Seconds that a call spends on a healthy network."""
_IDLE_CPU = 0.004
_START_CPU = 0.12
_START_SECONDS = 20.0
_WARM_SECONDS = 500.0
_REQUEST_BYTES = 850.0
_ANSWER_BYTES = 3400.0
_LOG_BYTES = 180.0
_ROTATED_LOG = 48 * MIB
_IDLE_CONNECTIONS = 2.0
_QUERIES = 3
"""Queries that a request sends one after the other over the connection it holds."""
_NODE_CORES = 4.0
_WAITS_FOR_DISK = 0.08
"""Seconds that a request waits where a disk is as busy as it can be."""
_DISK_SPEED = 120 * MIB
_RARE = 0.004

_REFUSED = [Part(1.0, 0.001, 0.0)]


class Traffic:
    """The state of every pod; `advance` brings it to a time."""

    def __init__(self, view: ClusterView, effects: Effects, *, seed: int, now: float) -> None:
        self.view = view
        self.effects = effects
        self.rhythm = Rhythm(seed)
        self.states: dict[tuple[str, str], PodState] = {}
        self.at = now
        self.nodes = NodeLoads(view, now)
        self.graph: list[Node] = []
        self._random = random.Random(f"traffic {seed}")
        self._version = -1
        self._names = True

    def advance(self, now: float) -> None:
        """Counters and memory have grown up to `now` (Unix seconds), and the new balance is in force."""
        passed = now - self.at
        if passed > 0:
            for state in self.states.values():
                state.meter.advance(passed)
            self.nodes.advance(passed)
        self.at = now
        if self._version != self.view.version:
            self._follow_cluster(now)
        for state in self.states.values():
            self._prepare(state, passed)
        self._flow_down(self.rhythm.factor(now, passed))
        self._answer_up()
        for state in self.states.values():
            self._use(state, now)
        self.nodes.measure(self.states.values())

    def wrong_now(self, pod: Pod) -> Disturbed:
        """What is wrong with a pod at this moment."""
        return disturbed(self.effects.on(pod.namespace, pod.name), None)

    # ------------------------------------------------------------ pods come, go and start again

    def _follow_cluster(self, now: float) -> None:
        pods = self.view.pods
        for key in [key for key in self.states if key not in pods]:
            self._abrupt_end(self.states.pop(key))
        for key, pod in pods.items():
            state = self.states.get(key)
            if state is None or state.pod.uid != pod.uid:
                state = self.states[key] = PodState(pod, Meter(), size=self._random.gauss(1, 0.04))
            self._follow_pod(state, pod, now)
        self.graph = call_graph(self.view, self.states)
        self._names = self.view.names_are_answered
        self._version = self.view.version

    def _follow_pod(self, state: PodState, pod: Pod, now: float) -> None:
        before, main = state.pod, pod.main
        was_running, state.pod = state.running, pod
        state.running = main is not None and main.running
        if was_running and not state.running:
            self._abrupt_end(state, before)
        if main is None:
            return
        if _newly_oom(before, pod):
            state.ooms.append(now)
            state.oom_total += 1
        if state.running and state.run != main.run:
            self._new_process(state, main.run)

    def _new_process(self, state: PodState, run: str) -> None:
        if state.run:
            state.meter.restart()
        state.run = run
        state.leaked = state.garbage = state.warm = state.filled = 0.0
        state.collect_at = 0.0

    def _abrupt_end(self, state: PodState, before: Pod | None = None) -> None:
        """Callers of a pod that died while it served fail for about a second, until endpoints follow."""
        pod = before or state.pod
        if not pod.serving or state.arriving <= 0:
            return
        for node in self.graph:
            if state in node.serving:
                share = 1.0 / len(node.serving)
                for caller in self.states.values():
                    missed = caller.calls.get(node.key, 0.0) * share
                    _count_failures(caller, missed)
        state.arriving = 0.0

    # ------------------------------------------------------------ one step

    def _prepare(self, state: PodState, passed: float) -> None:
        pod = state.pod
        state.wrong = disturbed(self.effects.on(pod.namespace, pod.name), pod.role)
        keep = 0.9 if passed >= STEP / 2 else 0.99
        state.drift = keep * state.drift + self._random.gauss(0, 0.02)
        self._remember(state, passed)
        state.calls.clear()
        state.arriving = state.queries = state.pool_in_use = state.pool_pending = 0.0
        state.connections = 0.0
        state.parts = []
        state.meter.still()

    def _remember(self, state: PodState, passed: float) -> None:
        """Memory has changed over `passed` seconds: warming, garbage and its collection, leaks."""
        if not state.running:
            state.memory = 0.0
            return
        role, wrong = state.pod.role, state.wrong
        heap = (role.heap if role else _idle_heap(state.pod)) * state.size
        state.warm += (1 - state.warm) * min(1.0, passed / _WARM_SECONDS)
        state.leaked += wrong.leak * passed
        state.filled = min(0.93 * DISK, state.filled + wrong.disk * passed)
        state.garbage += state.arriving * passed * 900.0
        if state.garbage >= state.collect_at:
            state.garbage *= self._random.uniform(0.1, 0.5)
            state.collect_at = heap * self._random.uniform(0.08, 0.3)
        young = heap * 0.04 * self._random.random()
        base = heap * (0.62 + 0.3 * state.warm) + young + state.garbage
        state.memory = base + state.leaked + wrong.memory

    def _flow_down(self, factor: float) -> None:
        for node in self.graph:
            node.demand = 0.0
        for node in self.graph:
            node.serving = [state for state in node.states if state.pod.serving and state.running]
            if node.role.load_url:
                for state in node.states:
                    if state.running:
                        state.arriving = node.role.load_rate * factor
                node.serving = [state for state in node.states if state.running]
            else:
                self._share_out(node)
            for state in node.serving:
                self._call(node, state)

    def _share_out(self, node: Node) -> None:
        weights = [1 + self._random.gauss(0, 0.025) for _ in node.serving]
        whole = sum(weights)
        for state, weight in zip(node.serving, weights, strict=True):
            lost, _ = _outwards(state)
            state.arriving = node.demand * weight / whole * (1 - lost)

    def _call(self, node: Node, state: PodState) -> None:
        working = state.arriving * (1 - state.wrong.errors)
        for callee, share in node.calls:
            again = sum(callee.failed**n for n in range(1, node.role.retries + 1))
            rate = working * share * (1 + again)
            state.calls[callee.key] = rate
            lost, _ = self._towards(state, callee)
            callee.demand += rate * (1 - lost) * self._finds(state, callee)
        if node.database is not None:
            state.queries = working * self._finds(state, node.database)
            lost, _ = self._towards(state, node.database)
            node.database.demand += _QUERIES * working * (1 - lost) * self._finds(state, node.database)

    def _answer_up(self) -> None:
        for node in reversed(self.graph):
            if node.role.max_connections:
                self._count_connections(node)
            for state in node.serving:
                self._serve(node, state)
            self._combine(node)

    def _count_connections(self, node: Node) -> None:
        clients = [s for n in self.graph if n.database is node for s in n.states if s.running]
        opened = sum(_opened(state) for state in clients)
        each = opened / len(node.serving) if node.serving else 0.0
        for state in node.serving:
            state.connections = min(each, float(node.role.max_connections))

    def _serve(self, node: Node, state: PodState) -> None:
        role, wrong, main = node.role, state.wrong, state.pod.main
        limit = (main.cpu_limit if main else None) or _NODE_CORES
        rate = state.arriving
        busy = rate * role.work * _CPU_OF_WORK * (1 + 0.3 * state.near_limit)
        available = max(limit - wrong.cpu, 0.3 * limit)
        strained = self.nodes.strained
        if strained:
            available *= self.nodes.left(state)
        utilisation = busy / available
        refused = queueing.refused_share(utilisation)
        noise = max(0.5, 1 + state.drift + self._random.gauss(0, 0.03))
        work = queueing.service_time(role.work, utilisation) * noise * (1 + state.near_limit)
        work += wrong.slow
        if strained:
            work += _WAITS_FOR_DISK * min(1.0, self.nodes.written(state) / _DISK_SPEED)
        fault = min(1.0, wrong.errors + max(0.0, self._random.gauss(0.0008, 0.0006)))
        pool, failing, lost, wait = self._ask_database(node, state)
        state.starved = pool
        ok = (1 - refused) * (1 - fault) * (1 - pool)
        seconds, upstream_failed, upstream_lost = self._ask_upstreams(node, state)
        failing = 1 - (1 - failing) * (1 - upstream_failed)
        lost = 1 - (1 - lost) * (1 - upstream_lost)
        median = work + wait + seconds
        state.parts = [
            Part(ok * (1 - failing) * (1 - lost), median, _SIGMA),
            Part(ok * failing * (1 - lost), 0.6 * work + 0.4 * median, _SIGMA),
            Part(ok * lost, CLIENT_TIMEOUT + work, 0.0),
            Part((1 - refused) * fault, work, _SIGMA),
            Part((1 - refused) * (1 - fault) * pool, POOL_TIMEOUT + work, 0.02),
            Part(refused, 1.0 + work, 0.3),
        ]
        self._count(state, rate, ok, failing, lost, fault, pool, refused)
        state.cpu = busy

    def _count(
        self,
        state: PodState,
        rate: float,
        ok: float,
        failing: float,
        lost: float,
        fault: float,
        pool: float,
        refused: float,
    ) -> None:
        rates = state.meter.rates
        good = ok * (1 - failing) * (1 - lost)
        rates[meters.OK] = rate * good
        rates[meters.UPSTREAM_ERROR] = rate * (ok - good)
        rates[meters.OWN_ERROR] = rate * (1 - refused) * fault
        rates[meters.REFUSED] = rate * (1 - ok - (1 - refused) * fault)
        rates[meters.POOL_ERRORS] = state.queries * pool
        parts = list(_on_the_wire(state.parts))
        shares = queueing.cumulative(parts)
        state.meter.histogram(meters.SERVED, rate, shares, queueing.mean(parts))

    def _ask_database(self, node: Node, state: PodState) -> tuple[float, float, float, float]:
        """The shares that get no connection, an error and no answer, and the seconds of the rest."""
        database = node.database
        if database is None:
            return (0.0, 0.0, 0.0, 0.0)
        if not self._finds(state, database):
            return (0.0, 1.0, 0.0, 0.001)
        if state.wrong.refused_login:
            return (0.0, 1.0, 0.0, database.seconds)
        lost, delay = self._towards(state, database)
        answer = database.seconds + delay / 2 + _HOP
        hold = _QUERIES * answer + node.role.work + (lost + database.lost) * CLIENT_TIMEOUT
        pool = queueing.pool_state(state.queries, hold, node.role.pool, state.wrong.hold)
        noise = max(0.2, 1 + self._random.gauss(0, 0.12))
        size, held = float(node.role.pool), min(float(node.role.pool), state.wrong.hold)
        state.pool_in_use = min(size, held + (pool.in_use - held) * noise)
        state.pool_pending = pool.pending * noise
        everything_lost = 1 - (1 - lost) * (1 - database.lost)
        return (pool.timed_out, database.failed, everything_lost, pool.wait + _QUERIES * answer)

    def _ask_upstreams(self, node: Node, state: PodState) -> tuple[float, float, float]:
        """The seconds that calls add, and the shares of requests of which a call failed or was lost."""
        seconds, fine, answered = 0.0, 1.0, 1.0
        for callee, share in node.calls:
            if not self._finds(state, callee):
                fine *= 1 - share
                continue
            lost, delay = self._towards(state, callee)
            self._count_calls(state, callee, lost, delay)
            seconds += share * (callee.seconds + delay + _HOP)
            fine *= 1 - share * callee.failed ** (node.role.retries + 1)
            answered *= 1 - share * (1 - (1 - lost) * (1 - callee.lost))
        return seconds, 1 - fine, 1 - answered

    def _count_calls(self, state: PodState, callee: Node, lost: float, delay: float) -> None:
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

    def _combine(self, node: Node) -> None:
        """What the node's callers get, over all of its pods, on the network as the pods' effects make it."""
        if not node.serving:
            node.failed, node.lost, node.seconds, node.parts = 1.0, 0.0, 0.001, _REFUSED
            node.shares = queueing.cumulative(_REFUSED)
            return
        each = 1 / len(node.serving)
        node.parts = []
        failed = missing = 0.0
        alike = not any(state.wrong is not QUIET for state in node.serving)
        for state in node.serving:
            lost, delay = _outwards(state)
            broken, held = _by_proxy(state.wrong.proxy)
            if not alike or not node.parts:
                weight = 1.0 if alike else each
                parts = _on_the_wire(state.parts, weight, lost, delay + _HOP)
                for share, seconds in held:
                    parts = queueing.proxied(parts, share, seconds)
                node.parts += parts
            good, gone = state.parts[0].share * (1 - broken), state.parts[2].share * (1 - lost) + lost
            missing += each * gone
            failed += each * max(0.0, 1 - good * (1 - lost) - gone)
        node.failed, node.lost = min(1.0, failed), min(1.0, missing)
        node.shares = queueing.cumulative(node.parts)
        answered = [part for part in node.parts if part.median < CLIENT_TIMEOUT]
        node.seconds = queueing.mean(answered) if answered else CLIENT_TIMEOUT

    # ------------------------------------------------------------ what that costs

    def _use(self, state: PodState, now: float) -> None:
        if not state.running:
            state.cpu = 0.0
            return
        main = state.pod.main
        rates = state.meter.rates
        limit = (main.cpu_limit if main else None) or 0.0
        started = main.started if main else 0.0
        extra = _START_CPU if now - started < _START_SECONDS and state.pod.role else 0.0
        busy = state.cpu if state.arriving else 0.0
        wanted = (_IDLE_CPU + busy) * max(0.2, 1 + self._random.gauss(0, 0.04)) + extra
        wanted += state.wrong.cpu
        state.cpu = min(wanted, limit) if limit else min(wanted, _NODE_CORES)
        rates[meters.CPU] = state.cpu
        if limit:
            rates[meters.PERIODS] = 10.0 * min(1.0, 0.15 + 3 * state.cpu / limit)
            throttled = queueing.throttled_share(wanted / limit)
            rates[meters.THROTTLED] = rates[meters.PERIODS] * throttled
        self._use_network(state)
        kept = 90 + state.arriving * _LOG_BYTES * (14 if state.connections else 1)
        rates[meters.WRITTEN] = kept + state.wrong.writes
        state.stored = 0.06 * DISK + state.meter.values[meters.WRITTEN] % _ROTATED_LOG + state.filled
        state.stored += state.wrong.used
        state.disk = min(DISK, state.stored)

    def _use_network(self, state: PodState) -> None:
        rates, wrong = state.meter.rates, state.wrong.network
        called = sum(state.calls.values()) + _QUERIES * state.queries
        noise = max(0.5, 1 + self._random.gauss(0, 0.05))
        received = (state.arriving * _REQUEST_BYTES + called * _ANSWER_BYTES) * noise + 160
        sent = (state.arriving * _ANSWER_BYTES + called * _REQUEST_BYTES) * noise + 210
        loss = twice = 0.0
        for effect in wrong:
            if effect.kind == "network-loss":
                loss = max(loss, effect.amount / 100)
            elif effect.kind == "network-duplication":
                twice = max(twice, effect.amount / 100)
        packets = (state.arriving + called) * 6
        state.sending = sent / max(0.05, 1 - _outwards(state)[0]) if wrong else sent
        rates[meters.RECEIVED], rates[meters.SENT] = received, sent * (1 - loss) * (1 + twice)
        rates[meters.DROPPED] = packets * loss + max(0.0, self._random.gauss(-0.05, 0.03))

    def _finds(self, state: PodState, callee: Node) -> bool:
        """Whether a pod can resolve the names of a service."""
        network = state.wrong.network
        return self._names and not (network and unresolved(network, callee.names))

    def _towards(self, state: PodState, callee: Node) -> tuple[float, float]:
        """The share of a pod's calls to a service that is lost on the way, and the seconds added."""
        network = state.wrong.network
        lost = delay = 0.0
        if network:
            lost, delay = network_fault(network, callee.names, state.sending, callee.ports)
        if self.view.policies and callee.serving:
            service = self.view.services.get(callee.key)
            shut = sum(not self.view.lets(state.pod, there.pod, service) for there in callee.serving)
            lost = 1 - (1 - lost) * (1 - shut / len(callee.serving))
        return lost, delay


def _on_the_wire(
    parts: Sequence[Part], weight: float = 1.0, lost: float = 0.0, delay: float = 0.0
) -> Iterable[Part]:
    """What is seen of a pod that gets this share of the calls; rare answers count as usual ones."""
    rest = 1.0
    for share, median, sigma in parts[1:]:
        if share > _RARE:
            rest -= share
            yield Part(share * weight * (1 - lost), median + delay, sigma)
    _, median, sigma = parts[0]
    yield Part(rest * weight * (1 - lost), median + delay, sigma)
    if lost:
        yield Part(weight * lost, CLIENT_TIMEOUT + 0.01, 0.0)


def _count_failures(caller: PodState, count: float) -> None:
    values = caller.meter.values
    values[meters.UPSTREAM_ERROR] += count
    for bucket in range(meters.WIDTH - 1):
        values[meters.SERVED + bucket] += count


def _newly_oom(before: Pod, after: Pod) -> bool:
    new, old = after.main, before.main
    if new is None or old is None or before is after or new.last_reason != "OOMKilled":
        return False
    return new.restarts > old.restarts or old.last_reason != "OOMKilled"


def _idle_heap(pod: Pod) -> float:
    limit = pod.main.memory_limit if pod.main else None
    return min(0.3 * limit, 30 * MIB) if limit else 18 * MIB


def _opened(state: PodState) -> float:
    role = state.pod.role
    return min(float(role.pool), max(_IDLE_CONNECTIONS, state.pool_in_use + 1)) if role else 0.0


def _outwards(state: PodState) -> tuple[float, float]:
    """The share of a pod's answers that is lost on the way, and the seconds added."""
    network = state.wrong.network
    return network_fault(network, None, state.sending) if network else (0.0, 0.0)


def _by_proxy(proxy: Iterable[Effect]) -> tuple[float, list[tuple[float, float]]]:
    """The share of answers that callers get as failures, and the shares that are late by so many seconds."""
    fine, held = 1.0, []
    for effect in proxy:
        if effect.kind == "http-reset" or (effect.kind == "http-status" and effect.amount >= 400):
            fine *= 1 - effect.share
        elif effect.kind == "http-latency":
            held.append((effect.share, effect.amount))
    return 1 - fine, held
