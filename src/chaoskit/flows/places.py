"""Whether the place that a call is about is there at all."""

from __future__ import annotations

from chaoskit import kube
from chaoskit.errors import ChaoskitError, NotFound
from chaoskit.ports.cluster import Cluster, ObjectRef


def absent(found: Cluster, namespace: str) -> bool:
    """Whether the server says that there is no such namespace; one that may not be read may be there."""
    try:
        found.get(ObjectRef(kube.NAMESPACE, "", namespace))
    except NotFound:
        return True
    except ChaoskitError:
        return False
    return False


def refuse_absent(found: Cluster, namespace: str) -> None:
    """The namespace exists, whoever named it: a flag, a variable, the settings or the context; "" is all.

    Raises:
        NotFound: the server says that it does not.
    """
    if namespace and absent(found, namespace):
        raise NotFound(f"there is no namespace {namespace}", hint="-n names another")
