"""Server-side apply, and who owns which field (``metadata.managedFields``)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chaoskit.simulator.apiserver import apierrors
from chaoskit.simulator.apiserver.patches import merge_key
from chaoskit.simulator.apiserver.store import dumps
from chaoskit.simulator.objects import Object, clone

Path = tuple[str, ...]
"""Steps to a field as in fieldsV1: ``f:name``, ``k:{"name":"main"}``, ``v:"value"``."""
Fields = frozenset[Path]

ALREADY_RECORDED = "\0"
"""The manager of a write that `apply` has already put down in managedFields."""

_NOBODYS = frozenset({
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
})  # fmt: skip
_SETS = frozenset({"finalizers"})


def apply(
    live: Object | None,
    applied: Object,
    manager: str,
    now: str,
    *,
    force: bool = False,
    subresource: str = "",
) -> Object:
    """`live` with the fields of `applied`, owned by `manager`, and without those it applied no longer.

    409 when another manager owns a field with another value, unless `force` takes it over.
    """
    entries = owners(live["metadata"] if live else {})
    wanted = fields(applied)
    mine = (manager, "Apply", subresource)
    others = {who: what for who, what in entries.items() if who != mine}
    conflicts = _conflicts(live, applied, wanted, others) if live else []
    if conflicts and not force:
        raise apierrors.apply_conflict([(who[0], dotted(path)) for who, path in conflicts])
    for who, path in conflicts:
        others[who] -= {path}
    merged: Object = _overlay(clone(live) if live else {}, applied)
    kept = wanted.union(*others.values()) if others else wanted
    for path in _longest_first(entries.get(mine, frozenset()) - kept):
        if not _covers(kept, path):
            _remove(merged, path, kept)
    merged["metadata"]["managedFields"] = _entries(
        {**others, mine: wanted}, _times(live), {mine: now}, applied
    )
    return merged


def record(old: Object | None, new: Object, manager: str, now: str, subresource: str = "") -> None:
    """``managedFields`` of `new` say that `manager` wrote what differs from `old`."""
    if manager == ALREADY_RECORDED:
        return
    before = fields(old) if old else frozenset()
    after = fields(new)
    changed = {p for p in after if p not in before or value_at(old, p) != value_at(new, p)}
    gone = before - after
    entries = owners(old["metadata"]) if old else {}
    if not changed and not gone:
        return
    mine = (manager, "Update", subresource)
    left = {who: what - changed - gone for who, what in entries.items() if who != mine}
    stamps = {}
    if manager:
        left[mine] = (entries.get(mine, frozenset()) - gone) | changed
        stamps[mine] = now
    new["metadata"]["managedFields"] = _entries(left, _times(old), stamps, new)


Owner = tuple[str, str, str]
"""Manager, operation (Apply or Update), subresource."""


def owners(metadata: Mapping[str, Any]) -> dict[Owner, Fields]:
    """The fields that each manager owns."""
    return {
        _owner(entry): frozenset(_paths(entry.get("fieldsV1") or {}))
        for entry in metadata.get("managedFields") or ()
    }


def same_owners(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """True when the same managers own the same fields; since when does not matter."""
    return old.get("managedFields") == new.get("managedFields") or owners(old) == owners(new)


def fields(obj: Object) -> Fields:
    """The leaves of what a manager can own in `obj`."""
    found: set[Path] = set()
    for key, value in obj.items():
        if key in {"apiVersion", "kind"}:
            continue
        if key == "metadata":
            for name, item in value.items():
                if name not in _NOBODYS:
                    found.update(_leaves(name, item, ("f:metadata", f"f:{name}")))
        else:
            found.update(_leaves(key, value, (f"f:{key}",)))
    return frozenset(found)


def value_at(obj: Any, path: Path) -> Any:
    """The value of a field; None when it is not there."""
    for step in path:
        obj = _step(obj, step)
    return obj


def dotted(path: Path) -> str:
    """A field as conflicts name it: ``.spec.template.spec.containers[name="web"].image``."""
    text = ""
    for step in path:
        kind, rest = step[:2], step[2:]
        if kind == "f:":
            text += f".{rest}"
        elif kind == "k:":
            text += "[" + ",".join(f"{k}={dumps(v).decode()}" for k, v in _loads(rest).items()) + "]"
        else:
            text += f"[={rest}]"
    return text


def _leaves(name: str, value: Any, path: Path) -> Iterable[Path]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(key, item, (*path, f"f:{key}"))
    elif isinstance(value, list) and name in _SETS:
        yield from ((*path, f"v:{dumps(item).decode()}") for item in value)
    elif isinstance(value, list) and (key := merge_key(name, value)):
        for item in value:
            step = f"k:{dumps({key: item[key]}).decode()}"
            for field, inner in item.items():
                yield from _leaves(field, inner, (*path, step, f"f:{field}"))
    else:
        yield path


def _conflicts(
    live: Object, applied: Object, wanted: Fields, others: Mapping[Owner, Fields]
) -> list[tuple[Owner, Path]]:
    contested = {p for p in wanted if value_at(live, p) != value_at(applied, p)}
    return [(who, path) for who in sorted(others) for path in sorted(contested & others[who])]


def _overlay(base: Any, applied: Any, name: str = "") -> Any:
    if isinstance(applied, dict):
        result = dict(base) if isinstance(base, dict) else {}
        for key, value in applied.items():
            result[key] = _overlay(result.get(key), value, key)
        return result
    if isinstance(applied, list) and isinstance(base, list):
        if name in _SETS:
            return [*base, *(item for item in applied if item not in base)]
        key = merge_key(name, [*base, *applied])
        if key is not None:
            result_list = list(base)
            for item in applied:
                place = next((i for i, b in enumerate(base) if b[key] == item[key]), None)
                if place is None:
                    result_list.append(clone(item))
                else:
                    result_list[place] = _overlay(base[place], item)
            return result_list
    return clone(applied)


def _covers(kept: Fields, path: Path) -> bool:
    """True when somebody keeps the field, or something in it."""
    return any(other[: len(path)] == path for other in kept)


def _remove(obj: Any, path: Path, kept: Fields) -> None:
    """The field is gone from `obj`, and with it the maps and elements that only it had filled."""
    parents = [obj]
    for step in path[:-1]:
        parents.append(_step(parents[-1], step))
    _cut(parents[-1], path[-1])
    for depth in range(len(path) - 1, 0, -1):
        step, parent = path[depth - 1], parents[depth - 1]
        rest = _step(parent, step)
        hollow = rest in ({}, []) or (step.startswith("k:") and rest == _loads(step[2:]))
        if hollow and not _covers(kept, path[:depth]):
            _cut(parent, step)


def _cut(parent: Any, step: str) -> None:
    kind, rest = step[:2], step[2:]
    if kind == "f:" and isinstance(parent, dict):
        parent.pop(rest, None)
    elif isinstance(parent, list):
        found = _step(parent, step)
        if found is not None:
            parent.remove(found)


def _step(obj: Any, step: str) -> Any:
    kind, rest = step[:2], step[2:]
    if kind == "f:":
        return obj.get(rest) if isinstance(obj, dict) else None
    if not isinstance(obj, list):
        return None
    wanted = _loads(rest)
    if kind == "v:":
        return wanted if wanted in obj else None
    return next((i for i in obj if isinstance(i, dict) and wanted.items() <= i.items()), None)


def _longest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (-len(path), path))


def _paths(tree: Mapping[str, Any], prefix: Path = ()) -> Iterable[Path]:
    for key, below in tree.items():
        if key == ".":
            continue
        inner = {k: v for k, v in below.items() if k != "."}
        if inner:
            yield from _paths(inner, (*prefix, key))
        else:
            yield (*prefix, key)


def _tree(paths: Iterable[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        place = tree
        for step in path:
            place = place.setdefault(step, {})
    return tree


def _entries(
    entries: Mapping[Owner, Fields],
    before: Mapping[Owner, str],
    stamps: Mapping[Owner, str],
    obj: Object,
) -> list[Object]:
    found = []
    for who, paths in entries.items():
        if not paths:
            continue
        manager, operation, subresource = who
        entry = {
            "manager": manager,
            "operation": operation,
            "apiVersion": obj.get("apiVersion", "v1"),
            "time": stamps.get(who) or before.get(who, ""),
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(paths),
        }
        found.append(entry | ({"subresource": subresource} if subresource else {}))
    return sorted(found, key=lambda entry: (entry["operation"], entry["time"], entry["manager"]))


def _times(obj: Object | None) -> dict[Owner, str]:
    entries = obj["metadata"].get("managedFields") or () if obj else ()
    return {_owner(entry): entry.get("time", "") for entry in entries}


def _owner(entry: Mapping[str, Any]) -> Owner:
    return (
        entry.get("manager", ""), entry.get("operation", "Update"), entry.get("subresource", ""),
    )  # fmt: skip


def _loads(text: str) -> Any:
    return json.loads(text)
