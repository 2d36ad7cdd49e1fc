"""What is known here of a model: whether its files were made here, which cards are its own, its verdict.

A verdict is kept by the digest of the very file that was judged, thresholds included, and holds of what was
exported from it here: a card beside another file, or one that came with a model from elsewhere, is a claim.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaoskit.prediction.artifacts import ledgers
from chaoskit.prediction.artifacts.folders import CARD, DATA, PAGE, content_digest, file_digest
from chaoskit.prediction.judging.verdict import Kind

if TYPE_CHECKING:
    from chaoskit.prediction.judging.report import Report

ALTERED = "is not the one that was written with its file"


def remember(state: Path, folder: Path, digests: Mapping[str, str], *, cards: Sequence[str] = ()) -> None:
    """This installation made the files of this folder, whose digests are given by their names.

    `cards` are the digests of the cards that were written with the model, whose own words they are.
    """
    with ledgers.known_changed(state) as known:
        for name, digest in digests.items():
            entry = known.setdefault(digest, {})
            entry |= {"path": str(folder), "at": datetime.now(UTC).isoformat()}
            if name == DATA:
                entry["cards"] = sorted({*entry.get("cards", []), *cards})


def is_altered(known: Mapping[str, Any], folder: Path) -> bool:
    """Whether the card or page in this folder is none that was written with the model, as far as known."""
    cards = known.get(file_digest(folder), {}).get("cards", [])
    there = [path for path in (folder / CARD, folder / PAGE) if path.is_file()]
    return bool(cards) and not {hashlib.sha256(path.read_bytes()).hexdigest() for path in there} <= {*cards}


def made_here(state: Path, digest: str) -> bool:
    """Whether this installation made the file with this digest."""
    return "path" in ledgers.known(state).get(digest, {})


def judge(state: Path, folder: Path, report: Report) -> None:
    """What the report found is the verdict on the model in this folder, as its file is now."""
    verdict = {
        "promotable": report.found.promotes,
        "kind": report.found.kind.value,
        "words": report.verdict,
        "split": report.split,
        "at": datetime.now(UTC).isoformat(),
    }
    with ledgers.known_changed(state) as known:
        digest = verdict_digest(known, folder)
        known[digest] = {**known.get(digest, {}), "verdict": verdict}


def verdict_digest(known: Mapping[str, Any], folder: Path) -> str:
    """The digest under which the verdict on the model in this folder is kept: its own, or its original's."""
    return str(known.get(content_digest(folder), {}).get("of", file_digest(folder)))


def verdict(known: Mapping[str, Any], folder: Path) -> Mapping[str, Any] | None:
    """What was found out about the model in this folder, None when nothing was."""
    found: Mapping[str, Any] | None = known.get(verdict_digest(known, folder), {}).get("verdict")
    return found


def is_beaten(verdict: Mapping[str, Any]) -> bool:
    """Whether a baseline, or luck, speaks against the model."""
    return bool(verdict.get("kind") == Kind.BEATEN)
