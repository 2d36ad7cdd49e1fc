"""What Litmus' operator reads from a ChaosEngine, and what it makes of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoskit.simulator.api import Object
from chaoskit.simulator.litmus.kinds import REGISTRY, VERSION, uid
from chaoskit.simulator.objects import clone, owned_by

FINALIZER = "chaosengine.litmuschaos.io/finalizer"
RUNNER_IMAGE = f"{REGISTRY}/chaos-runner:{VERSION}"

_KNOWN = (
    "appinfo",
    "auxiliaryAppInfo",
    "chaosServiceAccount",
    "components",
    "defaultHealthCheck",
    "engineState",
    "experiments",
    "jobCleanUpPolicy",
    "selectors",
    "terminationGracePeriodSeconds",
)
"""The fields of spec that the operator's Go type has; it drops the others when it writes."""


class IncompleteError(Exception):
    """The engine cannot be run as it is written."""


def state(engine: Object) -> str:
    """``active`` or ``stop``; active when the engine does not say."""
    return str(engine["spec"].get("engineState") or "active")


def status(engine: Object) -> str:
    """``initialized``, ``completed``, ``stopped``, or empty before the operator has seen it."""
    return str((engine.get("status") or {}).get("engineStatus", ""))


def normalised(spec: Mapping[str, Any]) -> Object:
    """The spec as it comes out of the operator's Go type: unknown and zero fields gone, structs there."""
    kept: Object = _without_zeros({k: clone(v) for k, v in spec.items() if k in _KNOWN})
    kept.setdefault("appinfo", {})
    runner = kept.setdefault("components", {}).setdefault("runner", {})
    runner.setdefault("resources", {})
    kept.setdefault("engineState", "active")
    for experiment in kept.setdefault("experiments", []):
        components = experiment.setdefault("spec", {}).setdefault("components", {})
        components.setdefault("resources", {})
        components.setdefault("statusCheckTimeouts", {})
    return kept


def _without_zeros(value: Any) -> Any:
    if isinstance(value, dict):
        pruned = {k: _without_zeros(v) for k, v in value.items()}
        return {k: v for k, v in pruned.items() if v not in ("", 0, None, [], {})}
    if isinstance(value, list):
        return [_without_zeros(v) for v in value]
    return value


def targets(engine: Object) -> str:
    """The TARGETS variable: ``kind:namespace:[filter]``, joined by semicolons; empty without any.

    Raises `IncompleteError` for selectors that select nothing and half an appinfo.
    """
    spec = engine["spec"]
    if selectors := spec.get("selectors"):
        return _selected(selectors)
    info = spec.get("appinfo") or {}
    kind, label = info.get("appkind", ""), info.get("applabel", "")
    if bool(kind) != bool(label):
        raise IncompleteError("incomplete appinfo, provide appkind and applabel both")
    namespace = info.get("appns") or engine["metadata"]["namespace"]
    return f"{kind or 'KIND'}:{namespace}:[{label}]" if any(info.values()) else ""


def _selected(selectors: Mapping[str, Any]) -> str:
    workloads, pods = selectors.get("workloads") or (), selectors.get("pods") or ()
    if not workloads and not pods:
        raise IncompleteError("specify one out of workloads or pods")
    parts = [f"{w['kind']}:{w['namespace']}:[{w.get('names') or w.get('labels', '')}]" for w in workloads]
    return ";".join([*parts, *(f"pod:{p['namespace']}:[{p['names']}]" for p in pods)])


def runner_pod(engine: Object) -> Object:
    """The runner pod of an engine; raises `IncompleteError` as `targets`."""
    spec, meta = engine["spec"], engine["metadata"]
    wanted = (spec.get("components") or {}).get("runner") or {}
    labels = {
        "app": meta["name"],
        "chaosUID": uid(engine),
        "app.kubernetes.io/component": "chaos-runner",
        "app.kubernetes.io/part-of": "litmus",
    }
    pod_meta: Object = {
        "name": f"{meta['name']}-runner",
        "namespace": meta["namespace"],
        "labels": labels | (wanted.get("runnerLabels") or {}),
        "ownerReferences": [owned_by(engine)],
    }
    if wanted.get("runnerAnnotations"):
        pod_meta["annotations"] = wanted["runnerAnnotations"]
    pod_spec: Object = {
        "containers": [_runner_container(engine, wanted)],
        "restartPolicy": "OnFailure",
        "serviceAccountName": spec.get("chaosServiceAccount") or "default",
    }
    pod_spec |= {k: wanted[k] for k in ("nodeSelector", "tolerations") if wanted.get(k)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": pod_spec}


def _runner_container(engine: Object, wanted: Mapping[str, Any]) -> Object:
    spec = engine["spec"]
    env = {
        "CHAOSENGINE": engine["metadata"]["name"],
        "TARGETS": targets(engine),
        "EXPERIMENT_LIST": ",".join(e["name"] for e in spec.get("experiments") or ()),
        "CHAOS_SVC_ACC": spec.get("chaosServiceAccount", ""),
        "AUXILIARY_APPINFO": spec.get("auxiliaryAppInfo", ""),
        "CHAOS_NAMESPACE": engine["metadata"]["namespace"],
    }
    container: Object = {
        "name": "chaos-runner",
        "image": wanted.get("image") or RUNNER_IMAGE,
        "imagePullPolicy": wanted.get("imagePullPolicy") or "IfNotPresent",
        "env": [{"name": k, "value": v} for k, v in env.items() if v],
        "resources": wanted.get("resources") or {},
    }
    return container | {k: wanted[k] for k in ("command", "args") if wanted.get(k)}


def runner_completed(pod: Object) -> bool:
    """True when the runner's container has ended well."""
    for container in pod.get("status", {}).get("containerStatuses", ()):
        ended = (container.get("state") or {}).get("terminated")
        if container["name"] == "chaos-runner" and ended:
            return bool(ended.get("reason") == "Completed" and not container["ready"])
    return False


def aborted(engine: Object, now: str) -> list[Object]:
    """The engine's experiments after an abort: those that waited or ran were forcefully stopped."""
    stopped = {"status": "Forcefully Aborted", "verdict": "Stopped", "lastUpdateTime": now}
    entries = (engine.get("status") or {}).get("experiments") or []
    live = {"Running", "Waiting for Job Creation"}
    return [e | stopped if e["status"] in live else e for e in entries]
