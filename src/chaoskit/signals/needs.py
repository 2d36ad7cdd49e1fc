"""What each class of failure needs of the signals to be foreseen or seen, and what is lost without one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from chaoskit.ports.metrics import Signal

Ability = Literal["forecast", "detection", "delays"]


@dataclass(frozen=True, slots=True)
class Need:
    """One ability with one class of failure: any of these signals gives it, more of them make it surer."""

    issue: str
    ability: Ability
    any_of: tuple[str, ...]

    @property
    def words(self) -> str:
        """``forecast of memory leak``."""
        return f"{_WORDS[self.ability]} of {self.issue.replace('-', ' ')}"


_WORDS = {"forecast": "forecast", "detection": "detection", "delays": "detection of delays"}

NEEDS: tuple[Need, ...] = (
    Need("memory-leak", "forecast", ("memory_usage", "memory_bytes")),
    Need("memory-leak", "detection", ("oom_events", "last_oom", "memory_usage", "memory_major_faults")),
    Need("disk", "forecast", ("fs_usage", "fs_volume_usage")),
    Need("database-connection", "forecast", ("db_pool_usage", "db_connections")),
    Need(
        "database-connection",
        "detection",
        ("db_pool_errors", "db_pool_pending", "db_pool_waits", "db_refused", "db_up", "db_pool_usage"),
    ),
    Need(
        "pod-crash",
        "detection",
        ("restarts", "waiting_bad", "ready", "replicas_unavailable", "last_error"),
    ),
    Need(
        "cpu-saturation",
        "detection",
        ("cpu_throttled_ratio", "cpu_limit_ratio", "cpu_usage", "cpu_request_ratio"),
    ),
    Need("network", "delays", ("edge_gap",)),
    Need(
        "network",
        "detection",
        ("error_ratio", "network_dropped", "latency_p95", "target_up", "network_receive", "network_transmit"),
    ),
)  # fmt: skip

CLASSES: tuple[str, ...] = tuple(dict.fromkeys(need.issue for need in NEEDS))


@dataclass(frozen=True, slots=True)
class Loss:
    """What is lost without a signal, in words; `whole` where nothing else gives that ability."""

    need: Need
    whole: bool

    @property
    def words(self) -> str:
        """``no forecast of disk``, ``less sure detection of network``."""
        return f"{'no' if self.whole else 'less sure'} {self.need.words}"


def needs(own: Iterable[Signal] = ()) -> tuple[Need, ...]:
    """All needs; one's own signals serve the detection of the classes that they say they help with."""
    more = {each.name: each.classes for each in own}

    def served(need: Need) -> Need:
        helping = tuple(
            name
            for name, classes in more.items()
            if need.ability == "detection" and need.issue in classes and name not in need.any_of
        )
        return Need(need.issue, need.ability, (*need.any_of, *helping))

    return tuple(map(served, NEEDS))


def unmet(present: Collection[str], own: Iterable[Signal] = ()) -> tuple[Need, ...]:
    """The needs of which no signal is present."""
    return tuple(need for need in needs(own) if not set(need.any_of) & set(present))


def losses(absent: str, present: Collection[str], own: Iterable[Signal] = ()) -> Iterator[Loss]:
    """What is lost without the signal `absent`, given those that are present."""
    gone = unmet(present, own)
    for need in needs(own):
        if absent in need.any_of:
            yield Loss(need, need in gone)


def classes_of(signal: Signal) -> tuple[str, ...]:
    """The classes of failure that a signal helps with."""
    mine = (need.issue for need in NEEDS if signal.name in need.any_of)
    return tuple(dict.fromkeys((*mine, *signal.classes)))
