"""Models without pickle that were exported here: each is the model that it was made of, in another form.

What judges a model stays with the first form, so that one is judged for both: by baselines that are fitted
anew, on a part of the data, a copy could earn what its model was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaoskit import errors
from chaoskit.prediction.artifacts import folders, ledgers, portable, trees, verdicts
from chaoskit.prediction.artifacts.folders import DATA


def remember(state: Path, copy: Path, folder: Path) -> None:
    """The model in `copy` is the one in `folder` from now on, wherever here it is imported."""
    with ledgers.known_changed(state) as known:
        of = verdicts.verdict_digest(known, folder)
        for digest in (folders.content_digest(copy), _forest(copy)):
            known[digest] = {**known.get(digest, {}), "of": of}


def judged_as(root: Path, folder: Path) -> Path:
    """The folder of the model that is judged for the one in `folder`: what it was exported from, or itself.

    Raises:
        Refused: what it was exported from is not there any more, or it was changed since.
        InvalidInput: it cannot be read.
    """
    known, digest = ledgers.known(root), folders.file_digest(folder)
    if (of := verdicts.verdict_digest(known, folder)) == digest:
        _check_unchanged(known, folder)
        return folder
    for path in root.glob(f"*/{DATA}"):
        if folders.file_digest(path.parent) == of:
            return path.parent
    raise errors.Refused(
        f"the verdict on {folder.name} stands: what judges it went with the model that it was made of",
        guard="model form",
        limit="judged by the baselines that it was trained beside",
        hint="put that model back, or train again",
    )


def _check_unchanged(known: Mapping[str, Any], folder: Path) -> None:
    """Its forest is that of no model here, whose copy it would be with other thresholds."""
    if "of" in known.get(_forest(folder), {}):
        raise errors.Refused(
            f"{folder.name} has the forest of a model that was exported here, and says something else of it",
            guard="model form",
            limit="judged as what it was exported from",
            hint="export that model again: chaoskit models export",
        )


def _forest(folder: Path) -> str:
    """The SHA-256 of the forests of a model without pickle, however they are packed; "" of any other.

    It is no seal: a threshold that is changed in its last bit makes another forest.
    """
    if not portable.is_portable(folder):
        return ""
    model = portable.load(folder)
    return trees.digest([model.failure, model.issues])
