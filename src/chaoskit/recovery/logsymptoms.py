"""Symptoms from the last lines of ailing pods' logs: what an application says about why it cannot work.

Only the known phrase is told, never the line around it: lines may hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chaoskit import kube
from chaoskit.recovery.symptoms import Severity, Symptom
from chaoskit.topology import Topology, Workload

LINES = 60
"""How many of the last lines are looked at."""

Logs = Mapping[tuple[str, str], str]
"""The last lines of pods' logs, by namespace and pod."""


@dataclass(frozen=True, slots=True)
class _Saying:
    """Phrases of databases' drivers, resolvers and kernels that mean the same everywhere."""

    kind: str
    meaning: str
    phrases: tuple[str, ...]
    shown: str = ""
    """Told instead of what was found, where that may hold an address with its password."""

    def find(self, text: str) -> str:
        """The phrase that is said last; "" when none is."""
        found = [match[0] for match in re.finditer("|".join(self.phrases), text, re.IGNORECASE)]
        return (self.shown or found[-1]) if found else ""


_STORES = r"(?:postgres\w*|mysql|mariadb|mongo\w*|redis|valkey|database|db|5432|3306|27017|6379)"

SAYINGS = (
    _Saying("database-auth", "the database refuses its credentials", (
        r"password authentication failed", r"Access denied for user", r"no pg_hba\.conf entry",
        r"SASL authentication failed", r"SCRAM-SHA-\d+ authentication failed", r"Authentication failed\.",
        r"WRONGPASS", r"NOAUTH", r"ORA-01017", r"Login failed for user",
    )),
    _Saying("database-refusing", "the database takes no more connections", (
        r"too many clients already", r"Too many connections", r"remaining connection slots are reserved",
        r"max number of clients reached", r"connection pool (?:is )?exhausted",
        r"TimeoutError: QueuePool limit",
    )),
    _Saying("dns-failure", "names cannot be looked up", (
        r"no such host", r"Temporary failure in name resolution", r"Name or service not known",
        r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN)", r"could not translate host name", r"UnknownHostException",
        r"server misbehaving",
    )),
    _Saying("database-refused", "the database cannot be reached", (
        rf"{_STORES}[^\n]{{0,60}}(?:connection refused|ECONNREFUSED)",
        rf"(?:connection refused|ECONNREFUSED)[^\n]{{0,60}}{_STORES}",
        r"could not connect to server", r"ServerSelectionTimeoutError",
    ), shown="connection refused"),
    _Saying("no-space", "its disk is full", (r"No space left on device", r"ENOSPC", r"disk quota exceeded")),
    _Saying("heap-exhausted", "its own memory ran out", (
        r"java\.lang\.OutOfMemoryError", r"JavaScript heap out of memory", r"Cannot allocate memory",
        r"fatal error: runtime: out of memory",
    )),
)  # fmt: skip
"""In the order in which they count: who names a cause is believed before who names an effect of it."""


def detect(topology: Topology, logs: Logs, *, now: datetime) -> tuple[Symptom, ...]:
    """What the logs of ailing pods say about why; at most one symptom of each workload."""
    return tuple(found for w in topology.workloads.values() for found in _of_workload(w, logs, now))


def _of_workload(workload: Workload, logs: Logs, now: datetime) -> Iterator[Symptom]:
    texts = {
        pod["metadata"]["name"]: logs.get((workload.ref.namespace, pod["metadata"]["name"]), "")
        for pod in workload.pods
    }
    for saying in SAYINGS:
        said = {pod: phrase for pod, text in texts.items() if (phrase := saying.find(text))}
        if not said:
            continue
        pod, phrase = next(iter(said.items()))
        words = f"{saying.meaning}: the log of {pod} says {phrase!r}"
        severity = Severity.CRITICAL if workload.ready == 0 else Severity.HIGH
        yield Symptom(saying.kind, workload.ref, _since(workload, now), severity, words, tuple(sorted(said)))
        return


def _since(workload: Workload, now: datetime) -> datetime:
    """Logs carry no times that can be relied on: since the pods that say so stopped being ready."""
    conditions = [kube.condition(pod, "Ready") or {} for pod in workload.alive]
    times = [
        kube.time_of(each.get("lastTransitionTime")) for each in conditions if each.get("status") != "True"
    ]
    return min((at for at in times if at is not None), default=now)
