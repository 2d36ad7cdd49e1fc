"""Judge a trained model on data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli import measured
from chaoskit.cli.render import emit, next_step
from chaoskit.cli.session import Session, command, new_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.prediction import Report

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit evaluate --data later/ --mapping examples/data/sockshop-k8s.yaml",
        "chaoskit evaluate --data elsewhere/ --mapping examples/data/redis-prevent.yaml --calibrate",
    ),
)
def evaluate(
    session: Session,
    data: Annotated[list[Path] | None, typer.Option(help="Files or folders to judge on.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    model: Annotated[str, typer.Option(help="Judge this model; the promoted one otherwise.")] = "",
    calibrate: Annotated[
        bool,
        typer.Option(
            help="Set each run's thresholds, and move its probabilities, on the healthy time of the others,"
            " without labels."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write the report there: Markdown, and JSON beside it.")
    ] = None,
) -> None:
    """Judge a model beside plain rules on data that it has not seen, by the thresholds that it has.

    What it learned from is left out. The result decides from then on whether the model may be promoted; one
    that answers goes on answering, until a promotion or rollback.
    """
    from chaoskit.flows.learning import judged
    from chaoskit.prediction import against, document, fallback, is_portable, promoted
    from chaoskit.prediction.artifacts.artifact import libraries

    measured.check_writable(out)
    dataset, meaning, target = measured.read(data, mapping, tell=session.say)
    models = session.loaded.settings.home / "models"
    answering = promoted(models)
    name, answers = model or answering, (model or answering) == answering and not against(models)
    report = judged(
        dataset,
        models=models,
        key=session.loaded.settings.model_key.encode(),
        model=name,
        target=target if "target" in meaning.model_fields_set else None,
        calibrated=calibrate,
    )
    if out is not None:
        command_ = {
            "evaluate": True,
            "--data": data,
            "--mapping": mapping,
            "--model": name,
            "--calibrate": calibrate,
        }
        measured.write(report, out, f"Model {name} on other data", command=command_, facts=libraries())
    found = {"model": name, "answers": answers, "report": document(report)}
    following = _following(
        name,
        measured.pasted(data, mapping),
        beats=report.beats_baselines and not calibrate,
        answers=answers,
        fits=calibrate or _gains(report, portable=is_portable(models / name)),
    )
    told_before = () if session.quiet else dataset.notes
    condemned = not calibrate and report.decides and not report.beats_baselines
    emit(session, "evaluation", found, lambda c: _table(c, name, report, following, told_before))
    if condemned and answers:
        before = fallback(models)
        instead = f"to let {before}, which did before: chaoskit models rollback" if before else _NOBODY
        session.say(f"! {name} goes on answering; {instead}")


_NOBODY = "no model that answered before it may take its place; to let rules answer: chaoskit models retire"


def _gains(report: Report, *, portable: bool) -> bool:
    """Whether thresholds of this data's own may do better: of what they may set, and not all was right."""
    return report.decides and report.model.f1 < 1 and not portable


def _following(name: str, files: str, *, beats: bool, answers: bool, fits: bool) -> str:
    """What follows from a judgement: to ask the model, let it answer, fit it to the files or read on."""
    if beats:
        return f"chaoskit predict{files}" if answers else f"chaoskit models promote {name}"
    return f"chaoskit calibrate{files} --model {name}" if fits else f"chaoskit models show {name}"


def _table(out: Console, name: str, report: Report, following: str, told_before: Sequence[str]) -> None:
    out.print(f"model {name}  says whether a workload {report.target}; {report.verdict}", style="bold")
    measured.show(out, report, "in the report (--out FILE)", told_before)
    next_step(out, following)
