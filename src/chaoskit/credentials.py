"""What logs in somewhere, found in addresses: it is told nowhere, whoever says it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from chaoskit.secretforms import HIDDEN
from chaoskit.secretnames import looks_secret
from chaoskit.secretvalues import SHORTEST

LONG = 16
"""So many characters of a webhook's path are a key, and no word; unless it is made of words."""

_MADE_OF = re.compile(rf"[a-z]{{1,{LONG - 3}}}[0-9]{{0,2}}|[0-9]{{1,{LONG - 1}}}|[a-z0-9]{{1,3}}")
"""What a name is made of between its dashes and dots, as ``prod-eu-west-1-main`` is."""

_THING = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
"""How things in a cluster are called. Who is called so may be called as one of them: that is to be read."""

_OWN_SLASH = re.compile(r"([^/?#:@]*:(?!\d{1,5}[/?#])[^@]*)@")
"""User and password with a slash that is not escaped; no port and path before an @."""


def without_login(address: str) -> str:
    """The address, with or without a scheme, but for what stands before an @ in it."""
    scheme, mark, rest = address.rpartition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{HIDDEN}@{place}" if at else address


def of_address(address: str) -> frozenset[str]:
    """The secrets of an address that can be looked for: password, user where it names no thing, options.

    User and password are in it together too, as they are shown in a header.
    """
    return frozenset(each for each in (*_of_login(_login(address)), *_of_options(address)) if _known(each))


def of_webhook(url: str) -> frozenset[str]:
    """The address itself, since whoever knows it may post, and those parts of it that are no words."""
    parts = (*re.split(r"[/?#&=]", url.partition("://")[2])[1:], *of_address(url))
    keys = (form for part in parts for form in (part, unquote(part)))
    return frozenset(each for each in (url, *keys) if _known(each) and not _is_word(each)) | of_address(url)


def _known(text: str) -> bool:
    return len(text) >= SHORTEST


def _is_word(part: str) -> bool:
    plain = part.replace("_", "-")
    made_of = len(part) < LONG or all(map(_MADE_OF.fullmatch, re.split(r"[.-]", plain)))
    return made_of and _THING.fullmatch(plain) is not None


def _login(address: str) -> str:
    """``user:password`` as it is written before an @; "" where there is none."""
    rest = address.rpartition("://")[2]
    login, at, _ = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    found = _OWN_SLASH.match(rest)
    return login if at else found[1] if found else ""


def _of_login(login: str) -> Iterator[str]:
    user, _, password = login.partition(":")
    for decode in (str, unquote):
        yield decode(password)
        if password:
            yield f"{decode(user)}:{decode(password)}"
        if not password or not _THING.fullmatch(user):
            yield decode(user)


def _of_options(address: str) -> Iterator[str]:
    """What options hold whose names call it secret, and properties within one: ``AWS_SESSION_TOKEN:x``."""
    try:
        options = parse_qsl(urlsplit(address).query)
    except ValueError:
        return
    within = (each.partition(":") for _, value in options for each in value.split(","))
    yield from (value for name, value in options if looks_secret(name, value))
    yield from (value for name, _, value in within if looks_secret(name, value))
