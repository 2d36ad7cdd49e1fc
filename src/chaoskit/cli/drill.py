"""Inject a fault on purpose, and score how it is detected, classified and recovered from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.fitting import beside
from chaoskit.cli.render import columns, emit, next_step, outcome_line, percent
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping, undoing
from chaoskit.cli.writing import STDOUT, write
from chaoskit.errors import InvalidInput
from chaoskit.files import check_writable
from chaoskit.outcome import Outcome, gravest, of_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from chaoskit.flows.drills.injections import Injection
    from chaoskit.flows.drills.matrix import Ran
    from chaoskit.flows.drills.scoring import Drilled, Gates, Report, Times
    from chaoskit.flows.world import World
    from chaoskit.runtime import Runtime

app = new_app(__doc__)

Names = Annotated[list[str] | None, typer.Option("--fault", help="A fault; repeat it for several.")]


@command(
    app,
    examples=(
        "chaoskit drill",
        "chaoskit drill bad-release -n shop --workload deployment/cart",
        "chaoskit drill --matrix --min-f1 0.95 --max-false-actions 0",
    ),
)
def drill(
    session: Session,
    fault: Annotated[str, typer.Argument(help="What to inject; without it the faults are listed.")] = "",
    workload: Annotated[
        list[str] | None, typer.Option("--workload", help="On which: deployment/cart. Repeat it in a matrix.")
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Faults times workloads, each on a simulated cluster of its own.")
    ] = False,
    faults: Names = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", help="Seed of the simulated clusters; repeat it for several."),
    ] = None,
    healthy: Annotated[
        int, typer.Option(min=0, help="Healthy hours for each seed: nothing may be done in them.")
    ] = 0,
    speed: Annotated[float, typer.Option(min=1, max=60, help="How many times faster than the wall.")] = 5.0,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Simulated clusters at a time.")] = 1,
    min_f1: Annotated[
        float | None, typer.Option("--min-f1", min=0, max=1, help="End with 1 under this macro-F1.")
    ] = None,
    max_false_actions: Annotated[
        int | None, typer.Option(min=0, help="End with 1 when more was done to what was not at fault.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(min=0, help="End with 1 when a pod-level recovery took longer.")
    ] = None,
    max_median: Annotated[
        float | None, typer.Option(min=0, help="End with 1 when the median pod-level recovery took longer.")
    ] = None,
    min_recovered: Annotated[
        float | None, typer.Option(min=0, max=1, help="End with 1 when a smaller share was recovered.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the scored report there, as JSON.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Inject a fault, watch how it is detected, classified and recovered from, and score that.

    Without gates of yours, one drill must be classified rightly and recovered from with nothing done wrongly;
    a matrix must reach a macro-F1 of 0.95, no false action, and pods recovered within 30 s, at the median
    within 10 s.
    """
    from chaoskit.flows.drills.scoring import MATRIX_GATES, SINGLE_GATES, Gates

    if not (fault or matrix):
        _list(session)
        return
    if out is not None and out != STDOUT:
        check_writable(out)
    if matrix:
        names = [*([fault] if fault else ()), *(faults or ())]
        ran = _matrix(session, names, workload or [], seed or [7], healthy, speed, parallel)
    else:
        ran = _single(session, fault, workload or [], yes=yes)
    gates = Gates(min_f1, max_false_actions, max_seconds, max_median, min_recovered)
    if gates == Gates():
        gates = MATRIX_GATES if matrix else SINGLE_GATES
    finish(session, ran, gates, out)


def _list(session: Session) -> None:
    from chaoskit.flows.drills.injections import FAULTS, PLAYED

    rows = [(each.name, each.issue, "any cluster") for each in FAULTS.values()]
    rows += [(each.name, each.issue, "simulated") for each in PLAYED.values()]
    document = {"faults": [{"name": n, "issue": i, "where": w} for n, i, w in rows]}

    def table(out: Console) -> None:
        columns(out, ("fault", "issue", "where"), rows)
        next_step(out, "chaoskit drill bad-release -n shop --workload deployment/cart")

    emit(session, "drill-faults", document, table)


# ---------------------------------------------------------------- one, on the connected cluster


def _single(session: Session, fault: str, workloads: Sequence[str], *, yes: bool) -> Ran:
    from chaoskit.flows.drills.course import drill as run
    from chaoskit.flows.drills.matrix import Ran

    if len(workloads) != 1:
        raise InvalidInput("a drill needs one --workload, as in deployment/cart")
    with session.connected() as runtime:
        injection = _injection(runtime, fault, workloads[0])
        session.ask(f"Inject {fault} into {injection.workload} in {runtime.namespace}?", yes=yes)
        with session.listening() as listen, undoing(listen, runtime.clock) as stop:
            done = run(runtime.world, injection, namespace=runtime.namespace, listen=listen, stop=stop)
            return Ran((done,), 1)


def _injection(runtime: Runtime, fault: str, workload: str) -> Injection:
    """The fault on the workload; what only a simulated cluster knows is played there.

    Raises:
        InvalidInput: there is no such fault, or no such kind of workload.
    """
    from chaoskit.documents import closest
    from chaoskit.flows.drills.injections import FAULTS, PLAYED, Native, Played
    from chaoskit.recovery.given import target_of

    try:
        ref = target_of(runtime.namespace, workload)
    except ValueError as error:
        raise InvalidInput(f"--workload is {workload!r}, expected {error}") from error
    if fault in FAULTS:
        world = runtime.world
        return Native(FAULTS[fault], ref, world.cluster, world.clock, world.governor)
    if fault in PLAYED:
        return Played(PLAYED[fault], ref.name, runtime.cluster, runtime.namespace)
    known = (*FAULTS, *PLAYED)
    raise InvalidInput(
        f"there is no fault {fault}", hint=closest(fault, known) or f"faults: {', '.join(known)}"
    )


# ---------------------------------------------------------------- many, on simulated ones


def _matrix(
    session: Session,
    faults: Sequence[str],
    workloads: Sequence[str],
    seeds: Sequence[int],
    healthy: int,
    speed: float,
    parallel: int,
) -> Ran:
    from chaoskit.flows.drills import matrix

    apps = [each.rpartition("/")[2] for each in workloads]
    wanted = matrix.cells(faults, apps, seeds, healthy=healthy)
    session.say(f"cluster  {len(wanted)} simulated ones, {speed:g} times faster")
    with stopping() as stop:
        return matrix.run(
            wanted,
            connect=_connect(session),
            speed=speed,
            parallel=parallel,
            done=lambda each: session.say(_line(each)),
            stop=stop,
        )


def _connect(session: Session) -> Any:
    """Connects to a simulated cluster as these settings would, with a history of its own."""

    @contextmanager
    def connect(kubeconfig: Path, home: Path) -> Iterator[World]:
        from chaoskit.runtime import connected

        changed = {"kubeconfig": str(kubeconfig), "home": home, "store": "", "context": "", "prometheus": ""}
        with connected(session.loaded.settings.model_copy(update=changed)) as runtime:
            yield runtime.world

    return connect


def _line(each: Drilled) -> str:
    """``right  crash-loop on cart (seed 7): pod-crash, detected in 6 s, recovered in 8.1 s by roll-back``."""
    what = f"{each.fault}{f' on {each.workload}' if each.workload else ''} (seed {each.seed})"
    if each.error:
        return f"error  {what}: {each.error}"
    seen = "" if each.detected is None else f", detected in {each.detected:.0f} s"
    how = f" by {each.helped}" if each.helped else ""
    mended = (
        f", recovered in {each.recovery:.1f} s{how}" if each.recovered and each.recovery is not None else ""
    )
    wrong = f", falsely {'; '.join(each.false_actions)}" if each.false_actions else ""
    said = "" if each.right else f" taken for {each.found}"
    return f"{'right' if each.right else 'wrong'}  {what}: {each.truth}{said}{seen}{mended}{wrong}"


# ---------------------------------------------------------------- the score


def finish(session: Session, ran: Ran, gates: Gates, out: Path | None) -> None:
    """What is known is shown and written, and the process ends with what the gates or a stop say.

    Of a series that was cut short those gates are missed that no later drill could have made good.
    """
    from chaoskit.flows.drills.scoring import report

    found = report(ran.drills)
    whole = ran.stopped is None
    missed = found.misses(gates if whole else gates.of_each) if whole or ran.drills else ()
    outcome = _outcome(ran, missed)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "partial": ran.stopped is not None,
        "wanted": ran.wanted,
        "missed": list(missed),
        **found.document(),
    }
    if out is not None:
        write(out, (json.dumps({"schema": "chaoskit.io/drill/v1", **document}, indent=2) + "\n").encode())
    emit(session, "drill", document, lambda console: _table(console, ran, found, missed, outcome))
    raise typer.Exit(outcome.exit_code)


def _outcome(ran: Ran, missed: Sequence[str]) -> Outcome:
    ends = [Outcome.AT_OR_OVER_THRESHOLD if missed else Outcome.PASSED]
    ends += [Outcome.UNDO_UNCONFIRMED for each in ran.drills if each.left]
    ends += [of_error(ran.stopped)] if ran.stopped is not None else []
    return gravest(ends)


def _table(out: Console, ran: Ran, found: Report, missed: Sequence[str], outcome: Outcome) -> None:
    count = f"{ran.wanted} drill{'' if ran.wanted == 1 else 's'}"
    if ran.stopped is None:
        words = "failed" if outcome is Outcome.AT_OR_OVER_THRESHOLD else outcome.words
        outcome_line(out, words, outcome.exit_code, count)
    else:
        so_far = f"partial, {len(ran.drills)} of {count}: {ran.stopped.message}"
        outcome_line(out, outcome.words, outcome.exit_code, so_far)
    for words in missed:
        out.print(f"  {words}", style="yellow")
    if not found.drills:
        return
    _confusion(out, found.confusion)
    out.print()
    quality = [
        (q.issue, percent(q.precision), percent(q.recall), f"{q.f1:.2f}", str(q.drills))
        for q in found.classes
    ]
    columns(out, ("class", "precision", "recall", "f1", "drills"), quality)
    out.print(
        f"\nmacro-F1 {found.macro_f1:.2f}, {found.false_actions} false actions, "
        f"{found.side_effects} side effects, {found.recovered} of {found.recoverable} recovered"
    )
    spans = [
        ("until detected", found.detection), ("recovery", found.recovery),
        ("recovery of pods", found.pod_recovery), ("until whole again", found.whole),
        *((f"recovery of {issue}", times) for issue, times in found.by_class.items()),
    ]  # fmt: skip
    columns(out, ("seconds", "median", "p90", "longest", "of"), [_span(name, times) for name, times in spans])
    if outcome is Outcome.UNDO_UNCONFIRMED:
        next_step(out, "chaoskit rescue")


def _confusion(out: Console, found: Mapping[str, Mapping[str, int]]) -> None:
    """Who was taken for whom, as a matrix; where that is wider than the terminal, a row's counts in words."""
    names = sorted({*found, *(name for row in found.values() for name in row)})
    heads = ("", *names)
    rows = [
        (truth, *(str(found[truth].get(name, 0) or ".") for name in names))
        for truth in names
        if truth in found
    ]
    if not out.is_terminal or beside((heads, *rows), out.width, -1) == len(heads):
        out.print("\nwhat was injected (rows) and what it was taken for (columns)")
        columns(out, heads, rows)
        return
    out.print()
    taken = [
        (truth, ", ".join(f"{name} {times}" for name, times in found[truth].items() if times))
        for truth, *_ in rows
    ]
    columns(out, ("what was injected", "what it was taken for"), taken)


def _span(name: str, times: Times) -> tuple[str, ...]:
    values = (times.median, times.p90, times.longest)
    return (name, *("-" if value is None else f"{value:.1f}" for value in values), str(times.count))
