"""List past runs, recoveries and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer

from chaoskit.cli.render import ago, columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.clusters import called, others, wheres
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
    examples=(
        "chaoskit history",
        "chaoskit history --kind prediction --limit 5 -o json",
        "chaoskit history --weaknesses --fail-above 0 --cluster staging",
    ),
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
        str,
        typer.Option(
            metavar="NAME",
            help="Only of the cluster that records know by that name, uid or address, by whatever name they "
            "know it.",
        ),
    ] = "",
) -> None:
    """List past runs, recoveries and predictions, the newest first; or the weaknesses that are open."""
    kinds = _ALL if kind is Kind.ALL else {kind.value: {}}
    if fail_above is not None and not weaknesses:
        raise typer.BadParameter("--fail-above counts weaknesses: add --weaknesses")
    start = datetime.now(UTC) - timedelta(hours=since) if since else None
    namespace = session.loaded.settings.namespace
    where = {"namespace": namespace} if namespace else {}
    if weaknesses:
        _weaknesses(session, where, cluster, start, fail_above)
        return
    with session.history() as store:
        mine = wheres(*called(store.beneath, cluster)) if cluster else ()
        parts = [
            store.parted(one, where | only, any_of=mine, since=start, limit=limit)
            for one, only in kinds.items()
        ]
        found = [each for known, _ in parts for each in known]
        without = (
            0 if found else sum(len(store.find(one, only, fields=("id",))) for one, only in _ALL.items())
        )
        found.sort(key=lambda each: (each["at"], each["id"]), reverse=True)
        newest = found[:limit]
    asked = (
        where
        | ({"cluster": cluster} if cluster else {})
        | ({} if kind is Kind.ALL else {"kind": kind.value})
        | _lately(since)
    )
    document = {"records": newest, "left_out": sum(number for _, number in parts)}
    emit(session, "history", document, lambda out: _table(out, newest, asked, without))


def _lately(hours: float) -> dict[str, str]:
    return {"the last": f"{hours:g} h"} if hours else {}


def _weaknesses(
    session: Session, where: dict[str, str], cluster: str, start: datetime | None, most: int | None
) -> None:
    """The open weaknesses; ends as `_gated` says where there is a `most`."""
    from chaoskit.reports.weaknesses import judged, open_weaknesses, whereabouts

    with session.history() as store:
        asked = called(store.beneath, cluster) if cluster else ()
        runs, left_out = store.parted("run", where, any_of=wheres(*asked), since=start)
        among = others(store.beneath, runs)
        found = open_weaknesses(runs, among, asked)
        known = judged(runs)
    outcome = Outcome.DONE if most is None else _gated(len(found) > most, known=known, left_out=left_out)
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "weaknesses": [each.document() for each in found],
        "left_out": left_out,
    }

    def table(out: Any) -> None:
        if left_out:
            unread = "1 run is" if left_out == 1 else f"{left_out} runs are"
            out.print(f"not all can be judged: {unread} of a newer chaoskit")
        elif not found:
            out.print("no open weakness" if known else "nothing to judge: no run here was judged")
        if not found:
            return
        placed = len({each.namespace for each in found}) > 1
        times = _times(out, [each.last for each in found])
        on = whereabouts(found, among)
        heads = (
            "last found" if out.is_terminal else "last found (UTC)",
            "times",
            *(["cluster"] if on else []),
            "experiment",
            "fault",
            "targets",
            "run",
            "reason",
        )
        rows = [
            (last, str(each.times), *on[row:row + 1],
             f"{each.namespace}/{each.experiment}" if placed else each.experiment, each.fault,
             ", ".join(each.targets), each.run, each.reason)
            for row, (last, each) in enumerate(zip(times, found, strict=True))
        ]  # fmt: skip
        columns(out, heads, rows)
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
    listed(out, records)
    next_step(out, f"chaoskit show {records[0]['id']} --trace")


def listed(out: Any, records: Sequence[Document]) -> None:
    """A row for each record; on a terminal without what all have or nobody needs."""
    several = len({each["namespace"] for each in records}) > 1
    times = _times(out, [each["at"] for each in records])
    rows: list[tuple[str, ...]] = [
        (at, each["kind"], each["id"], what(each, placed=several), ended(each), why(each))
        for at, each in zip(times, records, strict=True)
    ]
    heads: tuple[str, ...] = (
        "at" if out.is_terminal else "at (UTC)",
        "kind",
        "id",
        "what",
        "outcome",
        "reason",
    )
    if out.is_terminal and len({each["kind"] for each in records}) == 1:
        heads, rows = _without_kind(heads), list(map(_without_kind, rows))
    columns(out, heads, rows)


def _without_kind(row: tuple[str, ...]) -> tuple[str, ...]:
    return (row[0], *row[2:])


def _times(out: Any, at: Sequence[str]) -> list[str]:
    """How long ago, for a person; in a pipe when."""
    now, moments = datetime.now(UTC), [datetime.fromisoformat(each) for each in at]
    if out.is_terminal:
        return [ago(each, now) for each in moments]
    return [f"{each.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for each in moments]


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
