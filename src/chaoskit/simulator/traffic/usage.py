"""What a pod uses for what it does: CPU, network, logs and disk."""

from __future__ import annotations

import random

from chaoskit.simulator.traffic import meters, queueing
from chaoskit.simulator.traffic.paths import outwards
from chaoskit.simulator.traffic.state import DISK, PodState
from chaoskit.simulator.traffic.view import MIB

QUERIES = 3
"""Queries that a request sends one after the other over the connection it holds."""
NODE_CORES = 4.0
"""What a container without a limit may use."""
_IDLE_CPU = 0.004
_START_CPU = 0.12
_START_SECONDS = 20.0
_REQUEST_BYTES = 850.0
_ANSWER_BYTES = 3400.0
_LOG_BYTES = 180.0
_ROTATED_LOG = 48 * MIB


def use(state: PodState, now: float, source: random.Random) -> None:
    """The pod's rates and amounts are those of the balance that was found."""
    if not state.running:
        state.cpu = 0.0
        return
    _use_cpu(state, now, source)
    _use_network(state, source)
    _use_disk(state)


def _use_cpu(state: PodState, now: float, source: random.Random) -> None:
    main, rates = state.pod.main, state.meter.rates
    limit = (main.cpu_limit if main else None) or 0.0
    started = main.started if main else 0.0
    extra = _START_CPU if now - started < _START_SECONDS and state.pod.role else 0.0
    busy = state.cpu if state.arriving else 0.0
    wanted = (_IDLE_CPU + busy) * max(0.2, 1 + source.gauss(0, 0.04)) + extra
    wanted += state.wrong.cpu
    state.cpu = min(wanted, limit) if limit else min(wanted, NODE_CORES)
    rates[meters.CPU] = state.cpu
    if limit:
        rates[meters.PERIODS] = 10.0 * min(1.0, 0.15 + 3 * state.cpu / limit)
        throttled = queueing.throttled_share(wanted / limit)
        rates[meters.THROTTLED] = rates[meters.PERIODS] * throttled


def _use_network(state: PodState, source: random.Random) -> None:
    rates, wrong = state.meter.rates, state.wrong.network
    called = sum(state.calls.values()) + QUERIES * state.queries
    noise = max(0.5, 1 + source.gauss(0, 0.05))
    received = (state.arriving * _REQUEST_BYTES + called * _ANSWER_BYTES) * noise + 160
    sent = (state.arriving * _ANSWER_BYTES + called * _REQUEST_BYTES) * noise + 210
    loss = twice = 0.0
    for effect in wrong:
        if effect.kind == "network-loss":
            loss = max(loss, effect.amount / 100)
        elif effect.kind == "network-duplication":
            twice = max(twice, effect.amount / 100)
    packets = (state.arriving + called) * 6
    state.sending = sent / max(0.05, 1 - outwards(state)[0]) if wrong else sent
    rates[meters.RECEIVED], rates[meters.SENT] = received, sent * (1 - loss) * (1 + twice)
    rates[meters.DROPPED] = packets * loss + max(0.0, source.gauss(-0.05, 0.03))


def _use_disk(state: PodState) -> None:
    kept = 90 + state.arriving * _LOG_BYTES * (14 if state.connections else 1)
    state.meter.rates[meters.WRITTEN] = kept + state.wrong.writes
    state.stored = 0.06 * DISK + state.meter.values[meters.WRITTEN] % _ROTATED_LOG + state.filled
    state.stored += state.wrong.used
    state.disk = min(DISK, state.stored)
