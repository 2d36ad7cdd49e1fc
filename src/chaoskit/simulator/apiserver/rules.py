"""The rules of single kinds: what their objects must be, and how they may change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from chaoskit.simulator import selectors
from chaoskit.simulator.apiserver import labelling, podspecs
from chaoskit.simulator.apiserver.apierrors import Cause, forbidden_field, required, unsupported, wrong
from chaoskit.simulator.apiserver.defaults import qos_class
from chaoskit.simulator.apiserver.strategies import printed
from chaoskit.simulator.objects import Object, clone, dig, without

_IMMUTABLE_POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
    "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
    "previously negative)"
)


def pod(pod: Object) -> Iterator[Cause]:
    """A pod is one that a kubelet can run."""
    yield from podspecs.check(pod["spec"], "spec")


def pod_update(old: Object, new: Object) -> Iterator[Cause]:
    """A pod that is there keeps all but images, a deadline and tolerations."""
    if _frozen(old) != _frozen(new):
        yield forbidden_field("spec", _IMMUTABLE_POD)
        return
    kept = [item for item in old.get("tolerations") or [] if item in (new.get("tolerations") or [])]
    if len(kept) < len(old.get("tolerations") or []):
        yield forbidden_field(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def _frozen(spec: Object) -> Object:
    """The parts of a pod's spec that nobody may change."""
    frozen: Object = clone(
        without(spec, "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
    )
    for container in [*(frozen.get("containers") or ()), *(frozen.get("initContainers") or ())]:
        container.pop("image", None)
    return frozen


def pod_resize(old: Object, new: Object) -> Iterator[Cause]:
    """No recording shows these refusals: they are as the server's documentation tells them."""
    if _unsized(old) != _unsized(new):
        yield forbidden_field("spec", "only cpu and memory resources are mutable")
        return
    for index, (before, after) in enumerate(zip(old["containers"], new["containers"], strict=True)):
        for what in ("limits", "requests"):
            gone = set(dig(before, "resources", what) or ()) - set(dig(after, "resources", what) or ())
            if gone:
                yield forbidden_field(
                    f"spec.containers[{index}].resources.{what}", f"resource {what} cannot be removed"
                )
    if qos_class(old) != qos_class(new):
        yield wrong("spec", f'"{qos_class(new)}"', "Pod QOS Class may not change as a result of resizing")


def _unsized(spec: Object) -> Object:
    """The pod's spec without what its containers need."""
    sized: Object = clone(spec)
    for container in sized["containers"]:
        container["resources"] = without(container.get("resources") or {}, "limits", "requests")
    return sized


def workload(obj: Object) -> Iterator[Cause]:
    """Replicas, selector and template belong together."""
    spec = obj["spec"]
    yield from _not_negative(spec, "replicas", "spec.replicas")
    selector, labels = spec.get("selector"), dig(spec, "template", "metadata", "labels") or {}
    bad = list(labelling.selector("spec.selector", selector))
    yield from bad
    if selector is None:
        yield required("spec.selector")
    elif not any(selector.values()):
        yield wrong("spec.selector", printed(selector), "empty selector is invalid for deployment")
    if bad:
        yield wrong("spec.selector", printed(selector), "invalid label selector")
    elif not selectors.of(selector)(labels):
        detail = "`selector` does not match template `labels`"
        yield wrong("spec.template.metadata.labels", printed(labels), detail)
    yield from labelling.labels("spec.template.labels", labels)
    yield from podspecs.check(spec["template"]["spec"], "spec.template.spec")
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy in {"OnFailure", "Never"}:
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))


def replacing(rules: Callable[[Object], Iterator[Cause]]) -> Callable[[Object], Iterator[Cause]]:
    """The rules of a workload, and those of how it replaces its pods."""

    def check(obj: Object) -> Iterator[Cause]:
        yield from workload(obj)
        yield from rules(obj["spec"])

    return check


def job(job: Object) -> Iterator[Cause]:
    """Its pods end, and its counts are numbers of them."""
    spec = job["spec"]
    for field in ("backoffLimit", "completions", "parallelism", "ttlSecondsAfterFinished"):
        yield from _not_negative(spec, field, f"spec.{field}")
    mode = spec.get("completionMode")
    if mode not in {"Indexed", "NonIndexed"}:
        yield unsupported("spec.completionMode", str(mode), ("Indexed", "NonIndexed"))
    elif mode == "Indexed" and spec.get("completions") is None:
        yield required("spec.completions", "when completion mode is Indexed")
    template = spec["template"]["spec"]
    if template.get("restartPolicy") == "Always":
        field = "spec.template.spec.restartPolicy"
        yield Cause(field, "FieldValueRequired", 'Required value: valid values: "OnFailure", "Never"')
    yield from podspecs.check(template, "spec.template.spec")


def _not_negative(spec: Object, key: str, path: str) -> Iterator[Cause]:
    value = spec.get(key)
    if isinstance(value, int) and value < 0:
        yield wrong(path, str(value), "must be greater than or equal to 0")


def budget(budget: Object) -> Iterator[Cause]:
    """It has one limit, on pods that it selects."""
    spec = budget["spec"]
    yield from labelling.selector("spec.selector", spec.get("selector"))
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        shown = printed(spec)
        yield wrong("spec", shown, "minAvailable and maxUnavailable cannot be both set")


def autoscaler(autoscaler: Object) -> Iterator[Cause]:
    """It scales something, between limits."""
    spec = autoscaler["spec"]
    for field in ("kind", "name"):
        if not dig(spec, "scaleTargetRef", field):
            yield required(f"spec.scaleTargetRef.{field}")
    most = spec.get("maxReplicas") or 0
    if most < 1:
        yield wrong("spec.maxReplicas", str(most), "must be greater than 0")
    elif most < spec["minReplicas"]:
        yield wrong("spec.maxReplicas", str(most), "must be greater than or equal to `minReplicas`")


def service(service: Object) -> Iterator[Cause]:
    """It has ports, with names where there are several."""
    spec = service["spec"]
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec["type"] != "ExternalName":
        yield required("spec.ports")
    for index, port in enumerate(spec.get("ports") or ()):
        if not isinstance(port.get("port"), int) or not 0 < port["port"] < 65536:
            shown, field = printed(port.get("port", 0)), f"spec.ports[{index}].port"
            yield wrong(field, shown, "must be between 1 and 65535, inclusive")
        if len(spec["ports"]) > 1 and not port.get("name"):
            yield required(f"spec.ports[{index}].name")


def config_map(config_map: Object) -> Iterator[Cause]:
    """Its keys can be the names of files."""
    for key in [*(config_map.get("data") or {}), *(config_map.get("binaryData") or {})]:
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            detail = (
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
                "regex used for validation is '[-._a-zA-Z0-9]+')"
            )
            yield wrong(f"data[{key}]", f'"{key}"', detail)


def event(event: Object) -> Iterator[Cause]:
    """It lives where the object does that it is about."""
    involved, own = dig(event, "involvedObject", "namespace"), event["metadata"].get("namespace")
    if (involved or "default") != own:
        yield wrong("involvedObject.namespace", f'"{involved or ""}"', "does not match event.namespace")


def definition(definition: Object) -> Iterator[Cause]:
    """Its name is that of its plural, and its versions have schemas."""
    spec, name = definition["spec"], definition["metadata"]["name"]
    expected = f"{dig(spec, 'names', 'plural')}.{spec.get('group')}"
    if name != expected:
        detail = 'must be spec.names.plural+"."+spec.group'
        yield wrong("metadata.name", f'"{name}"', detail)
    for index, version in enumerate(spec.get("versions") or ()):
        if not dig(version, "schema", "openAPIV3Schema"):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")
    if not spec.get("versions"):
        yield required("spec.versions")


def job_update(old: Object, new: Object) -> Iterator[Cause]:
    """An Indexed job may grow and shrink, with as many pods at once as it has indexes; others may not."""
    wanted = new.get("completions")
    if wanted == old.get("completions"):
        return
    if new.get("completionMode") != "Indexed":
        yield wrong("spec.completions", printed(wanted), "field is immutable")
    elif wanted != new.get("parallelism"):
        detail = "can only be modified in tandem with spec.parallelism"
        yield wrong("spec.completions", printed(wanted), detail)
