"""Kubernetes quantities (``250m``, ``64Mi``) as numbers."""

from __future__ import annotations

from functools import lru_cache

_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}


@lru_cache(maxsize=1024)
def parse(quantity: str | float) -> float:
    """The number a quantity stands for: cores for cpu, bytes for memory; ValueError when it is none."""
    text = str(quantity)
    digits = text.rstrip("numkKMGTPEi")
    suffix = text[len(digits) :]
    if suffix not in _SUFFIXES:
        raise ValueError(f"not a quantity: {quantity!r}")
    return float(digits) * _SUFFIXES[suffix]


def binary(amount: float) -> str:
    """A whole number as Kubernetes writes bytes: in the largest unit of 1024 that leaves no rest."""
    whole, units = int(amount), iter(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))
    unit = ""
    while whole and whole % 1024 == 0:
        whole, unit = whole // 1024, next(units)
    return f"{whole}{unit}"
