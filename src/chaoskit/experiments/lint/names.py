"""Faults that engines name: Litmus' own, or those of a ChaosExperiment that stands beside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from chaoskit.documents import Location, closest
from chaoskit.experiments.faults import CATALOGUE
from chaoskit.experiments.faults.hub import FORMER, OTHERS
from chaoskit.experiments.lint.rules import FILLED_IN, Finding, Look

_NOW = frozenset({fault.litmus for fault in CATALOGUE.values()}) | OTHERS
LITMUS = _NOW | FORMER
"""Every fault that Litmus has or had, by its name."""

_ALIKE = 0.8
_CALLED = {"kill": "delete", "delay": "latency", "stress": "hog"}
"""Words of people, and of Litmus before 1.0, for those in its names."""


def strange(looks: Sequence[Look]) -> tuple[Finding, ...]:
    """What is said of faults that are not Litmus' and have no ChaosExperiment among the documents.

    Whether the documents are valid does not matter.
    """
    made = [each.text(("metadata", "name")) for each in looks if each.document.kind == "ChaosExperiment"]
    engines = [each for each in looks if each.document.kind == "ChaosEngine"]
    return tuple(found for engine in engines for found in _unknown(engine, made))


def _unknown(engine: Look, made: Sequence[str]) -> Iterator[Finding]:
    for index in range(len(engine.items(("spec", "experiments")))):
        place: Location = ("spec", "experiments", index, "name")
        name = engine.text(place)
        if name and name not in {*LITMUS, *made} and not FILLED_IN.search(name):
            wanted = "a fault of Litmus, or a ChaosExperiment of this name beside it"
            yield engine.say("experiment-unknown", place, wanted, hint=meant(name, made))


def meant(name: str, made: Iterable[str] = ()) -> str:
    """``did you mean X?`` for the fault of today, or made beside, that is most like the name; "" for none."""
    if name in CATALOGUE:
        return f"that is chaoskit's own: Litmus runs {CATALOGUE[name].litmus} for it"
    known = _NOW.union(made)
    word = re.sub(r"[\s_]+", "-", name.strip().lower())
    other = re.sub("|".join(_CALLED), lambda found: _CALLED[found[0]], word)
    tries = ((other, 1.0), (word, _ALIKE), (other, _ALIKE))
    return next(filter(None, (closest(each, known, likeness=alike) for each, alike in tries)), "")
