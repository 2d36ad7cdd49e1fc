"""Judge a trained model on data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli import measured
from chaoskit.cli.render import emit, next_step
from chaoskit.cli.session import Session, command, new_app

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.prediction import Report

app = new_app(__doc__)


@command(
    app,
    epilog="Examples: chaoskit evaluate --data later/ --mapping examples/data/sockshop-k8s.yaml; "
    "chaoskit evaluate --data elsewhere/ --mapping examples/data/redis-prevent.yaml --calibrate",
)
def evaluate(
    session: Session,
    data: Annotated[list[Path] | None, typer.Option(help="Files or folders to judge on.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    model: Annotated[str, typer.Option(help="Judge this model; the promoted one otherwise.")] = "",
    calibrate: Annotated[
        bool,
        typer.Option(help="Set each run's thresholds on the healthy time of the others, without labels."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write the report there: Markdown, and JSON beside it.")
    ] = None,
) -> None:
    """Judge a model beside plain rules on data that it has not seen, by the thresholds that it has.

    What it learned from is left out. The result decides from then on whether the model may be promoted.
    """
    from chaoskit.flows.learning import judged
    from chaoskit.prediction import document
    from chaoskit.prediction.artifact import libraries

    measured.check_writable(out)
    dataset, meaning, target = measured.read(data, mapping)
    report = judged(
        dataset,
        models=session.loaded.settings.home / "models",
        key=session.loaded.settings.model_key.encode(),
        model=model,
        target=target if "target" in meaning.model_fields_set else None,
        calibrated=calibrate,
    )
    if out is not None:
        command_ = {
            "evaluate": True,
            "--data": data,
            "--mapping": mapping,
            "--model": model,
            "--calibrate": calibrate,
        }
        title = f"Model {model or 'promoted'} on other data"
        measured.write(report, out, title, command=command_, facts=libraries())
    emit(session, "evaluation", {"model": model, "report": document(report)}, lambda c: _table(c, report))


def _table(out: Console, report: Report) -> None:
    out.print(f"says whether a workload {report.target}; {report.verdict}", style="bold")
    measured.show(out, report)
    next_step(out, "chaoskit calibrate --help")
