"""Detect issues, classify, plan, act, verify."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from chaoskit.cli import decisions as deciding
from chaoskit.cli import recoveries, secrecy
from chaoskit.cli.render import emit
from chaoskit.cli.secrecy import hidden
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import answering, stopping, undoing
from chaoskit.credentials import without_login
from chaoskit.errors import InvalidInput, UnknownName, cause
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from chaoskit.clock import Clock
    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.flows.secondlook import Look
    from chaoskit.ports.metrics import Alert
    from chaoskit.recovery import Decision, Runbook, Sight
    from chaoskit.recovery.alerts import Unplaced
    from chaoskit.settings import Settings
    from chaoskit.topology import Topology

app = new_app(__doc__)

SPEED = 10.0
HISTORY = 0.25
"""How many times faster than the wall a simulated cluster for a replay is, and how many hours old."""


@command(
    app,
    examples=(
        "chaoskit recover -n shop --dry-run",
        "chaoskit recover -n shop --issue cart-pod-crash",
        "chaoskit recover -A -l tier=backend --require-approval",
        "chaoskit recover -A --issue shop/cart-pod-crash",
        "chaoskit recover -n shop --alerts http://localhost:9093 --dry-run",
        "chaoskit recover --replay 1m8csdww --on sim",
    ),
)
def recover(
    session: Session,
    workloads: Annotated[list[str] | None, typer.Argument(help="Only these, as in deployment/cart.")] = None,
    issue: Annotated[str, typer.Option(help="Only this issue, as --dry-run names it.")] = "",
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="In all namespaces.")] = False,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="Only workloads with these labels: app=cart.")
    ] = "",
    alerts: Annotated[
        str,
        typer.Option(
            metavar="URL|FILE|-",
            help="Alerts as evidence: an Alertmanager's address, or what it posts or answers, as JSON "
            "in a file or on stdin.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show issues, plans and what the server says; do nothing.")
    ] = False,
    require_approval: Annotated[
        bool, typer.Option("--require-approval", help="Wait until somebody says yes: chaoskit approve.")
    ] = False,
    runbooks: Annotated[
        list[Path] | None, typer.Option(help="Your runbooks, asked before the shipped.")
    ] = None,
    replay: Annotated[str, typer.Option(help="Recover again from a recorded one, by its id.")] = "",
    on: Annotated[
        str, typer.Option(metavar="sim", help="With --replay: in a simulated cluster, restored as recorded.")
    ] = "",
    what_if: Annotated[
        list[Path] | None,
        typer.Option(
            help="What these runbooks, asked before the shipped, would have decided: --replay ID, or all."
        ),
    ] = None,
    confirm: Annotated[
        float | None,
        typer.Option(
            min=0, help="Seconds in which signals must confirm it, not the runbook's (2 min by default)."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Detect what is wrong in a namespace, and recover from it step by step until it is verified."""
    asked = Asked(
        workloads=tuple(workloads or ()),
        issue=issue,
        everywhere=everywhere,
        selector=selector,
        alerts=alerts,
        dry_run=dry_run,
        require_approval=require_approval,
        runbooks=tuple(map(str, runbooks or ())),
        replay=replay,
        on=on,
        what_if=tuple(map(str, what_if or ())),
        confirm=confirm,
        yes=yes,
    )
    asked.mode(session, asked)


class Asked(NamedTuple):
    """What the command line says."""

    workloads: tuple[str, ...]
    issue: str
    everywhere: bool
    selector: str
    alerts: str
    dry_run: bool
    require_approval: bool
    runbooks: tuple[str, ...]
    replay: str
    on: str
    what_if: tuple[str, ...]
    confirm: float | None
    yes: bool

    @property
    def mode(self) -> Callable[[Session, Asked], None]:
        """Which of the four ways it is.

        Raises:
            InvalidInput: it says something that the way does not heed.
        """
        if self.what_if:
            return self._only("--what-if", _compare, "what_if", "replay")
        if self.on and (self.on != "sim" or not self.replay):
            raise InvalidInput("--on sim goes with --replay ID", hint="chaoskit recover --replay ID --on sim")
        if self.on:
            return self._only("--on sim", _replay_on_simulator, "on", "replay", "runbooks", "confirm")
        if self.replay:
            heeded = ("replay", "runbooks", "confirm", "require_approval")
            return self._only("--replay", _replay, *heeded)
        return _recover

    def _only(
        self, flag: str, mode: Callable[[Session, Asked], None], *heeded: str
    ) -> Callable[[Session, Asked], None]:
        """The mode, when nothing but what it heeds is said; ``--yes`` goes with everything."""
        said = {name for name, value in self._asdict().items() if value not in (None, "", False, ())}
        others = [_FLAGS[name] for name in self._fields if name in said - {*heeded, "yes"}]
        if others:
            raise InvalidInput(
                f"{', '.join(others)} and {flag} do not go together",
                hint=f"with {flag}: {', '.join(_FLAGS[name] for name in heeded)}",
            )
        return mode

    @property
    def patience(self) -> timedelta | None:
        """For how long signals may confirm it, None: as the runbook says."""
        return None if self.confirm is None else timedelta(seconds=self.confirm)

    @property
    def books(self) -> tuple[Runbook, ...]:
        """The user's own runbooks."""
        from chaoskit.recovery import runbook

        return runbook.made(secrecy.read(self.runbooks))


_FLAGS = {
    "workloads": "workloads", "issue": "--issue", "everywhere": "-A", "selector": "-l", "alerts": "--alerts",
    "dry_run": "--dry-run", "require_approval": "--require-approval", "runbooks": "--runbooks",
    "replay": "--replay ID", "on": "--on sim", "what_if": "--what-if", "confirm": "--confirm", "yes": "--yes",
}  # fmt: skip


# ---------------------------------------------------------------- one function for each mode


def _compare(session: Session, asked: Asked) -> None:
    """What other runbooks would have decided is shown; nothing is done."""
    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.recovery import runbook

    others = runbook.made(secrecy.read(asked.what_if))
    with session.connected() as runtime:
        recoveries.compare(session, AutoRecovery(runtime.world).what_if(others, asked.replay))


def _replay(session: Session, asked: Asked) -> None:
    """A recorded recovery's target is recovered again as it is now."""
    from chaoskit.flows import secondlook
    from chaoskit.flows.auto_recovery import AutoRecovery

    books = asked.books
    with session.connected() as runtime:
        approval = asked.require_approval or runtime.settings.require_approval
        flow = AutoRecovery(runtime.world, runbooks=books, approval=approval)
        record = runtime.store.get("recovery", asked.replay)
        session.ask(f"Recover {record['target']} again, as it is now?", yes=asked.yes)
        with session.listening() as listen, undoing(listen, runtime.clock) as stop:
            went = secondlook.replay(
                flow, runtime.world, record, confirm=asked.patience, listen=listen, stop=stop
            )
    recoveries.finish(session, went)


def _replay_on_simulator(session: Session, asked: Asked) -> None:
    """A recorded recovery is done again in a simulated cluster of its own; no other cluster is reached."""
    from chaoskit.flows import restoring, simulation
    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.runtime import connected

    books = asked.books
    with stopping() as stop, simulation.lent(speed=SPEED, history=HISTORY, stop=stop) as running:
        here = {"kubeconfig": str(running.kubeconfig), "context": "", "prometheus": ""}
        with connected(session.loaded.settings.model_copy(update=here)) as runtime:
            session.say(f"cluster  {runtime.description}")
            flow = AutoRecovery(runtime.world, runbooks=books)
            kept = runtime.store.get("recovery", asked.replay)
            with session.listening() as listen:
                went = restoring.replay(
                    runtime.world, kept, flow, listen=listen, stop=stop, confirm=asked.patience
                )
    recoveries.finish(session, went)


def _recover(session: Session, asked: Asked) -> None:
    """What is wrong now is recovered from, or shown with what would be done."""
    from chaoskit.flows import secondlook
    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.flows.places import refuse_absent

    books = asked.books
    with session.connected() as runtime:
        approval = asked.require_approval or runtime.settings.require_approval
        flow = AutoRecovery(runtime.world, runbooks=books, approval=approval)
        place = "" if asked.everywhere else runtime.namespace
        refuse_absent(runtime.cluster, place)
        seen = flow.observe(place)
        _known(seen.topology, asked.workloads)
        eyes = _Eyes(flow, asked, place, _alerts(asked.alerts, runtime.settings))
        decisions, unplaced = eyes.decided(seen, asked.issue)
        if asked.dry_run or not decisions:
            unseen = bool(seen.blind) and runtime.metrics is not None and not decisions
            outcome = Outcome.DONE if decisions else Outcome.NOTHING_TO_DO
            outcome = Outcome.NO_BASELINE if unseen else outcome
            found = Found(decisions, seen.blind, unplaced, runtime.clock.now(), asked.everywhere)
            _show(session, flow, found, outcome)
            raise typer.Exit(outcome.exit_code)
        ask = partial(_ask, session, runtime.clock, yes=asked.yes or approval, everywhere=asked.everywhere)
        ask(decisions)
        carry = partial(flow.recover, confirm=asked.patience, notes=tuple(map(str, unplaced)))
        with session.listening() as listen, undoing(listen, runtime.clock) as stop:

            def ask_aside(later: Sequence[Decision]) -> None:
                with listen.aside(), answering():
                    ask(later)

            went = secondlook.recover(
                runtime.world, decisions, eyes.look, carry,
                ask=ask_aside, others=not asked.issue, listen=listen, stop=stop,
            )  # fmt: skip
    recoveries.finish(session, went, unplaced=unplaced)


class _Eyes(NamedTuple):
    """What a look sees and decides on, as far as the command line asks for it."""

    flow: AutoRecovery
    asked: Asked
    place: str
    alerts: Sequence[Alert]

    def decided(self, seen: Sight, issue: str = "") -> tuple[Sequence[Decision], Sequence[Unplaced]]:
        """What is decided on what is seen, and alerts that nothing could be made of."""
        flow, asked, place = self.flow, self.asked, self.place
        heard, predictions = flow.hear(self.alerts, seen), flow.recent_predictions(place)
        issues = flow.classify(seen, predictions, namespace=place, labels=asked.selector, heard=heard)
        planned = flow.plan(issues, seen, namespace=place)
        return deciding.chosen(planned, asked.workloads, issue), heard.unplaced

    def look(self) -> Look:
        """What is decided now, whichever issue is asked for: it may be called otherwise by now."""
        from chaoskit.flows.secondlook import Look

        seen = self.flow.observe(self.place)
        return Look(self.decided(seen)[0], seen.blind)


def _alerts(where: str, settings: Settings) -> Sequence[Alert]:
    """The alerts of the file, of stdin (``-``) or of the Alertmanager at this address; none of "".

    Raises:
        InvalidInput: they are neither what Alertmanager posts nor what it answers.
        Unavailable: nobody answers there.
    """
    from chaoskit import alertmanager
    from chaoskit.runtime import alerts_at

    if not where:
        return ()
    if where.startswith(("http://", "https://")):
        return alerts_at(where, settings).firing()
    try:
        text = sys.stdin.read() if where == "-" else Path(where).read_text(encoding="utf-8")
        payload = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        told = without_login(where) if ":" in where.partition("@")[0] else where  # an address without http
        raise InvalidInput(f"{told} cannot be read: {cause(error)}") from error
    return alertmanager.read(payload, "stdin" if where == "-" else where)


def _known(topology: Topology, workloads: Sequence[str]) -> None:
    """Each of these workloads exists.

    Raises:
        UnknownName: one does not; with the one most like it.
    """
    from chaoskit.documents import closest

    spelled = [name for _, name in topology.workloads]
    short = [name.partition("/")[2] for name in spelled]
    for each in workloads:
        if each not in {*spelled, *short}:
            near = closest(each, [*spelled, *short]) or f"there is {', '.join(sorted(spelled)) or 'none'}"
            raise UnknownName(f"there is no workload {each}", hint=near)


class Found(NamedTuple):
    """What was found, to be shown: decisions, why signals are not seen, alerts that could not be placed."""

    decisions: Sequence[Decision]
    blind: str
    unplaced: Sequence[Unplaced]
    at: datetime
    everywhere: bool


def _show(session: Session, flow: AutoRecovery, found: Found, outcome: Outcome) -> None:
    """What would be done: the guards were asked, and each step was tried on the server as a dry run."""
    shown = [_rehearsed(flow, flow.admitted(each)) for each in found.decisions]

    def table(out: Console) -> None:
        if found.blind:
            out.print(hidden(f"! signals are not seen: {found.blind}"), style="yellow")
        recoveries.print_alerts(out, found.unplaced)
        deciding.table(out, shown, found.at, everywhere=found.everywhere)

    document = deciding.plain(shown, found.blind, outcome)
    document |= {"unplaced_alerts": recoveries.plain_alerts(found.unplaced)}
    emit(session, "recovery-plan", hidden(document), table)


def _rehearsed(flow: AutoRecovery, decision: Decision) -> deciding.Shown:
    from chaoskit.recovery import Plan

    return deciding.Shown(decision, flow.rehearse(decision) if isinstance(decision, Plan) else ())


def _ask(
    session: Session, clock: Clock, decisions: Sequence[Decision], *, yes: bool, everywhere: bool
) -> None:
    from chaoskit.cli.render import console
    from chaoskit.recovery import Plan

    plans = [each for each in decisions if isinstance(each, Plan)]
    if not plans or yes:
        return
    shown, out = list(map(deciding.Shown, decisions)), console(session, stderr=True)
    deciding.table(out, shown, clock.now(), everywhere=everywhere)
    session.ask(f"Carry out {len(plans)} plan{'s' if len(plans) > 1 else ''}?", yes=yes)
