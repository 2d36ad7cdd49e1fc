"""Requests flow down the call graph and answers come back: the state of every pod, as time passes.

Solved as a system in balance, anew every step and whenever pods or effects change: demand from the load
generators downwards, then times and errors from the leaves upwards, then what all that uses.
"""

from __future__ import annotations

import random

from chaoskit.simulator.effects import Effects
from chaoskit.simulator.prometheus.signals import STEP
from chaoskit.simulator.traffic import memory, meters, usage
from chaoskit.simulator.traffic.callgraph import Call, Crew, Node, call_graph
from chaoskit.simulator.traffic.meters import Meter
from chaoskit.simulator.traffic.nodeload import NodeLoads
from chaoskit.simulator.traffic.paths import Paths, outwards
from chaoskit.simulator.traffic.rhythm import Rhythm
from chaoskit.simulator.traffic.serving import Serving
from chaoskit.simulator.traffic.state import Disturbed, PodState, disturbed
from chaoskit.simulator.traffic.usage import QUERIES
from chaoskit.simulator.traffic.view import ClusterView, Pod


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
        self.paths = Paths(view)
        self._serving = Serving(self.paths, self.nodes, self._random)
        self._version = -1

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
        self._serving.answer(self.graph)
        for state in self.states.values():
            usage.use(state, now, self._random)
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
        self.paths.dns = self.view.dns
        self._version = self.view.version

    def _follow_pod(self, state: PodState, pod: Pod, now: float) -> None:
        before, main = state.pod, pod.main
        was_running, state.pod = state.running, pod
        state.running = main is not None and main.running
        if was_running and not state.running:
            self._abrupt_end(state)
        if main is None:
            return
        if _newly_oom(before, pod):
            state.ooms.append(now)
            state.oom_total += 1
        if state.running and state.run != main.run:
            if state.run:
                state.meter.restart()
            state.run = main.run
            memory.forget(state)

    def _abrupt_end(self, state: PodState) -> None:
        """Callers of a pod that died while it served fail for about a second, until endpoints follow."""
        if state.arriving <= 0:
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
        memory.remember(state, passed, self._random)
        state.calls.clear()
        state.arriving = state.queries = state.pool_in_use = state.pool_pending = 0.0
        state.connections = 0.0
        state.parts = []
        state.meter.still()

    def _flow_down(self, factor: float) -> None:
        for node in self.graph:
            node.demand, node.reached = 0.0, []
            _choose(node)
        last = {state.pod.key: node for node in self.graph for state in node.serving}
        for node in self.graph:
            if node.service is None:
                for state in node.serving:
                    state.arriving += state.role.load_rate * factor
            else:
                self._share_out(node)
            members = ((crew, state) for crew in node.crews for state in crew.states)
            node.last_of = [(crew, state) for crew, state in members if last.get(state.pod.key) is node]
            for crew, state in node.last_of:
                self._call(crew, state)

    def _share_out(self, node: Node) -> None:
        weights = [1 + self._random.gauss(0, 0.025) for _ in node.serving]
        each = node.demand * (1 - node.refused) / sum(weights) if weights else 0.0
        usual = node.demand / len(weights) if node.reached else 0.0
        shares = [part / usual for part in node.reached] if usual else [1.0] * len(weights)
        for state, weight, share in zip(node.serving, weights, shares, strict=True):
            lost, _ = outwards(state)
            state.arriving += each * weight * share * (1 - lost)

    def _call(self, crew: Crew, state: PodState) -> None:
        working = state.arriving * (1 - state.wrong.errors)
        for call in crew.calls:
            again = sum(call.callee.failed**n for n in range(1, state.role.retries + 1))
            rate = working * call.share * (1 + again)
            state.calls[call.callee.key] = rate
            self._send(state, call, rate * self.paths.finds(state, call.callee))
        if crew.database is not None:
            state.queries = working * self.paths.finds(state, crew.database.callee)
            self._send(state, crew.database, QUERIES * state.queries)

    def _send(self, state: PodState, call: Call, rate: float) -> None:
        """What is not lost on the way is for those whom policies let the pod reach."""
        lost, _ = self.paths.towards(state, call)
        callee = call.callee
        callee.demand += rate * (1 - lost)
        if let := self.paths.let_in(state, call):
            each = rate * (1 - lost) / max(1, sum(let))
            before = callee.reached or [0.0] * len(let)
            callee.reached = [known + each * is_let for known, is_let in zip(before, let, strict=True)]


def _choose(node: Node) -> None:
    """Who is asked, of whom those that run can serve."""
    asked = [state for state in node.states if node.service is None or node.service.asks(state.pod)]
    node.serving = [state for state in asked if state.running]
    node.refused = 1 - len(node.serving) / len(asked) if asked else 0.0


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
