"""Documents that tests write: text, because that is what a person hands to the command line."""

from __future__ import annotations

from typing import Any

import yaml

MAPPING = """apiVersion: chaoskit.io/v1
kind: DataMapping
metadata: {name: one}
files: [m.csv]
step: 60
timestamp: at
identity: {pod: pod}
signals: {cpu_usage: {column: cpu}}
"""
"""One metric of pods, each minute, in one file."""

READY = {"kubernetes": {"workload": "deployment/cart"}, "mode": "edges", "recoversWithin": "90s"}


def experiment(name: str, *, fault: str = "pod-delete", target: str = "cart", **spec: Any) -> str:
    """An Experiment in namespace shop on one deployment, ten seconds long unless `spec` says otherwise."""
    parameters = spec.pop("parameters", {})
    targets = {"workloads": [f"deployment/{target}"], **spec.pop("targets", {})}
    namespace = spec.pop("namespace", "shop")
    whole = {"fault": {"kind": fault, "parameters": parameters}, "targets": targets, "duration": "10s"} | spec
    body = {
        "apiVersion": "chaoskit.io/v1",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": whole,
    }
    return yaml.safe_dump(body, sort_keys=False)


def weak(name: str = "weak") -> str:
    """The cart is cut off, and the frontend is expected not to notice: it does."""
    condition = {
        "prometheus": {"signal": "error_ratio", "below": 0.05, "workload": "deployment/frontend"},
        "mode": "continuous",
        "abort": True,
        "recoversWithin": "5m",
    }
    return experiment(
        name,
        fault="pod-network-loss",
        parameters={"percent": 100},
        targets={"percent": 100},
        duration="120s",
        blastRadius={"maxPods": 5},
        steadyState=[condition],
    )


def without_baseline(name: str = "without-baseline") -> str:
    """The steady state is one that no shop has."""
    condition = {
        "prometheus": {"signal": "latency_p95", "below": 1e-9, "workload": "deployment/cart"},
        "mode": "edges",
    }
    return experiment(name, steadyState=[condition])


def too_wide(name: str = "too-wide") -> str:
    """More pods would be hit than the experiment itself allows."""
    return experiment(name, blastRadius={"maxPercent": 1})


def without_target(name: str = "without-target") -> str:
    """Nothing of that name runs in the shop."""
    return experiment(name, target="nobody")
