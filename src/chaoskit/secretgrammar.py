"""How a value is written: in quotes, as a list, in the lines below, to the end of its line or of its word.

Each of these says where in the text the value stands that begins there, without its quotes; or nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

Span = tuple[int, int]

_OPENS = re.compile(r"(?:[bruf]{1,2}|\$)?(?P<depth>\\{0,8})(?P<sign>\"\"\"|'''|[\"'])", re.IGNORECASE)
_SIGNS = {sign: re.compile(rf"(?<!\\)(?P<depth>\\*+){sign}") for sign in ('"', "'", '"""', "'''")}
_GOES_ON = re.compile(r"'(?:\"'\"|\\+'\\*)'|\"\"|''")
"""What writes a quote between quotes: a shell's ``'"'"'`` and ``'\\''``, and two of them in YAML and CSV."""
_OVER_LINES = 4_000
"""Letters that a quoted value of more lines has at most: a quote that is never shut ends with its line."""


def quoted(text: str, at: int) -> Span | None:
    """What is in the quotes that open there, which JSON or a shell may have escaped, over lines too."""
    opens = _OPENS.match(text, at)
    return (opens.end(), _shut(text, opens.end(), opens["sign"], len(opens["depth"]))) if opens else None


def rest_of_quotes(text: str, at: int, sign: str, depth: int) -> Span:
    """What is left there of the quotes that were opened before, or of the line."""
    return at, min(_shut(text, at, sign, depth), line_end(text, at))


def line_end(text: str, at: int) -> int:
    """Where the line ends."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _shut(text: str, start: int, sign: str, depth: int) -> int:
    """Where these quotes are shut; where they never are, the end of the line.

    A quote behind n backslashes is shut by one behind as many, also where 2n + 2 of them write others within.
    """
    within = _shut_before(text, start, start + _OVER_LINES, sign, depth)
    if within is None:
        line = line_end(text, start)
        return line if (far := _shut_before(text, start, line, sign, depth)) is None else far
    return within


def _shut_before(text: str, start: int, end: int, sign: str, depth: int) -> int | None:
    """Where these quotes are shut, if it is before that end."""
    at = start
    while each := _SIGNS[sign].search(text, at, end):
        goes_on = _GOES_ON.match(text, each.start()) if len(sign) == 1 and each.start() > start else None
        if goes_on and goes_on[0][0] == sign:
            at = goes_on.end()
        elif len(each["depth"]) % (2 * depth + 2) == depth:
            return each.start()
        else:
            at = each.end()
    return None


_ITEM = re.compile(r"\s{0,80}(?P<item>[^\s,\[\]{}\"'\\][^,\[\]{}\"'\n]*+)?")
_NEXT = re.compile(r"[\\\s]{0,80},\s{0,80}")
_GOES_ON_BEHIND = re.compile(r"\s*\][^\s\"',;&)\]}]")
_AFTER = re.compile(r"\\{0,8}(?:\"\"\"|'''|[\"'])?(?=\s*(?:[,\]]|$))")


def listed(text: str, at: int) -> Span | None:
    """All the words in the brackets that open there, in quotes or not."""
    if not text.startswith("[", at):
        return None
    spans = []
    at += 1
    while (item := _item(text, at)) and (after := _AFTER.match(text, item[1])):
        spans.append(item)
        if not (more := _NEXT.match(text, after.end())):
            break
        at = more.end()
    return (spans[0][0], spans[-1][1]) if spans and not _GOES_ON_BEHIND.match(text, spans[-1][1]) else None


def _item(text: str, at: int) -> Span | None:
    found = _ITEM.match(text, at)
    if found and found["item"]:
        return found.span("item")
    return quoted(text, found.end()) if found else None


_WORD = re.compile(r"(?:\\[ ,]|\\++(?![\"'])|[^\s\"'&,;\\]|(?<=\w)[\"'](?=\w))+")
_UNBROKEN = re.compile(r"[^\s\"'\\(][^\s\"']*(?:(?<=\w)[\"'](?=\w)[^\s\"']*)*")
_GOES_ON_BARE = re.compile(r"[\"'][\w][^\s\"'&,;\\]*")
_BRACED = re.compile(
    r"(?:\$?\{\{[^{}\n]{0,512}\}\}|\$\([^()]{0,4096}\)|\$?\{(?:[^{}\n]|\}\}){0,4096}\})(?![^\s\"'&,;)\]}])"
)
"""What a shell or a template puts there, and how a driver's settings write what has a semicolon."""


def word(text: str, at: int, *, whole: bool = False) -> Span | None:
    """A word of a command or an address, in quotes or not; the `whole` one goes on behind commas and such."""
    found = quoted(text, at)
    if found is None:
        return spanned(_BRACED, text, at) or spanned(_UNBROKEN if whole else _WORD, text, at)
    more = _GOES_ON_BARE.match(text, found[1])
    return (at, more.end()) if more else found


def spanned(pattern: re.Pattern[str], text: str, at: int) -> Span | None:
    """Where that is found, if it is there."""
    found = pattern.match(text, at)
    return found.span() if found else None


_HEAD = re.compile(r"[ \t]*(?P<sign>[|>][\d+-]{0,2})?[ \t]*(?:#[^\n]*)?\r?$", re.MULTILINE)
_LINE = re.compile(r"\n(?P<indent>[ \t]*+)(?P<item>(?:-[ \t]++)*+)(?P<text>[^\n]*)")
_SETTING = re.compile(r"[\"']?[\w.-]++[\"']?(?:[ \t]*:(?:\s|$)|[ \t]+=[ \t])")


def has_its_value_below(text: str, at: int) -> bool:
    """Whether what is left of the line is nothing but what YAML writes there of the lines below."""
    return _HEAD.match(text, at) is not None


def block(text: str, name: int, at: int, *, tells: re.Pattern[str] | None) -> Span | None:
    """The lines of YAML below the `name`, as text behind a sign or else as words or a list.

    Such words are none where others may stand there, unless each is one that `tells`.
    """
    head = _HEAD.match(text, at)
    if head is None:
        return None
    column, found = _column(text, name), []
    for line in _below(text, head.end()):
        if not _belongs(line, column, bool(head["sign"]), tells):
            break
        if line["text"]:
            found.append(line)
    return (found[0].start("text"), found[-1].end()) if found else None


def _belongs(line: re.Match[str], column: int, is_text: bool, tells: re.Pattern[str] | None) -> bool:
    """Whether it is a line of the text behind a sign, or else a word, and no setting of its own."""
    if is_text:
        return len(line["indent"]) > column or not (line["text"] or line["item"])
    if not line["text"] or len(line["indent"]) + bool(line["item"]) <= column or _SETTING.match(line["text"]):
        return False
    return tells is None or tells.fullmatch(line["text"].strip("\"'\r")) is not None


_FOLDED = 20
"""A value of YAML goes on over so many lines at most: more are the trace of an error."""


def folded(text: str, name: int, end: int) -> int:
    """Where a value of YAML ends that goes on in deeper lines than its `name` has."""
    column = _column(text, name)
    for line in itertools.islice(_below(text, end), _FOLDED):
        deeper = line["text"] and not line["item"] and len(line["indent"]) > column
        if not deeper or _SETTING.match(line["text"]):
            break
        end = line.end()
    return end


def _below(text: str, at: int) -> Iterator[re.Match[str]]:
    line = _LINE.match(text, at)
    while line:
        yield line
        line = _LINE.match(text, line.end())


def _column(text: str, at: int) -> int:
    """How far from the beginning of its line that stands, but for quotes."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return len(before.rstrip("\"'"))
