"""The rules that labels must keep, and what selects by them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaoskit.simulator.apiserver.apierrors import Cause, forbidden_field, required, wrong
from chaoskit.simulator.objects import Object

_QUALIFIED = re.compile(r"([A-Za-z0-9.-]+/)?([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_BAD_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used "
    "for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def labels(path: str, labels: Object) -> Iterator[Cause]:
    """What is wrong with these labels at `path`: their keys, or their values."""
    for key, value in labels.items():
        yield from _key(path, key)
        yield from _value(path, value)


def selector(path: str, selector: Object | None) -> Iterator[Cause]:
    """What is wrong with the LabelSelector at `path`; nothing where there is none."""
    given = selector or {}
    yield from labels(f"{path}.matchLabels", given.get("matchLabels") or {})
    for index, item in enumerate(given.get("matchExpressions") or ()):
        yield from _expression(f"{path}.matchExpressions[{index}]", item)


def _expression(path: str, item: Object) -> Iterator[Cause]:
    operator, values = item.get("operator") or "", item.get("values") or ()
    if operator in {"In", "NotIn"}:
        if not values:
            yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in {"Exists", "DoesNotExist"}:
        if values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            yield forbidden_field(f"{path}.values", detail)
    else:
        yield wrong(f"{path}.operator", f'"{operator}"', "not a valid selector operator")
    yield from _key(f"{path}.key", item.get("key") or "")
    for index, value in enumerate(values):
        yield from _value(f"{path}.values[{index}]", value)


def _key(path: str, key: str) -> Iterator[Cause]:
    if not _QUALIFIED.fullmatch(key):
        yield wrong(path, f'"{key}"', "name part must consist of alphanumeric characters, '-', '_' or '.'")


def _value(path: str, value: str) -> Iterator[Cause]:
    if not _VALUE.fullmatch(value):
        yield wrong(path, f'"{value}"', _BAD_VALUE)
    elif len(value) > 63:
        yield wrong(path, f'"{value}"', "must be no more than 63 characters")
