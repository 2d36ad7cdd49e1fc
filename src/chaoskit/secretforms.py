"""How secrets are written: what is called one, and where in a text its value stands.

By their names (``DB_PASSWORD``), and by the places that people and programs give them: addresses, headers,
options of commands, YAML and JSON within texts. What is found here knows nothing of any value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

HIDDEN = "(hidden)"

_NAME = (
    r"(?:passw|passphrase|secret|token|credential|authorization|cookie|[_-]pass(?![a-z])"
    r"|[a-z0-9][_-]?pwd(?![a-z])|(?:access|account|api|encryption|license|master|model|pagerduty|private"
    r"|routing|shared|signing|ssh)[_-]?key)"
)
_MORE = r"[\w-]{0,64}"
"""The rest of a name. Every run is bounded, or a long text would be searched again from each of its words."""
_CALLED = rf"{_NAME}\w{{0,64}}(?<!file)(?<!path)(?<!name)(?<!ref)(?<!secrets)(?<!tokens)(?<!credentials)"
"""What holds a secret is called so at its end: no ``token-service``, ``--password-stdin``, ``tokenFile``."""
_OPTION = rf"--?{_MORE}{_CALLED}"
_LOGIN = r"(?:-[A-Za-z]{0,8}u|--(?:proxy-)?user)"
_CLIENT = r"(?:mysql|mariadb)(?!d\b)[\w-]{0,16}"
_WORD = r"[^\s\"'&,;\\]"
"""What a word in a command or an address goes on with."""
_BEGINS = r"(?:(?<=[\n\"'])|^(?=\w+-|[^\n]*\n))"
"""Where a line begins, what is in quotes, or a text that is a header or has more lines."""


def _value(before: str, bare: str) -> str:
    """A value behind that: to the end of its quotes, which JSON or a shell may have escaped, or so far."""
    return rf"({before}(\\{{0,8}}[\"'])?)(?(2)(?:(?!\2)(?:\\.|[^\n]))+|{bare})"


_IN_ADDRESSES = (
    # user and password, the slash of an unescaped password included; no port and path before an @
    r"((?<=://))(?:[^\s/\"'@:]{0,256}:(?!\d{1,5}[/?#])[^\s\"'@]{0,4096}|[^\s/\"'@]{1,4096})(?=@)",
    # where the scheme was forgotten; an image's tag before its digest is none
    r"((?<![\w@/.-]))[^\s/:@\"'(),=]{1,64}:[^\s@/\"':]{1,256}(?=@(?!sha\d+:)[\w\[])",
    # what signs it
    rf"([?&](?:sig|signature|x-amz-signature|x-goog-signature)=){_WORD}+",
)
_BY_NAME = (
    # what logs in, up to the end of the line or the quotes
    r"(\b(?:authorization|cookie)[\"']?\s{0,8}[:=]\s{0,8}[\"']?)[^\"'\n]+",
    r"(\bbearer\s{1,8})[^\s\"',;]{4,}",
    # any other header, and lines of YAML and TOML among others: "password: wrong" alone are words
    _value(rf"(?:-H\s?|--header[ =])[\"']?[\w.-]{{0,64}}{_CALLED}:[ \t]*", r"[^\"'\n]+"),
    _value(rf"{_BEGINS}[ \t]*(?:- )?[\w.-]{{0,64}}{_CALLED}[ \t]*[:=][ \t]+", r"(?!\s)[^\"'\n]+"),
    # password=x, ?token=x up to where a word ends; --api-key="x y", {token=~"x"}, {token!="x"}
    rf"({_NAME}{_MORE}+(?:(?:=~?|!=|!~)(\\*[\"'])|=~?+))(?(2)(?:(?!\2)(?:\\.|.))+|(?:\\++(?![\"'])|{_WORD})+)",
    # "password": "x", "password": ["x"], "password": 123, ["--password", "x"]
    rf"({_NAME}{_MORE}\\*[\"']\s{{0,80}}:\s{{0,80}}\[?\s{{0,80}}(\\*[\"']))(?:(?!\2)(?:\\.|[^\n]))+",
    rf"({_NAME}{_MORE}\\*[\"']\s{{0,80}}:\s{{0,80}})\d[\d.]*",
    rf"([\"']{_OPTION}\\*[\"']\s{{0,80}},\s{{0,80}}(\\*[\"']))(?:(?!\2)(?:\\.|[^\n]))+",
    # {"name": "API_TOKEN", "value": "x"}, in YAML in two lines
    _value(
        rf"\bname\\*[\"']?\s{{0,8}}:\s{{0,8}}\\*[\"']?[\w.-]{{0,64}}{_NAME}{_MORE}\\*[\"']?\s{{0,8}},?\s{{0,80}}"
        r"\\*[\"']?value\\*[\"']?\s{0,8}:\s{0,8}",
        r"[^\"'\n,}]+",
    ),
)
_IN_COMMANDS = (
    _value(rf"(?<!\S){_OPTION}[ \t]+", rf"(?!-){_WORD}+"),
    _value(rf"(?<!\S){_LOGIN}[ \t=]?[\"']?(?!\d+:)[^\s:\"'/]{{1,64}}:(?!//)", rf"{_WORD}+"),
    _value(
        rf"(?:^|[;&|(\"'\n]|--\s)\s{{0,8}}[\w./-]{{0,64}}\b{_CLIENT}\s(?:[^\n|;&]{{0,200}}?\s)?(?-i:-p)(?!ort\b)",
        rf"{_WORD}+",
    ),
    _value(r"\b(?:redis-cli\s(?:[^\n|;&]{0,200}?\s)?-a|sshpass\s+-p)[ \t]{0,8}", rf"{_WORD}+"),
)


_PATTERNS = tuple(re.compile(each, re.IGNORECASE) for each in (*_IN_ADDRESSES, *_BY_NAME, *_IN_COMMANDS))
_MAYBE = re.compile(r"[@?&]|bearer|passw|passph|[_-]pass|pwd|secret|token|credent|author|cookie|key|(?<!\S)-")
"""What each of them needs, casefolded: most texts have none of it, and to know that is quick."""
_NAMED = re.compile(_NAME, re.IGNORECASE)
_ASKS = re.compile(_OPTION, re.IGNORECASE)
_LOGS_IN = re.compile(_LOGIN)
_BARE_LOGIN = re.compile(r"(?!\d+:)[^\s:/]+:(?!//)(.+)", re.DOTALL)
_IS_CLIENT = re.compile(rf"(?:.*/)?{_CLIENT}")
_OF_PROGRAMS = frozenset({("redis-cli", "-a"), ("sshpass", "-p")})


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a field, header or variable of that name holds a secret; ``secretName`` names one."""
    return bool(_NAMED.search(name)) and not name.endswith(("Name", "Ref"))


def answers(command: Sequence[Any]) -> Iterator[str]:
    """What of each word, at its end, is a secret by the words before: ``--password x``, ``-u user:x``."""
    words = [each if isinstance(each, str) else "" for each in command]
    return (_answer(words[0], option, word) for option, word in zip(("", *words), words, strict=False))


def _answer(program: str, option: str, word: str) -> str:
    if word.startswith("-p") and _IS_CLIENT.fullmatch(program):
        return "" if word in {"-p", "-port"} else word.removeprefix("-p")
    if not option.startswith("-"):
        return ""
    if _LOGS_IN.fullmatch(option):
        found = _BARE_LOGIN.fullmatch(word)
        return found[1] if found else ""
    asked = _ASKS.fullmatch(option) or (program.rpartition("/")[2], option) in _OF_PROGRAMS
    return word if asked else ""


def hide(text: str) -> str:
    """The text without what stands where secrets stand."""
    if _MAYBE.search(text.casefold()):
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
