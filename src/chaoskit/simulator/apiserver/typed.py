"""Decoding of built-in kinds: unknown fields, wrong types, and the one spelling of times and quantities.

``builtin-types.json`` holds the fields of each type, as Kubernetes' OpenAPI document (Apache-2.0) declares
them: ``string``, ``[Type]`` for a list, ``{Type}`` for a map, ``any`` for what this does not look into;
behind the type stands the field's number in protobuf.
"""

from __future__ import annotations

import json
import math
from datetime import UTC
from functools import cache
from importlib import resources
from typing import Any

from chaoskit.simulator.objects import Object, parse_time
from chaoskit.simulator.quantities import parse

_GO_NAMES = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
_GO_TYPES = {"boolean": "bool", "bytes": "uint8", "number": "float64"}
_GO_TYPES |= {name: name for name in ("string", "int32", "int64")}
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "bytes": str, "boolean": bool, "int32": int, "int64": int, "number": (int, float),
    "intorstring": (int, str),
}  # fmt: skip


class WrongType(ValueError):
    """A value that its field cannot hold; the message is the decoder's."""


@cache
def types() -> dict[str, dict[str, tuple[str, str]]]:
    """Fields by type name: the type of each, and its number in protobuf (``2``, ``1.3``, or none)."""
    text = resources.files("chaoskit.simulator.apiserver").joinpath("builtin-types.json").read_text("utf-8")
    loaded: dict[str, dict[str, str]] = json.loads(text)
    return {
        name: {field: _split(declared) for field, declared in fields.items()}
        for name, fields in loaded.items()
    }


def _split(declared: str) -> tuple[str, str]:
    kind, _, number = declared.partition(" ")
    return kind, number


def decode(kind: str, body: Object) -> tuple[Object, list[str]]:
    """`body` as a server holds it, and the paths of fields that `kind` lacks; `WrongType` if it misfits."""
    unknown: list[str] = []
    decoded: Object = _Decoder(unknown).value(kind, body, "", kind)
    return decoded, unknown


class _Decoder:
    def __init__(self, unknown: list[str]) -> None:
        self._unknown = unknown

    def value(self, declared: str, value: Any, path: str, owner: str) -> Any:
        if value is None or declared == "any":
            return value
        if declared.startswith("["):
            return self._list(declared[1:-1], value, path, owner)
        if declared.startswith("{"):
            return self._map(declared[1:-1], value, path, owner)
        if declared in types():
            return self._struct(declared, value, path, owner)
        return _scalar(declared, value, path, owner)

    def _struct(self, declared: str, value: Any, path: str, owner: str) -> Object:
        if not isinstance(value, dict):
            raise _misfit(value, path, owner, f"v1.{declared}")
        fields, result = types()[declared], {}
        for name, item in value.items():
            where = f"{path}.{name}" if path else name
            if name not in fields:
                self._unknown.append(where)
            elif item is not None:
                result[name] = self.value(fields[name][0], item, where, declared)
        return result

    def _list(self, declared: str, value: Any, path: str, owner: str) -> list[Any]:
        if not isinstance(value, list):
            raise _misfit(value, path, owner, f"[]{_go(declared)}")
        return [self.value(declared, v, f"{path}[{i}]", owner) for i, v in enumerate(value)]

    def _map(self, declared: str, value: Any, path: str, owner: str) -> Object:
        if not isinstance(value, dict):
            raise _misfit(value, path, owner, f"map[string]{_go(declared)}")
        kept = {k: self.value(declared, v, f"{path}.{k}", owner) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v is not None}


def _scalar(declared: str, value: Any, path: str, owner: str) -> Any:
    if declared == "time":
        return _time(value, micro=False)
    if declared == "microtime":
        return _time(value, micro=True)
    if declared == "quantity":
        return _quantity(value, path, owner)
    fits = isinstance(value, _PYTHON_TYPES[declared])
    if not fits or (isinstance(value, bool) and declared != "boolean"):
        raise _misfit(value, path, owner, _go(declared))
    return value


def _quantity(value: Any, path: str, owner: str) -> str:
    if not isinstance(value, str | int | float):
        raise _misfit(value, path, owner, "resource.Quantity")
    try:
        parse(value)
    except ValueError as error:
        pattern = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
        raise WrongType(f"quantities must match the regular expression '{pattern}'") from error
    return str(value)


def _time(value: Any, *, micro: bool) -> str:
    """UTC with a Z; a MicroTime without a fraction is refused, as Go's layout demands one."""
    layout = "2006-01-02T15:04:05.000000Z07:00" if micro else "2006-01-02T15:04:05Z07:00"
    try:
        parsed = parse_time(value)
    except (ValueError, AttributeError) as error:
        raise WrongType(f'parsing time "{value}" as "{layout}": cannot parse') from error
    if micro and "." not in value:
        rest = value[19:]
        raise WrongType(f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as ".000000"')
    utc = parsed.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def _misfit(value: Any, path: str, owner: str, wanted: str) -> WrongType:
    given = _GO_NAMES.get(type(value), "value")
    if isinstance(value, float) and math.isfinite(value):
        given = f"number {value}"
    plain = "".join(part.partition("[")[0] + "." for part in path.split("."))[:-1]
    return WrongType(f"json: cannot unmarshal {given} into Go struct field {owner}.{plain} of type {wanted}")


def _go(declared: str) -> str:
    return _GO_TYPES.get(declared, f"v1.{declared}")
