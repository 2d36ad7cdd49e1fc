"""What pods read from ConfigMaps and Secrets, in whatever way; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chaoskit import kube
from chaoskit.ports.cluster import Kind, Object


class Setting(NamedTuple):
    """A key of a ConfigMap or Secret; "" is all that it has."""

    holder: str
    key: str


class _Words(NamedTuple):
    """How a pod names a key of one, all of one, and one as a volume."""

    key: str
    whole: str
    volume: str


_WORDS = {
    kube.CONFIG_MAP: _Words("configMapKeyRef", "configMapRef", "configMap"),
    kube.SECRET: _Words("secretKeyRef", "secretRef", "secret"),
}


def read_by(template: Object, kind: Kind = kube.CONFIG_MAP) -> tuple[Setting, ...]:
    """What pods of the template read from objects of this kind: keys by name, then objects as a whole."""
    spec, words = template["spec"], _WORDS[kind]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    found = [each for container in containers for each in _by_environment(container, words)]
    found += [each for volume in spec.get("volumes") or () for each in _by_volume(volume, words)]
    return tuple(dict.fromkeys(sorted(found, key=lambda each: not each.key)))


def _by_environment(container: Object, words: _Words) -> Iterator[Setting]:
    for each in container.get("env") or ():
        if source := (each.get("valueFrom") or {}).get(words.key):
            yield Setting(source["name"], source["key"])
    for each in container.get("envFrom") or ():
        if source := each.get(words.whole):
            yield Setting(source["name"], "")


def _by_volume(volume: Object, words: _Words) -> Iterator[Setting]:
    sources = (volume, *((volume.get("projected") or {}).get("sources") or ()))
    for source in (found for each in sources if (found := each.get(words.volume))):
        # a Secret that is a volume by itself is named in another way
        name = source.get("name") or source.get("secretName", "")
        yield from (Setting(name, item["key"]) for item in source.get("items") or ({"key": ""},))
