"""The one table of report formats: each is a module here whose `render` makes a text of what is reported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from chaoskit.reports.reading import Reported


@dataclass(frozen=True, slots=True)
class Format:
    """What a person is told of a format; `lineage`: whether it tells what came before and after, too."""

    about: str
    lineage: bool


FORMATS = {
    "html": Format("Write the report there as one HTML page", lineage=True),
    "junit": Format("Write the report there as JUnit XML", lineage=False),
    "sarif": Format("Write the report there as SARIF 2.1.0", lineage=False),
    "markdown": Format("Write the report there as Markdown", lineage=True),
}
"""Every format by its name, which is its option's and its module's, too."""


def render(name: str, reported: Reported) -> str:
    """The report in that format; its module is imported now, so that help imports none."""
    return str(import_module(f"chaoskit.reports.{name}").render(reported))


def encoded(name: str, reported: Reported) -> bytes:
    """The report as it is written; half a character out of some log is a question mark."""
    return render(name, reported).encode(errors="replace")
