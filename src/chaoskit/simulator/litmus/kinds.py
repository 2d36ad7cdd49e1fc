"""How Litmus' kinds are called on the API port, and small readings of its objects."""

from __future__ import annotations

from chaoskit.simulator.api import Object

GROUP = "litmuschaos.io"
API_VERSION = "litmuschaos.io/v1alpha1"
ENGINE = "ChaosEngine.litmuschaos.io"
EXPERIMENT = "ChaosExperiment.litmuschaos.io"
RESULT = "ChaosResult.litmuschaos.io"
JOB = "Job.batch"
VERSION = "3.31.0"
SIGTERM = 143
"""The exit code of a program that does not handle SIGTERM."""
REGISTRY = "litmuschaos.docker.scarf.sh/litmuschaos"


def environment(container: Object, pod: str = "") -> dict[str, str]:
    """The container's environment; the one field reference that Litmus uses is the pod's own name."""
    entries = container.get("env") or ()
    return {e["name"]: pod if "valueFrom" in e else e.get("value", "") for e in entries}


def truth(text: str) -> bool:
    """A boolean as Go reads one; whatever it cannot read is false."""
    return text in {"1", "t", "T", "TRUE", "true", "True"}


def uid(body: Object) -> str:
    """The object's uid."""
    return str(body["metadata"]["uid"])
