"""What the catalogue says of a fault: parameters with units and ranges, rights, undo, what may be left."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
Type = Literal["int", "range", "bool", "choice", "choices", "list", "map", "text"]
Scope = Literal["pod", "label", "workload", "node"]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One RBAC rule."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The rule as a Role writes it."""
        return {"apiGroups": [self.group], "resources": list(self.resources), "verbs": list(self.verbs)}

    @property
    def common(self) -> bool:
        """Whether it means something in every cluster, not only for owners that others lack."""
        return self.group not in _FOREIGN and self.resources != ("replicationcontrollers",)


_FOREIGN = frozenset({"apps.openshift.io", "argoproj.io"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tunable: its name here, Litmus' ENV, unit, type, range and default ("" leaves it to the fault).

    A ``range`` is a whole number, or two joined by ``-`` of which Litmus picks one between at random;
    ``choices`` are several joined by commas; a ``list`` and a ``map`` are JSON of texts. `pattern` is what
    a text must match as a whole, `example` one that does. `needs` are rights beside the fault's own.
    """

    name: str
    env: str
    type: Type
    default: str
    meaning: str
    unit: str = ""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""
    mandatory: bool = False
    since: str = ""
    needs: tuple[Rule, ...] = ()

    @property
    def expected(self) -> str:
        """What may stand there, in words: ``a whole number 0 to 100 (percent)``."""
        unit = f" ({self.unit})" if self.unit else ""
        match self.type:
            case "int" | "range":
                limits = f" {self.low} to {self.high}" if self.high else f", {self.low} or more"
                span = ", or two joined by -" if self.type == "range" else ""
                return f"a whole number{limits}{unit}{span}"
            case "bool":
                return "true or false"
            case "choice":
                return "one of " + ", ".join(self.choices)
            case "choices":
                return "one or more, joined by commas, of " + ", ".join(self.choices)
            case "list" | "map":
                return f"a JSON {'list' if self.type == 'list' else 'object'} such as {self.example}"
            case _:
                return (f"text such as {self.example}" if self.example else "text") + unit

    def accepts(self, value: Value) -> bool:
        """Whether Litmus would understand the value; digits only, since it reads ``60s`` as 0."""
        text = self.text(value)
        match self.type:
            case "int" | "range":
                return self._whole(text) or (self.type == "range" and self._between(text))
            case "bool":
                return text in {"true", "false"}
            case "choice":
                return text in self.choices
            case "choices":
                return all(part.strip() in self.choices for part in text.split(","))
            case "list" | "map":
                return _is_json(text, list if self.type == "list" else dict)
            case _:
                return not self.pattern or re.fullmatch(self.pattern, text, re.ASCII) is not None

    def _whole(self, text: str) -> bool:
        sign = "-?" if self.low < 0 else ""
        if not re.fullmatch(sign + r"\d{1,18}", text, re.ASCII):
            return False
        return self.low <= int(text) <= (self.high or int(text))

    def _between(self, text: str) -> bool:
        low, _, high = text.partition("-")
        return self._whole(low) and self._whole(high) and int(low) < int(high)

    @staticmethod
    def text(value: Value) -> str:
        """The value as an ENV holds it: ``true``, ``60``, text as it is."""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def document(self) -> dict[str, Any]:
        """The parameter as JSON, without what says nothing of it."""
        said = {
            "name": self.name,
            "env": self.env,
            "type": self.type,
            "unit": self.unit,
            "default": self.default,
            "expected": self.expected,
            "meaning": self.meaning,
            "mandatory": self.mandatory,
            "low": self.low if self.type in {"int", "range"} else None,
            "high": self.high or None,
            "choices": list(self.choices),
            "example": self.example,
            "since": self.since,
        }
        kept = {"name", "env", "type", "unit", "default", "expected", "meaning", "mandatory"}
        return {key: value for key, value in said.items() if key in kept or value not in ("", None, [])}


def _is_json(text: str, kind: type[list[Any] | dict[str, Any]]) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, kind):
        return False
    values = found.values() if isinstance(found, dict) else found
    return all(isinstance(each, str) for each in values)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    `failure` is the class of failure that it brings about. `rules` are rights in the namespace of the engine
    and of its targets, `cluster_rules` on the whole cluster. `scope` says what is hit: pods, which can be
    named; all pods, or the workloads, with one label; or nodes. `undo` is how it is taken back, `leftovers`
    what stays when whoever should do so dies, `helper` what its helper pods are allowed. `presets` are
    parameters by severity. `runs` names Litmus' fault where this one is a special use of it. `deletes` says
    that the targets themselves go: what comes in their place has other names. `hides` says that they stay,
    but out of their services' sight. `execs` says that it runs commands in them. `elsewhere` says that the
    chaos pods themselves must run on other nodes. `secrets` are mounted: (name, path). `harmful` are ENV that
    must not be set, with the reason. `overhead` is the seconds that Litmus needs beside the chaos itself.
    `since` is the first release of Litmus that has it, "" where none has.
    `recorded` says whether its course was recorded on a real cluster, or is known from source alone.
    """

    kind: str
    purpose: str
    failure: str
    parameters: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    undo: str
    leftovers: str = "none"
    helper: str = "none"
    presets: Mapping[Severity, Mapping[str, Value]] = field(default_factory=dict)
    cluster_rules: tuple[Rule, ...] = ()
    scope: Scope = "pod"
    runs: str = ""
    disrupts: bool = False
    deletes: bool = False
    hides: bool = False
    execs: bool = False
    elsewhere: bool = False
    secrets: tuple[tuple[str, str], ...] = ()
    helper_image: str = ""
    harmful: Mapping[str, str] = field(default_factory=dict)
    overhead: float = 30.0
    since: str = "2.0"
    recorded: bool = False

    @property
    def litmus(self) -> str:
        """The name of its ChaosExperiment; its own where Litmus has none."""
        return self.runs or self.kind

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of this name or ENV."""
        return next((p for p in self.parameters if name in {p.name, p.env}), None)

    def preset(self, severity: Severity) -> Mapping[str, Value]:
        """The parameters that this severity stands for."""
        return self.presets.get(severity, {})

    @property
    def duration(self) -> int:
        """Seconds of chaos when nothing else is asked for."""
        found = self.parameter("duration")
        return int(found.default) if found is not None and found.default else 60

    def document(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {
            "kind": self.kind,
            "purpose": self.purpose,
            "failure": self.failure,
            "scope": self.scope,
            "litmus": self.litmus if self.since else "",
            "since": self.since,
            "recorded": self.recorded,
            "undo": self.undo,
            "leftovers": self.leftovers,
            "helper": self.helper,
            "elsewhere": self.elsewhere,
            "secrets": [name for name, _ in self.secrets],
            "overheadSeconds": self.overhead,
            "parameters": [each.document() for each in self.parameters],
            "presets": {severity: dict(self.preset(severity)) for severity in SEVERITIES},
            "rules": [each.document() for each in self.rules],
            "clusterRules": [each.document() for each in self.cluster_rules],
        }
