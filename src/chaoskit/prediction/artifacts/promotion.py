"""Which model answers, and which one may: one that was judged here, as its file is, to beat the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaoskit import errors
from chaoskit.prediction.artifacts import ledgers, verdicts
from chaoskit.prediction.artifacts.folders import CARD, file_digest
from chaoskit.prediction.naming import bare

GONE, CARDLESS = "its file is gone", "its card is gone"
SWAPPED = "its file is not the one that was promoted"

RULES = "to let rules answer: chaoskit models retire"


def promoted(root: Path) -> str:
    """The name of the model that answers, "" where rules do."""
    return answering(root)[0]


def answering(root: Path) -> tuple[str, str]:
    """The name and digest of the model that answers, both "" where rules do: the same as long as it is."""
    return _entry(_promotion(root))


def _promotion(root: Path) -> Mapping[str, Any]:
    history = ledgers.history(root)
    return history[-1] if history else {"name": ""}


def _entry(promotion: Mapping[str, Any]) -> tuple[str, str]:
    return str(promotion["name"]), str(promotion.get("digest", ""))


def against(root: Path) -> str:
    """What of the promoted model is gone, or that its file is another one now; "" where it answers."""
    return _objection(root, _promotion(root))


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


def _objection(root: Path, promotion: Mapping[str, Any]) -> str:
    """That its file or card is gone, or another file lies there, as far as the promotion knows its own."""
    name, had = _entry(promotion)
    if not name:
        return ""
    has = file_digest(root / name)
    if has and had in {"", has}:
        return cardless(root / name)
    return SWAPPED if has else GONE


def cardless(folder: Path) -> str:
    """That its card is gone; "" where it is there."""
    return "" if (folder / CARD).is_file() else CARDLESS


def promote(root: Path, name: str) -> bool:
    """The model of this name answers from now on, as its file is now; False when it did already.

    Raises `UnknownName` when there is none, `Refused` when nobody here judged it, or it does not beat the
    baselines.
    """
    digest = file_digest(root / name) if bare(name) else ""
    if not digest or not (root / name / CARD).is_file():
        raise errors.UnknownName(f"no model {name} in {root}", hint="chaoskit models list")
    _check(root / name, verdicts.verdict(ledgers.known(root), root / name))
    with ledgers.history_changed(root) as history:
        if history and _entry(history[-1]) == (name, digest):
            return False
        history.append({"name": name, "digest": digest, "at": datetime.now(UTC).isoformat()})
    return True


def _check(folder: Path, verdict: Mapping[str, Any] | None) -> None:
    """The verdict is one that promotes."""
    name = folder.name
    judging = (
        f"judge it: chaoskit evaluate --data FOLDER --mapping FILE --model {name}; "
        f"or name it: chaoskit predict --model {name}"
    )
    if verdict is None:
        raise errors.Refused(
            f"nobody has judged {name} here: its card is the claim of whoever made it",
            guard="promotion",
            limit="better event F1 than every baseline on data that was judged here",
            hint=judging,
        )
    if not verdict["promotable"]:
        by = ", in event F1 at the same budget of false alarms" if verdicts.is_beaten(verdict) else ""
        raise errors.Refused(
            f"{name} {verdict['words']}{by}",
            guard="promotion",
            limit=f"better event F1 than every baseline, judged on {verdict['split']}",
            hint=f"collect more failures and train again; {judging}",
        )


def fallback(root: Path) -> str:
    """The model that a rollback would let answer again, "" when there is none or it may not."""
    history = _before(ledgers.history(root))
    name = str(history[-1]["name"]) if history else ""
    verdict = verdicts.verdict(ledgers.known(root), root / name) if name else None
    return name if verdict and verdict["promotable"] and not _objection(root, history[-1]) else ""


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
        if words := _objection(root, history[-1]):
            raise _unfit(name, words)
        if name:
            _check(root / name, verdicts.verdict(known, root / name))
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
