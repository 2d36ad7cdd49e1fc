"""The three patches that change an object: JSON merge (RFC 7386), JSON (RFC 6902), strategic merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaoskit.simulator.objects import clone

MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "hostIPs": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "resourceClaims": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists of built-in kinds whose elements are told apart by a key: the first of these that an element has."""
MERGED_PRIMITIVES = frozenset({"finalizers"})
"""Lists of plain values that a strategic merge adds to."""


class DoesNotFit(ValueError):
    """A JSON patch names a place that the object lacks, or one of its tests fails."""


def merge(target: Any, patch: Any) -> Any:
    """`target` after a JSON merge patch: maps merge, null removes, all else replaces."""
    if not isinstance(patch, Mapping):
        return clone(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def json_patch(target: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """`target` after all operations in order; `DoesNotFit` when one of them cannot be done."""
    result = clone(target)
    for operation in operations:
        try:
            result = _operate(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise DoesNotFit(str(error)) from error
    return result


def _operate(document: Any, operation: Mapping[str, Any]) -> Any:
    verb, path = operation["op"], _pointer(operation["path"])
    if verb == "test":
        if _at(document, path) != operation.get("value"):
            raise DoesNotFit(f"testing value {operation['path']} failed")
        return document
    if verb == "remove":
        return _removed(document, path)
    if verb == "replace":
        _at(document, path)
        return _placed(document, path, clone(operation.get("value")), replace=True)
    if verb == "add":
        return _placed(document, path, clone(operation.get("value")))
    source = _pointer(operation["from"])
    value = clone(_at(document, source))
    if verb == "move":
        document = _removed(document, source)
    elif verb != "copy":
        raise DoesNotFit(f"unexpected kind: {verb}")
    return _placed(document, path, value)


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise DoesNotFit(f"not a JSON pointer: {text}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _at(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _removed(document: Any, path: Sequence[str]) -> Any:
    parent = _at(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    return document


def _placed(document: Any, path: Sequence[str], value: Any, *, replace: bool = False) -> Any:
    if not path:
        return value
    parent, last = _at(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif replace:
        parent[int(last)] = value
    else:
        index = len(parent) if last == "-" else int(last)
        if not 0 <= index <= len(parent):
            raise IndexError(last)
        parent.insert(index, value)
    return document


def strategic(target: Any, patch: Mapping[str, Any]) -> Any:
    """`target` after a strategic merge patch: as `merge`, but keyed lists merge element by element."""
    if patch.get("$patch") == "replace":
        return {key: clone(value) for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, Mapping) else {}
    if (kept := patch.get("$retainKeys")) is not None:
        result = {key: value for key, value in result.items() if key in kept}
    for key, value in patch.items():
        if key.startswith("$"):
            _directive(result, key, value)
        elif value is None or (isinstance(value, Mapping) and value.get("$patch") == "delete"):
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = strategic(result.get(key), value)
        elif isinstance(value, list):
            result[key] = _merged_list(key, result.get(key) or [], value)
        else:
            result[key] = value
    _reorder(result, patch)
    return result


def merge_key(field: str, elements: Sequence[Any]) -> str | None:
    """The key that tells the elements of a list apart; None when the list is replaced as a whole."""
    for key in MERGE_KEYS.get(field, ()):
        if elements and all(isinstance(item, Mapping) and key in item for item in elements):
            return key
    return None


def _merged_list(field: str, old: list[Any], new: list[Any]) -> list[Any]:
    if any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in new):
        return [clone(i) for i in new if i.get("$patch") != "replace"]
    if field in MERGED_PRIMITIVES:
        return [*old, *(item for item in new if item not in old)]
    key = merge_key(field, [*old, *new])
    if key is None:
        return list(clone(new))
    result = list(old)
    for item in new:
        _merge_element(result, key, item)
    return result


def _merge_element(elements: list[Any], key: str, patch: Mapping[str, Any]) -> None:
    place = next((i for i, item in enumerate(elements) if item[key] == patch[key]), None)
    if patch.get("$patch") == "delete":
        if place is not None:
            del elements[place]
    elif place is None:
        elements.append(strategic({}, patch))
    else:
        elements[place] = strategic(elements[place], patch)


def _directive(result: dict[str, Any], key: str, value: Any) -> None:
    if key.startswith("$deleteFromPrimitiveList/"):
        field = key.partition("/")[2]
        result[field] = [item for item in result.get(field) or [] if item not in value]


def _reorder(result: dict[str, Any], patch: Mapping[str, Any]) -> None:
    """What ``$setElementOrder/<field>`` lists comes in that order, in the places those elements hold."""
    for directive, order in patch.items():
        field = directive.partition("/")[2]
        if not directive.startswith("$setElementOrder/") or not isinstance(result.get(field), list):
            continue
        key = merge_key(field, order)
        ranks = {item[key] if key else item: rank for rank, item in enumerate(order)}

        def rank(item: Any, key: str | None = key, ranks: dict[Any, int] = ranks) -> int:
            return ranks.get(item.get(key) if key else item, len(ranks))

        result[field].sort(key=rank)
