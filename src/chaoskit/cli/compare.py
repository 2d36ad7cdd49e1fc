"""Compare two runs, or a run's time to recover with its own history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import columns, emit, next_step, outcome_line
from chaoskit.cli.session import Session, command, new_app
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.ports.store import Document, Store
    from chaoskit.reports.regression import Judgement

app = new_app(__doc__)


@command(
    app,
    places=("store",),
    examples=(
        "chaoskit compare 01jd4r 01jd9x",
        "chaoskit compare 01jd9x --history",
    ),
    epilog="A run regressed (1) when its steady state was broken, or still was once the fault was over, for "
    "longer than the median of its last 30 earlier runs (same experiment, fault, how hard and on how many, "
    "targets, cluster, engine, and steady state but for names and aborts) by more than the greatest of: "
    "3 x 1.4826 x their median absolute deviation, a tenth of the median, 5 s. "
    "With fewer than 5 such runs nothing is judged (8).",
)
def compare(
    session: Session,
    run: Annotated[str, typer.Argument(help="Id of a run; its beginning will do.")],
    other: Annotated[str, typer.Argument(help="Id of another run.")] = "",
    history: Annotated[
        bool, typer.Option("--history", help="Against its own earlier runs: 1 when it recovers more slowly.")
    ] = False,
) -> None:
    """Show what differs between two runs; with --history, whether a run recovers more slowly than before."""
    if history == bool(other):
        raise InvalidInput(
            "one run with --history, or two runs", hint="chaoskit history --kind run lists them"
        )
    with session.history() as store:
        if history:
            _against_history(session, store, store.get("run", run))
        else:
            _differences(session, store.get("run", run), store.get("run", other))


def _differences(session: Session, one: Document, other: Document) -> None:
    from dataclasses import asdict

    from chaoskit.reports.comparing import differences

    found = differences(one, other)

    def table(out: Console) -> None:
        if not found:
            out.print("nothing differs")
            return
        out.print(f"{one['id']} ({one['at'][:19]})  and  {other['id']} ({other['at'][:19]})")
        rows = [(each.part, each.what, each.one, each.other) for each in found]
        columns(out, ("", "what", "one", "other"), rows)
        next_step(out, f"chaoskit compare {other['id']} --history")

    document = {"runs": [one["id"], other["id"]], "differences": [asdict(each) for each in found]}
    emit(session, "comparison", document, table)


def _against_history(session: Session, store: Store, run: Document) -> None:
    from chaoskit.reports.regression import judge

    judged = judge(run, store.find("run", {"name": run["name"], "namespace": run["namespace"]}))
    document = {"run": run["id"], **judged.document()}
    emit(session, "regression", document, lambda out: _judged(out, judged, run))
    raise typer.Exit(judged.outcome.exit_code)


def _judged(out: Console, judged: Judgement, run: Document) -> None:
    outcome_line(out, judged.outcome.words, judged.outcome.exit_code, run["name"])
    out.print(f"  {judged.words}")
    next_step(out, f"chaoskit explain {run['id']}")
