"""Faults that chaoskit does itself, through the Kubernetes API alone: no operator, no privileged helper.

Each is what it changes, written down before it is done, and the sign that it was felt; the ledger undoes it.
"""

from chaoskit.experiments.direct.faults import DIRECT
from chaoskit.experiments.direct.scene import Direct, Scene

__all__ = ["DIRECT", "Direct", "Scene"]
