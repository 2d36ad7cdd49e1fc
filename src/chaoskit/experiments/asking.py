"""What stands in the cluster of an engine's run, for whom its watches may have left without news."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit import kube
from chaoskit.acts.trail import UID_LABEL
from chaoskit.experiments.terminal import Observed
from chaoskit.ports.cluster import ChangeType, Cluster, Kind, Object, ObjectRef

Seen = tuple[Kind, ChangeType, Object]


def asked(cluster: Cluster, known: Observed, namespace: str) -> Iterator[Seen]:
    """Engine, results, pods and events as they are now, each as a change; what is gone as its end.

    Raises:
        ChaoskitError: one of them cannot be read; those before it were told.
    """
    mine = f"{UID_LABEL}={known.uid}"
    engine = kube.found(cluster, ObjectRef(kube.CHAOS_ENGINE, namespace, known.name, known.uid))
    if engine is not None:
        yield kube.CHAOS_ENGINE, "MODIFIED", engine
    elif known.engine is not None:
        yield kube.CHAOS_ENGINE, "DELETED", known.engine
    for body in cluster.list(kube.CHAOS_RESULT, namespace, labels=mine).items:
        yield kube.CHAOS_RESULT, "MODIFIED", body
    pods = {body["metadata"]["name"]: body for body in cluster.list(kube.POD, namespace, labels=mine).items}
    for name, body in {**known.pods, **pods}.items():
        yield kube.POD, "MODIFIED" if name in pods else "DELETED", body
    for body in cluster.list(kube.EVENT, namespace, fields=f"involvedObject.uid={known.uid}").items:
        yield kube.EVENT, "MODIFIED", body
