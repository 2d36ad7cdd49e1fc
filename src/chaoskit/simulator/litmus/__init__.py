"""LitmusChaos 3.31: operator, runner, experiments and helpers, acting as their recordings show them."""

from chaoskit.simulator.knobs import Knobs
from chaoskit.simulator.litmus.manifests import install

__all__ = ["Knobs", "install"]
