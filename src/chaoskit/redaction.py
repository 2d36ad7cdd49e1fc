"""Hides what is secret: by the name of a field or variable, by its place in a URL or header, by its value.

One place for all of it: records pass through `redacted` when they become JSON, words for people and
programs through `scrubbed`. Only logs of pods may still say what the pods themselves have logged.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from chaoskit.secretcommands import answers
from chaoskit.secretforms import HIDDEN, hide
from chaoskit.secretnames import looks_secret
from chaoskit.secretvalues import SHORTEST, without


def scrubbed(text: str, values: Iterable[str] = ()) -> str:
    """The text without what stands where secrets stand, and without these secret `values`."""
    return hide(without(text, values))


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


def redacted(
    value: Any, secrets: Iterable[str] = (), names: Iterable[str] = (), *, anyhow: Iterable[str] = ()
) -> Any:
    """The same JSON, scrubbed, of these `secrets` too; what its fields hide is hidden in every text of it.

    What these `names` of things tell is hidden in its own place alone, but for what is secret `anyhow`; times
    stay as they are.
    """
    return _without(value, nameless((*secrets, *secrets_in(value)), names).union(anyhow))


def spared(value: Any, secrets: Collection[str]) -> Any:
    """The same JSON without these `secrets` in its texts; nothing is hidden for its name or place."""
    if isinstance(value, str):
        return without(value, secrets)
    if isinstance(value, Mapping):
        return {key: spared(each, secrets) for key, each in value.items()}
    return [spared(each, secrets) for each in value] if isinstance(value, list | tuple) else value


def compared(now: Any, then: Any, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> tuple[Any, Any]:
    """Both, redacted of what is secret in either; what is hidden and not the same says of which it is."""
    known = nameless((*secrets, *secrets_in([now, then])), names)
    return _apart(now, then, _without(now, known), _without(then, known))


def _apart(now: Any, then: Any, told: Any, meant: Any) -> tuple[Any, Any]:
    """What is `told` of now and `meant` of then, so that it differs where now and then do."""
    if isinstance(told, dict) and isinstance(meant, dict):
        same = [key for key in told if key in meant and key in now and key in then]
        both = {key: _apart(now[key], then[key], told[key], meant[key]) for key in same}
        first, second = ({key: pair[n] for key, pair in both.items()} for n in (0, 1))
        return {**told, **first}, {**meant, **second}
    if isinstance(told, list) and isinstance(meant, list):
        keys = _names_of(now), _names_of(then)
        here, there = keys if all(keys) else (range(len(now)), range(len(then)))
        both_ways = zip((here, there) * 2, (now, then, told, meant), strict=True)
        apart = _apart(*(dict(zip(way, items, strict=True)) for way, items in both_ways))
        return list(apart[0].values()), list(apart[1].values())
    return (f"{told} (now)", f"{meant} (run)") if told == meant and now != then else (told, meant)


def _names_of(items: Sequence[Any]) -> list[str]:
    """What the items of a list are called, where each has a name of its own; else nothing."""
    names: list[Any] = [each.get("name") for each in items if isinstance(each, Mapping)]
    return names if len(items) == len({name for name in names if isinstance(name, str)}) else []


def nameless(secrets: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """Those of these secrets that no name of a thing tells, in whatever letters.

    A database's user may be called as its service. Who looked for that everywhere would hide what runs,
    targets and weaknesses are known by, and would keep no secret: the names are there to be read.
    """
    looked_for = frozenset(secrets)
    told = [name.lower() for name in names] if looked_for else []
    return frozenset(each for each in looked_for if not any(each.lower() in name for name in told))


def secrets_in(value: Any, under: Any = "") -> Iterator[str]:
    """The values in this JSON that their names call secret, and that are long enough to be looked for.

    What a list holds is called as the list is.
    """
    if isinstance(value, _MAPPING):
        for key, each in value.items():
            if _is_by_name(key, each):
                continue
            if _is_held(value, key):
                yield from _long(text for held in each.values() for text in _readings(str(held)))
            elif _hides(value, key):
                yield from _long(_by_line(str(each)))
            elif _holds(key, each):
                yield from _long(_by_line(str(each["value"])))
            elif not isinstance(each, _LEAF):
                yield from secrets_in(each, key)
    elif isinstance(value, _LIST):
        for each, answer in zip(value, answers(value), strict=True):
            if _is_called_so(under, each):
                yield from _long(_by_line(str(each)))
            else:
                yield from secrets_in(each, under) if not isinstance(each, _LEAF) else _long((answer,))


_LEAF = (str, int, float, type(None))
_SHOWN = (str, int, float)
_NUMBER = (int, float)
_LIST = (list, tuple)
_MAPPING = (dict, Mapping)
"""To ask for what nearly all are first takes a third of the time: records have thousands of values."""


def _long(values: Iterable[str]) -> Iterator[str]:
    """Those that are long enough to be looked for elsewhere."""
    return (each for each in values if len(each) >= SHORTEST and each != HIDDEN)


def _by_line(text: str) -> Iterator[str]:
    """The text, and of several lines each: any may be told alone."""
    yield text
    if "\n" in text:
        yield from (text.strip(), *_lines(text))


def _lines(text: str) -> Iterator[str]:
    """Its lines, but for those that say where a key begins and ends."""
    return (line for line in map(str.strip, text.splitlines()) if not line.startswith("-----"))


def _readings(held: str) -> Iterator[str]:
    """What a Secret holds, as text or in base64, whole and without what ends it, and what is in that.

    Each line of a PEM, and each text of JSON; the lines of other files may be any words.
    """
    for text in (held, *_decoded(held)):
        yield from (text, text.strip())
        if "-----BEGIN " in text:
            yield from _lines(text)
        if text.lstrip().startswith(("{", "[")):
            yield from _in_json(text)


def _decoded(held: str) -> Iterator[str]:
    """Base64 in one line, however it was broken, and the text that it says, or what is text in its bytes.

    Nothing where it is none.
    """
    whole = "".join(held.split())
    try:
        raw = base64.b64decode(whole, validate=True)
    except ValueError:  # binascii.Error is one
        return
    yield whole
    try:
        yield raw.decode()
    except UnicodeDecodeError:
        yield from (each.decode() for each in _PRINTABLE.findall(raw))


_PRINTABLE = re.compile(rb"[ -~]{%d,}" % SHORTEST)


def _in_json(text: str) -> Iterator[str]:
    """Each text in this JSON, and the password of a registry: of ``user:password`` in base64."""
    try:
        texts = tuple(_texts(json.loads(text)))
    except (ValueError, RecursionError):
        return
    for each in texts:
        yield from _readings(each)
        yield from (said.partition(":")[2] for said in _decoded(each))


def _texts(value: Any) -> Iterator[str]:
    """The texts in this JSON, but for what its fields are called."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""A time as records have it: with its day hidden nobody could read them."""


def _without(value: Any, secrets: frozenset[str], under: Any = "") -> Any:
    if isinstance(value, str):
        return value if _MOMENT.fullmatch(value) else scrubbed(value, secrets)
    if isinstance(value, _LEAF):
        return value
    if isinstance(value, _MAPPING):
        looked_for = secrets if under in _CHOSEN else _wordless(secrets)
        return {_key(key, looked_for): _entry(value, key, secrets) for key in value}
    if isinstance(value, _LIST):
        both = zip(value, answers(value), strict=True)
        return [_item(each, answer, secrets, under) for each, answer in both]
    return value


def _item(value: Any, answer: str, secrets: frozenset[str], under: Any) -> Any:
    if _is_called_so(under, value):
        return HIDDEN
    return f"{value.removesuffix(answer)}{HIDDEN}" if answer else _without(value, secrets, under)


_CHOSEN = frozenset(
    {"labels", "matchLabels", "annotations", "selector", "nodeSelector", "parameters", "data"}
)
"""Fields in which people choose the keys; all other keys may be what programs look for."""


@lru_cache(maxsize=256)
def _wordless(secrets: frozenset[str]) -> frozenset[str]:
    """Those that no program calls a field by: they are more than letters."""
    return frozenset(each for each in secrets if not each.replace("_", "").isalpha())


def _key(key: Any, secrets: frozenset[str]) -> Any:
    if not secrets or not isinstance(key, str) or _MOMENT.fullmatch(key):
        return key
    return without(key, secrets)


def _entry(parent: Mapping[Any, Any], key: Any, secrets: frozenset[str]) -> Any:
    if _is_by_name(key, parent[key]):
        return {_key(name, secrets): _without(each, secrets) for name, each in parent[key].items()}
    if _is_held(parent, key):
        return {_key(each, secrets): HIDDEN for each in parent[key]}
    if _holds(key, parent[key]):
        return {**_without(parent[key], secrets, key), "value": HIDDEN}
    return HIDDEN if _hides(parent, key) else _without(parent[key], secrets, key)


def is_secret(parent: Mapping[Any, Any], key: Any) -> bool:
    """Whether what stands under that key is secret by its name or its place."""
    return _is_held(parent, key) or _hides(parent, key)


_COUNTED = frozenset({"signals", "budgets", "endpoints"})


def _is_by_name(key: Any, value: Any) -> bool:
    """Whether its keys are names of things: nothing in it is a secret for what it is of.

    Numbers by signals, budgets and services; what containers logged by ``pod/container``.
    """
    if (key not in _COUNTED and key != "logs") or not isinstance(value, _MAPPING):
        return False
    if key == "logs":
        return all("/" in str(each) for each in value)
    return all(isinstance(each, _NUMBER) for each in value.values())


def _is_held(parent: Mapping[Any, Any], key: Any) -> bool:
    """Whether everything below that key is secret: it is what a Kubernetes Secret holds."""
    held = key in {"data", "stringData"} and parent.get("kind") == "Secret"
    return held and isinstance(parent[key], _MAPPING)


def _hides(parent: Mapping[Any, Any], key: Any) -> bool:
    """``{name: DB_PASSWORD, value: x}`` hides x, and so does ``{dbPassword: x}``; names of things do not.

    What replaces a key of a Secret, ``{secret: login, key: user, value: x}``, is as secret as that was, and
    so is what replaces one that looks secret elsewhere: ``{configMap: shop, key: DB_PASSWORD, value: x}``.
    """
    value = parent[key]
    called = key == "value" and any(
        looks_secret(str(parent.get(word) or ""), value) for word in ("name", "key")
    )
    if "secret" in parent and "key" in parent:
        return key == "value" and (bool(parent["secret"]) or (called and value != ""))
    return _is_called_so(key, value) or (called and _is_shown(value))


def _is_called_so(key: Any, value: Any) -> bool:
    """Whether that word or number is a secret by this name: ``{secrets: [get, list]}`` are none."""
    return _is_shown(value) and looks_secret(str(key), value)


def _is_shown(value: Any) -> bool:
    return isinstance(value, _SHOWN) and not isinstance(value, bool) and value != ""


def _holds(key: Any, value: Any) -> bool:
    """Whether that is a secret with more about it: ``{password: {value: x}}``."""
    return isinstance(value, _MAPPING) and _is_called_so(key, value.get("value"))


def secret_variables(variables: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names call them secret, and that are long enough to be looked for."""
    return frozenset(
        value for name, value in variables.items() if looks_secret(name, value) and len(value) >= SHORTEST
    )
