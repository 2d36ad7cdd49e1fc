"""What is wrong, or a trap, in documents: rules with ids, each with what Litmus makes of it."""

from __future__ import annotations

from chaoskit.experiments.lint.access import SHAPES, beside
from chaoskit.experiments.lint.definitions import definition
from chaoskit.experiments.lint.engines import engine
from chaoskit.experiments.lint.native import native
from chaoskit.experiments.lint.rules import RULES, Finding, Level, Look
from chaoskit.experiments.lint.together import together

BESIDE = frozenset({"ChaosExperiment", *SHAPES})
"""Kinds that may stand beside an engine."""

__all__ = [
    "BESIDE",
    "RULES",
    "Finding",
    "Level",
    "Look",
    "beside",
    "definition",
    "engine",
    "native",
    "together",
]
