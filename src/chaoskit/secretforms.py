"""How secrets are written: what is called one, and where in a text its value stands.

By their names (``DB_PASSWORD``), and by the places that people and programs give them: addresses, headers,
options of commands, YAML and JSON within texts. What is found here knows nothing of any value.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

HIDDEN = "(hidden)"

_NAME = (
    r"(?:passw|passphrase|secret|token|credential|authorization|cookie|[_-]pass(?![a-z])"
    r"|[a-z0-9][_-]?pwd(?![a-z])|(?:access|account|api|encryption|license|master|model|pagerduty|private"
    r"|routing|shared|signing|ssh)[_-]?key)"
)
_OF_VALUES = r"(?<!file)(?<!path)(?<!name)(?<!ref)"
"""A name that ends so tells where a secret is, and not which."""
_MORE = r"[\w-]{0,64}"
"""The rest of a name: bounded, or long texts without a secret would be searched again and again."""
_OPTION = rf"--?{_MORE}{_NAME}{_MORE}{_OF_VALUES}"
_BEGINS = r"(?:(?<=[\n\"'])|^(?=\w+-|[^\n]*\n))"
"""Where a line begins, what is in quotes, or a text that is a header or has more lines."""
_WORD = r"[^\s\"'&,;\\]"
"""What a word in a command or an address goes on with."""

_IN_ADDRESSES = (
    # user and password, the slash of an unescaped password included; no port and path before an @
    r"((?<=://))(?:[^\s/\"'@:]*:(?!\d{1,5}[/?#])[^\s\"'@]*|[^\s/\"'@]+)(?=@)",
    # where the scheme was forgotten; an image's tag before its digest is none
    r"((?<![\w@/.-]))[^\s/:@\"'(),=]+:[^\s@/\"':]+(?=@(?!sha\d+:)[\w\[])",
    # what signs it
    rf"([?&](?:sig|signature|x-amz-signature|x-goog-signature)=){_WORD}+",
)
_IN_HEADERS = (
    # what logs in, up to the end of the line or the quotes
    r"(\b(?:authorization|cookie)[\"']?\s*[:=]\s*[\"']?)[^\"'\n]+",
    r"(\bbearer\s+)[^\s\"',;]{4,}",
    # any other, and lines of YAML among others: "password: wrong" alone are words
    rf"({_BEGINS}[ \t]*(?:- )?[\w.-]{{0,64}}{_NAME}{_MORE}{_OF_VALUES}[ \t]*[:=][ \t]+)(?![\"'\s])[^\"'\n]+",
)
_AS_FIELDS = (
    # password=x, ?token=x up to where a word ends; --api-key="x y", {token=~"x"}, {token!="x"} up to the end
    # of the quotes, which JSON may have escaped
    rf"({_NAME}{_MORE}+(?:(?:=~?|!=|!~)(\\*[\"'])|=~?+))(?(2)(?:(?!\2)(?:\\.|.))+|(?:\\++(?![\"'])|{_WORD})+)",
    # "password": "x", in quotes that JSON or a shell may have escaped
    rf"({_NAME}{_MORE}\\*[\"']\s*:\s*(\\*[\"']))(?:(?!\2)(?:\\.|[^\n]))+",
    rf"({_NAME}{_MORE}\\*[\"']\s*:\s*)\d[\d.]*",
)
_IN_COMMANDS = (
    # --password x, -token "x y"; -u user:x; what some programs take otherwise
    rf"((?<!\S){_OPTION}[ \t]+([\"'])?)(?!-)(?(2)(?:(?!\2).)+|{_WORD}+)",
    rf"((?<!\S)(?:-u|--user)[ \t=]*[\"']?[^\s:\"'/]+:)(?!//){_WORD}+",
    rf"(\b(?:mysql|maria)\w*\b[^\n|;&]{{0,200}}?\s-p)(?![\s\"']){_WORD}+",
    rf"(\b(?:redis-cli\b[^\n|;&]{{0,200}}?\s-a|sshpass\s+-p)\s*)(?![\s\"']){_WORD}+",
)
_PATTERNS = tuple(
    re.compile(each, re.IGNORECASE) for each in (*_IN_ADDRESSES, *_IN_HEADERS, *_AS_FIELDS, *_IN_COMMANDS)
)
_ANY_OF_IT = re.compile(rf"@|bearer|[?&]|(?:^|\s)-|{_NAME}", re.IGNORECASE)
"""What every pattern needs: most texts have none of it."""

_CALLED = re.compile(_NAME, re.IGNORECASE)
_ASKS = re.compile(_OPTION, re.IGNORECASE)


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a field, header or variable of that name holds a secret; ``secretName`` names one."""
    return bool(_CALLED.search(name)) and not name.endswith(("Name", "Ref"))


def answered(option: Any, word: Any) -> str:
    """What of this word of a command is a secret by the word before: of ``--password x``, ``-u user:x``."""
    if not (isinstance(word, str) and isinstance(option, str) and option.startswith("-")):
        return ""
    if option in {"-u", "--user"}:
        return word.partition(":")[2]
    return word if _ASKS.fullmatch(option) else ""


def hide(text: str) -> str:
    """The text without what stands where secrets stand."""
    if not _ANY_OF_IT.search(text):
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text
