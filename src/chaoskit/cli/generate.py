"""Write ranked experiments for what is likely to break."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaoskit.experiments.generation import Proposal
    from chaoskit.flows.chaos_engine import AIChaosEngine
    from chaoskit.records import PredictionRecord
    from chaoskit.runtime import Runtime

app = new_app(__doc__)

_SOURCES = ("predictions", "topology")


@command(
    app,
    epilog="Examples: chaoskit generate -n shop --top 3 --out experiments; "
    "chaoskit generate --source topology",
)
def generate(
    session: Session,
    source: Annotated[
        str, typer.Option(help="predictions (made now, topology beside them) or topology alone.")
    ] = "predictions",
    top: Annotated[int, typer.Option(min=1, max=100, help="So many, the most worth doing.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write one file each into; stdout otherwise.")
    ] = None,
    model: Annotated[str, typer.Option(help="Ask this model instead of the promoted one.")] = "",
) -> None:
    """Rank experiments by probability, impact and what was not tested lately; each with its reason."""
    from chaoskit.flows.chaos_engine import AIChaosEngine

    if source not in _SOURCES:
        raise InvalidInput(f"--source {source} is none of {', '.join(_SOURCES)}")
    with session.connected() as runtime:
        flow = AIChaosEngine(runtime.world)
        predictions = _predictions(session, runtime, flow, model) if source == "predictions" else ()
        found = flow.generate(runtime.namespace, predictions, top=top)
    files = _written(out, found) if out else []
    if not out and session.output is Format.TABLE:
        sys.stdout.write("---\n".join(each.text for each in found))
        return
    document = {
        "experiments": [
            {**_plain(p), "file": f} for p, f in zip(found, files or [""] * len(found), strict=True)
        ]
    }
    rows = [(str(p.rank), f"{p.score:.2f}", p.reason) for p in found]

    emit(
        session,
        "proposals",
        document,
        lambda console: columns(console, ("rank", "score", "experiment"), rows, wrap=2),
    )
    if files and session.output is Format.TABLE:
        from chaoskit.cli.render import console

        next_step(console(session), f"chaoskit run {files[0]}")


def _predictions(
    session: Session, runtime: Runtime, flow: AIChaosEngine, model: str
) -> Sequence[PredictionRecord]:
    """What the model or the rules say now; without a Prometheus, nothing."""
    if runtime.metrics is None:
        session.say("! no Prometheus: experiments come from the topology alone")
        return ()
    with session.listening() as listen:
        return flow.predict(runtime.namespace, model=model or runtime.settings.model, listen=listen)


def _written(folder: Path, found: Sequence[Proposal]) -> list[str]:
    """One file each; their paths."""
    from chaoskit.cli.writing import write

    paths = [folder / f"{each.experiment['metadata']['name']}.yaml" for each in found]
    for path, each in zip(paths, found, strict=True):
        write(path, each.text.encode())
    return [str(path) for path in paths]


def _plain(proposal: Proposal) -> dict[str, object]:
    return {
        "rank": proposal.rank,
        "score": proposal.score,
        "reason": proposal.reason,
        "target": proposal.target,
        "trace": proposal.trace_id,
        "experiment": proposal.experiment,
    }
