"""Run experiments to a verdict, and undo them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli import secrecy
from chaoskit.cli.pasting import led
from chaoskit.cli.render import emit, next_step, outcome_line, told
from chaoskit.cli.reporting import Reports, reporting
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import Signalled, stopping, undoing
from chaoskit.cli.validate import VariableFiles, Variables, agreeing, checked
from chaoskit.clock import interruption
from chaoskit.errors import ChaoskitError, InvalidInput, Refused, UnknownName
from chaoskit.outcome import Outcome, of_error
from chaoskit.redaction import scrubbed
from chaoskit.reports.reading import UNLOOKED, looked, scored
from chaoskit.reports.score import JUDGED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rich.console import Console

    from chaoskit.acts.accounts import Account
    from chaoskit.documents import Document
    from chaoskit.experiments import Plan, Trial
    from chaoskit.ports.cluster import Identity
    from chaoskit.records import RunRecord
    from chaoskit.runtime import Runtime

app = new_app(__doc__)


class DryRun(StrEnum):
    """How far a run that does nothing goes."""

    CLIENT = "client"
    SERVER = "server"


@command(
    app,
    examples=(
        "chaoskit run experiments/ --yes",
        "chaoskit run engine.yaml --html report.html",
        "chaoskit run experiments/ --yes --detach",
        "cat engine.yaml | chaoskit run - --yes --min-score 80",
        "chaoskit run --plan 7f3c21d0 --junit run.xml",
    ),
    epilog="Reports are written on every way out, signals included.",
)
@reporting(always=True)
def run(
    session: Session,
    files: Annotated[
        list[str] | None, typer.Argument(help="Experiments or plain Litmus YAML: files, folders or -.")
    ] = None,
    plan: Annotated[
        str, typer.Option(help="Hash or file of a plan: refuse when the live state has drifted from it.")
    ] = "",
    var: Variables = None,
    var_file: VariableFiles = None,
    preflight: Annotated[bool, typer.Option(help="Check first what Litmus would hang or fail on.")] = True,
    parallel: Annotated[
        int, typer.Option(min=1, help="So many at a time, never two that hit or watch one workload.")
    ] = 1,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Begin no other after one that does not pass.")
    ] = False,
    dry_run: Annotated[
        DryRun | None,
        typer.Option(
            "--dry-run", help="Only print what would be sent (client), or have the server check it."
        ),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change against the cluster, before asking.")
    ] = False,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="Hand them over to a controller, and do not wait; it runs no commands and lends no accounts "
            "or images.",
        ),
    ] = False,
    min_score: Annotated[
        float | None,
        typer.Option(
            min=0, max=100, help="End with 1 below this resilience score; weaknesses pass above it."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    *,
    reports: Reports,
) -> None:
    """Run experiments: steady state, undo ledger, fault, verdict, undo, evidence."""
    if detach:
        _refuse_with_detach(
            reports, min_score=min_score, parallel=parallel, fail_fast=fail_fast, preflight=preflight
        )
    from chaoskit.cli import complaints, dryrun
    from chaoskit.cli.plan import plans_of
    from chaoskit.experiments.planfile import refuse_elsewhere

    given = _given(session, files or [], plan, var, var_file)
    if dry_run is DryRun.CLIENT:
        dryrun.offline(trials_of(given, given.namespace))
        return
    with session.connected() as runtime:
        if given.cluster is not None:
            refuse_elsewhere(given.plan, given.cluster, runtime.cluster.identity())
        namespace = given.namespace or runtime.namespace
        seen = dry_run or diff or not yes or given.plan
        plans = plans_of(runtime, given.documents, namespace, given.cluster) if seen else []
        if diff:
            dryrun.show_difference(session, plans, runtime.cluster)
        if dry_run:
            raise typer.Exit(dryrun.tried(session, plans, runtime.cluster))
        if not yes:
            _agree(session, plans)
        if detach:
            _hand_over(session, runtime, trials_of(given, namespace), _expected(given, plans), given.cluster)
            return
        records = _run_all(
            session,
            runtime,
            trials_of(given, namespace),
            reports,
            expected=_expected(given, plans),
            known=given.cluster,
            preflight=preflight,
            parallel=parallel,
            fail_fast=fail_fast,
        )
    outcome = reports.judge(min_score)
    failed = reports.settle()
    unwritten = {} if failed is None or outcome.exit_code else complaints.document(failed)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "score": reports.score,
        "runs": [each.document() for each in records],
        **unwritten,
    }
    emit(session, "runs", document, lambda out: _answer(session, out, reports, records, min_score))
    raise typer.Exit(document["exit"])


@dataclass(frozen=True)
class _Given:
    """What is to be run: documents, the namespace of those that name none, the plan that must still hold."""

    documents: Sequence[Document]
    namespace: str = ""
    plan: str = ""
    hashes: Sequence[str] = ()
    cluster: Identity | None = None


def _given(
    session: Session, files: list[str], plan: str, var: list[str] | None, var_file: list[Path] | None
) -> _Given:
    """Files, or a plan; with both, the files must still be those of the plan, wherever it was made."""
    if not plan and not files:
        raise typer.BadParameter("neither FILES nor --plan: there is nothing to run")
    documents = checked(session, files, var, var_file) if files else ()
    if not plan:
        return _Given(documents)
    from chaoskit.experiments import planfile

    secrecy.learn_places(plan)
    try:
        kept = planfile.find(session.loaded.settings.home / "plans", plan)
    except UnknownName:
        if not documents:
            raise
        return _Given(documents, plan=plan)
    secrecy.learn(kept.documents)
    secrecy.learn_places(kept.cluster, kept.namespace)
    agreeing(session, kept.documents)
    return _Given(documents or kept.documents, kept.namespace, kept.hash, kept.hashes, kept.cluster)


def _expected(given: _Given, plans: Sequence[Plan]) -> Sequence[str]:
    """The hash that each plan must have when it is run.

    Raises:
        Refused: all together they have another one than the plan.
    """
    if given.hashes:
        return given.hashes
    if given.plan and len(plans) > 1:
        from chaoskit.experiments import planfile

        if not planfile.hash_of(plans).startswith(given.plan):
            raise Refused(
                f"the cluster or the documents have changed since plan {given.plan}",
                guard="plan drift",
                limit="the same cluster, documents, targets, definitions and account",
                hint="look at it again: chaoskit plan",
            )
    return [each.hash for each in plans] if len(plans) > 1 or not given.plan else [given.plan]


def trials_of(given: _Given, namespace: str) -> Sequence[Trial]:
    """The trials of the documents.

    Raises:
        InvalidInput: the plan is of another number of them.
    """
    from chaoskit.experiments import trials

    found = trials(given.documents, namespace=namespace)
    if given.hashes and len(given.hashes) != len(found):
        raise InvalidInput(f"the plan is of {len(given.hashes)} experiments, and {len(found)} are given")
    secrecy.learn_names(*found)
    return found


def _agree(session: Session, plans: Sequence[Plan]) -> None:
    """The user has seen the plans and agreed; what is run has these very hashes."""
    from chaoskit.cli.plan import show
    from chaoskit.cli.render import console

    show(console(session, stderr=True), plans, "")
    session.ask(f"Run {len(plans)} experiment{'' if len(plans) == 1 else 's'}?", yes=False)


def _run_all(
    session: Session,
    runtime: Runtime,
    trials: Sequence[Trial],
    reports: Reports,
    *,
    expected: Sequence[str],
    known: Identity | None,
    preflight: bool,
    parallel: int,
    fail_fast: bool,
) -> Sequence[RunRecord]:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    with session.listening() as listen, undoing(listen, runtime.clock) as stop:
        records = AIChaosEngine(runtime.world).run_all(
            trials,
            parallel=parallel,
            fail_fast=fail_fast,
            listen=listen,
            stop=stop,
            preflight=preflight,
            expected=expected,
            known=known,
            ended=reports.add,
        )
        if stop.is_set() and any(each.outcome is Outcome.NOT_BEGUN for each in records):
            reports.stopped = interruption(stop)
        return records


def _refuse_with_detach(
    reports: Reports, *, min_score: float | None, parallel: int, fail_fast: bool, preflight: bool
) -> None:
    """Nothing was asked for that only who waits for the runs, or does them, can do."""
    if reports.files or reports.github:
        raise typer.BadParameter("--detach does not wait for anything to report: chaoskit report, later")
    given = {
        "--min-score": min_score is not None,
        "--parallel": parallel > 1,
        "--fail-fast": fail_fast,
        "--no-preflight": not preflight,
    }
    if options := [name for name, said in given.items() if said]:
        raise typer.BadParameter(f"--detach leaves the runs to a controller, without {', '.join(options)}")


def _hand_over(
    session: Session,
    runtime: Runtime,
    trials: Sequence[Trial],
    expected: Sequence[str],
    known: Identity | None,
) -> None:
    """Each run is in the hands of a controller; those that came there are told though another did not."""
    from chaoskit.cli import complaints
    from chaoskit.flows.detached import hand_over
    from chaoskit.flows.lending import refuse_foreign

    for trial in trials:
        refuse_foreign(trial, trial.namespace)
    handed: list[Account] = []
    try:
        with stopping() as stop:
            for place, trial in enumerate(trials):
                wanted = expected[place] if expected else ""
                handed.append(hand_over(runtime.world, trial, expected_hash=wanted, known=known, stop=stop))
    except (ChaoskitError, Signalled) as ended:
        if not handed:
            raise
        error = ended.error if isinstance(ended, Signalled) else ended
        _tell_handed(session, handed, complaints.document(error))
        sys.stderr.write(complaints.words(error))
        raise typer.Exit(of_error(error).exit_code) from ended
    _tell_handed(session, handed, {})


def _tell_handed(session: Session, handed: Sequence[Account], error: Mapping[str, Any]) -> None:
    """Who has which run, and, in the same document, why the next one is in nobody's hands."""
    emit(session, "detached", {"runs": [*map(_plain, handed)], **error}, lambda out: _handed(out, handed))


def _plain(account: Account) -> dict[str, str | None]:
    from chaoskit.acts.handover import waits_until

    until = None if account.holder else waits_until(account)
    return {
        "id": account.id,
        "name": account.name,
        "holder": account.holder or account.accepted,
        "waits_until": until.isoformat() if until else None,
    }


def _handed(out: Console, handed: Sequence[Account]) -> None:
    from chaoskit.acts.handover import whereabouts

    for each in handed:
        out.print(f"run {each.id}  {each.name}  is {whereabouts(each)}", soft_wrap=True)
    next_step(out, f"chaoskit show {handed[-1].id} --follow")


def _answer(
    session: Session, out: Console, reports: Reports, records: Sequence[RunRecord], least: float | None
) -> None:
    """The runs; before them whether they reached the score, if one was asked for."""
    if least is not None and reports.outcome is not None:
        score = "unknown" if reports.score is None else f"{reports.score:g}"
        words = f"resilience score {score} of 100, at least {least:g} wanted{_unlooked(reports.records)}"
        outcome_line(out, reports.outcome.words, reports.outcome.exit_code, words)
    table(out, records, session.unkept)


def _unlooked(records: Sequence[dict[str, Any]]) -> str:
    """The runs whose part in the score says only that their fault was injected; "" without any."""
    names = [each["name"] for each in records if each["score"] is not None and not looked(each)]
    return f"; {UNLOOKED} by {', '.join(names)}" if names else ""


def table(out: Console, records: Sequence[RunRecord], unkept: Collection[str] = ()) -> None:
    """Each run's answer, why, how to mend it and how its undo stands; the last line is what to do next.

    Nobody is led to what is `unkept`.
    """
    placed = len({each.namespace for each in records}) > 1
    for record in records:
        words = f"{record.fault} on {_whom(record, placed=placed)}"
        outcome_line(out, record.outcome.words, record.outcome.exit_code, words)
        told(out, "  ", scrubbed(record.reason))
        hint = record.evidence.get("hint")
        if hint and not record.undo.left:
            out.print(scrubbed(f"  mend {led(hint)}"))
        left = f": {', '.join(record.undo.left)}" if record.undo.left else ""
        told(out, "  undo ", f"{record.undo.state}{left}")
        if record.score is not None and record.outcome in JUDGED:
            out.print(f"  resilience score {scored(record.document())}")
    if any(record.undo.left for record in records):
        next_step(out, "chaoskit rescue")
    elif kept := [
        each.id for each in records if each.outcome is not Outcome.NOT_BEGUN and each.id not in unkept
    ]:
        next_step(out, f"chaoskit show {kept[-1]} --trace")


def _whom(record: RunRecord, *, placed: bool) -> str:
    place = f"{record.namespace}/" if placed else ""
    return ", ".join(f"{place}{each}" for each in record.targets or (record.name,))
