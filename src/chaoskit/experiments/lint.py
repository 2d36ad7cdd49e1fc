"""What is wrong, or a trap, in plain Litmus YAML: rules with ids, each with what Litmus makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chaoskit.documents import Document, Location, closest, shown
from chaoskit.errors import Problem
from chaoskit.experiments.faults import CATALOGUE

Level = Literal["error", "warning"]

RULES: Mapping[str, tuple[Level, str]] = {
    "api-version": ("error", "only litmuschaos.io/v1alpha1 exists"),
    "name": ("error", "the runner's pod and labels are made of the engine's name"),
    "name-long": ("warning", "names over 40 characters are cut in the names that Litmus makes of them"),
    "engine-state": ("error", "only active and stop are known"),
    "clean-up-policy": ("error", "only retain and delete are known"),
    "field-unknown": ("warning", "the operator drops fields that it does not know"),
    "experiments": ("error", "an engine without experiments runs nothing"),
    "experiments-several": ("warning", "experiments of one engine run one after the other"),
    "experiment-twice": ("error", "the second of the same name overwrites the first one's status"),
    "env-text": ("error", "an ENV value that is no text makes the operator fail"),
    "tunable": ("error", "Litmus reads what is no plain number as 0 and passes without a fault"),
    "env-misspelt": ("warning", "an ENV that the fault does not know changes nothing"),
    "env-reserved": ("warning", "the runner sets it itself"),
    "appinfo-incomplete": ("error", "with only one of appkind and applabel the operator stops the engine"),
    "app-kind": ("error", "the CRD refuses other kinds"),
    "label-or": ("warning", "parts of applabel are alternatives: pods with any of them are hit"),
    "service-account": ("warning", "without it the default account is used, which has no rights"),
    "grace": ("warning", "helpers get no time to take the fault back when they are stopped"),
    "probe-field": ("error", "Litmus needs it"),
    "probe-type": ("error", "Litmus knows no other probes"),
    "probe-mode": ("error", "modes are spelt exactly so"),
    "probe-duration": ("error", "a duration without unit ends the experiment before it has a result"),
    "probe-duration-2x": ("warning", "numbers are Litmus 2.x; 3.x refuses them"),
    "probe-on-chaos-delay": ("warning", "with initialDelay an OnChaos probe passes without looking"),
    "probe-busy": ("warning", "without probePollingInterval the probe never rests"),
    "probe-post": ("warning", "httpProbe POST crashes Litmus 3.x"),
    "probe-query": ("warning", 'a query is run by a shell in double quotes: no ", $ or ` in it'),
}
"""Every rule: how grave it is and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and how grave it is."""

    level: Level
    problem: Problem


_SPEC_FIELDS = frozenset({
    "engineState", "appinfo", "selectors", "chaosServiceAccount", "components", "experiments",
    "jobCleanUpPolicy", "defaultHealthCheck", "auxiliaryAppInfo",
    "terminationGracePeriodSeconds", "annotationCheck", "monitoring", "chaosType",
})  # fmt: skip
_RESERVED = re.compile(
    r"^(STATUS_CHECK_(DELAY|TIMEOUT)|CHAOS_(UID|NAMESPACE|SERVICE_ACCOUNT)|CHAOSENGINE|TARGETS"
    r"|EXPERIMENT_NAME|JOB_CLEANUP_POLICY|TERMINATION_GRACE_PERIOD_SECONDS|LIB_IMAGE_PULL_POLICY)$"
)
_GO_DURATION = re.compile(r"^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$")
_MODES = ("SOT", "EOT", "Edge", "Continuous", "OnChaos")
_PROBES = ("httpProbe", "cmdProbe", "k8sProbe", "promProbe")
_KINDS = ("deployment", "statefulset", "daemonset", "deploymentconfig", "rollout")
_TIMES = ("probeTimeout", "interval", "probePollingInterval", "initialDelay", "evaluationTimeout")


def engine(document: Document) -> tuple[Finding, ...]:
    """Everything that is wrong or a trap in a ChaosEngine document."""
    lint = _Lint(document)
    return (*lint.head(), *lint.spec(), *lint.app(), *lint.experiments())


class _Lint:
    """The rules over one engine."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def _map(self, location: Location) -> Mapping[str, Any]:
        found = self.document.at(location)
        return found if isinstance(found, Mapping) else {}

    def _list(self, location: Location) -> list[Any]:
        found = self.document.at(location)
        return found if isinstance(found, list) else []

    def _say(
        self,
        rule: str,
        location: Location,
        expected: str,
        *,
        found: str = "",
        hint: str = "",
        key: bool = False,
    ) -> Finding:
        level, why = RULES[rule]
        found = found or shown(self.document.at(location))
        told = self.document.problem(location, found, expected, hint=hint or why, rule=rule, key=key)
        return Finding(level, told)

    def _choice(self, rule: str, location: Location, options: tuple[str, ...]) -> Iterator[Finding]:
        value = self.document.at(location)
        if value not in (None, "", *options):
            hint = closest(str(value), options)
            yield self._say(rule, location, "one of " + ", ".join(options), hint=hint)

    def head(self) -> Iterator[Finding]:
        if self.document.api_version != "litmuschaos.io/v1alpha1":
            yield self._say("api-version", ("apiVersion",), "litmuschaos.io/v1alpha1")
        name = self.document.at(("metadata", "name"))
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", name):
            yield self._say("name", ("metadata", "name"), "a DNS name of at most 63 characters")
        elif len(name) > 40:
            yield self._say("name-long", ("metadata", "name"), "at most 40 characters")

    def spec(self) -> Iterator[Finding]:
        yield from self._choice("engine-state", ("spec", "engineState"), ("active", "stop"))
        yield from self._choice("clean-up-policy", ("spec", "jobCleanUpPolicy"), ("delete", "retain"))
        for field in self._map(("spec",)):
            if field not in _SPEC_FIELDS:
                hint = closest(str(field), _SPEC_FIELDS)
                wanted = "a field of ChaosEngine"
                place: Location = ("spec", str(field))
                yield self._say("field-unknown", place, wanted, found="unknown", hint=hint, key=True)
        if not self.document.at(("spec", "chaosServiceAccount")):
            yield self._say("service-account", ("spec", "chaosServiceAccount"), "a name", found="missing")

    def app(self) -> Iterator[Finding]:
        app = self._map(("spec", "appinfo"))
        kind, label = app.get("appkind") or "", app.get("applabel") or ""
        if bool(kind) != bool(label) and not self._map(("spec", "selectors")):
            yield self._say("appinfo-incomplete", ("spec", "appinfo"), "appkind and applabel, or neither")
        yield from self._choice("app-kind", ("spec", "appinfo", "appkind"), _KINDS)
        if "," in str(label):
            yield self._say("label-or", ("spec", "appinfo", "applabel"), "one label")

    def experiments(self) -> Iterator[Finding]:
        place: Location = ("spec", "experiments")
        found = self._list(place)
        if not found:
            yield self._say("experiments", place, "at least one experiment")
        if len(found) > 1:
            yield self._say("experiments-several", place, "one experiment", found=f"{len(found)} of them")
        seen: set[str] = set()
        for index, experiment in enumerate(found):
            name = str(experiment.get("name") or "") if isinstance(experiment, Mapping) else ""
            if not name:
                yield self._say("experiments", (*place, index, "name"), "a fault's name")
            elif name in seen:
                yield self._say("experiment-twice", (*place, index, "name"), "another name")
            seen.add(name)
            yield from self._env((*place, index, "spec", "components", "env"), name)
            yield from self._probes((*place, index, "spec", "probe"))
            yield from self._grace(name)

    def _grace(self, name: str) -> Iterator[Finding]:
        fault = CATALOGUE.get(name)
        helped = fault is not None and fault.helper != "none"
        if helped and not self.document.at(("spec", "terminationGracePeriodSeconds")):
            where: Location = ("spec", "terminationGracePeriodSeconds")
            yield self._say("grace", where, "30 or more for helpers", found="missing")

    def _env(self, place: Location, name: str) -> Iterator[Finding]:
        for index, each in enumerate(self._list(place)):
            if not isinstance(each, Mapping) or "value" not in each:
                continue
            where: Location = (*place, index, "value")
            key, value = str(each.get("name", "")), each["value"]
            if value is not None and not isinstance(value, str):
                yield self._say("env-text", where, f'text in quotes: "{value}"')
            elif value:
                yield from self._tunable(where, name, key, value)
            if _RESERVED.match(key):
                yield self._say("env-reserved", where, "left to the runner", found=f"set for {key}")

    def _tunable(self, where: Location, name: str, key: str, value: str) -> Iterator[Finding]:
        fault = CATALOGUE.get(name)
        if fault is None:
            return
        parameter = fault.parameter(key)
        if key == "PODS_AFFECTED_PERC":
            if not re.fullmatch(r"\d+(-\d+)?", value):
                yield self._say("tunable", where, "a whole number 0 to 100 (percent)")
        elif parameter is not None and not parameter.accepts(value):
            if parameter.type in {"int", "range"}:
                yield self._say("tunable", where, parameter.expected)
        elif parameter is None:
            known = [each.env for each in fault.parameters]
            hint = closest(key, known)
            if hint and not _RESERVED.match(key) and key not in _ALSO:
                place = (*where[:-1], "name")
                yield self._say("env-misspelt", place, f"an ENV of {name}", hint=hint)

    def _probes(self, place: Location) -> Iterator[Finding]:
        for index, probe in enumerate(self._list(place)):
            if isinstance(probe, Mapping):
                yield from self._probe((*place, index), probe)

    def _probe(self, place: Location, probe: Mapping[str, Any]) -> Iterator[Finding]:
        for field in ("name", "type", "mode", "runProperties"):
            if not probe.get(field):
                yield self._say("probe-field", (*place, field), "a value", found="missing")
        yield from self._choice("probe-type", (*place, "type"), _PROBES)
        yield from self._choice("probe-mode", (*place, "mode"), _MODES)
        yield from self._run_properties((*place, "runProperties"), str(probe.get("mode")))
        if "post" in self._map((*place, "httpProbe/inputs", "method")):
            yield self._say("probe-post", (*place, "httpProbe/inputs", "method"), "get")
        query = self.document.at((*place, "promProbe/inputs", "query"))
        if isinstance(query, str) and any(sign in query for sign in '"$`'):
            yield self._say("probe-query", (*place, "promProbe/inputs", "query"), "quotes written as '")

    def _run_properties(self, place: Location, mode: str) -> Iterator[Finding]:
        properties = self._map(place)
        for field in _TIMES:
            value = properties.get(field)
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield self._say("probe-duration-2x", (*place, field), f'"{value}s"')
            elif isinstance(value, str) and value and not _GO_DURATION.match(value):
                yield self._say("probe-duration", (*place, field), "a duration with a unit, such as 5s")
        if mode == "OnChaos" and properties.get("initialDelay"):
            yield self._say("probe-on-chaos-delay", (*place, "initialDelay"), "no delay")
        if mode in {"OnChaos", "Continuous"} and properties and not properties.get("probePollingInterval"):
            yield self._say("probe-busy", (*place, "probePollingInterval"), "such as 2s", found="missing")


_ALSO = frozenset({
    "TARGET_PODS", "PODS_AFFECTED_PERC", "LIB_IMAGE", "LIB", "INSTANCE_ID",
    "DEFAULT_HEALTH_CHECK", "SET_HELPER_DATA", "TC_IMAGE", "STRESS_IMAGE", "CORRELATION",
    "JITTER", "APP_NAMESPACE", "APP_LABEL", "APP_KIND", "CONTAINER_API_TIMEOUT",
})  # fmt: skip
"""Common ENV that no fault lists as its own."""
