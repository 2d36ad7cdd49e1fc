"""Patterns of failures on the screen: what follows what, when, and which look alike."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaoskit.cli import measured
from chaoskit.cli.render import columns, emit, next_step, span
from chaoskit.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from chaoskit.prediction.patterns import Patterns


def show(session: Session, hours: float, data: list[Path] | None, mapping: Path | None) -> None:
    """What recurs in the failures of the namespace, or of the files, is on stdout."""
    found = _from_files(session, data, mapping) if data or mapping else _from_prometheus(session, hours)
    files = measured.pasted(data, mapping)
    following = f"chaoskit train{files}" if files else "chaoskit generate --top 3 --out experiments"
    emit(session, "failure-patterns", _document(found), lambda out: _table(out, found, following))


def _from_files(session: Session, data: list[Path] | None, mapping: Path | None) -> Patterns:
    from chaoskit import prediction
    from chaoskit.prediction.patterns import patterns

    dataset, _, target = measured.read(data, mapping, tell=session.say, unlabelled=True)
    return patterns(prediction.label(dataset, target))


def _from_prometheus(session: Session, hours: float) -> Patterns:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    with session.connected() as runtime, session.listening() as listen:
        engine = AIChaosEngine(runtime.world)
        return engine.patterns(runtime.namespace, timedelta(hours=hours), listen=listen)


def _document(found: Patterns) -> dict[str, Any]:
    return {
        "failures": found.failures,
        "hours": found.hours,
        "sequels": [dataclasses.asdict(each) for each in found.sequels],
        "seasons": [dataclasses.asdict(each) for each in found.seasons],
        "clusters": [{**dataclasses.asdict(each), "last": each.last.isoformat()} for each in found.clusters],
    }


def _table(out: Console, found: Patterns, following: str) -> None:
    out.print(f"{found.failures} failures in {found.hours:g} h")
    if found.sequels:
        out.print()
        rows = [
            (
                _kind(each.first),
                f"together with {_kind(each.then)}" if each.together else _kind(each.then),
                f"{each.times} of {each.of}",
                "" if each.together else f"{span(timedelta(seconds=each.median_seconds))} later",
                _chance(each.probability),
            )
            for each in found.sequels
        ]
        columns(out, ("after", "comes", "times", "how soon", "by chance"), rows)
    if found.seasons:
        out.print()
        when = [
            (
                _kind(each.kind),
                each.when,
                f"{each.times} of {each.of}",
                "-" if each.cycle == "interval" else _chance(each.probability),
            )
            for each in found.seasons
        ]
        columns(out, ("failure", "comes", "times", "by chance"), when)
    if found.clusters:
        out.print()
        alike = [
            (str(each.times), ", ".join(each.signature), _counted(each.issues), _counted(each.targets))
            for each in found.clusters
        ]
        columns(out, ("alike", "what was up", "class", "whose"), alike)
    if not (found.sequels or found.seasons):
        out.print("nothing follows, accompanies or repeats beyond chance")
    next_step(out, following)


def _kind(kind: tuple[str, str]) -> str:
    return f"{kind[1].replace('-', ' ')} of {kind[0]}"


def _chance(probability: float) -> str:
    return f"{probability:.0e}" if probability < 0.001 else f"{probability:.3f}"


def _counted(counts: Mapping[str, int]) -> str:
    """``memory leak 3, network 1``; names of workloads stay as they are."""
    words = {name: name if "/" in name else name.replace("-", " ") for name in counts}
    return ", ".join(f"{words[name]} {count}" for name, count in counts.items())
