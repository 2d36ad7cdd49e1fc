"""Train a failure model on history and judge it honestly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.flows.learning import Fitted
    from chaoskit.prediction import Options

app = new_app(__doc__)


@command(
    app,
    epilog="Examples: chaoskit train -n shop --hours 168; "
    "chaoskit train --data metrics/ --mapping examples/data/sockshop-k8s.yaml",
)
def train(
    session: Session,
    hours: Annotated[
        float, typer.Option(min=1, help="How many hours of Prometheus' past to learn from.")
    ] = 24.0,
    data: Annotated[
        list[Path] | None, typer.Option(help="Learn from these files instead of Prometheus.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    name: Annotated[str, typer.Option(help="First part of the model's name; the namespace otherwise.")] = "",
    false_alarms_per_day: Annotated[
        float, typer.Option(min=0.01, help="Budget that sets the threshold.")
    ] = 2.0,
    seed: Annotated[int, typer.Option(help="The same seed and data make the same model.")] = 7,
    promote: Annotated[bool, typer.Option(help="Let it answer if it beats the baselines.")] = True,
    thorough: Annotated[
        bool, typer.Option(help="Also judge with workloads held out, and probe for leaks.")
    ] = True,
) -> None:
    """Train a random forest on history, judge it on held-out time beside plain rules, and keep it."""
    from chaoskit.prediction import Options

    options = Options(false_alarms_per_day=false_alarms_per_day, seed=seed)
    if data or mapping:
        fitted = _from_files(session, data, mapping, name, options, promote=promote, thorough=thorough)
    else:
        fitted = _from_prometheus(session, hours, name, options, promote=promote, thorough=thorough)
    emit(session, "training", _plain(fitted), lambda out: _table(out, fitted))


def _from_files(
    session: Session,
    data: list[Path] | None,
    mapping: Path | None,
    name: str,
    options: Options,
    *,
    promote: bool,
    thorough: bool,
) -> Fitted:
    from chaoskit import prediction
    from chaoskit.flows.learning import fit

    if not data or mapping is None:
        raise InvalidInput(
            "--data and --mapping belong together: files, and what their columns mean",
            hint="see examples/data for mapping files",
        )
    meaning = prediction.load_mapping(mapping)
    target = prediction.Target(meaning.target.mode, timedelta(minutes=meaning.target.horizon_minutes))
    with session.listening() as listen:
        return fit(
            prediction.read(data, meaning),
            models=session.loaded.settings.home / "models",
            base=name or meaning.metadata.name,
            target=target,
            options=options,
            promote=promote,
            thorough=thorough,
            listen=listen,
        )


def _from_prometheus(
    session: Session, hours: float, name: str, options: Options, *, promote: bool, thorough: bool
) -> Fitted:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    with session.connected() as runtime, session.listening() as listen:
        return AIChaosEngine(runtime.world).train(
            runtime.namespace,
            timedelta(hours=hours),
            base=name,
            options=options,
            promote=promote,
            thorough=thorough,
            listen=listen,
        )


def _plain(fitted: Fitted) -> dict[str, object]:
    from chaoskit.prediction.card import document

    return {
        "name": fitted.name,
        "folder": str(fitted.folder),
        "promoted": fitted.promoted,
        "heldBack": fitted.held_back,
        "report": document(fitted.report),
    }


def _table(out: Console, fitted: Fitted) -> None:
    report = fitted.report
    verdict = (
        "beats every baseline" if report.beats_baselines else "does not beat " + ", ".join(report.beaten_by)
    )
    out.print(
        f"model {fitted.name}  says whether a workload {report.target}; {verdict}",
        style="bold",
    )
    show_report(out, report)
    if fitted.promoted:
        out.print(f"promoted  it answers from now on; card: {fitted.folder / 'card.md'}")
        next_step(out, "chaoskit predict")
    else:
        out.print(f"held back  {fitted.held_back}", style="yellow")
        next_step(out, f"chaoskit predict --model {fitted.name}")


def show_report(out: Console, report: object) -> None:
    """How it was judged, and the table of the model beside the baselines."""
    from chaoskit.prediction import Report, rows
    from chaoskit.prediction.card import HEADINGS

    assert isinstance(report, Report)
    facts = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in report.data.items() if _short(value)
    )
    out.print(f"judged on {report.split}\ndata      {facts}")
    columns(out, HEADINGS, rows(report), wrap=5)
    for probe in report.probes:
        if probe.warning:
            out.print(f"! {probe.name}: {probe.warning}", style="yellow")
    for note in report.notes:
        out.print(f"· {note}")
    for issue, why in report.blind.items():
        out.print(f"· blind to {issue}: {why}")


def _short(value: object) -> bool:
    return isinstance(value, str | int | float)
