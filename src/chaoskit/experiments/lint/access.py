"""What stands beside an engine for its rights and data: accounts, roles, bindings, configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaoskit.documents import Document, Location
from chaoskit.experiments.lint.objects import head
from chaoskit.experiments.lint.rules import Finding, Look
from chaoskit.experiments.lint.shapes import ANYTHING, POLICY, TEXT, TEXTS, Shape, check, many, struct

RBAC = ("rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1")

_ROLE = struct(rules=many(POLICY))
_BINDING = struct(
    "roleRef", "rights-shape",
    roleRef=struct("kind name", "rights-shape", apiGroup=TEXT, kind=TEXT, name=TEXT),
    subjects=many(
        struct("kind name", "rights-shape", apiGroup=TEXT, kind=TEXT, name=TEXT, namespace=TEXT)
    ),
)  # fmt: skip
_DATA = struct(data=TEXTS, stringData=TEXTS)

SHAPES: Mapping[str, tuple[tuple[str, ...], Shape]] = {
    "ServiceAccount": (("v1",), struct()),
    "ConfigMap": (("v1",), _DATA),
    "Secret": (("v1",), _DATA),
    "Role": (RBAC, _ROLE),
    "ClusterRole": (RBAC, _ROLE),
    "RoleBinding": (RBAC, _BINDING),
    "ClusterRoleBinding": (RBAC, _BINDING),
}
"""Kinds that may stand beside an engine: their API versions, and what is looked at."""


def beside(document: Document) -> tuple[Finding, ...]:
    """Everything that is wrong in an object beside an engine."""
    look = Look(document)
    versions, shape = SHAPES[document.kind]
    known: dict[str, Shape] = {
        name: each for name, each in shape.fields.items() if look.at((name,)) is not None
    }
    return (
        *head(look, versions),
        *(finding for name in known for finding in check(look, (name,), known[name])),
        *_missing(look, shape),
        *_subjects(look),
        *_policies(look),
    )


def _missing(look: Look, shape: Shape) -> Iterator[Finding]:
    for name in shape.required:
        if not look.at((name,)):
            yield look.say(shape.missed, (name,), shape.fields.get(name, ANYTHING).words, found="missing")


def _subjects(look: Look) -> Iterator[Finding]:
    for index in range(len(look.items(("subjects",)))):
        place: Location = ("subjects", index)
        if look.at((*place, "kind")) == "ServiceAccount" and not look.at((*place, "namespace")):
            yield look.say("rights-shape", (*place, "namespace"), "the account's namespace")


def _policies(look: Look) -> Iterator[Finding]:
    for index, rule in enumerate(look.items(("rules",))):
        if isinstance(rule, dict) and not rule.get("nonResourceURLs"):
            for name in ("apiGroups", "resources"):
                if not rule.get(name):
                    yield look.say("rights-shape", ("rules", index, name), 'a list, such as [""]')
