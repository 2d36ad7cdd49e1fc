"""Reads what people write: YAML with the line and column of every value, and pydantic models over it."""

from __future__ import annotations

from chaoskit.documents.building import Written, build, each, refuse
from chaoskit.documents.durations import Duration, duration, seconds
from chaoskit.documents.naming import names_in
from chaoskit.documents.places import Document, Location, Place, Step, closest, nearest, shown, spelled
from chaoskit.documents.reading import dump, parse, read, secrets_of_variables, survey, unnamed
from chaoskit.documents.within import TEMPLATE, within

__all__ = [
    "TEMPLATE",
    "Document",
    "Duration",
    "Location",
    "Place",
    "Step",
    "Written",
    "build",
    "closest",
    "dump",
    "duration",
    "each",
    "names_in",
    "nearest",
    "parse",
    "read",
    "refuse",
    "seconds",
    "secrets_of_variables",
    "shown",
    "spelled",
    "survey",
    "unnamed",
    "within",
]
