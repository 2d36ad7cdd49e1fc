"""Where in a text known secrets stand, however they are spelt there: as they are, cut, in base64.

A text is searched as it is, for what URLs, JSON and Python write for each secret; and as who it was written
for reads it: without what URLs, JSON, YAML, HTML and shells write for a letter, and without the ends of
lines. The secrets are read in the same way. What either finds is taken out of the text itself, at once.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import quote, quote_plus

from chaoskit.secretforms import cleared
from chaoskit.secretgrammar import Span

SHORTEST = 6
"""A hidden value is also hidden wherever else it stands, unless it is shorter: then it may be any word."""


def without(text: str, values: Iterable[str]) -> str:
    """The text without these secret `values`, however they are spelt or cut in it; else as it was."""
    known = frozenset(values)
    if not known:
        return text
    spans, read = _found(text, known), _read(text)
    if read != text:
        lines = _of_lines(known)
        more = (span for span in _in_the_text(text, _found(read, known)) if not _is_chance(text, span, lines))
        spans = sorted((*spans, *more))
    return cleared(text, spans)


_JOINED = 16
"""What is as long is no chance where lines are joined; figures and short words below each other may be."""
_BROKEN = 40
"""A line as long may have been broken where no word ends, as those of base64 are."""
_LINE_END = re.compile(r"\\[rn]|[\r\n]")


def _is_chance(text: str, span: Span, lines: Collection[str]) -> bool:
    """Whether short lines tell that only when joined, and it is no secret that is of `lines` itself."""
    found = _LINE_END.search(text, *span)
    if found is None:
        return False
    begun = _LINE_END.split(text[max(0, span[0] - _BROKEN) : found.start()])[-1]
    read = _read(text[slice(*span)])
    return len(begun) < _BROKEN and len(read) < _JOINED and read not in lines


@lru_cache(maxsize=256)
def _of_lines(values: frozenset[str]) -> frozenset[str]:
    """Those of these secrets that have ends of lines in them, as they are read."""
    return frozenset(_read(value) for value in values if _LINE_END.search(value))


def _found(text: str, values: frozenset[str]) -> Sequence[Span]:
    """Where in the text one of these secrets stands, whole or cut; in order.

    Each beginning is looked up, which takes as long for one secret as for thousands.
    """
    forms, spans = _by_beginning(values), []
    for length in {*map(len, forms)}:
        dots = -1
        for at in [at for at in range(len(text)) if text[at : at + length] in forms]:
            if dots < at + SHORTEST:
                dots = _dots(text, at + SHORTEST)
            if end := _end(text, at, dots, forms[text[at : at + length]]):
                spans.append((at, end))
    return sorted(spans)


def _end(text: str, at: int, dots: int, forms: Sequence[str]) -> int:
    """Where the longest of these forms that stands there ends, or what is left of one before dots; or 0."""
    for form in forms:
        if text.startswith(form, at):
            return at + len(form)
    if dots - at >= len(forms[0]):
        return 0
    left = text[at:dots]
    return dots if any(form.startswith(left) and not _is_word(left, form) for form in forms) else 0


def _is_word(left: str, form: str) -> bool:
    """Whether that is a whole word with which the secret begins: anybody may say it before dots."""
    return left.isalpha() and not form[len(left)].isalnum()


def _dots(text: str, at: int) -> int:
    """Where the next dots begin, as they stand behind what was cut."""
    found = _CUT.search(text, at)
    return found.start() if found else sys.maxsize


_CUT = re.compile(r"\.\.\.|…")


@lru_cache(maxsize=256)
def _by_beginning(values: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What stands in a text that tells one of these secrets, by how it begins: the longest first."""
    found: dict[str, list[str]] = {}
    for form in sorted({form for value in values for form in _forms(value)} - {""}, key=len, reverse=True):
        found.setdefault(form[:SHORTEST], []).append(form)
    return {begin: tuple(each) for begin, each in found.items()}


def _forms(value: str) -> Iterator[str]:
    """The secret as it is and as it is spelt; where it is long enough as it is read, and in base64."""
    yield from (value, *_spelt(value))
    if len(value) >= SHORTEST:
        read = (_read(value), _read(value.replace(" ", "+")))
        yield from (each for each in (*read, *_folded(read[0])) if len(each) >= SHORTEST)
        raw = value.encode("utf-8", errors="replace").hex()
        yield from (raw, raw.upper())
        for form in _in_base64(value.encode("utf-8", errors="replace")):
            yield from (form, form.translate(_URL_SAFE))


_MOST_FOLDS = 40
"""So many of its spaces are looked at."""


def _folded(read: str) -> Iterator[str]:
    """What is read where lines were broken at its spaces: at any one of them, or at each."""
    places = [each.start() for each in re.finditer(" ", read)][:_MOST_FOLDS]
    yield from (f"{read[:at]}{read[at + 1 :]}" for at in places)
    yield read.replace(" ", "")


def _spelt(value: str) -> Iterator[str]:
    """The secret as URLs, JSON, CSV and Python write it: what is in it may be read as something else."""
    whole = quote(value, safe="", errors="replace")
    yield from (whole, _CODE.sub(lambda code: code[0].lower(), whole), quote(value, errors="replace"))
    yield value.replace('"', '""')
    yield quote_plus(value, errors="replace")
    yield from (json.dumps(value, ensure_ascii=ascii_)[1:-1] for ascii_ in (True, False))
    # beside both quotes one is escaped
    yield from (repr(value)[1:-1], repr(f"{value}\"'")[1:-4])


_CODE = re.compile("%[0-9A-F]{2}")
_URL_SAFE = str.maketrans("+/", "-_")


def _in_base64(raw: bytes) -> Iterator[str]:
    """The bytes in base64: alone, and what is theirs alone of it where others stand around them."""
    yield base64.b64encode(raw).decode()
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        yield base64.b64encode(bytes(before) + raw).decode()[first:last]


_HEX = "[0-9a-fA-F]"
_HIGH = f"[89a-fA-F]{_HEX}"
_SPELT = re.compile(
    r"[%&'\\\r\n](?:"  # a set, so that texts with none of them are known at once
    r"(?:(?<=%)(?:25)*|(?<=\\)\\*[xX])"
    rf"(?:(?P<bytes>{_HIGH}(?:(?:%(?:25)*|\\+[xX]){_HIGH})*)|(?P<ascii>[0-7]{_HEX}))"
    rf"|(?<=\\)\\*[uU](?P<half>[dD][89abAB]{_HEX}{{2}}\\+[uU][dD][c-fC-F]{_HEX}{{2}}|{_HEX}{{4}})"
    r"|(?<=\\)\\*(?P<tab>t)|(?:(?<=\\)\\*[nr]|(?<=[\r\n]))(?:\\+[nr]|[\r\n])*[ \t]*|(?<=\\)\\*"
    rf"|(?<=&)(?:(?P<entity>amp|lt|gt|quot|apos)|#(?P<number>\d{{1,5}})|#[xX](?P<hex>{_HEX}{{1,4}}));"
    r"|(?<=')(?:\"'\"|\\')?(?P<quote>')"
    r")"
)
"""What is written for a letter, and what stands between: the end of a line, how the next begins, a sign."""
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def _read(text: str) -> str:
    """The text as it is read."""
    return _SPELT.sub(_letters, text)


def _letters(spelt: re.Match[str]) -> str:
    """What is read there: mostly a letter, or nothing."""
    said = spelt[spelt.lastgroup or 0]
    match spelt.lastgroup:
        case "ascii" | "hex":
            read = chr(int(said, 16))
        case "number":
            read = chr(int(said))
        case "tab":
            read = "\t"
        case "entity":
            read = _ENTITIES[said]
        case "bytes":
            read = _decoded(bytes.fromhex(_SIGNS.sub("", said)))
        case "half":
            read = bytes.fromhex(_SIGNS.sub("", said)).decode("utf-16-be", "replace")
        case "quote":
            read = said
        case _:
            read = ""
    return "" if read in _BETWEEN else read


_SIGNS = re.compile(r"%(?:25)*|\\+[xXuU]")
_BETWEEN = frozenset("\r\n\\")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _in_the_text(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Where in the text itself that stands which these spans are of as it is read."""
    starts: list[int] = []
    stops: list[int] = []
    at = 0
    for each in _SPELT.finditer(text):
        starts += range(at, each.start())
        stops += range(at + 1, each.start() + 1)
        letters, at = len(_letters(each)), each.end()
        starts += [each.start()] * letters
        stops += [at] * letters
    starts += range(at, len(text))
    stops += range(at + 1, len(text) + 1)
    return ((starts[first], stops[last - 1]) for first, last in spans)
