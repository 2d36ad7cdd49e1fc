"""Models without pickle that were exported here: each is the model that it was made of, in another form.

What judges a model stays with the first form, so that one is judged for both: by baselines that are fitted
anew, on a part of the data, a copy could earn what its model was refused.
"""

from __future__ import annotations

from pathlib import Path

from chaoskit import errors
from chaoskit.prediction import ledgers
from chaoskit.prediction.registry import DATA, digest_of


def remember(state: Path, copy: Path, folder: Path) -> None:
    """The model in `copy` is the one in `folder` from now on, wherever here it is imported."""
    with ledgers.known_changed(state) as known:
        digest = digest_of(copy)
        known[digest] = {**known.get(digest, {}), "of": ledgers.meant(known, digest_of(folder))}


def judged_as(root: Path, folder: Path) -> Path:
    """The folder of the model that is judged for the one in `folder`: what it was exported from, or itself.

    Raises:
        Refused: what it was exported from is not there any more.
    """
    digest = digest_of(folder)
    if (of := ledgers.meant(ledgers.known(root), digest)) == digest:
        return folder
    for path in root.glob(f"*/{DATA}"):
        if digest_of(path.parent) == of:
            return path.parent
    raise errors.Refused(
        f"the verdict on {folder.name} stands: what judges it went with the model that it was made of",
        guard="model form",
        limit="judged by the baselines that it was trained beside",
        hint="put that model back, or train again",
    )
