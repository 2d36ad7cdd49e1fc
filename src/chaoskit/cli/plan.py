"""Show exactly what a run would do, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import emit, next_step, span
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.validate import checked
from chaoskit.outcome import Outcome, gravest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.experiments import Plan

app = new_app(__doc__)

_WAYS = {"litmus": "Litmus", "direct": "chaoskit itself, through the API alone"}
_MARKS = {"ok": "✔", "warning": "!", "blocked": "✖", "refused": "✖"}


@command(app, epilog="Examples: chaoskit plan cart.yaml; chaoskit plan experiments/ -o json")
def plan(
    session: Session,
    files: Annotated[list[str], typer.Argument(help="Files, folders, or - for standard input.")],
    var: Annotated[list[str] | None, typer.Option(help="A variable of the documents, as name=value.")] = None,
) -> None:
    """Show targets, checks, rights, undo and time of a run, as the cluster is now; nothing is changed."""
    from chaoskit.experiments import plan as make_plan
    from chaoskit.experiments import trials as trials_of

    documents = checked(files, var)
    with session.connected() as runtime:
        trials = trials_of(documents, namespace=runtime.namespace)
        plans = [make_plan(each, runtime.cluster, governor=runtime.world.governor) for each in trials]
    outcome = gravest(each.outcome or Outcome.DONE for each in plans)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "plans": [each.document() for each in plans],
    }
    emit(session, "plans", document, lambda out: show(out, plans, files))
    raise typer.Exit(outcome.exit_code)


def show(out: Console, plans: Sequence[Plan], files: Sequence[str]) -> None:
    """Each plan as a block; the last line is what to do next."""
    from datetime import timedelta

    for each in plans:
        out.print(f"plan {each.hash}  {_title(each)}", style="bold")
        for fault, selection in each.selections.items():
            names = ", ".join(selection.names or selection.nodes)
            how = "these" if selection.pinned else "chosen at random from"
            out.print(f"  {fault:<22} {selection.hit} of {selection.total} {how}: {names}")
        for check in each.checks:
            out.print(f"  {_MARKS[check.state]} {check.name:<20} {check.words}")
            if check.mend:
                out.print(f"    {'mend':<20} {check.mend}")
        for after in each.afterwards:
            out.print(f"  afterwards{' ' * 13}{after}")
        out.print(f"  engine{' ' * 17}{_WAYS[each.way]}")
        out.print(f"  privileged{' ' * 13}{'; '.join(each.privileged) or 'no: without helper pods'}")
        for words in each.undo:
            out.print(f"  undo{' ' * 19}{words}")
        lasting = timedelta(seconds=each.prepared.expected_seconds)
        out.print(
            f"  time{' ' * 19}about {span(lasting)}, of which {each.prepared.chaos_seconds:g} s are chaos"
        )
    if all(each.outcome is None for each in plans):
        next_step(out, f"chaoskit run {' '.join(files)}")


def _title(plan: Plan) -> str:
    experiment = plan.trial.experiment
    return experiment.spec.hypothesis or plan.trial.name if experiment is not None else plan.trial.name
