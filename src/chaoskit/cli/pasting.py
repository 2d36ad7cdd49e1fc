"""Commands to paste: they lead where the call that shows them led."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from chaoskit.errors import ChaoskitError
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
_OF_ITS_OWN = {"monitor", "halt", "resume"}
"""Commands whose ``-n`` is no place to look at: without one they mean another."""
_CALLED = re.compile(r"\bchaoskit ([a-z]+)(?: ([a-z]+)\b)?")
_GIVEN: ContextVar[Mapping[str, str] | None] = ContextVar("given", default=None)


@contextmanager
def led_by(shared: Mapping[str, Any]) -> Iterator[None]:
    """Inside, commands to paste repeat these places: those that stood as flags in this call.

    So do those in the hint of an error that leaves it.
    """
    given = {name: str(shared[name]) for name in PLACES if shared.get(name)}
    token = _GIVEN.set(given)
    try:
        yield
    except ChaoskitError as error:
        error.hint = led(error.hint)
        raise
    finally:
        _GIVEN.reset(token)


def pasted(words: str, *, but: Collection[str] = ()) -> str:
    """The words with the places of this call, `but` these, behind the ``chaoskit`` command at their end."""
    given = _GIVEN.get()
    told, called, command = words.partition("chaoskit ")
    if not given or not called:
        return words
    return told + called + placed(command, given, _taken(command) - {*but})


def led(sentence: str) -> str:
    """The sentence, each ``chaoskit`` command in it with the places of this call right behind its name."""
    return _CALLED.sub(_led, sentence) if _GIVEN.get() else sentence


def _led(called: re.Match[str]) -> str:
    name, word = called[1], called[2] or ""
    whole = called[0] if _names(name, word) else f"chaoskit {name}"
    after = called.string[called.end() :].partition("\n")[0].partition("chaoskit ")[0]
    flags = _flags(after.split(), _GIVEN.get() or {}, _taken(f"{name} {word}"))
    return " ".join((whole, *flags)) + called[0].removeprefix(whole)


def _names(command: str, word: str) -> bool:
    """Whether the word is a command of that command."""
    return any(word == (each.name or each.callback.__name__) for each in _registered(command))


def placed(command: str, given: Mapping[str, str], taken: Collection[str]) -> str:
    """The command with those places that it takes and does not name; what is secret in them is hidden."""
    return " ".join((command, *_flags(command.split(), given, taken)))


def _flags(parts: Sequence[str], given: Mapping[str, str], taken: Collection[str]) -> list[str]:
    """Those places that are taken and not among the parts, as flags."""
    if "--help" in parts:
        return []
    return [
        f"{flag} {shlex.quote(scrubbed(given[name]))}"
        for name, flag in PLACES.items()
        if name in given and name in taken and not _OTHERWISE.get(flag, {flag}) & set(parts)
    ]


def _taken(command: str) -> set[str]:
    """The places that the command takes as options."""
    name, _, rest = command.partition(" ")
    found = _registered(name)
    if not found:
        return set()
    named = [each for each in found if (each.name or each.callback.__name__) == rest.partition(" ")[0]]
    (chosen,) = named or found[:1]
    taken = set(chosen.callback.__annotations__) & PLACES.keys()
    return taken - {"namespace"} if name in _OF_ITS_OWN else taken


def _registered(name: str) -> Sequence[Any]:
    """The commands of that command's module; none where the word is no command."""
    try:
        return list(import_module(f"chaoskit.cli.{name}").app.registered_commands)
    except (ImportError, AttributeError):
        return ()
