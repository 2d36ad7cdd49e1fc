"""Fit a model's thresholds and probabilities to another cluster, without any label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli import measured
from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.flows.learning import Calibrated

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit calibrate --data week/ --mapping examples/data/redis-prevent.yaml --model redis-prevent-1",
    ),
)
def calibrate(
    session: Session,
    data: Annotated[list[Path] | None, typer.Option(help="Files or folders of a healthy time.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    model: Annotated[str, typer.Option(help="Fit this model; the promoted one otherwise.")] = "",
    false_alarms_per_day: Annotated[
        float | None, typer.Option(min=0.01, help="Budget; the model's own otherwise.")
    ] = None,
) -> None:
    """Keep a copy of the model, fitted to a healthy time of the cluster where it is to work.

    All time counts as healthy but what an events file beside the data names; what the model learned from is
    left out. Give hours of it: the noisiest minute sets the limit, and where the forest's scores lie moves
    the probabilities, if that is further from home than so many hours tell. A failure that nobody named in
    it raises thresholds and lowers probabilities. An earlier calibration is replaced but for its budget. Then
    judge the copy: chaoskit evaluate --model with the name that is printed.
    """
    from chaoskit.flows import learning

    dataset, _, _ = measured.read(data, mapping, tell=session.say, unlabelled=True)
    found = learning.calibrate(
        dataset,
        models=session.loaded.settings.home / "models",
        key=session.loaded.settings.model_key.encode(),
        model=model,
        false_alarms_per_day=false_alarms_per_day,
    )
    document = {
        "name": found.name,
        "folder": str(found.folder),
        "before": found.before,
        "after": found.after,
        "note": found.note,
        "verdict": found.verdict,
        "promotable": found.promotable,
    }
    files = measured.pasted(data, mapping)
    emit(session, "calibration", document, lambda out: _table(out, found, files))


def _table(out: Console, found: Calibrated, files: str) -> None:
    out.print(f"model {found.name}", style="bold")
    from chaoskit.prediction.judging.card import number

    rows = [(name, number(found.before[name]), number(limit)) for name, limit in found.after.items()]
    columns(out, ("alarm", "threshold before", "now"), rows)
    out.print(f"· {found.note}")
    out.print(f"· it {found.verdict}")
    next_step(
        out,
        f"chaoskit models promote {found.name}"
        if found.promotable
        else f"chaoskit predict{files} --model {found.name}",
    )
