"""More ways in which workloads fail: by load, by what was rolled out, by what is around them.

Those that grow announce themselves, unless they come at once, which each does now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaoskit.simulator.effects import Kind
from chaoskit.simulator.engine import Script
from chaoskit.simulator.shop.stage import Growing, Incident, Stage
from chaoskit.simulator.traffic.state import DISK
from chaoskit.simulator.traffic.view import BAD_WAITING, MIB, Pod

_LOOK = 15.0
"""Seconds between two looks at how an incident stands."""
_FAILING = 0.1
"""The share of failing requests from which a pod counts as failed."""
_SUDDEN = 0.3
"""How often what else would grow comes at once."""
_UNREADY = 60.0


def oom_at_load(stage: Stage, incident: Incident) -> Script:
    """Each request in flight keeps memory; when more customers come, the kernel kills."""
    pods, customers = stage.some(incident), stage.traffic.rhythm.swing()
    kept = [stage.growing("memory", pod) for pod in pods]
    rooms = [_room(stage, pod) for pod in pods]
    rise, patience, peak = _rise(stage, incident, 6, 25), stage.minutes(2, 8), stage.random.uniform(1.5, 2.2)
    try:
        while any(stage.present(pod) for pod in pods):
            grown = _grown(stage, incident, rise)
            customers.set(1 + (peak - 1) * grown)
            for one, (room, usual) in zip(kept, rooms, strict=True):
                state = stage.state(one.pod)
                load = state.arriving / usual if state is not None else 0.0
                one.set(1.15 * room * max(0.0, load - 1) / (peak - 1))
            yield _LOOK
            incident.note(stage.engine.now(), failed=any(stage.out_of_memory(pod) for pod in pods))
            if incident.tired(stage.engine.now(), patience):
                break
    finally:
        customers.end()
        _end(kept)


def bad_configuration(stage: Stage, incident: Incident) -> Script:
    """A revision that wants a setting which nobody has made is rolled out, and stands still."""
    missing = {"configMapKeyRef": {"name": f"{incident.workload}-license", "key": "key"}}
    present = stage.container(incident.namespace, incident.workload).get("env") or []
    wanted = [*present, {"name": "LICENSE_KEY", "valueFrom": missing}]
    yield from _bad_revision(stage, incident, "env", wanted)


def image_unpushed(stage: Stage, incident: Incident) -> Script:
    """A revision whose image was never pushed is rolled out, and stands still."""
    yield from _bad_revision(stage, incident, "image", "chaoskit-shop:none")


def _bad_revision(stage: Stage, incident: Incident, field: str, wanted: object) -> Script:
    where, patience = (incident.namespace, incident.workload), stage.minutes(4, 14)
    before = stage.container(*where)
    stage.change_container(*where, f"release {stage.random.randrange(200, 900)}", {field: wanted})
    bad = stage.container(*where)
    while stage.container(*where) == bad:
        yield _LOOK
        waiting = {pod.main.waiting for pod in stage.pods(*where) if pod.main}
        incident.note(stage.engine.now(), failed=bool(waiting & BAD_WAITING))
        if incident.tired(stage.engine.now(), patience):
            stage.change_container(*where, "rollback", {field: before.get(field)})
    while not stage.available(*where):
        yield _LOOK


def noisy_neighbour(stage: Stage, incident: Incident) -> Script:
    """Somebody's batch job takes ever more CPU on the node of one of the workload's pods."""
    pods = stage.some(incident)
    node = pods[0].node
    name = stage.batch_pod(incident.namespace, node)
    incident.pods = [
        pod.name for pod in stage.pods(incident.namespace, incident.workload) if pod.node == node
    ]
    rise, patience = _rise(stage, incident, 4, 20), stage.minutes(4, 14)
    yield _LOOK
    job = stage.view.pods.get((incident.namespace, name))
    busy = stage.growing("cpu", job) if job is not None else None
    try:
        while busy is not None and stage.present(busy.pod):
            busy.set(12.0 * _grown(stage, incident, rise))
            yield _LOOK
            load = stage.traffic.nodes.by_name.get(node)
            incident.note(stage.engine.now(), failed=load is not None and load.wanted > load.cores)
            if incident.tired(stage.engine.now(), patience):
                stage.replace(busy.pod)
    finally:
        _end([busy] if busy else [])


def packet_loss(stage: Stage, incident: Incident) -> Script:
    """A cable goes bad: ever more of what some pods send is lost."""
    yield from _worse(stage, incident, "network-loss", stage.random.uniform(55, 90), (6, 30), _failing)


def latency_creep(stage: Stage, incident: Incident) -> Script:
    """The network around some pods becomes slower and slower."""
    yield from _worse(stage, incident, "network-latency", stage.random.uniform(0.5, 2.0), (15, 60), _late)


def disk_creep(stage: Stage, incident: Incident) -> Script:
    """Some pods write what nobody cleans up, until nothing more can be written, and requests fail."""
    pods = stage.some(incident)
    files = [stage.growing("disk-used", pod) for pod in pods]
    broken = [stage.growing("errors", pod) for pod in pods]
    rise, patience = _rise(stage, incident, 15, 70), stage.minutes(3, 12)
    try:
        while any(stage.present(pod) for pod in pods):
            grown = _grown(stage, incident, rise)
            for one, other in zip(files, broken, strict=True):
                one.set(DISK * grown)
                other.set(60.0 if grown >= 1 else 0.0)
            yield _LOOK
            incident.note(stage.engine.now(), failed=grown >= 1)
            if incident.tired(stage.engine.now(), patience):
                for pod in pods:
                    stage.replace(pod)
    finally:
        _end([*files, *broken])


def db_down(stage: Stage, incident: Incident) -> Script:
    """The database that the workload uses is scaled to nothing by mistake, and back later."""
    pods = stage.some(incident)
    role = pods[0].role
    database = role.database.host.partition(".")[0] if role and role.database else ""
    patience = stage.minutes(3, 10)
    stage.scale(incident.namespace, database, 0)
    while stage.replicas(incident.namespace, database) == 0:
        yield _LOOK
        incident.note(stage.engine.now(), failed=any(_failing(stage, pod) for pod in pods))
        if incident.tired(stage.engine.now(), patience):
            stage.scale(incident.namespace, database, 1)
    while not stage.available(incident.namespace, database):
        yield _LOOK


def node_away(stage: Stage, incident: Incident) -> Script:
    """The node of one of the workload's pods is gone from one moment to the next, and back later."""
    pods = stage.some(incident)
    node, away = pods[0].node, stage.minutes(3, 15)
    incident.pods = [
        pod.name for pod in stage.pods(incident.namespace, incident.workload) if pod.node == node
    ]
    stage.kubelet.silence(node)
    incident.note(stage.engine.now(), failed=True)
    yield away if incident.tended else float("inf")
    stage.kubelet.revive(node)
    yield _UNREADY


def _worse(
    stage: Stage,
    incident: Incident,
    kind: Kind,
    most: float,
    minutes: tuple[float, float],
    failed: Callable[[Stage, Pod], bool],
) -> Script:
    """An effect on some pods grows up to `most`, until somebody replaces them."""
    pods = stage.some(incident)
    effects = [stage.growing(kind, pod) for pod in pods]
    rise, patience = _rise(stage, incident, *minutes), stage.minutes(3, 12)
    try:
        while any(stage.present(pod) for pod in pods):
            for effect in effects:
                effect.set(most * _grown(stage, incident, rise))
            yield _LOOK
            incident.note(stage.engine.now(), failed=any(failed(stage, pod) for pod in pods))
            if incident.tired(stage.engine.now(), patience):
                for pod in pods:
                    stage.replace(pod)
    finally:
        _end(effects)


def _rise(stage: Stage, incident: Incident, low: float, high: float) -> float:
    """Seconds in which it grows: as wished, drawn between so many minutes, or none at all."""
    drawn, sudden = stage.minutes(low, high), stage.random.random() < _SUDDEN
    return incident.seconds or (1.0 if sudden else drawn)


def _grown(stage: Stage, incident: Incident, rise: float) -> float:
    return min(1.0, (stage.engine.now() - incident.start) / rise)


def _room(stage: Stage, pod: Pod) -> tuple[float, float]:
    """The memory that a pod has left, in bytes, and the requests per second it has now."""
    limit, state = pod.main.memory_limit if pod.main else None, stage.state(pod)
    used, usual = (state.memory, state.arriving) if state is not None else (0.0, 1.0)
    return max(MIB, (limit or 2.0**30) - used), max(0.1, usual)


def _failing(stage: Stage, pod: Pod) -> bool:
    state = stage.state(pod)
    return state is None or not state.parts or state.parts[0].share < 1 - _FAILING


def _late(stage: Stage, pod: Pod) -> bool:
    """More than a second lies between the pod and its callers, or it fails."""
    delays = (e.amount for e in stage.effects.on(*pod.key) if e.kind == "network-latency")
    return 2 * sum(delays) > 1.0 or _failing(stage, pod)


def _end(growing: Sequence[Growing]) -> None:
    for one in growing:
        one.end()
