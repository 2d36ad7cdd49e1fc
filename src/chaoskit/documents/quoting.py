"""Which lines of a text of YAML or JSON are quoted to nobody, readable or not: a secret may stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chaoskit.secretnames import looks_secret

_A_SECRET = re.compile(
    r"\bkind\\*[\"']?\s*:\s*\\*[\"']?Secret(?:List)?(?![\w-])|\bstringData\b"
    r"|-----BEGIN [A-Z ]{0,32}PRIVATE KEY",
    re.IGNORECASE,
)
"""What a Secret says of itself, or nothing else does; and where a private key begins."""
_CALLS = re.compile(r"[\s{\[-]*[\"']?(?:name|key)[\"']?\s*:", re.IGNORECASE)
"""A field that may call what stands beside it secret."""
_BEGINS = re.compile(r"\s*-\s|.*:(?:\s|$)")
"""What looks like a field or an item; other lines go on with a text, however they are indented."""


def content(line: str) -> str:
    """What stands in a line, without a comment."""
    return re.sub(r"(^|\s)#.*", "", line).strip()


def is_border(line: str) -> bool:
    """Whether a document begins there; ``-----BEGIN`` is a key's, wherever in a text it stands."""
    return re.match(r"---(\s|$)", line) is not None


def unquotable(lines: Sequence[str], number: int) -> bool:
    """Whether that line, counted from 0, may hold a secret.

    It speaks of one, or the line before it or what it is in does; a ``name`` or ``key`` beside any of these
    calls it one; or its document is a Secret, in whatever line that says so, or has a private key.
    """
    parts = [n for n, line in enumerate(lines) if is_border(line)]
    start = max((n for n in parts if n <= number), default=0)
    document = lines[start : min((n for n in parts if n > number), default=len(lines))]
    if _A_SECRET.search("\n".join(document)):
        return True
    return any(map(looks_secret, _about(document, number - start)))


def _about(lines: Sequence[str], number: int) -> Iterator[str]:
    """The line, and those that may say what stands in it."""
    yield from lines[max(0, number - 1) : number + 1]
    full = [n for n in range(min(number + 1, len(lines))) if content(lines[n])]
    yield from (lines[n] for n in full[-2:])
    begun = next((n for n in reversed(full) if _BEGINS.match(lines[n])), number)
    for each in _around(lines, begun):
        yield lines[each]
        yield from (line for line in _beside(lines, each) if _CALLS.match(line))


def _around(lines: Sequence[str], number: int) -> Iterator[int]:
    """The line and those that it is in, the innermost first."""
    inner = None
    for n in range(min(number, len(lines) - 1), -1, -1):
        if inner is None or (_depth(lines[n]) < inner and content(lines[n])):
            inner = _depth(lines[n])
            yield n


def _beside(lines: Sequence[str], number: int) -> Iterator[str]:
    """The lines of the mapping that the line has a field of."""
    column = _field(lines[number])
    for line in lines[number::-1]:
        if content(line) and _field(line) == column:
            yield line
        if content(line) and _begins(line) < column:
            break
    for line in lines[number + 1 :]:
        if content(line) and _begins(line) < column:
            break
        if _field(line) == column:
            yield line


def _begins(line: str) -> int:
    """The column in which the line begins."""
    return len(line) - len(line.lstrip())


def _field(line: str) -> int:
    """The column of its first word, behind dashes and brackets: that of the fields beside it."""
    return len(line) - len(line.lstrip(" \t-{["))


def _depth(line: str) -> int:
    """How deep it stands: an item deeper than the field in the same column that it is of."""
    return 2 * _begins(line) + line.lstrip().startswith("- ")
