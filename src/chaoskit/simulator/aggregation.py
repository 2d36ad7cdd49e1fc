"""Cluster roles that gather the rules of others, chosen by labels."""

from __future__ import annotations

from collections.abc import Iterable

from chaoskit.simulator import selectors
from chaoskit.simulator.objects import Object, dig


def gathered(role: Object, roles: Iterable[Object]) -> list[Object]:
    """The rules of the other `roles` that the role's ``aggregationRule`` selects, by name, each once."""
    others = sorted(roles, key=_name)
    found: list[Object] = []
    for selector in dig(role, "aggregationRule", "clusterRoleSelectors") or ():
        chosen = selectors.of(selector)
        for other in others:
            if _name(other) != _name(role) and chosen(other["metadata"].get("labels") or {}):
                for rule in other.get("rules") or ():
                    found += [] if rule in found else [rule]
    return found


def _name(role: Object) -> str:
    name: str = role["metadata"]["name"]
    return name
