"""A run or recovery in words: what happened, why it ended so, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any

from chaoskit.outcome import Outcome
from chaoskit.ports.store import Document
from chaoskit.reports.cases import Part, cases
from chaoskit.reports.reading import (
    called,
    disturbed,
    hypothesis_of,
    injected_for,
    outcome_of,
    place_of,
    scored,
    span,
    time,
    undo_words,
    whom,
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, why it ended so, and what to do next: sentences, and commands to paste."""

    what: tuple[str, ...]
    why: tuple[str, ...]
    next: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The explanation as JSON."""
        return {"what": list(self.what), "why": list(self.why), "next": list(self.next)}


def explain(record: Document) -> Explanation:
    """The record in words."""
    happened = _run if record["kind"] == "run" else _recovery
    return Explanation(tuple(happened(record)), tuple(_why(record)), tuple(_next(record)))


def _run(run: Document) -> Iterator[str]:
    targets = ", ".join(whom(run)) or "no target that was found"
    when = f"{time(run['at']):%Y-%m-%d %H:%M:%S} UTC"
    fault = run["fault"].replace(",", ", ")
    yield f"{run['name']} was to try {fault} on {targets} in namespace {run['namespace']} ({when})."
    if hypothesis_of(run):
        yield f"It was to show: {hypothesis_of(run)}"
    seconds = injected_for(run)
    unsure = (run.get("evidence") or {}).get("injection")
    if seconds is not None and unsure:
        yield f"The fault may have been there, for {span(seconds)} at most ({unsure})."
    elif seconds is not None:
        yield f"The fault was there for {span(seconds)}."
    elif disturbed(run):
        yield "No injection was announced, but targets changed while it ran."
    else:
        yield "Nothing was injected."
    if run.get("felt") and disturbed(run):
        yield f"No targets, and disturbed too: {', '.join(run['felt'])}."
    changes = (run.get("evidence") or {}).get("changes") or ()
    if changes:
        yield f"Seen on the targets: {'; '.join(changes)}."
    yield f"Undo: {undo_words(run) or 'none needed'}."


def _recovery(recovery: Document) -> Iterator[str]:
    when = f"{time(recovery['at']):%Y-%m-%d %H:%M:%S} UTC"
    yield f"{called(recovery)} in namespace {recovery['namespace']} was to be recovered from ({when})."
    symptoms = [
        f"{each['kind'].replace('-', ' ')} ({each['evidence']})" for each in recovery.get("symptoms") or ()
    ]
    if symptoms:
        yield f"Seen: {'; '.join(symptoms)}."
    steps = recovery.get("steps") or ()
    if steps:
        yield f"Tried, in order: {', then '.join(each['action'].replace('-', ' ') for each in steps)}."
    if recovery.get("seconds_to_recover") is not None:
        yield f"It took {span(recovery['seconds_to_recover'])}."


def _why(record: Document) -> Iterator[str]:
    outcome = outcome_of(record)
    yield f"{outcome.words} (exit {outcome.exit_code}) means: {outcome.row.meaning}."
    yield f"{record['reason']}."
    parts = [part for case in cases(record) for part in case.parts if part.what != "step"]
    for part in parts:
        if part.state in {"failure", "error"}:
            yield f"{_named(part)}: {part.words}."
    if parts:
        yield _held(parts)
    if record.get("score") is not None:
        yield f"The resilience score is {scored(record)}."


def _held(parts: Sequence[Part]) -> str:
    """How many held; what nobody looked at did neither."""
    held, unseen = (sum(part.state == state for part in parts) for state in ("pass", "skipped"))
    if unseen == len(parts):
        return f"None of {len(parts)} probes and conditions was looked at under the fault."
    rest = f", {unseen} not looked at under the fault" if unseen else ""
    return f"{held} of {len(parts)} probes and conditions held{rest}."


def _named(part: Part) -> str:
    return f"{part.what} {part.name}"


_ADVICE: dict[Outcome, tuple[str, ...]] = {
    Outcome.PASSED: (
        "raise the severity, or try what has never been tried: chaoskit generate -n {namespace}",
    ),
    Outcome.WEAKNESS_FOUND: (
        "look at the signals around the fault: chaoskit report {id} --html report.html",
        "mend it, then prove it: {again}",
        "until then it is an open weakness: chaoskit history --weaknesses",
    ),
    Outcome.NO_BASELINE: (
        "find out why it does not hold even without a fault: chaoskit recover -n {namespace} --dry-run",
        "once it holds: {again}",
    ),
    Outcome.REFUSED: ("a guard said no: wait, choose fewer targets, or raise its limit", "then: {again}"),
    Outcome.NOT_BEGUN: ("nothing was done; run it when the others may go on: {again}",),
    Outcome.CANNOT_START: ("see what is missing: chaoskit doctor -n {namespace}", "then: {again}"),
    Outcome.UNDO_UNCONFIRMED: ("finish the undo now: chaoskit rescue", "then look at what is left: {left}"),
    Outcome.TIMED_OUT: (
        "see where the time went: chaoskit show {id}",
        "give it longer: {again} --timeout 30m",
    ),
    Outcome.ERRORED: (
        "see what was there to judge by, logs included: chaoskit show {id}",
        "see whether Litmus and Prometheus answer: chaoskit doctor -n {namespace}",
        "then: {again}",
    ),
    Outcome.BUG: ("report it with the traceback that was named",),
    Outcome.INTERRUPTED: ("everything was undone; again: {again}",),
    Outcome.TERMINATED: ("everything was undone; again: {again}",),
    Outcome.NOT_RECOVERED: (
        "a person must look: chaoskit show {id} --trace",
        "try again as it is now: {again}",
    ),
}


def _next(record: Document) -> Iterator[str]:
    hint = (record.get("evidence") or {}).get("hint")
    if hint:
        yield str(hint)
    known = {
        "id": record["id"],
        "namespace": record["namespace"],
        "again": _again(record),
        "left": ", ".join((record.get("undo") or {}).get("left") or ()) or "see chaoskit show",
    }
    for advice in _ADVICE.get(outcome_of(record), (f"chaoskit show {record['id']} --trace",)):
        yield advice.format(**known)


def _again(record: Document) -> str:
    if record["kind"] == "recovery":
        return f"chaoskit recover --replay {record['id']}"
    place = place_of(record)
    return f"chaoskit run {quote(place[0])}" if place else "run it again"
