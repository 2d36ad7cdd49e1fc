"""List the trained models, show one's card, compare, promote, retire, export, import one."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaoskit.cli.render import columns, emit, next_step, told
from chaoskit.cli.session import Format, Session, command, new_app
from chaoskit.errors import InvalidInput, UnknownName, cause
from chaoskit.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    document = {
        "models": [
            {"name": m.name, "promoted": m.promoted, "folder": str(m.path), "judgement": m.standing}
            for m in found
        ]
    }
    emit(session, "models", document, lambda out: _list(out, found))


@command(app)
def show(session: Session, name: Annotated[str, typer.Argument(help="Name of the model.")]) -> None:
    """Show a model's card: what it was trained on, how it was judged, what it cannot foresee."""
    found = _find(session, name)
    if found.against:
        session.say(f"! {found.name} does not answer: {found.against}")
    if found.altered:
        session.say(f"! {_altered(found)}")
    if newer := found.newer:
        session.say(f"! since its card was written {found.name} was judged anew: {newer}")
    if session.output is Format.TABLE:
        sys.stdout.write(visible(_card(found.path / "card.md")))
    else:
        emit(
            session,
            "model-card",
            {**found.card, "judgement": found.standing},
            lambda out: out.print(found.name),
        )


@command(app)
def promote(session: Session, name: Annotated[str, typer.Argument(help="Name of the model.")]) -> None:
    """Let a model answer from now on; refused when it does not beat the baselines."""
    from chaoskit import prediction

    changed = prediction.promote(_root(session), name)
    words = f"promoted {name}" if changed else f"nothing to do: {name} answers already"
    emit(session, "promoted", {"name": name, "changed": changed}, lambda _out: session.say(words))


@command(app)
def rollback(session: Session) -> None:
    """Let the model answer that answered before."""
    from chaoskit import prediction

    name = prediction.rollback(_root(session))
    words = f"promoted {name}" if name else "rules answer again"
    emit(session, "promoted", {"name": name, "changed": True}, lambda _out: session.say(words))


@command(app)
def retire(session: Session) -> None:
    """Let rules answer instead of the promoted model; a rollback or promotion ends that."""
    from chaoskit import prediction

    name = prediction.retire(_root(session))
    words = f"retired {name}: rules answer" if name else "nothing to do: rules answer already"
    emit(session, "retired", {"name": name, "changed": bool(name)}, lambda _out: session.say(words))


@command(app)
def compare(
    session: Session,
    one: Annotated[str, typer.Argument(help="Name of a model.")],
    other: Annotated[str, typer.Argument(help="Name of another.")],
) -> None:
    """Show two models' figures beside each other, and whether they were judged on the same data."""
    cards = [_find(session, one), _find(session, other)]
    emit(session, "comparison", _comparison(cards), lambda out: _compare(out, cards))


@command(app, examples=("chaoskit models export shop-2 --out shop-2-portable",))
def export(
    session: Session,
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    out: Annotated[Path, typer.Option(help="Folder to write it to; must be empty.")],
) -> None:
    """Write a model without pickle (ONNX, arrays, JSON), for installations elsewhere."""
    from chaoskit.flows.learning import exported

    folder = exported(_root(session), name, out, key=session.loaded.settings.model_key.encode())
    emit(
        session,
        "model-export",
        {"name": name, "folder": str(folder)},
        lambda console: _exported(console, folder),
    )


def _exported(out: Console, folder: Path) -> None:
    out.print(f"exported  {folder}")
    next_step(out, f"chaoskit models import {quote(str(folder))}")


@command(app, name="import", examples=("chaoskit models import shop-2-portable --name shop-2",))
def import_(
    session: Session,
    folder: Annotated[Path, typer.Argument(help="Folder that models export has written.")],
    name: Annotated[str, typer.Option(help="Name to keep it under; its own otherwise.")] = "",
) -> None:
    """Keep a model that came without pickle; it answers when it is named."""
    from chaoskit.flows.learning import imported

    kept = imported(_root(session), folder, name)
    session.say(f"imported {kept}")
    emit(
        session,
        "model-import",
        {"name": kept, "folder": str(_root(session) / kept)},
        lambda out: next_step(out, f"chaoskit predict --model {kept}"),
    )


def _comparison(cards: list[Listed]) -> dict[str, Any]:
    figures = {name: {c.name: get(c) for c in cards} for name, get in _FIGURES.items()}
    return {
        "models": [c.name for c in cards],
        "same_data": _same_data(cards),
        "altered": [c.name for c in cards if c.altered],
        "figures": figures,
    }


def _altered(found: Listed) -> str:
    from chaoskit.prediction.artifacts.verdicts import ALTERED

    return f"the card of {found.name} {ALTERED}: what it says is not what was found"


def _same_data(cards: list[Listed]) -> bool:
    return len({str(_of(c.card, "data").get("sha256") or c.name) for c in cards}) == 1


def _compare(out: Console, cards: list[Listed]) -> None:
    rows = [(name, *(_cell(get(c)) for c in cards)) for name, get in _FIGURES.items()]
    columns(out, ("", *(c.name for c in cards)), rows)
    for each in cards:
        if each.altered:
            out.print(f"! {_altered(each)}", style="yellow")
        if each.newer:
            words = f"the figures of {each.name} are those of its card; it was judged anew since"
            told(out, "! ", words, style="yellow")
    if not _same_data(cards):
        out.print("! they were judged on different data: their figures do not compare", style="yellow")


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-" if value is None else str(value)


def _card(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path.parent} has no card that can be read: {cause(error)}",
            hint="what is known of it beside: -o json",
        ) from error


def _find(session: Session, name: str) -> Listed:
    from chaoskit.prediction import names
    from chaoskit.prediction.objects import MEND

    found = names(_root(session))
    for each in found:
        if each.name == name and each.unread:
            raise InvalidInput(f"{name}: {each.unread}", hint=f"{MEND}: {each.path}")
        if each.name == name:
            return each
    raise UnknownName(
        f"there is no model {name}", hint=f"models: {', '.join(m.name for m in found) or 'none yet'}"
    )


def _list(out: Console, found: tuple[Listed, ...]) -> None:
    if not found:
        out.print("no models yet")
        next_step(out, "chaoskit train")
        return
    rows = [(m.name, "answers" if m.promoted else "", _text(m.card, "trained_at"), m.standing) for m in found]
    columns(out, ("model", "promoted", "trained at", "judgement"), rows, wrap=3)
    next_step(out, f"chaoskit models show {found[-1].name}")


def _text(card: Any, field: str) -> str:
    return str(card.get(field, ""))[:19].replace("T", " ")


def _of_model(field: str) -> Callable[[Listed], Any]:
    return lambda found: _of(found.card, "model").get(field)


def _of(card: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """This part of the card, empty where it says nothing, or something else."""
    found = card.get(part)
    return found if isinstance(found, dict) else {}


_FIGURES: dict[str, Callable[[Listed], Any]] = {
    "event F1": _of_model("f1"),
    "recall": _of_model("recall"),
    "precision": _of_model("precision"),
    "false alarms per hour": _of_model("false_per_hour"),
    "delay median (s)": _of_model("delay_median"),
    "share of the lead": _of_model("lead_share"),
    "PR-AUC": _of_model("pr_auc"),
    "Brier": _of_model("brier"),
    "ECE": _of_model("ece"),
    "alarm": lambda found: " + ".join(_of(found.card, "alarm")),
    "recipe": lambda found: found.card.get("recipe"),
    "budget per day": lambda found: found.card.get("false_alarms_per_day"),
    "trained at": lambda found: _text(found.card, "trained_at"),
    "verdict on its card": lambda found: found.card.get("verdict"),
    "judgement": lambda found: found.standing,
}
