"""More ways to fail, for drills and people who try things out; nobody is trained on them.

Each lasts until somebody mends it from outside: rolls back, replaces the pods, removes what is in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from chaoskit.simulator.api import ApiError
from chaoskit.simulator.effects import Kind
from chaoskit.simulator.engine import Script
from chaoskit.simulator.shop.stage import Incident, Stage
from chaoskit.simulator.shop.stories import Story
from chaoskit.simulator.traffic.view import DNS, MIB, Pod

_LOOK = 5.0
_FILL_SECONDS = 90.0
_BAD_LOGIN = 'pq: password authentication failed for user "shop"'


# ---------------------------------------------------------------- revisions that cannot work


def _rolled_out(**container: Any) -> Callable[[Stage, Incident], Script]:
    """A revision with such a container is rolled out."""

    def story(stage: Stage, incident: Incident) -> Script:
        stage.change_container(incident.namespace, incident.workload, "release", container)
        yield from _until_available(stage, incident)

    return story


def _released(fault: str) -> Callable[[Stage, Incident], Script]:
    """A revision with such a fault in its environment is rolled out."""

    def story(stage: Stage, incident: Incident) -> Script:
        stage.roll_out(incident.namespace, incident.workload, "release", FAULT=fault)
        yield from _until_available(stage, incident)

    return story


def _until_available(stage: Stage, incident: Incident) -> Script:
    yield 2 * _LOOK
    incident.failure_time = stage.engine.now()
    while not stage.available(incident.namespace, incident.workload):
        yield _LOOK


_HUGE = {"resources": {"requests": {"cpu": "64"}, "limits": {"cpu": "64"}}}


# ---------------------------------------------------------------- pods that end, or are not let be


def killed(stage: Stage, incident: Incident) -> Script:
    """The processes of the workload's pods end again and again, until the pods are replaced."""
    pods = stage.pods(incident.namespace, incident.workload)
    incident.failure_time = stage.engine.now()
    while any(stage.present(pod) for pod in pods):
        for pod in pods:
            if stage.present(pod) and pod.main is not None:
                with suppress(LookupError):
                    stage.kubelet.kill_container(*pod.key, pod.main.name, reason="Error", exit_code=139)
        yield 2.0


def config_deleted(stage: Stage, incident: Incident) -> Script:
    """The ConfigMap that all pods need is gone, and one pod of the workload had to move just then."""
    with suppress(ApiError):
        stage.api.delete("ConfigMap", incident.namespace, "shop-settings")
    yield 1.0
    for pod in stage.pods(incident.namespace, incident.workload)[:1]:
        stage.replace(pod)
    incident.failure_time = stage.engine.now()
    while not stage.available(incident.namespace, incident.workload):
        yield _LOOK


def scaled_to_zero(stage: Stage, incident: Incident) -> Script:
    """The workload was scaled to nothing, by nobody of whom the server knows."""
    stage.api.patch("Deployment.apps", incident.namespace, incident.workload, {"spec": {"replicas": 0}})
    incident.failure_time = stage.engine.now()
    while not stage.pods(incident.namespace, incident.workload):
        yield _LOOK


# ---------------------------------------------------------------- effects on pods and processes


def _effect(
    kind: Kind, amount: Callable[[Pod], float], *, log: str = ""
) -> Callable[[Stage, Incident], Script]:
    """The effect lasts on every pod there is now, until its process ends; on its network, until it goes."""

    def story(stage: Stage, incident: Incident) -> Script:
        pods = stage.pods(incident.namespace, incident.workload)
        growing = [stage.growing(kind, pod) for pod in pods]
        for one in growing:
            one.set(amount(one.pod))
        incident.failure_time = stage.engine.now()
        try:
            stays = stage.present if kind.startswith("network-") else stage.same_process
            while left := [one for one in growing if stays(one.pod)]:
                for one in (each for each in growing if each not in left):
                    one.end()
                for one in left if log else ():
                    assert one.pod.main is not None
                    with suppress(LookupError):
                        stage.kubelet.log(*one.pod.key, one.pod.main.name, log)
                yield _LOOK
        finally:
            for one in growing:
                one.end()

    return story


# ---------------------------------------------------------------- what lies between, and beneath


def network_cut(stage: Stage, incident: Incident) -> Script:
    """An experiment's policy that lets nothing in stayed behind when its operator died."""
    name = f"{incident.workload}-network-policy"
    meta = {"name": name, "namespace": incident.namespace, "labels": {"chaosUID": "gone"}}
    spec = {"podSelector": {"matchLabels": {"app": incident.workload}}, "policyTypes": ["Ingress"]}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}
    stage.api.create(body)
    incident.failure_time = stage.engine.now()
    while stage.api.get("NetworkPolicy.networking.k8s.io", incident.namespace, name) is not None:
        yield _LOOK


def dns_down(stage: Stage, incident: Incident) -> Script:
    """The pods that answer for names end again and again, until they are replaced."""
    pods = stage.pods(*DNS)
    incident.failure_time = stage.engine.now()
    while any(stage.present(pod) for pod in pods):
        for pod in pods:
            if stage.present(pod) and pod.main is not None:
                with suppress(LookupError):
                    stage.kubelet.kill_container(*pod.key, pod.main.name, reason="Error", exit_code=1)
        yield 2.0


def node_lost(stage: Stage, incident: Incident) -> Script:
    """The node of one of the workload's pods falls silent."""
    pods = stage.pods(incident.namespace, incident.workload)
    node = stage.random.choice(pods).node
    incident.pods = [node]
    incident.failure_time = stage.engine.now()
    stage.kubelet.silence(node)
    while True:
        yield 600.0


def mass_failure(stage: Stage, incident: Incident) -> Script:
    """A bad base image reaches nearly every workload at once."""
    names = sorted({pod.workload for pod in stage.view.pods.values() if pod.namespace == incident.namespace})
    incident.failure_time = stage.engine.now()
    for name in names:
        stage.roll_out(incident.namespace, name, "base image", FAULT="exit=1")
    while True:
        yield 600.0


def _service(pod: Pod) -> bool:
    role = pod.role
    return role is not None and not role.load_url and not role.max_connections


def _called(pod: Pod) -> bool:
    return _service(pod) and pod.workload != "frontend"


def _client(pod: Pod) -> bool:
    return _service(pod) and bool(pod.role and pod.role.database)


def _database(pod: Pod) -> bool:
    return bool(pod.role and pod.role.max_connections)


def _cores(pod: Pod) -> float:
    return 2.0 * ((pod.main.cpu_limit if pod.main else None) or 1.0)


FAULTS: Mapping[str, Story] = {
    story.kind: story
    for story in (
        Story("image-missing", "pod_crash", _rolled_out(image="registry.invalid/shop:none"), _service),
        Story("probe-fails", "pod_crash", _released("unready=1"), _service),
        Story("killed", "pod_crash", killed, _service),
        Story("config-deleted", "pod_crash", config_deleted, _service),
        Story("unschedulable", "unschedulable", _rolled_out(**_HUGE), _service),
        Story("database-down", "db_connection", killed, _database),
        Story("database-gone", "db_connection", scaled_to_zero, _database),
        Story(
            "login-refused", "db_connection", _effect("refused-login", lambda _: 1.0, log=_BAD_LOGIN), _client
        ),
        Story("cpu-burn", "cpu_saturation", _effect("cpu", _cores), _service),
        Story("disk-fills", "disk_full", _effect("disk", lambda _: 2048 * MIB / _FILL_SECONDS), _service),
        Story("packets-lost", "network", _effect("network-loss", lambda _: 60.0), _called),
        Story("network-cut", "network", network_cut, _called),
        Story("dns-down", "network", dns_down, _service),
        Story("node-lost", "node", node_lost, _service),
        Story("mass-failure", "mass_failure", mass_failure, _service),
    )
}
