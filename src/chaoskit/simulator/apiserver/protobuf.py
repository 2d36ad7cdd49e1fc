"""Bodies in Kubernetes' protobuf encoding, as newer kubectls send them, read into plain objects."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from chaoskit.simulator.apiserver import typed
from chaoskit.simulator.objects import Object, micro_timestamp, timestamp

_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MEANT = frozenset({
    "automountServiceAccountToken", "backoffLimit", "blockOwnerDeletion", "completions", "controller",
    "expirationSeconds", "gracePeriodSeconds", "parallelism", "replicas", "suspend",
    "terminationGracePeriodSeconds", "ttlSecondsAfterFinished",
})  # fmt: skip
"""Fields whose zero or false says something; elsewhere the encoding writes what was never set."""

Layout = dict[int, "tuple[str, str] | Layout"]
"""Name and type of each field by number; a further layout where a message is part of its parent in JSON."""


def decode(body: bytes) -> Object:
    """The object in `body`; ValueError when it is no protobuf of a kind that is known."""
    if not body.startswith(_MAGIC):
        raise ValueError("it lacks the prefix of Kubernetes' protobuf")
    envelope: dict[int, Any] = dict(_fields(body[len(_MAGIC) :]))
    meta: dict[int, Any] = dict(_fields(envelope.get(1, b"")))
    kind = meta.get(2, b"").decode()
    if kind not in typed.types():
        raise ValueError(f"no layout of {kind or 'an unnamed kind'} is known")
    head = {"apiVersion": meta.get(1, b"").decode(), "kind": kind}
    return head | _message(_layout(kind), envelope.get(2, b""))


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and their values: whole numbers, or bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, place = _varint(data, place)
        if size is None or place + size > len(data):
            raise ValueError("it ends in the middle of a field")
        yield tag >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80:
            return value, place
    raise ValueError("it ends in the middle of a number")


@cache
def _layout(name: str) -> Layout:
    layout: Layout = {}
    for field, (declared, number) in typed.types()[name].items():
        if number:
            outer, _, inner = number.partition(".")
            if inner:
                part = layout.setdefault(int(outer), {})
                assert isinstance(part, dict)
                part[int(inner)] = (field, declared)
            else:
                layout[int(outer)] = (field, declared)
    return layout


def _message(layout: Layout, data: bytes) -> Object:
    result: Object = {}
    for number, raw in _fields(data):
        entry = layout.get(number)
        if isinstance(entry, dict):
            result |= _message(entry, raw)
        elif entry is not None:
            field, declared = entry
            _put(result, field, declared, raw)
    return result


def _put(result: Object, field: str, declared: str, raw: Any) -> None:
    if declared.startswith("["):
        result.setdefault(field, []).append(_value(declared[1:-1], raw))
    elif declared.startswith("{"):
        entry: dict[int, Any] = dict(_fields(raw))
        value = _value(declared[1:-1], entry.get(2, b""))
        result.setdefault(field, {})[entry.get(1, b"").decode()] = value
    else:
        value = _value(declared, raw)
        if value is not None and (field in _MEANT or value not in ("", 0)):
            result[field] = value


def _value(declared: str, raw: Any) -> Any:
    if declared in _SCALARS:
        return _SCALARS[declared](raw)
    if declared.startswith("["):
        return [_value(declared[1:-1], item) for _, item in _fields(raw)]
    if declared in typed.types():
        return _message(_layout(declared), raw)
    return _special(declared, dict(_fields(raw)))


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "bytes": lambda raw: base64.b64encode(raw).decode(),
    "int32": _signed,
    "int64": _signed,
    "number": lambda raw: struct.unpack("<d", raw)[0],
    "string": lambda raw: raw.decode(),
}


def _special(declared: str, parts: dict[int, Any]) -> Any:
    """Messages that are one value in JSON."""
    if declared == "quantity":
        return parts.get(1, b"").decode()
    if declared == "intorstring":
        return parts.get(3, b"").decode() if parts.get(1) else parts.get(2, 0)
    seconds, nanoseconds = parts.get(1), parts.get(2, 0)
    if declared not in {"time", "microtime"} or seconds is None:
        return None
    if declared == "time":
        return timestamp(seconds)
    return micro_timestamp(seconds + nanoseconds / 1e9)
