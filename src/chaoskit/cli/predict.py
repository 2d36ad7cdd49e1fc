"""Show how likely each workload is to fail, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.measured import moment
from chaoskit.cli.render import columns, emit, next_step, percent, sparkline
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.records import PredictionRecord

app = new_app(__doc__)

_QUIET = 0.05


@command(app, epilog="Examples: chaoskit predict -n shop; chaoskit predict -n shop --fail-above 0.8 -o json")
def predict(
    session: Session,
    model: Annotated[str, typer.Option(help="Ask this model instead of the promoted one.")] = "",
    fail_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Exit 1 when a workload is at or over this probability."),
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="Read these files instead of Prometheus.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    at: Annotated[
        str, typer.Option(help="With files: the moment to answer for (ISO 8601); the last one.")
    ] = "",
) -> None:
    """Tell the failure probability of each workload, with the signals that drive it."""
    if data or mapping:
        found = _from_files(session, data, mapping, model, at)
    else:
        found = _from_prometheus(session, model)
    outcome = _outcome(found, fail_above)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "predictions": [each.document() for each in found],
    }
    emit(session, "predictions", document, lambda out: table(out, found))
    raise typer.Exit(outcome.exit_code)


def _outcome(found: Sequence[PredictionRecord], fail_above: float | None) -> Outcome:
    if fail_above is None:
        return Outcome.DONE
    over = any(_risk(each) >= fail_above for each in found)
    return Outcome.AT_OR_OVER_THRESHOLD if over else Outcome.BELOW_THRESHOLD


def _risk(record: PredictionRecord) -> float:
    return record.score if record.probability is None else record.probability


def _from_prometheus(session: Session, model: str) -> tuple[PredictionRecord, ...]:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    with session.connected() as runtime, session.listening() as listen:
        return AIChaosEngine(runtime.world).predict(
            runtime.namespace, model=model or runtime.settings.model, listen=listen
        )


def _from_files(
    session: Session, data: list[Path] | None, mapping: Path | None, model: str, at: str
) -> tuple[PredictionRecord, ...]:
    from chaoskit import prediction
    from chaoskit.flows import learning

    if not data or mapping is None:
        raise InvalidInput("--data and --mapping belong together: files, and what their columns mean")
    chosen = learning.chosen(session.loaded.settings.home / "models", model or session.loaded.settings.model)
    dataset = prediction.read(data, prediction.load_mapping(mapping))
    now = moment(at) if at else dataset.blocks[-1].end
    return learning.answer(dataset.until(now), chosen, now=now)


def table(out: Console, found: Sequence[PredictionRecord], *, advice: bool = True) -> None:
    """Each workload that matters on a line, the others counted; with `advice`, what to do next."""
    if not found:
        out.print("no workload has signals here")
        return
    first = found[0]
    by = "rules: no model is promoted" if first.probability is None else f"model {first.model}"
    out.print(by, style="dim")
    shown = [each for each in found if each.alarmed or _risk(each) >= _QUIET] or list(found[:3])
    horizon = first.horizon_minutes
    head = f"fails within {horizon:g} min" if horizon else "is failing"
    rows = [_row(each) for each in shown]
    columns(out, ("workload", head, "trend 1 h", "likely", "why"), rows, wrap=4)
    if len(found) > len(shown):
        out.print(f"{len(found) - len(shown)} others under {percent(_QUIET)}")
    if advice:
        _advice(out, found)


def _row(record: PredictionRecord) -> tuple[str, ...]:
    if record.probability is None:
        chance = "alarm" if record.alarmed else "quiet"
    else:
        low, high = record.low or 0.0, record.high or 0.0
        chance = f"{percent(record.probability)} ({low * 100:.0f} to {high * 100:.0f})"
        chance += " !" if record.alarmed else ""
    why = "; ".join(record.reasons)
    return (record.target, chance, sparkline(record.trend), record.issue.replace("-", " "), why)


def _advice(out: Console, found: Sequence[PredictionRecord]) -> None:
    namespace = found[0].namespace
    if found[0].probability is None:
        next_step(out, f"chaoskit train -n {namespace}")
    else:
        next_step(out, f"chaoskit generate -n {namespace} --top 3 --out experiments")
