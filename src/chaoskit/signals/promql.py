"""PromQL of signals: selectors, the whole expression behind a recorded name, windows, metrics named in it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chaoskit.ports.metrics import Signal

SCRAPES = 4
"""A rate looks at so many scrapes: one may fail, and it still sees two."""


def selector(record: str, where: Mapping[str, str]) -> str:
    """``chaoskit:ready:bool{namespace="shop"}``, values quoted as PromQL needs it."""
    pairs = (f'{label}="{_quoted(value)}"' for label, value in sorted(where.items()))
    matchers = ",".join(pairs)
    return f"{record}{{{matchers}}}" if matchers else record


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def expression(signal: Signal) -> str:
    """The recording rule's whole PromQL: the signal's own, with the labels that its scope promises.

    Pods get ``workload`` and ``workload_kind`` from kube-state-metrics; those of which it says nothing,
    or all where it is absent, stay without.
    """
    if signal.scope != "pod":
        return signal.promql
    own, owners = f"({signal.promql})", _owners()
    return (
        f"({own} * on(namespace,pod) group_left(workload,workload_kind) {owners})"
        f" or ({own} unless on(namespace,pod) {owners})"
    )


def _owners() -> str:
    """One series of value 1 for each owned pod; a Deployment's name is its replica set's without the hash."""
    owned = [("ReplicaSet", "deployment", "(.+)-[^-]+")]
    owned += [(kind, kind.lower(), "(.+)") for kind in ("StatefulSet", "DaemonSet", "Job")]
    each = (
        f'label_replace(label_replace(kube_pod_owner{{owner_kind="{owner}"}}, "workload", "$1", "owner_name",'
        f' "{name}"), "workload_kind", "{kind}", "", "")'
        for owner, kind, name in owned
    )
    return f"max by(namespace,pod,workload,workload_kind)({' or '.join(each)})"


_WINDOW = re.compile(r"\[(\d+)(s|m|h)\]")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def windows(promql: str) -> tuple[int, ...]:
    """The lengths in seconds of the ranges that it looks back on."""
    return tuple(int(count) * _SECONDS[unit] for count, unit in _WINDOW.findall(promql))


def scraped_every(promql: str, interval: int) -> str:
    """The same with every range long enough for `SCRAPES` scrapes, one every `interval` seconds."""
    least = SCRAPES * interval

    def widened(found: re.Match[str]) -> str:
        seconds = int(found[1]) * _SECONDS[found[2]]
        return found[0] if seconds >= least else f"[{least}s]"

    return _WINDOW.sub(widened, promql)


_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end"})
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_ASIDE = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_NAME = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])")


def metrics_of(promql: str) -> tuple[str, ...]:
    """The names of the metrics that it selects, in order, each once."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", _ASIDE.sub(" ", promql))
    names = _NAME.findall(_GROUPING.sub(" ", bare))
    return tuple(dict.fromkeys(name for name in names if name.lower() not in _WORDS))
