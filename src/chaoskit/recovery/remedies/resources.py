"""More or fewer replicas, more memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from chaoskit import kube
from chaoskit.acts import changes, fields, resize
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import REPLICAS
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.remedies import radius
from chaoskit.recovery.remedies.remedy import Hands, Radius, Remedy, Rung, Scene, Step, access, kept, on
from chaoskit.recovery.remedies.templates import TEMPLATE, changed_template


class Scale(Step):
    """Change the number of replicas by `by`, between `min` and `max`."""

    action: Literal["scale"]
    by: int = 1
    min: int = Field(default=1, ge=0)
    max: int = Field(default=10, ge=1)

    def after(self, present: int) -> int:
        """So many replicas instead of the present ones."""
        return max(self.min, min(self.max, present + self.by))


def _plan_scale(step: Scale, scene: Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind == kube.DAEMON_SET:
        return "it cannot be scaled"
    if keeper := kept(workload, *REPLICAS):
        return keeper
    present = kube.desired_replicas(workload.body)
    wanted = step.after(present)
    if wanted == present or (wanted > present) != (step.by > 0):
        return f"{present} replicas is the limit already"
    return Rung(step, (workload.ref,), f"{present} to {wanted} replicas")


def _scale(step: Scale, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.whole(target)
    fields.refuse_when_kept(hands.cluster, body, REPLICAS)
    before = kube.desired_replicas(body)
    after = step.after(before)
    if after == before:
        raise CannotStart(f"{target} has {before} replicas already")
    yield changes.field(hands.cluster, hands.clock, body, target, REPLICAS, after)


def _takes(step: Scale, _rung: Rung, scene: Scene) -> Radius:
    workload = scene.workload
    if workload is None:
        return Radius()
    return radius.down_to(step.after(kube.desired_replicas(workload.body)), workload)


def _may_patch(_step: Step, target: ObjectRef) -> Iterator[Access]:
    return on(target, "get patch")


SCALE = Remedy(Scale, _plan_scale, _scale, _may_patch, _takes)


# ---------------------------------------------------------------- memory


class RaiseMemoryLimit(Step):
    """Multiply the memory limits of the workload's containers, up to `cap`.

    Where the server resizes pods while they run, the running pods alone get more (`inPlace`), and a person
    is to put it into the template; elsewhere a new revision is rolled out.
    """

    action: Literal["raise-memory-limit"]
    factor: float = Field(default=1.5, gt=1, le=4)
    cap: str = Field(default="2Gi", pattern=r"^[0-9.]+(Ki|Mi|Gi|Ti|k|M|G|T)?$")
    in_place: bool = True

    def after(self, container: Object) -> str:
        """The container's new limit; "" when it has none, or one at the cap."""
        before, cap = kube.limit(container, "memory"), kube.quantity(self.cap)
        if before is None or before >= cap:
            return ""
        return f"{int(min(before * self.factor, cap) // 2**20)}Mi"


def _plan_memory(step: RaiseMemoryLimit, scene: Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind != kube.DEPLOYMENT:
        return "only for deployments"
    if keeper := kept(workload, *TEMPLATE):
        return keeper
    containers = workload.body["spec"]["template"]["spec"]["containers"]
    if not any(kube.limit(each, "memory") is not None for each in containers):
        return "it has no memory limit"
    if not any(step.after(each) for each in containers):
        return "its limit is at the cap already"
    return Rung(step, (workload.ref,), f"memory limit times {step.factor:g}, at most {step.cap}")


def _raise_memory(step: RaiseMemoryLimit, _rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    body = hands.whole(target)
    fields.refuse_when_kept(hands.cluster, body, TEMPLATE)
    if step.in_place and (wanted := _resizable(step, body, hands)):
        for pod, resources in wanted:
            yield resize.change(hands.cluster, pod, resources)
        return
    template = copy.deepcopy(body["spec"]["template"])
    words = [_raised(step, container) for container in template["spec"]["containers"]]
    if not any(words):
        raise CannotStart(f"no container of {target} has a memory limit under the cap")
    told = f"raised the memory limit of {target}: " + ", ".join(filter(None, words))
    yield changed_template(body, target, template, told, hands)


def _resizable(
    step: RaiseMemoryLimit, body: Object, hands: Hands
) -> Sequence[tuple[Object, resize.Resources]]:
    """The running pods with what they shall have, where the server would do that to all; else nothing."""
    namespace = body["metadata"]["namespace"]
    pods = hands.cluster.list(kube.POD, namespace, labels=kube.selector_of(body)).items
    alive = [pod for pod in pods if kube.phase(pod) == "Running" and not kube.is_deleting(pod)]
    wanted = [(pod, found) for pod in alive if (found := _more(step, pod))]
    if any(resize.refusal(hands.cluster, pod, resources) for pod, resources in wanted):
        return ()
    return wanted


def _more(step: RaiseMemoryLimit, pod: Object) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for container in pod["spec"]["containers"]:
        if after := step.after(container):
            present = container.get("resources") or {}
            limits = {**(present.get("limits") or {}), "memory": after}
            found[container["name"]] = {**present, "limits": limits}
    return found


def _raised(step: RaiseMemoryLimit, container: Object) -> str:
    before, after = kube.limit(container, "memory"), step.after(container)
    if not after or before is None:
        return ""
    container["resources"]["limits"]["memory"] = after
    return f"{container['name']} {before / 2**20:.0f}Mi to {after}"


def _may_raise(step: RaiseMemoryLimit, target: ObjectRef) -> Iterator[Access]:
    yield from on(target, "get patch")
    yield from access("list", "apps", "replicasets", target.namespace)
    if step.in_place:
        yield from access("list", "", "pods", target.namespace)
        yield from access("patch", "", "pods", target.namespace, "resize")


RAISE_MEMORY = Remedy(RaiseMemoryLimit, _plan_memory, _raise_memory, _may_raise, radius.rollout)
