"""Jobs: a stuck one is cleared away, one of the user's is run as a remediation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Literal

from chaoskit import kube
from chaoskit.acts import changes
from chaoskit.acts.changes import Change
from chaoskit.documents import Duration
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.remedies.remedy import Hands, Remedy, Rung, Scene, Step, access, on


class ClearJob(Step):
    """Clear a stuck job away.

    One that a cron job made is deleted, so that the next can start; of another its stuck pods are, so that it
    makes new ones.
    """

    action: Literal["clear-job"]


def _plan_clear(step: ClearJob, scene: Scene) -> Rung | str:
    if scene.issue.target.kind != kube.JOB or "job-stuck" not in scene.issue.kinds:
        return "only for a job that is stuck"
    cron = scene.issue.fact("cron")
    why = f"cron job {cron} makes the next one" if cron else "its pods are made anew"
    return Rung(step, (scene.issue.target,), why, scene.issue.pods)


def _clear(_step: ClearJob, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.cluster.get(target)
    if not (body.get("status") or {}).get("active"):
        raise CannotStart(f"{target} is not under way any more")
    owner = kube.owner(body)
    if owner is not None and owner.kind == kube.CRON_JOB:
        exact = kube.ref_of(body, kube.JOB)
        yield Change(target, f"deleted {target} of {owner}", partial(hands.cluster.delete, exact))
        return
    pods = [pod for pod in hands.pods(rung.pods, target.namespace) if not kube.is_ready(pod)]
    if not pods:
        raise CannotStart(f"the stuck pods of {target} are gone or well by now")
    for pod in pods:
        ref = kube.ref_of(pod, kube.POD)
        yield Change(ref, f"deleted {ref}", partial(hands.cluster.delete, ref))


def _may_clear(_step: Step, target: ObjectRef) -> Iterator[Access]:
    yield from on(target, "get delete")
    yield from access("get delete", "", "pods", target.namespace)


CLEAR_JOB = Remedy(ClearJob, _plan_clear, _clear, _may_clear)


# ---------------------------------------------------------------- the user's own


class RunJob(Step):
    """Run a job of your own beside the target; it is told what is wrong by its environment.

    `template` is a Job's ``spec``. Its containers get CHAOSKIT_ISSUE, CHAOSKIT_NAMESPACE, CHAOSKIT_TARGET and
    CHAOSKIT_RECOVERY. The job is removed when the recovery does not come about.
    """

    action: Literal["run-job"]
    timeout: Duration = 120.0
    template: dict[str, Any]


def _plan_run(step: RunJob, scene: Scene) -> Rung | str:
    if not scene.issue.target.namespace:
        return "a job needs a namespace"
    names = ", ".join(each.get("name", "?") for each in _containers(step.template))
    return Rung(step, (scene.issue.target,), f"runs a job of yours ({names or 'no container'})")


def _containers(template: Mapping[str, Any]) -> list[Object]:
    found: list[Object] = ((template.get("template") or {}).get("spec") or {}).get("containers") or []
    return found


def _run(step: RunJob, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    made = changes.made(hands.cluster, _body(step, target, hands), hands.run)
    yield made

    def ends() -> None:
        if not hands.rehearsal and not hands.until(lambda: _ended(hands, made.target)):
            raise CannotStart(f"{made.target} did not end within {hands.deadline.seconds:g} s")

    yield Change(made.target, f"{made.target} ran", ends)


def _body(step: RunJob, target: ObjectRef, hands: Hands) -> Object:
    told = {
        "CHAOSKIT_ISSUE": hands.issue.kind,
        "CHAOSKIT_NAMESPACE": target.namespace,
        "CHAOSKIT_TARGET": str(target),
        "CHAOSKIT_RECOVERY": hands.run,
    }
    env = [{"name": name, "value": value} for name, value in told.items()]
    containers = [{**each, "env": [*(each.get("env") or ()), *env]} for each in _containers(step.template)]
    pod = step.template.get("template") or {}
    spec = {"restartPolicy": "Never", **(pod.get("spec") or {}), "containers": containers}
    meta = {"name": f"chaoskit-remedy-{hands.run}", "namespace": target.namespace}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"backoffLimit": 0, **step.template, "template": {**pod, "spec": spec}},
    }


def _ended(hands: Hands, ref: ObjectRef) -> bool:
    """Whether the job succeeded; `CannotStart` when it failed."""
    body = hands.cluster.get(ref)
    if kube.is_true(body, "Failed"):
        raise CannotStart(f"{ref} failed: {(kube.condition(body, 'Failed') or {}).get('message', '')}")
    return kube.is_true(body, "Complete")


def _may_run(_step: Step, target: ObjectRef) -> Iterator[Access]:
    return access("create get delete", "batch", "jobs", target.namespace)


RUN_JOB = Remedy(RunJob, _plan_run, _run, _may_run)
