"""What is wrong, or a trap, in a ChaosEngine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.documents import Document, Location
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.lint import pods, probes, selection, tunables
from chaoskit.experiments.lint.objects import ADDED, document_of, head, strays
from chaoskit.experiments.lint.rules import Finding, Look, once
from chaoskit.experiments.lint.shapes import ANYTHING, ENGINE, check

_EXPERIMENTS: Location = ("spec", "experiments")
_WHOLE = document_of(spec=ENGINE, status=ANYTHING)

VERSIONS = ("litmuschaos.io/v1alpha1",)
LONGEST = 40
"""Characters of a name of which Litmus can make its own."""


def engine(document: Document) -> tuple[Finding, ...]:
    """Everything that is wrong or a trap in a ChaosEngine document."""
    look = Look(document)
    return once((
        *head(look, VERSIONS, longest=63),
        *strays(look, _WHOLE),
        *check(look, ("spec",), ENGINE),
        *traps(look),
    ))  # fmt: skip


def traps(look: Look) -> Iterator[Finding]:
    """What is wrong, or a trap, in an engine whose head and fields are as they must be."""
    yield from _name(look)
    if look.at(("spec",)) is None:
        yield look.say("experiments", ("spec",), "a mapping")
        return
    yield from _spec(look)
    yield from selection.of_engine(look)
    yield from pods.of_engine(look)
    yield from _experiments(look)


def _name(look: Look) -> Iterator[Finding]:
    name, prefix = look.text(("metadata", "name")), look.text(("metadata", "generateName"))
    if len(name) > LONGEST:
        yield look.say("name-long", ("metadata", "name"), f"at most {LONGEST} characters")
    elif not name and len(prefix) > LONGEST - ADDED:
        wanted = f"at most {LONGEST - ADDED} characters, to which {ADDED} are added"
        yield look.say("name-long", ("metadata", "generateName"), wanted)


def _spec(look: Look) -> Iterator[Finding]:
    if look.at(("spec", "engineState")) == "stop":
        yield look.say("engine-stopped", ("spec", "engineState"), "active")
    if not look.at(("spec", "chaosServiceAccount")):
        yield look.say("service-account", ("spec", "chaosServiceAccount"), "a name", found="missing")
    if str(look.at(("spec", "annotationCheck"))).lower() == "true":
        yield look.say("annotation-check", ("spec", "annotationCheck"), "false, or nothing")
    checked = look.at(("spec", "defaultHealthCheck"))
    if isinstance(checked, str):
        yield look.say("litmus-2x", ("spec", "defaultHealthCheck"), f"{checked} without quotes")
    elif checked:
        yield look.say("health-check", ("spec", "defaultHealthCheck"), "nothing")


def _experiments(look: Look) -> Iterator[Finding]:
    found = look.items(_EXPERIMENTS)
    if not found:
        empty = "empty" if look.at(_EXPERIMENTS) == [] else "missing"
        yield look.say("experiments", _EXPERIMENTS, "at least one experiment", found=empty)
    if len(found) > 1:
        yield look.say("experiments-several", _EXPERIMENTS, "one experiment", found=f"{len(found)} of them")
    seen: set[str] = set()
    for index in range(len(found)):
        place: Location = (*_EXPERIMENTS, index)
        name = look.text((*place, "name"))
        if name and name in seen:
            yield look.say("experiment-twice", (*place, "name"), "another name")
        seen.add(name)
        yield from _experiment(look, place, name)


def _experiment(look: Look, place: Location, name: str) -> Iterator[Finding]:
    env: Location = (*place, "spec", "components", "env")
    yield from tunables.written(look, env)
    yield from tunables.tuned(look, name, tunables.settings(look, env), env)
    yield from probes.of_experiment(look, (*place, "spec", "probe"))
    yield from _pods(look, place, name)


def _pods(look: Look, place: Location, name: str) -> Iterator[Finding]:
    """What the fault's own pods need: time to take it back, and a place that stands."""
    fault = CATALOGUE.get(name)
    grace: Location = ("spec", "terminationGracePeriodSeconds")
    if fault is not None and fault.helper != "none" and not look.at(grace):
        yield look.say("grace", grace, "30 or more for helpers", found="missing")
    home: Location = (*place, "spec", "components", "nodeSelector")
    if fault is not None and fault.elsewhere and not _both_placed(look, home):
        yield look.say("elsewhere", home, "a nodeSelector, for the runner too", found="missing")


def _both_placed(look: Look, home: Location) -> bool:
    runner: Mapping[str, Any] = look.mapping(("spec", "components", "runner", "nodeSelector"))
    return bool(look.mapping(home) and runner)
