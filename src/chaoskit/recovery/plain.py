"""Symptoms, issues and plans as JSON for records, and back again for replays; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object, ObjectRef
from chaoskit.recovery.guards import Refusal
from chaoskit.recovery.issues import Issue
from chaoskit.recovery.planner import Decision
from chaoskit.recovery.remedies import Rung
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology

Plain = dict[str, Any]


def symptom(found: Symptom) -> Plain:
    """The symptom as JSON."""
    return {
        "kind": found.kind,
        "namespace": found.target.namespace,
        "target": str(found.target),
        "since": found.since.isoformat(),
        "severity": found.severity.word,
        "evidence": found.evidence,
        "pods": list(found.pods),
        "facts": dict(found.facts),
        "heard": None if found.heard is None else found.heard.isoformat(),
        "unseen": found.unseen,
    }


def symptom_of(found: Mapping[str, Any]) -> Symptom:
    """The symptom that was written so; in older records nobody wrote who had told of it."""
    heard = found.get("heard")
    return Symptom(
        kind=found["kind"],
        target=ref_of(found["namespace"], found["target"]),
        since=datetime.fromisoformat(found["since"]),
        severity=Severity[found["severity"].upper()],
        evidence=found["evidence"],
        pods=tuple(found["pods"]),
        facts=dict(found["facts"]),
        heard=None if heard is None else datetime.fromisoformat(heard),
        unseen=found.get("unseen", False),
    )


def issue(found: Issue) -> Plain:
    """The issue as JSON."""
    return {
        "id": found.id,
        "kind": found.kind,
        "namespace": found.target.namespace,
        "target": str(found.target),
        "at": found.at.isoformat(),
        "since": found.since.isoformat(),
        "severity": found.severity.word,
        "confidence": found.confidence,
        "evidence": list(found.evidence),
        "symptoms": [symptom(each) for each in found.symptoms],
        "root": found.root,
        "model": found.model,
        "disagrees": found.disagrees,
    }


def issue_of(found: Mapping[str, Any]) -> Issue:
    """The issue that was written so."""
    return Issue(
        id=found["id"],
        kind=found["kind"],
        target=ref_of(found["namespace"], found["target"]),
        at=datetime.fromisoformat(found["at"]),
        since=datetime.fromisoformat(found["since"]),
        severity=Severity[found["severity"].upper()],
        confidence=found["confidence"],
        symptoms=tuple(symptom_of(each) for each in found["symptoms"]),
        root=found["root"],
        model=found["model"],
        disagrees=found["disagrees"],
    )


def decision(found: Decision) -> Plain:
    """A plan or refusal as JSON, with its issue."""
    if isinstance(found, Refusal):
        until = None if found.until is None else found.until.isoformat()
        refusal = {"guard": found.guard, "limit": found.limit, "until": until, "why": found.why}
        return {"issue": issue(found.issue), "refused": refusal}
    return {
        "issue": issue(found.issue),
        "runbook": found.runbook.name,
        "rungs": [rung(each) for each in found.rungs],
        "leftOut": list(found.left_out),
        "podsHit": found.radius.at_once,
        "podsTotal": sum(hit.total for hit in found.radius.hits),
        "readyFor": found.runbook.spec.verification.ready_for,
    }


def rung(found: Rung) -> Plain:
    """A rung as JSON; its timeout in seconds."""
    return {
        "action": found.action,
        "targets": [str(target) for target in found.targets],
        "pods": [*found.pods, *(f"{pod.namespace}/{pod.name}" for pod in found.leaving)],
        "timeout": found.step.timeout,
        "expects": dict(found.expects),
        "why": found.why,
    }


def step(found: Rung, at: datetime) -> Plain:
    """A rung that begins at `at`: neither done nor judged nor helpful nor undone yet."""
    begun = {"at": at, "ended_at": at, "detail": ""}
    return {**rung(found), **begun, **dict.fromkeys(("done", "judged", "helped", "undone"), False)}


_KINDS = {str(kind): kind for kind in kube.KINDS.values()}


def ref_of(namespace: str, text: str) -> ObjectRef:
    """``deployment/cart`` as a reference."""
    kind, _, name = text.partition("/")
    return ObjectRef(_KINDS[kind], namespace, name)


# ---------------------------------------------------------------- snapshots


def snapshot(seen: Topology, target: ObjectRef) -> Plain:
    """What a plan for the target looks at, to plan again from later.

    Without managed fields and without values of environment variables, which may be secret.
    """
    workload = seen.workloads.get((target.namespace, str(target)))
    if workload is None:
        return {}
    near = (workload, *seen.callers_of(workload))
    sets = [s for s in seen.replica_sets if (owner := kube.owner(s)) and owner.name == target.name]
    return {
        "workloads": [{"kind": w.ref.kind.name, "object": _bare(w.body)} for w in near],
        "calls": {str(w.ref): list(w.calls) for w in near},
        "pods": [_bare(pod) for pod in workload.pods],
        "replicaSets": [_bare(each) for each in sets],
        "services": [_bare(each) for each in workload.services],
    }


def topology_of(kept: Mapping[str, Any]) -> Topology:
    """The topology that a snapshot was taken of, as far as it was kept."""
    return Topology(
        pods=tuple(kept.get("pods") or ()),
        workload_bodies=tuple(
            (kube.KINDS[each["kind"]], _calling(each, kept)) for each in kept.get("workloads") or ()
        ),
        replica_sets=tuple(kept.get("replicaSets") or ()),
        services=tuple(kept.get("services") or ()),
        budgets=(),
    )


def _calling(each: Mapping[str, Any], kept: Mapping[str, Any]) -> Object:
    """The workload with whom it calls as an annotation, since its addresses were not kept."""
    body: Object = each["object"]
    name = f"{kube.KINDS[each['kind']]}/{body['metadata']['name']}"
    calls = ",".join((kept.get("calls") or {}).get(name) or ())
    template = body["spec"]["template"]
    meta = dict(template.get("metadata") or {})
    meta["annotations"] = {**(meta.get("annotations") or {}), "chaoskit.io/calls": calls}
    return {**body, "spec": {**body["spec"], "template": {**template, "metadata": meta}}}


def _bare(value: Any) -> Any:
    """A copy without managed fields, and with names of environment variables only."""
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    kept = {key: _bare(each) for key, each in value.items() if key not in {"managedFields", "env"}}
    if isinstance(value.get("env"), list):
        kept["env"] = [{"name": each.get("name", "")} for each in value["env"]]
    return kept
