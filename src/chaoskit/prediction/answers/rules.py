"""Answers without a model: fixed rules on the newest signals, labelled as rules, without percentages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chaoskit import clusters
from chaoskit.ports.cluster import Identity
from chaoskit.prediction.answers.reasons import PACE_MINUTES, Look, duration
from chaoskit.prediction.data.dataset import Dataset
from chaoskit.prediction.data.replaced import departed
from chaoskit.records import PredictionRecord, new_id

NAME = "rules"
HORIZON_MINUTES = 30.0
ALARM = 0.5
"""From this score on a rule is an alarm; below it is a hint."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that applies: how grave (0 to 1), the class of failure it points to, words, its signal."""

    score: float
    issue: str
    words: str
    signal: str


def findings(look: Look) -> tuple[Finding, ...]:
    """The rules that apply to a pod, gravest first."""
    return tuple(sorted(_apply(look), key=lambda finding: -finding.score))


def _apply(look: Look) -> Iterator[Finding]:
    yield from _crashes(look)
    yield from _filling(look)
    yield from _database(look)
    yield from _service(look)
    if look.silent() > 2 * look.step / 60:
        yield Finding(0.7, "network", f"no sample for {duration(look.silent())}", "")


def _crashes(look: Look) -> Iterator[Finding]:
    killed = look.now("last_oom") == 1
    issue = "memory-leak" if killed else "pod-crash"
    if look.now("waiting_bad") == 1:
        yield Finding(1.0, issue, look.words("waiting_bad"), "waiting_bad")
    restarts = look.more("restarts", PACE_MINUTES)
    if restarts > 0:
        times = f"{restarts:.0f} restart{'s' if restarts > 1 else ''} in {PACE_MINUTES} min"
        yield Finding(min(1.0, 0.6 + 0.1 * restarts), issue, times, "restarts")
    if look.now("ready") == 0:
        yield Finding(0.8, issue, look.words("ready"), "ready")


def _filling(look: Look) -> Iterator[Finding]:
    for signal, issue in (("memory_usage", "memory-leak"), ("fs_usage", "disk")):
        full = look.full_in(signal)
        level = look.now(signal)
        if full <= HORIZON_MINUTES or level > 0.9:
            yield Finding(max(0.6, min(0.95, 1 - full / 100), level * 0.9), issue, look.words(signal), signal)
        elif full <= 4 * HORIZON_MINUTES:
            yield Finding(0.4, issue, look.words(signal), signal)
    for signal in ("cpu_throttled_ratio", "cpu_limit_ratio"):
        if look.now(signal) > (0.25 if signal == "cpu_throttled_ratio" else 0.9):
            yield Finding(0.55, "cpu-saturation", look.words(signal), signal)


def _database(look: Look) -> Iterator[Finding]:
    if look.now("db_pool_errors") > 0:
        yield Finding(0.9, "database-connection", look.words("db_pool_errors"), "db_pool_errors")
    for signal in ("db_pool_usage", "db_connections"):
        if look.now(signal) > 0.8:
            yield Finding(
                0.5 + 0.4 * min(1.0, look.now(signal)) ** 4, "database-connection", look.words(signal), signal
            )
    if look.now("db_pool_pending") >= 1:
        yield Finding(0.6, "database-connection", look.words("db_pool_pending"), "db_pool_pending")


def _service(look: Look) -> Iterator[Finding]:
    gap, usual = look.now("edge_gap"), look.usual("edge_gap")
    if gap > 0.02 and gap > 3 * max(usual, 0.0):
        yield Finding(0.7, "network", look.words("edge_gap"), "edge_gap")
    if look.now("network_dropped") > 1 + 3 * look.usual("network_dropped"):
        yield Finding(0.6, "network", look.words("network_dropped"), "network_dropped")
    if look.now("error_ratio") > 0.05:
        yield Finding(0.6, "network", look.words("error_ratio"), "error_ratio")


def by_rules(
    window: Dataset, now: datetime, *, cluster: Identity = clusters.NOWHERE, trace_id: str = ""
) -> tuple[PredictionRecord, ...]:
    """One record per workload from fixed rules, gravest first; `probability` is None: rules have none."""
    block = window.blocks[-1]
    found: dict[tuple[str, str], tuple[Finding, ...]] = {}
    gone = departed(window, block)
    for index, row in enumerate(block.rows):
        look = Look.at(window, block, index)
        if look.silent() < 5 and not gone[index]:
            key = (row.namespace, row.workload)
            better = findings(look)
            if key not in found or _gravest(better) > _gravest(found[key]):
                found[key] = better
    records = [
        _record(namespace, workload, each, now, cluster, trace_id)
        for (namespace, workload), each in found.items()
    ]
    return tuple(sorted(records, key=lambda record: (-record.score, record.target)))


def _gravest(of: tuple[Finding, ...]) -> float:
    return of[0].score if of else 0.0


def _record(
    namespace: str, workload: str, of: tuple[Finding, ...], now: datetime, cluster: Identity, trace_id: str
) -> PredictionRecord:
    identity = new_id(now)
    return PredictionRecord(
        id=identity,
        at=now,
        trace_id=trace_id or identity,
        target=workload,
        namespace=namespace,
        **clusters.fields(cluster),
        model=NAME,
        mode="rules",
        horizon_minutes=HORIZON_MINUTES,
        probability=None,
        low=None,
        high=None,
        score=_gravest(of),
        alarmed=_gravest(of) >= ALARM,
        issue=of[0].issue if of else "",
        reasons=tuple(dict.fromkeys(finding.words for finding in of if finding.words))[:3],
    )
