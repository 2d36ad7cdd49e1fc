"""What stands beside an engine for its rights and data: accounts, roles, bindings, configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaoskit.documents import Document, Location
from chaoskit.experiments.lint.objects import document_of, head, strays
from chaoskit.experiments.lint.rules import Finding, Look, once
from chaoskit.experiments.lint.shapes import (
    ANYTHING,
    FLAG,
    POLICY,
    TEXT,
    TEXTS,
    Shape,
    check,
    many,
    struct,
)

RBAC = ("rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1")

_ACCOUNT = struct(secrets=ANYTHING, imagePullSecrets=ANYTHING, automountServiceAccountToken=FLAG)
_ROLE = struct(rules=many(POLICY))
_CLUSTER_ROLE = struct(rules=many(POLICY), aggregationRule=ANYTHING)
_BINDING = struct(
    "roleRef", "rights-shape",
    roleRef=struct("kind name", "rights-shape", apiGroup=TEXT, kind=TEXT, name=TEXT),
    subjects=many(
        struct("kind name", "rights-shape", apiGroup=TEXT, kind=TEXT, name=TEXT, namespace=TEXT)
    ),
)  # fmt: skip
_CONFIGURATION = struct(data=TEXTS, binaryData=TEXTS, immutable=FLAG)
_SECRET = struct(data=TEXTS, stringData=TEXTS, type=TEXT, immutable=FLAG)

SHAPES: Mapping[str, tuple[tuple[str, ...], Shape]] = {
    "ServiceAccount": (("v1",), _ACCOUNT),
    "ConfigMap": (("v1",), _CONFIGURATION),
    "Secret": (("v1",), _SECRET),
    "Role": (RBAC, _ROLE),
    "ClusterRole": (RBAC, _CLUSTER_ROLE),
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
    return once((
        *head(look, versions),
        *strays(look, document_of(**shape.fields)),
        *(finding for name in known for finding in check(look, (name,), known[name])),
        *_missing(look, shape),
        *_subjects(look),
        *_policies(look),
    ))  # fmt: skip


def _missing(look: Look, shape: Shape) -> Iterator[Finding]:
    for name in shape.required:
        if not look.at((name,)):
            yield look.say(shape.missed, (name,), shape.fields.get(name, ANYTHING).words, found="missing")


def _subjects(look: Look) -> Iterator[Finding]:
    """Accounts in a binding of the cluster need a namespace, others have the binding's; none has a group."""
    everywhere = look.document.kind == "ClusterRoleBinding"
    for index in range(len(look.items(("subjects",)))):
        place: Location = ("subjects", index)
        if look.at((*place, "kind")) != "ServiceAccount":
            continue
        if everywhere and not look.at((*place, "namespace")):
            yield look.say("rights-shape", (*place, "namespace"), "the account's namespace")
        if look.text((*place, "apiGroup")):
            yield look.say("rights-shape", (*place, "apiGroup"), "nothing: accounts are of no group")


def _policies(look: Look) -> Iterator[Finding]:
    for index, rule in enumerate(look.items(("rules",))):
        if isinstance(rule, dict) and not rule.get("nonResourceURLs"):
            for name in ("apiGroups", "resources"):
                if not rule.get(name):
                    place: Location = ("rules", index, name)
                    yield look.say("rights-shape", place, 'a list, such as [""]', wants=place)
