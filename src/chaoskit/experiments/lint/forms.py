"""How names must be written that a server makes something of: namespaces, accounts, labels, images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chaoskit.documents import Location
from chaoskit.experiments.lint.rules import Finding, Look


class Form(NamedTuple):
    """How a name must be written, and that in words."""

    pattern: re.Pattern[str]
    words: str


LABEL = Form(
    re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII),
    "a DNS label: at most 63 small letters, digits and -",
)
SUBDOMAIN = Form(
    re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII),
    "a DNS name: at most 253 small letters, digits, - and .",
)

ITSELF = Form(
    re.compile(r"(?:(?!\{\{.*?\}\})[\s\S])*"),
    "the value itself, which no {{…}} can be",
)


def formed(look: Look, location: Location, form: Form) -> Iterator[Finding]:
    """A name that cannot be one; empty is none at all."""
    name = look.text(location)
    if name and not form.pattern.fullmatch(name):
        hint = "it is a variable: give it with --var name=value" if "${" in name else ""
        yield look.say("name-form", location, form.words, hint=hint)
