"""Show the settings, and where each comes from."""

from __future__ import annotations

from chaoskit.cli.render import columns, emit
from chaoskit.cli.session import Session, command, new_app
from chaoskit.settings import SECRET, Settings

app = new_app(__doc__)


@command(app, epilog="Examples: chaoskit config; chaoskit config -o yaml > chaoskit.yaml")
def config(session: Session) -> None:
    """Show the settings, and where each comes from."""
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


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _shown(name: str, value: object) -> object:
    """The value, its secrets hidden."""
    if name in SECRET and value:
        return "(set)"
    if isinstance(value, str) and "://" in value and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://(user)@{rest.rpartition('@')[2]}"
    return value
