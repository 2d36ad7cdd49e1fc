"""The environment of a container: literal values, the pod's own fields, config maps and secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from chaoskit.simulator.api import Api, Object
from chaoskit.simulator.objects import dig


class ConfigError(Exception):
    """A config map, secret or key that the container needs is missing; the message is the kubelet's."""


def environment(api: Api, pod: Object, container: Object) -> dict[str, str]:
    """Names and values as the container sees them; `ConfigError` when one cannot be had."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found |= _all_of(api, pod, source)
    for item in container.get("env") or ():
        value = item.get("value", "")
        if "valueFrom" in item:
            value = _one_of(api, pod, item["valueFrom"])
        if value is not None:
            found[item["name"]] = re.sub(r"\$\((\w+)\)", _referred(found), value)
    return found


def _referred(known: Mapping[str, str]) -> Any:
    return lambda match: known.get(match[1], match[0])


def _all_of(api: Api, pod: Object, source: Object) -> dict[str, str]:
    for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if field in source:
            data = _data(api, pod, kind, source[field])
            prefix = source.get("prefix", "")
            return {prefix + key: value for key, value in (data or {}).items()}
    return {}


def _one_of(api: Api, pod: Object, source: Object) -> str | None:
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if field in source:
            return _key(api, pod, kind, source[field])
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    return ""


def _key(api: Api, pod: Object, kind: str, reference: Object) -> str | None:
    data = _data(api, pod, kind, reference)
    if data is not None and reference["key"] in data:
        return data[reference["key"]]
    if reference.get("optional"):
        return None
    where = f"{pod['metadata']['namespace']}/{reference['name']}"
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {where}")


def _data(api: Api, pod: Object, kind: str, reference: Object) -> dict[str, str] | None:
    found = api.get(kind, pod["metadata"]["namespace"], reference["name"])
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    data: dict[str, str] = found.get("data") or {}
    if kind == "Secret":
        return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}
    return data


def _field(pod: Object, path: str) -> str:
    found = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    value = dig(pod, "metadata", found[1], found[2]) if found else dig(pod, *path.split("."))
    return "" if value is None else str(value)
