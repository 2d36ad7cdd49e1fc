"""From an Experiment to manifests for kubectl: what Litmus needs to run it without chaoskit beside it.

The steady state becomes probes as far as Litmus can look at it; what it cannot is told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaoskit import kube
from chaoskit.documents import duration
from chaoskit.errors import InvalidInput
from chaoskit.experiments import litmus, probes, targets
from chaoskit.experiments.faults import CATALOGUE, Rule
from chaoskit.experiments.selection import percentage
from chaoskit.experiments.spec import Experiment
from chaoskit.ports.cluster import Kind, Object
from chaoskit.signals import selector
from chaoskit.steadystate.conditions import (
    AlertCondition,
    Condition,
    SignalCondition,
    WorkloadCondition,
)
from chaoskit.topology import Topology

_KINDS = {kind.name.lower(): kind for kind in kube.WORKLOADS}
_PAUSE = 3.0


@dataclass(frozen=True, slots=True)
class Exported:
    """The manifests in the order in which they are applied, and in words what Litmus will not look at."""

    manifests: tuple[Object, ...]
    unseen: tuple[str, ...]


def export(
    experiment: Experiment, topology: Topology, *, prometheus: str = "", image: str = litmus.IMAGE
) -> Exported:
    """The experiment as ChaosExperiment, account, rights and ChaosEngine.

    `prometheus` is its address as pods of the cluster reach it, "" when signals cannot be probed.

    Raises:
        InvalidInput: its targets are not there, or Litmus cannot be told of them.
    """
    if experiment.spec.fault.kind not in CATALOGUE:
        raise InvalidInput(
            f"{experiment.metadata.name}: Litmus has no {experiment.spec.fault.kind}",
            hint="chaoskit run injects it directly",
        )
    selection = targets.of_experiment(experiment, topology)
    if selection.missing:
        raise InvalidInput(f"{experiment.metadata.name}: {selection.missing}")
    fault, namespace = CATALOGUE[experiment.spec.fault.kind], experiment.metadata.namespace
    reached = prometheus or experiment.spec.litmus.prometheus
    asked: list[dict[str, Any]] = []
    unseen: list[str] = []
    for place, condition in enumerate(experiment.spec.steady_state):
        found = next(_inputs(condition, namespace, topology, reached), None)
        asked += _probes(condition, place, *found) if found is not None else ()
        unseen += [condition.title] if found is None else []
    env = litmus.chosen(experiment)
    if fault.scope == "pod":
        env |= {"PODS_AFFECTED_PERC": percentage(selection.hit, len(selection.pods))}
    if fault.helper != "none":
        env.setdefault("LIB_IMAGE", fault.helper_image or image)
    engine = litmus.engine(
        experiment,
        engine_name(experiment.metadata.name),
        account=litmus.account_name(fault),
        env=env,
        where=litmus.selected(experiment, selection.workloads, selection.label),
        asked=asked,
    )
    needed = litmus.manifests(fault.kind, namespace, image=image, using=experiment.spec.fault.parameters)
    return Exported((*(_readable(each, asked) for each in needed), engine), tuple(unseen))


def engine_name(name: str) -> str:
    """The name of the engine: the experiment's own, or cut to 40 characters and told apart by a hash."""
    if len(name) <= 40:
        return name
    return f"{name[:33].rstrip('-.')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _readable(body: Object, asked: list[dict[str, Any]]) -> Object:
    """A role with the right to read the workloads that its probes look at; anything else as it is."""
    if body["kind"] != "Role":
        return body
    commands = " ".join(each["cmdProbe/inputs"]["command"] for each in asked if "cmdProbe/inputs" in each)
    kinds = [kind for word, kind in _KINDS.items() if f"get {word} " in commands]
    wanted = [Rule("apps", (kind.plural,), ("get",)) for kind in kinds]
    given = [set(rule["resources"]) for rule in body["rules"] if "apps" in rule["apiGroups"]]
    missing = [rule for rule in wanted if not any(rule.resources[0] in each for each in given)]
    return {**body, "rules": [*body["rules"], *litmus.rules(missing)]}


def _probes(condition: Condition, place: int, kind: str, inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The condition as probes: a gate before the fault, patience after it; or a look every interval."""
    slug = re.sub(r"[^a-z0-9]+", "-", condition.title.lower()).strip("-")[:40].strip("-")
    runs = {"Continuous": _during(condition)} if condition.during else _around(condition)
    for mode, properties in runs.items():
        yield {
            "name": f"{slug}-{place}-{mode.lower()}",
            "type": kind,
            "mode": mode,
            f"{kind}/inputs": inputs,
            "runProperties": properties,
        }


def _around(condition: Condition) -> dict[str, dict[str, Any]]:
    looks = {"probeTimeout": "10s", "interval": duration(_PAUSE)}
    patience = max(2, round(condition.recovers_within / _PAUSE))
    gate = {"SOT": {**looks, "attempt": 2, "stopOnFailure": True}} if condition.before else {}
    return gate | ({"EOT": {**looks, "attempt": patience}} if condition.after else {})


def _during(condition: Condition) -> dict[str, Any]:
    return {
        "probeTimeout": "10s",
        "interval": "1s",
        "attempt": 2,
        "probePollingInterval": duration(condition.interval),
        "stopOnFailure": condition.abort,
    }


def _inputs(
    condition: Condition, namespace: str, topology: Topology, prometheus: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(type of the probe, its inputs) of what Litmus can look at."""
    if condition.http is not None and not condition.http.contains:
        yield "httpProbe", probes.http(condition.http)
    if condition.command is not None and not condition.command.workload:
        yield "cmdProbe", probes.command(condition.command)
    if condition.kubernetes is not None:
        found = _workload(condition.kubernetes, namespace, topology)
        if found is not None:
            yield "cmdProbe", found
    if prometheus and condition.alert is not None:
        yield "promProbe", _alert(condition.alert, prometheus)
    if prometheus and condition.prometheus is not None:
        query = _query(condition.prometheus, namespace)
        if not set("$`\\") & set(query):
            yield "promProbe", probes.prometheus(condition.prometheus, prometheus, query)


def _workload(condition: WorkloadCondition, namespace: str, topology: Topology) -> dict[str, Any] | None:
    """What kubectl, which go-runner has, says of the workload."""
    here = (w for w in topology.workloads.values() if w.ref.namespace == namespace)
    workload = next((w for w in here if condition.workload in {str(w.ref), w.ref.name}), None)
    if workload is None:
        return None
    kind: Kind = workload.ref.kind
    if condition.condition:
        path = f'{{.status.conditions[?(@.type=="{condition.condition}")].status}}'
        comparator = {"type": "string", "criteria": "equal", "value": "True"}
    else:
        path = "{.status.numberReady}" if kind == kube.DAEMON_SET else "{.status.readyReplicas}"
        ready = kube.desired_replicas(workload.body) if condition.ready is None else condition.ready
        comparator = {"type": "int", "criteria": ">=", "value": str(ready)}
    command = f"kubectl get {kind} {workload.ref.name} -n {namespace} -o jsonpath='{path}'"
    return {"command": command, "comparator": comparator}


def _alert(condition: AlertCondition, endpoint: str) -> dict[str, Any]:
    labels = {"alertname": condition.name, "alertstate": "firing", **condition.labels}
    return {
        "endpoint": endpoint,
        "query": f"count({selector('ALERTS', labels)}) or vector(0)".replace('"', "'"),
        "comparator": {"type": "float", "criteria": "<", "value": "1"},
    }


def _query(condition: SignalCondition, namespace: str) -> str:
    """PromQL of the signal: recorded where chaoskit's rules are installed, otherwise what is behind it."""
    signal = condition.measured
    if condition.query or signal.scope != "pod":
        return signal.promql
    kind, _, name = condition.workload.rpartition("/")
    owned = {"namespace": namespace, **({"workload": name} if name else {}), **condition.labels}
    pods = f'namespace="{namespace}"' + (f',pod=~"{_pods(kind, name)}"' if name else "")
    behind = f"({signal.promql}) and on(namespace,pod) kube_pod_info{{{pods}}}"
    return f"{selector(signal.record, owned)} or {behind}"


def _pods(kind: str, name: str) -> str:
    """A regular expression for the names of the workload's pods, and of no other whose name begins so."""
    plain = name.replace(".", "[.]")
    if len(name) > _UNCUT:
        return f"{name[:_UNCUT].replace('.', '[.]')}.*"
    return f"{plain}-{_SHAPES[kind]}" if kind in _SHAPES else f"{plain}-({'|'.join(_SHAPES.values())})"


_UNCUT = 46
"""Letters of a workload's name up to which the names of its pods are not cut."""
_RANDOM = "[b-df-hj-np-tv-xz2456789]"
"""A letter or digit of those that Kubernetes makes names of: without vowels, 0, 1 and 3."""
_SHAPES = {
    "deployment": f"{_RANDOM}+-{_RANDOM}{{5}}",
    "statefulset": "[0-9]+",
    "daemonset": f"{_RANDOM}{{5}}",
}
"""What follows the name of a workload of that kind in the names of its pods."""
