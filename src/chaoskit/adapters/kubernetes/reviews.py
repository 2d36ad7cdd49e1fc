"""Reviews of access: whether somebody may do something; pure."""

from __future__ import annotations

from typing import Any

from chaoskit.ports.cluster import Access, Object


def question(access: Access, user: str) -> Object:
    """The question whether `user` may, or the caller, where there is none."""
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview" if user else "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": _attributes(access), **(_subject(user) if user else {})},
    }


def path(asked: Object) -> str:
    """Where it is asked."""
    return f"/apis/{asked['apiVersion']}/{asked['kind'].lower()}s"


def _attributes(access: Access) -> dict[str, str]:
    asked = {
        "verb": access.verb,
        "group": access.group,
        "resource": access.resource,
        "subresource": access.subresource,
        "namespace": access.namespace,
        "name": access.name,
    }
    return {key: value for key, value in asked.items() if value}


def _subject(user: str) -> dict[str, Any]:
    """The user with the groups that the server would give it: rights are often bound to those."""
    groups = ["system:authenticated"]
    if user.startswith("system:serviceaccount:"):
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}"]
    return {"user": user, "groups": groups}
