"""Where names of secrets stand in a text, what binds a value to them, and what of it is the secret.

Where only settings stand, whatever a name is given is its value: in a line of its own, as a header, an
option, a variable, a key in quotes. Within a sentence it is one only behind a name that leaves no doubt, and
only when it is of letters and digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from chaoskit.secretgrammar import (
    Span,
    block,
    folded,
    has_its_value_below,
    line_end,
    listed,
    quoted,
    rest_of_quotes,
    spanned,
    word,
)
from chaoskit.secretnames import LONGEST, SURE, looks_secret

PLACEHOLDER = r"(?-i:(?:USER:)?(?:PASSWORD|TOKEN|VALUE)(?![\w-]))"
"""What chaoskit itself writes where a secret is to be put."""

_NAMES = re.compile(r"(?:(?<=\\)[nrt]|(?<![\w.-]))(?P<name>[\w.-]++)")
_BOUND = re.compile(
    r"(?P<shut>\\*[\"'])?(?:"
    r"[ \t]*(?P<equals>=[~>=]?|:=|->|!=|!~)"
    r"|(?P<pair>(?:(?<=[\"'])\s{0,80},?|\s{0,8},|(?=\s{0,8}\n)"
    r"|[ \t]{1,8}(?=\\*[\"']?value\\*[\"']?\s{0,8}[:=]))\s{0,80}"
    r"\\*[\"']?(?P<value>value)\\*[\"']?\s{0,8}[:=][ \t]{0,8})"
    r"|(?:(?<=[\"'])\s{0,80}|[ \t]{0,80})(?P<colon>::?)"
    r"|(?P<tag>(?:\s[^<>\n]{0,200})?>(?=[^<\n]++</))"
    r"|(?P<next>\s{0,80},\s{0,80}(?=\\*[\"']))"
    r"|(?P<gap>(?:[ \t]|\\\r?\n){1,80})(?=[^\s|&;<>]))",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?P<header>(?:-H\s?|--header[ =])(?:(?P<hdepth>\\*)(?P<hquote>[\"']))?)$"
    r"|(?:(?P<depth>\\*)(?P<quote>[\"'])|(?P<line>^|\n|\\[nr])|(?P<flow>[{,]\s{0,8})|(?P<tag><(?:\w{1,32}:)?))"
    r"[ \t]*(?:- )*+$",
    re.IGNORECASE,
)
_BLANKS, _SPACE = re.compile(r"[ \t]{0,80}"), re.compile(r"\s{0,80}")
_SHUT, _ENDS = re.compile(r"\\*[\"']\s{0,80}$"), re.compile(r"\s{0,80}$|[\"'\\]")
_NUMBER = re.compile(r"\d[\d.]*")
_OF_XML = re.compile(r"[^<\n]++")
_IN_BRACES = re.compile(r"[^\"'\n,{}]{1,512}+(?=[^{}\n]{0,200}\})")
_OF_A_PAIR = re.compile(r"[^\"'\n,}]{1,4096}")
_TO_QUOTES = re.compile(r"(?:[^\n\"']|=\"[^\n\"]*\"|='[^\n']*'|(?<=\w)[\"'](?=\w))+")
_TELLING = re.compile(r"(?=\S{0,64}?\d)(?=\S{0,64}?[A-Za-z])[^\s\"'\\{},;()\[\]<>]{6,}")
"""A word of letters and digits: where words may stand as well, only such a one is a secret."""
_ALONE = re.compile(r"(?=\S{0,64}?\d)(?=\S{0,64}?[A-Za-z])[^\s\"'\\]{6,}")
"""The same where nothing else stands: any sign may be in it."""
_BELOW = re.compile(r"(?=\S{0,64}?\d)(?=\S{0,64}?[A-Za-z])\S{6,}")
"""The same in a line of its own: quotes too."""
_SURE = re.compile(SURE, re.IGNORECASE)
_LOGS_IN = re.compile(r"(?:.*[-.])?(?:authorization|cookie)", re.IGNORECASE)
_HEADER = re.compile(r"[A-Z]\w*-[A-Z][\w-]*")
_VARIABLE = re.compile(r"[A-Z][A-Z\d_]*")
_SAYS = re.compile(
    r"authorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?"
    r"(?!(?:apikey|aws4[\w-]*|basic|bearer|bot|digest|hmac[\w-]*|jwt|key|negotiate|ntlm|oauth|token)\s+\S)"
    r"[a-z_]+(?![\w=.+/~-])(?![^\n\"']{0,200}?(?<!\w)(?=\w{0,64}?\d)(?=\w{0,64}?[a-z])\w{8})"
)
"""A word in small letters, no scheme and with no letters and digits behind it: as an error goes on."""
_PUT = re.compile(rf"(?:Bearer )?{PLACEHOLDER}")
_METRIC = re.compile(r"\bkube_\w{1,64}\{[^{}]{0,200}$")
_QUOTES = re.compile(r"[\\\"']+")
_SENTENCE_GOES_ON = re.compile(r"(?P<sign>[\"'])(?:[\s,;.)\]}]|$)")
_LONG = 512
"""So many letters are a secret, whatever they say: no line is read again for each name that is in it."""


def named(text: str) -> Iterator[Span]:
    """Where the values stand that are secrets by their names."""
    end, has_lines = 0, "\n" in text or "\\n" in text
    for found in _NAMES.finditer(text):
        called = found["name"][-LONGEST:]
        if found.start() < end or not looks_secret(called):
            continue
        name = _Name(text, found.start("name"), found.end(), called, has_lines)
        span = name.value()
        if span and _is_secret(called, text[slice(*span)]):
            yield span
            end = span[1]


def _is_secret(called: str, value: str) -> bool:
    said = value.strip(" \t\r\n\\\"'")
    if len(said) > _LONG:
        return True
    return bool(said) and not _PUT.match(said) and looks_secret(called, _QUOTES.sub("", said))


@dataclass(frozen=True)
class _Name:
    """A name in a text, with the value that it is given there."""

    text: str
    start: int
    end: int
    called: str
    has_lines: bool
    """Whether the text has more than one."""

    def value(self) -> Span | None:
        bound = _BOUND.match(self.text, self.end)
        if bound is None or (not bound["shut"] and self._is_quoted_alone(bound.end())):
            return None
        return _READ[bound.lastgroup or ""](self, bound)

    def behind_equals(self, bound: re.Match[str]) -> Span | None:
        if self._is_label:
            return None
        after = self._end_of(_BLANKS, bound.end())
        found = quoted(self.text, after) or listed(self.text, after)
        if _LOGS_IN.fullmatch(self.called):
            return found or spanned(_TO_QUOTES, self.text, after)
        if after == bound.end():
            return listed(self.text, after) or word(self.text, after, whole=self._is_variable)
        if self._is_line:
            return found or self._line(after)
        if bound["shut"] or bound["equals"] != "=" or (found and self._is_sure):
            return found
        headed = self._to_the_end(after) if self._is_headed and not found else None
        return headed or self._among_words(after, found, self._place) or self._alone(after)

    def behind_colon(self, bound: re.Match[str]) -> Span | None:
        """Its value where only a value can stand."""
        after = self._end_of(_SPACE if bound["shut"] else _BLANKS, bound.end())
        is_apart = after > bound.end()
        found = quoted(self.text, after) or listed(self.text, after)
        if _LOGS_IN.fullmatch(self.called):
            return None if _SAYS.match(self.text, self.start) else found or self._login(after)
        if bound["shut"]:
            below = self._below(bound.end()) if self.has_lines else None
            return found or spanned(_NUMBER, self.text, after) or below
        if self._place["header"] or (self._is_headed and is_apart and not self._is_line):
            return found if found and not self._is_in_quotes else self._to_the_end(after)
        if self._is_line:
            return (found or self._line(after)) if is_apart else self._below(after)
        return self._among_words(after, found, self._place if is_apart else _NOWHERE)

    def _login(self, at: int) -> Span | None:
        """What logs in, which has words of its own: a scheme, parameters, several cookies."""
        if self._is_line and has_its_value_below(self.text, at):
            return block(self.text, self.start, at, tells=None)
        return self._to_the_end(at)

    def _among_words(self, at: int, found: Span | None, place: dict[str, str | None]) -> Span | None:
        """Its value where words may stand as well."""
        if place["quote"] and self._is_sure:
            return found or self._to_the_end(at)
        if place["flow"]:
            within = spanned(_IN_BRACES, self.text, at)
            return found or (within if self._is_telling(within) else self._told(at))
        if place["quote"] or place["line"] is not None:
            return self._alone(at) or self._told(at)
        return found if found and self._is_sure else self._told(at)

    def in_a_tag(self, bound: re.Match[str]) -> Span | None:
        found = spanned(_OF_XML, self.text, bound.end())
        is_there = self._place["tag"] or (bound["shut"] and self._place["quote"])
        return found if is_there and self._is_telling(found) else None

    def of_a_pair(self, bound: re.Match[str]) -> Span | None:
        """Of what has a name and a value, each under its own key."""
        if has_its_value_below(self.text, bound.end()):
            return block(self.text, bound.start("value"), bound.end(), tells=None)
        return quoted(self.text, bound.end()) or spanned(_OF_A_PAIR, self.text, bound.end())

    def next_word(self, bound: re.Match[str]) -> Span | None:
        return quoted(self.text, bound.end()) if self.called.startswith("-") else None

    def behind_a_gap(self, bound: re.Match[str]) -> Span | None:
        at, before = bound.end(), self.text[self.start - 1 : self.start]
        if self.called.startswith("-") and not before.strip():
            return None if self.text.startswith("-", at) else word(self.text, at)
        found = quoted(self.text, at)
        if found:
            return found if self._is_sure and _TELLING.fullmatch(self.text, *found) else None
        told = self._told(at) if self._is_line else None
        return told if told and told[1] == line_end(self.text, at) else None

    @cached_property
    def _place(self) -> dict[str, str | None]:
        found = _BEFORE.search(self.text, max(0, self.start - 200), self.start)
        return found.groupdict() if found else _NOWHERE

    @property
    def _is_label(self) -> bool:
        """Whether it is the label by which metrics name a Secret: ``kube_secret_info{secret="x"}``."""
        if self.called != "secret":
            return False
        return _METRIC.search(self.text, max(0, self.start - 2 * LONGEST), self.start) is not None

    def _is_quoted_alone(self, at: int) -> bool:
        """Whether the quotes in which it stands are shut there, as where a sentence speaks of it."""
        shut = _SENTENCE_GOES_ON.match(self.text, at)
        return shut is not None and shut["sign"] == self._place["quote"]

    @property
    def _is_in_quotes(self) -> bool:
        return bool(self._place["quote"] or self._place["hquote"])

    @property
    def _is_line(self) -> bool:
        """Whether it begins a line of more."""
        return self._place["line"] is not None and self.has_lines

    @property
    def _is_sure(self) -> bool:
        return _SURE.search(self.called) is not None

    @property
    def _is_headed(self) -> bool:
        """Whether it is alone what a header is called, or a password's, with a dash, at the beginning."""
        place = self._place
        if not place["quote"] and place["line"] is None:
            return False
        return bool(_HEADER.fullmatch(self.called)) or (self._is_sure and "-" in self.called.lstrip("-"))

    @property
    def _is_variable(self) -> bool:
        """Whether a shell's variable is set there, whose value ends with its word."""
        before = self.text[self.start - 1 : self.start]
        return not before.strip() and _VARIABLE.fullmatch(self.called) is not None

    def _is_telling(self, span: Span | None) -> bool:
        return span is not None and (self._is_sure or _TELLING.match(self.text, *span) is not None)

    def _line(self, at: int) -> Span | None:
        """To the end of the line, with those that it is folded over; or the lines below."""
        if (self._place["line"] or "").startswith("\\"):  # of a text within JSON
            return spanned(_OF_A_PAIR, self.text, at)
        if has_its_value_below(self.text, at):
            return self._below(at)
        end = line_end(self.text, at)
        return at, folded(self.text, self.start, end) if _is_secret(self.called, self.text[at:end]) else end

    def _below(self, at: int) -> Span | None:
        return block(self.text, self.start, at, tells=None if self._is_sure else _BELOW)

    def _to_the_end(self, at: int) -> Span | None:
        """To the end of the quotes in which the name stands too, or of its line."""
        place = self._place
        if sign := place["quote"] or place["hquote"]:
            return rest_of_quotes(self.text, at, sign, len(place["depth"] or place["hdepth"] or ""))
        if place["line"] is not None:
            return at, line_end(self.text, at)
        return spanned(_TO_QUOTES, self.text, at)

    def _alone(self, at: int) -> Span | None:
        """A word of letters and digits that is all that stands there, in quotes or not."""
        within = quoted(self.text, at)
        found = within or spanned(_ALONE, self.text, at)
        if not found or not _ALONE.fullmatch(self.text, *found):
            return None
        return found if (_SHUT if within else _ENDS).match(self.text, found[1]) else None

    def _told(self, at: int) -> Span | None:
        return spanned(_TELLING, self.text, at) if self._is_sure else None

    def _end_of(self, pattern: re.Pattern[str], at: int) -> int:
        found = pattern.match(self.text, at)
        return found.end() if found else at


_NOWHERE: dict[str, str | None] = dict.fromkeys(_BEFORE.groupindex)
_READ = {
    "equals": _Name.behind_equals,
    "colon": _Name.behind_colon,
    "pair": _Name.of_a_pair,
    "tag": _Name.in_a_tag,
    "next": _Name.next_word,
    "gap": _Name.behind_a_gap,
}
"""How the value is read, by what binds it to the name."""

_VALUE = re.compile(r"(?<!\w)value\\*[\"']?\s{0,8}[:=]\s{0,8}", re.IGNORECASE)
_ITS_NAME = re.compile(
    r"\\*[\"']?\s{0,8},?\s{0,80}\\*[\"']?(?:name|key)\\*[\"']?\s{0,8}[:=]\s{0,8}\\*[\"']?(?P<name>[\w.-]{1,128})",
    re.IGNORECASE,
)


def named_behind(text: str) -> Iterator[Span]:
    """Where the value stands before its name: ``{"value": "x", "name": "DB_PASSWORD"}``."""
    for each in _VALUE.finditer(text):
        span = quoted(text, each.end()) or spanned(_OF_A_PAIR, text, each.end())
        behind = _ITS_NAME.match(text, span[1]) if span else None
        if (
            span
            and behind
            and looks_secret(behind["name"])
            and _is_secret(behind["name"], text[slice(*span)])
        ):
            yield span
