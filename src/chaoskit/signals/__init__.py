"""Signals: what is measured, under which recorded name, and which class of failure needs it.

catalogue  the signals that chaoskit knows by itself
known      those and one's own, as this process knows them
promql     selectors and expressions
needs      what each class of failure needs, and what is lost without a signal
"""

from __future__ import annotations

from chaoskit.signals.catalogue import BY_NAME, CATALOGUE
from chaoskit.signals.known import KNOWN, adopted, known
from chaoskit.signals.promql import expression, selector

__all__ = ["BY_NAME", "CATALOGUE", "KNOWN", "adopted", "expression", "known", "selector"]
