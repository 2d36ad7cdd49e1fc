"""List past runs, recoveries and predictions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document

app = new_app(__doc__)


class Kind(StrEnum):
    """What the history keeps."""

    ALL = "all"
    RUN = "run"
    RECOVERY = "recovery"
    PREDICTION = "prediction"


_ALL: dict[str, dict[str, Any]] = {"run": {}, "recovery": {}, "prediction": {"alarmed": True}}
"""What is shown of each kind. A look predicts for every workload: the quiet ones would hide all others."""


@command(
    app,
    places=("namespace", "store"),
    epilog="Examples: chaoskit history; chaoskit history --kind prediction --limit 5 -o json; "
    "chaoskit history --weaknesses --fail-above 0 --cluster staging",
)
def history(
    session: Session,
    kind: Annotated[
        Kind, typer.Option(help="Only records of this kind; of predictions, all shows only alarms.")
    ] = Kind.ALL,
    since: Annotated[float, typer.Option(min=0, help="Only the last so many hours; 0: all.")] = 0.0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    weaknesses: Annotated[
        bool, typer.Option("--weaknesses", help="Weaknesses that were found and not passed since.")
    ] = False,
    fail_above: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="With --weaknesses: end with 1 when there are more than so many, 4 without a judged run, "
            "or with one of a newer chaoskit.",
        ),
    ] = None,
    cluster: Annotated[
        str, typer.Option(metavar="NAME", help="Only of the cluster of that name, as records tell it.")
    ] = "",
) -> None:
    """List past runs, recoveries and predictions, the newest first; or the weaknesses that are open."""
    kinds = _ALL if kind is Kind.ALL else {kind.value: {}}
    if fail_above is not None and not weaknesses:
        raise typer.BadParameter("--fail-above counts weaknesses: add --weaknesses")
    start = datetime.now(UTC) - timedelta(hours=since) if since else None
    wanted = {"namespace": session.loaded.settings.namespace, "cluster": cluster}
    where = {name: value for name, value in wanted.items() if value}
    if weaknesses:
        _weaknesses(session, where, start, fail_above)
        return
    with session.history() as store:
        found = [
            each
            for one, only in kinds.items()
            for each in store.find(one, where | only, since=start, limit=limit)
        ]
        left_out = len(store.left_out)
        without = (
            0 if found else sum(len(store.find(one, only, fields=("id",))) for one, only in _ALL.items())
        )
    found.sort(key=lambda each: (each["at"], each["id"]), reverse=True)
    newest = found[:limit]
    asked = where | ({} if kind is Kind.ALL else {"kind": kind.value}) | _lately(since)
    document = {"records": newest, "left_out": left_out}
    emit(session, "history", document, lambda out: _table(out, newest, asked, without))


def _lately(hours: float) -> dict[str, str]:
    return {"the last": f"{hours:g} h"} if hours else {}


def _weaknesses(session: Session, where: dict[str, str], start: datetime | None, most: int | None) -> None:
    """The open weaknesses; ends as `_gated` says where there is a `most`."""
    from chaoskit.reports.weaknesses import judged, open_weaknesses

    with session.history() as store:
        runs = store.find("run", where, since=start)
        left_out = len(store.left_out)
    found, known = open_weaknesses(runs), judged(runs)
    outcome = Outcome.DONE if most is None else _gated(len(found) > most, known=known, left_out=left_out)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "weaknesses": [each.document() for each in found],
        "left_out": left_out,
    }

    def table(out: Any) -> None:
        if left_out:
            runs = "1 run is" if left_out == 1 else f"{left_out} runs are"
            out.print(f"not all can be judged: {runs} of a newer chaoskit")
        elif not found:
            out.print("no open weakness" if known else "nothing to judge: no run here was judged")
        if not found:
            return
        placed = len({each.namespace for each in found}) > 1
        heads = ("last found", "times", "experiment", "fault", "targets", "run", "reason")
        rows = [
            (each.last[:19].replace("T", " "), str(each.times),
             f"{each.namespace}/{each.experiment}" if placed else each.experiment, each.fault,
             ", ".join(each.targets), each.run, each.reason)
            for each in found
        ]  # fmt: skip
        columns(out, heads, rows, wrap=6)
        next_step(out, f"chaoskit explain {found[0].run}")

    emit(session, "weaknesses", document, table)
    raise typer.Exit(outcome.exit_code)


def _gated(too_many: bool, *, known: bool, left_out: int) -> Outcome:
    """How a gate ends: what was not read may be one weakness more, so that none passes."""
    if too_many:
        return Outcome.WEAKNESS_FOUND
    return Outcome.BELOW_THRESHOLD if known and not left_out else Outcome.CANNOT_START


def _table(out: Any, records: list[Document], asked: dict[str, str], without: int) -> None:
    """The records; where nothing is as it was `asked` for, how many there are `without` that."""
    if not records:
        named = ", ".join(f"{name} {value}" for name, value in asked.items())
        there = "there is 1" if without == 1 else f"there are {without}"
        out.print(f"nothing of {named}; without that {there}" if asked and without else "nothing yet")
        next_step(out, "chaoskit history" if without else "chaoskit demo", but=("namespace",))
        return
    several = len({each["namespace"] for each in records}) > 1
    rows = [
        (_time(each), each["kind"], each["id"], what(each, placed=several), ended(each), why(each))
        for each in records
    ]
    columns(out, ("at", "kind", "id", "what", "outcome", "reason"), rows, wrap=5)
    next_step(out, f"chaoskit show {records[0]['id']} --trace")


def _time(document: Document) -> str:
    return datetime.fromisoformat(document["at"]).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def what(document: Document, *, placed: bool = False) -> str:
    """What a record is about: the fault and experiment, or the issue and its target; `placed`, where, too."""
    place = f"{document['namespace']}/" if placed else ""
    if document["kind"] == "run":
        return f"{document['fault']} {place}{document['name']}"
    return f"{document['issue'] or 'failure'} {place}{document['target']}".strip()


def ended(document: Document) -> str:
    """The outcome in words; of a prediction, its probability."""
    if "outcome" in document:
        return Outcome(document["outcome"]).words
    probability = document.get("probability")
    return "rules" if probability is None else f"{probability:.0%}".replace("%", " %")


def why(document: Document) -> str:
    """The reason or reasons, in words."""
    return str(document.get("reason") or "; ".join(document.get("reasons") or ()))
