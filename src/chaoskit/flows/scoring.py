"""Past predictions of a namespace are held against what came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chaoskit import prediction
from chaoskit.errors import CannotStart, NoBaseline
from chaoskit.flows import learning
from chaoskit.flows.world import World
from chaoskit.records import PredictionRecord

if TYPE_CHECKING:
    from chaoskit.prediction.judging.scoring import Score

STEP = 60
"""Seconds: as fine as predictions are made."""

BEFORE = timedelta(hours=1)
"""What failed is told by what was before it."""


def scorecard(world: World, namespace: str, length: timedelta) -> tuple[Score, ...]:
    """How each model did, and the rules, over the last `length`; namespace "" means all but protected ones.

    Raises:
        NoBaseline: nothing was predicted then.
        CannotStart: there is no Prometheus, or it remembers nothing of that time.
    """
    from chaoskit.prediction.judging import scoring

    now = world.clock.now()
    kept = world.kept("prediction", {"namespace": namespace} if namespace else {}, since=now - length)
    hidden = () if namespace else world.limits.protected
    records = [each for each in map(PredictionRecord.of, kept) if each.namespace not in hidden]
    if not records:
        raise NoBaseline(
            f"nothing was predicted for {namespace or 'any namespace'} in that time",
            hint=f"chaoskit predict {f'-n {namespace}' if namespace else '-A'} --watch",
        )
    if world.metrics is None:
        raise CannotStart("there is no Prometheus that knows what came", hint="--prometheus URL")
    start = min(each.at for each in records) - BEFORE
    seen = prediction.collect(world.metrics, start, now, namespace, step=STEP, without=hidden)
    extra = learning.labels_of(world)
    found = []
    for of_one in scoring.by_model(records).values():
        labelled = prediction.label(seen, scoring.target_of(of_one), extra=extra)
        found.append(scoring.score(of_one, labelled))
    return tuple(sorted(found, key=lambda each: -each.judged))
