"""Nobody grants what he does not hold: what writing a role or binding needs beside the right to write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.rbac import GROUP, MASTERS, Attributes, Authorizer, User, permits
from chaoskit.simulator.apiserver.resources import Resource
from chaoskit.simulator.objects import Object, without

_EVERYTHING: list[Object] = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_PARTS = ("apiGroups", "resources", "nonResourceURLs", "resourceNames", "verbs")
_OF_THE_COLLECTOR = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, by a request that names `named` (nothing, when it creates). Holds the engine's lock."""

    authorizer: Authorizer
    user: User
    named: str = ""

    def check(self, resource: Resource, old: Object | None, new: Object) -> None:
        """403 where `new` grants what the writer neither holds nor may grant; 404 for a role not there."""
        if resource.group != GROUP or MASTERS in self.user.groups:
            return
        if old is not None and _for_the_collector(old, new):
            return
        if resource.kind.endswith("Binding"):
            self._check_binding(resource, new)
        else:
            self._check_role(resource, old or {}, new)

    def _check_role(self, resource: Resource, old: Object, role: Object) -> None:
        namespace = role["metadata"].get("namespace") or ""
        if self._may("escalate", resource.plural, namespace, self.named):
            return
        self._refuse_unless_held(resource, role, role.get("rules") or (), namespace)
        gathers = role.get("aggregationRule") or old.get("aggregationRule")
        if gathers and missing(self._held(namespace), _EVERYTHING):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise apierrors.forbidden(resource, _name(role), why)

    def _check_binding(self, resource: Resource, binding: Object) -> None:
        namespace, reference = binding["metadata"].get("namespace") or "", binding.get("roleRef") or {}
        kind, name = reference.get("kind") or "", reference.get("name") or ""
        if kind not in {"Role", "ClusterRole"}:
            raise apierrors.internal(f'unsupported role reference kind: "{kind}"')
        plural = f"{kind.lower()}s"
        if self._may("bind", plural, namespace, name):
            return
        rules = self.authorizer.role(kind, namespace, name)
        if rules is None:
            raise apierrors.not_found(Resource(GROUP, "v1", kind, plural), name)
        self._refuse_unless_held(resource, binding, rules, namespace)

    def _may(self, verb: str, plural: str, namespace: str, name: str) -> bool:
        asked = Attributes(verb, GROUP, plural, namespace=namespace, name=name)
        return self.authorizer.decide(self.user, asked).allowed

    def _held(self, namespace: str) -> list[Object]:
        resources, paths = self.authorizer.rules(self.user, namespace)
        return [*resources, *paths]

    def _refuse_unless_held(
        self, resource: Resource, obj: Object, rules: Iterable[Object], namespace: str
    ) -> None:
        lacking = missing(self._held(namespace), rules)
        if lacking:
            listed = "\n".join(sorted({_compact(rule) for rule in _joined(lacking)}))
            why = (
                f'user "{self.user.name}" (groups={_quoted(self.user.groups)}) is attempting to grant '
                f"RBAC permissions not currently held:\n{listed}"
            )
            raise apierrors.forbidden(resource, _name(obj), why)


def missing(held: Sequence[Object], wanted: Iterable[Object]) -> list[Object]:
    """The smallest parts of the rules `wanted` that no rule `held` allows alone."""
    parts = (part for rule in wanted for part in _parts(rule))
    return [part for part in parts if not any(permits(own, _asked(part)) for own in held)]


def _parts(rule: Object) -> Iterator[Object]:
    """One rule for each verb on each resource, name or path."""
    names = [{"resourceNames": [name]} for name in rule.get("resourceNames") or ()] or [{}]
    groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
    verbs, paths = rule.get("verbs") or (), rule.get("nonResourceURLs") or ()
    for group, resource, verb, name in product(groups, resources, verbs, names):
        yield {"apiGroups": [group], "resources": [resource], "verbs": [verb], **name}
    for path, verb in product(paths, verbs):
        yield {"nonResourceURLs": [path], "verbs": [verb]}


def _asked(part: Object) -> Attributes:
    """What a part of a rule allows, as a question."""
    verb = part["verbs"][0]
    if "nonResourceURLs" in part:
        return Attributes(verb, path=part["nonResourceURLs"][0])
    (resource, _, below), (name,) = part["resources"][0].partition("/"), part.get("resourceNames", [""])
    return Attributes(verb, part["apiGroups"][0], resource, below, name=name)


def _joined(parts: Iterable[Object]) -> list[Object]:
    """The parts of one resource (and name) as one rule with all their verbs; paths stay apart."""
    joined: dict[str, Object] = {}
    for part in parts:
        key = json.dumps(part if "nonResourceURLs" in part else without(part, "verbs"))
        if key in joined:
            joined[key]["verbs"] += part["verbs"]
        else:
            joined[key] = part
    return list(joined.values())


def _compact(rule: Object) -> str:
    """The rule as Kubernetes prints it: ``{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}``."""
    shown = (f"{part[0].upper()}{part[1:]}:{_quoted(rule[part])}" for part in _PARTS if rule.get(part))
    return "{" + ", ".join(shown).replace("ApiGroups", "APIGroups") + "}"


def _quoted(items: Iterable[str]) -> str:
    return f"[{' '.join(json.dumps(item) for item in items)}]"


def _for_the_collector(old: Object, new: Object) -> bool:
    """True when nothing changes but what garbage collection goes by."""
    before, after = (it | {"metadata": without(it["metadata"], *_OF_THE_COLLECTOR)} for it in (old, new))
    return before == after


def _name(obj: Object) -> str:
    return obj["metadata"].get("name") or ""
