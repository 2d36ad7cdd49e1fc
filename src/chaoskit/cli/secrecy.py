"""What this call was given and nobody is to read: known as soon as it is read, hidden in all that goes out.

`app.main` begins with nothing known. Whoever reads variables or documents tells `learn`; whatever writes to
stdout or stderr, or tells of a bug, passes through here. Records and reports hide theirs by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from chaoskit.redaction import nameless, redacted, secret_variables, secrets_in, spared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaoskit.documents import Document


class Named(Protocol):
    """What tells what it calls things by."""

    @property
    def names(self) -> Collection[str]:
        """Those names."""


_KNOWN: set[str] = set()
"""Of the process, as its stdout and stderr are: whichever thread writes there, it hides the same."""
_NAMES: set[str] = set()
"""What things are called by in this call: what they tell is hidden nowhere."""


def forget() -> None:
    """Nothing is known: a call begins."""
    _KNOWN.clear()
    _NAMES.clear()


def learn_variables(variables: Mapping[str, str]) -> None:
    """The values of those whose names call them secret are hidden from now on, in whatever form."""
    if secret_variables(variables):
        from chaoskit.documents import secrets_of_variables

        _KNOWN.update(secrets_of_variables(variables))


def learn(documents: Iterable[Document]) -> None:
    """What these documents call secret, and what they were filled with, is hidden from now on."""
    for each in documents:
        _KNOWN.update(each.secrets, secrets_in(each.value))


def learn_names(*named: Named) -> None:
    """What these trials, plans or records call things by is told from now on, though a Secret hold it too."""
    for each in named:
        _NAMES.update(each.names)


def known() -> frozenset[str]:
    """What is hidden by its value."""
    return nameless(_KNOWN.copy(), _NAMES.copy())


def hidden(value: Any) -> Any:
    """The text or JSON without what is secret by its name, its place or its value."""
    return redacted(value, known(), _NAMES.copy())


def unsaid(value: Any) -> Any:
    """The text or JSON without what is known here, by its value alone: nothing else is changed."""
    return spared(value, known()) if _KNOWN else value
