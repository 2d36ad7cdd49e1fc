"""Workloads with fewer pods, other settings or less to live on; what changes is in the ledger before."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chaoskit import kube, rollouts
from chaoskit.acts import fields, resize, rollout
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import REPLICAS
from chaoskit.errors import ChaoskitError, Conflict
from chaoskit.experiments.direct.pods import going
from chaoskit.experiments.direct.scene import Direct, Scene, access, field, on, sealing
from chaoskit.experiments.faults import Parameter
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.redaction import scrubbed
from chaoskit.secretnames import looks_secret
from chaoskit.topology import Workload

TEMPLATE = ("spec", "template")


def _scale_down(scene: Scene) -> Iterator[Change]:
    for workload in scene.workloads:
        body = scene.cluster.get(workload.ref)  # the undo puts back what is there now
        yield field(scene, body, workload.ref, REPLICAS, _asked(scene, body))


def _asked(scene: Scene, body: Object) -> int:
    """So many replicas: as many as the parameter says, or one less than there are."""
    present = kube.desired_replicas(body)
    return min(present, scene.whole("replicas")) if scene.parameters["replicas"] else max(0, present - 1)


def _body(workload: Workload) -> Object:
    return {"kind": workload.ref.kind.name, **workload.body}


def _fewer(scene: Scene, done: Sequence[ObjectRef]) -> str:
    before = {each.ref: kube.ready_replicas(each.body) for each in scene.workloads}
    for ref in done:
        ready = kube.ready_replicas(scene.cluster.get(ref))
        if ready < before.get(ref, 0):
            return f"{ref} has {ready} of {before[ref]} ready pods"
    return ""


def _unscalable(scene: Scene) -> Iterator[str]:
    for workload in scene.workloads:
        if workload.ref.kind == kube.DAEMON_SET:
            yield f"{workload.ref} has one pod on each node: it has no number of replicas"
        elif _asked(scene, _body(workload)) >= kube.desired_replicas(_body(workload)):
            yield f"{workload.ref} wants {kube.desired_replicas(_body(workload))} replicas: that is no fewer"


def _may_patch(scene: Scene) -> Iterator[Access]:
    for workload in scene.workloads:
        yield from on(workload.ref, "get patch")


SCALING = Direct(
    "scale-down",
    "workload",
    (Parameter("replicas", "REPLICA_COUNT", "int", "", "so many stay; one less when empty"),),
    _scale_down,
    _fewer,
    _may_patch,
    _unscalable,
    lambda scene, workload: max(0, kube.desired_replicas(_body(workload)) - _asked(scene, _body(workload))),
)


# ---------------------------------------------------------------- settings


def _mutate(scene: Scene) -> Iterator[Change]:
    holder = _holder(scene)
    body = scene.cluster.get(holder)
    key, value = scene.parameters["key"], None if scene.true("remove") else scene.parameters["value"]
    secret = _speaks_of_secrets(scene) or _may_hold_secrets(fields.value_at(body, ("data", key)), value)
    if value is not None and holder.kind == kube.SECRET:
        value = base64.b64encode(value.encode()).decode()
    mutation = field(scene, body, holder, ("data", key), value, secret=secret)
    yield mutation
    if scene.true("restart"):
        for workload in scene.workloads:
            yield _restart(scene, mutation, workload)


def _speaks_of_secrets(scene: Scene) -> bool:
    """Whether the setting is one of a Secret, or is called as a secret is in whatever else it stands."""
    return bool(scene.parameters["secret"]) or looks_secret(scene.parameters["key"])


def _may_hold_secrets(*values: str | None) -> bool:
    """Whether one of them is a file, or something in it is hidden wherever it is shown (a password).

    What a secret looks like in any program's file nobody knows.
    """
    return any("\n" in value.strip() or scrubbed(value) != value for value in values if value)


def _restart(scene: Scene, mutation: Change, workload: Workload) -> Change:
    """Its pods are made anew with the setting; the undo puts the setting back first, then the pods."""
    deployment = scene.cluster.get(workload.ref)
    fields.refuse_when_kept(scene.cluster, deployment, TEMPLATE)
    before = rollouts.fingerprint(deployment["spec"]["template"])
    template = copy.deepcopy(deployment["spec"]["template"])
    meta = template.setdefault("metadata", {})
    at = kube.timestamp(scene.clock.now())
    meta["annotations"] = {**(meta.get("annotations") or {}), rollouts.RESTARTED_AT: at}
    entry = rollout.prepare(scene.cluster, deployment, template)

    def restart() -> None:
        scene.cluster.get(mutation.target)  # where it is gone, pods would not start
        now = scene.cluster.get(workload.ref)
        if rollouts.fingerprint(now["spec"]["template"]) != before:
            raise Conflict(f"{workload.ref} got another pod template a moment ago")
        rollout.change(scene.cluster, now, template)

    shared = mutation.entries  # written behind the restart's own: undone before
    return Change(workload.ref, f"{workload.ref} restarted", restart, (entry, *shared), idle=mutation.idle)


def _holder(scene: Scene) -> ObjectRef:
    return next(_holders(scene.namespace, scene.parameters))


def _holders(namespace: str, parameters: Mapping[str, str]) -> Iterator[ObjectRef]:
    if parameters["secret"]:
        yield ObjectRef(kube.SECRET, namespace, parameters["secret"])
    else:
        yield ObjectRef(kube.CONFIG_MAP, namespace, parameters["configMap"])


def _unmutable(scene: Scene) -> Iterator[str]:
    undecided = [f"either {one} or {other} is wanted" for one, other in MUTATING.undecided(scene.parameters)]
    if undecided:  # said of documents before; the library takes experiments that were never one
        yield from undecided
        return
    holder = _holder(scene)
    try:
        body = scene.cluster.get(holder)
    except ChaoskitError as error:
        yield error.message
        return
    if body.get("immutable"):
        yield f"{holder} is immutable"
    if scene.parameters["key"] not in (body.get("data") or {}):
        yield f"{holder} has no key {scene.parameters['key']}"
    others = [w.ref for w in scene.workloads if w.ref.kind != kube.DEPLOYMENT and scene.true("restart")]
    if others:
        yield f"only deployments can be restarted with a way back, not {others[0]}"


def _changed(scene: Scene, done: Sequence[ObjectRef]) -> str:
    """The pods were made anew; without a restart, the setting is as it was put."""
    if scene.true("restart"):
        restarted = any(ref.kind == kube.DEPLOYMENT for ref in done)
        pods = [kube.ref_of(pod, kube.POD) for pod in scene.selection.pods] if restarted else []
        return next((words for pod in pods if (words := going(scene, pod))), "")
    for ref in done:
        data = scene.cluster.get(ref).get("data") or {}
        present = data.get(scene.parameters["key"])
        if ref.kind == kube.SECRET and present is not None:
            present = base64.b64decode(present).decode()
        if present == (None if scene.true("remove") else scene.parameters["value"]):
            return f"{ref} has another {scene.parameters['key']}"
    return ""


def _readers(scene: Scene) -> Iterator[Workload]:
    """Who reads the setting: a mounted one changes for running pods as well, any other for the next ones."""
    return scene.topology.readers(_holder(scene), scene.parameters["key"])


def _other_readers(scene: Scene) -> Iterator[Workload]:
    return (each for each in _readers(scene) if each.ref not in scene.selection.workloads)


def _misled(scene: Scene, workload: Workload) -> int:
    """All pods of whoever reads the setting, and of the targets that are restarted."""
    felt = scene.true("restart") or workload.ref in {each.ref for each in _readers(scene)}
    return len(workload.alive) if felt else 0


def _may_mutate(scene: Scene) -> Iterator[Access]:
    yield from (replace(each, name=_holder(scene).name) for each in on(_holder(scene), "get patch"))
    if _speaks_of_secrets(scene) or _may_hold_secrets(scene.parameters["value"]):
        yield from sealing(scene.namespace)
    if scene.true("restart"):
        yield from _may_patch(scene)
        yield from access("list", "apps", "replicasets", scene.namespace)


MUTATING = Direct(
    "config-mutation",
    "workload",
    (
        Parameter("configMap", "CONFIG_MAP", "text", "", "whose setting is changed"),
        Parameter("secret", "SECRET", "text", "", "whose setting is changed instead"),
        Parameter("key", "KEY", "text", "", "which setting", mandatory=True),
        Parameter("value", "VALUE", "text", "", "what it becomes"),
        Parameter("remove", "REMOVE", "bool", "false", "it is taken away"),
        Parameter("restart", "RESTART", "bool", "true", "the pods are made anew, so that they read it"),
    ),
    _mutate,
    _changed,
    _may_mutate,
    _unmutable,
    _misled,
    _other_readers,
    applied=lambda scene: not scene.true("restart"),
    shares=_holders,
    one_of=(("configMap", "secret"), ("value", "remove")),
)


# ---------------------------------------------------------------- resources


def _squeeze(scene: Scene) -> Iterator[Change]:
    for pod in scene.chosen:
        yield resize.change(scene.cluster, pod, _squeezed(scene, pod))


def _squeezed(scene: Scene, pod: Object) -> dict[str, Mapping[str, Any]]:
    """The containers' resources at a share of their limits; requests never over them."""
    found: dict[str, Mapping[str, Any]] = {}
    for container in pod["spec"]["containers"]:
        limits = (container.get("resources") or {}).get("limits") or {}
        own = {
            name: _share(limits[name], scene.whole(name), name)
            for name in ("cpu", "memory")
            if scene.whole(name) and name in limits
        }
        if own:
            requests = (container.get("resources") or {}).get("requests") or {}
            capped = {k: min(v, own.get(k, v), key=kube.quantity) for k, v in requests.items()}
            found[container["name"]] = {"limits": {**limits, **own}, "requests": capped}
    return found


def _share(limit: str, percent: int, resource: str) -> str:
    amount = kube.quantity(limit) * percent / 100
    return f"{max(1, round(amount * 1000))}m" if resource == "cpu" else str(max(1, round(amount)))


def _unsqueezable(scene: Scene) -> Iterator[str]:
    for pod in scene.chosen:
        wanted = _squeezed(scene, pod)
        if not wanted:
            yield f"pod {pod['metadata']['name']} has no limit of what is to be squeezed"
        elif problem := resize.refusal(scene.cluster, pod, wanted):
            yield f"pods cannot be resized while they run here: {problem}"


def _less(scene: Scene, done: Sequence[ObjectRef]) -> str:
    """A container runs with the smaller limit, by the kubelet's own word, or it did not survive it."""
    for pod in scene.chosen:
        ref = kube.ref_of(pod, kube.POD)
        if ref not in done:
            continue
        body = kube.found(scene.cluster, ref)
        if body is None:
            return f"{ref} is gone"
        if kube.restarts(body) > kube.restarts(pod):
            return f"{ref} restarted with less"
        wanted = _squeezed(scene, pod)
        for status in kube.container_statuses(body):
            name = status["name"]
            if name in wanted and resize.same(status.get("resources"), wanted[name]):
                return f"{name} of {ref} runs with less"
    return ""


def _may_resize(scene: Scene) -> Iterator[Access]:
    return access("patch", "", "pods", scene.namespace, "resize")


SQUEEZING = Direct(
    "resource-squeeze",
    "pod",
    (
        Parameter("cpu", "CPU_PERCENT", "int", "0", "what stays of the CPU limit", "percent", 0, 100),
        Parameter(
            "memory", "MEMORY_PERCENT", "int", "50", "what stays of the memory limit", "percent", 0, 100
        ),
    ),
    _squeeze,
    _less,
    _may_resize,
    _unsqueezable,
)
