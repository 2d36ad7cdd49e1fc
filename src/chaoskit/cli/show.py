"""Show one of them, with its lineage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.history import ended, what, why
from chaoskit.cli.render import clock_time, emit, next_step, outcome_line, told
from chaoskit.cli.session import Session, command, new_app
from chaoskit.cli.stopping import stopping
from chaoskit.errors import ChaoskitError, InvalidInput, NotFound, UnknownName
from chaoskit.outcome import Outcome, outcome_named
from chaoskit.ports.store import Document, Store

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.acts.accounts import Account

app = new_app(__doc__)

_KINDS = ("run", "recovery", "prediction", "label")


@command(
    app,
    examples=(
        "chaoskit show 01jd4r",
        "chaoskit show 01jd4r --trace",
        "chaoskit show 01jd4r --follow",
    ),
)
def show(
    session: Session,
    record: Annotated[
        str, typer.Argument(help="Id of a run, recovery or prediction; its beginning will do.")
    ],
    trace: Annotated[
        bool, typer.Option("--trace", help="All of its lineage: prediction, run, recovery.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Tell its steps until it has ended; exits as the run itself does."),
    ] = False,
) -> None:
    """Show a run, recovery or prediction, and with --trace everything of its lineage."""
    if follow:
        _follow(session, record)
        return
    with session.history() as store:
        found = find_record(store, record)
        lineage = store.find(where={"trace_id": found["trace_id"]}) if trace else (found,)
    ordered = sorted(lineage, key=lambda each: (each["at"], each["id"]))
    emit(session, "trace", {"trace": found["trace_id"], "records": ordered}, lambda out: _all(out, ordered))


def _follow(session: Session, wanted: str) -> None:
    """What another process works on was followed to its end; the exit code is that of its outcome.

    What has ended is told by its Lease as long as that stays, then by the history.

    Raises:
        UnknownName: nothing with that id is or was under way, as far as cluster and history still tell.
        NotFound: it has ended, and neither tells how.
    """
    from chaoskit.acts import accounts, following
    from chaoskit.clock import refuse_when_stopped

    with session.connected() as runtime, session.listening() as listen, stopping() as stop:
        session.tell_of_dead(runtime)
        known = accounts.accounts(runtime.cluster, session.asked_namespace)
        try:
            account = accounts.named(known, wanted)
        except UnknownName as unknown:
            end = kept_end(session, wanted, unknown)
        else:
            ended = following.follow(runtime.cluster, runtime.clock, account, listen, stop=stop)
            refuse_when_stopped(stop)
            end = end_of(ended) if ended.outcome else kept_end(session, ended.id, _untold(ended))
    outcome = outcome_named(end.outcome)
    document = {"id": end.id, "name": end.name, "outcome": outcome.value, "reason": end.reason}
    emit(session, "followed", document, lambda out: _ended(out, end, outcome))
    raise typer.Exit(outcome.exit_code)


def _untold(ended: Account) -> NotFound:
    return NotFound(
        f"{ended.act} {ended.id} has ended, and the cluster does not tell how",
        hint=f"chaoskit show {ended.id}, where its history is kept",
    )


@dataclass(frozen=True, slots=True)
class End:
    """How a run or recovery ended that is under way no more; `outcome` as it was written."""

    what: str
    id: str
    name: str
    outcome: str
    reason: str


def end_of(account: Account) -> End:
    """As its Lease tells it."""
    what = "recovery" if account.act == "recovery" else "run"
    return End(what, account.id, account.name, account.outcome, account.reason)


def kept_end(session: Session, wanted: str, otherwise: ChaoskitError) -> End:
    """As the history tells it.

    Raises:
        ChaoskitError: what is to be said `otherwise`, where it has no such run or recovery.
        InvalidInput: a flag names a store that does not exist: reading makes none.
        CannotStart: the store does not answer, or a newer chaoskit has kept it.
    """
    try:
        with session.history() as store:
            found = find_record(store, wanted, ("run", "recovery"))
    except UnknownName:
        raise otherwise from None
    name = found["name"] if found["kind"] == "run" else found["issue"]
    return End(found["kind"], found["id"], name, found["outcome"], found["reason"])


def _ended(out: Console, end: End, outcome: Outcome) -> None:
    outcome_line(out, outcome.words, outcome.exit_code, f"{end.what} {end.id}  {end.name}")
    if end.reason:
        out.print(f"  {end.reason}")


def find_record(store: Store, wanted: str, kinds: Sequence[str] = _KINDS) -> Document:
    """The kept document with that id, of whichever of these kinds.

    Raises:
        UnknownName: there is none, or the beginning is not enough to tell it.
    """
    if not wanted:
        raise InvalidInput("an empty id names nothing", hint="chaoskit history lists what is kept")
    for kind in kinds:
        try:
            return store.get(kind, wanted)
        except UnknownName as error:
            if "more than one" in error.message:
                raise
    raise UnknownName(f"there is no record {wanted}", hint="chaoskit history lists what is kept")


def _all(out: Console, records: list[Document]) -> None:
    for each in records:
        _one(out, each)
    kinds = {each["kind"] for each in records}
    if kinds & {"run", "recovery"}:
        newest = next(each for each in reversed(records) if each["kind"] in {"run", "recovery"})
        next_step(out, f"chaoskit report {newest['id']} --html report.html")


def _one(out: Console, document: Document) -> None:
    title = f"{document['kind']} {document['id']}  {what(document)}  (namespace {document['namespace']})"
    if "outcome" in document:
        outcome = Outcome(document["outcome"])
        outcome_line(out, outcome.words, outcome.exit_code, title)
    else:
        out.print(f"{ended(document)}  {title}")
    at = datetime.fromisoformat(document["at"])
    out.print(f"  {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  trace {document['trace_id']}", style="dim")
    if why(document):
        told(out, "  ", why(document))
    _facts(out, document)
    for moment in document.get("timeline") or ():
        since = (datetime.fromisoformat(moment["at"]) - at).total_seconds()
        lead = f"  {clock_time(since):>5}  {moment['mark']:<7} {moment['name']:<18} "
        told(out, lead, moment["detail"])


def _facts(out: Console, document: Document) -> None:
    from chaoskit.reports.reading import broken_words, recovered_words, scored

    facts: dict[str, Any] = {
        "targets": ", ".join(document.get("targets") or ()),
        "undo": _undo(document.get("undo") or {}),
        "score": scored(document) if document["kind"] == "run" else "",
        "broken for": broken_words(document),
        "recovered in": recovered_words(document),
        "model": document.get("model", ""),
    }
    for name, value in facts.items():
        if value:
            told(out, f"  {name:<13} ", str(value))


def _undo(undo: dict[str, Any]) -> str:
    left = ", ".join(undo.get("left") or ())
    return f"{undo.get('state', '')}{': ' + left if left else ''}"
