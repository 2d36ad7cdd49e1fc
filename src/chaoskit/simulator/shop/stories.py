"""The ways in which workloads of the shop fail, and who ends it: one function and one table entry each.

A leak and a pool that runs dry announce themselves, because memory and connections are used up over time;
a bad rollout does not. What fails, where and when is drawn from the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaoskit.simulator.engine import Script
from chaoskit.simulator.shop import hardships
from chaoskit.simulator.shop.stage import Growing, Incident, Stage
from chaoskit.simulator.traffic.view import Pod

_LOOK = 15.0
"""Seconds between two looks at how an incident stands."""


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of failure; `fits` says which workloads it can befall."""

    kind: str
    fault_class: str
    script: Callable[[Stage, Incident], Script]
    fits: Callable[[Pod], bool]


def memory_leak(stage: Stage, incident: Incident) -> Script:
    """Some pods keep ever more memory until the kernel kills them, again and again, until replaced."""
    pods = stage.some(incident)
    leaks = [stage.growing("leak", pod) for pod in pods]
    seconds = _seconds(stage, incident, 18, 75)
    rates = [_leak_rate(stage, pod, seconds) for pod in pods]
    curve = stage.random.choice((0.0, 0.0, 0.6))
    patience = stage.minutes(2, 10)
    try:
        while any(stage.present(pod) for pod in pods):
            done = min(1.0, (stage.engine.now() - incident.start) / seconds)
            for leak, rate in zip(leaks, rates, strict=True):
                leak.set(rate * (1 + curve * (2 * done - 1)))
            yield 4 * _LOOK
            incident.note(stage.engine.now(), failed=any(stage.out_of_memory(pod) for pod in pods))
            if incident.tired(stage.engine.now(), patience):
                _replace_all(stage, pods)
    finally:
        _end_all(leaks)


def crash_loop(stage: Stage, incident: Incident) -> Script:
    """A revision that ends soon after its start is rolled out; it is there until somebody rolls back."""
    where = (incident.namespace, incident.workload)
    code, patience = stage.random.choice((1, 2, 3)), stage.minutes(4, 14)
    stage.roll_out(*where, f"release {stage.random.randrange(200, 900)}", FAULT=f"exit={code}")
    while "FAULT" in stage.environment(*where):
        yield _LOOK
        incident.note(stage.engine.now(), failed=any(_crashed(pod) for pod in stage.pods(*where)))
        if incident.tired(stage.engine.now(), patience):
            stage.roll_out(*where, "rollback", FAULT=None)
    while not stage.available(*where):
        yield _LOOK


def db_connections(stage: Stage, incident: Incident) -> Script:
    """Connections are taken from the pools of some pods and not given back, until a process ends."""
    pods = stage.some(incident)
    holds = [stage.growing("hold-connections", pod) for pod in pods]
    seconds = _seconds(stage, incident, 8, 45)
    patience, restart = stage.minutes(3, 12), stage.random.random() < 0.5
    try:
        while holds:
            grown = (stage.engine.now() - incident.start) / seconds
            for hold in holds:
                size = hold.pod.role.pool if hold.pod.role else 0
                hold.set(float(min(size, round(size * grown + stage.random.gauss(0, 0.3)))))
            yield _LOOK
            incident.note(stage.engine.now(), failed=any(_starved(stage, pod) for pod in pods))
            if incident.tired(stage.engine.now(), patience):
                if restart:
                    _replace_all(stage, pods)
                break
            for hold in [one for one in holds if not stage.same_process(one.pod)]:
                hold.end()
                holds.remove(hold)
    finally:
        _end_all(holds)


def _seconds(stage: Stage, incident: Incident, low: float, high: float) -> float:
    """How long it takes from the start to the failure: as wished, or drawn between so many minutes."""
    drawn = stage.minutes(low, high)
    return incident.seconds or drawn


def _leak_rate(stage: Stage, pod: Pod, seconds: float) -> float:
    """Bytes per second with which the room that is left in memory is full after `seconds`."""
    limit, state = pod.main.memory_limit if pod.main else None, stage.state(pod)
    return max(1.0, ((limit or 2.0**30) - (state.memory if state else 0.0)) / seconds)


def _crashed(pod: Pod) -> bool:
    return bool(
        pod.role
        and pod.main
        and (pod.main.restarts or pod.main.waiting == "CrashLoopBackOff")
        and not pod.ready
    )


def _starved(stage: Stage, pod: Pod) -> bool:
    state = stage.state(pod)
    return state is not None and state.starved > 0.02


def _replace_all(stage: Stage, pods: list[Pod]) -> None:
    for pod in pods:
        stage.replace(pod)


def _end_all(growing: list[Growing]) -> None:
    for one in growing:
        one.end()


def _is_service(pod: Pod) -> bool:
    role = pod.role
    return role is not None and not role.load_url and not role.max_connections


def _has_pool(pod: Pod) -> bool:
    return _is_service(pod) and bool(pod.role and pod.role.database)


STORIES = {
    story.kind: story
    for story in (
        Story("memory-leak", "memory_leak", memory_leak, _is_service),
        Story("crash-loop", "pod_crash", crash_loop, _is_service),
        Story("db-connections", "db_connection", db_connections, _has_pool),
        Story("oom-at-load", "out_of_memory", hardships.oom_at_load, _is_service),
        Story("bad-configuration", "configuration", hardships.bad_configuration, _is_service),
        Story("image-unpushed", "image", hardships.image_unpushed, _is_service),
        Story("noisy-neighbour", "cpu_saturation", hardships.noisy_neighbour, _is_service),
        Story("packet-loss", "network_loss", hardships.packet_loss, _is_service),
        Story("latency-creep", "network_latency", hardships.latency_creep, _is_service),
        Story("db-down", "db_connection", hardships.db_down, _has_pool),
        Story("disk-creep", "disk_full", hardships.disk_creep, _is_service),
        Story("node-away", "node", hardships.node_away, _is_service),
    )
}
TRAINING = ("crash-loop", "db-connections", "memory-leak")
"""The kinds that training shows: those that the shipped model learns. ``everything`` shows all."""
