"""Model folders: joblib data, card, digest; loaded only when this installation or a key vouches for them.

A joblib file runs code when it is read. So its digest is checked before: it must be one that this
installation wrote down at training, or carry a valid HMAC of the configured key.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn

from chaoskit import errors
from chaoskit.files import whole
from chaoskit.prediction import objects
from chaoskit.prediction.artifacts import ledgers, portable, verdicts
from chaoskit.prediction.artifacts.folders import CARD, DATA, PAGE
from chaoskit.prediction.judging import card, drawings, page
from chaoskit.prediction.judging.evaluation import Trained
from chaoskit.prediction.judging.witnesses import Witnesses
from chaoskit.prediction.learning.training import Model

WITNESSES, DIGEST = "witnesses.joblib", "model.sha256"


def save(trained: Trained, folder: Path, *, state: Path, key: bytes = b"") -> Path:
    """The model lies in `folder` with its card; this installation knows its digest and the report's verdict.

    `state` is the installation's state folder; with `key` the digest is signed, so that others who have
    the key load it too. Returns `folder`; `Conflict` when a model is there already.
    """
    if (folder / DATA).exists():
        raise errors.Conflict(f"a model is there already: {folder}", hint="choose another name")
    kept = replace(trained, model=replace(trained.model, out_of_fold=()), witnesses=None)
    files = {DATA: _dumped(kept)} | ({WITNESSES: _dumped(trained.witnesses)} if trained.witnesses else {})
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    lines = [f"{digest}  {name}  {_sign(name, digest, key)}".rstrip() for name, digest in digests.items()]
    drawn = drawings.draw(trained.report)
    texts = {
        DIGEST: "\n".join(lines) + "\n",
        CARD: json.dumps(_card(trained, folder.name), indent=1) + "\n",
        PAGE: page.markdown(trained.report, f"Model {folder.name}", pictures=tuple(drawn)),
        **drawn,
    }
    with whole(folder) as draft:
        for name, data in (files | {name: text.encode() for name, text in texts.items()}).items():
            (draft / name).write_bytes(data)
        cards = [hashlib.sha256(texts[name].encode()).hexdigest() for name in (CARD, PAGE)]
        verdicts.remember(state, folder, digests, cards=cards)
        verdicts.judge(state, draft, trained.report)
    return folder


def _dumped(thing: object) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(thing, buffer, compress=3)
    return buffer.getvalue()


def _card(trained: Trained, name: str) -> dict[str, Any]:
    model = trained.model
    return {
        **card.document(trained.report),
        "name": name,
        "trained_at": model.trained_at.isoformat(),
        "seed": model.seed,
        "threshold": model.threshold,
        "alarm": model.join.told,
        "data_sha256": model.facts.get("data_sha256", ""),
        "false_alarms_per_day": model.false_alarms_per_day,
        "fingerprint": model.spec.fingerprint,
        "recipe": model.spec.recipe,
        "step": model.spec.step,
        "signals": [signal.name for signal in model.spec.signals],
        "libraries": libraries(),
    }


def libraries() -> dict[str, str]:
    """The libraries that made a model, with their versions."""
    return {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "joblib": joblib.__version__}


def _sign(name: str, digest: str, key: bytes) -> str:
    """The signature of a file by its name and digest: one file of a model is no other one."""
    return hmac.new(key, f"{name} {digest}".encode(), hashlib.sha256).hexdigest() if key else ""


def load_model(folder: Path, *, state: Path, key: bytes = b"") -> Model:
    """The model in `folder` alone, of whichever form; raises what `load` raises."""
    if portable.is_portable(folder):
        return portable.load(folder)
    return load(folder, state=state, key=key).model


def load(folder: Path, *, state: Path, key: bytes = b"", witnesses: bool = False) -> Trained:
    """The model in `folder`; with `witnesses` also what judges it on other data, where that was kept.

    Raises `NotFound` when there is none, `Refused` (guard ``model trust``) when nobody vouches for the
    file, `InvalidInput` when it was made by other libraries or other features.
    """
    if portable.is_portable(folder):
        raise errors.InvalidInput(
            f"{folder} came without pickle: it answers, but what judges it stayed where it was trained",
            hint="chaoskit evaluate judges it on your data; calibrate it where it was trained",
        )
    if not (folder / DATA).is_file():
        raise errors.NotFound(f"no model in {folder}", hint="chaoskit train makes one")
    trained = _loaded(folder, DATA, state, key)
    if not isinstance(trained, Trained) or trained.model.spec.fingerprint != objects.read(folder / CARD).get(
        "fingerprint"
    ):
        raise _unfit(state, folder, "was trained on features that this version makes differently")
    if witnesses and (folder / WITNESSES).is_file():
        found = _loaded(folder, WITNESSES, state, key)
        return replace(trained, witnesses=found if isinstance(found, Witnesses) else None)
    return trained


def _loaded(folder: Path, name: str, state: Path, key: bytes) -> Any:
    """What lies in this file, once somebody vouches for it and the libraries are those that wrote it."""
    data = (folder / name).read_bytes()
    _check_trust(folder, name, hashlib.sha256(data).hexdigest(), state, key)
    _check_versions(state, folder)
    return joblib.load(io.BytesIO(data))


def _check_trust(folder: Path, name: str, digest: str, state: Path, key: bytes) -> None:
    if verdicts.made_here(state, digest):
        return
    try:
        lines = (folder / DIGEST).read_bytes().splitlines()
    except OSError:
        lines = []
    signed = next((line.split() for line in lines if line.split()[1:2] == [name.encode()]), [])
    if key and len(signed) == 3 and hmac.compare_digest(signed[2], _sign(name, digest, key).encode()):
        return
    raise errors.Refused(
        f"{folder / name} was not trained here and no valid signature vouches for it",
        guard="model trust",
        limit="reading such a file runs whatever code is in it",
        hint="train it here, or set CHAOSKIT_MODEL_KEY to the key that it was signed with",
    )


def _unfit(state: Path, folder: Path, words: str) -> errors.InvalidInput:
    """What the card says of the model in this folder, unless it is the card that does not belong there."""
    card_of = f"the card in {folder}"
    if not (folder / CARD).is_file():
        return errors.InvalidInput(f"{card_of} is gone", hint="put it back, or train it again")
    if verdicts.is_altered(ledgers.known(state), folder):
        hint = "put that one back, or train it again"
        return errors.InvalidInput(f"{card_of} {verdicts.ALTERED}", hint=hint)
    return errors.InvalidInput(f"{folder} {words}", hint="train it again")


def _check_versions(state: Path, folder: Path) -> None:
    """A forest is only sure to be read by the minor version of scikit-learn that wrote it."""
    found = objects.read(folder / CARD)
    if found.get("schema") != card.SCHEMA:
        words = "was made by another version of chaoskit: its alarms mean something else"
        raise _unfit(state, folder, words)
    made_with = found.get("libraries")
    had = str(made_with.get("scikit-learn") if isinstance(made_with, dict) else made_with)
    if had.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        words = f"was made with scikit-learn {had}, here is {sklearn.__version__}"
        raise _unfit(state, folder, words)
