"""What a fault's chart or the catalogue offers is acted on, refused aloud, or known to change nothing."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from chaoskit.experiments.faults import CATALOGUE
from chaoskit.simulator import litmus
from chaoskit.simulator.litmus import disturbances, tunables
from chaoskit.simulator.litmus.disturbances import Tunables
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.faults import HELPERS, PROGRAMS
from chaoskit.simulator.litmus.manifests import FAULTS, chaos_experiment
from chaoskit.simulator.litmus.reach import Victim

VICTIM = Victim("web-1", "town", "web")
EVERYWHERE = ("chaos", "experiment", "faults", "helpers", "runner", "engines")
"""The modules that work on every fault, or on all that hit pods."""
READERS = {"get", "pick", "integer", "destinations"}
"""What is called with the name of a variable to read it."""


class Reading(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def felt(fault: str) -> set[str]:
    """The tunables that decide what the fault does to a pod."""
    env = Reading({"SPOOF_MAP": '{"a.com": "b.com"}', "EPHEMERAL_STORAGE_MEBIBYTES": ""})

    def pick(name: str, default: str) -> int:
        return int(env.get(name) or default.partition("-")[0])

    if fault in disturbances.MAKERS:
        disturbances.effects(fault, VICTIM, Tunables(env, pick, storage=1e9))
    return env.asked


@functools.cache
def mentioned(module: str) -> frozenset[str]:
    """The names that a module asks an environment for, as its source says."""
    return frozenset(_asked_for(ast.parse((Path(litmus.__file__).parent / f"{module}.py").read_text())))


def _asked_for(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in READERS:
                yield from (
                    str(a.value) for a in node.args if isinstance(a, ast.Constant) and str(a.value).isupper()
                )
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            yield str(node.slice.value)


def acted_on(fault: str) -> set[str]:
    names = felt(fault) | set().union(*map(mentioned, EVERYWHERE))
    if fault in HELPERS:
        names |= mentioned("helper_programs")
    else:
        module = PROGRAMS[fault].__module__.rpartition(".")[2]
        names |= mentioned(module)
    return names


def offered(fault: str) -> set[str]:
    """The tunables of the fault's chart, and those that a document for it may set."""
    names = {entry["name"] for entry in chaos_experiment(fault, "town")["spec"]["definition"]["env"]}
    for kind, known in CATALOGUE.items():
        if (known.runs or kind) == fault:
            names |= {parameter.env for parameter in known.parameters if parameter.env}
    return names


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_tunable_is_acted_on_or_refused_or_known_to_change_nothing(fault: str) -> None:
    assert offered(fault) - acted_on(fault) - tunables.unread(fault) == set()


@pytest.mark.parametrize("fault", sorted(disturbances.MAKERS))
def test_what_is_said_to_change_nothing_is_not_asked_for(fault: str) -> None:
    assert felt(fault) & tunables.unread(fault) == set()


@pytest.mark.parametrize("limit", tunables.REFUSED, ids=lambda limit: limit.name)
def test_what_is_refused_is_named_with_the_reason(limit: tunables.Refused) -> None:
    fault = next(name for name in FAULTS if fnmatchcase(name, limit.faults))
    with pytest.raises(ChaosError, match=f"{limit.name}=7 is not simulated: {limit.why}"):
        tunables.refuse(fault, {limit.name: "7"})
    for value in limit.accepted:
        tunables.refuse(fault, {limit.name: value})
