"""Reads what a condition looks at, from the cluster, Prometheus or HTTP, and has it judged."""

from __future__ import annotations

from dataclasses import dataclass

from chaoskit import kube
from chaoskit.clock import Clock
from chaoskit.errors import ChaoskitError, NotFound, Unavailable
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.ports.http import Http
from chaoskit.ports.metrics import MetricsSource
from chaoskit.signals import BY_NAME
from chaoskit.steadystate import comparing
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import (
    AlertCondition,
    Condition,
    HttpCondition,
    SignalCondition,
    WorkloadCondition,
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What conditions are read from; without Prometheus, conditions on signals cannot be evaluated."""

    cluster: Cluster
    clock: Clock
    metrics: MetricsSource | None = None
    http: Http | None = None


def measure(condition: Condition, namespace: str, sources: Sources) -> Judgement:
    """Whether the condition holds now; `held` is None, with the reason, when that cannot be known."""
    try:
        if condition.prometheus is not None:
            return _signal(condition.prometheus, namespace, sources)
        if condition.kubernetes is not None:
            return _workload(condition.kubernetes, namespace, sources)
        if condition.http is not None:
            return _http(condition.http, sources)
        return _alert(condition.alert, sources)
    except ChaoskitError as error:
        return Judgement(None, str(error), "an answer")


def _signal(condition: SignalCondition, namespace: str, sources: Sources) -> Judgement:
    where = {"namespace": namespace, **condition.labels}
    if condition.workload:
        kind, _, name = condition.workload.rpartition("/")
        where |= {"workload": name} | ({"workload_kind": kind} if kind else {})
    samples = _metrics(sources).instant(BY_NAME[condition.signal], where)
    return comparing.signal(condition, samples)


def _alert(condition: AlertCondition | None, sources: Sources) -> Judgement:
    wanted = condition or AlertCondition(name="")
    return comparing.alerts(wanted, _metrics(sources).alerts())


def _metrics(sources: Sources) -> MetricsSource:
    if sources.metrics is None:
        raise Unavailable("no Prometheus is configured", service="Prometheus", hint="--prometheus URL")
    return sources.metrics


def _workload(condition: WorkloadCondition, namespace: str, sources: Sources) -> Judgement:
    return comparing.workload(condition, workload(sources.cluster, namespace, condition.workload))


def workload(cluster: Cluster, namespace: str, name: str) -> Object | None:
    """The workload called ``deployment/cart`` or just ``cart``; None when there is none."""
    wanted, _, short = name.rpartition("/")
    for kind in kube.WORKLOADS:
        if wanted in {"", str(kind)}:
            try:
                return {"kind": kind.name, **cluster.get(ObjectRef(kind, namespace, short))}
            except NotFound:
                continue
    return None


def _http(condition: HttpCondition, sources: Sources) -> Judgement:
    """No answer at all is a failed condition: that nobody answers is what it asks about."""
    if sources.http is None:
        return Judgement(None, "no HTTP client", f"status {condition.status}")
    try:
        response = sources.http.get(condition.url, timeout=condition.timeout)
    except Unavailable as error:
        return Judgement(False, f"no answer: {error}", f"status {condition.status}")
    return comparing.answer(condition, response)
