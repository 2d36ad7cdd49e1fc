"""Judges a run from what was seen: Litmus' verdict and probes, our steady state, the undo."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaoskit.errors import ChaoskitError, Conflict, Refused
from chaoskit.experiments.litmus import probes_of
from chaoskit.experiments.terminal import SETTLED, Ending, Observed, injected_of, marked_of
from chaoskit.outcome import Outcome, gravest, of_error
from chaoskit.records import Undo
from chaoskit.steadystate.gaps import dark
from chaoskit.steadystate.looks import Observation

UNPROBED = "; Litmus looked at no probe"
"""What Litmus' own verdict knows of a steady state where no probe says what is one: nothing."""

FILLS = "disk-fill"
"""Litmus' fault that is announced before it is known whether there is anything to fill; if not, it passes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome and why, in one sentence; `hint` is the next step."""

    outcome: Outcome
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A Litmus probe after the run: when it was to hold and what became of it."""

    name: str
    mode: str
    verdict: str
    description: str
    stops: bool


def probes(experiment: Mapping[str, Any], result: Mapping[str, Any] | None) -> tuple[Probe, ...]:
    """The probes of one experiment with their verdicts; those never looked at are ``Awaited``."""
    told = {each["name"]: each for each in ((result or {}).get("status") or {}).get("probeStatuses") or ()}
    made = []
    for spec in probes_of(experiment):
        name = str(spec.get("name", ""))
        state = told.get(name, {}).get("status") or {}
        stops = bool((spec.get("runProperties") or {}).get("stopOnFailure"))
        verdict, description = str(state.get("verdict") or "Awaited"), str(state.get("description") or "")
        made.append(Probe(name, str(spec.get("mode", "")), verdict, description, stops))
    return tuple(made)


def of_litmus(
    experiments: Iterable[Mapping[str, Any]],
    observed: Observed,
    ending: Ending,
    *,
    affected: bool = False,
    unprobed: str = UNPROBED,
) -> Judged:
    """What the engine's end means, gravest experiment first.

    `affected`: targets were seen to change; `unprobed` ends the reason of a pass for which there is no probe.
    """

    def of(each: Mapping[str, Any]) -> Judged:
        return _of_experiment(each, observed, ending, affected=affected, unprobed=unprobed)

    if ending.how == "cannot-start":
        stuck = Judged(_unjudged(observed.injected or affected), ending.reason, ending.hint)
        settled = [each for each in experiments if observed.verdict(each["name"]) in SETTLED]
        return the_gravest([*map(of, settled), stuck])
    return the_gravest([of(each) for each in experiments])


def the_gravest(judged: Sequence[Judged]) -> Judged:
    """The first of the gravest outcome."""
    worst = gravest(each.outcome for each in judged)
    return next((each for each in judged if each.outcome is worst), Judged(worst, "nothing was run"))


def _unjudged(disturbed: bool) -> Outcome:
    """What cannot be judged: an error after an injection, otherwise it never started."""
    return Outcome.ERRORED if disturbed else Outcome.CANNOT_START


def _of_experiment(
    experiment: Mapping[str, Any], observed: Observed, ending: Ending, *, affected: bool, unprobed: str
) -> Judged:
    name = experiment["name"]
    result = observed.result(name)
    injected = injected_of(observed, name)
    disturbed = injected or affected
    held = probes(experiment, result)
    match observed.verdict(name):
        case "Pass":
            if name == FILLS and injected and not affected and not marked_of(observed, name):
                return _UNFILLED
            what = " and every probe held" if held else unprobed
            return _passed(name, what, injected=injected, affected=affected)
        case "Fail":
            return _failed(name, held, observed, injected=disturbed)
        case "Stopped" if any(each.stops and each.verdict == "Failed" for each in held):
            return _failed(name, held, observed, injected=disturbed)
        case "Error":
            return Judged(_unjudged(disturbed), f"{name}: {error_of(result)}")
        case _:
            return _unsettled(name, observed, ending, injected=disturbed)


_UNFILLED = Judged(
    Outcome.ERRORED,
    f"{FILLS}: Litmus says Pass, but marked no target as injected: there was nothing left to fill",
    "its helper's log is in the evidence: FILL_PERCENTAGE or EPHEMERAL_STORAGE_MEBIBYTES is used up already",
)


def held_words(*, steady: bool) -> str:
    """The end of a passed run's reason: the steady state that was declared has held, or none was."""
    return ", and the steady state held" if steady else "; there was no steady state to hold"


def _passed(name: str, what: str, *, injected: bool, affected: bool) -> Judged:
    if injected:
        return Judged(Outcome.PASSED, f"{name} was injected{what}")
    if affected:
        return Judged(Outcome.PASSED, f"{name} hit its targets{what}")
    reason = f"{name}: Litmus says Pass, but no injection and no effect on the targets was seen"
    return Judged(
        Outcome.ERRORED, reason, "a fault without an observed effect proves nothing: see its parameters"
    )


def _failed(name: str, held: Sequence[Probe], observed: Observed, *, injected: bool) -> Judged:
    failed = [each for each in held if each.verdict == "Failed"]
    unready = any("Unsuccessful" in message for message in observed.checked.values())
    early = [p for p in failed if p.mode == "SOT" or (p.mode == "Edge" and unready)]
    if early:
        after = "; Litmus injected the fault all the same" if injected else "; nothing was injected"
        return Judged(Outcome.NO_BASELINE, f"{_told(early[0])} before the fault{after}")
    if not injected:
        told = _told(failed[0]) if failed else "Litmus says Fail"
        return Judged(Outcome.ERRORED, f"{name}: {told}, but no injection was seen")
    told = "; ".join(map(_told, failed)) or f"{name}: Litmus says Fail"
    if failed and all(each.mode == "Edge" and not each.stops for each in failed):
        reason = f"{told}: before the fault or after it, Litmus does not say"
        return Judged(Outcome.ERRORED, reason, "stopOnFailure: true of that probe tells them apart")
    return Judged(Outcome.WEAKNESS_FOUND, told)


def _told(probe: Probe) -> str:
    why = f": {probe.description}" if probe.description else ""
    return f"probe {probe.name} ({probe.mode}) did not hold{why}"


def _unsettled(name: str, observed: Observed, ending: Ending, *, injected: bool) -> Judged:
    outcome = _unjudged(injected)
    if ending.how in {"stopped", "deleted", "settled"}:
        after = "" if outcome is Outcome.ERRORED else " before anything was injected"
        reason = ending.reason or f"engine {observed.name} was stopped"
        return Judged(outcome, f"{reason} by another hand{after}")
    hint = "see the pods' logs in the evidence; often the service account lacks rights"
    return Judged(outcome, f"{name}: {ending.reason}", hint)


def error_of(result: Mapping[str, Any] | None) -> str:
    """What Litmus says went wrong: code and reason, 2.x and 3.x spellings."""
    inner = ((result or {}).get("status") or {}).get("experimentStatus") or {}
    output = inner.get("errorOutput") or inner.get("failureOutput") or {}
    code = output.get("errorCode") or ""
    reason = _reason(str(output.get("reason") or output.get("failedStep") or inner.get("failStep") or ""))
    return f"{code} {reason}".strip() or "Litmus reports an error without a reason"


def _reason(text: str) -> str:
    """The reason out of litmus-go's JSON in a string: one object, or several in a list."""
    try:
        inner = json.loads(text)
    except ValueError:
        return text
    entries = inner if isinstance(inner, list) else [inner]
    return "; ".join(
        str(each.get("reason", each)) if isinstance(each, dict) else str(each) for each in entries
    )


def of_trouble(error: ChaoskitError, *, late: bool) -> Judged:
    """An error as an outcome: `late`, after an injection, nothing is refused or never started any more."""
    outcome = of_error(error)
    if late and outcome in {Outcome.CANNOT_START, Outcome.REFUSED, Outcome.INVALID_INPUT}:
        outcome = Outcome.ERRORED
    if isinstance(error, Conflict) and not late:
        outcome = Outcome.CANNOT_START
    until = f" (until {error.until})" if isinstance(error, Refused) and error.until else ""
    return Judged(outcome, error.message + until, error.hint)


def of_baseline(before: Iterable[Observation]) -> Judged | None:
    """What the steady state before the fault forbids: 8 when it is broken or cannot be known; else None."""
    bad = [each for each in before if each.held is not True]
    if not bad:
        return None
    state = "is not there" if bad[0].held is False else "cannot be known"
    return Judged(Outcome.NO_BASELINE, f"the steady state {state}: {bad[0].words()}; nothing was injected")


def of_steady_state(seen: Sequence[Observation], *, injected: bool) -> Judged | None:
    """What our own conditions say about the time during and after the fault; None when all held.

    What was seen while it was tolerated says nothing here: it tells since when something was broken. What
    broke astride of the injection leaves open why, unless it was looked at under the fault as well.
    """
    astride = [each for each in seen if each.astride and each.held is False]
    seen = [each for each in seen if not each.tolerated]
    early = [each for each in seen if each.stage == "during" and not each.injected]
    during = [each for each in seen if each.stage == "during" and each.injected]
    unsteady = [each for each in early if each.held is False]
    broken = [each for each in during if each.held is False]
    last = _last_looks(each for each in seen if each.stage in {"after", "after undo"})
    lost = [each for each in last if each.held is False]
    if unsteady:
        after = "; Litmus injected the fault all the same" if injected else ""
        return Judged(Outcome.NO_BASELINE, f"{unsteady[0].words()} before anything was injected{after}")
    if broken:
        return Judged(Outcome.WEAKNESS_FOUND, f"{broken[0].words()} under the fault")
    if lost and injected:
        return Judged(Outcome.WEAKNESS_FOUND, f"{lost[0].words()} after the fault")
    open_ = [each for each in astride if all(each.condition is not other.condition for other in during)]
    if open_ and injected:
        reason = f"{open_[0].words()} when the fault was injected: before it or by it is not known"
        return Judged(Outcome.ERRORED, reason)
    unknown = [*_dark(during), *(each for each in last if each.held is None)]
    if unknown and injected:
        return Judged(Outcome.ERRORED, f"the steady state cannot be known: {unknown[0].words()}")
    return None


def of_abort() -> Judged:
    """What a run comes to that was aborted, when no look that could be judged was broken."""
    reason = "aborted: the steady state broke when the fault was injected, but was not seen to break under it"
    return Judged(Outcome.ERRORED, reason)


def _last_looks(looks: Iterable[Observation]) -> tuple[Observation, ...]:
    """The last of each condition and stage: the earlier ones were within its time to recover."""
    return tuple({(id(each.condition), each.stage): each for each in looks}.values())


def _dark(looks: Sequence[Observation]) -> tuple[Observation, ...]:
    """The first look of each condition's first dark stretch; what was missed may have been known later."""
    found: list[Observation] = []
    for condition in {id(each.condition): each.condition for each in looks}.values():
        mine = sorted((each for each in looks if each.condition is condition), key=lambda each: each.look.at)
        first = dark([each.held for each in mine], [each.look.late for each in mine])
        found += [] if first is None else [mine[first]]
    return tuple(found)


def final(judgements: Iterable[Judged], undo: Undo, unshown: Sequence[str] = ()) -> Judged:
    """The gravest of all judgements; an undo that is not confirmed goes before everything.

    What else was not good news is in its reason: a weakness is not lost because something graver came after.
    So is what metrics may not have shown yet (`unshown`) where nothing speaks against a pass.
    """
    found = list(judgements)
    if undo.left:
        reason = "the undo is not confirmed: " + "; ".join(undo.left)
        found.append(Judged(Outcome.UNDO_UNCONFIRMED, reason, "chaoskit rescue"))
    worst = the_gravest(found)
    others = dict.fromkeys(f"{each.outcome.words}: {each.reason}" for each in found if _adds(each, worst))
    doubts = unshown if worst.outcome is Outcome.PASSED else ()
    return replace(worst, reason="; ".join((worst.reason, *others, *(f"but {each}" for each in doubts))))


def beside(judged: Judged, near: Sequence[str]) -> Judged:
    """The weakness says who else was at work where it was found, if anybody was."""
    if not near:
        return judged
    told = "; ".join(near)
    return replace(judged, reason=f"{judged.reason}; meanwhile {told}: whose fault it was is not known")


def _adds(judged: Judged, worst: Judged) -> bool:
    return judged.outcome.exit_code != 0 and judged.reason != worst.reason


def once_undone(judgements: Iterable[Judged], undo: Undo) -> Outcome:
    """What the run ends with when somebody else has done what is left of its undo.

    A weakness stays one; but what only passed cannot be known without the looks after the undo.
    """
    outcome = the_gravest(list(judgements)).outcome
    return Outcome.UNDO_UNCONFIRMED if undo.left and outcome.exit_code == 0 else outcome
