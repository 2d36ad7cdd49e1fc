"""Commands to paste: they lead where the call that shows them led."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from chaoskit.redaction import scrubbed

PLACES = {
    "namespace": "-n",
    "context": "--context",
    "kubeconfig": "--kubeconfig",
    "prometheus": "--prometheus",
    "store": "--store",
    "config": "--config",
}
"""The options that say where something is, in the order in which a command shows them."""

_OTHERWISE = {"-n": {"-n", "--namespace", "-A", "--all-namespaces"}}
_OF_ITS_OWN = {"monitor"}
"""Commands whose ``-n`` is no place to look at."""
_GIVEN: ContextVar[Mapping[str, str] | None] = ContextVar("given", default=None)


@contextmanager
def led_by(shared: Mapping[str, Any]) -> Iterator[None]:
    """Inside, commands to paste repeat these places: those that stood as flags in this call."""
    given = {name: str(shared[name]) for name in PLACES if shared.get(name)}
    token = _GIVEN.set(given)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def pasted(words: str, *, but: Collection[str] = ()) -> str:
    """The words with the places of this call, `but` these, behind the ``chaoskit`` command at their end."""
    given = _GIVEN.get()
    told, called, command = words.partition("chaoskit ")
    if not given or not called:
        return words
    return told + called + placed(command, given, _taken(command) - {*but})


def placed(command: str, given: Mapping[str, str], taken: Collection[str]) -> str:
    """The command with those places that it takes and does not name; what is secret in them is hidden."""
    parts = command.split()
    if "--help" in parts:
        return command
    more = [
        f"{flag} {shlex.quote(scrubbed(given[name]))}"
        for name, flag in PLACES.items()
        if name in given and name in taken and not _OTHERWISE.get(flag, {flag}) & set(parts)
    ]
    return " ".join((command, *more))


def _taken(command: str) -> set[str]:
    """The places that the command takes as options."""
    name, _, rest = command.partition(" ")
    try:
        found = import_module(f"chaoskit.cli.{name}").app.registered_commands
    except (ImportError, AttributeError):
        return set()
    named = [each for each in found if (each.name or each.callback.__name__) == rest.partition(" ")[0]]
    (chosen,) = named or found[:1]
    taken = set(chosen.callback.__annotations__) & PLACES.keys()
    return taken - {"namespace"} if name in _OF_ITS_OWN else taken
