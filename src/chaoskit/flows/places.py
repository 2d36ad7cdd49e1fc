"""Whether the place that a call is about is there at all."""

from __future__ import annotations

from chaoskit import kube
from chaoskit.errors import ChaoskitError, NotFound
from chaoskit.ports.cluster import Cluster, ObjectRef


def absent(cluster: Cluster, namespace: str) -> bool:
    """Whether the server says that there is no such namespace; one that may not be read may be there."""
    try:
        return kube.found(cluster, ObjectRef(kube.NAMESPACE, "", namespace)) is None
    except ChaoskitError:
        return False


def refuse_absent(cluster: Cluster, namespace: str) -> None:
    """The namespace exists, whoever named it: a flag, a variable, the settings or the context; "" is all.

    Raises:
        NotFound: the server says that it does not.
    """
    if namespace and absent(cluster, namespace):
        raise NotFound(f"there is no namespace {namespace}", hint="-n names another")
