"""Options that mean something only beside others: nothing that was asked for is left out in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chaoskit.errors import InvalidInput


def given(options: Mapping[str, object]) -> list[str]:
    """The names of those options that were given; one that was not is None, empty or False."""
    return [
        name
        for name, value in options.items()
        if value is not None and value is not False and value not in ("", [])
    ]


def refuse_beside(flag: str, named: Collection[str], *, but: Collection[str], why: str) -> None:
    """Beside this flag, if it is given, stand none but these; `InvalidInput` unless so."""
    others = [each for each in named if each != flag and each not in but]
    if flag in named and others:
        raise InvalidInput(f"{', '.join(others)} and {flag} do not go together", hint=why)


def refuse_without(flag: str, named: Collection[str], *, those: Collection[str]) -> None:
    """Those stand beside this flag alone; `InvalidInput` unless so."""
    others = [each for each in named if each in those]
    if flag not in named and others:
        verb = "belongs" if len(others) == 1 else "belong"
        raise InvalidInput(f"{' and '.join(others)} {verb} to {flag}", hint=f"add {flag}")
