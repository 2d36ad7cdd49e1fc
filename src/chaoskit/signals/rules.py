"""Recording rules: every signal under its recorded name, as Prometheus or its operator reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from chaoskit.ports.metrics import Signal
from chaoskit.signals.promql import expression, scraped_every

OPERATOR = "monitoring.coreos.com/v1"
"""The API in which Prometheus' operator takes rules."""


def groups(signals: Iterable[Signal], *, scraped: int = 0) -> dict[str, Any]:
    """The content of a rule file: a group for each step, so that each signal is recorded as often as it says.

    `scraped` seconds between two scrapes widen ranges that would hold too few of them.
    """
    ranked = sorted((each for each in signals if each.record), key=lambda signal: signal.step)
    return {
        "groups": [
            {
                "name": f"chaoskit-{step}s",
                "interval": f"{max(step, scraped)}s",
                "rules": [_rule(signal, scraped) for signal in of_step],
            }
            for step, of_step in groupby(ranked, key=lambda signal: signal.step)
        ]
    }


def _rule(signal: Signal, scraped: int) -> dict[str, str]:
    return {"record": signal.record, "expr": scraped_every(expression(signal), scraped)}


def manifest(content: Mapping[str, Any], *, name: str, namespace: str) -> dict[str, Any]:
    """The same as an object for Prometheus' operator."""
    about = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": OPERATOR, "kind": "PrometheusRule", "metadata": about, "spec": dict(content)}
