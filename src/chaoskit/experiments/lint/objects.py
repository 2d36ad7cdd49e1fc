"""What every Kubernetes object has: an API version that exists, a name, labels that are texts, known keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from chaoskit.documents import Location
from chaoskit.experiments.lint.levels import unknowns
from chaoskit.experiments.lint.rules import Finding, Look
from chaoskit.experiments.lint.shapes import ANYTHING, MISSPELT, NAMESPACE, TEXT, TEXTS, Shape, check, struct

_NAME: Location = ("metadata", "name")
_PREFIX: Location = ("metadata", "generateName")
_DNS = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
ADDED = 5
"""Characters that the server adds to the beginning of a name."""
_PATH = re.compile(r"[^/%]+")
_METADATA = struct(
    name=TEXT, generateName=TEXT, namespace=NAMESPACE, labels=TEXTS, annotations=TEXTS, finalizers=ANYTHING,
    ownerReferences=ANYTHING,
)  # fmt: skip
_SERVED = frozenset({
    "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "managedFields",
    "deletionGracePeriodSeconds", "selfLink", "clusterName",
})  # fmt: skip
"""What servers write into metadata, and what was read from one has."""

_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)


def head(look: Look, versions: tuple[str, ...], *, longest: int = 253) -> Iterator[Finding]:
    """Findings about API version, name and labels."""
    if look.document.api_version not in versions:
        yield look.say("api-version", ("apiVersion",), " or ".join(versions))
    yield from _named(look, longest)
    for field in ("namespace", "labels", "annotations"):
        yield from check(look, ("metadata", field), _METADATA.fields[field])
    yield from _labels(look)


def document_of(**fields: Shape) -> Shape:
    """The whole of an object that has these fields at its root, besides those that every object has."""
    return struct(apiVersion=TEXT, kind=TEXT, metadata=_METADATA, **fields)


def strays(look: Look, whole: Shape) -> Iterator[Finding]:
    """Keys of the root and of its metadata that such an object does not have."""
    root: Location = ()
    others = [name for name in look.mapping(root) if name not in whole.fields]
    yield from unknowns(look, others, (root, whole), (), MISSPELT)
    known = _METADATA.fields.keys() | _SERVED
    named = [name for name in look.mapping(("metadata",)) if name not in known]
    yield from unknowns(look, named, (("metadata",), _METADATA), ((root, whole),), MISSPELT)


def _named(look: Look, longest: int) -> Iterator[Finding]:
    name = look.at(_NAME)
    # roles and their bindings may be called anything that a path can hold: system:node
    form = _PATH if look.document.kind.removeprefix("Cluster") in {"Role", "RoleBinding"} else _DNS
    prefix = look.text(_PREFIX)
    if name is None and prefix:
        yield look.say("generate-name", _PREFIX, "a name", key=True)
        if not form.fullmatch(prefix + "x" * ADDED):
            yield look.say("name", _PREFIX, "the beginning of a DNS name")
    elif not isinstance(name, str) or not form.fullmatch(name) or len(name) > longest:
        yield look.say("name", _NAME, f"a DNS name of at most {longest} characters")


def _labels(look: Look) -> Iterator[Finding]:
    labels: Mapping[str, object] = look.mapping(("metadata", "labels"))
    for name, value in labels.items():
        if isinstance(value, str) and not _LABEL.fullmatch(value):
            wanted = "at most 63 letters, digits, -, _ and ."
            yield look.say("metadata", ("metadata", "labels", name), wanted)
