"""Who else keeps a field of a workload as it is: Argo CD, Flux or an autoscaler; who set it last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chaoskit import kube
from chaoskit.ports.cluster import Object

_ARGO = ("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance")
_FLUX = ("kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name")
_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
_SCALERS = frozenset({"horizontal-pod-autoscaler", "kube-controller-manager", "keda-operator"})

_CHAOS = ("chaoskit", "experiments")
"""Ourselves, and the program in which Litmus' faults run."""


def keeper(body: Object, path: Sequence[str], autoscalers: Iterable[Object] = ()) -> str:
    """Who would put the field at `path` back after us: ``Argo CD``, ``HPA cart``; "" for nobody.

    Known from tracking labels and annotations, from managedFields, and from autoscalers' targets.
    """
    if tuple(path[:2]) == ("spec", "replicas"):
        scaler = _scaler(body, autoscalers) or _managed(body, path, _SCALERS)
        if scaler:
            return scaler
    return _git(body, path)


def setter(body: Object, path: Sequence[str]) -> str:
    """Who set the field at `path` last, as the server recorded it: ``kubectl``; "" where it does not say."""
    return str(_newest(body, path).get("manager", ""))


def set_at(body: Object, path: Sequence[str]) -> datetime | None:
    """When whoever set the field at `path` last wrote last; None where the server does not say."""
    return kube.time_of(_newest(body, path).get("time"))


def _newest(body: Object, path: Sequence[str]) -> Object:
    entries = body["metadata"].get("managedFields") or ()
    mine = [each for each in entries if _holds(each.get("fieldsV1") or {}, path)]
    return max(mine, key=lambda each: str(each.get("time", "")), default={})


def by_chaos(manager: str) -> bool:
    """Whether it is chaos that sets fields under this name."""
    return manager.startswith(_CHAOS)


def _git(body: Object, path: Sequence[str]) -> str:
    keys = {*kube.labels_of(body), *kube.annotations_of(body)}
    tracker = "Argo CD" if keys.intersection(_ARGO) else "Flux" if keys.intersection(_FLUX) else ""
    manager = _MANAGERS.get(_managed(body, path, frozenset(_MANAGERS)), "")
    seen = any(each.get("fieldsV1") for each in body["metadata"].get("managedFields") or ())
    return manager or ("" if seen and _applied_by_git(body) else tracker)


def _applied_by_git(body: Object) -> bool:
    """Whether managedFields show what the tracker owns: then what it does not own there is free."""
    return any(each.get("manager") in _MANAGERS for each in body["metadata"].get("managedFields") or ())


def _managed(body: Object, path: Sequence[str], managers: frozenset[str]) -> str:
    for entry in body["metadata"].get("managedFields") or ():
        if entry.get("manager") in managers and _holds(entry.get("fieldsV1") or {}, path):
            return str(entry["manager"])
    return ""


def _holds(fields: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether a fieldsV1 tree has the path, or something under it."""
    for step in path:
        found = fields.get(f"f:{step}")
        if found is None:
            return False
        fields = found
    return True


def _scaler(body: Object, autoscalers: Iterable[Object]) -> str:
    for each in autoscalers:
        target = each["spec"].get("scaleTargetRef") or {}
        same = (target.get("kind"), target.get("name")) == (body.get("kind"), body["metadata"]["name"])
        if same and each["metadata"].get("namespace") == body["metadata"].get("namespace"):
            return f"HPA {each['metadata']['name']}"
    return ""
