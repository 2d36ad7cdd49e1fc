"""Roles and bindings among documents: whom they give what, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chaoskit.ports.cluster import Object

Body = Mapping[str, Any]


def gives(rule: Body, group: str, resource: str, verb: str) -> bool:
    """Whether a role's rule allows it, whatever the object's name: one for some names alone does not."""
    asked = {"apiGroups": group, "resources": resource, "verbs": verb}
    allowed = all({word, "*"} & set(rule.get(field) or ()) for field, word in asked.items())
    return allowed and not rule.get("resourceNames")


def binds(binding: Body, account: str, namespace: str) -> bool:
    """Whether the binding gives something to this account of the namespace; "" is any account there."""
    own = binding["metadata"].get("namespace")
    return any(
        each.get("kind") == "ServiceAccount"
        and account in {"", each.get("name")}
        and (each.get("namespace") or own) == namespace
        for each in binding.get("subjects") or ()
    )


def reaches(body: Object, among: Iterable[Object], namespace: str) -> bool:
    """Whether it is a role or binding elsewhere that gives something to accounts of this namespace."""
    if body["kind"] == "RoleBinding":
        return binds(body, "", namespace)
    return body["kind"] == "Role" and any(
        each["kind"] == "RoleBinding"
        and each["metadata"].get("namespace") == body["metadata"].get("namespace")
        and (each.get("roleRef") or {}).get("kind") == "Role"
        and (each.get("roleRef") or {}).get("name") == body["metadata"]["name"]
        and binds(each, "", namespace)
        for each in among
    )
