"""What this call was given and nobody is to read: known as soon as it is read, hidden in what goes out.

`app.main` begins with nothing known. Whoever reads variables or documents tells `learn`. The values of
variables are `unsaid` in all that is written to stdout or stderr; what documents call secret, which may be
any word, is `hidden` too in what is made of documents. Records and reports hide theirs by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from chaoskit.records import WORDS
from chaoskit.redaction import nameless, redacted, secret_variables, secrets_in, spared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chaoskit.documents import Document


class Named(Protocol):
    """What tells what it calls things by."""

    @property
    def names(self) -> Collection[str]:
        """Those names."""


_GIVEN: set[str] = set()
"""By variables. All three are of the process, as its stdout and stderr are: whichever thread writes there."""
_WRITTEN: set[str] = set()
"""In documents, under names that call it secret, or in a Secret."""
_NAMES: set[str] = set()
"""What things are called by in this call: what they tell is hidden nowhere."""


def forget() -> None:
    """Nothing is known: a call begins."""
    for each in (_GIVEN, _WRITTEN, _NAMES):
        each.clear()


def learn_variables(variables: Mapping[str, str]) -> None:
    """The values of those whose names call them secret are hidden from now on, in whatever form."""
    if secret_variables(variables):
        from chaoskit.documents import secrets_of_variables

        _GIVEN.update(secrets_of_variables(variables))


def learn(documents: Iterable[Document]) -> None:
    """What these documents call secret, and what they were filled with, is hidden from now on."""
    for each in documents:
        _GIVEN.update(each.secrets)
        _WRITTEN.update(secrets_in(each.value))
        called = (each.at(("metadata", field)) for field in ("name", "namespace"))
        _NAMES.update(map(str, filter(None, (each.path, *called))))


def learn_names(*named: Named) -> None:
    """What these trials, plans or records call things by is told from now on, though a Secret hold it too."""
    for each in named:
        _NAMES.update(each.names)


def hidden(value: Any) -> Any:
    """The text or JSON without what is secret by its name, its place or its value."""
    return redacted(value, _GIVEN | _WRITTEN, {*_NAMES, *WORDS})


def given() -> frozenset[str]:
    """The values of variables, but for those that a name tells anyway."""
    return nameless(_GIVEN.copy(), _NAMES.copy())


def unsaid(value: Any) -> Any:
    """The text or JSON without what was `given`: nothing else is changed."""
    return spared(value, given()) if _GIVEN else value
