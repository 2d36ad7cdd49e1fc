"""Kubernetes objects as plain dicts: copying, timestamps, and where an object's parts are."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

Object = dict[str, Any]
Reason = Literal["Error", "OOMKilled", "Completed"]
"""Why a container ended, as its status says."""

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: no vowels, so that no words arise."""


def clone(value: Any) -> Any:
    """A deep copy of JSON-like data, some ten times faster than `copy.deepcopy`."""
    if isinstance(value, dict):  # most of it is texts: each that is not asked about again counts
        return {key: item if item.__class__ is str else clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [item if item.__class__ is str else clone(item) for item in value]
    return value


def timestamp(seconds: float) -> str:
    """Unix seconds as Kubernetes writes a Time: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(seconds: float) -> str:
    """Unix seconds as Kubernetes writes a MicroTime: RFC 3339, UTC, six decimals."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """The aware datetime of an RFC 3339 text; ValueError for anything else."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"not an RFC 3339 time: {text}")
    return parsed


def dig(obj: Any, *path: str) -> Any:
    """The value at `path`, or None where a key on the way is missing or null."""
    for key in path:
        if not isinstance(obj, Mapping):
            return None
        obj = obj.get(key)
    return obj


def is_finished(pod: Mapping[str, Any]) -> bool:
    """True when the pod has ended and will not run again."""
    return dig(pod, "status", "phase") in {"Succeeded", "Failed"}


def without(mapping: Mapping[str, Any], *keys: str) -> Object:
    """A shallow copy that lacks `keys`."""
    return {key: value for key, value in mapping.items() if key not in keys}


def suffix(source: random.Random, length: int = 5) -> str:
    """Random letters as they end a generated name."""
    return "".join(source.choice(LETTERS) for _ in range(length))


def owner_of(body: Mapping[str, Any]) -> Object | None:
    """The reference to the controller that manages an object, if one does."""
    references = body["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def owned_by(owner: Mapping[str, Any]) -> Object:
    """The reference that makes `owner` the controller of what bears it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
