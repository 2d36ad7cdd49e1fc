"""How calls of the Cluster port are spelled as requests: words, queries, bodies; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaoskit.adapters.kubernetes.retry import Repeat
from chaoskit.ports.cluster import Object, ObjectRef, PatchType

MANAGER = "chaoskit"
"""The name in which we write, as `managedFields` keep it."""

CONTENT_TYPES: dict[PatchType, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


def place(ref: ObjectRef) -> str:
    """``deployment/cart in shop``."""
    return f"{ref} in {ref.namespace}" if ref.namespace else str(ref)


def what(body: Object, namespace: str) -> str:
    """As `place`, of an object that may not be there yet."""
    meta = body["metadata"]
    name = meta.get("name") or f"{meta.get('generateName', '')}*"
    return f"{body['kind'].lower()}/{name}" + (f" in {namespace}" if namespace else "")


def writing(*, dry_run: bool) -> tuple[tuple[str, str], ...]:
    """The query of a write, which is in our name."""
    return (("fieldManager", MANAGER), *((("dryRun", "All"),) if dry_run else ()))


def repeat(*, harmless: bool) -> Repeat:
    """How often it may be sent; `harmless`: twice is as good as once."""
    return "always" if harmless else "unsent"


def conditional(patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bool:
    """Whether the patch is for the very version that it names."""
    if isinstance(patch, Mapping):
        return "resourceVersion" in (patch.get("metadata") or {})
    return any(step.get("path") == "/metadata/resourceVersion" for step in patch)


def has(present: Any, patch: Any) -> bool:
    """Whether a merge patch would change nothing there, whatever version it is for."""
    if not isinstance(patch, Mapping):
        return bool(present == patch)
    there = present if isinstance(present, Mapping) else {}
    return all(has(there.get(key), value) for key, value in patch.items() if key != "resourceVersion")


def delete_options(ref: ObjectRef, grace: int | None, version: str = "", *, dry_run: bool) -> dict[str, Any]:
    """The body of a deletion: of that very object, where `ref` has a uid, in that very version."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if dry_run:
        options["dryRun"] = ["All"]  # here alone: next to a body, the server ignores the query
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    named = {"uid": ref.uid, "resourceVersion": version}
    if conditions := {key: each for key, each in named.items() if each}:
        options["preconditions"] = conditions
    return options
