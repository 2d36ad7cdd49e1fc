"""The JSON Schema of an Experiment, for editors: the models, and of each fault the parameters it knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chaoskit.experiments.direct.faults import EVERY
from chaoskit.experiments.faults import Fault, Parameter
from chaoskit.experiments.spec import ENV, Experiment

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PASSED_ON: Schema = {"type": ["string", "integer", "number", "boolean"]}


def schema() -> Schema:
    """The schema of an Experiment document. What the package ships in ``schemas`` is this."""
    made = Experiment.model_json_schema(by_alias=True)
    made["title"] = "chaoskit Experiment (chaoskit.io/v1)"
    made["required"] = ["apiVersion", "kind", *made["required"]]
    shared = _shared()
    choice = made["$defs"]["FaultChoice"]
    choice["properties"]["kind"] |= {"enum": list(EVERY)}
    choice["allOf"] = [_when(fault, shared) for fault in EVERY.values()]
    made["$defs"] |= {name: _parameter(parameter) for parameter, name in shared.items()}
    return {"$schema": DIALECT, **made}


def _shared() -> dict[Parameter, str]:
    """Parameters that several faults have, with the name under which they are described once."""
    times = Counter(each for fault in EVERY.values() for each in fault.parameters)
    names: Counter[str] = Counter()
    found: dict[Parameter, str] = {}
    for parameter, count in times.items():
        if count > 1:
            names[parameter.name] += 1
            found[parameter] = f"{parameter.name}{names[parameter.name]}"
    return found


def _when(fault: Fault, shared: Mapping[Parameter, str]) -> Schema:
    """Of this fault, the parameters."""
    parameters = {
        "properties": {
            each.name: {"$ref": f"#/$defs/{shared[each]}"} if each in shared else _parameter(each)
            for each in fault.parameters
        },
        "patternProperties": {f"^{ENV.pattern}$": _PASSED_ON},
        "additionalProperties": False,
    }
    kind = {"kind": {"const": fault.kind, "description": fault.purpose}}
    return {"if": {"properties": kind}, "then": {"properties": {"parameters": parameters}}}


def _parameter(parameter: Parameter) -> Schema:
    unit = f", {parameter.unit}" if parameter.unit else ""
    said = {"description": f"{parameter.meaning}{unit}; Litmus' {parameter.env}"}
    default = {"default": parameter.default} if parameter.default else {}
    return {**said, **default, **_form(parameter)}


def _form(parameter: Parameter) -> Schema:
    """What `Parameter.accepts` accepts, as far as a schema can say it."""
    limits = {"minimum": parameter.low} | ({"maximum": parameter.high} if parameter.high else {})
    written = r"^\d+(-\d+)?$" if parameter.type == "range" else r"^-?\d+$"
    match parameter.type:
        case "int" | "range":
            return {"anyOf": [{"type": "integer", **limits}, {"type": "string", "pattern": written}]}
        case "bool":
            return {"enum": [True, False, "true", "false"]}
        case "choice":
            return {"enum": list(parameter.choices)}
        case "list" | "map":
            return {"type": "string", "examples": [parameter.example]}
        case _:
            return _PASSED_ON | ({"examples": [parameter.example]} if parameter.example else {})
