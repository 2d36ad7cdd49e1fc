"""Questions that a client may ask about access: answered, never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaoskit.simulator.apiserver.rbac import Attributes, Authorizer, User
from chaoskit.simulator.objects import Object, dig

Review = Callable[[Authorizer, User, Object, str], Object]
"""Answers `body`, asked by a user in the path's namespace, at a time: all but kind and metadata."""


def _attributes(spec: Object) -> Attributes:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None:
        return Attributes(
            verb=resource.get("verb", ""),
            group=resource.get("group", ""),
            resource=resource.get("resource", ""),
            subresource=resource.get("subresource", ""),
            namespace=resource.get("namespace", ""),
            name=resource.get("name", ""),
        )
    return Attributes(verb=dig(path, "verb") or "", path=dig(path, "path") or "")


def _decided(authorizer: Authorizer, user: User, spec: Object) -> Object:
    decision = authorizer.decide(user, _attributes(spec))
    status: Object = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    return {"metadata": {}, "spec": spec, "status": status}


def _self_access(authorizer: Authorizer, user: User, body: Object, _: str) -> Object:
    return _decided(authorizer, user, body.get("spec") or {})


def _access(authorizer: Authorizer, _: User, body: Object, __: str) -> Object:
    spec = body.get("spec") or {}
    name: str = spec.get("user") or ""
    groups = list(spec.get("groups") or ())
    if name.startswith("system:serviceaccount:") and not groups:
        groups = account_groups(name.split(":")[2])
    return _decided(authorizer, User(name, tuple(groups)), spec)


def _self_rules(authorizer: Authorizer, user: User, body: Object, _: str) -> Object:
    resources, paths = authorizer.rules(user, dig(body, "spec", "namespace") or "")
    status = {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}
    return {"metadata": {}, "spec": {}, "status": status}


def _self_subject(_: Authorizer, user: User, __: Object, now: str) -> Object:
    info: Object = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    if user.extra:
        info["extra"] = dict(user.extra)
    return {"metadata": {"creationTimestamp": now}, "status": {"userInfo": info}}


def account_groups(namespace: str) -> list[str]:
    """The groups of every service account of a namespace."""
    return [
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    ]


REVIEWS: Mapping[tuple[str, str], tuple[str, Review]] = {
    ("authentication.k8s.io", "selfsubjectreviews"): ("SelfSubjectReview", _self_subject),
    ("authorization.k8s.io", "localsubjectaccessreviews"): ("LocalSubjectAccessReview", _access),
    ("authorization.k8s.io", "selfsubjectaccessreviews"): ("SelfSubjectAccessReview", _self_access),
    ("authorization.k8s.io", "selfsubjectrulesreviews"): ("SelfSubjectRulesReview", _self_rules),
    ("authorization.k8s.io", "subjectaccessreviews"): ("SubjectAccessReview", _access),
}
"""Group and plural of each kind of question, its kind, and who answers it."""
