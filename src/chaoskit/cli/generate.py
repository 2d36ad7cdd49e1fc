"""Write ranked experiments for what is likely to break."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.cli.writing import STDOUT, write_made
from chaoskit.errors import CannotStart, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from chaoskit.experiments.generation import Proposal, Source
    from chaoskit.ports.cluster import Object
    from chaoskit.records import PredictionRecord
    from chaoskit.runtime import Runtime

app = new_app(__doc__)


class Origin(StrEnum):
    """What experiments are made from."""

    PREDICTIONS = "predictions"
    TOPOLOGY = "topology"
    HISTORY = "history"
    INCIDENT = "incident"


class Kind(StrEnum):
    """What is written: experiments for chaoskit, or manifests for kubectl."""

    NATIVE = "native"
    LITMUS = "litmus"


@command(
    app,
    examples=(
        "chaoskit generate -n shop --top 3 --out experiments",
        "chaoskit generate -A --from topology -l tier=backend",
        "chaoskit generate --from incident 01jd4r",
        "chaoskit generate -n shop --format litmus --out manifests",
    ),
)
def generate(
    session: Session,
    incident: Annotated[
        str, typer.Argument(help="With --from incident: id of a recovery or run; its beginning will do.")
    ] = "",
    source: Annotated[
        Origin,
        typer.Option(
            "--from",
            help="predictions (made now, topology beside them), topology alone, history "
            "(what was tested before), or incident (what reproduces it).",
        ),
    ] = Origin.PREDICTIONS,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Every namespace that is not protected.")
    ] = False,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="Only workloads with these labels: app=cart.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, max=100, help="So many, the most worth doing.")] = 5,
    kind: Annotated[
        Kind, typer.Option("--format", help="Experiments for chaoskit, or Litmus' manifests for kubectl.")
    ] = Kind.NATIVE,
    probe_prometheus: Annotated[
        str, typer.Option(help="With litmus: Prometheus as pods reach it, for probes.", metavar="URL")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write one file each into; stdout otherwise. Files that were edited are left."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="With --out: write over edited files, too.")] = False,
    model: Annotated[str, typer.Option(help="Ask this model instead of the promoted one.")] = "",
) -> None:
    """Rank experiments by probability, impact and what was not tested lately; each with its reason."""
    if bool(incident) != (source is Origin.INCIDENT):
        raise InvalidInput("--from incident and the id of a run or recovery belong together")
    out = None if out == STDOUT else out
    if force and out is None:
        raise typer.BadParameter("--force writes over files: add --out")
    if out is not None and out.exists() and not out.is_dir():
        raise InvalidInput(
            f"{out} is a file, and --out names a folder", hint=f"name {out.parent}, or a new one"
        )
    native = kind is Kind.NATIVE
    from chaoskit.flows.places import refuse_absent

    place = ""
    with session.connected() as runtime:
        if source is Origin.INCIDENT:
            found = _reproduced(runtime, incident, top, direct=native)
        else:
            place = "" if all_namespaces else runtime.namespace
            refuse_absent(runtime.cluster, place)
            predictions = _predictions(session, runtime, place, model) if source is Origin.PREDICTIONS else []
            found = _ranked(runtime, place, predictions, source, selector, top, direct=native)
        made = {} if native else _exported(session, runtime, found, probe_prometheus)
    if not found:
        session.say(f"! nothing to propose{_among(place, selector)}: {_NOTHING[source]}")
    if not out and session.output is Format.TABLE:
        sys.stdout.write("---\n".join(_texts(found, made, apart=False)))
        return
    texts = _texts(found, made, apart=True)
    files = _paths(out, found) if out else []
    left = [path for path, text in zip(files, texts, strict=False) if not write_made(path, text, force=force)]
    for path in left:
        session.say(
            f"! {path} was edited, or not made by this version, and is left as it is: --force writes over it"
        )
    _report(session, found, made, files, left)


_NOTHING = {
    Origin.PREDICTIONS: "no workload that is not protected has a ready pod",
    Origin.TOPOLOGY: "no workload that is not protected has a ready pod",
    Origin.HISTORY: "nothing of what is here was tested before: chaoskit generate --from topology",
    Origin.INCIDENT: "no fault brings it about",
}


def _among(place: str, selector: str) -> str:
    """Where nothing was found, as far as the call says it."""
    return (f" in namespace {place}" if place else "") + (f" with labels {selector}" if selector else "")


def _reproduced(runtime: Runtime, incident: str, top: int, *, direct: bool) -> Sequence[Proposal]:
    from chaoskit.cli.show import find_record
    from chaoskit.flows.chaos_engine import AIChaosEngine

    return AIChaosEngine(runtime.world).reproduce(
        find_record(runtime.store, incident), top=top, direct=direct
    )


def _ranked(
    runtime: Runtime,
    place: str,
    predictions: Sequence[PredictionRecord],
    source: Origin,
    selector: str,
    top: int,
    *,
    direct: bool,
) -> Sequence[Proposal]:
    from chaoskit.flows.chaos_engine import AIChaosEngine

    flow = AIChaosEngine(runtime.world)
    kind = cast("Source", source.value)
    return flow.generate(place, predictions, top=top, selector=selector, source=kind, direct=direct)


def _predictions(session: Session, runtime: Runtime, place: str, model: str) -> list[PredictionRecord]:
    """What the model or the rules say now; without a Prometheus, nothing."""
    from chaoskit import topology
    from chaoskit.flows.chaos_engine import AIChaosEngine

    if runtime.metrics is None:
        session.say("! no Prometheus: experiments come from the topology alone")
        return []
    flow, wanted = AIChaosEngine(runtime.world), model or runtime.settings.model
    found: list[PredictionRecord] = []
    with session.listening() as listen:
        for each in [place] if place else topology.inhabited(runtime.cluster, runtime.limits.protected):
            try:
                found += flow.predict(each, model=wanted, listen=listen)
            except CannotStart as error:
                if place:
                    raise
                session.say(f"! {error.message}")
    return found


def _exported(
    session: Session, runtime: Runtime, found: Sequence[Proposal], prometheus: str
) -> dict[int, tuple[Object, ...]]:
    """The manifests of each proposal by its rank; what Litmus does not look at is told."""
    from chaoskit import topology
    from chaoskit.experiments.exporting import export
    from chaoskit.experiments.spec import Experiment

    native = [each for each in found if each.experiment["kind"] == "Experiment"]  # an engine is what it is
    places = {each.experiment["metadata"]["namespace"] for each in native}
    seen = {place: topology.snapshot(runtime.cluster, place) for place in places}
    made: dict[int, tuple[Object, ...]] = {}
    for each in native:
        there = seen[each.experiment["metadata"]["namespace"]]
        exported = export(Experiment.model_validate(each.experiment), there, prometheus=prometheus)
        made[each.rank] = exported.manifests
        if exported.unseen:
            hint = "" if prometheus else "; signals and alerts need --probe-prometheus"
            session.say(f"! {each.name}: Litmus does not look at {', '.join(exported.unseen)}{hint}")
    return made


def _texts(found: Sequence[Proposal], made: Mapping[int, tuple[Object, ...]], *, apart: bool) -> list[str]:
    """Each proposal as YAML; manifests that several need stand only once, unless they are read `apart`."""
    from chaoskit.documents import dump

    texts: list[str] = []
    before: list[Object] = []
    for each in found:
        bodies = [body for body in made.get(each.rank, ()) if apart or body not in before]
        before += bodies
        texts.append(each.head + "---\n".join(map(dump, bodies)) if bodies else each.text)
    return texts


def _paths(folder: Path, found: Sequence[Proposal]) -> list[Path]:
    """Where the file of each lies."""
    names: dict[str, int] = {}
    paths = []
    for each in found:
        names[each.name] = names.get(each.name, 0) + 1
        again = f"-{names[each.name]}" if names[each.name] > 1 else ""
        paths.append(folder / f"{each.name}{again}.yaml")
    return paths


def _report(
    session: Session,
    found: Sequence[Proposal],
    made: Mapping[int, tuple[Object, ...]],
    files: Sequence[Path],
    left: Sequence[Path],
) -> None:
    """What was proposed, as a table or for programs."""
    places: Sequence[Path | None] = files or [None] * len(found)
    document = {
        "experiments": [
            {
                **_plain(each),
                "manifests": list(made.get(each.rank, ())),
                "file": str(file or ""),
                "edited": file in left,
            }
            for each, file in zip(found, places, strict=True)
        ]
    }
    emit(session, "proposals", document, lambda console: table(console, found))
    if files and session.output is Format.TABLE:
        from chaoskit.cli.render import console

        next_step(console(session), f"chaoskit run {shlex.quote(str(files[0]))}")


def table(out: Console, found: Sequence[Proposal]) -> None:
    """A line each; with the namespace, where there are several."""
    places = [str(each.experiment["metadata"].get("namespace", "")) for each in found]
    several = len(set(places)) > 1
    heads = ("rank", "score", "cost", *(("namespace",) if several else ()), "experiment")
    rows = [
        (str(p.rank), f"{p.score:.3f}", str(p.cost or "-"), *((place,) if several else ()), p.reason)
        for p, place in zip(found, places, strict=True)
    ]
    columns(out, heads, rows, wrap=len(heads) - 1)


def _plain(proposal: Proposal) -> dict[str, object]:
    return {
        "rank": proposal.rank,
        "score": proposal.score,
        "because": dict(proposal.because),
        "reason": proposal.reason,
        "target": proposal.target,
        "trace": proposal.trace_id,
        "cost": proposal.cost.document() if proposal.cost is not None else None,
        "experiment": proposal.experiment,
    }
