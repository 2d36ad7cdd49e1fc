"""Model folders: joblib data, card, digest; loaded only when this installation or a key vouches for them.

A joblib file runs code when it is read. So its digest is checked before: it must be one that this
installation wrote down at training, or carry a valid HMAC of the configured key.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn

from chaoskit import errors
from chaoskit.prediction import card
from chaoskit.prediction.evaluation import Trained

DATA, CARD, PAGE, DIGEST = "model.joblib", "card.json", "card.md", "model.sha256"
KNOWN = "models.json"
PROMOTED = "promoted.json"


@dataclass(frozen=True, slots=True)
class Listed:
    """One model folder as it lies there, unread: its name, place and card, and whether it answers."""

    name: str
    path: Path
    card: Mapping[str, Any]
    promoted: bool


def save(trained: Trained, folder: Path, *, state: Path, key: bytes = b"") -> Path:
    """The model lies in `folder` with its card, and its digest is known to this installation.

    `state` is the installation's state folder; with `key` the digest is signed, so that others who have
    the key load it too. Returns `folder`; `InvalidInput` when a model is there already.
    """
    if (folder / DATA).exists():
        raise errors.InvalidInput(f"a model is there already: {folder}", hint="choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    kept = replace(trained, model=replace(trained.model, out_of_fold=()))
    buffer = io.BytesIO()
    joblib.dump(kept, buffer, compress=3)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    (folder / DATA).write_bytes(data)
    (folder / CARD).write_text(json.dumps(_card(trained, folder.name), indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(card.markdown(trained.report, f"Model {folder.name}"), encoding="utf-8")
    (folder / DIGEST).write_text(f"{digest} {_sign(digest, key)}".strip() + "\n", encoding="utf-8")
    _remember(state, digest, folder)
    return folder


def _card(trained: Trained, name: str) -> dict[str, Any]:
    model = trained.model
    return {
        **card.document(trained.report),
        "name": name,
        "trained_at": model.trained_at.isoformat(),
        "seed": model.seed,
        "threshold": model.threshold,
        "alarm": dict(model.join.thresholds),
        "false_alarms_per_day": model.false_alarms_per_day,
        "fingerprint": model.spec.fingerprint,
        "recipe": model.spec.recipe,
        "step": model.spec.step,
        "signals": [signal.name for signal in model.spec.signals],
        "libraries": _libraries(),
    }


def _libraries() -> dict[str, str]:
    return {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "joblib": joblib.__version__}


def _sign(digest: str, key: bytes) -> str:
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest() if key else ""


def _remember(state: Path, digest: str, folder: Path) -> None:
    known = _read(state / KNOWN)
    known[digest] = {"path": str(folder), "at": datetime.now(UTC).isoformat()}
    _write(state / KNOWN, known)


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in this file, empty when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise errors.InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise errors.InvalidInput(f"{path} is not a JSON object")
    return found


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """The file has this content; whoever reads meanwhile sees the old or the new, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def load(folder: Path, *, state: Path, key: bytes = b"") -> Trained:
    """The model in `folder`.

    Raises `NotFound` when there is none, `Refused` (guard ``model trust``) when nobody vouches for the
    file, `InvalidInput` when it was made by other libraries or other features.
    """
    try:
        data = (folder / DATA).read_bytes()
    except OSError as error:
        raise errors.NotFound(f"no model in {folder}", hint="chaoskit train makes one") from error
    _check_trust(folder, hashlib.sha256(data).hexdigest(), state, key)
    _check_versions(folder)
    trained = joblib.load(io.BytesIO(data))
    if (
        not isinstance(trained, Trained)
        or trained.model.spec.fingerprint != _read(folder / CARD)["fingerprint"]
    ):
        raise errors.InvalidInput(
            f"{folder} was trained on features that this version makes differently", hint="train it again"
        )
    return trained


def _check_trust(folder: Path, digest: str, state: Path, key: bytes) -> None:
    if digest in _read(state / KNOWN):
        return
    try:
        signed = (folder / DIGEST).read_text(encoding="utf-8").split()
    except OSError:
        signed = []
    if key and len(signed) == 2 and hmac.compare_digest(signed[1], _sign(digest, key)):
        return
    raise errors.Refused(
        f"{folder / DATA} was not trained here and no valid signature vouches for it",
        guard="model trust",
        limit="reading such a file runs whatever code is in it",
        hint="train it here, or configure the key that it was signed with",
    )


def _check_versions(folder: Path) -> None:
    """A forest is only sure to be read by the minor version of scikit-learn that wrote it."""
    found = _read(folder / CARD)
    if found.get("schema") != card.SCHEMA:
        raise errors.InvalidInput(
            f"{folder} was made by another version of chaoskit: its alarms mean something else",
            hint="train it again",
        )
    had = str(found.get("libraries", {}).get("scikit-learn", "unknown"))
    if had.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        raise errors.InvalidInput(
            f"{folder} was made with scikit-learn {had}, here is {sklearn.__version__}", hint="train it again"
        )


# -- which model answers ---------------------------------------------------------------------------------


def names(root: Path) -> tuple[Listed, ...]:
    """All model folders under `root`, oldest first; none is unpickled."""
    current = promoted(root)
    found = [
        Listed(path.parent.name, path.parent, _read(path), path.parent.name == current)
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
    history = _read(root / PROMOTED).get("history", [])
    return str(history[-1]["name"]) if history else ""


def promote(root: Path, name: str) -> None:
    """The model of this name answers from now on; `Refused` when it does not beat the baselines."""
    report = _read(root / name / CARD)
    if not report:
        raise errors.NotFound(f"no model {name} in {root}", hint="chaoskit models list")
    if not report.get("beats_baselines"):
        beaten = ", ".join(report.get("beaten_by", [])) or "the baselines"
        raise errors.Refused(
            f"{name} does not beat {beaten} on held-out time, in event F1 at the same budget of false alarms",
            guard="promotion",
            limit="better event F1 than every baseline",
            hint=f"collect more failures and train again, or name it: chaoskit predict --model {name}",
        )
    history = _read(root / PROMOTED).get("history", [])
    _write(root / PROMOTED, {"history": [*history, {"name": name, "at": datetime.now(UTC).isoformat()}]})


def rollback(root: Path) -> str:
    """The model that answered before answers again; its name. `NotFound` when there was none."""
    history = _read(root / PROMOTED).get("history", [])
    if len(history) < 2:
        raise errors.NotFound("no model was promoted before this one")
    _write(root / PROMOTED, {"history": history[:-1]})
    return str(history[-2]["name"])
