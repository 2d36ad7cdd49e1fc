"""Stop runs and recoveries that are under way, and undo them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.rescue import answer, keeping
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.show import End, end_of, kept_end
from chaoskit.cli.stopping import LEFT, stopping
from chaoskit.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaoskit.acts.accounts import Account

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit abort 01jd4r",
        "chaoskit abort --all --yes",
    ),
)
def abort(
    session: Session,
    runs: Annotated[
        list[str] | None, typer.Argument(help="Ids of runs or recoveries; their beginnings will do.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that are under way; -n: in one namespace.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; their own processes tell it.")] = "chaoskit abort",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask (with --all).")] = False,
) -> None:
    """Stop runs and recoveries wherever they run, at once, and wait until they are undone."""
    from chaoskit.acts.abort import abort as end
    from chaoskit.acts.accounts import accounts
    from chaoskit.reports.reading import counted

    if bool(runs) == every:
        raise typer.BadParameter("either ids or --all")
    with session.connected() as runtime:
        session.tell_of_dead(runtime)
        reach = session.reach(runtime)
        known = accounts(runtime.cluster, reach.namespace)
        asked = [_asked(session, known, each) for each in runs or ()]
        over = [each for each in asked if isinstance(each, End)]
        wanted = [each for each in known if (each.state != "done" if every else each in asked)]
        if every and wanted:
            session.ask(f"Abort {counted(len(wanted), 'act')} under way?", yes=yes)
        with session.listening() as listen, stopping(LEFT) as stop:
            keep = keeping(session, runtime, listen)
            cluster, clock = runtime.cluster, runtime.clock
            found = end(cluster, clock, wanted, reason, listen=listen, stop=stop, keep=keep)
    answer(session, reach, found, stop, over=over)


def _asked(session: Session, known: Sequence[Account], wanted: str) -> Account | End:
    """What is under way and has that id; or how what had it has ended.

    Raises:
        InvalidInput: there are several; or a flag names a store that does not exist: reading makes none.
        UnknownName: there was none, as far as cluster and history tell.
    """
    from chaoskit.acts.accounts import named

    try:
        return named([each for each in known if each.state != "done"], wanted)
    except UnknownName as unknown:
        try:
            over = end_of(named(known, wanted))
        except UnknownName:
            return kept_end(session, wanted, unknown)
        return over if over.outcome else kept_end(session, over.id, unknown)
