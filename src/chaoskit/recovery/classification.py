"""Which issue the symptoms amount to: its class, how sure, and what a model says of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chaoskit.ports.cluster import ObjectRef
from chaoskit.records import WORDS
from chaoskit.recovery.issues import CLASS_OF, CLASSES, PAST, PRECEDENCE, Issue, believed, called
from chaoskit.recovery.roots import rooted
from chaoskit.recovery.symptoms import Symptom
from chaoskit.redaction import nameless, scrubbed
from chaoskit.secretvalues import without
from chaoskit.topology import Topology


@dataclass(frozen=True, slots=True)
class Vote:
    """What a model says of a workload: the issue that it sees coming and how likely (0 to 1)."""

    namespace: str
    target: str
    issue: str
    probability: float


def classify(
    symptoms: Iterable[Symptom],
    votes: Sequence[Vote] = (),
    *,
    topology: Topology | None = None,
    now: datetime,
    secrets: Collection[str] = (),
) -> tuple[Issue, ...]:
    """One issue for each target with symptoms, roots first, then the gravest.

    With a topology, issues that another one explains carry its id as their `root`. What pods, events and
    alerts say comes in here: it is without these `secrets`, and without what looks secret, wherever an issue
    is told.
    """
    grouped: dict[ObjectRef, list[Symptom]] = {}
    for symptom in symptoms:
        grouped.setdefault(symptom.target, []).append(_discreet(symptom, secrets))
    issues = [_issue(members, votes, now) for members in grouped.values()]
    found = issues if topology is None else rooted(issues, topology)
    return tuple(sorted(found, key=lambda i: (bool(i.root), -i.severity, -i.confidence, i.id)))


def _discreet(symptom: Symptom, secrets: Collection[str]) -> Symptom:
    """The symptom, its words without these secrets but for what its target is called.

    They may end in the middle of one: what a probe says is cut.
    """
    names = (symptom.kind, str(symptom.target), symptom.target.namespace, *symptom.pods, *WORDS)
    whole = without(f"{symptom.evidence}{_CUT}", nameless(secrets, names))
    return replace(symptom, evidence=scrubbed(whole.removesuffix(_CUT)))


_CUT = "…"


def _issue(symptoms: list[Symptom], votes: Sequence[Vote], now: datetime) -> Issue:
    """What is believed says what it is; what was only told makes surer of it where it is of the same class.

    What is past does not, beside what is seen now. What nothing but alerts tells of is as old as their last
    word.
    """
    ranked = sorted(believed(symptoms), key=lambda s: (PRECEDENCE.index(s.kind), -s.severity))
    told = [each for each in symptoms if each not in ranked]
    counted = [*ranked, *(each for each in told if each.kind not in PAST)]
    kind, target = CLASS_OF[ranked[0].kind], ranked[0].target
    issue = Issue(
        id=called(kind, target, hearsay=all(each.unseen for each in symptoms)),
        kind=kind,
        target=target,
        at=max(symptom.heard or now for symptom in ranked),
        since=min(symptom.since for symptom in ranked),
        severity=max(symptom.severity for symptom in ranked),
        confidence=_confidence(CLASSES[kind], counted),
        symptoms=(*ranked, *told),
    )
    mine = [v for v in votes if (v.namespace, v.target) == (target.namespace, str(target))]
    return issue if not mine else _heard(issue, max(mine, key=lambda vote: vote.probability))


def _confidence(weights: Mapping[str, float], symptoms: Iterable[Symptom]) -> float:
    """How sure several symptoms make us together: one less the chance that each of them misleads."""
    kinds = {symptom.kind for symptom in symptoms}
    return round(1 - math.prod(1 - weights.get(kind, 0.0) for kind in kinds), 2)


def _heard(issue: Issue, vote: Vote) -> Issue:
    """The issue with the model's opinion: agreement makes surer, disagreement less sure, and is shown."""
    said = vote.issue.replace(" ", "-").replace("_", "-")
    words = f"the model says {said.replace('-', ' ')} ({vote.probability:.0%})"
    if said == issue.kind:
        surer = issue.confidence + (1 - issue.confidence) * vote.probability / 2
        return replace(issue, model=words, confidence=round(surer, 2))
    less = issue.confidence * (1 - vote.probability / 4)
    return replace(issue, model=words, confidence=round(less, 2), disagrees=True)
