"""Custom resource definitions: their status, and the resources that they make the server serve."""

from __future__ import annotations

from chaoskit.simulator.apiserver.resources import Registry, Resource
from chaoskit.simulator.objects import Object, dig

DEFINITION = "CustomResourceDefinition.apiextensions.k8s.io"

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


def accept(definition: Object, now: str) -> None:
    """`definition` has the status of one whose names were accepted and whose resources are served."""
    spec, status = definition["spec"], definition.setdefault("status", {})
    status["acceptedNames"] = dict(spec["names"])
    status["storedVersions"] = [v["name"] for v in spec["versions"] if v.get("storage")]
    status.setdefault(
        "conditions",
        [
            _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
            _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
        ],
    )


def _condition(kind: str, reason: str, message: str, now: str) -> Object:
    return {
        "type": kind,
        "status": "True",
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def serve(registry: Registry, definition: Object) -> None:
    """Every served version of `definition` is in `registry`, and none that it no longer serves."""
    spec = definition["spec"]
    registry.drop(spec["group"], spec["names"]["plural"])
    for resource, stored in _resources(spec):
        registry.add(resource, preferred=stored)


def withdraw(registry: Registry, definition: Object) -> None:
    """`registry` serves nothing of `definition`."""
    registry.drop(definition["spec"]["group"], definition["spec"]["names"]["plural"])


def stored_key(definition: Object) -> str:
    """The resource key of the definition's objects, such as ``ChaosEngine.litmuschaos.io``."""
    return f"{definition['spec']['names']['kind']}.{definition['spec']['group']}"


def _resources(spec: Object) -> list[tuple[Resource, bool]]:
    names = spec["names"]
    found = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        resource = Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            namespaced=spec.get("scope") != "Cluster",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(s for s in ("scale", "status") if s in (version.get("subresources") or {})),
            counts_generation=True,
            verbs=_VERBS,
            schema=dig(version, "schema", "openAPIV3Schema") or {},
            singular=names.get("singular") or "",
            list_kind=names.get("listKind") or "",
            columns=tuple(
                (c["name"], c["jsonPath"], int(c.get("priority") or 0))
                for c in version.get("additionalPrinterColumns") or ()
            ),
        )
        found.append((resource, bool(version.get("storage"))))
    return found
