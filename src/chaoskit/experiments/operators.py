"""Litmus' operators as their Deployments tell of them: their version, whether they run, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit import kube
from chaoskit.errors import Forbidden
from chaoskit.experiments.versions import RUNNER, before, named, numbers
from chaoskit.ports.cluster import Cluster, Object

IMAGE = "chaos-operator"
_SELECTORS_SINCE = "3.0"


@dataclass(frozen=True, slots=True)
class Operator:
    """One of them: `runs` with a ready pod, `watches` these namespaces, or all where there is none."""

    name: str
    namespace: str
    image: str
    runs: bool
    watches: frozenset[str]

    @property
    def version(self) -> str:
        """The tag of its image."""
        return named(self.image)[1] or "of an unknown version"

    @property
    def selects(self) -> bool:
        """Whether it knows `selectors`, as all do since 3.0; one of an unknown version is thought to."""
        return not before(self.version, _SELECTORS_SINCE)

    def takes(self, namespace: str) -> bool:
        """Whether it takes up engines there; "" is any namespace."""
        return not (namespace and self.watches) or namespace in self.watches


def operators(cluster: Cluster) -> tuple[Operator, ...]:
    """All of the cluster, by their images.

    Raises:
        Forbidden: Deployments of all namespaces cannot be listed.
    """
    return tuple(each for body in cluster.list(kube.DEPLOYMENT).items for each in _of(body))


def runner_image(cluster: Cluster, namespace: str, since: str) -> str:
    """Litmus' faults in the version of the operator for that place, from where that comes.

    One that runs goes before others, which may run again in a moment.
    "" where the version is not told, or older than `since`.
    """
    try:
        near = [each for each in operators(cluster) if each.takes(namespace)]
    except Forbidden:
        return ""
    for each in sorted(near, key=lambda each: not each.runs):
        name, version = named(each.image)
        if name == IMAGE and len(numbers(version)) == 3 and not before(version, since):
            return each.image.partition("@")[0].removesuffix(f"{name}:{version}") + f"{RUNNER}:{version}"
    return ""


def _of(body: Object) -> Iterator[Operator]:
    meta = body["metadata"]
    for container in body["spec"]["template"]["spec"]["containers"]:
        image = str(container.get("image", ""))
        if IMAGE in image:
            runs = kube.ready_replicas(body) > 0
            home = meta.get("namespace", "")
            yield Operator(meta["name"], home, image, runs, _watches(container, home))


def _watches(container: Mapping[str, Any], home: str) -> frozenset[str]:
    """The namespaces of ``WATCH_NAMESPACE``; none where it is empty, or told by what is not read here."""
    for each in container.get("env") or ():
        if each["name"] == "WATCH_NAMESPACE":
            told_by = ((each.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
            named = home if told_by == "metadata.namespace" else str(each.get("value") or "")
            named = "" if "$(" in named else named
            return frozenset(place for part in named.split(",") if (place := part.strip()))
    return frozenset()
