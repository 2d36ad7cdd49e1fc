"""Show the settings, and where each comes from."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chaoskit.cli.render import columns, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.credentials import without_login
from chaoskit.errors import InvalidInput
from chaoskit.redaction import scrubbed
from chaoskit.settings import SECRET, Settings, written

app = new_app(__doc__)


class Action(StrEnum):
    """What is done with the settings."""

    SHOW = "show"
    INIT = "init"


@command(
    app,
    places=(),
    examples=(
        "chaoskit config",
        "chaoskit config init",
        "chaoskit config -o json",
    ),
)
def config(
    session: Session,
    action: Annotated[
        Action, typer.Argument(help="show them, or write a file of them with what each means: init.")
    ] = Action.SHOW,
    out: Annotated[Path, typer.Option(help="The file that init writes.")] = Path("chaoskit.yaml"),
) -> None:
    """Show the settings and where each comes from, or write a settings file that says the same."""
    if action is Action.INIT:
        _init(session, out)
        return
    values = session.loaded.settings.model_dump(mode="json")
    shown = {name: _shown(name, value) for name, value in values.items()}
    origins = session.loaded.origins
    rows = [
        (name, origins[name], _text(shown[name]), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    emit(
        session,
        "settings",
        {"settings": shown, "origins": dict(origins)},
        lambda out: columns(out, ("name", "from", "value", "meaning"), rows, wrap=2),
    )


def _init(session: Session, path: Path) -> None:
    """A settings file is there that was not.

    Raises:
        InvalidInput: there is one already, or it cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written(session.loaded.settings))
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror}", hint="--out names another"
        ) from error
    emit(session, "written", {"path": str(path)}, lambda out: out.print(f"written  {path}"))


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _shown(name: str, value: object) -> object:
    """The value, its secrets hidden."""
    if name in SECRET and value:
        return "(set)"
    if not isinstance(value, str):
        return value
    return scrubbed(without_login(value) if "://" in value else value)
