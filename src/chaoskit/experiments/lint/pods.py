"""What engines and definitions hand on to pods as it is: resources, tolerations, sources of ENV, volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from chaoskit.documents import Location
from chaoskit.experiments.lint.rules import FILLED_IN, Finding, Look
from chaoskit.experiments.lint.shapes import (
    FLAG,
    MAPPING,
    NUMBER,
    TEXT,
    TEXTS,
    Shape,
    check,
    many,
    one_of,
    struct,
)

_AMOUNTS = Shape(dict, "a mapping of amounts", values=Shape((str, int, float), "an amount such as 500m"))
_AMOUNT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?\d+)?", re.ASCII)
RESOURCES = struct(limits=_AMOUNTS, requests=_AMOUNTS, claims=many(MAPPING))
TOLERATION = struct(
    key=TEXT, value=TEXT, tolerationSeconds=NUMBER,
    operator=replace(one_of("toleration", "Exists", "Equal", "Lt", "Gt"), hollow=True),
    effect=replace(one_of("toleration", "NoSchedule", "PreferNoSchedule", "NoExecute"), hollow=True),
)  # fmt: skip
_KEYED = struct("name key", "env-from", name=TEXT, key=replace(TEXT, words="one of its keys"), optional=FLAG)
VALUE_FROM = struct(
    secretKeyRef=_KEYED,
    configMapKeyRef=_KEYED,
    fieldRef=struct("fieldPath", "env-from", apiVersion=TEXT, fieldPath=TEXT),
    resourceFieldRef=struct(
        "resource", "env-from", containerName=TEXT, resource=TEXT, divisor=Shape((str, int), "an amount")
    ),
    fileKeyRef=MAPPING,
)
_ENV = many(
    struct(
        "name", "env-text", name=TEXT, value=replace(TEXT, rule="env-text", words="text in quotes"),
        valueFrom=MAPPING,
    )
)  # fmt: skip
SOURCE = struct(
    image=TEXT, hostNetwork=FLAG, inheritInputs=FLAG, args=many(TEXT), env=_ENV, labels=TEXTS,
    annotations=TEXTS, command=many(TEXT), imagePullPolicy=TEXT, privileged=FLAG, nodeSelector=TEXTS,
    tolerations=many(MAPPING), volumes=many(MAPPING), volumeMount=many(MAPPING),
    imagePullSecrets=many(MAPPING),
)  # fmt: skip
"""The pod of a cmdProbe."""

HOST_FILE = struct(
    "name mountPath nodePath", "definition", name=TEXT, mountPath=TEXT, nodePath=TEXT, type=TEXT
)


def of_engine(look: Look) -> Iterator[Finding]:
    """Findings about the pods of the runner and of each experiment."""
    yield from _placed(look, ("spec", "components", "runner"))
    for index in range(len(look.items(("spec", "experiments")))):
        components: Location = ("spec", "experiments", index, "spec", "components")
        yield from _placed(look, components)
        yield from _sources(look, (*components, "env"))


def of_definition(look: Look) -> Iterator[Finding]:
    """Findings about the pod of a ChaosExperiment."""
    yield from _sources(look, ("spec", "definition", "env"))
    yield from _each(look, ("spec", "definition", "hostFileVolumes"), HOST_FILE)


def of_source(look: Look, place: Location) -> Iterator[Finding]:
    """Findings about the pod of a cmdProbe, where it has one of its own."""
    if look.mapping(place):
        yield from check(look, place, SOURCE)
        yield from _sources(look, (*place, "env"))
        yield from _tolerations(look, (*place, "tolerations"))


def _placed(look: Look, place: Location) -> Iterator[Finding]:
    if look.mapping((*place, "resources")):
        yield from check(look, (*place, "resources"), RESOURCES)
    for kind in ("limits", "requests"):
        yield from _amounts(look, (*place, "resources", kind))
    yield from _tolerations(look, (*place, "tolerations"))


def _amounts(look: Look, place: Location) -> Iterator[Finding]:
    for name in look.mapping(place):
        amount = look.text((*place, name))
        if amount and not _AMOUNT.fullmatch(amount) and not FILLED_IN.search(amount):
            yield look.say("amount", (*place, name), "an amount such as 500m, 2 or 128Mi")


def _tolerations(look: Look, place: Location) -> Iterator[Finding]:
    yield from _each(look, place, TOLERATION)
    for index, entry in enumerate(look.items(place)):
        here: Location = (*place, index)
        if not isinstance(entry, dict):
            continue
        if entry.get("operator") == "Exists" and entry.get("value"):
            yield look.say("toleration", (*here, "value"), "no value beside Exists")
        if entry.get("operator") != "Exists" and not entry.get("key"):
            yield look.say("toleration", (*here, "key"), "a key, or operator: Exists", found="missing")


def _sources(look: Look, env: Location) -> Iterator[Finding]:
    """ENV with a source instead of a value: one, and as the source needs it."""
    for index in range(len(look.items(env))):
        place: Location = (*env, index, "valueFrom")
        source = look.mapping(place)
        if look.at(place) is not None and look.at((*env, index, "value")):
            yield look.say("env-from", place, "either value or valueFrom", found="set beside value", key=True)
        if source:
            yield from check(look, place, VALUE_FROM)
        if look.at(place) == {} or len(source.keys() & VALUE_FROM.fields.keys()) > 1:
            yield look.say("env-from", place, "one of " + ", ".join(sorted(VALUE_FROM.fields)))


def _each(look: Look, place: Location, shape: Shape) -> Iterator[Finding]:
    """Findings about the mappings of a list; what is none is told elsewhere."""
    for index, entry in enumerate(look.items(place)):
        if isinstance(entry, dict):
            yield from check(look, (*place, index), shape)
