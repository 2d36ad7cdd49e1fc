"""A namespace to try direct faults in, what each needs there, and whether all is as before afterwards."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.experiments.conftest import World

from chaoskit import kube
from chaoskit.experiments import Trial, plan
from chaoskit.experiments.spec import Experiment
from chaoskit.governor import PROTECTED
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Object, ObjectRef

LISTENS = "trap 'exit 0' TERM; while true; do sleep 1 & wait; done"


LIMITS: Object = {"cpu": "20m", "memory": "16Mi"}


def container(command: str, limits: Object = LIMITS) -> Object:
    return {
        "name": "web",
        "image": "busybox:1.35",
        "command": ["sh", "-c", command],
        "resources": {"limits": limits},
    }


def furnish(
    world: World, namespace: str, *, replicas: int = 3, command: str = LISTENS, limits: Object = LIMITS
) -> None:
    """A namespace with a deployment, its service and its settings."""
    labels = {"matchLabels": {"app": "web"}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container(command, limits)]}}
    spec = {"replicas": replicas, "selector": labels, "template": template}
    for body in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec,
            "metadata": {"name": "web", "namespace": namespace},
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        },
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": namespace},
            "data": {"LEVEL": "info", "MODE": "fast"},
        },
        {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "credentials", "namespace": namespace},
            "data": {"PASSWORD": "c2VjcmV0"},
        },
    ):  # fmt: skip
        world.cluster.create(body)
    world.until_ready(namespace, "web")


def twin(world: World, namespace: str, name: str) -> None:
    """The namespace has another deployment as its first one, under this name."""
    spec = world.cluster.get(ObjectRef(kube.DEPLOYMENT, namespace, "web"))["spec"]
    text = json.dumps({key: spec[key] for key in ("replicas", "selector", "template")})
    meta = {"name": name, "namespace": namespace}
    other = json.loads(text.replace('"app": "web"', f'"app": "{name}"'))
    world.cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": other})
    world.until_ready(namespace, name)


def trial(namespace: str, kind: str, **spec: Any) -> Trial:
    parameters = spec.pop("parameters", {})
    body = {
        "fault": {"kind": kind, "parameters": parameters},
        "targets": {"workloads": ["deployment/web"]},
        "engine": "direct",
        "duration": "5s",
        "blastRadius": {"maxPods": 9},
        **spec,
    }
    made = {"metadata": {"name": f"web-{kind}", "namespace": namespace}, "spec": body}
    return Trial("test.yaml", experiment=Experiment.model_validate(made))


KINDS = (kube.DEPLOYMENT, kube.SERVICE, kube.CONFIG_MAP, kube.SECRET, kube.NETWORK_POLICY, kube.LEASE)


def dump(world: World, namespace: str) -> dict[str, Object]:
    """What people asked for in the namespace and of the nodes: specs, data, labels; pods count."""
    found = [(kind, body) for kind in KINDS for body in world.cluster.list(kind, namespace).items]
    found += [(kube.NODE, body) for body in world.cluster.list(kube.NODE).items]
    kept = {f"{kind}/{body['metadata']['name']}": _wanted(body) for kind, body in found}
    pods = world.cluster.list(kube.POD, namespace).items
    kept["pods"] = {"number": sum(kube.is_ready(pod) and not kube.is_deleting(pod) for pod in pods)}
    kept["labels"] = {"of pods": sorted({key for pod in pods for key in kube.labels_of(pod)})}
    return kept


def _wanted(body: Object) -> Object:
    body = copy.deepcopy(body)
    meta = body["metadata"]
    kept = {key: meta.get(key) for key in ("labels", "finalizers")}
    notes = {k: v for k, v in (meta.get("annotations") or {}).items() if k != _REVISION}
    return {"meta": {**kept, "annotations": notes}, "spec": body.get("spec"), "data": body.get("data")}


_REVISION = "deployment.kubernetes.io/revision"


def whole_again(world: World, namespace: str) -> dict[str, Object]:
    """The dump, once every pod that deployments want is ready: their status may still be of before."""
    world.until_ready(namespace, "web")
    wanted = sum(map(kube.desired_replicas, world.cluster.list(kube.DEPLOYMENT, namespace).items))
    found = dump(world, namespace)
    for _ in range(120):
        if found["pods"]["number"] == wanted:
            break
        world.clock.sleep(0.5)
        found = dump(world, namespace)
    return found


FAULTS: dict[str, dict[str, Any]] = {
    "pod-delete": {},
    "container-kill": {},
    "scale-down": {"parameters": {"replicas": 1}},
    "config-mutation": {"parameters": {"configMap": "settings", "key": "LEVEL", "value": "nonsense"}},
    "service-blackhole": {},
    "node-cordon": {},
    "node-taint": {"parameters": {"taints": "chaos=yes:NoSchedule"}},
    "node-drain": {"duration": "20s", "blastRadius": {"maxPods": 0}},
    "resource-squeeze": {"parameters": {"cpu": 50, "memory": 0}},
}
"""Faults whose effect the simulated cluster shows without traffic, with what they need."""

LASTING: dict[str, dict[str, Any]] = {
    kind: needs
    for kind, needs in {**FAULTS, "network-partition": {}}.items()
    if kind not in {"pod-delete", "container-kill"}
}
"""Faults that stay until somebody takes them back."""


def unprotected(world: World, namespace: str) -> dict[str, Any]:
    """Targets: a node that has pods of the namespace, and none of a protected one."""
    pods = world.cluster.list(kube.POD).items
    guarded = {pod["spec"].get("nodeName") for pod in pods if pod["metadata"]["namespace"] in PROTECTED}
    here = {pod["spec"]["nodeName"] for pod in pods if pod["metadata"]["namespace"] == namespace}
    return {"targets": {"nodes": sorted(here - guarded)[:1]}}


def given(world: World, namespace: str, kind: str) -> Trial:
    """The fault with what it needs there, on a node that may be emptied where that is what it does."""
    where = unprotected(world, namespace) if kind == "node-drain" else {}
    return trial(namespace, kind, **{**FAULTS, **LASTING}[kind], **where)


def outcome(world: World, made: Trial) -> tuple[Outcome | None, str]:
    """What a plan says would come of it, and why; None: it may begin."""
    found = plan(made, world.cluster, clock=world.clock)
    return found.outcome, found.problem.words if found.problem is not None else ""
