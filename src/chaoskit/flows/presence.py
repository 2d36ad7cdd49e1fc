"""Whom the cluster wants, held against who has samples: who is silent, too new, or wanted no more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chaoskit import prediction
from chaoskit.flows.wanted import Who, due
from chaoskit.records import PredictionRecord

if TYPE_CHECKING:
    from chaoskit.prediction import Dataset, Silent, Young


class Presence:
    """Who had samples, and when last; `replicas` tells how many pods each should have, None: nobody knows."""

    def __init__(self, replicas: Callable[[], Mapping[Who, int] | None]) -> None:
        self._replicas = replicas
        self._heard: dict[Who, datetime] = {}

    def awaited(self, until: datetime) -> bool:
        """Whether somebody who had samples by then should have some still."""
        return bool(self._due([who for who, at in self._heard.items() if at <= until]))

    def silent(self, window: Dataset, now: datetime, chosen: Collection[Who] | None) -> tuple[Silent, ...]:
        """Those who should have samples, and had some, but not lately; the others of them are forgotten."""
        self._heard |= prediction.heard(window)
        quiet = {(each.namespace, each.target): each for each in prediction.silent(self._heard, now)}
        missed = self._missed(quiet, chosen)
        self._heard = {who: at for who, at in self._heard.items() if who in missed or who not in quiet}
        return tuple(each for who, each in quiet.items() if who in missed)

    def young(
        self, window: Dataset, now: datetime, said: Collection[Who], chosen: Collection[Who] | None
    ) -> tuple[Young, ...]:
        """Those whose samples are all too new for a model, without those of whom something is `said`."""
        found = {(each.namespace, each.target): each for each in prediction.young(window, now, said)}
        missed = self._missed(found, chosen)
        return tuple(each for who, each in found.items() if who in missed)

    def wanted(self, found: Sequence[PredictionRecord]) -> Sequence[PredictionRecord]:
        """Without alarms of workloads that are scaled to zero: that their pods go is no failure.

        Metrics cannot tell: once no replica is wanted, nothing says how many are missing.
        """
        if not any(each.alarmed for each in found):
            return found
        idle = {who for who, count in (self._replicas() or {}).items() if not count}
        return [each for each in found if not (each.alarmed and (each.namespace, each.target) in idle)]

    def _missed(self, who: Collection[Who], chosen: Collection[Who] | None) -> set[Who]:
        """Those of the `chosen`, None: of all, that should have samples."""
        missed = self._due(who)
        return missed if chosen is None else missed & set(chosen)

    def _due(self, who: Collection[Who]) -> set[Who]:
        """Those of them that should have samples."""
        return due(who, self._replicas() if who else None)
