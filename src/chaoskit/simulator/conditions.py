"""Conditions in a status: each says since when it is so. Pure."""

from __future__ import annotations

from typing import Any

from chaoskit.simulator.objects import Object


def turned(
    old: Object | None, kind: str, verdict: str, reason: str, message: str, now: str, **more: Any
) -> Object:
    """The condition that says so since `now`, or since `old` did where its verdict was the same.

    `more` are fields that not every condition has.
    """
    since = old["lastTransitionTime"] if old is not None and old["status"] == verdict else now
    return {
        "type": kind,
        "status": verdict,
        **more,
        "lastTransitionTime": since,
        "reason": reason,
        "message": message,
    }
