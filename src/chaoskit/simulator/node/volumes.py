"""Which of a pod's volumes cannot be mounted: what they are made of is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaoskit.simulator.api import Api, Object

_KEY_MISSING = {
    "ConfigMap": "configmap references non-existent config key",
    "Secret": "references non-existent secret key",
}


def unmountable(api: Api, pod: Object) -> list[str]:
    """Why each volume that cannot be mounted cannot, in the kubelet's words."""
    namespace, found = pod["metadata"]["namespace"], []
    for volume in pod["spec"].get("volumes") or ():
        each = (_lacking(api, namespace, kind, source) for kind, source in _sources(volume))
        lacking = [why for why in each if why]
        if lacking:
            told = lacking[0] if len(lacking) == 1 else f"[{', '.join(lacking)}]"
            found.append(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {told}')
    return found


def _sources(volume: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The config maps and secrets that a volume, or a source of a projected one, is made of."""
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if volume.get(field) is not None:
            yield kind, volume[field]
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield from _sources(source)


def _lacking(api: Api, namespace: str, kind: str, source: Mapping[str, Any]) -> str:
    if source.get("optional"):
        return ""
    name = source.get("secretName") or source.get("name") or ""
    found = api.get(kind, namespace, name)
    if found is None:
        return f'{kind.lower()} "{name}" not found'
    held = {*(found.get("data") or ()), *(found.get("binaryData") or ())}
    missing = (item["key"] for item in source.get("items") or () if item["key"] not in held)
    key = next(missing, None)
    return "" if key is None else f"{_KEY_MISSING[kind]}: {key}"
