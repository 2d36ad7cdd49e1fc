"""What an event reports: about which object, since when, and when last."""

from __future__ import annotations

from datetime import datetime

from chaoskit import kube
from chaoskit.ports.cluster import Object


def kind(event: Object) -> str:
    """The kind of the object that it is about: ``Pod``."""
    return _about(event, "kind")


def subject(event: Object) -> str:
    """The name of the object that it is about."""
    return _about(event, "name")


def place(event: Object) -> str:
    """The namespace of the object that it is about."""
    return _about(event, "namespace")


def _about(event: Object, field: str) -> str:
    return str((event.get("involvedObject") or {}).get(field, ""))


def last(event: Object, now: datetime) -> datetime:
    """When it was seen last; an event that does not say is as old as can be told: now."""
    series = event.get("series") or {}
    texts = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((at for text in texts if (at := kube.time_of(text)) is not None), now)


def first(event: Object, now: datetime) -> datetime:
    """When it was seen first."""
    return kube.time_of(event.get("firstTimestamp") or event.get("eventTime")) or last(event, now)
