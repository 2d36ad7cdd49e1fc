"""Detect issues, classify, plan, act, verify."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli import decisions as deciding
from chaoskit.cli.render import emit, next_step, outcome_line
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.clock import interruption
from chaoskit.errors import Interrupted, InvalidInput, NotFound, UnknownName, cause
from chaoskit.outcome import Outcome, gravest, of_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.ports.metrics import Alert
    from chaoskit.records import RecoveryRecord
    from chaoskit.recovery import Decision, Runbook
    from chaoskit.recovery.replay import Difference
    from chaoskit.runtime import Runtime
    from chaoskit.topology import Topology

app = new_app(__doc__)

SPEED = 10.0
HISTORY = 0.25
"""How many times faster than the wall a simulated cluster for a replay is, and how many hours old."""


@command(
    app,
    epilog="Examples: chaoskit recover -n shop --dry-run; chaoskit recover -n shop --issue cart-pod-crash; "
    "chaoskit recover -A -l tier=backend --require-approval; "
    "chaoskit recover -A --issue shop/cart-pod-crash; chaoskit recover --replay 1m8csdww --on sim",
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
        Path | None, typer.Option(help="What Alertmanager posted to a webhook (JSON), as evidence.")
    ] = None,
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
    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.recovery import runbook

    books = runbook.load([str(path) for path in runbooks]) if runbooks else ()
    if on:
        _finish(session, [_replayed_on_simulator(session, on, replay, books)])
    with session.connected() as runtime:
        approval = require_approval or runtime.settings.require_approval
        flow = AutoRecovery(runtime.world, runbooks=books, approval=approval)
        if what_if:
            others = runbook.load([str(path) for path in what_if])
            _compare(session, flow.what_if(others, replay))
            return
        if replay:
            _finish(session, [_replayed(session, flow, runtime.store.get("recovery", replay), yes=yes)])
            return
        place = "" if everywhere else runtime.namespace
        _is_there(runtime, place)
        seen = flow.observe(place)
        _known(seen.topology, workloads or ())
        issues = flow.classify(
            seen,
            flow.recent_predictions(place),
            namespace=place,
            labels=selector,
            alerts=_alerts(alerts) if alerts else (),
        )
        decisions = deciding.chosen(flow.plan(issues, seen, namespace=place), workloads or [], issue)
        now = runtime.clock.now()
        if dry_run or not decisions:
            unseen = bool(seen.blind) and runtime.metrics is not None and not decisions
            outcome = Outcome.DONE if decisions else Outcome.NOTHING_TO_DO
            outcome = Outcome.NO_BASELINE if unseen else outcome
            _show(session, flow, decisions, seen.blind, now, outcome, everywhere=everywhere)
            raise typer.Exit(outcome.exit_code)
        _ask(session, decisions, now, yes=yes or approval, everywhere=everywhere)
        with session.listening() as listen, stopping() as stop:
            patience = None if confirm is None else timedelta(seconds=confirm)
            done = [
                flow.recover(each, listen=listen, stop=stop, confirm=patience)
                for each in decisions
                if not stop.is_set()
            ]
            left = decisions[len(done) :]
            stopped = interruption(stop) if left else None
    _finish(session, done, left, stopped)


def _alerts(path: Path) -> Sequence[Alert]:
    """The alerts of the file; `InvalidInput` when it is no payload of Alertmanager's."""
    import json

    from chaoskit.recovery.alerts import posted

    try:
        return posted(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {cause(error)}") from error


def _is_there(runtime: Runtime, namespace: str) -> None:
    """The namespace exists, whoever named it: a flag, a variable, the settings or the context; "" is all.

    Raises:
        NotFound: the server says that it does not.
    """
    from chaoskit.flows.doctor import absent

    if namespace and absent(runtime.cluster, namespace):
        raise NotFound(f"there is no namespace {namespace}", hint="-n names another")


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


def _show(
    session: Session,
    flow: AutoRecovery,
    decisions: Sequence[Decision],
    blind: str,
    now: datetime,
    outcome: Outcome,
    *,
    everywhere: bool,
) -> None:
    """What would be done: the guards were asked, and each step was tried on the server as a dry run."""
    shown = [_rehearsed(flow, flow.admitted(each)) for each in decisions]

    def table(out: Console) -> None:
        if blind:
            out.print(f"! signals are not seen: {blind}", style="yellow")
        deciding.table(out, shown, now, everywhere=everywhere)

    emit(session, "recovery-plan", deciding.plain(shown, blind, outcome), table)


def _rehearsed(flow: AutoRecovery, decision: Decision) -> deciding.Shown:
    from chaoskit.recovery import Plan

    return deciding.Shown(decision, flow.rehearse(decision) if isinstance(decision, Plan) else ())


def _ask(
    session: Session, decisions: Sequence[Decision], now: datetime, *, yes: bool, everywhere: bool
) -> None:
    from chaoskit.cli.render import console
    from chaoskit.recovery import Plan

    plans = [each for each in decisions if isinstance(each, Plan)]
    if not plans or yes:
        return
    deciding.table(
        console(session, stderr=True), list(map(deciding.Shown, decisions)), now, everywhere=everywhere
    )
    session.ask(f"Carry out {len(plans)} plan{'s' if len(plans) > 1 else ''}?", yes=yes)


def _replayed(session: Session, flow: AutoRecovery, record: dict[str, Any], *, yes: bool) -> RecoveryRecord:
    session.ask(f"Recover {record['target']} again, as it is now?", yes=yes)
    with session.listening() as listen, stopping() as stop:
        return flow.replay(record, listen=listen, stop=stop)


def _replayed_on_simulator(
    session: Session, on: str, record: str, books: Sequence[Runbook]
) -> RecoveryRecord:
    """The record's recovery, done again in a simulated cluster of its own; no other cluster is reached."""
    import tempfile

    from chaoskit.flows import restoring, simulation
    from chaoskit.flows.auto_recovery import AutoRecovery
    from chaoskit.runtime import connected

    if on != "sim" or not record:
        raise InvalidInput("--on sim goes with --replay ID", hint="chaoskit recover --replay ID --on sim")
    with tempfile.TemporaryDirectory(prefix="chaoskit-replay-") as state, stopping() as stop:
        folder = Path(state) / "sim"
        try:
            running = simulation.up(folder, speed=SPEED, history=HISTORY, stop=stop)
            here = {"kubeconfig": str(running.kubeconfig), "context": "", "prometheus": ""}
            with connected(session.loaded.settings.model_copy(update=here)) as runtime:
                session.say(f"cluster  {runtime.description}")
                flow = AutoRecovery(runtime.world, runbooks=books)
                kept = runtime.store.get("recovery", record)
                with session.listening() as listen:
                    return restoring.replay(runtime.world, kept, flow, listen=listen, stop=stop)
        finally:
            simulation.down(folder)


def _compare(session: Session, differences: Sequence[Difference]) -> None:
    from collections import Counter

    rows = [
        {
            "id": each.record,
            "issue": each.issue,
            "target": each.target,
            "then": list(each.then),
            "now": list(each.now),
            "changed": each.changed,
            "unclear": each.unclear,
        }
        for each in differences
    ]

    def table(out: Console) -> None:
        changed = sum(each.changed for each in differences)
        compared = sum(not each.unclear for each in differences)
        out.print(f"{changed} of {compared} decisions would change")
        for each in differences:
            if each.changed:
                out.print(f"{each.issue} {each.target}: {' > '.join(each.then)}  now  {' > '.join(each.now)}")
        for why, times in Counter(each.unclear for each in differences if each.unclear).items():
            out.print(f"{times} cannot be compared: {why}")

    emit(session, "what-if", {"decisions": rows}, table)


def _finish(
    session: Session,
    records: Sequence[RecoveryRecord],
    left: Sequence[Decision] = (),
    stopped: Interrupted | None = None,
) -> None:
    """The records are shown, and the process ends with the gravest outcome's code.

    `left` were not begun, for `stopped` came before their turn: that is no good end.
    """
    outcome = gravest([*(each.outcome for each in records), *([of_error(stopped)] if stopped else ())])
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "recoveries": [record.document() for record in records],
        "not_begun": [{"issue": each.issue.name, "target": str(each.issue.target)} for each in left],
    }

    def table(out: Console) -> None:
        for record in records:
            fast = "" if record.seconds_to_recover is None else f" in {record.seconds_to_recover:.1f} s"
            what = f"{record.issue.replace('-', ' ')} of {record.target}{fast}"
            outcome_line(out, record.outcome.words, record.outcome.exit_code, what)
            out.print(f"  {record.reason}")
        for each in left:
            what = f"{each.issue.kind.replace('-', ' ')} of {each.issue.target}"
            outcome_line(out, Outcome.NOT_BEGUN.words, Outcome.NOT_BEGUN.exit_code, f"{what}: {stopped}")
        if records:
            next_step(out, f"chaoskit show {records[-1].id} --trace")

    emit(session, "recovery", document, table)
    raise typer.Exit(outcome.exit_code)
