"""What is foreseen at one moment, and by whom: a model with its manner of speaking, or rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chaoskit import prediction
from chaoskit.records import PredictionRecord

if TYPE_CHECKING:
    from chaoskit.prediction import Dataset, Health, Model, Silent, Young


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model speaks: whether it forecasts or detects, and which classes of failure it can do which with.

    Without a model (`name` "rules") rules speak. `forest_alarms` says whether its forest alarms by itself;
    `held_back` which model was promoted and does not answer here, and why.
    """

    name: str
    mode: str
    horizon_minutes: float
    trained_at: datetime | None = None
    forecasts: tuple[str, ...] = ()
    detects: tuple[str, ...] = ()
    forest_alarms: bool = True
    held_back: str = ""

    @property
    def document(self) -> Mapping[str, Any]:
        """It as JSON."""
        return {
            "name": self.name,
            "mode": self.mode,
            "horizonMinutes": self.horizon_minutes,
            "trainedAt": self.trained_at.isoformat() if self.trained_at else None,
            "forecasts": list(self.forecasts),
            "detects": list(self.detects),
            **({"heldBack": self.held_back} if self.held_back else {}),
        }


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is foreseen at one moment, riskiest first, by whom, and what speaks against it.

    Of the `silent` nothing can be said: they should run, but their samples have stopped. Nor of the `young`,
    which have no past to compare with. `everywhere` says that more than one namespace was looked at.
    """

    at: datetime
    predictions: tuple[PredictionRecord, ...]
    manner: Manner
    health: Health
    silent: tuple[Silent, ...] = ()
    young: tuple[Young, ...] = ()
    everywhere: bool = False

    @property
    def unknown(self) -> tuple[Silent | Young, ...]:
        """Those of whom nothing can be said."""
        return *self.silent, *self.young


def manner(model: tuple[str, Model] | None, held_back: str = "") -> Manner:
    """How this model speaks, or the rules where there is none, or it is `held_back`."""
    from chaoskit.prediction.answers.rules import HORIZON_MINUTES, NAME
    from chaoskit.prediction.labelling.foresight import forecasts
    from chaoskit.prediction.learning.joined import FOREST

    if model is None:
        return Manner(NAME, "rules", HORIZON_MINUTES, held_back=held_back)
    name, trained = model
    target = trained.target
    classes = [str(each) for each in trained.issues.classes_]
    ahead = forecasts(target, classes)
    return Manner(
        name,
        target.mode,
        target.lead.total_seconds() / 60,
        trained.trained_at,
        ahead,
        tuple(each for each in classes if each not in ahead),
        trained.join.told.get(FOREST, 0.0) is not None,
    )


def strange(model: tuple[str, Model], window: Dataset) -> str:
    """Why this model does not answer here, most of its signals being absent; "" where it does."""
    name, asked = model
    words = prediction.strange_here(asked, window.select(asked.spec.signals))
    return f"{name} does not answer here: {words}" if words else ""
