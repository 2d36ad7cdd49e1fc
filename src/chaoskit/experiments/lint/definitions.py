"""What is wrong, or a trap, in a ChaosExperiment: what the runner needs of it, and its ENV."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.documents import Document, Location
from chaoskit.experiments.lint import pods, tunables
from chaoskit.experiments.lint.objects import document_of, head, strays
from chaoskit.experiments.lint.rules import Finding, Look, once
from chaoskit.experiments.lint.shapes import ANYTHING, DEFINITION, check

_DEFINITION: Location = ("spec", "definition")
_WHOLE = document_of(spec=DEFINITION, status=ANYTHING, description=ANYTHING)
_STARTS = re.compile(r"-name\s+(\S+)")
_SAME = {"node-poweroff": "node-restart"}
"""Experiments that are started under the name of another one."""


def definition(document: Document) -> tuple[Finding, ...]:
    """Everything that is wrong or a trap in a ChaosExperiment document."""
    look = Look(document)
    name = look.text(("metadata", "name"))
    env: Location = (*_DEFINITION, "env")
    given = tunables.settings(look, env)
    return once((
        *head(look, ("litmuschaos.io/v1alpha1",), longest=63),
        *strays(look, _WHOLE),
        *_content(look),
        *_labels(look),
        *_args(look, name),
        *pods.of_definition(look),
        *tunables.images(look, _image(look)),
        *tunables.written(look, env),
        *(f for f in tunables.tuned(look, name, given, env) if f.problem.rule != "scope-none"),
    ))  # fmt: skip


def _content(look: Look) -> Iterator[Finding]:
    if not look.mapping(("spec",)):
        yield look.say("definition", ("spec",), "a mapping", wants=("spec",))
    else:
        yield from check(look, ("spec",), DEFINITION)


def _labels(look: Look) -> Iterator[Finding]:
    place: Location = (*_DEFINITION, "labels")
    if look.mapping(_DEFINITION) and not look.at(place):
        yield look.say("definition-labels", place, "a mapping of texts", wants=place)


def _args(look: Look, name: str) -> Iterator[Finding]:
    for index in range(len(look.items((*_DEFINITION, "args")))):
        place: Location = (*_DEFINITION, "args", index)
        started = _STARTS.search(look.text(place))
        if started is not None and name and started[1] not in {name, _SAME.get(name)}:
            yield look.say("definition-args", place, f"-name {name}")


def _image(look: Look) -> list[tunables.Setting]:
    place: Location = (*_DEFINITION, "image")
    image = look.text(place)
    return [tunables.Setting("image", image, place, place)] if image else []
