"""Predict what will break, prove it with a controlled experiment, fix it, keep the evidence.

The library in few names::

    with chaoskit.connect(namespace="shop") as world:
        chaoskit.AIChaosEngine(world)     # train (with Options), predict, generate, run
        chaoskit.AutoRecovery(world)      # detect (also from what is Given), plan, recover, patterns

What was generated can be run, and so can what `load` reads from files. Whatever goes wrong is a
`ChaoskitError`, whatever ends has an `Outcome`.

Importing this imports nothing heavy; what a name needs is imported when it is first used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chaoskit.version import __version__

if TYPE_CHECKING:
    from chaoskit.errors import ChaoskitError as ChaoskitError
    from chaoskit.experiments import load as load
    from chaoskit.flows.auto_recovery import AutoRecovery as AutoRecovery
    from chaoskit.flows.chaos_engine import AIChaosEngine as AIChaosEngine
    from chaoskit.flows.world import World as World
    from chaoskit.outcome import Outcome as Outcome
    from chaoskit.prediction import Options as Options
    from chaoskit.recovery.given import Given as Given

_HOME = {
    "AIChaosEngine": "chaoskit.flows.chaos_engine",
    "AutoRecovery": "chaoskit.flows.auto_recovery",
    "ChaoskitError": "chaoskit.errors",
    "Given": "chaoskit.recovery.given",
    "Options": "chaoskit.prediction",
    "Outcome": "chaoskit.outcome",
    "World": "chaoskit.flows.world",
    "load": "chaoskit.experiments",
}

__all__ = [
    "AIChaosEngine",
    "AutoRecovery",
    "ChaoskitError",
    "Given",
    "Options",
    "Outcome",
    "World",
    "__version__",
    "connect",
    "load",
]


@contextmanager
def connect(**settings: Any) -> Iterator[World]:
    """The world as the settings describe it (`chaoskit config` lists them); closed on the way out.

    Raises:
        CannotStart: there is no kubeconfig, or the cluster does not answer.
        InvalidInput: a setting is wrong.
    """
    from chaoskit import signalfiles
    from chaoskit.runtime import connected
    from chaoskit.settings import load

    found = load(settings).settings
    with signalfiles.known(found.signals), connected(found) as runtime:
        yield runtime.world


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
