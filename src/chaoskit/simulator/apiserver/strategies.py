"""The rules of how workloads replace their pods: surge, unavailability, deadlines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chaoskit.simulator.apiserver.apierrors import Cause, forbidden_field, required, unsupported, wrong
from chaoskit.simulator.apiserver.store import dumps
from chaoskit.simulator.objects import Object

_BAD_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
    "regex used for validation is '[0-9]+%')"
)
_NOT_NEGATIVE = "must be greater than or equal to 0"


def deployment(spec: Object) -> Iterator[Cause]:
    """What is wrong with a deployment's strategy and times."""
    yield from _times(spec)
    least, deadline = spec.get("minReadySeconds") or 0, spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= least:
        yield wrong("spec.progressDeadlineSeconds", str(deadline), "must be greater than minReadySeconds")
    strategy, path = spec.get("strategy") or {}, "spec.strategy"
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate" and rolling is not None:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        yield forbidden_field(f"{path}.rollingUpdate", detail)
    elif kind == "RollingUpdate":
        yield from _bounded(rolling or {}, f"{path}.rollingUpdate")
    elif kind != "Recreate":
        yield unsupported(f"{path}.type", str(kind), ("Recreate", "RollingUpdate"))


def daemon_set(spec: Object) -> Iterator[Cause]:
    """What is wrong with a daemon set's strategy and times."""
    yield from _times(spec)
    yield from _replacing(spec)
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate")
    if rolling is None:
        return
    path = "spec.updateStrategy.rollingUpdate"
    bad = list(_amounts(rolling, path))
    yield from bad
    surge, unavailable = rolling.get("maxSurge", 0), rolling.get("maxUnavailable", 0)
    if bad:
        return
    if _some(surge) and _some(unavailable):
        detail = "may not be set when maxUnavailable is non-zero"
        yield wrong(f"{path}.maxSurge", printed(surge), detail)
    elif not _some(surge) and not _some(unavailable):
        yield required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def stateful_set(spec: Object) -> Iterator[Cause]:
    """What is wrong with a stateful set's strategy and times."""
    yield from _times(spec)
    yield from _replacing(spec)
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    partition = rolling.get("partition", 0)
    if partition < 0:
        yield wrong("spec.updateStrategy.rollingUpdate.partition", str(partition), _NOT_NEGATIVE)
    policy = spec.get("podManagementPolicy")
    if policy not in {"OrderedReady", "Parallel"}:
        yield wrong("spec.podManagementPolicy", f'"{policy}"', "must be 'OrderedReady' or 'Parallel'")


def _times(spec: Object) -> Iterator[Cause]:
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        if (spec.get(field) or 0) < 0:
            yield wrong(f"spec.{field}", str(spec[field]), _NOT_NEGATIVE)


def _replacing(spec: Object) -> Iterator[Cause]:
    kind = (spec.get("updateStrategy") or {}).get("type")
    if kind not in {"RollingUpdate", "OnDelete"}:
        yield unsupported("spec.updateStrategy.type", str(kind), ("OnDelete", "RollingUpdate"))


def _bounded(rolling: Object, path: str) -> Iterator[Cause]:
    bad = list(_amounts(rolling, path))
    yield from bad
    if not bad and not _some(rolling.get("maxUnavailable")) and not _some(rolling.get("maxSurge")):
        unavailable = printed(rolling.get("maxUnavailable", 0))
        yield wrong(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")


def _amounts(rolling: Object, path: str) -> Iterator[Cause]:
    for field in ("maxUnavailable", "maxSurge"):
        value = rolling.get(field)
        if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
            yield wrong(f"{path}.{field}", printed(value), _BAD_PERCENT)
        elif isinstance(value, int) and value < 0:
            yield wrong(f"{path}.{field}", printed(value), _NOT_NEGATIVE)
    unavailable = rolling.get("maxUnavailable")
    if isinstance(unavailable, str) and re.fullmatch(r"[0-9]+%", unavailable) and int(unavailable[:-1]) > 100:
        yield wrong(f"{path}.maxUnavailable", printed(unavailable), "must not be greater than 100%")


def _some(value: int | str | None) -> bool:
    """Whether an int-or-percentage is more than nothing."""
    return int(str(value or 0).removesuffix("%")) > 0


def printed(value: Any) -> str:
    """A value as messages have it."""
    return dumps(value).decode()
