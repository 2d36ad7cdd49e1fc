"""Who may do what: roles and bindings, evaluated anew for each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaoskit.simulator.apiserver.store import Store
from chaoskit.simulator.objects import Object, dig

GROUP = "rbac.authorization.k8s.io"
MASTERS = "system:masters"
"""Members of this group may do everything."""

_EVERYTHING = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_EVERY_PATH = {"verbs": ["*"], "nonResourceURLs": ["*"]}


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked: a verb on a resource, or on a `path` that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def resource_path(self) -> str:
        """``pods`` or ``pods/log``, as rules name them."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and which binding gave it."""

    allowed: bool
    reason: str = ""


class Authorizer:
    """Answers from the roles and bindings in a store. Its user holds the engine's lock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def decide(self, user: User, asked: Attributes) -> Decision:
        """Whether `user` may do what is `asked`."""
        if MASTERS in user.groups:
            return Decision(allowed=True)
        for binding, subject, rules in self._granted(user, asked.namespace):
            if any(permits(rule, asked) for rule in rules):
                return Decision(allowed=True, reason=_because(binding, subject))
        return Decision(allowed=False)

    def rules(self, user: User, namespace: str) -> tuple[list[Object], list[Object]]:
        """All resource rules and all path rules that `user` has in `namespace`."""
        resource_rules: list[Object] = []
        path_rules: list[Object] = []
        if MASTERS in user.groups:
            resource_rules.append(dict(_EVERYTHING))
            path_rules.append(dict(_EVERY_PATH))
        for _, _, rules in self._granted(user, namespace):
            for rule in rules:
                target = path_rules if rule.get("nonResourceURLs") else resource_rules
                if rule not in target:
                    target.append(rule)
        return resource_rules, path_rules

    def role(self, kind: str, namespace: str, name: str) -> list[Object] | None:
        """The rules of a Role of `namespace`, or of a ClusterRole; None when there is no such role."""
        found = self._store.get(f"{kind}.{GROUP}", namespace if kind == "Role" else "", name)
        return None if found is None else list(found.object.get("rules") or ())

    def _granted(self, user: User, namespace: str) -> Iterator[tuple[Object, Object, list[Object]]]:
        """Bindings that name `user`, the subject by which they do, and their role's rules."""
        bindings = self._store.list(f"ClusterRoleBinding.{GROUP}")
        if namespace:
            bindings = [*bindings, *self._store.list(f"RoleBinding.{GROUP}", namespace)]
        for version in bindings:
            binding = version.object
            for subject in binding.get("subjects") or ():
                if _is(subject, user, version.namespace):
                    reference = binding["roleRef"]
                    rules = self.role(reference["kind"], version.namespace, reference["name"])
                    yield binding, subject, rules or []
                    break


def _is(subject: Object, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "User":
        return bool(name == user.name)
    if kind == "Group":
        return name in user.groups
    where = subject.get("namespace") or namespace
    return user.name == f"system:serviceaccount:{where}:{name}"


def permits(rule: Object, asked: Attributes) -> bool:
    """True when the rule alone allows what is `asked`; a ``*`` that is asked for needs one."""
    if not _covers(rule.get("verbs"), asked.verb):
        return False
    if asked.path:
        return any(_path_covers(pattern, asked.path) for pattern in rule.get("nonResourceURLs") or ())
    if not _covers(rule.get("apiGroups"), asked.group):
        return False
    resources = rule.get("resources") or ()
    wildcard = f"*/{asked.subresource}" if asked.subresource else None
    if not any(item in {"*", asked.resource_path, wildcard} for item in resources):
        return False
    names = rule.get("resourceNames")
    return not names or asked.name in names


def _covers(allowed: Any, wanted: str) -> bool:
    return any(item in {"*", wanted} for item in allowed or ())


def _path_covers(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return pattern == path


def _because(binding: Object, subject: Object) -> str:
    namespace = dig(binding, "metadata", "namespace")
    name = f"{binding['metadata']['name']}/{namespace}" if namespace else binding["metadata"]["name"]
    who = subject["name"]
    if subject["kind"] == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or namespace}"
    reference = binding["roleRef"]
    return (
        f'RBAC: allowed by {binding["kind"]} "{name}" of {reference["kind"]} "{reference["name"]}" '
        f'to {subject["kind"]} "{who}"'
    )
