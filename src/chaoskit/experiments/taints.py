"""A taint as Litmus writes it, which direct faults understand as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaoskit.ports.cluster import Object


def taint_of(text: str) -> dict[str, str]:
    """``key[=value][:Effect]`` as Litmus reads it: by default value ``node-taint``, effect ``NoExecute``."""
    head, _, effect = text.partition(":")
    key, _, value = head.partition("=")
    return {"key": key, "value": value or "node-taint", "effect": effect or "NoExecute"}


def tolerates(pod: Object, taint: Mapping[str, str]) -> bool:
    """Whether the pod puts up with the taint for good; one that does so for a time leaves after it."""
    return any(_matches(each, taint) for each in pod["spec"].get("tolerations") or ())


def _matches(toleration: Mapping[str, Any], taint: Mapping[str, str]) -> bool:
    key, exists = toleration.get("key") or "", toleration.get("operator") == "Exists"
    return (
        toleration.get("tolerationSeconds") is None
        and toleration.get("effect") in {None, "", taint["effect"]}
        and (key == taint["key"] or (not key and exists))
        and (exists or (toleration.get("value") or "") == taint["value"])
    )
