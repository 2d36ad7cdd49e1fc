"""Label and field selectors: text or LabelSelector objects to predicates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from chaoskit.simulator.objects import Object, dig

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|[A-Za-z0-9_./-]+|\S)")


class Malformed(ValueError):
    """The selector does not parse; the message is the server's."""


@lru_cache(maxsize=512)
def labels(text: str) -> Predicate:
    """True for labels that `text` selects (``a=1,b!=2,c in (x,y),d,!e``); empty selects all."""
    requirements = _Parser(text).requirements()
    return lambda given: all(requirement(given) for requirement in requirements)


def of(selector: Mapping[str, Any] | None) -> Predicate:
    """True for labels that a LabelSelector selects; an empty one selects all, None selects nothing."""
    if selector is None:
        return lambda _: False
    pairs = (selector.get("matchLabels") or {}).items()
    needs = [_needed(item) for item in selector.get("matchExpressions") or ()]
    return lambda given: pairs <= given.items() and all(need(given) for need in needs)


def _needed(item: Mapping[str, Any]) -> Predicate:
    """What one of a LabelSelector's expressions asks of labels."""
    key, values = item.get("key") or "", frozenset(item.get("values") or ())
    match item.get("operator"):
        case "In" | "NotIn" as operator:
            return lambda given: (given.get(key) in values) is (operator == "In")
        case "Exists" | "DoesNotExist" as operator:
            return lambda given: (key in given) is (operator == "Exists")
    raise Malformed(f'"{item.get("operator") or ""}" is not a valid label selector operator')


def text_of(selector: Mapping[str, Any]) -> str:
    """A LabelSelector as text, as ``/scale`` shows it."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        key, operator, values = item["key"], item["operator"], ",".join(item.get("values") or ())
        words = {"Exists": key, "DoesNotExist": f"!{key}"}
        parts.append(words.get(operator) or f"{key} {operator.lower()} ({values})")
    return ",".join(parts)


def fields(text: str, supported: Sequence[str]) -> Callable[[Object], bool]:
    """True for objects that a field selector selects; `Malformed` for a field not `supported`."""
    requirements = [_field(part, supported) for part in text.split(",") if part.strip()]
    return lambda obj: all(requirement(obj) for requirement in requirements)


def _field(part: str, supported: Sequence[str]) -> Callable[[Object], bool]:
    found = re.fullmatch(r"\s*([^=!\s]+)\s*(!=|==|=)\s*(.*?)\s*", part)
    if found is None:
        raise Malformed(f"invalid selector: '{part}'; can't understand '{part}'")
    path, operator, wanted = found.groups()
    if path not in supported:
        raise Malformed(f"field label not supported: {path}")
    return lambda obj: (_text(obj, path) == wanted) is (operator != "!=")


def _text(obj: Object, path: str) -> str:
    if path == "source":  # the Event field selector's name for source.component
        path = "source.component"
    value = dig(obj, *path.split("."))
    if value is None:
        return "false" if path in {"spec.unschedulable", "spec.hostNetwork"} else ""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [t for t in _TOKEN.findall(text) if t]

    def requirements(self) -> list[Predicate]:
        found: list[Predicate] = []
        while self._tokens:
            found.append(self._requirement())
            if self._tokens:
                self._expect(",", "',' or 'end of string'")
                if not self._tokens:
                    raise Malformed("found '', expected: identifier after ','")
        return found

    def _requirement(self) -> Predicate:
        if self._peek() == "!":
            self._next()
            key = self._word("identifier")
            return lambda given: key not in given
        key = self._word("!, identifier, or 'end of string'")
        operator = self._peek()
        if operator in {"", ","}:
            return lambda given: key in given
        self._next()
        if operator in {"=", "=="}:
            value = self._value()
            return lambda given: given.get(key) == value
        if operator == "!=":
            value = self._value()
            return lambda given: given.get(key) != value
        if operator in {"in", "notin"}:
            values = self._set()
            return lambda given: (given.get(key) in values) is (operator == "in")
        raise Malformed(f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=")

    def _set(self) -> frozenset[str]:
        self._expect("(", "'('")
        values = {self._value()}
        while self._peek() == ",":
            self._next()
            values.add(self._value())
        self._expect(")", "',' or ')'")
        return frozenset(values)

    def _value(self) -> str:
        return "" if self._peek() in {"", ",", ")"} else self._word("identifier")

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _next(self) -> str:
        return self._tokens.pop(0)

    def _word(self, expected: str) -> str:
        token = self._peek()
        if not re.fullmatch(r"[A-Za-z0-9_./-]+", token):
            raise Malformed(f"unable to parse requirement: found '{token}', expected: {expected}")
        return self._next()

    def _expect(self, token: str, expected: str) -> None:
        if self._peek() != token:
            raise Malformed(f"unable to parse requirement: found '{self._peek()}' expected: {expected}")
        self._next()
