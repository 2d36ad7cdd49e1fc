"""The rules that labels must keep, and what selects by them."""

from __future__ import annotations

from collections.abc import Iterator

from chaoskit.simulator.apiserver import names
from chaoskit.simulator.apiserver.apierrors import Cause, forbidden_field, required, wrong
from chaoskit.simulator.objects import Object


def labels(path: str, labels: Object) -> Iterator[Cause]:
    """What is wrong with these labels at `path`: their keys, or their values."""
    for name, value in labels.items():
        yield from key(path, name)
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
    yield from key(f"{path}.key", item.get("key") or "")
    for index, value in enumerate(values):
        yield from _value(f"{path}.values[{index}]", value)


def key(path: str, told: str, checked: str = "") -> Iterator[Cause]:
    """What is wrong with a key as it was `told`, or with what is `checked` in its place."""
    for detail in names.key(checked or told):
        yield wrong(path, f'"{told}"', detail)


def _value(path: str, value: str) -> Iterator[Cause]:
    for detail in names.value(value):
        yield wrong(path, f'"{value}"', detail)
