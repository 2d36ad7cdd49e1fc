"""What options must be, alone and beside others: nothing that was asked for is left out in silence."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chaoskit.credentials import without_login
from chaoskit.errors import InvalidInput
from chaoskit.redaction import is_address


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


def refuse_no_address(flag: str, url: str) -> None:
    """Somebody can be asked at the address, if one is given; `InvalidInput` unless so."""
    if url and not is_address(url):
        raise InvalidInput(
            f"{flag} {without_login(url)} is no address", hint="one is like http://localhost:9093"
        )
