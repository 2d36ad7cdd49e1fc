"""What in pods goes together, or cannot be, besides their shapes: amounts, tolerations, sources of ENV."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.documents import Location
from chaoskit.experiments.lint.rules import FILLED_IN, Finding, Look
from chaoskit.experiments.lint.shapes import VALUE_FROM

_AMOUNT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?\d+)?", re.ASCII)


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


def of_source(look: Look, place: Location) -> Iterator[Finding]:
    """Findings about the pod of a cmdProbe, where it has one of its own."""
    yield from _sources(look, (*place, "env"))
    yield from _tolerations(look, (*place, "tolerations"))


def _placed(look: Look, place: Location) -> Iterator[Finding]:
    for kind in ("limits", "requests"):
        yield from _amounts(look, (*place, "resources", kind))
    yield from _tolerations(look, (*place, "tolerations"))


def _amounts(look: Look, place: Location) -> Iterator[Finding]:
    for name in look.mapping(place):
        amount = look.text((*place, name))
        if amount and not _AMOUNT.fullmatch(amount) and not FILLED_IN.search(amount):
            yield look.say("amount", (*place, name), "an amount such as 500m, 2 or 128Mi")


def _tolerations(look: Look, place: Location) -> Iterator[Finding]:
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
        if look.at(place) is not None and look.at((*env, index, "value")):
            yield look.say("env-from", place, "either value or valueFrom", found="set beside value", key=True)
        if look.at(place) == {} or len(look.mapping(place).keys() & VALUE_FROM.fields.keys()) > 1:
            yield look.say("env-from", place, "one of " + ", ".join(sorted(VALUE_FROM.fields)))
