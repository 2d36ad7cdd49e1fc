"""Which signals this process knows: those of the catalogue, and one's own beside or instead of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from chaoskit.ports.metrics import Signal
from chaoskit.signals.catalogue import BY_NAME

_known: dict[str, Signal] = dict(BY_NAME)

KNOWN: Mapping[str, Signal] = MappingProxyType(_known)
"""Every signal by its name, as `adopted` has it now."""


def known() -> tuple[Signal, ...]:
    """Every signal, the catalogue's first."""
    return tuple(_known.values())


@contextmanager
def adopted(own: Iterable[Signal]) -> Iterator[None]:
    """Inside, these are known too, in every thread; one that is named like the catalogue's is used for it.

    What people write names signals (`steadyState`, mapping files), and is checked wherever it is read: what
    is known is a fact of the process, as its settings are, and not an argument of everything.
    """
    before = dict(_known)
    _known.update({signal.name: signal for signal in own})
    try:
        yield
    finally:
        _known.clear()
        _known.update(before)
