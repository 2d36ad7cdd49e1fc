"""Litmus in the simulated cluster: programs of the simulated kubelet, whose faults the traffic feels."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chaoskit.simulator.api import Access, Api, Object
from chaoskit.simulator.effects import Effect, Effects
from chaoskit.simulator.engine import Engine
from chaoskit.simulator.knobs import Knobs
from chaoskit.simulator.litmus.account import Account
from chaoskit.simulator.litmus.errors import ChaosError
from chaoskit.simulator.litmus.inside import World
from chaoskit.simulator.litmus.operator import Operator
from chaoskit.simulator.litmus.processes import Process, Program
from chaoskit.simulator.litmus.reach import Halted, Http, Prom, Ran, Victim, no_prometheus
from chaoskit.simulator.node.commands import COMMANDS
from chaoskit.simulator.node.shell import Shell
from chaoskit.simulator.node.shell import World as ShellWorld
from chaoskit.simulator.objects import Reason

if TYPE_CHECKING:
    from chaoskit.simulator.node.programs import Invocation, Programs

_BOOT = 50.0
"""Seconds from a node's restart until its kubelet is back."""


class Kubelet(Protocol):
    """What Litmus needs of the simulated kubelet."""

    @property
    def programs(self) -> Programs:
        """Who decides what a container does."""
        ...

    def kill_container(
        self, namespace: str, pod: str, container: str, *, reason: Reason = ..., exit_code: int = ...
    ) -> bool:
        """The container's process is killed, and True; LookupError when there is no such container."""
        ...

    def pause(self, node: str) -> None:
        """The node's kubelet tells nothing any more; what runs goes on."""
        ...

    def silence(self, node: str) -> None:
        """The node is lost."""
        ...

    def revive(self, node: str) -> None:
        """A node that was paused or lost is back."""
        ...


def operator(
    api: Api,
    engine: Engine,
    effects: Effects,
    kubelet: Kubelet,
    *,
    http: Http,
    prom: Prom = no_prometheus,
    knobs: Knobs | None = None,
) -> Operator:
    """Litmus' operator in a simulated cluster.

    `http` and `prom` are what probes reach; `effects` is where faults are felt.
    """

    def reach(pod: Object, _: Access) -> SimulatedReach:
        meta = pod["metadata"]
        return SimulatedReach(http, prom, effects, kubelet, engine, (meta["namespace"], meta["name"]))

    def account(namespace: str, name: str) -> Access:
        return Account(api, namespace, name)

    world = World(api, engine, account, reach, knobs or Knobs())
    return Operator(world, KubeletProcesses(kubelet))


@dataclass(frozen=True, slots=True)
class KubeletProcesses:
    """The programs of Litmus' pods run in the simulated kubelet's containers."""

    kubelet: Kubelet

    def start(self, program: Program) -> None:
        """`program` runs in every container of a pod that carries a ``chaosUID``."""

        def of_litmus(start: Invocation) -> bool:
            return "chaosUID" in start.labels

        self.kubelet.programs.register(of_litmus, lambda p: program(p.invocation.object, p))
        self.kubelet.programs.register(lambda s: s.labels.get("name") == "chaos-operator", _idle)


def _idle(process: Process) -> None:
    """The operator's own container: its work is done by the actor."""
    process.on_term = lambda: process.exit(0)


@dataclass(frozen=True, slots=True)
class SimulatedReach:
    """Probes ask the simulated networks; faults are effects, and what the kubelet does to containers."""

    http: Http
    prom: Prom
    effects: Effects
    kubelet: Kubelet
    engine: Engine
    source: tuple[str, str]

    def get(self, url: str, timeout: float) -> Generator[float, None, int]:
        """The status at once: how long an answer takes is not simulated."""
        yield from ()
        return self.http(url, timeout, self.source)

    def run(self, command: str) -> Generator[float, None, Ran]:
        """The command done by the simulated shell, in its restricted form."""
        out: list[str] = []
        shell = Shell(ShellWorld(out=out.append), COMMANDS)
        for wait in shell.run(command):
            if wait == math.inf:
                raise ChaosError("CMD_PROBE_ERROR", "the command does not end")
            yield wait
        return Ran(shell.status, "".join(out))

    def kill(self, victim: Victim, signal: str) -> None:
        """The kubelet finds the container's process killed."""
        code = 137 if signal == "SIGKILL" else 143
        where = victim.namespace, victim.pod, victim.container
        try:
            self.kubelet.kill_container(*where, reason="Error", exit_code=code)
        except LookupError as error:
            raise ChaosError("CONTAINER_RUNTIME_ERROR", f"failed to kill: {error}") from error

    def begin(self, effect: Effect, seconds: float) -> None:  # noqa: ARG002 - whoever begins it ends it
        """Traffic and metrics feel it from now on."""
        self.effects.start(effect)

    def end(self, effect: Effect) -> None:
        """Nothing feels it any more."""
        self.effects.end(effect)

    def halt(self, node: str, what: Halted) -> None:
        """The kubelet of that node falls silent, with or without what runs there."""
        if what == "kubelet":
            self.kubelet.pause(node)
            return
        self.kubelet.silence(node)
        if what == "restart":
            self.engine.call_later(_BOOT, lambda: self.kubelet.revive(node))

    def resume(self, node: str) -> None:
        """The kubelet tells again what runs on the node."""
        self.kubelet.revive(node)
