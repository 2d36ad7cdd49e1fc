"""What Alertmanager is to hold of an outlook: which alerts begin, stand and end with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chaoskit.flows.outlook import Outlook
from chaoskit.flows.wanted import Who
from chaoskit.ports.notifier import Raised
from chaoskit.records import PredictionRecord

ALERT, DOUBT = "ChaoskitFailureLikely", "ChaoskitModelDoubtful"


class Alerts:
    """What Alertmanager is to hold: an alert for each alarm while it lasts, its end when it is over.

    What speaks against the model itself is one too: its silence is not to be taken for health.
    """

    def __init__(self, lasting: timedelta, namespace: str) -> None:
        self._lasting, self._namespace = lasting, namespace
        self._raised: dict[Who, Raised] = {}

    def of(self, outlook: Outlook) -> tuple[Raised, ...]:
        """The alerts to push after this look; each ends by itself unless it is pushed again.

        That nothing is known of an alarmed workload, its samples having stopped or its pods being new, is no
        end of its alarm.
        """
        ends = outlook.at + self._lasting
        now = {(each.namespace, each.target): each for each in outlook.predictions if each.alarmed}
        fresh = {who: self._alert(each, ends) for who, each in now.items()}
        fresh |= {who: self._doubt(outlook, kind, words, ends) for who, kind, words in self._doubts(outlook)}
        unknown = {(each.namespace, each.target) for each in outlook.unknown}
        kept = {
            who: replace(alert, ends=ends)
            for who, alert in self._raised.items()
            if who in unknown and who not in fresh
        }
        standing = fresh | kept
        over = [
            replace(alert, ends=outlook.at)
            for who, alert in self._raised.items()
            if who not in standing or standing[who].labels != alert.labels
        ]
        self._raised = standing
        return (*standing.values(), *over)

    def _doubts(self, outlook: Outlook) -> Iterator[tuple[Who, str, Sequence[str]]]:
        """What speaks against the model, of each kind: its key, the kind, and words."""
        health = outlook.health
        old = (health.old,) if health.old else ()
        for kind, words in (("drift", health.drift), ("stale-signals", health.stale), ("old-model", old)):
            if words:
                yield (self._namespace, f"model {kind}"), kind, words

    def _doubt(self, outlook: Outlook, kind: str, words: Sequence[str], ends: datetime) -> Raised:
        before = self._raised.get((self._namespace, f"model {kind}"))
        labels = {
            "alertname": DOUBT,
            "namespace": self._namespace,
            "model": outlook.manner.name,
            "reason": kind,
            "severity": "warning",
        }
        place = self._namespace or "all namespaces"
        summary = f"{outlook.manner.name} may be wrong about {place}: {kind.replace('-', ' ')}"
        said = {"summary": summary, "description": "; ".join(words)}
        return Raised(labels, said, self._since(before, labels, outlook.at), ends)

    @staticmethod
    def _since(before: Raised | None, labels: Mapping[str, str], now: datetime) -> datetime:
        """When it began: of an alert that stands already, its beginning."""
        return before.starts if before is not None and before.labels == labels else now

    def _alert(self, record: PredictionRecord, ends: datetime) -> Raised:
        before = self._raised.get((record.namespace, record.target))
        labels = {
            "alertname": ALERT,
            "namespace": record.namespace,
            "workload": record.target,
            "class": record.issue or "unknown",
            "model": record.model,
            "severity": "warning",
        }
        return Raised(labels, _annotations(record), self._since(before, labels, record.at), ends)


def _annotations(record: PredictionRecord) -> dict[str, str]:
    return {
        "summary": f"{record.target} in {record.namespace} {_says(record)}",
        "description": "; ".join(record.reasons),
        "prediction": record.id,
    }


def _says(record: PredictionRecord) -> str:
    """Of what a rule alarms on, the forest need not say that it is probable."""
    if record.rule:
        return f"is alarmed by {record.rule} (forest: {record.probability or 0:.0%})"
    minutes = record.horizon_minutes
    says = f"is likely to fail within {minutes:g} min" if minutes else record.words
    return says if record.probability is None else f"{says}, {record.probability:.0%} probable"
