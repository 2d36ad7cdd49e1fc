"""Look at the signals in Prometheus, and write the rules that record them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit import documents
from chaoskit.cli.render import columns, emit, next_step, told
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.cli.writing import write
from chaoskit.errors import CannotStart, InvalidInput
from chaoskit.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from chaoskit.signals.lint import Finding

app = new_app(__doc__, no_args_is_help=True)

_MARKS = {"recorded": "✔ recorded", "raw": "✔ raw", "absent": "! absent", "refused": "✖ refused"}


@command(
    app,
    examples=(
        "chaoskit monitor lint -n shop",
        "chaoskit monitor lint --explain edge_gap",
        "chaoskit monitor lint -o json",
    ),
)
def lint(
    session: Session,
    explain: Annotated[str, typer.Option(help="Tell all about this signal.", metavar="SIGNAL")] = "",
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 when an ability is lost or a signal has a problem.")
    ] = False,
) -> None:
    """Tell which signals Prometheus has, how often, of how many things, and what is lost without the others.

    In the namespace of -n, or in all. Ends with 4 when there is no signal at all; those of nodes are of none.
    """
    from chaoskit import signals
    from chaoskit.signals.lint import lint as look

    wanted = (_named(explain),) if explain else signals.known()
    with session.connected() as runtime:
        if runtime.metrics is None:
            raise CannotStart("there is no Prometheus to look at", hint="give its address: --prometheus URL")
        found = tuple(look(runtime.metrics, signals.known() if explain else wanted, session.asked_namespace))
    shown = [each for each in found if each.signal in wanted]
    outcome = _outcome(found, session.asked_namespace, strict=strict)
    if session.asked_namespace and outcome is Outcome.CANNOT_START:
        session.say(f"! no signal has a sample of namespace {session.asked_namespace}")
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "signals": [_document(each) for each in shown],
        "lost": _lost(found),
    }
    emit(
        session, "signals", document, lambda out: _explained(out, shown[0]) if explain else _table(out, found)
    )
    raise typer.Exit(outcome.exit_code)


@command(
    app,
    examples=(
        "chaoskit monitor rules --out chaoskit-rules.yaml",
        "chaoskit monitor rules --operator -n monitoring --out rules.yaml",
    ),
)
def rules(
    session: Session,
    out: Annotated[Path | None, typer.Option(help="Write them there instead of to stdout.")] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="As a PrometheusRule for Prometheus' operator.")
    ] = False,
    scraped: Annotated[
        str, typer.Option(help="Time between two scrapes, when it is longer than 15s.", metavar="TIME")
    ] = "15s",
) -> None:
    """Write recording rules for every signal, your own included; needs no cluster."""
    from chaoskit import signals
    from chaoskit.signals.rules import groups, manifest

    content: dict[str, Any] = groups(signals.known(), scraped=_whole_seconds(scraped))
    if operator:
        content = manifest(content, name="chaoskit", namespace=session.asked_namespace)
    text = documents.dump(content)
    if out is None and session.output is Format.JSON:
        emit(session, "rules", content, lambda _: None)
    elif out is None:
        sys.stdout.write(text)
    else:
        write(out, text.encode())
        session.say(f"rules for {len(signals.known())} signals  {out}")


def _named(name: str) -> Any:
    from chaoskit.signals import KNOWN

    if name not in KNOWN:
        raise InvalidInput(
            f"there is no signal {name}", hint=documents.closest(name, KNOWN) or "chaoskit monitor lint"
        )
    return KNOWN[name]


def _whole_seconds(text: str) -> int:
    try:
        found = documents.seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not {error}") from error
    if found != int(found) or not 1 <= found <= 300:
        raise typer.BadParameter(f"{text!r} is no time of whole seconds from 1s to 5m")
    return int(found)


def _outcome(found: Sequence[Finding], namespace: str, *, strict: bool) -> Outcome:
    """What nodes have is of no namespace: it says nothing of one."""
    if not any(each.there and not (namespace and each.signal.scope == "node") for each in found):
        return Outcome.CANNOT_START
    bad = any(each.problems for each in found) or _lost(found)
    return Outcome.DOES_NOT_MATCH if strict and bad else Outcome.DONE


def _lost(found: Sequence[Finding]) -> list[str]:
    """What prediction cannot do at all, each once."""
    whole = (loss.words for each in found for loss in each.losses if loss.whole)
    return list(dict.fromkeys(whole))


def _document(each: Finding) -> dict[str, Any]:
    from chaoskit.signals.needs import classes_of

    signal = each.signal
    return {
        "name": signal.name,
        "state": each.state,
        "record": signal.record,
        "unit": signal.unit,
        "kind": signal.kind,
        "scope": signal.scope,
        "step": signal.step,
        "origin": signal.origin,
        "series": each.series,
        "interval": each.interval,
        "classes": list(classes_of(signal)),
        "metrics": dict(each.metrics),
        "problems": list(each.problems),
        "lost": [loss.words for loss in each.losses],
    }


def _unneeded(each: Finding) -> list[str]:
    return [] if each.there else ["nothing is lost without it"]


def _table(out: Console, found: Sequence[Finding]) -> None:
    there = sum(each.there for each in found)
    lost = _lost(found)
    out.print(f"{there} of {len(found)} signals have samples" + (f"; {', '.join(lost)}" if lost else ""))
    rows = [
        (
            each.signal.name,
            _MARKS[each.state],
            f"{each.interval:g} s" if each.interval else "-",
            str(each.series or "-"),
            each.signal.origin,
            "; ".join([*each.problems, *(loss.words for loss in each.losses)] or _unneeded(each)),
        )
        for each in found
    ]
    columns(out, ("signal", "state", "every", "series", "from", "what of it"), rows, wrap=5)
    worst = next((each for each in found if each.problems or not each.there), None)
    if any(each.state == "raw" for each in found):
        next_step(out, "chaoskit monitor rules --out chaoskit-rules.yaml")
    elif worst is not None:
        next_step(out, f"chaoskit monitor lint --explain {worst.signal.name}")


def _explained(out: Console, each: Finding) -> None:
    from chaoskit.signals.needs import classes_of

    signal = each.signal
    told(out, f"{signal.name}  ", signal.meaning, style="bold")
    facts = {
        "state": _MARKS[each.state] + (f", {each.series} series" if each.there else ""),
        "every": f"{each.interval:g} s, wanted {signal.step} s"
        if each.interval
        else f"{signal.step} s wanted",
        "unit": f"{signal.unit} ({signal.kind})",
        "of each": signal.scope,
        "from": signal.origin,
        "helps": ", ".join(each.replace("-", " ") for each in classes_of(signal)) or "to tell what is usual",
        "record": signal.record,
        "promql": signal.promql,
    }
    for name, value in facts.items():
        if name == "promql":  # to be pasted
            out.print(f"{name:<9} {value}")
        else:
            told(out, f"{name:<9} ", value)
    for name, exists in each.metrics.items():
        out.print(f"{'metric':<9} {'✔ there ' if exists else '! absent'} {name}")
    for problem in each.problems:
        told(out, f"{'problem':<9} ", problem)
    for loss in each.losses:
        told(out, f"{'lost':<9} ", loss.words)
    next_step(out, "chaoskit monitor rules" if each.there else f"have Prometheus scrape {signal.origin}")
