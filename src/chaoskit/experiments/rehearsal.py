"""What a run would send to the cluster, shown without sending it or tried out on the server (dry run)."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chaoskit import kube
from chaoskit.documents import dump
from chaoskit.errors import ChaoskitError, Conflict
from chaoskit.experiments import engine_watch, litmus
from chaoskit.experiments.planning import Plan
from chaoskit.experiments.spec import Experiment
from chaoskit.experiments.trials import Trial
from chaoskit.ports.cluster import Cluster, Object, ObjectRef
from chaoskit.redaction import compared

RUN = "000000"
"""Stands where the id of a run will be."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One object that a run would send, and what the server says against it ("" is nothing)."""

    body: Object
    complaint: str = ""


def offline(trial: Trial) -> tuple[Object, ...]:
    """What a run through Litmus would send, as far as the documents tell: pods are chosen in the cluster."""
    if trial.engine is not None:
        engine = litmus.unchanged(trial.engine, RUN)
    elif trial.experiment is not None and trial.experiments:
        engine = _rendered(trial.experiment)
    else:
        return ()
    return (*(kube.managed(body, RUN) for body in trial.beside), engine)


def _rendered(experiment: Experiment) -> Object:
    namespace, fault = experiment.metadata.namespace, experiment.spec.fault.kind
    account = experiment.spec.litmus.service_account or f"chaoskit-{fault}"
    named = (name.rpartition("/") for name in experiment.spec.targets.workloads)
    kinds = {str(kind): kind for kind in kube.WORKLOADS}
    workloads = [ObjectRef(kinds.get(kind, kube.DEPLOYMENT), namespace, name) for kind, _, name in named]
    return litmus.rendered(experiment, RUN, account=account, workloads=workloads, pods=())


def objects(plan: Plan) -> Iterator[Object]:
    """What a run of the plan would send; direct faults send nothing but their changes, which the plan has."""
    if plan.way == "direct":
        return
    for body in plan.trial.beside:
        yield kube.managed(body, RUN)
    yield engine_watch.body_of(plan.trial, plan, RUN)


def tried(plan: Plan, cluster: Cluster) -> tuple[Sent, ...]:
    """What the server says to each object, nothing being kept; what is there already is no complaint."""
    return tuple(_tried(body, cluster) for body in objects(plan))


def _tried(body: Object, cluster: Cluster) -> Sent:
    try:
        cluster.create(body, dry_run=True)
    except Conflict:
        return Sent(body)
    except ChaoskitError as error:
        return Sent(body, error.message)
    return Sent(body)


def difference(plan: Plan, cluster: Cluster) -> str:
    """A unified diff from what is in the cluster now to the plan's objects; "" when there is none.

    What is secret in them is hidden, but for what names of things tell; where it changes, that can be seen.
    """
    return "".join(_difference(body, cluster, plan.secrets, plan.names) for body in objects(plan))


def _difference(body: Object, cluster: Cluster, secrets: Collection[str], names: Collection[str]) -> str:
    ref = kube.ref_of(body)
    there = kube.found(cluster, ref)
    now, run = compared({} if there is None else _wanted(there), _wanted(body), secrets, names)
    present = "" if there is None else dump(now)
    name = f"{ref} in {ref.namespace}" if ref.namespace else str(ref)
    lines = difflib.unified_diff(
        present.splitlines(keepends=True), dump(run).splitlines(keepends=True),
        f"{name} (now)" if present else "/dev/null", f"{name} (run)",
    )  # fmt: skip
    return "".join(lines)


_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


def _wanted(body: Object) -> Object:
    """The object without what the server adds by itself."""
    meta = {key: value for key, value in body["metadata"].items() if key not in _SERVERS}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": meta}
