"""How many pods the cluster wants of each workload: whoever is wanted should have samples."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from chaoskit import kube
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Cluster

Who: TypeAlias = tuple[str, str]
"""A workload: its namespace and name (``deployment/cart``)."""


def replicas(cluster: Cluster, namespace: str, labels: str = "") -> dict[Who, int]:
    """How many pods each workload with these labels should have; a daemon set one."""
    found = (
        (kube.ref_of(body, kind), body.get("spec", {}).get("replicas", 1))
        for kind in kube.WORKLOADS
        for body in cluster.list(kind, namespace, labels=labels).items
    )
    return {(ref.namespace or namespace, str(ref)): count for ref, count in found}


def known_replicas(cluster: Cluster, namespace: str) -> dict[Who, int] | None:
    """The same of all workloads; None when the cluster does not say."""
    try:
        return replicas(cluster, namespace)
    except CannotStart:
        return None


def due(who: Collection[Who], known: Mapping[Who, int] | None) -> set[Who]:
    """Those of them that should have samples: still there and not scaled to zero, as far as is `known`."""
    return set(who) if known is None else {each for each in who if known.get(each)}
