"""The rules, each with its id, how grave it is and why; and how a look at a document tells what it finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit.documents import TEMPLATE, Document, Location, closest, shown, spelled
from chaoskit.errors import Problem

Level = Literal["error", "warning"]

RULES: Mapping[str, tuple[Level, str]] = {
    # the object
    "kind": ("error", "only experiments, and what belongs beside one, can be run"),
    "api-version": ("error", "the server does not know it"),
    "name": ("error", "pods and labels are made of the name"),
    "generate-name": (
        "warning",
        "kubectl create makes a name of it; kubectl apply and chaoskit run need one",
    ),
    "template": ("warning", "somebody fills it in before the server reads it: chaoskit run does not"),
    "foreign": ("warning", "it is not looked at, and chaoskit run does not make it"),
    "name-long": ("warning", "Litmus makes other names of it, which are cut"),
    "name-form": ("error", "nothing can be called so"),
    "metadata": ("error", "the server refuses it"),
    "type": ("error", "the server refuses it"),
    "field-misspelt": ("error", "it is dropped silently, and what was meant is not set"),
    "field-misplaced": ("error", "it is dropped silently, and what was meant is not set"),
    "field-unknown": ("warning", "it is dropped silently"),
    "field-unread": ("warning", "the server keeps it, and no Litmus reads it"),
    # native experiments
    "fault-unknown": ("error", "without a fault there is nothing to run"),
    "parameter-unknown": ("error", "the fault does not know it"),
    "parameter-missing": ("error", "the fault cannot do without"),
    "parameter-value": ("error", "Litmus reads what is no plain number as 0 and passes without a fault"),
    "twice-said": ("error", "only one of the two would count"),
    "targets": ("error", "faults on pods need pods, faults on nodes need nodes"),
    "no-steady-state": ("warning", "without it a pass says only that the fault took place"),
    "own-doing": (
        "warning",
        "under the fault it wants as many pods as the fault leaves: it holds whatever happens",
    ),
    "radius": ("warning", "the run will be refused"),
    # engines
    "engine-state": ("error", "the server refuses it"),
    "engine-stopped": ("warning", "nothing will happen"),
    "clean-up-policy": ("error", "the server refuses it"),
    "service-account": ("warning", "without it the default account is used, which has no rights"),
    "annotation-check": ("warning", "Litmus 3.x ignores it: pods without the annotation are hit as well"),
    "health-check": ("warning", "the ChaosExperiment's ENV overrides it: set DEFAULT_HEALTH_CHECK as ENV"),
    "grace": ("warning", "helpers get no time to take the fault back when they are stopped"),
    "experiments": ("error", "an engine without experiments runs nothing"),
    "experiments-several": ("warning", "experiments of one engine run one after the other"),
    "experiment-twice": ("error", "the second of the same name overwrites the first one's status"),
    "elsewhere": ("warning", "the chaos pods go down with the node that they hit"),
    "no-probe": ("warning", "without a probe a Pass says only that the injection did not fail"),
    "schedule": ("error", "Litmus' scheduler makes no engine of it"),
    # targets of engines
    "app-kind": ("error", "the server refuses it"),
    "appinfo-incomplete": ("error", "with only one of appkind and applabel the operator stops the engine"),
    "appinfo-unused": ("warning", "selectors win"),
    "selectors": ("error", "the server refuses it"),
    "label-or": ("warning", "parts of a label filter are alternatives: pods with any of them are hit"),
    "label-names": ("warning", "a filter without = is read as names of workloads"),
    "label-set": ("warning", "Litmus 3.x knows no sets of values"),
    "label-mode": ("warning", "Litmus up to 3.31 does not read it: labels stay alternatives"),
    "label-needed": ("warning", "the fault reads the first label, and panics when there is none"),
    "target-random": ("warning", "without a label any pod of the namespace may be hit"),
    "percent-unused": ("warning", "where pods are named, their share counts for nothing"),
    # tunables
    "env-text": ("error", "an ENV value that is no text makes the operator fail"),
    "env-twice": ("warning", "the last one counts"),
    "env-misspelt": ("warning", "an ENV that the fault does not know changes nothing"),
    "env-unread": ("warning", "the fault does not read it, and hits more, or something else, than it says"),
    "env-reserved": ("warning", "the runner sets it itself"),
    "env-harmful": ("warning", "the fault fails with it"),
    "env-value": ("error", "the experiment ends with an error"),
    "env-flag": ("warning", "it is read as false"),
    "env-missing": ("warning", "the fault cannot do without it: the ChaosExperiment must set it"),
    "tunable": ("error", "Litmus reads what is no plain number as 0 and passes without a fault"),
    "interval-range": ("warning", "without RANDOMNESS a range is read as 0"),
    "scope-none": ("warning", "the kubelet's probes are hit too: restarts, and an undo that may fail"),
    "scope-or": ("warning", "addresses and ports are filters of their own: either is hit; write host|port"),
    "host-short": ("warning", "it is resolved where the chaos runs; what cannot be is skipped silently"),
    "runtime-socket": ("warning", "the helper does not find the container"),
    "pumba": ("warning", "Litmus 3.x has no pumba: the setting is ignored"),
    "env-from": ("error", "the server refuses it, or the pod is not made"),
    "image-floating": ("warning", "helper and experiment may differ from the operator tomorrow"),
    "runner-3-20": ("warning", "go-runner 3.20 cannot run an engine of the same name twice"),
    # probes
    "probe-field": ("error", "Litmus needs it"),
    "probe-twice": ("error", "the second of the same name overwrites the first one's result"),
    "probe-type": ("error", "Litmus knows no other probes"),
    "probe-mode": ("error", "modes are spelt exactly so"),
    "probe-operation": ("error", "Litmus knows no other operations"),
    "probe-comparator": ("error", "the probe ends with an error"),
    "probe-url": ("error", "nothing is asked without http:// or https://: the probe cannot pass"),
    "probe-duration": ("error", "a duration without unit ends the experiment before it has a result"),
    "probe-timeout": ("error", "with a timeout of 0 every answer is too late"),
    "litmus-1x": ("warning", "that is the spelling of Litmus 1.x: newer ones drop it silently"),
    "litmus-2x": ("warning", "that is Litmus 2.x: 3.x refuses or ignores it"),
    "probe-delay-unused": ("warning", "it is ignored: write initialDelay"),
    "probe-on-chaos-delay": ("warning", "with initialDelay an OnChaos probe passes without looking"),
    "probe-busy": ("warning", "without probePollingInterval the probe never rests"),
    "probe-gate": ("warning", "without stopOnFailure the fault is injected though the probe failed"),
    "probe-edge": (
        "warning",
        "without stopOnFailure nobody knows whether it failed before the fault or after it",
    ),
    "probe-post": ("warning", "httpProbe POST crashes Litmus 3.x"),
    "probe-quotes": (
        "warning",
        "a query is run by a shell in double quotes, which takes these away: the probe ends with an error",
    ),
    "probe-query": ("warning", 'a query is run by a shell in double quotes: no ", $, ` or \\ in it'),
    "probe-series": ("warning", "a query must return exactly one series: aggregate it"),
    "probe-inline": ("warning", "inline is no image in Litmus 3.x: leave source out"),
    # pods of Litmus
    "amount": ("error", "the server or the operator refuses it"),
    "toleration": ("error", "the pod is refused"),
    # what stands beside an engine
    "definition": ("error", "the runner cannot start the experiment"),
    "definition-labels": ("error", "the runner panics without labels, and the engine hangs for ever"),
    "definition-args": ("warning", "another experiment is started"),
    "rights-shape": ("error", "the server refuses it"),
    # documents together
    "twice": ("warning", "experiments of one name are both run; of anything else the later one wins"),
    "nothing-to-run": ("warning", "run would refuse it: there must be an Experiment or a ChaosEngine"),
    "not-run": ("warning", "it is only looked at: Argo runs it, or Litmus' scheduler"),
    "other-namespace": ("warning", "it is not made: only rights of the engine's account may be elsewhere"),
    "experiment-unknown": (
        "warning",
        "its ENV are not checked, and unless it is in the cluster the engine hangs for ever",
    ),
    "experiment-absent": ("warning", "unless it is in the cluster, the engine hangs for ever"),
    "account-absent": ("warning", "unless it is in the cluster, the engine hangs for ever"),
    "account-unbound": (
        "warning",
        "unless bound in the cluster, it has no rights: the run is a silent nothing",
    ),
    "rights-missing": ("warning", "unless given in the cluster, the experiment fails or is a silent nothing"),
    "image-differs": ("warning", "helper and experiment of different versions do not understand each other"),
}
"""Every rule: how grave it is and why. A warning can be ignored, an error cannot."""

NEEDED = frozenset({"generate-name", "template"})
"""Warnings of what others will fill in, and what a run cannot do without."""

FILLED_IN = re.compile(r"\{\{|[$<]")
"""What shows that a value is filled in before the server reads it: ``{{name}}``, ``${NAME}``, ``<name>``."""

IGNORE = "chaoskit.io/ignore"
"""Annotation on an object: rules that are switched off for it, joined by commas."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and how grave it is; `ignored` where its document says that it does not matter.

    `filled` is where a value stands that somebody fills in before, and which it is about; `wants` is where
    something is missed; `meant` is where what was found was meant to be.
    """

    level: Level
    problem: Problem
    ignored: bool = False
    filled: Location | None = None
    wants: Location | None = None
    meant: Location | None = None


def once(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for one mistake: none twice, and nothing is missed where something was meant to be."""
    all_of_them = tuple(dict.fromkeys(found))
    meant = {each.meant for each in all_of_them if each.meant is not None}
    towards = {way for each in meant for way in _ways(each)}
    return tuple(
        each
        for each in all_of_them
        if each.wants is None or (each.wants not in towards and meant.isdisjoint(_ways(each.wants)))
    )


def _ways(location: Location) -> set[Location]:
    """The location, and all that are on the way to it."""
    return {location[:depth] for depth in range(1, len(location) + 1)}


_ABSENT = frozenset({"missing", "empty"})
_SPEC: Location = ("spec",)


def filled(document: Document, location: Location) -> Location | None:
    """Where there, or on the way there, a text stands that somebody fills in; None when none does."""
    ways = (location[:depth] for depth in range(1, len(location) + 1))
    texts = ((way, document.at(way)) for way in ways)
    return next((way for way, text in texts if isinstance(text, str) and TEMPLATE.search(text)), None)


def filled_field(document: Document, field: str) -> Location | None:
    """The same of what a problem calls the field: who made it knew nothing of texts that are filled in."""
    for way in _templates(document.value):
        name = spelled(way)
        if field == name or field.startswith((f"{name}.", f"{name}[")):
            return way
    return None


def _templates(value: object, way: Location = ()) -> Iterator[Location]:
    """Where in this JSON the texts stand that somebody fills in."""
    if isinstance(value, str) and TEMPLATE.search(value):
        yield way
    elif isinstance(value, Mapping | list):
        for step, each in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _templates(each, (*way, step))


class Look:
    """A look at one document: what is where, and how a finding there is told.

    Its ``spec`` is what stands at `spec` in the document: an engine may be the template of something else.
    Only findings are told of the document's own locations.
    """

    def __init__(self, document: Document, *, spec: Location = _SPEC) -> None:
        self.document = document
        self._spec = spec
        self._off = frozenset(re.split(r"[,\s]+", self.text(("metadata", "annotations", IGNORE))))

    def at(self, location: Location) -> Any:
        """The value there, or None."""
        return self.document.at(self._own(location))

    def mapping(self, location: Location) -> Mapping[str, Any]:
        """The mapping there; an empty one when there is something else or nothing."""
        found = self.at(location)
        return found if isinstance(found, Mapping) else {}

    def items(self, location: Location) -> Sequence[Any]:
        """The list there; an empty one when there is something else or nothing."""
        found = self.at(location)
        return found if isinstance(found, list) else ()

    def text(self, location: Location) -> str:
        """The text there; "" when there is something else or nothing."""
        found = self.at(location)
        return found if isinstance(found, str) else ""

    def bare(self, location: Location) -> bool:
        """Whether a key stands there that has nothing below it."""
        return self._own(location) in self.document.keys and self.at(location) is None

    def spelled(self, location: Location) -> str:
        """The location as the document's own."""
        return spelled(self._own(location))

    def say(
        self,
        rule: str,
        location: Location,
        expected: str,
        *,
        found: str = "",
        hint: str = "",
        key: bool = False,
        wants: Location | None = None,
        meant: Location | None = None,
    ) -> Finding:
        """A finding by this rule: what stands there is not what was expected.

        What is missing or empty there is missed, unless `wants` says what.
        """
        level, why = RULES[rule]
        own, value = self._own(location), self.at(location)
        found = found or ("missing" if value is None else shown(value))
        told = self.document.problem(own, found, expected, hint=hint or why, rule=rule, key=key)
        off = self._off | self.document.ignored.get(told.line, frozenset())
        if found in _ABSENT and not key:
            wants = wants or location
        return Finding(
            level,
            told,
            ignored=level == "warning" and rule in off,
            filled=None if key else filled(self.document, own),
            wants=wants and self._own(wants),
            meant=meant and self._own(meant),
        )

    def choice(self, rule: str, location: Location, options: Iterable[str]) -> Iterator[Finding]:
        """A finding when something else stands there than one of these."""
        value, known = self.at(location), tuple(options)
        if value not in (None, "") and (not isinstance(value, str) or value not in known):
            hint = closest(value, known) if isinstance(value, str) else ""
            yield self.say(rule, location, "one of " + ", ".join(known), hint=hint)

    def _own(self, location: Location) -> Location:
        """The location in the document."""
        return (*self._spec, *location[1:]) if location[:1] == _SPEC else location
