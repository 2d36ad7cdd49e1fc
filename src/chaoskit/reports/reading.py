"""What every report says of a kept record in the same words: outcome, title, place, seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chaoskit.outcome import Outcome, gravest
from chaoskit.ports.store import Document

JUDGED = ("run", "recovery")
"""Kinds of records that ended with an outcome."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report is made of: records as JSON and, where a command ended in one, its error as JSON.

    `outcome` is what the command ends with where that is another than the gravest of these; `score` is
    the resilience score of all runs together.
    """

    records: tuple[Document, ...]
    error: Mapping[str, Any] | None = None
    outcome: Outcome | None = None
    score: float | None = None

    @property
    def judged(self) -> tuple[Document, ...]:
        """The runs and recoveries, oldest first."""
        return tuple(each for each in in_order(self.records) if each["kind"] in JUDGED)

    @property
    def placed(self) -> bool:
        """Whether names are told with their namespaces: one alone does not tell whose it is."""
        return several_places(self.judged)

    @property
    def verdict(self) -> Outcome:
        """What all of it ends with."""
        if self.outcome is not None:
            return self.outcome
        ends = [outcome_of(each) for each in self.judged]
        return gravest(ends + ([Outcome(self.error["outcome"])] if self.error else []))


def in_order(records: Iterable[Document]) -> list[Document]:
    """The records, oldest first."""
    return sorted(records, key=lambda each: (each["at"], each["id"]))


def outcome_of(document: Document) -> Outcome:
    """How the run or recovery ended."""
    return Outcome(document["outcome"])


def called(document: Document, *, placed: bool = False) -> str:
    """What a person calls it: the experiment's name, or the issue and its target; `placed`, where, too."""
    place = f"{document['namespace']}/" if placed else ""
    if document["kind"] == "run":
        return f"{place}{document['name']}"
    return f"{(document.get('issue') or 'failure').replace('-', ' ')} of {place}{document['target']}"


def several_places(documents: Iterable[Document]) -> bool:
    """Whether they are of several namespaces."""
    return len({each["namespace"] for each in documents}) > 1


def whom(document: Document) -> tuple[str, ...]:
    """The targets."""
    return tuple(document.get("targets") or ()) or tuple(filter(None, [document.get("target")]))


def hypothesis_of(document: Document) -> str:
    """What the experiment was to show, "" where nobody said."""
    spec = (document.get("experiment") or {}).get("spec") or {}
    return str(spec.get("hypothesis") or "")


def place_of(document: Document) -> tuple[str, int] | None:
    """File and line of the experiment's document; None where it came from elsewhere."""
    path = str(document.get("path") or "")
    return (path, max(1, int(document.get("line") or 1))) if path not in {"", "stdin"} else None


def time(text: str) -> datetime:
    """The moment that an ISO text names, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def moment(document: Document, field: str) -> datetime | None:
    """The moment in that field, or None."""
    return time(document[field]) if document.get(field) else None


def lasted(document: Document) -> float:
    """Seconds from its begin to its end."""
    return max(0.0, (time(document["ended_at"]) - time(document["at"])).total_seconds())


def injected_for(document: Document) -> float | None:
    """Seconds that the fault lasted; None where none was injected."""
    start, end = moment(document, "injected_at"), moment(document, "injected_until")
    return None if start is None else max(0.0, ((end or time(document["ended_at"])) - start).total_seconds())


def disturbed(document: Document) -> bool:
    """Whether an injection was announced or seen on a target."""
    return bool(document.get("injected_at") or (document.get("evidence") or {}).get("changes"))


def undo_words(document: Document) -> str:
    """``confirmed``, or ``not confirmed: what is left``."""
    undo = document.get("undo") or {}
    return ": ".join(filter(None, (str(undo.get("state") or ""), ", ".join(undo.get("left") or ()))))


def facts(document: Document) -> Mapping[str, str]:
    """What is to be known of a run or recovery at a glance, by name; what there is not is left out."""
    place, fault = place_of(document), injected_for(document)
    litmus = document.get("litmus") or {}
    found = {
        "fault": document.get("fault", "").replace(",", ", "),
        "targets": ", ".join(whom(document)),
        "namespace": document["namespace"],
        "cluster": document.get("cluster", ""),
        "score": scored(document),
        "broken for": broken_words(document),
        "recovered in": recovered_words(document),
        "undo": undo_words(document),
        "time": f"{time(document['at']):%Y-%m-%d %H:%M:%S} UTC, {span(lasted(document))}"
        + (f", {span(fault)} of fault" if fault is not None else ""),
        "document": f"{place[0]}:{place[1]}" if place else "",
        "engine": " ".join(filter(None, (litmus.get("engine"), litmus.get("uid")))),
        "versions": ", ".join(
            f"{name} {version}" for name, version in (document.get("versions") or {}).items()
        ),
        "id": document["id"],
    }
    return {name: text for name, text in found.items() if text}


def score_words(score: float | None) -> str:
    """``66.66``, ``100``; "" where there is none."""
    return "" if score is None else f"{score:g}"


def scored(document: Document) -> str:
    """``66.66 of 100``, and that nothing was looked at where that is so; "" where there is no score."""
    words = score_words(document.get("score"))
    return words and f"{words} of 100" + ("" if looked(document) else f" ({UNLOOKED})")


UNLOOKED = "nothing was looked at"


def looked(run: Document) -> bool:
    """Whether a probe or a condition told about the run: without one, a pass says only that it took place."""
    return bool((run.get("litmus") or {}).get("probes") or run.get("steady_state"))


def recovered_words(document: Document) -> str:
    """How long it took once the fault was over, ``41 s``, or that it took none; "" where it is not known."""
    seconds = document.get("seconds_to_recover")
    if seconds is None:
        return ""
    if seconds or document["kind"] != "run":
        return span(seconds)
    return "0 s, back under the fault" if document.get("seconds_broken") else "0 s, nothing broke"


def broken_words(document: Document) -> str:
    """How long the steady state did not hold, ``1 min 5 s``; "" where it always did or nobody knows."""
    seconds = document.get("seconds_broken")
    return span(seconds) if seconds else ""


def span(seconds: float) -> str:
    """``0.8 s``, ``41 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 2:
        return f"{60 * minutes + rest} s"
    hours, left = divmod(minutes, 60)
    parts = ((hours, "h"), (left, "min")) if hours >= 2 else ((minutes, "min"), (rest, "s"))
    return " ".join(f"{amount} {unit}" for amount, unit in parts if amount)


def since(at: datetime, start: datetime) -> str:
    """``1:04`` of 64 seconds after `start`, ``-0:30`` before it."""
    seconds = int(abs((at - start).total_seconds()))
    sign = "-" if at < start and seconds else ""
    return f"{sign}{seconds // 60}:{seconds % 60:02d}"


def counted(number: int, what: str) -> str:
    """``1 run``, ``3 runs``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
