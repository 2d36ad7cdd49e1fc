"""Run experiments to a verdict, and undo them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import emit, next_step, outcome_line
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.cli.validate import checked
from chaoskit.errors import InvalidInput
from chaoskit.outcome import gravest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.experiments import Trial
    from chaoskit.records import RunRecord
    from chaoskit.runtime import Runtime

app = new_app(__doc__)


@command(
    app,
    epilog="Examples: chaoskit run experiments/ --yes; chaoskit run engine.yaml --html report.html; "
    "cat engine.yaml | chaoskit run - --yes",
)
def run(
    session: Session,
    files: Annotated[
        list[str], typer.Argument(help="Experiments or plain Litmus YAML: files, folders or -.")
    ],
    plan: Annotated[str, typer.Option(help="Hash of a plan: refuse when the live state has drifted.")] = "",
    var: Annotated[list[str] | None, typer.Option(help="A variable of the documents, as name=value.")] = None,
    preflight: Annotated[bool, typer.Option(help="Check first what Litmus would hang or fail on.")] = True,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first that does not pass.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report there, on every way out.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Run experiments one after another: steady state, undo ledger, fault, verdict, undo, evidence."""
    from chaoskit.experiments import trials as trials_of

    documents = checked(files, var)
    with session.connected() as runtime:
        trials = trials_of(documents, namespace=runtime.namespace)
        if plan and len(trials) > 1:
            raise InvalidInput(
                f"--plan is the hash of one plan, and {len(trials)} experiments are given",
                hint="run each with its own hash",
            )
        for trial in trials:
            for warning in trial.warnings:
                session.say(f"! {warning}")
        _agree(session, runtime, trials, files, yes=yes)
        records = _run_all(session, runtime, trials, expected=plan, preflight=preflight, fail_fast=fail_fast)
    if html is not None:
        _write_report(session, html, records)
    outcome = gravest(each.outcome for each in records)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "runs": [each.document() for each in records],
    }
    emit(session, "runs", document, lambda out: table(out, records))
    raise typer.Exit(outcome.exit_code)


def _agree(
    session: Session, runtime: Runtime, trials: Sequence[Trial], files: Sequence[str], *, yes: bool
) -> None:
    """The user has seen the plan and agreed."""
    if yes:
        return
    from chaoskit.cli.plan import show
    from chaoskit.cli.render import console
    from chaoskit.experiments import plan as make_plan

    plans = [make_plan(each, runtime.cluster, governor=runtime.world.governor) for each in trials]
    show(console(session, stderr=True), plans, files)
    session.ask(f"Run {len(trials)} experiment{'' if len(trials) == 1 else 's'}?", yes=False)


def _run_all(
    session: Session,
    runtime: Runtime,
    trials: Sequence[Trial],
    *,
    expected: str,
    preflight: bool,
    fail_fast: bool,
) -> list[RunRecord]:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    flow = AIChaosEngine(runtime.world)
    records: list[RunRecord] = []
    with session.listening() as listen, stopping() as stop:
        for trial in trials:
            record = flow.run(
                trial,
                listen=listen,
                stop=stop,
                preflight=preflight,
                expected_hash=expected,
            )
            records.append(record)
            if stop.is_set() or (fail_fast and record.outcome.exit_code):
                break
    return records


def _write_report(session: Session, path: Path, records: Sequence[RunRecord]) -> None:
    from chaoskit.cli.report import write
    from chaoskit.reports.html import page

    write(path, page([each.document() for each in records]))
    session.say(f"report   {path}")


def table(out: Console, records: Sequence[RunRecord]) -> None:
    """Each run's answer, why, and how its undo stands; the last line is what to do next."""
    for record in records:
        outcome_line(
            out, record.outcome.words, record.outcome.exit_code, f"{record.fault} on {_whom(record)}"
        )
        out.print(f"  {record.reason}")
        left = f": {', '.join(record.undo.left)}" if record.undo.left else ""
        out.print(f"  undo {record.undo.state}{left}")
    if records:
        next_step(out, f"chaoskit show {records[-1].id} --trace")


def _whom(record: RunRecord) -> str:
    return ", ".join(record.targets) or record.name
