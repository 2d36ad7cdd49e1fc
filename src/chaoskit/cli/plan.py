"""Show exactly what a run would do, and change nothing."""

from __future__ import annotations

import shlex
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.pasting import led
from chaoskit.cli.render import emit, next_step, span, told
from chaoskit.cli.secrecy import hidden, learn_names
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.cli.validate import VariableFiles, Variables, checked
from chaoskit.cli.writing import STDOUT
from chaoskit.documents import dump
from chaoskit.errors import InvalidInput
from chaoskit.outcome import Outcome, gravest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from chaoskit.documents import Document
    from chaoskit.experiments import Plan
    from chaoskit.experiments.selection import Selection
    from chaoskit.ports.cluster import Identity
    from chaoskit.runtime import Runtime
    from chaoskit.steadystate.present import Present

app = new_app(__doc__)

_WAYS = {"litmus": "Litmus", "direct": "direct: through the Kubernetes API alone"}
_MEND = "mend"
_MARKS = {"ok": "✔", "warning": "!", "blocked": "✖", "refused": "✖"}


@command(
    app,
    examples=(
        "chaoskit plan cart.yaml",
        "chaoskit plan experiments/ --out plan.json",
        "chaoskit plan cart.yaml --rbac | kubectl apply -f -",
    ),
)
def plan(
    session: Session,
    files: Annotated[
        list[str],
        typer.Argument(help="Files, folders (but what begins with a dot), or - for standard input."),
    ],
    var: Variables = None,
    var_file: VariableFiles = None,
    out: Annotated[Path | None, typer.Option(help="Write the plan there, for run --plan FILE.")] = None,
    rbac: Annotated[
        bool,
        typer.Option(
            "--rbac",
            help="Print the least rights that a run needs, as YAML, instead; for Litmus with its account and "
            "the ChaosExperiments that are missing.",
        ),
    ] = False,
) -> None:
    """Show targets, checks, rights, steady state, undo and time of a run, as all is now; nothing is changed.

    It ends as a run would that could not begin: 3, 4, or 8 where the steady state does not hold.
    """
    from chaoskit.experiments import planfile, rights
    from chaoskit.experiments.litmus import IMAGE

    if out == STDOUT:
        words = "--out - would show what is secret in the documents: name a file, or take -o json"
        raise typer.BadParameter(words)
    documents = checked(session, files, var, var_file)
    with session.connected() as runtime:
        session.tell_of_dead(runtime)
        home, namespace = runtime.settings.home, runtime.namespace
        plans = plans_of(runtime, documents, namespace)
        steady = [] if rbac else _steady(runtime, plans)
    if rbac:
        bodies = hidden(rights.manifests(plans))
        text = "---\n".join(map(dump, bodies))
        if unsure := rights.guessed(plans):
            of = f"ChaosExperiment {', '.join(unsure)}: of {IMAGE}"
            why = "for the operator's version is not known, or too old; put in the image that goes with yours"
            session.say(f"! {of}, {why}", always=True)
        if session.output is Format.TABLE:
            sys.stdout.write(text)
        else:
            emit(session, "rights", {"manifests": bodies}, lambda _: None)
        raise typer.Exit
    whole = planfile.hash_of(plans)
    written = str(out or whole)
    if out is not None:
        planfile.write(out, documents, plans, namespace)
    try:
        planfile.write(kept(home, whole), documents, plans, namespace)
    except InvalidInput as error:
        session.say(f"! not kept for run --plan {whole}: {error.message}; --out FILE writes it elsewhere")
        written = str(out or "")
    ends = list(map(ending, plans, steady or [()] * len(plans)))
    outcome = gravest(each or Outcome.DONE for each in ends)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "hash": whole,
        "plans": [
            each.document()
            | {"outcome": end and end.value, "steadyState": [condition.document() for condition in now]}
            for each, now, end in zip(plans, steady, ends, strict=True)
        ],
    }
    following = f"chaoskit run --plan {shlex.quote(written)}" if written else ""
    emit(session, "plans", hidden(document), lambda to: show(to, plans, following, steady))
    raise typer.Exit(outcome.exit_code)


def kept(home: Path, name: str) -> Path:
    """Where the plan of that hash is kept for `run --plan`."""
    return home / "plans" / f"{name}.json"


def plans_of(
    runtime: Runtime, documents: Sequence[Document], namespace: str, known: Identity | None = None
) -> list[Plan]:
    """The plan of each experiment, against the cluster as it is; `namespace` is for those that name none.

    `known` is the cluster as an earlier plan knew it.
    """
    from chaoskit.experiments import plan as make_plan
    from chaoskit.experiments import trials

    world = runtime.world
    plans = [
        make_plan(
            each,
            world.cluster,
            governor=world.governor,
            clock=world.clock,
            metrics=world.metrics,
            known=known,
        )
        for each in trials(documents, namespace=namespace)
    ]
    learn_names(*plans)
    return plans


def ending(plan: Plan, now: Sequence[Present]) -> Outcome | None:
    """What a run would end with at once, its steady state being as it is; None when the fault may begin."""
    return plan.outcome or (Outcome.NO_BASELINE if any(each.forbids for each in now) else None)


def _steady(runtime: Runtime, plans: Sequence[Plan]) -> list[Sequence[Present]]:
    """How the steady state of each plan stands now."""
    from chaoskit.steadystate.present import present
    from chaoskit.steadystate.readers import Sources

    world = runtime.world
    sources = Sources(world.cluster, world.clock, world.metrics, world.http)
    return [present(each.trial.conditions, each.trial.namespace, sources) for each in plans]


def show(
    out: Console, plans: Sequence[Plan], following: str, steady: Sequence[Sequence[Present]] = ()
) -> None:
    """Each plan as a block, with its steady state as it is now; the last line is the command that follows."""
    steady = steady or [()] * len(plans)
    for each, now in zip(plans, steady, strict=True):
        say = partial(_say, out)
        say(f"plan {each.hash}  ", _title(each), style="bold")
        for fault, selection in each.selections.items():
            if not selection.missing:
                for label, words in _hit(fault, selection):
                    say(f"  {label:<22} ", words)
        for mark, label, words in _checked(each):
            say(f"  {mark} {label:<20} ", words, pasted=label == _MEND)
        for label, words in _changed(each):
            say(f"  {label:<22} ", words)
        for condition in now:
            mark = "✔" if condition.judgement.held else "✖" if condition.forbids else "!"
            say(f"  {mark} {'steady state':<20} ", condition.words())
        for label, words in _course(each):
            say(f"  {label:<22} ", words)
    if following and not any(map(ending, plans, steady)):
        next_step(out, following)


def _checked(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """What was looked at: whether it is well, what it is, and in words; under it how it is mended."""
    for check in plan.checks:
        yield _MARKS[check.state], check.name, check.words
        if check.mend:
            yield " ", _MEND, led(check.mend)
    for warning in plan.trial.warnings:
        yield "!", "document", str(warning)


def _changed(plan: Plan) -> Iterator[tuple[str, str]]:
    """What stays of whom, and what is changed directly, each under its name."""
    for after in plan.afterwards:
        yield "afterwards", str(after)
    for words in plan.prepared.changes:
        yield "change", words


def _course(plan: Plan) -> Iterator[tuple[str, str]]:
    """Who does it, what may be done, how it is undone and how long it takes, each under its name."""
    yield "engine", _WAYS[plan.way]
    yield "privileged", "; ".join(plan.privileged) or "no: without helper pods"
    for words in plan.undo:
        yield "undo", words
    lasting, latest = (span(timedelta(seconds=each)) for each in (plan.seconds, plan.timeout))
    chaos = f"{plan.prepared.chaos_seconds:g} s are chaos"
    yield "time", f"about {lasting}, of which {chaos}; stopped after {latest}"


def _say(out: Console, lead: str, words: str, *, style: str = "", pasted: bool = False) -> None:
    """A line without what is secret; what is to be `pasted` is never broken."""
    words = hidden(words)
    if pasted:
        out.print(f"{lead}{words}", style=style or None)
    else:
        told(out, hidden(lead), words, style=style or None)


def _who(selection: Selection) -> str:
    """How many are hit, of which, and who chooses them."""
    names = selection.names
    if selection.pinned and selection.hit < len(names):
        how = f"{selection.hit} of these {len(names)}, chosen when it starts"
    elif selection.pinned:
        how = f"{selection.hit} of {selection.total}, these"
    else:
        how = f"{selection.hit} of {selection.total} chosen at random from"
    return f"{how}: {', '.join(names)}"


def _hit(fault: str, selection: Selection) -> Iterator[tuple[str, str]]:
    """Who is hit, under the fault's name; how many pods of each owner where no names of pods say it."""
    if not selection.counted:
        yield fault, _who(selection)
    label = fault if selection.counted else "leaving"
    for each in selection.hits if selection.counted or selection.nodes else ():
        if each.target is not None:
            yield label, f"{each.number} of {each.total} {each.whose}"


def _title(plan: Plan) -> str:
    experiment = plan.trial.experiment
    return experiment.spec.hypothesis or plan.trial.name if experiment is not None else plan.trial.name
