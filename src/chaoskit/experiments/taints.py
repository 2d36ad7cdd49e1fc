"""A taint as Litmus writes it, which direct faults understand as well."""

from __future__ import annotations


def taint_of(text: str) -> dict[str, str]:
    """``key[=value][:Effect]`` as Litmus reads it: by default value ``node-taint``, effect ``NoExecute``."""
    head, _, effect = text.partition(":")
    key, _, value = head.partition("=")
    return {"key": key, "value": value or "node-taint", "effect": effect or "NoExecute"}
