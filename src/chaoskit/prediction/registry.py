"""Which models lie there, which one answers, and which one may: only one that beats the baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaoskit import errors

CARD, PROMOTED = "card.json", "promoted.json"


@dataclass(frozen=True, slots=True)
class Listed:
    """One model folder as it lies there, unread: its name, place and card, and whether it answers."""

    name: str
    path: Path
    card: Mapping[str, Any]
    promoted: bool


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in this file, empty when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise errors.InvalidInput(f"{path} cannot be read: {errors.cause(error)}") from error
    if not isinstance(found, dict):
        raise errors.InvalidInput(f"{path} is not a JSON object")
    return found


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """The file has this content; whoever reads meanwhile sees the old or the new, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def names(root: Path) -> tuple[Listed, ...]:
    """All model folders under `root`, oldest first; none is unpickled."""
    current = promoted(root)
    found = [
        Listed(path.parent.name, path.parent, read_object(path), path.parent.name == current)
        for path in root.glob(f"*/{CARD}")
    ]
    return tuple(sorted(found, key=lambda listed: (str(listed.card.get("trained_at", "")), listed.name)))


def next_name(root: Path, base: str) -> str:
    """``shop-3`` when ``shop-2`` is the newest there."""
    numbers = [
        int(tail)
        for path in root.glob(f"{base}-*")
        for tail in [path.name.removeprefix(f"{base}-")]
        if tail.isdigit()
    ]
    return f"{base}-{max(numbers, default=0) + 1}"


def promoted(root: Path) -> str:
    """The name of the model that answers, or ""."""
    history = read_object(root / PROMOTED).get("history", [])
    return str(history[-1]["name"]) if history else ""


def promote(root: Path, name: str) -> bool:
    """The model of this name answers from now on; False when it did already.

    Raises `UnknownName` when there is none, `Refused` when it does not beat the baselines.
    """
    report = read_object(root / name / CARD)
    if not report:
        raise errors.UnknownName(f"no model {name} in {root}", hint="chaoskit models list")
    if not report.get("beats_baselines"):
        raise errors.Refused(
            f"{name} {report.get('verdict', 'does not beat the baselines')} on held-out time, in event F1 at"
            " the same budget of false alarms",
            guard="promotion",
            limit="better event F1 than every baseline",
            hint=f"collect more failures and train again, or name it: chaoskit predict --model {name}",
        )
    history = read_object(root / PROMOTED).get("history", [])
    if history and history[-1]["name"] == name:
        return False
    write_object(
        root / PROMOTED, {"history": [*history, {"name": name, "at": datetime.now(UTC).isoformat()}]}
    )
    return True


def rollback(root: Path) -> str:
    """Another model, the last that answered before, answers again; its name. `NotFound` when none did."""
    history = list(read_object(root / PROMOTED).get("history", []))
    answering = promoted(root)
    while history and history[-1]["name"] == answering:
        history.pop()
    if not history:
        raise errors.NotFound("no other model was promoted before this one", hint="chaoskit models list")
    write_object(root / PROMOTED, {"history": history})
    return str(history[-1]["name"])
