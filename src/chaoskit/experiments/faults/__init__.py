"""The catalogue of faults: purpose, parameters with units and ranges, rights, undo and what may be left.

Every tunable but the nodes' own is written into every engine: what a ChaosExperiment in a cluster says
differs from chart to chart. Defaults are the charts', ranges those of litmus-go 3.31.
"""

from __future__ import annotations

from collections.abc import Mapping

from chaoskit.experiments.faults import http, network, nodes, pods, resources
from chaoskit.experiments.faults.model import (
    SEVERITIES,
    Fault,
    Parameter,
    Rule,
    Severity,
    Value,
)
from chaoskit.experiments.faults.parts import EVERYWHERE, OF_THE_NODES

CATALOGUE: Mapping[str, Fault] = {
    fault.kind: fault for group in (pods, resources, network, http, nodes) for fault in group.FAULTS
}
"""Every fault by its kind."""

__all__ = [
    "CATALOGUE",
    "EVERYWHERE",
    "OF_THE_NODES",
    "SEVERITIES",
    "Fault",
    "Parameter",
    "Rule",
    "Severity",
    "Value",
]
