"""What a fault's program has at hand: tunables, targets, what it hit, and how to undo it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from chaoskit.simulator.api import Object
from chaoskit.simulator.engine import Script
from chaoskit.simulator.litmus import targets
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import STEP, Inside
from chaoskit.simulator.litmus.targets import number

_PATIENCE = 180.0
"""Seconds that Litmus looks for a pod of TARGET_PODS that is not there, as one it has deleted itself."""


@dataclass(slots=True)
class Chaos:
    """An experiment's injection under way; `hit` collects what the history will call targets."""

    me: Inside
    begin_probes: Callable[[], Script]
    hit: list[dict[str, str]] = field(default_factory=list)
    undo: list[Callable[[], None]] = field(default_factory=list)
    """What puts right again what the experiment pod itself has done, the newest last."""

    def integer(self, name: str, default: int = 0) -> int:
        """A tunable, as Litmus reads it."""
        return number(self.me.env.get(name) or str(default))

    def pods(self) -> Generator[float, None, list[Object]]:
        """The pods to hit now, chosen anew each time; one that is named but gone is waited for in vain."""
        me, random = self.me, self.me.world.engine.random
        wanted = targets.parse(me.env.get("TARGETS", ""))
        names = [n.strip() for n in me.env.get("TARGET_PODS", "").split(",") if n.strip()]
        if names:
            namespace = wanted[0].namespace if wanted else me.namespace
            there = all(me.api.get("Pod", namespace, name) for name in names)
            yield 2 * STEP * len(names) if there else _PATIENCE
            return targets.named(me.api, namespace, names)
        share = targets.ranged(me.env.get("PODS_AFFECTED_PERC", ""), random)
        return targets.resolve(me.api, wanted, share, random, node_label=me.env.get("NODE_LABEL", ""))

    def sequence(self) -> str:
        """``serial`` or ``parallel``."""
        wanted = (self.me.env.get("SEQUENCE") or "parallel").lower()
        if wanted == "random":
            wanted = self.me.world.engine.random.choice(["serial", "parallel"])
        if wanted not in {"serial", "parallel"}:
            raise ChaosError("GENERIC_ERROR", f"sequence '{wanted}' is not supported")
        return wanted

    def mark(self, name: str, kind: str, status: str) -> None:
        """The history will say so of that target, whatever it was to say before."""
        self.hit[:] = [one for one in self.hit if (one["name"], one["kind"]) != (name, kind)]
        self.hit.append({"name": name, "kind": kind, "chaosStatus": status})

    def revert(self) -> None:
        """Everything that is to be undone is; nothing more is to be."""
        while self.undo:
            self.undo.pop()()
