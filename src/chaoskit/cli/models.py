"""List the trained models, show one's card, promote one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.render import columns, emit, next_step
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.errors import NotFound

if TYPE_CHECKING:
    from rich.console import Console

    from chaoskit.prediction import Listed

app = new_app(__doc__, no_args_is_help=True)


def _root(session: Session) -> Path:
    return session.loaded.settings.home / "models"


@command(app, name="list")
def list_(session: Session) -> None:
    """List the models, oldest first; the promoted one answers."""
    from chaoskit.prediction import names

    found = names(_root(session))
    document = {"models": [{"name": m.name, "promoted": m.promoted, "folder": str(m.path)} for m in found]}
    emit(session, "models", document, lambda out: _list(out, found))


@command(app)
def show(session: Session, name: Annotated[str, typer.Argument(help="Name of the model.")]) -> None:
    """Show a model's card: what it was trained on, how it was judged, what it cannot foresee."""
    found = _find(session, name)
    if session.output is Format.TABLE:
        sys.stdout.write((found.path / "card.md").read_text(encoding="utf-8"))
    else:
        emit(session, "model-card", dict(found.card), lambda out: out.print(found.name))


@command(app)
def promote(session: Session, name: Annotated[str, typer.Argument(help="Name of the model.")]) -> None:
    """Let a model answer from now on; refused when it does not beat the baselines."""
    from chaoskit import prediction

    prediction.promote(_root(session), name)
    session.say(f"promoted {name}")


@command(app)
def rollback(session: Session) -> None:
    """Let the model answer that answered before."""
    from chaoskit import prediction

    session.say(f"promoted {prediction.rollback(_root(session))}")


def _find(session: Session, name: str) -> Listed:
    from chaoskit.prediction import names

    found = names(_root(session))
    for each in found:
        if each.name == name:
            return each
    raise NotFound(
        f"there is no model {name}", hint=f"models: {', '.join(m.name for m in found) or 'none yet'}"
    )


def _list(out: Console, found: tuple[Listed, ...]) -> None:
    if not found:
        out.print("no models yet")
        next_step(out, "chaoskit train")
        return
    rows = [
        (m.name, "answers" if m.promoted else "", _text(m.card, "trained_at"), _verdict(m.card))
        for m in found
    ]
    columns(out, ("model", "promoted", "trained at", "judgement"), rows, wrap=3)
    next_step(out, f"chaoskit models show {found[-1].name}")


def _text(card: Any, field: str) -> str:
    return str(card.get(field, ""))[:19].replace("T", " ")


def _verdict(card: Any) -> str:
    if card.get("beats_baselines"):
        return "beats every baseline"
    return "does not beat " + ", ".join(card.get("beaten_by") or ["the baselines"])
