"""Structural schemas of custom resources: pruning, defaulting, validation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.simulator.apiserver.apierrors import Cause, required, unsupported, wrong
from chaoskit.simulator.apiserver.store import dumps
from chaoskit.simulator.objects import Object, clone

Schema = Mapping[str, Any]

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_IMPLICIT = frozenset({"apiVersion", "kind", "metadata"})
_QUANTORS = {"anyOf": "at least one schema", "oneOf": "one and only one schema"}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list, "boolean": bool, "integer": int, "number": (int, float), "object": dict, "string": str,
}  # fmt: skip


def prune(schema: Schema, obj: Object) -> tuple[Object, list[str]]:
    """`obj` without the fields that `schema` does not declare, and their paths."""
    unknown: list[str] = []
    declared = dict(schema.get("properties") or {})
    properties = declared | {name: {_PRESERVE: True} for name in _IMPLICIT}
    root = {**schema, "properties": properties}
    return _prune(root, obj, "", unknown), unknown


def _prune(schema: Schema, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items") or {_PRESERVE: True}
        return [_prune(items, v, f"{path}[{i}]", unknown) for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    result: Object = {}
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        declared = properties.get(name, extra if isinstance(extra, Mapping) else None)
        if declared is not None:
            result[name] = _prune(declared, item, where, unknown)
        elif schema.get(_PRESERVE) or extra is True:
            result[name] = item
        else:
            unknown.append(where)
    return result


def fill(schema: Schema, value: Any) -> Any:
    """`value` with the defaults that `schema` declares for what is missing."""
    if isinstance(value, list):
        items = schema.get("items")
        return [fill(items, item) for item in value] if items else value
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for name, declared in (schema.get("properties") or {}).items():
        missing = name not in result or (result[name] is None and not declared.get("nullable"))
        if missing and "default" in declared:
            result[name] = clone(declared["default"])
        if name in result:
            result[name] = fill(declared, result[name])
    extra = schema.get("additionalProperties")
    if isinstance(extra, Mapping):
        known = schema.get("properties") or {}
        result = {k: v if k in known else fill(extra, v) for k, v in result.items()}
    return result


def validate(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """One cause for each place where `value` breaks `schema`; empty when it holds."""
    return list(_validate(schema, value, path))


def _validate(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if value is None and (schema.get("nullable") or not schema.get("type")):
        return
    declared = schema.get("type")
    if not _fits(schema, declared, value):
        yield _wrong_type(path, str(declared), value)
        return
    yield from _scalars(schema, value, path)
    yield from _combined(schema, value, path)
    if isinstance(value, list):
        yield from _sizes(schema, "Items", value, path)
        for index, item in enumerate(value):
            yield from _validate(schema.get("items") or {}, item, f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _object(schema, value, path)


def _combined(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    """allOf, anyOf, oneOf and not; they only ever narrow what the schema itself declares."""

    def matches(part: Schema) -> bool:
        return next(_validate(part, value, path), None) is None

    for part in schema.get("allOf") or ():
        yield from _validate(part, value, path)
    for word, most in (("anyOf", math.inf), ("oneOf", 1)):
        parts = schema.get(word)
        if parts and not 0 < sum(matches(part) for part in parts) <= most:
            rule = f'"{path}" must validate {_QUANTORS[word]} ({word})'
            yield wrong(path, _shown(value), rule)
    if "not" in schema and matches(schema["not"]):
        yield wrong(path, _shown(value), f'"{path}" must not validate the schema (not)')


def _fits(schema: Schema, declared: str | None, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    if declared is None:
        return True
    if isinstance(value, bool):
        return declared == "boolean"
    if declared == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[declared])


def _scalars(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, str(value), tuple(str(item) for item in schema["enum"]))
    if isinstance(value, str):
        pattern = schema.get("pattern")
        if pattern and not re.search(pattern, value):
            yield wrong(path, _shown(value), f"{path} in body should match '{pattern}'")
        yield from _sizes(schema, "Length", value, path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _bounds(schema, value, path)


def _bounds(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        relation = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield wrong(path, _shown(value), f"{path} in body should be {relation} {low}")
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        relation = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield wrong(path, _shown(value), f"{path} in body should be {relation} {high}")


def _sizes(schema: Schema, noun: str, value: str | list[Any], path: str) -> Iterator[Cause]:
    low, high = schema.get(f"min{noun}"), schema.get(f"max{noun}")
    things = "items" if noun == "Items" else "chars long"
    if low is not None and len(value) < low:
        yield wrong(path, _shown(value), f"{path} in body should be at least {low} {things}")
    if high is not None and len(value) > high:
        yield wrong(path, _shown(value), f"{path} in body should be at most {high} {things}")


def _object(schema: Schema, value: Object, path: str) -> Iterator[Cause]:
    for name in schema.get("required") or ():
        if name not in value:
            yield required(f"{path}.{name}" if path else name)
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for name, item in value.items():
        declared = properties.get(name, extra if isinstance(extra, Mapping) else None)
        if declared is not None:
            yield from _validate(declared, item, f"{path}.{name}" if path else name)


def _wrong_type(path: str, declared: str, value: Any) -> Cause:
    given = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    name = given.get(type(value), "null")
    message = f'Invalid value: "{name}": {path} in body must be of type {declared}: "{name}"'
    return Cause(path, "FieldValueTypeInvalid", message)


def _shown(value: Any) -> str:
    return dumps(value).decode()
