"""What documents call things by: objects, their places, targets, and what is needed beside these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.redaction import is_secret, scrubbed

_TARGETS = ("namespace", "targets", "appinfo", "selector", "selectors", "workload", "workloads", "node")
_BESIDE = ("service", "configMap", "configMapRef.name", "configMapKeyRef.name", "secret", "secretName")
_ACCOUNTS = ("chaosServiceAccount", "serviceAccount", "serviceAccountName")
_PASSED = ("APP_NAMESPACE", "APP_LABEL", "NODE_LABEL", "SERVICE", "CONFIG_MAP")
_HIT = ("TARGET_PODS", "TARGET_NODE", "TARGET_NODES", "TARGET_CONTAINER")
_NAMING = frozenset(
    ("metadata.name", "experiments.name", "fault.kind", *_TARGETS, *_BESIDE, *_ACCOUNTS, *_PASSED, *_HIT)
)
"""Fields, and names of variables for Litmus, below which every text is a name, or says which are meant."""


def names_in(value: Any, under: str = "") -> Iterator[str]:
    """What this JSON, which stands `under` that, calls things by; nothing that is secret in its own place."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not is_secret(value, key):
                yield from names_in(each, _place(value, key, under))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from names_in(each, under)
    elif isinstance(value, str) and under in _NAMING and scrubbed(value) == value:
        yield value


def _place(parent: Mapping[Any, Any], key: Any, under: str) -> str:
    """What a value stands under: ``x`` of ``x: 1`` and of ``{name: x, value: 1}``; of a name, whose it is."""
    if under in _NAMING:
        return under
    if key == "value":
        return str(parent.get("name", ""))
    return f"{under}.{key}" if key in {"name", "kind"} else str(key)
