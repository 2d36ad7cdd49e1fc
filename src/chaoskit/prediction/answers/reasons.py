"""A pod's signals in words with units: how much, how much usually, how fast, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from chaoskit.ports.metrics import Signal
from chaoskit.prediction.data.arrays import Measured
from chaoskit.prediction.data.dataset import Block, Dataset
from chaoskit.prediction.features.statistics import noise
from chaoskit.prediction.labelling.labels import STALE

RECENT_MINUTES, PACE_MINUTES = STALE // timedelta(minutes=1), 15

_SHORT = {
    "cpu_usage": "CPU",
    "cpu_limit_ratio": "CPU",
    "cpu_throttled_ratio": "CPU throttled",
    "memory_bytes": "working set",
    "memory_usage": "memory",
    "network_receive": "received",
    "network_transmit": "sent",
    "network_dropped": "packets dropped",
    "fs_usage": "disk",
    "request_rate": "requests",
    "error_ratio": "failed requests",
    "latency_p95": "p95 latency",
    "edge_gap": "time lost between caller and callee",
    "db_pool_usage": "connection pool",
    "db_pool_pending": "waiting for a connection",
    "db_pool_errors": "connection failures",
    "db_connections": "connections of the database",
    "replicas_unavailable": "replicas missing",
}
_LIMITED = {"cpu_limit_ratio": " of the limit", "memory_usage": " of the limit"}
_FLAGS = {
    "waiting_bad": "waits in a crash loop or cannot be started",
    "ready": "is not ready",
    "last_oom": "was killed for lack of memory",
    "last_error": "ended with an error",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One pod's recent past: `values[signal, moment]` on a grid of `step` seconds."""

    signals: tuple[Signal, ...]
    step: int
    values: Measured

    @classmethod
    def at(cls, dataset: Dataset, block: Block, row: int) -> Look:
        """The pod in this row of the block."""
        return cls(dataset.signals, dataset.step, block.of([row]).exact[0])

    def series(self, name: str) -> Measured:
        """All values of a signal; empty when it is not there."""
        for index, signal in enumerate(self.signals):
            if signal.name == name:
                found: Measured = self.values[index]
                return found
        return np.zeros(0, dtype=np.float32)

    def _samples(self, minutes: float) -> int:
        return max(2, round(minutes * 60 / self.step))

    def now(self, name: str) -> float:
        """The newest value of the last five minutes, NaN when there is none."""
        recent = self.series(name)[-self._samples(RECENT_MINUTES) :]
        known = recent[~np.isnan(recent)]
        return float(known[-1]) if len(known) else float("nan")

    def usual(self, name: str) -> float:
        """The median of the hour before the last five minutes."""
        past = self.series(name)[-self._samples(65) : -self._samples(RECENT_MINUTES)]
        known = past[~np.isnan(past)]
        return float(np.median(known)) if len(known) else float("nan")

    def pace(self, name: str) -> float:
        """The slope per minute over the last quarter of an hour, 0 when it cannot be told."""
        recent = self.series(name)[-self._samples(PACE_MINUTES) :]
        known = np.flatnonzero(~np.isnan(recent))
        if len(known) < 3:
            return 0.0
        return float(np.polyfit(known * self.step / 60, recent[known].astype(np.float64), 1)[0])

    def steady(self, name: str) -> bool:
        """Whether the last quarter of an hour climbs as a line does, rather than jumps about."""
        recent = self.series(name)[-self._samples(PACE_MINUTES) :]
        known = np.flatnonzero(~np.isnan(recent))
        if len(known) < 5 or np.ptp(recent[known]) == 0:
            return False
        return float(np.corrcoef(known, recent[known])[0, 1]) > 0.9

    def full_in(self, name: str) -> float:
        """Minutes until a ratio that climbs steadily reaches 1; infinite when it does not, or is missing."""
        level, pace = self.now(name), self.pace(name)
        if np.isnan(level) or not (pace > 1e-4 and self.steady(name)):
            return float("inf")
        return max(0.0, (1 - level) / pace)

    def more(self, name: str, minutes: float) -> float:
        """How much a counter grew in the last minutes; after a reset it began at nothing."""
        recent = self.series(name)[-self._samples(minutes) - 1 :]
        known = recent[~np.isnan(recent)]
        steps = np.diff(known)
        return float(np.where(steps < 0, known[1:], steps).sum()) if len(known) > 1 else 0.0

    def silent(self) -> float:
        """Minutes since any signal had a sample."""
        there = np.flatnonzero(~np.isnan(self.values).all(axis=0))
        newest = there[-1] if len(there) else -1
        return float(self.values.shape[1] - 1 - newest) * self.step / 60

    def notable(self, name: str) -> bool:
        """Whether a signal is not as usual: changed, about to be full, gone, raised.

        Changed is what differs by a tenth of the usual, and by more than noise.
        """
        signal = next((each for each in self.signals if each.name == name), None)
        if signal is None or signal.kind in {"counter", "flag"}:
            return signal is not None
        now, usual = self.now(name), self.usual(name)
        if np.isnan(now) or np.isnan(usual):
            return bool(np.isnan(now) != np.isnan(usual))
        high = signal.kind == "ratio" and (now > 0.8 or self.full_in(name) <= 120)
        return bool(high or abs(now - usual) > max(noise(signal), 0.1 * abs(usual)))

    def words(self, name: str) -> str:
        """The signal in words, "" when it says nothing: ``CPU 1.2 cores (usually 0.1)``."""
        signal = next((each for each in self.signals if each.name == name), None)
        if signal is None:
            return ""
        if name in {"memory_bytes", "memory_usage"}:
            return self._memory()
        if signal.kind == "counter":
            more = self.more(name, PACE_MINUTES)
            called = "restart" if name == "restarts" and round(more) == 1 else name
            return f"{more:.0f} {called} in {PACE_MINUTES} min" if more > 0 else ""
        if signal.kind == "flag":
            bad = self.now(name) == (0 if name == "ready" else 1)
            return _FLAGS.get(name, signal.meaning) if bad else ""
        return self._gauge(signal)

    def _gauge(self, signal: Signal) -> str:
        now, usual = self.now(signal.name), self.usual(signal.name)
        called = _SHORT.get(signal.name, signal.meaning)
        if np.isnan(now):
            return "" if np.isnan(usual) else _missing(called)
        said = f"{called} {amount(now, signal.unit)}{_LIMITED.get(signal.name, '')}"
        full = self.full_in(signal.name) if signal.kind == "ratio" else float("inf")
        if full <= 600:
            return f"{said}, {self.pace(signal.name):+.1%}/min: full in {duration(full)}".replace("%/", " %/")
        return said + ("" if np.isnan(usual) else f" (usually {amount(usual, signal.unit)})")

    def _memory(self) -> str:
        size, share = self.now("memory_bytes"), self.now("memory_usage")
        if np.isnan(size) and np.isnan(share):
            known = not all(np.isnan(self.usual(name)) for name in ("memory_bytes", "memory_usage"))
            return _missing("memory") if known else ""
        if np.isnan(size):
            return f"memory {amount(share, 'ratio')} of the limit"
        limit = f" of {size / share / 2**20:.0f} MiB" if share > 0 else ""
        said = f"working set {size / 2**20:.0f}{limit}" + ("" if limit else " MiB")
        pace = self.pace("memory_bytes") / 2**20
        if self.full_in("memory_usage") <= 600:
            return f"{said}, {pace:+.1f} MiB/min: full in {duration(self.full_in('memory_usage'))}"
        usual = self.usual("memory_bytes")
        return said + ("" if np.isnan(usual) else f" (usually {usual / 2**20:.0f})")


def _missing(called: str) -> str:
    return f"{called}: no sample for {RECENT_MINUTES} min"


def amount(value: float, unit: str) -> str:
    """A value with its unit as a person reads it: ``412 MiB``, ``18 %``, ``40 ms``, ``3.1 cores``."""
    if unit == "ratio":
        return f"{value * 100:.0f} %" if value >= 0.1 or value < 0.0005 else f"{value * 100:.1f} %"
    if unit in {"bytes", "bytes/s"}:
        size, scale = next((s, n) for s, n in _SIZES if abs(value) >= s or s == 1)
        return f"{_figure(value / size)} {scale}{unit.removeprefix('bytes')}"
    if unit == "seconds":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{_figure(value, 2)} s"
    return f"{_figure(value)} {unit}" if unit not in {"count", ""} else _figure(value)


def _figure(value: float, digits: int = 3) -> str:
    """So many digits, and never an exponent: what is next to nothing is 0."""
    if abs(value) < 1e-4:
        return "0"
    told = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in told else told


_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "bytes"))


def duration(minutes: float) -> str:
    """``32 min``, ``3 h``; ``now`` for nothing."""
    if minutes < 1:
        return "less than a minute"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"
