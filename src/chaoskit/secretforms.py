"""How secrets are written: where in a text a value stands that is one by its name, its place or its form.

What is found here knows nothing of any value. Each finder reads the text itself, untouched; what they find
is taken out of it at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from chaoskit.secretcommands import in_commands
from chaoskit.secretgrammar import Span
from chaoskit.secretplaces import PLACEHOLDER, named, named_behind

HIDDEN = "(hidden)"

_WORD = r"[^\s\"'&,;\\]"
_TELLING = r"(?=[^\s\"']{0,64}?\d)(?=[^\s\"']{0,64}?[a-z])"
_OF_OURS = r"(?:daemonset|job|pod|run|service|statefulset|target|workload):[a-z][a-z-]*+(?:\d{1,3})?"
"""How a workload of a namespace is called: ``service:cart@shop``."""
_BY_FORM = (
    # a private key as text, to its end or as far as it goes; in base64
    (
        r"(-----BEGIN [A-Z ]{0,32}PRIVATE KEY[A-Z ]{0,8}-----)"
        r"(?=(?:\\++[nr]?|[^\w+/\\]){0,80}+(?:[a-z0-9+/]{12}|Proc-Type))(?:[^\"'-]|-(?!----))+"
    ),
    r"()(?<![\w+/])(?-i:LS0tLS1CRUdJTi(?:[\w+/]{0,24}?UFJJVkFUR|[\w+/]{0,24}?BSSVZBVE|[\w+/]{0,24}?QUklWQVRF))[\w+/=]+",
    # a JWT, and what begins as nothing else does
    r"((?<![\w-]))(?-i:eyJ)[\w-]{8,4096}+\.(?-i:eyJ)[\w-]{4,4096}+\.[\w-]{0,4096}",
    (
        r"((?<![\w-]))(?-i:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|hv[bsr]\.|dckr_pat_|[rs]k_live_"
        r"|sk-(?:proj|ant)-|shpat_|dop_v1_|pypi-AgE)(?=[\w-]{0,64}?\d)[\w.-]{12,512}"
    ),
    r"((?<![\w-])(?-i:npm_))(?=[a-z]{0,64}\d)[a-z0-9]{12,64}",
    r"((?<![\w-]))(?-i:AIza)[\w-]{30,64}",
    r"((?<![\w-])(?-i:SG)\.)[\w-]{8,64}\.[\w-]{8,64}",
    # user and password in an address, with any slash or @ of it; no port and path before an @
    (
        rf"((?<=://)|(?<=:\\/\\/))(?!{PLACEHOLDER}@)"
        r"(?:[^\s/\"'@:]{0,256}:(?!\d{1,5}[/?#])[^\s\"'@]{0,4096}+(?:@[^\s\"'@/?#:,]{1,256}+(?=@)){0,8}"
        r"|[^\s/\"'@]{1,4096})(?=@)"
    ),
    # where the scheme was forgotten; an image's tag before its digest is none
    (
        rf"((?<![\w@/.-]))(?!(?:e?mail|mailto|deployment):|{_OF_OURS}@[\w-]+(?![\w.:-]))[^\s/:@\"'(),=]{{1,64}}:"
        r"[^\s@/\"':]{1,256}(?=@(?!sha\d+:)[\w\[])"
    ),
    r"(\boracle:thin:[^\s/@\"']{1,64}/)[^\s@\"']{1,256}(?=@)",
    # what signs it
    rf"([?&](?:sig|signature|x-amz-signature|x-goog-signature)=){_WORD}+",
    # a key that is called as other things are, too
    rf"([?&](?:code|key)=){_TELLING}(?=[^\s\"']{{0,64}}?(?-i:[A-Z]))[\w%.~/+=-]{{12,}}",
    # whoever knows the path may post
    (
        rf"(\b(?:hooks\.slack\.com/\w{{1,16}}|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/\w{{1,16}})/)"
        rf"{_WORD}+"
    ),
    r"(\bapi\.telegram\.org/(?:file/)?bot)[^\s/\"']+",
    # what bears it
    (
        rf"(\bbearer[ \t]{{1,8}})(?!{PLACEHOLDER}|(?:auth|tokens?|authentication|certificate)(?![\w.=/+~-])"
        r"|(?:charset|error|realm|scope|service)=[\"'])(?:\\(?!\\*[\"'])|[^\s\"',;\\\]]){4,}"
    ),
    # what a registry is logged in to with, and how a client of Redis and of OpenSSL says it
    r"(\"auth\\*\":\s{0,8}\\*\")(?=[a-z0-9+/]{0,64}[\dA-Z])[a-z0-9+/]{8,4096}={0,2}(?=\\*\")",
    r"(\bidentified\s{1,8}by\s{1,8}')[^'\n]+",
    rf"(\s-pass(?:in|out)?\s{{1,8}}pass:){_WORD}+",
)
_PATTERNS = tuple(re.compile(each, re.IGNORECASE) for each in _BY_FORM)
_MAYBE = re.compile(
    r"[@?&]|-(?<!\S-)|bearer|pass(?:w|ph|c)|pass(?<![a-z]pass)(?![a-z])|requirepass|pwd|secret|token|credent|author"
    r"|(?:admin|db|ftp|key|ldap|mail|root|smtp|sql|store|user)pass|bindpw|rootpw|[-._]pw(?![a-z])|auth|creds"
    r"|[-._]pat(?![a-z])|rediscli_auth|cookie|key|eyj|gh[opsur]_|pat[_-]|xox|hv[bsr]\.|npm_|k_live_|hooks\."
    r"|identified|/webhook|telegram|ls0tls1crudjti|sk-|aiza|sg\.|dop_v1_|pypi-|oracle:thin"
)
"""What any of them needs, casefolded: most texts have none of it, and to know that is quick."""


_KIND = re.compile(r"\"kind\\*\":\s{0,8}\\*\"Secret\\*\"")
_HELD = re.compile(r"\"(?:data|stringData)\\*\":\s{0,8}\{(?P<held>[^{}]+)")
"""All that a Secret holds, where one stands in a text as JSON."""


def hide(text: str) -> str:
    """The text without what stands where secrets stand."""
    return cleared(text, sorted(_found(text))) if _MAYBE.search(text.casefold()) else text


def _found(text: str) -> Iterator[Span]:
    for pattern in _PATTERNS:
        yield from ((each.end(1), each.end()) for each in pattern.finditer(text))
    yield from named(text)
    yield from named_behind(text)
    yield from in_commands(text)
    if _KIND.search(text):
        yield from (each.span("held") for each in _HELD.finditer(text))


def cleared(text: str, spans: Iterable[Span]) -> str:
    """The text with one word for each of these spans, in order, and for those that overlap together."""
    parts, end = [], 0
    for start, stop in spans:
        if start >= end:
            parts += [text[end:start], HIDDEN]
        end = max(end, stop)
    return "".join((*parts, text[end:])) if parts else text
