"""List the faults, or show one with its parameters and undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Session, command, new_app
from chaoskit.documents import closest
from chaoskit.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.experiments.faults import Fault

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit faults; chaoskit faults pod-network-loss; chaoskit faults -o json")
def faults(
    session: Session,
    kind: Annotated[str, typer.Argument(help="Show this one; all when left out.")] = "",
) -> None:
    """List the faults that experiments can name, or show one: parameters, units, rights, undo."""
    from chaoskit.experiments.faults import CATALOGUE

    if not kind:
        emit(session, "faults", {"faults": [_plain(each) for each in CATALOGUE.values()]}, _list)
        return
    if kind not in CATALOGUE:
        near = closest(kind, CATALOGUE)
        raise InvalidInput(f"there is no fault {kind}", hint=near or "chaoskit faults lists them")
    fault = CATALOGUE[kind]
    emit(session, "fault", _plain(fault), lambda out: _one(out, fault))


def _list(out: Console) -> None:
    from chaoskit.experiments.faults import CATALOGUE

    rows = [(each.kind, each.failure, each.purpose) for each in CATALOGUE.values()]
    columns(out, ("fault", "failure", "purpose"), rows, wrap=2)
    next_step(out, "chaoskit faults pod-delete")


def _one(out: Console, fault: Fault) -> None:
    out.print(f"{fault.kind}  {fault.purpose}", style="bold")
    facts = {
        "failure": fault.failure,
        "undo": fault.undo,
        "left behind": fault.leftovers,
        "helper": fault.helper,
        "Litmus": f"{fault.since} or newer"
        + ("" if fault.recorded else "; known from its source, not recorded"),
    }
    for name, value in facts.items():
        out.print(f"{name:<12} {value}")
    rows = [(p.name, p.default or "-", p.expected, p.env, p.meaning) for p in fault.parameters]
    columns(out, ("parameter", "default", "expected", "litmus env", "meaning"), rows, wrap=4)


def _plain(fault: Fault) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "purpose": fault.purpose,
        "failure": fault.failure,
        "scope": fault.scope,
        "undo": fault.undo,
        "leftovers": fault.leftovers,
        "helper": fault.helper,
        "since": fault.since,
        "recorded": fault.recorded,
        "parameters": [
            {"name": p.name, "env": p.env, "default": p.default, "expected": p.expected, "unit": p.unit}
            for p in fault.parameters
        ],
        "rules": [{"group": r.group, "resources": r.resources, "verbs": r.verbs} for r in fault.rules],
        "presets": {name: dict(values) for name, values in (fault.presets or {}).items()},
    }
