"""A recorded recovery in a simulated cluster: its workloads as they were, failing as they failed then."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from chaoskit import kube
from chaoskit.clock import Stop, interruption
from chaoskit.errors import CannotStart, Conflict
from chaoskit.events import Listener, Step, ignore
from chaoskit.flows import secondlook
from chaoskit.flows.auto_recovery import AutoRecovery
from chaoskit.flows.drills.injections import STORIES
from chaoskit.flows.secondlook import Went
from chaoskit.flows.world import World
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.ports.store import Document
from chaoskit.recovery import Issue, Plan
from chaoskit.recovery.replay import recorded_issue

STARTING = 120
FAILING = 420.0
"""Seconds for the workloads to get ready, and then for the failure to show as it did."""
LOOK = 2.0

_STORIES: Mapping[str, str] = {
    "image-pull": "image-missing", "probe-timeout": "packets-lost",
    "probe-failed": "probe-fails", "not-ready": "probe-fails",
    "config-error": "config-deleted", "bad-rollout": "crash-loop",
    "oom-killed": "memory-leak@45", "heap-exhausted": "memory-leak@45",
    "memory-growth": "memory-leak@300", "memory-high": "memory-leak@300", "memory-rising": "memory-leak@300",
    "database-down": "database-down", "database-auth": "login-refused",
    "pool-exhausted": "db-connections@120", "pool-errors": "db-connections@120",
    "network-cut": "network-cut", "edge-gap": "packets-lost", "cut-off": "packets-lost",
    "dns-down": "dns-down", "cpu-saturated": "cpu-burn", "disk-full": "disk-fills", "no-space": "disk-fills",
    "unschedulable": "unschedulable", "crash-loop": "killed", "error-exit": "killed",
}  # fmt: skip
"""By symptom, the story that shows it; of several symptoms the first here tells how it failed."""

_IMAGE = "registry.example/stand-in:1"
_SPOILT = {"image-pull": "image", "unschedulable": "resources"}
"""By symptom, the part of a container that was at fault, which a stand-in begins without."""


def replay(
    world: World,
    record: Document,
    flow: AutoRecovery,
    *,
    listen: Listener = ignore,
    stop: Stop | None = None,
    confirm: timedelta | None = None,
) -> Went:
    """The recovery was done again in this simulated cluster, and is kept as a replay of the record.

    `world` is a fresh simulated cluster, `flow` its recovery, with the runbooks to try; `confirm` is for how
    long signals are asked.

    Raises:
        InvalidInput: it is no record of a recovery.
        CannotStart: the simulator cannot show such a failure, or it did not show in time.
        Interrupted: `stop` was set before it showed.
    """
    issue, stop = recorded_issue(record), stop or Stop()
    story = story_of(issue)
    for body in bodies(record.get("snapshot") or {}, issue):
        _made(world, body)
    _until_ready(world, issue.target, stop)
    listen(Step(world.clock.now(), "restored", "done", f"{issue.target} as recorded; {story} begins"))
    kind, _, seconds = story.partition("@")
    order = f"{kind}:{issue.target.namespace}/{issue.target.name}" + (f"@{seconds}" if seconds else "")
    world.cluster.patch(STORIES, {"data": {f"replay-{uuid.uuid4().hex[:8]}": order}})
    _until_failing(world, flow, issue, stop)
    return secondlook.replay(flow, world, record, confirm=confirm, listen=listen, stop=stop)


def story_of(issue: Issue) -> str:
    """The simulator's order for such a failure.

    Raises:
        CannotStart: it has none.
    """
    found = next((story for kind, story in _STORIES.items() if kind in issue.kinds), None)
    if found is None or issue.target.kind != kube.DEPLOYMENT:
        shown = ", ".join(sorted(issue.kinds))
        raise CannotStart(
            f"the simulator cannot show {shown} of {issue.target}",
            hint="replay it against the live cluster, or on paper with --what-if",
        )
    return found


def bodies(snapshot: Mapping[str, Any], issue: Issue) -> Iterator[Object]:
    """What has to stand in the cluster: the namespace, stand-ins for the workloads, their services. Pure.

    A stand-in has the name, replicas, limits and probes of the recorded one, and calls whom it called; of its
    environment only names were kept, so that it does the work of a service of the simulator's shop.
    """
    namespace = issue.target.namespace
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    calls = snapshot.get("calls") or {}
    for each in snapshot.get("workloads") or ():
        if each["kind"] == "Deployment":
            name = each["object"]["metadata"]["name"]
            spoilt = issue.kinds if name == issue.target.name else frozenset()
            yield _stand_in(each["object"], namespace, calls.get(f"deployment/{name}") or (), spoilt)
    for each in snapshot.get("services") or ():
        spec = {key: each["spec"][key] for key in ("selector", "ports") if each["spec"].get(key)}
        yield {"apiVersion": "v1", "kind": "Service", "metadata": _meta(each, namespace), "spec": spec}


def _meta(body: Object, namespace: str) -> Object:
    return {"name": body["metadata"]["name"], "namespace": namespace, "labels": kube.labels_of(body)}


def _stand_in(body: Object, namespace: str, calls: Sequence[str], spoilt: Collection[str]) -> Object:
    """The deployment before it failed: without the image or the requests that were what was wrong with it."""
    spec, template = body["spec"], body["spec"]["template"]
    name = body["metadata"]["name"]
    upstreams = ",".join(f"http://{each}:8080" for each in calls)
    roles = [{"name": "NAME", "value": name}, {"name": "UPSTREAMS", "value": upstreams}]
    parts = {"name", "image", "resources", "ports", "readinessProbe", "livenessProbe"}
    parts -= {part for kind, part in _SPOILT.items() if kind in spoilt}
    containers = [
        {"image": _IMAGE, **{part: each[part] for part in parts if part in each}, "env": roles}
        for each in template["spec"]["containers"]
    ]
    meta = {
        "labels": kube.labels_of(template),
        "annotations": {"chaoskit.io/calls": ",".join(calls)},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(body, namespace),
        "spec": {
            "replicas": max(1, int(spec.get("replicas", 1))),
            "selector": spec["selector"],
            "progressDeadlineSeconds": STARTING,
            "template": {"metadata": meta, "spec": {"containers": containers}},
        },
    }


def _made(world: World, body: Object) -> None:
    """It stands; what the simulator has by that name already does as well."""
    try:
        world.cluster.create(body)
    except Conflict:
        return


def _until_ready(world: World, target: ObjectRef, stop: Stop) -> None:
    end = world.clock.monotonic() + STARTING
    while True:
        body = world.cluster.get(target)
        if kube.ready_replicas(body) >= kube.desired_replicas(body):
            return
        if world.clock.monotonic() >= end:
            raise CannotStart(f"{target} does not get ready in the simulator")
        _pause(world, stop)


def _until_failing(world: World, flow: AutoRecovery, issue: Issue, stop: Stop) -> None:
    end, place = world.clock.monotonic() + FAILING, issue.target.namespace
    while True:
        seen = flow.observe(place)
        for each in flow.plan(flow.classify(seen), seen, namespace=place):
            same = (str(each.issue.target), each.issue.kind) == (str(issue.target), issue.kind)
            if same and isinstance(each, Plan):
                return
        if world.clock.monotonic() >= end:
            raise CannotStart(f"{issue.kind} of {issue.target} does not show in the simulator")
        _pause(world, stop)


def _pause(world: World, stop: Stop) -> None:
    if world.clock.sleep(LOOK, stop):
        raise interruption(stop)
