"""Which models lie there, as they lie there, and what the next one is called."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaoskit.errors import InvalidInput
from chaoskit.prediction import objects
from chaoskit.prediction.artifacts import ledgers, promotion, verdicts
from chaoskit.prediction.artifacts.folders import CARD, DATA, PORTABLE
from chaoskit.prediction.artifacts.verdicts import ALTERED


@dataclass(frozen=True, slots=True)
class Listed:
    """One model folder as it lies there, unread: its name, place and card, and whether it answers.

    `verdict` is what was found out about it here, None when nothing was. Something is `against` the answers
    of a promoted one when its file or card is gone, or the file another one now: then it does not answer. Its
    card or page is `altered` when it is none of those that were written with the file, as far as known;
    `unread` says why a card is empty that is there.
    """

    name: str
    path: Path
    card: Mapping[str, Any]
    promoted: bool
    verdict: Mapping[str, Any] | None = None
    against: str = ""
    altered: bool = False
    unread: str = ""

    @property
    def standing(self) -> str:
        """``beats every baseline``, or what speaks against its promotion, or against its answers."""
        if self.unread:
            return "; ".join(filter(None, (self.against, self.unread)))
        said = (self.against, self._judged, f"its card {ALTERED}" if self.altered else "")
        return "; ".join(filter(None, said))

    @property
    def newer(self) -> str:
        """The verdict, and what on, where it is not the one on its card any more; "" where it is."""
        if self.verdict is None or self.verdict["words"] == self.card.get("verdict"):
            return ""
        return f"{self.verdict['words']}, on {self.verdict['split']}"

    @property
    def _judged(self) -> str:
        if self.verdict is not None:
            return str(self.verdict["words"])
        return f"not judged here; its card says: {self.card.get('verdict', 'nothing')}"


def names(root: Path) -> tuple[Listed, ...]:
    """All model folders under `root`, also without a card, oldest first; none is unpickled."""
    current, amiss, known = promotion.promoted(root), promotion.against(root), ledgers.known(root)
    found = []
    for folder in {path.parent for name in (CARD, PORTABLE, DATA) for path in root.glob(f"*/{name}")}:
        card, unread = _card(folder)
        speaks = amiss if (answers := folder.name == current) else promotion.cardless(folder)
        found.append(
            Listed(
                folder.name,
                folder,
                card,
                promoted=answers and not (speaks or unread),
                verdict=verdicts.verdict(known, folder),
                against=speaks,
                altered=verdicts.is_altered(known, folder),
                unread=unread,
            )
        )
    return tuple(sorted(found, key=lambda listed: (str(listed.card.get("trained_at", "")), listed.name)))


def _card(folder: Path) -> tuple[Mapping[str, Any], str]:
    """The card in this folder, and why it cannot be read: then it is empty."""
    try:
        return objects.read(folder / CARD), ""
    except InvalidInput as error:
        return {}, f"its card {error.message.removeprefix(f'{folder / CARD} ')}"


def next_name(root: Path, base: str) -> str:
    """``shop-3`` when ``shop-2`` is the newest there."""
    tails = [
        path.name.removeprefix(f"{base}-") for path in root.glob("*") if path.name.startswith(f"{base}-")
    ]
    numbers = [int(tail) for tail in tails if tail.isdecimal()]
    following = (f"{base}-{number}" for number in itertools.count(max(numbers, default=0) + 1))
    return next(name for name in following if not (root / name).exists())
