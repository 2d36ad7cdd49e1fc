"""What a recording tells, with what differs from run to run taken out, so that two can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.simulator.litmus.lab import Seen

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMES = (
    (re.compile(r"(pod-delete|pod-cpu-hog|container-kill)-[a-z0-9]{6}-[a-z0-9]{5}\b"), r"\1-JOB-POD"),
    (re.compile(r"(pod-delete|pod-cpu-hog|container-kill)-(?!helper)[a-z0-9]{6}\b"), r"\1-JOB"),
    (re.compile(r"-helper-[a-z0-9]{6}\b"), "-helper-RUN"),
    (re.compile(r"-helper-[a-z0-9]{5}\b"), "-helper-POD"),
    (re.compile(r"\bweb-[a-z0-9]{8,10}-[a-z0-9]{5}\b"), "web-HASH-POD"),
    (re.compile(r"\.[0-9a-f]{14,18}$"), ".NANOSECONDS"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
)


def masked(value: Any) -> Any:
    """The value with uids, generated names and times replaced."""
    text = _UID.sub("UID", json.dumps(value, sort_keys=True))
    body = json.loads(text)
    return _walk(body)


def _walk(value: Any) -> Any:
    if isinstance(value, dict):
        return {_name(k): _walk(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_walk(v) for v in value]
    return _name(value) if isinstance(value, str) else value


def _name(text: str) -> str:
    for pattern, replacement in _NAMES:
        text = pattern.sub(replacement, text)
    return text


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when, and what in comparable form."""

    t: float
    what: Any


def engine(seen: Iterable[Seen]) -> list[Step]:
    """The engine's changes: state, status, finalizers, deletion; the same again (a new time) left out."""
    steps = []
    for s in seen:
        if s.kind == "ChaosEngine":
            body, meta = s.object, s.object["metadata"]
            told = {
                "change": s.type,
                "finalizers": meta.get("finalizers") if s.type != "DELETED" else None,
                "deleting": "deletionTimestamp" in meta,
                "state": body["spec"].get("engineState"),
                "status": body.get("status", {}) if s.type != "DELETED" else None,
            }
            steps.append(Step(s.t, masked(told)))
    return changes(steps)


def results(seen: Iterable[Seen]) -> list[Step]:
    """Every change of every ChaosResult: labels, annotations, spec, status."""
    steps = []
    for s in seen:
        if s.kind == "ChaosResult":
            meta = s.object["metadata"]
            told = {
                "name": meta["name"],
                "labels": meta.get("labels"),
                "annotations": meta.get("annotations"),
                "generation": meta["generation"],
                "spec": s.object["spec"],
                "status": s.object["status"],
            }
            steps.append(Step(s.t, masked(told)))
    return steps


def events(seen: Iterable[Seen], kind: str) -> list[Step]:
    """Every change of every event about engines or results."""
    steps = []
    for s in seen:
        if s.kind == "Event" and s.object["involvedObject"]["kind"] == kind:
            body = s.object
            told = {
                "name": body["metadata"]["name"],
                "change": s.type,
                "fields": {k: body[k] for k in ("reason", "message", "type", "source", "count")},
                "reporting": body.get("reportingComponent", ""),
                "involved": {k: v for k, v in body["involvedObject"].items() if k != "resourceVersion"},
            }
            steps.append(Step(s.t, masked(told)))
    return steps


def specifications(seen: Iterable[Seen]) -> list[Step]:
    """The chaos pods and jobs as they were created."""
    steps = []
    for s in seen:
        made = s.kind in {"Pod", "Job"} and s.type == "ADDED"
        if made and "chaosUID" in s.object["metadata"].get("labels", {}):
            steps.append(Step(s.t, masked(_specified(s))))
    return steps


def _specified(s: Seen) -> dict[str, Any]:
    meta, spec = s.object["metadata"], s.object["spec"]
    if s.kind == "Job":
        spec = spec["template"]["spec"]
    (container,) = spec["containers"]
    mounts = container.get("volumeMounts", ())
    return {
        "kind": s.kind,
        "name": meta["name"],
        "labels": meta["labels"],
        "finalizers": meta.get("finalizers"),
        "owners": [o["kind"] for o in meta.get("ownerReferences", ())],
        "container": {k: container.get(k) for k in ("name", "image", "command", "args")},
        "pull": container["imagePullPolicy"],
        "security": container.get("securityContext"),
        "env": {e["name"]: e.get("value", e.get("valueFrom")) for e in container.get("env", ())},
        "mounts": sorted(m["mountPath"] for m in mounts if "serviceaccount" not in m["mountPath"]),
        "paths": sorted(v["hostPath"]["path"] for v in spec.get("volumes", ()) if "hostPath" in v),
        "pod": {
            k: spec.get(k)
            for k in ("restartPolicy", "serviceAccountName", "terminationGracePeriodSeconds", "hostPID")
        },
    }


def endings(seen: Iterable[Seen]) -> list[Step]:
    """How chaos pods ended (exit code) and which chaos pods and jobs were removed, by name."""
    ended: dict[str, Step] = {}
    for s in seen:
        meta = s.object["metadata"]
        if s.kind not in {"Pod", "Job"} or "chaosUID" not in meta.get("labels", {}):
            continue
        name = masked(f"{s.kind} {meta['name']}")
        for status in s.object.get("status", {}).get("containerStatuses", ()):
            if over := (status.get("state") or {}).get("terminated"):
                what = {"name": name, "exit": over["exitCode"], "reason": over["reason"]}
                ended.setdefault(f"exit {meta['uid']}", Step(s.t, what))
        if s.type == "DELETED":
            ended[f"gone {meta['uid']}"] = Step(s.t, {"name": name, "gone": True})
    return sorted(ended.values(), key=lambda step: (step.what["name"], "gone" in step.what, step.t))


def suffered(seen: Iterable[Seen]) -> dict[str, int]:
    """What the fault did to the workload: pods deleted, and restarts of containers."""
    deleted, restarts = set(), {}
    for s in seen:
        meta = s.object["metadata"]
        if s.kind != "Pod" or meta.get("labels", {}).get("app") != "web":
            continue
        if "deletionTimestamp" in meta:
            deleted.add(meta["uid"])
        statuses = s.object.get("status", {}).get("containerStatuses", ())
        restarts[meta["uid"]] = sum(status["restartCount"] for status in statuses)
    return {"deleted": len(deleted), "restarts": sum(restarts.values())}


def changes(steps: Iterable[Step]) -> list[Step]:
    """The steps that differ from the one before."""
    kept: list[Step] = []
    for step in steps:
        if not kept or kept[-1].what != step.what:
            kept.append(step)
    return kept
