"""Answers with a model: for each workload how likely it fails, how sure, as what, and why, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from chaoskit import clusters, errors
from chaoskit.ports.cluster import Identity
from chaoskit.prediction import features
from chaoskit.prediction.answers.explanation import explained, issues_of, spoken
from chaoskit.prediction.answers.reasons import Look, duration
from chaoskit.prediction.answers.risks import Compute, Seen, risks_of, samples_in
from chaoskit.prediction.data.dataset import Block, Dataset, present
from chaoskit.prediction.labelling.labels import STALE
from chaoskit.prediction.learning.training import Model
from chaoskit.records import PredictionRecord, new_id

EXPLAINED = 10
"""Only so many workloads, the riskiest, get reasons and a trend."""


def history(model: Model) -> timedelta:
    """How much of the past `predict` wants: what features and evidence reach, and the trend's hour."""
    step, hour = model.spec.step, round(3600 / model.spec.step)
    samples = max(model.spec.shape.reach + hour, model.sign_spec.shape.reach) + model.target.confirm
    return timedelta(seconds=samples * step)


def predict(
    model: Model,
    window: Dataset,
    *,
    now: datetime,
    name: str = "",
    cluster: Identity = clusters.NOWHERE,
    trace_ids: Sequence[str] = (),
    compute: Compute = features.compute,
) -> tuple[PredictionRecord, ...]:
    """One record per workload, riskiest first: its riskiest pod speaks for it.

    `probability` is calibrated; `low` and `high` are the 10th and 90th percentile over small forests of ten
    trees; `score` is the alarm score, 1 the threshold: of the member that is furthest beyond its own, else of
    those that rank. A rule that alarms is the first reason. Alarmed workloads come first, then probable ones.
    `trace_ids` are used up in order, new ones made after that. `compute` makes the features: `Following`
    does it for look after look. Raises `NoSamples` when the newest sample is five minutes old.
    """
    dataset = window.thin(model.spec.step).select(model.spec.signals)
    block = dataset.blocks[-1]
    _check_fresh(block, now)
    seen = Seen(model, dataset, block, compute)
    risks = risks_of(model, seen)
    looks = [Look.at(dataset, block, risk.row) for risk in risks]
    said = [spoken(model, seen, risk, look) for risk, look in zip(risks, looks, strict=True)]
    issues = issues_of(model, seen, risks, looks, said)
    details = explained(model, seen, risks[:EXPLAINED], looks, said)
    traces = iter(trace_ids)
    records = []
    for risk, issue in zip(risks, issues, strict=True):
        identity = new_id(now)
        records.append(
            PredictionRecord(
                id=identity,
                at=now,
                trace_id=next(traces, identity),
                target=risk.who.workload,
                namespace=risk.who.namespace,
                **clusters.fields(cluster),
                model=name,
                mode=model.target.mode,
                horizon_minutes=model.target.lead.total_seconds() / 60,
                probability=risk.probability,
                low=min(risk.low, risk.probability),
                high=max(risk.high, risk.probability),
                score=risk.score,
                alarmed=risk.alarmed,
                rule=risk.rule,
                issue=issue,
                **details.get(risk.row, {}),
            )
        )
    return tuple(records)


def _check_fresh(block: Block, now: datetime) -> None:
    recent = block.cut(max(0, block.length - samples_in(STALE, block)), block.length)
    if now - recent.start <= STALE and present(recent.values).any():
        block = recent
    there = np.flatnonzero(present(block.values).any(axis=0))
    if not len(there):
        raise errors.NoSamples("no pod has a sample of the model's signals", hint="chaoskit doctor")
    age = now - block.at(int(there[-1]))
    if age >= STALE:
        raise errors.NoSamples(
            f"the newest sample is {duration(age.total_seconds() / 60)} old: that says nothing about now",
            hint="see whether Prometheus still scrapes",
        )
