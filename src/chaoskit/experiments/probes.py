"""Conditions of a steady state as Litmus probes: Litmus looks as well, from inside the cluster."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from chaoskit.documents import duration
from chaoskit.experiments.spec import Experiment
from chaoskit.signals import selector
from chaoskit.steadystate.conditions import (
    CommandCondition,
    Condition,
    HttpCondition,
    SignalCondition,
)

MODES = {"before": "SOT", "after": "EOT", "edges": "Edge", "continuous": "Continuous"}
"""When a condition must hold, in Litmus' words."""

_HOLDS = "held"
"""What a command probe writes when the command ended as it should: Litmus compares text, not exit codes."""


def of_experiment(experiment: Experiment) -> list[dict[str, Any]]:
    """A probe for each condition that asks for one, by names that tell them apart."""
    asked = [each for each in experiment.spec.steady_state if each.litmus_probe]
    return [_probe(experiment, each, index) for index, each in enumerate(asked)]


def _probe(experiment: Experiment, condition: Condition, index: int) -> dict[str, Any]:
    type_, inputs = _inputs(experiment, condition)
    return {
        "name": f"steady-{index}",
        "type": type_,
        "mode": MODES[condition.mode],
        f"{type_}/inputs": inputs,
        "runProperties": {
            "probeTimeout": duration(max(1.0, _longest(condition))),
            "interval": "1s",
            "attempt": 2,
            "probePollingInterval": duration(condition.interval),
            "stopOnFailure": condition.abort
            or condition.mode == "edges",  # else it does not say which of both
        },
    }


def _longest(condition: Condition) -> float:
    source = condition.http or condition.command
    return source.timeout if source is not None else 10.0


def _inputs(experiment: Experiment, condition: Condition) -> tuple[str, Mapping[str, Any]]:
    if condition.http is not None:
        return "httpProbe", http(condition.http)
    if condition.command is not None:
        return "cmdProbe", command(condition.command)
    assert condition.prometheus is not None
    query = condition.prometheus.query or _selected(condition.prometheus, experiment.metadata.namespace)
    return "promProbe", prometheus(condition.prometheus, experiment.spec.litmus.prometheus, query)


def http(condition: HttpCondition) -> dict[str, Any]:
    """The inputs of an httpProbe."""
    return {
        "url": condition.url,
        "method": {"get": {"criteria": "==", "responseCode": str(condition.status)}},
    }


def command(condition: CommandCondition) -> dict[str, Any]:
    """The inputs of a cmdProbe. One that fails must be a probe that fails: Litmus would call it an error."""
    line = condition.run if isinstance(condition.run, str) else shlex.join(condition.run)
    if condition.contains:
        line = f"({line}) 2>&1 | grep -qF {shlex.quote(condition.contains)}"
    judged = f"({line}); if [ $? -eq {condition.exit_code} ]; then echo {_HOLDS}; else echo broken; fi"
    return {
        "command": judged,
        "comparator": {"type": "string", "criteria": "equal", "value": _HOLDS},
    }


def prometheus(condition: SignalCondition, endpoint: str, query: str) -> dict[str, Any]:
    """The inputs of a promProbe of the worst series of `query`.

    Its quotes are single ones, since Litmus puts it between a shell's double ones.
    """
    below = condition.below is not None
    bound = condition.below if condition.below is not None else condition.above
    return {
        "endpoint": endpoint,
        "query": f"{'max' if below else 'min'}({query})".replace('"', "'"),
        "comparator": {"type": "float", "criteria": "<" if below else ">", "value": f"{bound:g}"},
    }


def _selected(condition: SignalCondition, namespace: str) -> str:
    """What the recording rules made of the signal, for the workload that is meant."""
    return selector(condition.measured.record, condition.where(namespace))
