"""Which taints a pod puts up with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tolerated(spec: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """True when the pod of this spec has a toleration for the taint."""
    return any(tolerates(toleration, taint) for toleration in spec.get("tolerations") or ())


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """True when a pod with this toleration puts up with the taint."""
    if toleration.get("effect") not in {None, "", taint["effect"]}:
        return False
    if toleration.get("key") not in {None, "", taint["key"]}:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")
