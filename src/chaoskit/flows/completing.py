"""What stands around a run and the runner does not know: its document's place, versions, signals, score."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from chaoskit import clusters
from chaoskit.errors import ChaoskitError
from chaoskit.events import ignore
from chaoskit.experiments import Trial
from chaoskit.experiments.course import Course, recorded
from chaoskit.experiments.operators import operators
from chaoskit.experiments.verdict import Judged
from chaoskit.flows import charts
from chaoskit.flows.world import World
from chaoskit.journal import Journal
from chaoskit.outcome import Outcome
from chaoskit.ports.cluster import Cluster
from chaoskit.ports.store import Document
from chaoskit.records import RunRecord
from chaoskit.redaction import redacted
from chaoskit.reports import score
from chaoskit.reports.conditions import seconds_broken, seconds_to_recover
from chaoskit.version import __version__


def completed(record: RunRecord, trial: Trial, world: World, versions: Mapping[str, str]) -> RunRecord:
    """The record with all of it; what cannot be read any more is left out, the verdict never."""
    judged = record.plain()
    whole = replace(
        record,
        versions=versions,
        score=score.of_run(judged),
        seconds_to_recover=seconds_to_recover(judged),
        seconds_broken=seconds_broken(judged),
        evidence={**record.evidence, "signals": _signals(record, trial, world)},
    )
    return placed(whole, trial)  # a signal is called by its query, which may hold a secret


def placed(record: RunRecord, trial: Trial) -> RunRecord:
    """The record with its document's place, without secrets: what is left of who dies before it is whole."""
    secrets = trial.secrets
    if secrets:  # a server may quote what it rejects
        record = RunRecord.of(redacted(record.plain(), secrets, (*record.names, *trial.names)))
    return replace(record, path=relative(trial.path), line=trial.line)


def unbegun(trial: Trial, world: World, reason: str) -> RunRecord:
    """The record of a trial whose turn never came."""
    journal, judged = Journal(world.clock, ignore), Judged(Outcome.NOT_BEGUN, reason)
    made = recorded(journal, trial, Course(), [], judged, clusters.known(world.cluster))
    return placed(made, trial)


def relative(path: str) -> str:
    """The path as seen from the working folder, with slashes, where it lies in it; else as it is."""
    known = Path(path)
    with suppress(ValueError, OSError):
        return (known.relative_to(Path.cwd()) if known.is_absolute() else known).as_posix()
    return path


def versions_of(cluster: Cluster) -> Mapping[str, str]:
    """Which chaoskit, Kubernetes and Litmus operator it was; what may not be read is not in it."""
    found = {"chaoskit": __version__}
    with suppress(ChaoskitError):
        found["kubernetes"] = cluster.server_version()
    with suppress(ChaoskitError):
        found.update(("litmus", each.version) for each in operators(cluster))
    return found


def _signals(record: RunRecord, trial: Trial, world: World) -> list[Document]:
    if world.metrics is None or not (record.injected_at or record.steady_state):
        return []
    conditions = [each.prometheus for each in trial.conditions if each.prometheus is not None]
    try:
        return charts.around(world.metrics, record, conditions, world.clock.now())
    except ChaoskitError:
        return []  # a picture less is no reason to lose the verdict
