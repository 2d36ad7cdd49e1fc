"""Which models lie there, which one answers, and which one may: one that was judged to beat the baselines.

A verdict is kept by the digest of the very file that was judged, thresholds included, and holds of what was
exported from it here: a card beside another file, or one that came with a model from elsewhere, is a claim.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaoskit import errors
from chaoskit.prediction import objects
from chaoskit.prediction.artifacts import ledgers
from chaoskit.prediction.naming import bare

if TYPE_CHECKING:
    from chaoskit.prediction.judging.report import Report

CARD, PAGE = "card.json", "card.md"

PORTABLE, DATA = "model.json", "model.joblib"
"""The file that says what a model is, thresholds included: of the form without pickle, else of the other."""


GONE, CARDLESS = "its file is gone", "its card is gone"
SWAPPED = "its file is not the one that was promoted"
ALTERED = "is not the one that was written with its file"

RULES = "to let rules answer: chaoskit models retire"


@dataclass(frozen=True, slots=True)
class Listed:
    """One model folder as it lies there, unread: its name, place and card, and whether it answers.

    `verdict` is what was found out about it here, None when nothing was. Something is `against` the answers
    of a promoted one when its file or card is gone, or the file another one now: then it does not answer. Its
    card or page is `altered` when it is none of those that were written with the file, as far as known.
    """

    name: str
    path: Path
    card: Mapping[str, Any]
    promoted: bool
    verdict: Mapping[str, Any] | None = None
    against: str = ""
    altered: bool = False

    @property
    def standing(self) -> str:
        """``beats every baseline``, or what speaks against its promotion, or against its answers."""
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


def is_altered(state: Path, folder: Path) -> bool:
    """Whether the card or page in this folder is none that was written with the model, as far as known."""
    return _is_altered(ledgers.known(state).get(digest_of(folder), {}), folder)


def _is_altered(entry: Mapping[str, Any], folder: Path) -> bool:
    cards = entry.get("cards", [])
    there = [path for path in (folder / CARD, folder / PAGE) if path.is_file()]
    return bool(cards) and not {hashlib.sha256(path.read_bytes()).hexdigest() for path in there} <= {*cards}


def made_here(state: Path, digest: str) -> bool:
    """Whether this installation made the file with this digest."""
    return "path" in ledgers.known(state).get(digest, {})


def judge(state: Path, folder: Path, report: Report) -> None:
    """What the report found is the verdict on the model in this folder, as its file is now."""
    verdict = {
        "promotable": report.beats_baselines,
        "words": report.verdict,
        "split": report.split,
        "at": datetime.now(UTC).isoformat(),
    }
    with ledgers.known_changed(state) as known:
        digest = meant(known, folder)
        known[digest] = {**known.get(digest, {}), "verdict": verdict}


def digest_of(folder: Path) -> str:
    """The SHA-256 of the file that says what the model in this folder is, "" when there is none."""
    path = next((folder / name for name in (PORTABLE, DATA) if (folder / name).is_file()), None)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""


def said_by(folder: Path) -> str:
    """The SHA-256 of what a model without pickle says of itself, however that is written; "" of any other."""
    try:
        content = json.loads((folder / PORTABLE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return ""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def meant(known: Mapping[str, Any], folder: Path) -> str:
    """The digest under which the verdict on the model in this folder is kept: its own, or its original's."""
    return str(known.get(said_by(folder), {}).get("of", digest_of(folder)))


def _verdict(known: Mapping[str, Any], folder: Path) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = known.get(meant(known, folder), {}).get("verdict")
    return found


def _against(root: Path, promotion: Mapping[str, Any]) -> str:
    """That its file or card is gone, or another file lies there, as far as the promotion knows its own."""
    name, had = _who(promotion)
    if not name:
        return ""
    has = digest_of(root / name)
    if has and had in {"", has}:
        return _cardless(root / name)
    return SWAPPED if has else GONE


def _cardless(folder: Path) -> str:
    return "" if (folder / CARD).is_file() else CARDLESS


def names(root: Path) -> tuple[Listed, ...]:
    """All model folders under `root`, also without a card, oldest first; none is unpickled."""
    current, amiss, known = promoted(root), against(root), ledgers.known(root)
    found = []
    for folder in {path.parent for name in (CARD, PORTABLE, DATA) for path in root.glob(f"*/{name}")}:
        answers, entry = folder.name == current, known.get(digest_of(folder), {})
        speaks = amiss if answers else _cardless(folder)
        card, altered = objects.read(folder / CARD), _is_altered(entry, folder)
        promoted_ = answers and not speaks
        found.append(Listed(folder.name, folder, card, promoted_, _verdict(known, folder), speaks, altered))
    return tuple(sorted(found, key=lambda listed: (str(listed.card.get("trained_at", "")), listed.name)))


def next_name(root: Path, base: str) -> str:
    """``shop-3`` when ``shop-2`` is the newest there."""
    tails = [
        path.name.removeprefix(f"{base}-") for path in root.glob("*") if path.name.startswith(f"{base}-")
    ]
    numbers = [int(tail) for tail in tails if tail.isdecimal()]
    following = (f"{base}-{number}" for number in itertools.count(max(numbers, default=0) + 1))
    return next(name for name in following if not (root / name).exists())


def promoted(root: Path) -> str:
    """The name of the model that answers, "" where rules do."""
    return answering(root)[0]


def answering(root: Path) -> tuple[str, str]:
    """The name and digest of the model that answers, both "" where rules do: the same as long as it is."""
    return _who(_promotion(root))


def _promotion(root: Path) -> Mapping[str, Any]:
    history = ledgers.history(root)
    return history[-1] if history else {"name": ""}


def _who(promotion: Mapping[str, Any]) -> tuple[str, str]:
    return str(promotion["name"]), str(promotion.get("digest", ""))


def against(root: Path) -> str:
    """What of the promoted model is gone, or that its file is another one now; "" where it answers."""
    return _against(root, _promotion(root))


def check_answers(root: Path) -> None:
    """The model that is promoted may answer: its file is the very one that was promoted, and has its card.

    Raises:
        Refused: it is another one, or either is gone.
    """
    if words := against(root):
        raise _unfit(promoted(root), words)


def _unfit(name: str, words: str) -> errors.Refused:
    again = f"if it is to answer: chaoskit models promote {name}" if words == SWAPPED else "put it back"
    return errors.Refused(
        f"{name} was promoted, but {words}",
        guard="promotion",
        limit="the very file that was promoted, by its digest",
        hint=f"{again}; {RULES}",
    )


def promote(root: Path, name: str) -> bool:
    """The model of this name answers from now on, as its file is now; False when it did already.

    Raises `UnknownName` when there is none, `Refused` when nobody here judged it, or it does not beat the
    baselines.
    """
    digest = digest_of(root / name) if bare(name) else ""
    if not digest or not (root / name / CARD).is_file():
        raise errors.UnknownName(f"no model {name} in {root}", hint="chaoskit models list")
    _check(root / name, _verdict(ledgers.known(root), root / name))
    with ledgers.history_changed(root) as history:
        if history and _who(history[-1]) == (name, digest):
            return False
        history.append({"name": name, "digest": digest, "at": datetime.now(UTC).isoformat()})
    return True


def _check(folder: Path, verdict: Mapping[str, Any] | None) -> None:
    """The verdict is one that promotes."""
    name = folder.name
    judging = f"judge it: chaoskit evaluate --model {name}; or name it: chaoskit predict --model {name}"
    if verdict is None:
        raise errors.Refused(
            f"nobody has judged {name} here: its card is the claim of whoever made it",
            guard="promotion",
            limit="better event F1 than every baseline on data that was judged here",
            hint=judging,
        )
    if not verdict["promotable"]:
        words = str(verdict["words"])
        by = ", in event F1 at the same budget of false alarms" if words.startswith("does not beat") else ""
        raise errors.Refused(
            f"{name} {words}{by}",
            guard="promotion",
            limit=f"better event F1 than every baseline, judged on {verdict['split']}",
            hint=f"collect more failures and train again; {judging}",
        )


def fallback(root: Path) -> str:
    """The model that a rollback would let answer again, "" when there is none or it may not."""
    history = _before(ledgers.history(root))
    name = str(history[-1]["name"]) if history else ""
    verdict = _verdict(ledgers.known(root), root / name) if name else None
    return name if verdict and verdict["promotable"] and not _against(root, history[-1]) else ""


def rollback(root: Path) -> str:
    """Another model, the last that answered before, answers again; its name, "" where rules did.

    Raises `NotFound` when none did, `Refused` when it may not: its verdict or its file has changed since.
    """
    known = ledgers.known(root)
    with ledgers.history_changed(root) as history:
        history[:] = _before(history)
        if not history:
            raise errors.NotFound("no other model was promoted before this one", hint=RULES)
        name = str(history[-1]["name"])
        if words := _against(root, history[-1]):
            raise _unfit(name, words)
        if name:
            _check(root / name, _verdict(known, root / name))
    return name


def retire(root: Path) -> str:
    """Rules answer from now on; the name of the model that did, "" when they did already."""
    with ledgers.history_changed(root) as history:
        answered = str(history[-1]["name"]) if history else ""
        if answered:
            history.append({"name": "", "at": datetime.now(UTC).isoformat()})
    return answered


def _before(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who answered when, until the one that answers now began to."""
    answering = history[-1]["name"] if history else ""
    others = [place for place, each in enumerate(history) if each["name"] != answering]
    return list(history[: others[-1] + 1]) if others else []
