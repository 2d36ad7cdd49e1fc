"""What is wrong, or a trap, in documents: rules with ids, each with what Litmus makes of it."""

from __future__ import annotations

from chaoskit.experiments.lint.documents import findings, heeded, idle, nothing_to_run, of_document, unmade
from chaoskit.experiments.lint.kinds import known, taken
from chaoskit.experiments.lint.rules import NEEDED, RULES, Finding, Level, Look
from chaoskit.experiments.lint.together import together

__all__ = [
    "NEEDED",
    "RULES",
    "Finding",
    "Level",
    "Look",
    "findings",
    "heeded",
    "idle",
    "known",
    "nothing_to_run",
    "of_document",
    "taken",
    "together",
    "unmade",
]
