"""What looks like trouble and is none: rollouts, restarts, busy minutes, memory that grows and then stays.

Without these a model would learn that every restart is a crash and every rise a leak.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from chaoskit.simulator.engine import Script
from chaoskit.simulator.shop.stage import Stage
from chaoskit.simulator.traffic.view import Pod

Harmless = Callable[[Stage, Pod], Script]
_STEP = 30.0


def rollout(stage: Stage, pod: Pod) -> Script:
    """A good revision of the pod's deployment is rolled out."""
    version = f"1.{stage.random.randrange(100)}.{stage.random.randrange(20)}"
    stage.roll_out(pod.namespace, pod.workload, f"release {version}", VERSION=version)
    yield 60.0


def slow_start(stage: Stage, pod: Pod) -> Script:
    """A good revision of the pod's deployment is rolled out; its pods take long to start, and say so."""
    probe = {"httpGet": {"path": "/readyz", "port": "http", "scheme": "HTTP"}, "periodSeconds": 5}
    _slowed(stage, pod, startupProbe={**probe, "failureThreshold": 24})
    yield 60.0


def unannounced(stage: Stage, pod: Pod) -> Script:
    """The same, but nothing says so; some time after the rollout one of the pods is made anew."""
    _slowed(stage, pod)
    yield 900.0
    others = [each for each in stage.pods(pod.namespace, pod.workload) if each.ready]
    if len(others) > 1:
        stage.replace(stage.random.choice(others))
    yield 120.0


def _slowed(stage: Stage, pod: Pod, **more: object) -> None:
    seconds = stage.random.randrange(75, 100)
    variables = stage.container(pod.namespace, pod.workload).get("env") or ()
    others = [each for each in variables if each["name"] != "STARTS_IN"]
    change = {"env": [*others, {"name": "STARTS_IN", "value": str(seconds)}], **more}
    stage.change_container(pod.namespace, pod.workload, "release with a cache to fill", change)


def rescheduled(stage: Stage, pod: Pod) -> Script:
    """The pod was deleted, as by a drain, and another took its place."""
    stage.replace(pod)
    yield 30.0


def restart(stage: Stage, pod: Pod) -> Script:
    """The pod's process ended once with an error and was started again."""
    if pod.main is not None and pod.main.running:
        container = pod.main.name
        with suppress(LookupError):  # gone meanwhile
            stage.kubelet.kill_container(*pod.key, container, reason="Error", exit_code=1)
    yield 30.0


def busy_hour(stage: Stage, pod: Pod) -> Script:  # noqa: ARG001 - one signature for all
    """More customers than usual, or fewer, for a while."""
    swing, steps = stage.random.uniform(0.6, 1.5), stage.random.randrange(20, 90)
    customers = stage.traffic.rhythm.swing()
    try:
        for step in range(steps):
            near_edge = min(step, steps - step) / (0.2 * steps)
            customers.set(1 + (swing - 1) * min(1.0, near_edge))
            yield _STEP
    finally:
        customers.end()


def growing_cache(stage: Stage, pod: Pod) -> Script:
    """Memory grows as in a leak, but levels off well below the limit, and is given back later."""
    limit = pod.main.memory_limit if pod.main else None
    state = stage.state(pod)
    if not limit or state is None:
        return
    size = stage.random.uniform(0.3, 0.75) * max(0.0, 0.9 * limit - state.memory)
    rise, stay = stage.random.randrange(20, 90), stage.random.randrange(20, 120)
    yield from _rise_and_fall(stage, pod, "memory", size, rise, stay)


def batch_job(stage: Stage, pod: Pod) -> Script:
    """The pod uses some more CPU for a few minutes."""
    yield from _rise_and_fall(stage, pod, "cpu", stage.random.uniform(0.05, 0.22), 1, 15)


def modest_neighbour(stage: Stage, pod: Pod) -> Script:
    """Somebody's batch job runs on the pod's node, with CPU enough for all."""
    key = (pod.namespace, stage.batch_pod(pod.namespace, pod.node))
    steps = stage.random.randrange(10, 60)
    yield _STEP
    job = stage.view.pods.get(key)
    if job is not None:
        yield from _rise_and_fall(stage, job, "cpu", stage.random.uniform(0.1, 0.8), 2, steps)
        stage.replace(job)


def long_report(stage: Stage, pod: Pod) -> Script:
    """Some database connections are busy for a few minutes and then free again."""
    if pod.role is None or not pod.role.database:
        return
    share = stage.random.uniform(0.25, 0.65)
    rise, stay = stage.random.randrange(2, 25), stage.random.randrange(2, 12)
    yield from _rise_and_fall(stage, pod, "hold-connections", share * pod.role.pool, rise, stay)


def _rise_and_fall(stage: Stage, pod: Pod, kind: str, size: float, rise: int, stay: int) -> Script:
    """An effect grows to `size` over `rise` steps of half a minute and stays; it ends with the process."""
    effect = stage.growing(kind, pod)  # type: ignore[arg-type] # kinds are literals of this module
    run = pod.main.run if pod.main else ""
    try:
        for step in range(rise + stay):
            now = stage.view.pods.get(pod.key)
            if not stage.present(pod) or (now and now.main and now.main.run != run):
                return
            amount = size * min(1.0, (step + 1) / rise)
            effect.set(float(round(amount)) if kind == "hold-connections" else amount)
            yield _STEP
    finally:
        effect.end()


EVENTS: tuple[tuple[Harmless, float], ...] = (
    (rollout, 2.0),
    (rescheduled, 2.0),
    (restart, 2.0),
    (busy_hour, 1.0),
    (growing_cache, 3.0),
    (batch_job, 2.0),
    (long_report, 3.0),
)
"""Each with how often it comes, relative to the others."""
WITH_JOBS = (*EVENTS, (modest_neighbour, 2.0))
"""The same where batch jobs are about: who sees one must not know that it is a noisy one."""
