"""What helped in the incidents that a prediction is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chaoskit.flows.world import World
from chaoskit.records import PredictionRecord

NEAR = timedelta(hours=1)
"""A recovery within so much of an incident was of it."""


def with_help(world: World, found: Sequence[PredictionRecord]) -> tuple[PredictionRecord, ...]:
    """The predictions with what helped in the incidents that they are like."""
    if not any(each.similar for each in found):
        return tuple(found)
    from chaoskit.flows.auto_recovery import kept_attempts

    attempts = [each for each in kept_attempts(world) or () if each.helped]

    def helped(incident: Mapping[str, Any]) -> str:
        who, at = (incident["namespace"], incident["target"]), datetime.fromisoformat(incident["at"])
        of_it = (each for each in attempts if (each.namespace, each.target) == who)
        return next((each.helped for each in of_it if abs(each.at - at) <= NEAR), "")

    return tuple(
        replace(each, similar=tuple({**like, "helped": helped(like)} for like in each.similar))
        for each in found
    )
