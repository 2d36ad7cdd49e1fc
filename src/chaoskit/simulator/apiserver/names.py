"""The rules that names keep, each with what a real server says of one that breaks them, cause by cause."""

from __future__ import annotations

import re
from collections.abc import Iterator

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
BAD_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation "
    f"is '{LABEL}')"
)
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    f"'{SUBDOMAIN}')"
)
_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_BAD_NAME = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_NAME}')"
)
_BAD_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    f"for validation is '({_NAME})?')"
)
_EMPTY = "must be non-empty"


def key(text: str) -> Iterator[str]:
    """What is wrong with the key of a label or annotation: a name, after a prefix and a slash or alone."""
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        yield (
            f"a qualified name {_BAD_NAME} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        )
        return
    if slash:
        yield from (f"prefix part {each}" for each in ([_EMPTY] if not prefix else subdomain(prefix)))
    if not name:
        yield f"name part {_EMPTY}"
    yield from (f"name part {each}" for each in _at_most(63, name))
    if not re.fullmatch(_NAME, name):
        yield f"name part {_BAD_NAME}"


def value(text: str) -> Iterator[str]:
    """What is wrong with the value of a label."""
    yield from _at_most(63, text)
    if not re.fullmatch(f"({_NAME})?", text):
        yield _BAD_VALUE


def subdomain(text: str) -> Iterator[str]:
    """What is wrong with a name in DNS: labels with dots between them."""
    yield from _at_most(253, text)
    if not re.fullmatch(SUBDOMAIN, text):
        yield BAD_SUBDOMAIN


def port(text: str) -> Iterator[str]:
    """What is wrong with the name of a port."""
    yield from _at_most(15, text)
    if not re.fullmatch("[-a-z0-9]+", text):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", text):
        yield "must contain at least one letter or number (a-z, 0-9)"
    if "--" in text:
        yield "must not contain consecutive hyphens"
    if text.startswith("-") or text.endswith("-"):
        yield "must not begin or end with a hyphen"


def _at_most(length: int, text: str) -> Iterator[str]:
    if len(text) > length:
        yield f"must be no more than {length} characters"
