"""What Litmus' programs do to the world beside asking the API: probes' requests and commands, and the faults.

Simulated programs reach simulated traffic and a simulated kubelet; those attached to a real cluster act
through the containers that they stand in for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chaoskit.simulator.effects import Effect


@dataclass(frozen=True, slots=True)
class Victim:
    """One entry of a helper's TARGETS: ``pod:namespace:container``."""

    pod: str
    namespace: str
    container: str


@dataclass(frozen=True, slots=True)
class Ran:
    """How a shell command ended: its exit status, and what it wrote to stdout."""

    status: int
    out: str


Halted = Literal["kubelet", "restart", "poweroff"]


class Http(Protocol):
    """The network as a pod sees it."""

    def __call__(self, url: str, timeout: float, source: tuple[str, str]) -> int:
        """The status of a GET by the pod `source` (namespace, name); raises `ConnectionError`.

        `timeout` in seconds, 0 for none.
        """
        ...


class Prom(Protocol):
    """A Prometheus as a pod sees it."""

    def __call__(self, endpoint: str, query: str) -> Sequence[float]:
        """The values of an instant query; raises `ConnectionError`, also for what it cannot parse."""
        ...


def no_prometheus(endpoint: str, query: str) -> Sequence[float]:  # noqa: ARG001 - nothing is asked
    """Raises: nobody told this Litmus how to reach a Prometheus."""
    raise ConnectionError(f"unable to reach the Prometheus at {endpoint}")


class Reach(Protocol):
    """What can be done from inside one chaos pod."""

    @property
    def prom(self) -> Prom:
        """How a Prometheus is asked."""
        ...

    def get(self, url: str, timeout: float) -> Generator[float, None, int]:
        """The status of a GET, over time; raises `ConnectionError`. `timeout` in seconds, 0 for none."""
        ...

    def run(self, command: str) -> Generator[float, None, Ran]:
        """A shell command, over time; raises `ChaosError` for one that cannot be run."""
        ...

    def kill(self, victim: Victim, signal: str) -> None:
        """The container has got ``SIGKILL`` or ``SIGTERM``; raises `ChaosError` when it cannot be found."""
        ...

    def begin(self, effect: Effect, seconds: float) -> None:
        """The effect is in force, for `seconds` at the most; raises `ChaosError` when it cannot be made."""
        ...

    def end(self, effect: Effect) -> None:
        """The effect is no longer in force; never raises."""
        ...

    def halt(self, node: str, what: Halted) -> None:
        """The node is without its kubelet, restarts, or is off; raises `ChaosError` where that cannot be."""
        ...

    def resume(self, node: str) -> None:
        """A node without its kubelet has it again."""
        ...
