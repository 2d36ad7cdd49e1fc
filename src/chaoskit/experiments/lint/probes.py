"""Probes as Litmus runs them: names, inputs, comparators, durations, queries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.documents import Location
from chaoskit.experiments.lint.pods import of_source
from chaoskit.experiments.lint.queries import of_query
from chaoskit.experiments.lint.rules import FILLED_IN, Finding, Look
from chaoskit.experiments.lint.shapes import LENGTHS, PROBE_TYPES

_UNIT = r"(ns|us|µs|μs|ms|s|m|h)"
_GO_DURATION = re.compile(rf"[-+]?((\d+(\.\d*)?|\.\d+){_UNIT})+|[-+]?0")
_NOTHING = re.compile(rf"\+?0*\.?0*{_UNIT}?")
_NUMBERS = ("==", "!=", ">=", "<=", ">", "<", "oneOf", "OneOf", "between", "Between")
_WORDS = (
    "equal", "notEqual", "contains", "matches", "notMatches", "oneOf",
    "Equal", "NotEqual", "Contains", "Matches", "NotMatches", "OneOf",
)  # fmt: skip
_NUMBER = r"\s*[-+]?[\d.]{1,40}([eE][-+]?\d{1,9})?\s*"
_URL = re.compile(r"https?://", re.IGNORECASE)
_LONG = 600
"""Seconds of a probe's step; what is more was rather meant in milliseconds."""
_CODES = re.compile(r"\s*\d{3}\s*(,\s*\d{3}\s*)*")
_REFERRED: Location = ("metadata", "annotations", "probeRef")
"""Where ChaosCenter names the probes that it keeps itself, as JSON."""


def of_experiment(look: Look, place: Location) -> Iterator[Finding]:
    """Findings about the probes of an experiment."""
    entries = look.items(place)
    if not entries and look.text(_REFERRED) in {"", "[]"}:
        yield look.say("no-probe", place, "a probe", found="missing")
    seen: set[str] = set()
    for index, probe in enumerate(entries):
        if not isinstance(probe, dict):
            continue
        here: Location = (*place, index)
        name = look.text((*here, "name"))
        if name and name in seen:
            yield look.say("probe-twice", (*here, "name"), "another name")
        seen.add(name)
        yield from _probe(look, here)


def _probe(look: Look, place: Location) -> Iterator[Finding]:
    kind, mode = look.text((*place, "type")), look.text((*place, "mode"))
    inputs: Location = (*place, f"{kind}/inputs")
    if kind in PROBE_TYPES and not look.mapping(inputs):
        yield look.say("probe-field", inputs, "a mapping", found="missing")
    yield from _run_properties(look, (*place, "runProperties"), kind, mode)
    checks = {"httpProbe": _http, "cmdProbe": _command, "promProbe": _query, "k8sProbe": _resource}
    if kind in checks:
        yield from checks[kind](look, inputs)


def _run_properties(look: Look, place: Location, kind: str, mode: str) -> Iterator[Finding]:
    properties: Mapping[str, Any] = look.mapping(place)
    for field in LENGTHS:
        yield from _length(look, (*place, field))
    timeout = properties.get("probeTimeout")
    if kind != "httpProbe" and timeout not in (None, "") and _is_nothing(timeout):
        yield look.say("probe-timeout", (*place, "probeTimeout"), "more than 0")
    if "initialDelaySeconds" in properties:
        yield look.say("probe-delay-unused", (*place, "initialDelaySeconds"), "initialDelay", key=True)
    if mode == "OnChaos" and properties.get("initialDelay"):
        yield look.say("probe-on-chaos-delay", (*place, "initialDelay"), "no delay")
    polls = properties.get("probePollingInterval")
    if mode in {"OnChaos", "Continuous"} and properties and _is_nothing(polls):
        yield look.say("probe-busy", (*place, "probePollingInterval"), "such as 2s")
    gates = {"SOT": "probe-gate", "Edge": "probe-edge"}
    if mode in gates and properties and not properties.get("stopOnFailure"):
        yield look.say(gates[mode], (*place, "stopOnFailure"), "true")


def _is_nothing(value: object) -> bool:
    """True of a length that is over before it begins: nothing, zero, less than zero."""
    if isinstance(value, str):
        return value.startswith("-") or _NOTHING.fullmatch(value[:40]) is not None
    return not value or (isinstance(value, int | float) and value < 0)


def _length(look: Look, place: Location) -> Iterator[Finding]:
    value = look.at(place)
    if isinstance(value, int) and not isinstance(value, bool):
        asked = f'"{value}s"' if value <= _LONG else f'"{value}ms" or "{value}s", whichever is meant'
        yield look.say("litmus-2x", place, asked)
    elif isinstance(value, float) or (isinstance(value, str) and value and not _GO_DURATION.fullmatch(value)):
        yield look.say("probe-duration", place, "a duration with a unit, such as 5s")


def _http(look: Look, inputs: Location) -> Iterator[Finding]:
    method: Mapping[str, Any] = look.mapping((*inputs, "method"))
    if method and not method.keys() & {"get", "post"}:
        wants: Location = (*inputs, "method", "get")
        yield look.say(
            "probe-field", wants[:-1], "get: {criteria, responseCode}", found="without get", wants=wants
        )
    if "post" in method and "get" not in method:
        yield look.say("probe-post", (*inputs, "method", "post"), "get", key=True)
    for word in method:
        place: Location = (*inputs, "method", word)
        yield from look.choice("probe-comparator", (*place, "criteria"), _NUMBERS)
        codes = look.text((*place, "responseCode"))
        if codes and not _CODES.fullmatch(codes):
            yield look.say("probe-comparator", (*place, "responseCode"), "a status code, or several")
    if "responseTimeout" in look.mapping(inputs):
        yield look.say("litmus-2x", (*inputs, "responseTimeout"), "probeTimeout", key=True)
    url = look.text((*inputs, "url"))
    if url and not _URL.match(url) and not FILLED_IN.search(url):
        yield look.say("probe-url", (*inputs, "url"), "http:// or https:// before it")


def _command(look: Look, inputs: Location) -> Iterator[Finding]:
    place: Location = (*inputs, "comparator")
    kind = look.text((*place, "type"))
    if kind:
        yield from look.choice("probe-comparator", (*place, "type"), ("int", "float", "string"))
    elif look.mapping(place):
        yield look.say("probe-field", (*place, "type"), "int, float or string")
    words = _WORDS if kind == "string" else _NUMBERS
    if kind in {"int", "float", "string"}:
        yield from look.choice("probe-comparator", (*place, "criteria"), words)
    if kind in {"int", "float"}:
        yield from _number(look, (*place, "value"))
    source = look.at((*inputs, "source"))
    if isinstance(source, str):
        yield look.say("litmus-2x", (*inputs, "source"), "nothing for inline, or an image")
    elif isinstance(source, dict) and look.at((*inputs, "source", "image")) in (None, "", "inline"):
        yield look.say("probe-inline", (*inputs, "source"), "no source, or one with an image")
    yield from of_source(look, (*inputs, "source"))


def _number(look: Look, place: Location) -> Iterator[Finding]:
    """Numbers, joined by commas where several are compared with."""
    text = look.text(place)
    if text and not re.fullmatch(rf"{_NUMBER}(,{_NUMBER})*", text):
        yield look.say("probe-comparator", place, "a number")


def _query(look: Look, inputs: Location) -> Iterator[Finding]:
    query = look.text((*inputs, "query"))
    if look.mapping(inputs) and not (query or look.at((*inputs, "queryPath"))):
        yield look.say("probe-field", (*inputs, "query"), "a query or a queryPath")
    yield from of_query(look, (*inputs, "query"))
    yield from look.choice("probe-comparator", (*inputs, "comparator", "criteria"), _NUMBERS)
    yield from _number(look, (*inputs, "comparator", "value"))


def _resource(look: Look, inputs: Location) -> Iterator[Finding]:
    if look.at((*inputs, "operation")) == "create" and not look.text((*inputs[:-1], "data")):
        yield look.say("probe-field", (*inputs[:-1], "data"), "a manifest to create")
