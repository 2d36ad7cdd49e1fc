"""Reads what a condition looks at, from the cluster, Prometheus or HTTP, and has it judged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

from chaoskit import kube, sharing
from chaoskit.clock import Clock
from chaoskit.crashes import Runs
from chaoskit.errors import ChaoskitError, Forbidden, NotFound, TimedOut, Unavailable
from chaoskit.ports.cluster import Cluster, ExecResult, Object, ObjectRef
from chaoskit.ports.commands import Commands
from chaoskit.ports.http import Http
from chaoskit.ports.metrics import MetricsSource
from chaoskit.steadystate import comparing
from chaoskit.steadystate.comparing import Judgement
from chaoskit.steadystate.conditions import (
    AlertCondition,
    CommandCondition,
    Condition,
    HttpCondition,
    SignalCondition,
    WorkloadCondition,
    WorkloadElsewhere,
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What conditions are read from; those for which the source is missing cannot be evaluated.

    `runs` remembers what was seen of the containers, from one look to the next.
    """

    cluster: Cluster
    clock: Clock
    metrics: MetricsSource | None = None
    http: Http | None = None
    commands: Commands | None = None
    runs: Runs = field(default_factory=Runs)


def measure(condition: Condition, namespace: str, sources: Sources, *, settles: bool = False) -> Judgement:
    """Whether the condition holds now; `held` is None, with the reason, when that cannot be known.

    With `settles` a workload that is ready is so for good, as far as its pods tell: not between two crashes.
    Of one that is not, it is seen since when its containers run.
    """
    try:
        if condition.prometheus is not None:
            return _signal(condition.prometheus, namespace, sources)
        if condition.kubernetes is not None:
            return _workload(condition.kubernetes, namespace, sources, settles=settles)
        if condition.http is not None:
            return _http(condition.http, sources)
        if condition.command is not None:
            return _command(condition.command, namespace, sources)
        return _alert(condition.alert, sources)
    except ChaoskitError as error:
        return Judgement(None, str(error), "an answer")


def _signal(condition: SignalCondition, namespace: str, sources: Sources) -> Judgement:
    samples = _metrics(sources).instant(condition.measured, condition.where(namespace))
    return comparing.signal(condition, samples)


def _alert(condition: AlertCondition | None, sources: Sources) -> Judgement:
    wanted = condition or AlertCondition(name="")
    return comparing.alerts(wanted, _metrics(sources).alerts())


def _metrics(sources: Sources) -> MetricsSource:
    if sources.metrics is None:
        raise Unavailable("no Prometheus is configured", service="Prometheus", hint="--prometheus URL")
    return sources.metrics


def _workload(condition: WorkloadCondition, namespace: str, sources: Sources, *, settles: bool) -> Judgement:
    if isinstance(condition, WorkloadElsewhere):
        namespace = condition.namespace
        body = workload(sources.cluster, namespace, condition.workload)
        judged = comparing.elsewhere(condition, body)
    else:
        body = workload(sources.cluster, namespace, condition.workload)
        judged = comparing.workload(condition, body)
    wanted = judged.measured is not None and judged.measured.least
    if not (settles and wanted and body is not None):
        return judged
    if judged.held:
        return _steadily(judged, body, namespace, sources)
    _look_on(body, namespace, sources)
    return judged


def _look_on(body: Object, namespace: str, sources: Sources) -> None:
    """What runs of its pods is watched from now on, though they are not ready; none that may not be read."""
    alone = sharing.fresh(sources.cluster) is sources.cluster
    with suppress(ChaoskitError):
        pods = (
            sources.cluster.list(kube.POD, namespace, labels=kube.selector_of(body)).items
            if alone
            else _together(body, namespace, sources)
        )
        sources.runs.watched(pods, sources.clock.monotonic())


def _steadily(judged: Judgement, body: Object, namespace: str, sources: Sources) -> Judgement:
    """As its pods say; as before where they may not be read. A run by itself asks for no others."""
    latest = sharing.fresh(sources.cluster)
    try:
        if latest is not sources.cluster and _settled(judged, body, namespace, sources):
            return judged
        pods = latest.list(kube.POD, namespace, labels=kube.selector_of(body)).items
    except Forbidden:
        lacks = f"pods in {namespace} may not be read: one that is ready between two crashes counts as ready"
        return replace(judged, lacks=lacks)
    watched = sources.runs.watched(pods, sources.clock.monotonic())
    return comparing.steadily(judged, pods, sources.clock.now(), watched)


def _settled(judged: Judgement, body: Object, namespace: str, sources: Sources) -> bool:
    """Whether enough of its pods are seen to last in what all runs here read together, a moment ago.

    What ran for long then has not crashed soon after it began since.
    """
    return comparing.lasting(judged, _together(body, namespace, sources), sources.clock.now())


def _together(body: Object, namespace: str, sources: Sources) -> tuple[Object, ...]:
    """Its pods as all runs here read them together, a moment ago."""
    every = sharing.made(
        sources.cluster, ("pods", namespace), lambda beneath: beneath.list(kube.POD, namespace).items
    )
    selector = (body.get("spec") or {}).get("selector")
    return tuple(each for each in every if kube.selects(selector, kube.labels_of(each)))


def workload(cluster: Cluster, namespace: str, name: str) -> Object | None:
    """The workload called ``deployment/cart`` or just ``cart``; None when there is none."""
    wanted, _, short = name.rpartition("/")
    for kind in kube.WORKLOADS:
        if wanted in {"", str(kind)}:
            body = kube.found(cluster, ObjectRef(kind, namespace, short))
            if body is not None:
                return {"kind": kind.name, **body}
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


def _command(condition: CommandCondition, namespace: str, sources: Sources) -> Judgement:
    """Here, or in the first ready pod of the workload; a command that takes too long did not end so."""
    try:
        return comparing.command(condition, _ended(condition, namespace, sources))
    except TimedOut as error:
        return Judgement(False, error.message, f"exit {condition.exit_code} within {condition.timeout:g} s")


def _ended(condition: CommandCondition, namespace: str, sources: Sources) -> ExecResult:
    if not condition.workload:
        if sources.commands is None:
            raise Unavailable("commands are not run here", service="commands")
        return sources.commands.run(condition.argv, timeout=condition.timeout)
    body = workload(sources.cluster, namespace, condition.workload)
    if body is None:
        raise NotFound(f"there is no {condition.workload}")
    pods = sources.cluster.list(kube.POD, namespace, labels=kube.selector_of(body)).items
    ready = next((pod for pod in pods if kube.is_ready(pod)), None)
    if ready is None:
        raise NotFound(f"no pod of {condition.workload} is ready to run it in")
    ref = kube.ref_of(ready, kube.POD)
    return sources.cluster.exec(ref, condition.argv, container=condition.container, timeout=condition.timeout)
