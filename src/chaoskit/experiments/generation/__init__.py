"""What to try next: from topology, predictions, history and incidents; ranked, written out, with reasons."""

from __future__ import annotations

from chaoskit.experiments.generation.incidents import reproduce
from chaoskit.experiments.generation.proposals import TRACE, Cost, Proposal
from chaoskit.experiments.generation.ranking import Source, propose
from chaoskit.experiments.generation.steady import Measured

__all__ = ["TRACE", "Cost", "Measured", "Proposal", "Source", "propose", "reproduce"]
