"""What SARIF 2.1.0 demands of the parts that we write: properties, which of them must be, of what form."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "type": "object", "additionalProperties": False, "required": list(required),
        "properties": {**properties, "properties": {"$ref": "#/definitions/bag"}},
    }  # fmt: skip


def _list(of: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/definitions/{of}"}}


def _ref(of: str) -> Schema:
    return {"$ref": f"#/definitions/{of}"}


TEXT: Schema = {"type": "string"}
URI: Schema = {"type": "string", "format": "uri"}
RELATIVE: Schema = {"type": "string", "format": "uri-reference"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
COUNT: Schema = {"type": "integer", "minimum": 1}
INDEX: Schema = {"type": "integer", "minimum": -1}
LEVEL: Schema = {"enum": ["none", "note", "warning", "error"]}
KIND: Schema = {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]}

SCHEMA: Schema = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **_object(("version", "runs"), version={"enum": ["2.1.0"]}, runs=_list("run"), **{"$schema": URI}),
    "definitions": {
        "bag": {
            "type": "object",
            "properties": {"tags": {"type": "array", "uniqueItems": True, "items": TEXT}},
        },
        "run": _object(
            ("tool",),
            tool=_ref("tool"), results=_list("result"), invocations=_list("invocation"),
            automationDetails=_object(id=TEXT, guid=TEXT, correlationGuid=TEXT, description=_ref("message")),
            originalUriBaseIds={"type": "object", "additionalProperties": _ref("artifactLocation")},
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        ),
        "tool": _object(("driver",), driver=_ref("component"), extensions=_list("component")),
        "component": _object(
            ("name",),
            name=TEXT, version=TEXT, semanticVersion=TEXT, fullName=TEXT, informationUri=URI,
            rules=_list("descriptor"), notifications=_list("descriptor"),
        ),
        "descriptor": _object(
            ("id",),
            id=TEXT, name=TEXT, shortDescription=_ref("text"), fullDescription=_ref("text"),
            help=_ref("text"), helpUri=URI,
            defaultConfiguration=_object(enabled={"type": "boolean"}, level=LEVEL, rank={}),
        ),
        "text": _object(("text",), text=TEXT, markdown=TEXT),
        "message": {**_object((), text=TEXT, markdown=TEXT, id=TEXT), "anyOf": [{"required": ["text"]}]},
        "invocation": _object(
            ("executionSuccessful",),
            executionSuccessful={"type": "boolean"}, exitCode={"type": "integer"}, exitCodeDescription=TEXT,
            startTimeUtc=TIME, endTimeUtc=TIME, toolExecutionNotifications=_list("notification"),
            toolConfigurationNotifications=_list("notification"),
        ),
        "notification": _object(
            ("message",), message=_ref("message"), level=LEVEL, locations=_list("location"), timeUtc=TIME,
            descriptor={**_object(id=TEXT, index=INDEX), "anyOf": [{"required": ["id"]}]},
        ),
        "result": _object(
            ("message",),
            message=_ref("message"), ruleId=TEXT, ruleIndex=INDEX, kind=KIND, level=LEVEL,
            locations=_list("location"), guid=TEXT,
            partialFingerprints={"type": "object", "additionalProperties": TEXT},
            fingerprints={"type": "object", "additionalProperties": TEXT},
        ),
        "location": _object(
            physicalLocation=_ref("physicalLocation"), logicalLocations=_list("logicalLocation"),
            message=_ref("message"),
        ),
        "physicalLocation": {
            **_object(artifactLocation=_ref("artifactLocation"), region=_ref("region")),
            "anyOf": [{"required": ["artifactLocation"]}],
        },
        "artifactLocation": _object(uri=RELATIVE, uriBaseId=TEXT, index=INDEX, description=_ref("message")),
        "region": _object(startLine=COUNT, startColumn=COUNT, endLine=COUNT, endColumn=COUNT),
        "logicalLocation": _object(name=TEXT, fullyQualifiedName=TEXT, decoratedName=TEXT, kind=TEXT),
    },
}  # fmt: skip
