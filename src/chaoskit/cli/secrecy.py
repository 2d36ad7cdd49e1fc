"""What this call was given and nobody is to read: known as soon as it is read, hidden in what goes out.

`app.main` begins with nothing known. Documents are read by `survey`; whoever has variables, makes trials,
plans or records, or finds out where all this is, tells it here at once. The values of variables are `unsaid`
in all that is written to stdout or stderr; what documents call secret, which may be any word, is `hidden` too
in what is made of documents. Records and reports hide theirs by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from chaoskit.records import WORDS
from chaoskit.redaction import nameless, redacted, secret_variables, secrets_in, spared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chaoskit.documents import Document
    from chaoskit.errors import Problem


class Named(Protocol):
    """What tells what it calls things by."""

    @property
    def names(self) -> Collection[str]:
        """Those names."""


_GIVEN: set[str] = set()
"""By variables. All four are of the process, as its stdout and stderr are: whichever thread writes there."""
_WRITTEN: set[str] = set()
"""In documents, under names that call it secret, or in a Secret."""
_NAMES: set[str] = set()
"""What trials, plans and records call things by: what they tell is hidden nowhere."""
_PLACES: set[str] = set()
"""Where the call is, and its documents, and what these say: told though it is `_WRITTEN`, too."""


def forget() -> None:
    """Nothing is known: a call begins."""
    for each in (_GIVEN, _WRITTEN, _NAMES, _PLACES):
        each.clear()


def learn_variables(variables: Mapping[str, str]) -> None:
    """The values of those whose names call them secret are hidden from now on, in whatever form."""
    if secret_variables(variables):
        from chaoskit.documents import secrets_of_variables

        _GIVEN.update(secrets_of_variables(variables))


def survey(
    files: Sequence[str], variables: Mapping[str, str] | None = None
) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The documents of these files, and what cannot be read of them, as `documents.survey`; `learn`ed."""
    from chaoskit import documents

    read, unread = documents.survey(files, variables=variables)
    learn(read)
    learn_places(*files, *(each.path for each in unread))
    return read, unread


def read(files: Iterable[str | Path]) -> tuple[Document, ...]:
    """The documents of these files, `learn`ed.

    Raises:
        InvalidInput: what cannot be read of them, all of it.
    """
    from chaoskit.documents import refuse

    found, unread = survey([str(each) for each in files])
    refuse(unread)
    return found


def learn(documents: Iterable[Document]) -> None:
    """What these documents call secret, and what they were filled with, is hidden from now on."""
    from chaoskit.documents import names_in

    for each in documents:
        _GIVEN.update(each.secrets)
        _WRITTEN.update(secrets_in(each.value))
        learn_places(each.path, *names_in(each.value))


def learn_names(*named: Named) -> None:
    """What these trials, plans or records call things by is told from now on, whatever is secret."""
    for each in named:
        _NAMES.update(each.names)


def learn_places(*places: object) -> None:
    """These paths, namespaces, clusters are told from now on, though a Secret hold it too; no variable is."""
    _PLACES.update(map(str, filter(None, places)))


def hidden(value: Any) -> Any:
    """The text or JSON without what is secret by its name, its place or its value."""
    return redacted(value, _WRITTEN.copy(), {*_NAMES, *_PLACES, *WORDS}, anyhow=given())


def given() -> frozenset[str]:
    """The values of variables, but for those that a name, or a word of chaoskit's, tells anyway."""
    return nameless(_GIVEN.copy(), {*_NAMES, *WORDS})


def unsaid(value: Any) -> Any:
    """The text or JSON without what was `given`: nothing else is changed."""
    return spared(value, given()) if _GIVEN else value
