"""What is a secret in the call of a program: ``curl -u me:x``, ``mysql -px``, ``redis-cli -a x``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from chaoskit.secretgrammar import Span, rest_of_quotes, word
from chaoskit.secretnames import looks_secret

_LOGIN = r"(?:-[A-Za-z]{0,8}u|--(?:proxy-)?user)"
_CLIENT = r"(?:mysql|mariadb)(?!d\b)[\w-]{0,16}"
_REST = r"(?:\\\r?\n|[^\n|;&]){0,200}?"
"""What of the same command stands between, in more lines than one too."""
_OF_A_USER = r"(?=\s[^\n|;&]{0,200}?(?<=\s)(?:-u|--username)[\s=])"
"""Its first shell is called as the database is: a password has it only of a user."""
_PROGRAMS = {
    "-a": r"(?:redis|valkey)-cli",
    "-p": rf"(?:sshpass|mongo(?:sh|dump|restore|export|import|{_OF_A_USER})|rabbitmqadmin|cqlsh"
    r"|(?:docker|podman|oc|az|az\s+acr|helm\s+registry)\s+login)",
    "-P": r"(?:sqlcmd|bcp)",
    "-w": r"ldap(?:add|compare|delete|modify|modrdn|passwd|search|whoami)",
}
"""By the option that is a password of theirs, those for which it is one."""
_BEHIND = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\S){_LOGIN}[ \t=]?(?P<quote>[\"']?)(?!\d+:|\+)[^\s:\"'/]{{1,64}}:(?!//)",
        (
            rf"(?:^|[;&|(\"'\n]|--\s)\s{{0,8}}[\w./-]{{0,64}}\b{_CLIENT}\s(?:{_REST}\s)?"
            r"(?P<quote>[\"']?)(?-i:-p)(?!(?:ort|ing|\d\d?)(?![^\s\"']))"
        ),
        *(
            rf"(?<![\w.-]){programs}\s(?:{_REST}\s)?(?-i:{option})"
            r"(?:[ \t]{1,8}|(?-i:(?<=-[aPw]))|(?<=sshpass\s-p))(?!-|\d+:\d)(?P<quote>)"
            for option, programs in _PROGRAMS.items()
        ),
    )
)


def in_commands(text: str) -> Iterator[Span]:
    """Where in the text passwords stand as programs are given them."""
    for pattern in _BEHIND:
        for each in pattern.finditer(text):
            at = each.end()
            span = rest_of_quotes(text, at, each["quote"], 0) if each["quote"] else word(text, at)
            if span and looks_secret("password", text[slice(*span)]):
                yield span


_OPTION = re.compile(r"--?[\w.-]+")
_IS_LOGIN = re.compile(_LOGIN)
_BARE_LOGIN = re.compile(r"(?!\d+:)[^\s:/]+:(?!//)(.+)", re.DOTALL)
_IS_CLIENT = re.compile(rf"(?:.*/)?{_CLIENT}")
_ASKED = {option: re.compile(rf"(?:\S*/)?{programs}(?:\s|$)") for option, programs in _PROGRAMS.items()}
_CALL = 8
"""So many words at most say which program is called to do what."""


def answers(command: Sequence[Any]) -> Iterator[str]:
    """What of each word, at its end, is a secret by the words before: ``--password x``, ``-u user:x``."""
    words = [each if isinstance(each, str) else "" for each in command]
    call = words[:_CALL]
    return (_answer(call, option, word) for option, word in zip(("", *words), words, strict=False))


def _answer(call: Sequence[str], option: str, word: str) -> str:
    if word.startswith("-p") and _IS_CLIENT.fullmatch(call[0]):
        return "" if word in {"-p", "-port", "-ping"} else word.removeprefix("-p")
    if not option.startswith("-"):
        return ""
    if _IS_LOGIN.fullmatch(option):
        found = _BARE_LOGIN.fullmatch(word)
        return found[1] if found else ""
    if option in _ASKED:
        return word if _ASKED[option].match(" ".join(call)) else ""
    return word if _OPTION.fullmatch(option) and looks_secret(option, word) else ""
