"""Litmus' operators as their Deployments tell of them: their version, whether they run, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaoskit import kube
from chaoskit.experiments.versions import before, named
from chaoskit.ports.cluster import Cluster, Object

IMAGE = "chaos-operator"
_SELECTORS_SINCE = "3.0"


@dataclass(frozen=True, slots=True)
class Operator:
    """One of them: `runs` with a ready pod, `watches` these namespaces, or all where there is none."""

    name: str
    namespace: str
    version: str
    runs: bool
    watches: frozenset[str]

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


def _of(body: Object) -> Iterator[Operator]:
    meta = body["metadata"]
    for container in body["spec"]["template"]["spec"]["containers"]:
        image = str(container.get("image", ""))
        if IMAGE in image:
            runs = kube.ready_replicas(body) > 0
            home = meta.get("namespace", "")
            version = named(image)[1] or "of an unknown version"
            yield Operator(meta["name"], home, version, runs, _watches(container, home))


def _watches(container: Mapping[str, Any], home: str) -> frozenset[str]:
    """The namespaces of ``WATCH_NAMESPACE``; none where it is empty, or told by what is not read here."""
    for each in container.get("env") or ():
        if each["name"] == "WATCH_NAMESPACE":
            told_by = ((each.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
            named = home if told_by == "metadata.namespace" else str(each.get("value") or "")
            named = "" if "$(" in named else named
            return frozenset(place for part in named.split(",") if (place := part.strip()))
    return frozenset()
