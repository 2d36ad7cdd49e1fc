"""Finish every undo that a dead run left behind."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import FINISHING, undoing
from chaoskit.clock import interruption
from chaoskit.errors import ChaoskitError
from chaoskit.outcome import Outcome, gravest, of_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.acts.orphans import Orphan
    from chaoskit.acts.rescue import Keep, Rescued
    from chaoskit.cli.session import Reach
    from chaoskit.cli.show import End
    from chaoskit.clock import Stop
    from chaoskit.events import Listener
    from chaoskit.runtime import Runtime

app = new_app(__doc__)


@command(
    app,
    examples=(
        "chaoskit rescue",
        "chaoskit rescue -n shop --orphans --yes",
    ),
)
def rescue(
    session: Session,
    adopt: Annotated[
        bool,
        typer.Option(
            "--orphans",
            help="Take back what Litmus runs of others left behind, too: their pods and jobs are deleted, "
            "pods that still carry a fault are replaced.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --orphans: let engines go that their operator holds.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --orphans: do not ask.")] = False,
) -> None:
    """Watch every unfinished run for its lease's duration, and undo those that nobody renews."""
    if force and not adopt:
        raise typer.BadParameter("--force lets engines go that others left behind: add --orphans")
    from chaoskit.acts.rescue import rescue as finish

    with (
        session.connected() as runtime,
        session.listening() as listen,
        undoing(listen, runtime.clock, FINISHING) as stop,
    ):
        reach = session.reach(runtime)
        namespace = reach.namespace
        keep = keeping(session, runtime, listen)
        found = finish(
            runtime.cluster, runtime.clock, namespace=namespace, listen=listen, stop=stop, keep=keep
        )
        seen: list[_Orphan] = []
        problem: ChaoskitError | None = None
        try:  # what was rescued is answered for, whatever becomes of what others left
            seen = _seen(runtime, namespace)
            if adopt and seen:
                _take_back(session, runtime, seen, stop, force=force, yes=yes)
        except ChaoskitError as error:
            problem = error
    answer(session, reach, found, stop, seen, problem)


def keeping(session: Session, runtime: Runtime, listen: Listener) -> Keep:
    """Keeps in the history how acts ended; one that cannot be used is told: nothing else waits for it."""
    from chaoskit.flows.rescuing import keeper

    def keep(rescued: Rescued) -> Rescued:
        try:  # the store is opened for those alone
            return keeper(runtime.world, listen)(rescued)
        except ChaoskitError as error:
            session.say(f"not in the history: {error.message}")
            return rescued

    return keep


@dataclass
class _Orphan:
    """What another's Litmus run left behind, and what is left of it now, if it was taken back."""

    orphan: Orphan
    left: tuple[str, ...]
    undo: str = "not asked for"

    @property
    def engine(self) -> str:
        return str(self.orphan.trail.engine)

    def adopted(self, left: tuple[str, ...]) -> None:
        self.left, self.undo = left, "not confirmed" if left else "confirmed"


def _seen(runtime: Runtime, namespace: str) -> list[_Orphan]:
    from chaoskit.acts.accounts import active
    from chaoskit.acts.orphans import orphans

    owed = active(runtime.cluster, namespace)
    return [_Orphan(each, each.left) for each in orphans(runtime.cluster, runtime.clock, owed, namespace)]


def _take_back(
    session: Session, runtime: Runtime, seen: Sequence[_Orphan], stop: Stop, *, force: bool, yes: bool
) -> None:
    """Each was taken back, as far as it can be.

    Raises:
        Refused: the user did not agree.
    """
    from chaoskit.acts import orphans

    for each in seen:
        session.say(f"left behind by {each.engine}: {', '.join(each.left)}")
    session.ask(f"Take back what {len(seen)} Litmus runs of others left behind?", yes=yes)
    for each in seen:
        each.adopted(
            orphans.adopt(
                runtime.cluster, runtime.clock, each.orphan, force=force, tell=session.say, stop=stop
            )
        )


def answer(
    session: Session,
    reach: Reach,
    found: Sequence[Rescued],
    stop: Stop,
    orphans: Sequence[_Orphan] = (),
    problem: ChaoskitError | None = None,
    *,
    over: Sequence[End] = (),
) -> NoReturn:
    """What was undone is on stdout, and the command ends with the gravest of it, of its `problem`, too.

    What others left and nobody asked to take back is told, and changes no code; nor does what was `over`.
    """
    from chaoskit.cli import complaints

    ends = [_outcome(found), *(_of_orphan(each) for each in orphans)]
    if stop.is_set():  # whatever was not looked at may still be disturbed: never "nothing to do"
        ends.append(of_error(interruption(stop)))
    if problem is not None:
        ends.append(of_error(problem))
        sys.stderr.write(complaints.words(problem))
    outcome = gravest(ends)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        **reach.document(),
        "rescued": [plain(each) for each in found],
        "orphans": [{"engine": o.engine, "undo": o.undo, "left": list(o.left)} for o in orphans],
        "over": [asdict(each) for each in over],
        **({} if problem is None else {"problem": complaints.document(problem)}),
    }
    rows: list[tuple[str, ...]] = [
        (each.account.id, each.account.act, each.undo.state, ", ".join(each.undo.left)) for each in found
    ]
    rows += [(each.engine, "orphan", each.undo, ", ".join(each.left)) for each in orphans]

    def show(out: Console) -> None:
        for each in over:
            out.print(f"{each.what} {each.id} has ended: {each.outcome.replace('-', ' ')}")
        if rows:
            columns(out, ("id", "act", "undo", "left"), rows)
        elif not over:
            out.print(outcome.words)
        if any(one.undo == "not asked for" for one in orphans):
            next_step(out, "chaoskit rescue --orphans")

    emit(session, "rescue", document, show)
    raise typer.Exit(outcome.exit_code)


def _of_orphan(orphan: _Orphan) -> Outcome:
    return {"confirmed": Outcome.DONE, "not confirmed": Outcome.UNDO_UNCONFIRMED}.get(
        orphan.undo, Outcome.NOTHING_TO_DO
    )


def _outcome(found: Sequence[Rescued]) -> Outcome:
    if any(each.undo.left for each in found):
        return Outcome.UNDO_UNCONFIRMED
    return Outcome.DONE if found else Outcome.NOTHING_TO_DO


def plain(rescued: Rescued) -> dict[str, object]:
    """It as JSON."""
    return {
        "id": rescued.account.id,
        "act": rescued.account.act,
        "undo": rescued.undo.state,
        "left": list(rescued.undo.left),
    }
