"""Hides what is secret: by the name of a field or variable, by its place in a URL or header, by its value.

One place for all of it: records pass through `redacted` when they become JSON, words for people and
programs through `scrubbed`. Only logs of pods may still say what the pods themselves have logged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

HIDDEN = "(hidden)"
SHORTEST = 6
"""A hidden value is also hidden wherever else it stands, unless it is shorter: then it may be any word."""

_NAME = re.compile(r"passw|secret|token|api_?key|credential|private_?key", re.IGNORECASE)
_IN_TEXT = (
    # user and password of a URL, the slash of an unescaped password included; no port and path before an @
    (re.compile(r"(?<=://)(?:[^\s/\"'@:]*:(?!\d{1,5}[/?#])[^\s\"'@]*|[^\s/\"'@]+)@"), f"{HIDDEN}@"),
    (re.compile(r"(\bauthorization[\"']?\s*[:=]\s*[\"']?)[^\"'\n]+", re.IGNORECASE), rf"\g<1>{HIDDEN}"),
    (re.compile(r"(\bbearer\s+)[^\s\"',;]{4,}", re.IGNORECASE), rf"\g<1>{HIDDEN}"),
    # password=x, ?token=x, --api-key=x
    (re.compile(rf"((?:{_NAME.pattern})[\w-]*=)[^\s\"'&,;]+", re.IGNORECASE), rf"\g<1>{HIDDEN}"),
    # "password": "x"
    (re.compile(rf"((?:{_NAME.pattern})\w*[\"']\s*:\s*[\"'])[^\"'\n]+", re.IGNORECASE), rf"\g<1>{HIDDEN}"),
)
_MAY_HIDE = re.compile(rf"://|authorization|bearer|{_NAME.pattern}", re.IGNORECASE)
"""What every pattern of `_IN_TEXT` needs: most texts have none of it."""


@lru_cache(maxsize=4096)
def looks_secret(name: str) -> bool:
    """Whether a field or variable of that name holds a secret; ``secretName`` and ``secretRef`` name one."""
    return bool(_NAME.search(name)) and not name.endswith(("Name", "Ref"))


def scrubbed(text: str, values: Iterable[str] = ()) -> str:
    """The text without what stands where secrets stand, and without these secret `values`."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    if not _MAY_HIDE.search(text):
        return text
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def host_of(url: str) -> str:
    """Where a webhook's address leads, without the rest of it: whoever knows that may post."""
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"


def place_of(url: str) -> str:
    """Host and port of an address that is no secret, without a user's name, a password and the path."""
    try:
        parts = urlsplit(url)
        return f"{host_of(url)}:{parts.port}" if parts.port else host_of(url)
    except ValueError:
        return host_of(url)


def is_address(url: str) -> bool:
    """Whether somebody can be asked there by HTTP: it names ``http`` or ``https`` and a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        return False


def redacted(value: Any, secrets: Iterable[str] = ()) -> Any:
    """The same JSON, scrubbed, of these `secrets` too; what its names hide is hidden in every text of it."""
    return _without(value, frozenset(secrets) | frozenset(secrets_in(value)))


def secrets_in(value: Any) -> Iterator[str]:
    """The values in this JSON that their names call secret, and that are long enough to be looked for."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not _hides(value, key):
                yield from secrets_in(each)
            elif len(str(each)) >= SHORTEST and each != HIDDEN:
                yield str(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from secrets_in(each)


def _without(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, str):
        return scrubbed(value, secrets)
    if isinstance(value, Mapping):
        return {key: HIDDEN if _hides(value, key) else _without(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, secrets) for each in value]
    return value


def _hides(parent: Mapping[Any, Any], key: Any) -> bool:
    """``{name: DB_PASSWORD, value: x}`` hides x, and so does ``{dbPassword: x}``; names of things do not.

    What replaces a key of a Secret, ``{secret: login, key: user, value: x}``, is as secret as that was, and
    so is what replaces one that looks secret elsewhere: ``{configMap: shop, key: DB_PASSWORD, value: x}``.
    """
    value = parent[key]
    called = key == "value" and any(looks_secret(str(parent.get(word) or "")) for word in ("name", "key"))
    if "secret" in parent and "key" in parent:
        return key == "value" and (bool(parent["secret"]) or (called and value != ""))
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        return False
    return looks_secret(str(key)) or called


def secret_variables(variables: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names call them secret, and that are long enough to be looked for."""
    return frozenset(
        value for name, value in variables.items() if looks_secret(name) and len(value) >= SHORTEST
    )


def secrets_of(objects: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """What these Kubernetes objects hold that is secret: by its name, and everything that is in a Secret."""
    known = list(objects)
    found = set(secrets_in(known))
    for body in known:
        if body.get("kind") == "Secret":
            held = {**(body.get("data") or {}), **(body.get("stringData") or {})}
            found |= {text for text in map(str, held.values()) if len(text) >= SHORTEST}
    return frozenset(found)
