"""More or fewer replicas, more memory."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from chaoskit import kube, ownership
from chaoskit.acts import changes, fields, resize
from chaoskit.acts.changes import Change
from chaoskit.acts.fields import REPLICAS
from chaoskit.errors import CannotStart
from chaoskit.ports.cluster import Access, Object, ObjectRef
from chaoskit.recovery.remedies import radius
from chaoskit.recovery.remedies.remedy import Hands, Radius, Remedy, Rung, Scene, Step, access, kept, on
from chaoskit.recovery.remedies.templates import TEMPLATE, changed_template


class Scale(Step):
    """Change the number of replicas by `by`, between `min` and `max`.

    With `onlyOurs`, what somebody else than chaos scaled to 0 stays there, where the server knows who it was.
    """

    action: Literal["scale"]
    by: int = 1
    min: int = Field(default=1, ge=0)
    max: int = Field(default=10, ge=1)
    only_ours: bool = False

    def after(self, present: int) -> int:
        """So many replicas instead of the present ones."""
        return max(self.min, min(self.max, present + self.by))


def _plan_scale(step: Scale, scene: Scene) -> Rung | str:
    workload = scene.workload
    if workload is None or workload.ref.kind == kube.DAEMON_SET:
        return "it cannot be scaled"
    if keeper := kept(workload, *REPLICAS):
        return keeper
    if step.only_ours and (by := emptied_by(workload.body)):
        return f"{by} scaled it to 0: what people did stays"
    present = kube.desired_replicas(workload.body)
    wanted = step.after(present)
    if wanted == present or (wanted > present) != (step.by > 0):
        return f"{present} replicas is the limit already"
    expects = {"from": str(present), "to": str(wanted)}
    return Rung(step, (workload.ref,), f"{present} to {wanted} replicas", expects=expects)


def emptied_by(workload: Object) -> str:
    """Who scaled the workload to 0, as the server recorded it; "" for chaos, nobody, or if it is not at 0."""
    by = "" if kube.desired_replicas(workload) else ownership.setter(workload, REPLICAS)
    return "" if ownership.by_chaos(by) else by


def _scale(step: Scale, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    """What was planned is what is set: asked for again, it is not one more."""
    body = hands.whole(target)
    fields.refuse_when_kept(hands.cluster, body, REPLICAS)
    if step.only_ours and (by := emptied_by(body)):
        raise CannotStart(f"{by} scaled {target} to 0 meanwhile")
    present, wanted = kube.desired_replicas(body), int(rung.expects["to"])
    if present == wanted:
        raise CannotStart(f"{target} has {present} replicas already")
    if present != int(rung.expects["from"]):
        raise CannotStart(
            f"{target} has {present} replicas by now, not the {rung.expects['from']} of the plan"
        )
    yield changes.field(hands.cluster, hands.clock, body, target, REPLICAS, wanted)


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

    Where the server gives pods more while they run, and takes it back as well (since Kubernetes 1.34), the
    running pods alone get more (`inPlace`), and a person is to put it into the template; elsewhere a new
    revision is rolled out.
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
    limited = [each for each in _containers(workload.body) if kube.limit(each, "memory") is not None]
    if not limited:
        return "it has no memory limit"
    running = [each for pod in workload.pods if _runs(pod) for each in pod["spec"]["containers"]]
    expects = {
        each["name"]: f"{each['resources']['limits']['memory']} to {after}"
        for each in limited
        if (after := step.after(_roomiest(each, running)))
    }
    if not expects:
        return "its limit is at the cap already"
    why = "memory limit " + ", ".join(f"{name} {words}" for name, words in expects.items())
    return Rung(step, (workload.ref,), why, expects=expects)


def _containers(workload: Object) -> Sequence[Object]:
    found: Sequence[Object] = workload["spec"]["template"]["spec"]["containers"]
    return found


def _runs(pod: Object) -> bool:
    return kube.phase(pod) == "Running" and not kube.is_deleting(pod)


def _roomiest(container: Object, running: Sequence[Object]) -> Object:
    """The container with the highest limit: a running one may have got more than the template says."""
    same = [each for each in running if each["name"] == container["name"]]
    return max((container, *same), key=lambda each: kube.limit(each, "memory") or 0)


def _raise_memory(step: RaiseMemoryLimit, rung: Rung, target: ObjectRef, hands: Hands) -> Iterator[Change]:
    """What was planned is what is set: asked for again, it is not once more."""
    body = hands.whole(target)
    fields.refuse_when_kept(hands.cluster, body, TEMPLATE)
    if step.in_place and (short := _short(rung, body, target, hands)):
        for pod, resources in short:
            yield resize.change(hands.cluster, pod, resources)
        return
    template = copy.deepcopy(body["spec"]["template"])
    limited = [each for each in template["spec"]["containers"] if each["name"] in rung.expects]
    words = [_raised(container, rung, target) for container in limited]
    if not any(words):
        raise CannotStart(f"{target} has the planned memory limit already")
    told = f"raised the memory limit of {target}: " + ", ".join(filter(None, words))
    yield changed_template(body, target, template, told, hands)


def _planned(rung: Rung, container: Object) -> tuple[str, str]:
    """The container's limit as it was when planned, and as it is to be; "" twice when it is to stay."""
    before, _, after = rung.expects.get(container["name"], "").partition(" to ")
    return before, after


def _short(
    rung: Rung, body: Object, target: ObjectRef, hands: Hands
) -> Sequence[tuple[Object, resize.Resources]]:
    """The running pods with what they shall have, where the server would do that, and the undo; else nothing.

    Raises:
        CannotStart: all have it already.
    """
    namespace = body["metadata"]["namespace"]
    pods = hands.cluster.list(kube.POD, namespace, labels=kube.selector_of(body)).items
    running = [pod for pod in pods if _runs(pod)]
    wanted = [(pod, found) for pod in running if (found := _more(rung, pod))]
    if running and not wanted:
        raise CannotStart(f"the running pods of {target} have the planned memory limit already")
    asked = ((pod, each) for pod, more in wanted for each in (more, _hardly_less(pod, more)))
    return () if any(resize.refusal(hands.cluster, pod, each) for pod, each in asked) else wanted


def _more(rung: Rung, pod: Object) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for container in pod["spec"]["containers"]:
        before, (_, after) = kube.limit(container, "memory"), _planned(rung, container)
        if after and before is not None and before < kube.quantity(after):
            present = container.get("resources") or {}
            limits = {**(present.get("limits") or {}), "memory": after}
            found[container["name"]] = {**present, "limits": limits}
    return found


def _hardly_less(pod: Object, names: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """A byte less of memory for these containers: whoever refuses that takes back nothing either."""
    limited = (each for each in pod["spec"]["containers"] if each["name"] in names)
    return {each["name"]: _a_byte_less(each["resources"]) for each in limited}


def _a_byte_less(resources: Mapping[str, Any]) -> Mapping[str, Any]:
    less, requests = (
        f"{kube.quantity(resources['limits']['memory']) - 1:.0f}",
        resources.get("requests") or {},
    )
    capped = {"memory": min(requests["memory"], less, key=kube.quantity)} if "memory" in requests else {}
    return {"limits": {"memory": less}, "requests": capped}


def _raised(container: Object, rung: Rung, target: ObjectRef) -> str:
    present, (before, after) = kube.limit(container, "memory"), _planned(rung, container)
    if present == kube.quantity(after):
        return ""
    if present != kube.quantity(before):
        raise CannotStart(f"the memory limit of {container['name']} of {target} is not the planned {before}")
    container["resources"]["limits"]["memory"] = after
    return f"{container['name']} {before} to {after}"


def _may_raise(step: RaiseMemoryLimit, target: ObjectRef) -> Iterator[Access]:
    yield from on(target, "get patch")
    yield from access("list", "apps", "replicasets", target.namespace)
    if step.in_place:
        yield from access("list", "", "pods", target.namespace)
        yield from access("patch", "", "pods", target.namespace, "resize")


RAISE_MEMORY = Remedy(RaiseMemoryLimit, _plan_memory, _raise_memory, _may_raise, radius.rollout)
