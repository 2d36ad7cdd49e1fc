"""What pods read from ConfigMaps, in whatever way; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chaoskit.ports.cluster import Object


class Setting(NamedTuple):
    """A key of a ConfigMap; "" is all that it has."""

    config_map: str
    key: str


def read_by(template: Object) -> tuple[Setting, ...]:
    """What pods of the template read from ConfigMaps: keys by name, then ConfigMaps as a whole."""
    spec = template["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    found = [each for container in containers for each in _by_environment(container)]
    found += [each for volume in spec.get("volumes") or () for each in _by_volume(volume)]
    return tuple(dict.fromkeys(sorted(found, key=lambda each: not each.key)))


def _by_environment(container: Object) -> Iterator[Setting]:
    for each in container.get("env") or ():
        if source := (each.get("valueFrom") or {}).get("configMapKeyRef"):
            yield Setting(source["name"], source["key"])
    for each in container.get("envFrom") or ():
        if source := each.get("configMapRef"):
            yield Setting(source["name"], "")


def _by_volume(volume: Object) -> Iterator[Setting]:
    sources = (volume, *((volume.get("projected") or {}).get("sources") or ()))
    for source in (found for each in sources if (found := each.get("configMap"))):
        items = source.get("items") or ({"key": ""},)
        yield from (Setting(source["name"], item["key"]) for item in items)
