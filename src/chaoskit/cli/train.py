"""Train a failure model on history and judge it honestly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli import measured
from chaoskit.cli.belonging import given, refuse_beside
from chaoskit.cli.render import emit, next_step
from chaoskit.cli.session import Session, command, new_app

HOURS = 24.0
"""So much of Prometheus' past is learned from where nobody says how much."""

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

    from chaoskit.flows.learning import Fitted
    from chaoskit.prediction import Objectives, Options

app = new_app(__doc__)


class Recipe(StrEnum):
    """Which features: validation chooses, those for one cluster, those that carry to others."""

    AUTO = "auto"
    WINDOW = "window"
    EVIDENCE = "evidence"


class Backend(StrEnum):
    """Where forests grow."""

    THREADING = "threading"
    LOKY = "loky"
    DASK = "dask"


class Chaos(StrEnum):
    """What past experiments are to learning."""

    MASK = "mask"
    LABEL = "label"


@command(
    app,
    examples=(
        "chaoskit train -n shop --hours 168",
        "chaoskit train -A --hours 168",
        "chaoskit train --data metrics/ --mapping examples/data/sockshop-k8s.yaml",
    ),
)
def train(
    session: Session,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces but protected ones.")
    ] = False,
    hours: Annotated[
        float | None,
        typer.Option(min=1, help=f"How many hours of Prometheus' past to learn from ({HOURS:g})."),
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Learn from these files instead of Prometheus.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="What the columns of the files mean.")] = None,
    name: Annotated[str, typer.Option(help="First part of the model's name; the namespace otherwise.")] = "",
    false_alarms_per_day: Annotated[
        float, typer.Option(min=0.01, help="Budget that sets the threshold.")
    ] = 2.0,
    seed: Annotated[int, typer.Option(help="The same seed, data and trials make the same model.")] = 7,
    recipe: Annotated[
        Recipe, typer.Option(help="Which features; auto lets validation choose.")
    ] = Recipe.AUTO,
    search: Annotated[
        float, typer.Option(min=0, help="Seconds for trying other sizes of leaves and splits.")
    ] = 0.0,
    trials: Annotated[
        int, typer.Option(min=0, help="Try so many sizes instead, the same on every machine.")
    ] = 0,
    split: Annotated[str, typer.Option(help="What is held out: time. Random rows are refused.")] = "time",
    jobs: Annotated[int, typer.Option(min=0, help="Forests that grow at once; 0: one per processor.")] = 0,
    backend: Annotated[
        Backend, typer.Option(help="Where they grow: threads, processes, a Dask cluster.")
    ] = Backend.THREADING,
    scheduler: Annotated[
        str,
        typer.Option(
            help="Address of the Dask scheduler: tcp://HOST:8786. Whoever answers there can have code run "
            "here: use a network that you trust, or Dask's TLS (tls://)."
        ),
    ] = "",
    chaos: Annotated[
        Chaos,
        typer.Option(
            help="Past experiments: not learned from, or failures of their class while they lasted."
        ),
    ] = Chaos.MASK,
    error_objective: Annotated[
        float, typer.Option(min=0, max=1, help="More failed requests than this share are a failure.")
    ] = 0.05,
    latency_objective: Annotated[
        float, typer.Option(min=0, help="A p95 latency over so many seconds is a failure; 0: none is.")
    ] = 0.0,
    promote: Annotated[bool, typer.Option(help="Let it answer if it beats the baselines.")] = True,
    thorough: Annotated[
        bool, typer.Option(help="Also judge with workloads held out, and probe for leaks.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="Also write the report there: Markdown, and JSON beside it.")
    ] = None,
) -> None:
    """Train a random forest on history, judge it on held-out time beside plain rules, and keep it."""
    from math import inf

    from chaoskit.prediction import Objectives, Options, check_name
    from chaoskit.prediction.learning.options import check

    places = {"--all-namespaces": everywhere, "--namespace": session.asked_namespace}
    _check(given({"--data": data, "--mapping": mapping, "--hours": hours, **places}))
    if name:
        check_name(name)
    measured.check_writable(out)
    objectives = Objectives(error_ratio=error_objective, latency_p95=latency_objective or inf)
    options = Options(
        recipe=recipe.value,
        false_alarms_per_day=false_alarms_per_day,
        seed=seed,
        search_seconds=search,
        trials=trials,
        split=split,
        jobs=jobs or measured.processors(),
        backend=backend.value,
        scheduler=scheduler,
    )
    check(options)
    wanted = _Wanted(name, options, objectives, chaos, promote, thorough)
    fitted, told_before = (
        _from_files(session, data, mapping, wanted)
        if data or mapping
        else (_from_prometheus(session, hours or HOURS, wanted, everywhere=everywhere), ())
    )
    if out is not None:
        command_ = {
            "train": True,
            "--data": data,
            "--mapping": mapping,
            "--false-alarms-per-day": f"{false_alarms_per_day:g}",
            "--seed": seed,
            "--recipe": recipe.value,
            "--trials": sum(name.startswith("leaf") for name, _ in fitted.report.trials),
        }
        title = f"Model {fitted.name}"
        measured.write(fitted.report, out, title, command=command_, facts=_facts(options))
    place = " -A" if everywhere else measured.pasted(data, mapping)
    emit(session, "training", _plain(fitted), lambda console: _table(console, fitted, place, told_before))


def _check(named: Collection[str]) -> None:
    """Files are given without a place or a time beside them; `InvalidInput` unless so."""
    for flag in ("--data", "--mapping"):
        refuse_beside(flag, named, but=("--data", "--mapping"), why="of files all that is there is learned")


def _facts(options: Options) -> dict[str, Any]:
    from chaoskit.prediction.artifacts.artifact import libraries

    return {"seed": options.seed, "trees": options.trees, **libraries()}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked of a training, wherever its data come from."""

    name: str
    options: Options
    objectives: Objectives
    chaos: Chaos
    promote: bool
    thorough: bool


def _from_files(
    session: Session, data: list[Path] | None, mapping: Path | None, wanted: _Wanted
) -> tuple[Fitted, tuple[str, ...]]:
    """What was learned, and the notes on the files that were told before."""
    from chaoskit.flows.learning import fit

    dataset, meaning, target = measured.read(data, mapping, tell=session.say, chaos=wanted.chaos.value)
    with session.listening() as listen:
        fitted = fit(
            dataset,
            models=session.loaded.settings.home / "models",
            key=session.loaded.settings.model_key.encode(),
            base=wanted.name or meaning.metadata.name,
            target=target,
            options=wanted.options,
            chaos=wanted.chaos.value,
            objectives=wanted.objectives,
            promote=wanted.promote,
            thorough=wanted.thorough,
            listen=listen,
        )
    return fitted, () if session.quiet else dataset.notes


def _from_prometheus(session: Session, hours: float, wanted: _Wanted, *, everywhere: bool) -> Fitted:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    # A namespace's recent past has few failures: larger forests would say the same, later.
    short = replace(wanted.options, trees=100, fold_trees=50, most_rows=8_000)
    with session.connected() as runtime, session.listening() as listen:
        return AIChaosEngine(runtime.world).train(
            "" if everywhere else runtime.namespace,
            timedelta(hours=hours),
            base=wanted.name,
            options=short,
            chaos=wanted.chaos.value,
            objectives=wanted.objectives,
            promote=wanted.promote,
            thorough=wanted.thorough,
            listen=listen,
        )


def _plain(fitted: Fitted) -> dict[str, object]:
    from chaoskit.prediction import document

    return {
        "name": fitted.name,
        "folder": str(fitted.folder),
        "promoted": fitted.promoted,
        "heldBack": fitted.held_back,
        "insteadOf": fitted.instead_of,
        "report": document(fitted.report),
    }


def _table(out: Console, fitted: Fitted, place: str, told_before: Sequence[str]) -> None:
    report = fitted.report
    out.print(
        f"model {fitted.name}  says whether a workload {report.target}; {report.verdict}",
        style="bold",
    )
    measured.show(out, report, f"in its card (chaoskit models show {fitted.name})", told_before)
    if fitted.promoted:
        before = f" in place of {fitted.instead_of} (chaoskit models rollback)" if fitted.instead_of else ""
        out.print(f"promoted  it answers from now on{before}; card: {fitted.folder / 'card.md'}")
    else:
        out.print(f"held back  {fitted.held_back}", style="yellow")
    next_step(out, asking(fitted.name, promoted=fitted.promoted, place=place))


def asking(model: str, *, promoted: bool, place: str) -> str:
    """The command that asks the model of what it learned from: of that `place`, or those files."""
    return f"chaoskit predict{place}" + ("" if promoted else f" --model {model}")
