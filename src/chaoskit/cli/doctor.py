"""Check what chaoskit needs, and say how to mend what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chaoskit.cli.pasting import led
from chaoskit.cli.render import emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.outcome import Outcome
from chaoskit.redaction import redacted, scrubbed

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.experiments.checks import Check
    from chaoskit.runtime import Runtime

app = new_app(__doc__)

_MARKS = {"ok": "✔ ok", "warning": "! warning", "blocked": "✖ missing", "refused": "✖ denied"}


@command(
    app,
    examples=(
        "chaoskit doctor",
        "chaoskit doctor -n shop -o json",
        "chaoskit doctor -A",
    ),
)
def doctor(
    session: Session,
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Rights and signals of all namespaces.")
    ] = False,
) -> None:
    """Check cluster, rights, Litmus, signals, store and model; say how to mend what is missing."""
    with session.connected() as runtime:
        place = "" if everywhere else runtime.namespace
        found = list(_look(runtime, place, "" if everywhere else session.asked_namespace))
    blocked = any(each.state == "blocked" for each in found)
    outcome = Outcome.CANNOT_START if blocked else Outcome.DONE
    document = {
        "outcome": outcome.value,
        "exit": outcome.exit_code,
        "checks": [each.document() for each in found],
    }
    emit(session, "doctor", redacted(document), lambda out: _table(out, found))
    raise typer.Exit(outcome.exit_code)


def _look(runtime: Runtime, namespace: str, asked: str) -> list[Check]:
    from chaoskit.flows import doctor as looking

    protected, settings = runtime.limits.protected, runtime.settings
    looks = {
        "cluster": lambda: looking.cluster(runtime.cluster),
        "rights": lambda: looking.rights(runtime.cluster, namespace),
        "dead runs": lambda: looking.dead(runtime.cluster, runtime.clock, asked),
        "litmus": lambda: looking.litmus(runtime.cluster, namespace, protected),
        "prometheus": lambda: looking.signals(runtime.metrics, runtime.cluster, namespace, protected),
        "store": lambda: looking.store(runtime.store),
        "model": lambda: looking.model(settings.home / "models", settings.model_key.encode()),
    }
    return [check for name, look in looks.items() for check in looking.examine(name, look)]


def _table(out: Console, found: list[Check]) -> None:
    for each in found:
        out.print(scrubbed(f"{_MARKS[each.state]:<10} {each.name:<12} {each.words}"), soft_wrap=True)
        if each.mend:
            out.print(f"{'':<10} {'':<12} mend: {led(each.mend)}", soft_wrap=True)
