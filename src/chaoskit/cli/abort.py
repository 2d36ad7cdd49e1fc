"""Stop runs and recoveries that are under way, and undo them."""

from __future__ import annotations

from typing import Annotated

import typer

from chaoskit.cli.rescue import answer
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import LEFT, stopping
from chaoskit.errors import ChaoskitError

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit abort 01jd4r; chaoskit abort --all --yes")
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
    from chaoskit.acts.accounts import named, unended
    from chaoskit.acts.rescue import Rescued
    from chaoskit.flows.rescuing import keeper
    from chaoskit.reports.reading import counted

    if bool(runs) == every:
        raise typer.BadParameter("either ids or --all")
    with session.connected() as runtime:
        session.tell_of_dead(runtime)
        known = unended(runtime.cluster, session.asked_namespace)
        wanted = known if every else [named(known, each) for each in runs or ()]
        if every and wanted:
            session.ask(f"Abort {counted(len(wanted), 'act')} under way?", yes=yes)
        with session.listening() as listen, stopping(LEFT) as stop:

            def keep(rescued: Rescued) -> Rescued:
                try:  # the store is opened for those alone: nothing else waits for it
                    return keeper(runtime.world, listen)(rescued)
                except ChaoskitError as error:
                    session.say(f"not in the history: {error.message}")
                    return rescued

            cluster, clock = runtime.cluster, runtime.clock
            found = end(cluster, clock, wanted, reason, listen=listen, stop=stop, keep=keep)
    answer(session, found, stop)
